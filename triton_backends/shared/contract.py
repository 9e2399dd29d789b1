"""The tensors of a request, decoded and checked.

A decoder takes the request's tensors by name as numpy arrays, copies what it keeps (Triton
overwrites input memory once `execute` has returned) and raises InvalidArgument naming the value.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triton_backends.shared.errors import InvalidArgument

MAX_TEXT_CHARS = 1000
MIN_SPEED, MAX_SPEED = 0.25, 4.0
REFERENCE_RATE = 24_000
MAX_REFERENCE_SECONDS = 30
ASR_RATE = 16_000
ASR_FRAME = 320
MAX_ASR_SECONDS = 30
MAX_NAME_CHARS = 200
MAX_TURN_SECONDS = 30
MAX_PROMPT_CHARS = 1000

Tensors = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class TtsRequest:
    """One clause to speak; `reference_audio` is int16 mono at 24 kHz.

    `heard_audio`, int16 mono at 24 kHz, is what the person said last, `heard_text` its words.

    `session` is the conversation that it belongs to, as the request's parameter `vdx_session` says.
    """

    text: str
    speaker: str = ""
    language: str = ""
    speed: float = 1.0
    reference_audio: NDArray[np.int16] | None = None
    reference_text: str = ""
    heard_audio: NDArray[np.int16] | None = None
    heard_text: str = ""
    session: str = ""

    @property
    def loudness_key(self) -> str:
        """What one gain is kept for: a speaker by name, or the one of a recording by its digest."""
        if self.reference_audio is None:
            return self.speaker
        return hashlib.sha256(self.reference_audio.tobytes()).hexdigest()


@dataclass(frozen=True, slots=True)
class AsrRequest:
    """One piece of an utterance; `audio` is int16 mono at 16 kHz, whole 20 ms frames."""

    audio: NDArray[np.int16]
    language: str = ""
    session: str = ""
    prompt: str = ""
    flush: bool = False
    cancel: bool = False
    translate: bool = False
    whole: bool = False
    """It begins and ends the utterance: a recording, which has no utterance before or after it."""


def decode_tts(tensors: Tensors) -> TtsRequest:
    """Decode TEXT, SPEAKER, LANGUAGE, SPEED, and of REFERENCE and HEARD the AUDIO and TEXT."""
    return TtsRequest(
        text=_speakable(tensors),
        speaker=_string(tensors, "SPEAKER", MAX_NAME_CHARS),
        language=_string(tensors, "LANGUAGE", MAX_NAME_CHARS),
        speed=_speed(tensors),
        reference_audio=_recording(tensors, "REFERENCE_AUDIO"),
        reference_text=_string(tensors, "REFERENCE_TEXT", MAX_TEXT_CHARS),
        heard_audio=_recording(tensors, "HEARD_AUDIO"),
        heard_text=_string(tensors, "HEARD_TEXT", MAX_TEXT_CHARS),
    )


def decode_asr(tensors: Tensors) -> AsrRequest:
    """Decode AUDIO, LANGUAGE, SESSION, PROMPT, TRANSLATE, FLUSH and CANCEL."""
    audio = _tensor(tensors, "AUDIO")
    if audio is None:
        raise InvalidArgument("AUDIO is missing")
    samples = _pcm(audio, "AUDIO")
    if samples.size % ASR_FRAME:
        raise InvalidArgument(
            f"AUDIO has {samples.size} samples, not a whole number of {ASR_FRAME}-sample frames"
        )
    if samples.size > MAX_ASR_SECONDS * ASR_RATE:
        raise InvalidArgument(
            f"AUDIO has {samples.size} samples, more than {MAX_ASR_SECONDS} s in one request"
        )
    return AsrRequest(
        audio=samples,
        language=_string(tensors, "LANGUAGE", MAX_NAME_CHARS),
        session=_string(tensors, "SESSION", MAX_NAME_CHARS),
        prompt=_string(tensors, "PROMPT", MAX_PROMPT_CHARS),
        flush=_flag(tensors, "FLUSH"),
        cancel=_flag(tensors, "CANCEL"),
        translate=_flag(tensors, "TRANSLATE"),
    )


def decode_turn(tensors: Tensors) -> NDArray[np.int16]:
    """Decode the AUDIO of an endpointer's request: a turn so far, int16 mono at 16 kHz."""
    audio = _tensor(tensors, "AUDIO")
    if audio is None:
        raise InvalidArgument("AUDIO is missing")
    samples = _pcm(audio, "AUDIO")
    if samples.size > MAX_TURN_SECONDS * ASR_RATE:
        raise InvalidArgument(
            f"AUDIO has {samples.size} samples, more than {MAX_TURN_SECONDS} s in one request"
        )
    return samples


def _tensor(tensors: Tensors, name: str) -> NDArray[Any] | None:
    return tensors.get(name)


def _speakable(tensors: Tensors) -> str:
    if _tensor(tensors, "TEXT") is None:
        raise InvalidArgument("TEXT is missing")
    text = _string(tensors, "TEXT", MAX_TEXT_CHARS)
    if not any(character.isprintable() and not character.isspace() for character in text):
        raise InvalidArgument(f"TEXT has nothing to say: {text[:40]!r}")
    return text


def _string(tensors: Tensors, name: str, limit: int) -> str:
    tensor = _tensor(tensors, name)
    if tensor is None:
        return ""
    raw = _only(tensor, name)
    if isinstance(raw, str):
        text = raw
    elif isinstance(raw, bytes):
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            raise InvalidArgument(f"{name} is not UTF-8: {error}") from None
    else:
        raise InvalidArgument(f"{name} must be a string, not {tensor.dtype}")
    if len(text) > limit:
        raise InvalidArgument(f"{name} has {len(text)} characters, more than {limit}")
    return text


def _only(tensor: NDArray[Any], name: str) -> Any:
    if tensor.size != 1:
        raise InvalidArgument(f"{name} must hold one element, not {tensor.size}")
    return tensor.reshape(-1)[0]


def _speed(tensors: Tensors) -> float:
    tensor = _tensor(tensors, "SPEED")
    if tensor is None:
        return 1.0
    if tensor.dtype != np.float32:
        raise InvalidArgument(f"SPEED must be FP32, not {tensor.dtype}")
    speed = float(_only(tensor, "SPEED"))
    if not MIN_SPEED <= speed <= MAX_SPEED:  # also false for NaN
        raise InvalidArgument(f"SPEED {speed:g} is outside {MIN_SPEED:g} to {MAX_SPEED:g}")
    return speed


def _recording(tensors: Tensors, name: str) -> NDArray[np.int16] | None:
    tensor = _tensor(tensors, name)
    if tensor is None:
        return None
    samples = _pcm(tensor, name)
    if samples.size > MAX_REFERENCE_SECONDS * REFERENCE_RATE:
        raise InvalidArgument(
            f"{name} has {samples.size} samples, more than {MAX_REFERENCE_SECONDS} s"
        )
    return samples if samples.size else None


def _pcm(tensor: NDArray[Any], name: str) -> NDArray[np.int16]:
    if tensor.dtype != np.int16:
        raise InvalidArgument(f"{name} must be INT16, not {tensor.dtype}")
    if tensor.ndim != 1:
        raise InvalidArgument(f"{name} must have one dimension, not shape {list(tensor.shape)}")
    return np.array(tensor, dtype=np.int16, copy=True)


def _flag(tensors: Tensors, name: str) -> bool:
    tensor = _tensor(tensors, name)
    return tensor is not None and bool(_only(tensor, name))
