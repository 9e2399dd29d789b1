"""Decodes the tensors of an inference response into vdx's events."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdx.core.audio import SPEAK_FRAME
from vdx.core.errors import InvalidInput, ModelFailed
from vdx.core.events import SpeechChunk, Transcript, TranscriptKind, TurnMark, Word
from vdx.core.json_input import parse_json

Vector = NDArray[np.float32]


def _outputs(answer: Any) -> dict[str, bytes]:
    names = (output.name for output in answer.outputs)
    return dict(zip(names, answer.raw_output_contents, strict=True))


def _string(raw: bytes) -> str:
    return raw[4:].decode()


def _words(raw: bytes) -> tuple[Word, ...]:
    text = _string(raw)
    return (
        ()
        if text == "[]"
        else tuple(Word(**word) for word in parse_json(text, "WORDS", max_values=None))
    )


def _marks(raw: bytes) -> tuple[TurnMark, ...]:
    return tuple(TurnMark(**mark) for mark in parse_json(_string(raw), "MARKS", max_values=None))


@contextmanager
def _contract(model: str) -> Iterator[None]:
    """Raises ModelFailed where a response does not hold the tensors of the contract."""
    try:
        yield
    except (InvalidInput, KeyError, ValueError, TypeError, IndexError) as error:
        raise ModelFailed(f"{model} breaks its contract: {error!r}", model=model) from error


def speech_chunk(answer: Any, model: str) -> SpeechChunk:
    """AUDIO (int16, 48 kHz, rows of 20 ms) and WORDS of a voice.

    Raises:
        ModelFailed: the response does not keep the contract.
    """
    with _contract(model):
        out = _outputs(answer)
        audio = np.frombuffer(out["AUDIO"], dtype="<i2").reshape(-1, SPEAK_FRAME)
        return SpeechChunk(audio, _words(out["WORDS"]))


def transcript(answer: Any, model: str) -> Transcript:
    """A recogniser's response; `utterance` is 0 and is filled in by the caller.

    Raises:
        ModelFailed: the response does not keep the contract.
    """
    with _contract(model):
        out = _outputs(answer)
        return Transcript(
            utterance=0,
            text=_string(out["TEXT"]),
            stable=int.from_bytes(out["STABLE"], "little", signed=True),
            audio_ms=int.from_bytes(out["AUDIO_MS"], "little", signed=True),
            kind=TranscriptKind(out["STATE"][0]),
            confidence=float(np.frombuffer(out["CONFIDENCE"], "<f4")[0]),
            words=_words(out["WORDS"]),
            marks=_marks(out["MARKS"]) if "MARKS" in out else (),
            language=_string(out["LANGUAGE"]) if "LANGUAGE" in out else "",
            language_probability=_probability(out["LANGUAGE_PROBABILITY"])
            if "LANGUAGE_PROBABILITY" in out
            else 0.0,
            flush=int(answer.id) if answer.id.isdecimal() else 0,
        )


def probability(answer: Any, model: str) -> float:
    """PROBABILITY of an endpointer, 0 to 1.

    Raises:
        ModelFailed: the response does not keep the contract; NaN does not either.
    """
    with _contract(model):
        return _probability(_outputs(answer)["PROBABILITY"])


def embedding(answer: Any, model: str) -> Vector:
    """EMBEDDING of a speaker model, float32 [size].

    Raises:
        ModelFailed: the response does not keep the contract.
    """
    with _contract(model):
        found: Vector = np.frombuffer(_outputs(answer)["EMBEDDING"], "<f4").copy()
        if not found.size or not np.isfinite(found).all():
            raise ValueError(f"EMBEDDING has {found.size} numbers")
        return found


def _probability(raw: bytes) -> float:
    found = float(np.frombuffer(raw, "<f4")[0])
    if not 0.0 <= found <= 1.0:
        raise ValueError(f"the probability is {found}")
    return found
