"""CTranslate2's Whisper: from windows of audio to words, several at a time on one weight copy."""

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triton_backends.shared.errors import Internal, InvalidArgument, Unavailable
from triton_backends.whisper.hallucination_filters import is_imagined, is_repetitive, without_loop
from triton_backends.whisper.mel import FRAMES_PER_SECOND, RATE, LogMel
from triton_backends.whisper.model_folder import ModelFolder
from triton_backends.whisper.vocabulary import Vocabulary

POSITION_MS = 20
"""Of the encoder's output."""
MOST_TOKENS = 224
SPARE_TOKENS = 8
CERTAIN = 0.5
WIDE = 768
"""From this width on (Whisper small) a decode gains from a second thread."""


@dataclass(frozen=True, slots=True)
class Hardware:
    """How the model is run: `threads` work on a decode, `parallel` decodes at once, 0 chooses.

    `compute_type` is one of CTranslate2's; "auto" is int8 on a CPU and float16 on a GPU.
    """

    device: str = "cpu"
    device_index: int = 0
    compute_type: str = "auto"
    threads: int = 0
    parallel: int = 0


@dataclass(frozen=True, slots=True)
class Window:
    """Audio to understand: int16 mono 16 kHz, heard in a window of `frames` of 10 ms.

    `language` is empty where it is to be detected; `prefix` are tokens that the text begins with.
    """

    pcm: NDArray[np.int16]
    frames: int
    language: str = ""
    prefix: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word with the space before it, its tokens, and its times in ms from the window's start."""

    text: str
    tokens: tuple[int, ...]
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Heard:
    """What a window says; `confidence` is the mean probability of its tokens."""

    words: tuple[TimedWord, ...] = ()
    confidence: float = 0.0
    language: str = ""


class Recogniser:
    """Thread-safe; every thread shares the weights."""

    def __init__(self, pack: ModelFolder, hardware: Hardware, max_tokens_per_second: float) -> None:
        self.vocabulary = Vocabulary(pack)
        self.full_frames = pack.architecture.window
        self.parallel = hardware.parallel or _parallel(pack, hardware)
        self._on_gpu = hardware.device == "cuda"
        self._max_rate = max_tokens_per_second
        self._most_tokens = min(MOST_TOKENS, pack.architecture.text_positions // 2)
        self._mel = LogMel(pack.architecture.mels)
        self._model = _load(pack, hardware, self.parallel)

    def understand(
        self, windows: list[Window], given_up: Callable[[], bool] = lambda: False
    ) -> list[Heard] | None:
        """Decode windows of equal length, all with a prefix or none, as one batch.

        `given_up` is asked between steps, and ends the work with None. A window that comes out as
        a loop, and was shorter than the model's own, is decoded again at full length; one whose
        prefix the audio does not bear out, without it: a prefix saves time and changes no word.
        """
        encoded = self._encode(windows, given_up)
        if encoded is None or given_up():
            return None
        return self._decode(self._with_languages(windows, encoded), encoded)

    def close(self) -> None:
        """Free the weights."""
        del self._model

    def _encode(self, windows: list[Window], given_up: Callable[[], bool]) -> Any:
        """[batch, positions, width]; one by one on a CPU: there a batch takes longer."""
        from ctranslate2 import StorageView

        features = [
            self._mel(window.pcm.astype(np.float32) / 32768.0, window.frames)[None]
            for window in windows
        ]
        if self._on_gpu or len(windows) == 1:
            return self._model.encode(StorageView.from_array(np.concatenate(features)))
        encoded: list[NDArray[np.float32]] = []
        for each in features:
            if encoded and given_up():
                return None
            view = self._model.encode(StorageView.from_array(each), to_cpu=True)
            encoded.append(np.array(view))
        return StorageView.from_array(np.concatenate(encoded))

    def _with_languages(self, windows: list[Window], encoded: Any) -> list[Window]:
        if all(window.language for window in windows):
            return windows
        if not self._model.is_multilingual:  # by CTranslate2's own reckoning
            return [replace(window, language=window.language or "en") for window in windows]
        found = self._model.detect_language(encoded)
        return [
            window if window.language else replace(window, language=ranked[0][0][2:-2])
            for window, ranked in zip(windows, found, strict=True)
        ]

    def _generate(self, windows: list[Window], encoded: Any) -> list["_Draft"]:
        limit = max(self._token_limit(window) for window in windows)
        results = self._model.generate(
            encoded,
            [self.vocabulary.prompt(window.language, window.prefix) for window in windows],
            beam_size=1,
            # CTranslate2 stops at half of max_length; a forced prefix counts.
            max_length=2 * limit,
            # After a prefix nothing more may be the right answer.
            suppress_blank=not any(window.prefix for window in windows),
            return_scores=True,
            return_no_speech_prob=True,
        )
        return [
            self._draft(result, window) for result, window in zip(results, windows, strict=True)
        ]

    def _token_limit(self, window: Window) -> int:
        """Nobody says more in this time; a loop ends here at the latest."""
        seconds = min(window.pcm.size / RATE, window.frames / FRAMES_PER_SECOND)
        wanted = SPARE_TOKENS + math.ceil(seconds * self._max_rate) + len(window.prefix)
        return min(wanted, self._most_tokens)

    def _draft(self, result: Any, window: Window) -> "_Draft":
        tokens = self.vocabulary.text_tokens(result.sequences_ids[0])
        text = self.vocabulary.text(tokens)
        log_probability = float(result.scores[0])
        repetitive = is_repetitive(tokens, text)
        if repetitive:
            tokens = without_loop(tokens)
            text = self.vocabulary.text(tokens)
        if not window.prefix and is_imagined(text, result.no_speech_prob, log_probability):
            tokens = []
        return _Draft(tokens, self.vocabulary.words(tokens, window.language), repetitive)

    def _decode(self, windows: list[Window], encoded: Any) -> list[Heard]:
        drafts = self._generate(windows, encoded)
        paths = self._align(windows, drafts, encoded)
        heard: list[Heard] = []
        for index, (window, draft, path) in enumerate(zip(windows, drafts, paths, strict=True)):
            if draft.repetitive and window.frames < self.full_frames:
                whole = replace(window, frames=self.full_frames, prefix=())
                heard += self.understand([whole]) or [Heard()]
            elif _is_borne_out(window.prefix, path):
                heard.append(_heard(draft, window, path))
            else:
                heard += self._decode([replace(window, prefix=())], _one(encoded, index))
        return heard

    def _align(self, windows: list[Window], drafts: list["_Draft"], encoded: Any) -> list[Any]:
        """Cross-attention alignment of every draft; None for one that says nothing."""
        together = len({window.language for window in windows}) == 1
        if together and all(draft.words for draft in drafts):
            return list(self._align_some(windows, drafts, encoded))
        return [
            self._align_some([window], [draft], _one(encoded, index))[0] if draft.words else None
            for index, (window, draft) in enumerate(zip(windows, drafts, strict=True))
        ]

    def _align_some(self, windows: list[Window], drafts: list["_Draft"], encoded: Any) -> Any:
        return self._model.align(
            encoded,
            self.vocabulary.start_sequence(windows[0].language),
            [draft.tokens for draft in drafts],
            [_sounding(window) for window in windows],
        )


@dataclass(frozen=True, slots=True)
class _Draft:
    tokens: list[int]
    words: list[tuple[str, list[int]]]
    repetitive: bool


def _sounding(window: Window) -> int:
    """Frames of the window that hold audio."""
    return min(window.frames, max(2, window.pcm.size * FRAMES_PER_SECOND // RATE))


def _is_borne_out(prefix: tuple[int, ...], aligned: Any) -> bool:
    """Whether a greedy decode of this audio would have begun with the prefix.

    It would if each token is likelier than all others together.
    """
    if not prefix:
        return True
    return aligned is not None and min(aligned.text_token_probs[: len(prefix)]) > CERTAIN


def _heard(draft: _Draft, window: Window, aligned: Any) -> Heard:
    if aligned is None:
        return Heard(language=window.language)
    timed = _timed(draft.words, aligned.alignments, _sounding(window) * 10)
    return Heard(tuple(timed), float(np.mean(aligned.text_token_probs)), window.language)


def _one(encoded: Any, index: int) -> Any:
    """One window of an encoded batch."""
    from ctranslate2 import Device, StorageView

    if encoded.shape[0] == 1:
        return encoded
    if encoded.device != "cpu":
        encoded = encoded.to_device(Device.cpu)
    return StorageView.from_array(np.ascontiguousarray(np.array(encoded)[index : index + 1]))


def _timed(
    words: list[tuple[str, list[int]]], path: list[tuple[int, int]], end_ms: int
) -> list[TimedWord]:
    """Words and the times at which the alignment path enters their first tokens."""
    entered: dict[int, int] = {}
    for token, position in path:
        entered.setdefault(token, position * POSITION_MS)
    timed: list[TimedWord] = []
    first, floor = 0, 0
    for text, tokens in words:
        start = min(max(entered.get(first, floor), floor), end_ms)
        first += len(tokens)
        end = min(max(entered.get(first, end_ms), start), end_ms)
        timed.append(TimedWord(text, tuple(tokens), start, end))
        floor = end
    return timed


def _parallel(pack: ModelFolder, hardware: Hardware) -> int:
    if hardware.device == "cuda":
        return 1
    cores = len(os.sched_getaffinity(0))
    return max(1, min(cores // _threads(pack, hardware), 4))


def _threads(pack: ModelFolder, hardware: Hardware) -> int:
    cores = len(os.sched_getaffinity(0))
    return hardware.threads or min(2 if pack.architecture.width >= WIDE else 1, cores)


def _load(pack: ModelFolder, hardware: Hardware, parallel: int) -> Any:
    import ctranslate2

    if hardware.device == "cuda" and not ctranslate2.get_cuda_device_count():
        raise Unavailable("parameter device: there is no CUDA device; use cpu")
    known = ctranslate2.get_supported_compute_types(hardware.device)
    chosen = hardware.compute_type
    if chosen == "auto":
        chosen = "float16" if hardware.device == "cuda" else "int8"
    if chosen not in known:
        raise InvalidArgument(
            f"parameter compute_type: {chosen!r} does not run on this {hardware.device}; "
            f"these do: {', '.join(sorted(known))}"
        )
    try:
        return ctranslate2.models.Whisper(
            str(pack.folder),
            device=hardware.device,
            device_index=hardware.device_index,
            compute_type=chosen,
            inter_threads=parallel,
            intra_threads=_threads(pack, hardware),
        )
    except (RuntimeError, ValueError) as error:
        raise Internal(f"{pack.folder.name} does not load: {error}") from error
