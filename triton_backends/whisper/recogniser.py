"""CTranslate2's Whisper: from windows of audio to words, several at a time on one weight copy."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triton_backends.shared.levels import levels_above_hum
from triton_backends.shared.mel import RATE
from triton_backends.whisper.hallucination_filters import (
    LOW_LOG_PROBABILITY,
    NO_SPEECH_PROBABILITY,
    is_doubled,
    is_hallucination,
    is_repetitive,
    without_loop,
)
from triton_backends.whisper.hardware import Hardware, load_model, parallel_decodes
from triton_backends.whisper.mel import FRAMES_PER_SECOND, LogMel
from triton_backends.whisper.model_folder import ModelFolder
from triton_backends.whisper.twice import said_twice
from triton_backends.whisper.vocabulary import Vocabulary
from triton_backends.whisper.windows import Window, WindowTranscript
from triton_backends.whisper.word_times import timed_words

POSITION_MS = 20
"""Of the encoder's output."""
MAX_TOKENS = 224
SPARE_TOKENS = 8
BEAM = 5
"""Beams where a greedy decode repeated itself, as in openai-whisper."""
NO_SPEECH_PROMPTED = 0.3
"""A transcript that words to expect have helped with is doubted above this probability."""
LEAST = 1e-6
CERTAIN = 0.5
"""A token with a greater probability is the one that a greedy decode chooses."""


class Recogniser:
    """Thread-safe; every thread shares the weights."""

    def __init__(
        self, folder: ModelFolder, hardware: Hardware, max_tokens_per_second: float
    ) -> None:
        self.vocabulary = Vocabulary(folder)
        self.full_frames = folder.architecture.window
        self.parallel = hardware.parallel or parallel_decodes(folder, hardware)
        self._on_gpu = hardware.device == "cuda"
        self._max_rate = max_tokens_per_second
        self._max_tokens = min(MAX_TOKENS, folder.architecture.text_positions // 2)
        self._mel = LogMel(folder.architecture.mels)
        self._model = load_model(folder, hardware, self.parallel)
        self._knows_silence = True

    def transcribe(
        self, windows: list[Window], should_stop: Callable[[], bool] = lambda: False
    ) -> list[WindowTranscript] | None:
        """Decode windows of equal `batch_key` as one batch.

        `should_stop` is asked between steps, and ends the work with None. A window shorter than the
        model's own whose text repeats itself, or would be left out, is decoded again at full
        length and by beam search; so is a loop at full length. One whose prefix is not the
        likeliest beginning is decoded without it: a prefix saves time and changes no word.
        """
        encoded = self._encode(windows, should_stop)
        if encoded is None or should_stop():
            return None
        return self._decode(self._with_languages(windows, encoded), encoded)

    def warm_up(self, noise: Window) -> None:
        """A real decode of noise, so that the first utterance is as fast as the tenth.

        It also shows whether the model knows that nobody speaks: small ones may never have learned
        it, and then the level of the sound is all there is to judge by.
        """
        encoded = self._encode([noise], lambda: False)
        draft = self._generate([noise], encoded)[0]
        self._align([noise], [draft], encoded)
        self._knows_silence = draft.no_speech > NO_SPEECH_PROBABILITY

    def close(self) -> None:
        """Free the weights."""
        del self._model

    def _encode(self, windows: list[Window], should_stop: Callable[[], bool]) -> Any:
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
            if encoded and should_stop():
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
            window if window.language else _in_likeliest(window, ranked)
            for window, ranked in zip(windows, found, strict=True)
        ]

    def _generate(self, windows: list[Window], encoded: Any) -> list["_Draft"]:
        limit = max(self._token_limit(window) for window in windows)
        results = self._model.generate(
            encoded,
            [
                self.vocabulary.prompt(
                    window.language, window.prefix, window.prompt, translate=window.translate
                )
                for window in windows
            ],
            beam_size=BEAM if windows[0].by_beam else 1,
            # CTranslate2 stops at half of max_length, and at all of it less the prompt; a forced
            # prefix counts.
            max_length=max(2 * limit, limit + len(windows[0].prompt) + SPARE_TOKENS),
            # After a prefix nothing more may be the right answer.
            suppress_blank=not any(window.prefix for window in windows),
            return_scores=True,
            return_no_speech_prob=True,
        )
        return [
            self._draft(result, window) for result, window in zip(results, windows, strict=True)
        ]

    def _token_limit(self, window: Window) -> int:
        """The most tokens that are said in this time; a loop ends here at the latest."""
        seconds = min(window.pcm.size / RATE, window.frames / FRAMES_PER_SECOND)
        wanted = SPARE_TOKENS + math.ceil(seconds * self._max_rate) + len(window.prefix)
        return min(wanted, self._max_tokens)

    def _draft(self, result: Any, window: Window) -> "_Draft":
        tokens = self.vocabulary.text_tokens(result.sequences_ids[0])
        text = self.vocabulary.text(tokens)
        log_probability = float(result.scores[0])
        no_speech = float(result.no_speech_prob)
        loop = is_repetitive(tokens, text)
        if loop:
            tokens = without_loop(tokens)
            text = self.vocabulary.text(tokens)
        doubled = is_doubled(text)
        unsure = loop or doubled
        agree = (
            window.is_even
            and not window.prefix
            and (no_speech > NO_SPEECH_PROBABILITY or not self._knows_silence)
        )
        if agree or (not window.prefix and is_hallucination(text, no_speech, log_probability)):
            tokens = []
            unsure = not (agree or window.is_partial)
        words = self.vocabulary.words(tokens, "en" if window.translate else window.language)
        return _Draft(tokens, words, unsure, no_speech, is_loop=loop, is_doubled=doubled)

    def _decode(self, windows: list[Window], encoded: Any) -> list[WindowTranscript]:
        drafts = self._generate(windows, encoded)
        paths = self._align(windows, drafts, encoded)
        heard: list[WindowTranscript] = []
        for index, (window, draft, path) in enumerate(zip(windows, drafts, paths, strict=True)):
            if draft.unsure and window.frames < self.full_frames:
                heard.append(self._at_full_length(window, draft))
            elif draft.is_loop and not window.by_beam:
                by_beam = replace(window, prefix=(), by_beam=True)
                heard += self._decode([by_beam], _one(encoded, index))
            elif window.prompt and not _is_heard(draft, path):
                # Perhaps only the prompt said it: what is heard without one?
                heard += self._decode([replace(window, prompt=(), prefix=())], _one(encoded, index))
            elif _is_confirmed(window.prefix, path):
                heard.append(_transcript(draft, window, path))
            else:
                heard += self._decode([replace(window, prefix=())], _one(encoded, index))
        return heard

    def _at_full_length(self, window: Window, draft: "_Draft") -> WindowTranscript:
        """What is heard where the short window left doubts."""
        whole = self._hear(replace(window, frames=self.full_frames, prefix=(), by_beam=True))
        doubted = draft.is_doubled and not draft.is_loop
        if doubted and not is_doubled("".join(word.text for word in whole.words)):
            return said_twice(window, whole, self._hear) or whole
        return whole

    def _hear(self, window: Window) -> WindowTranscript:
        """One window, whole."""
        heard = self.transcribe([window])
        return heard[0] if heard else WindowTranscript()

    def _align(self, windows: list[Window], drafts: list["_Draft"], encoded: Any) -> list[Any]:
        """Cross-attention alignment of every draft; None for one that says nothing."""
        together = len({(window.language, window.translate) for window in windows}) == 1
        if together and all(draft.words for draft in drafts):
            return list(self._align_some(windows, drafts, encoded))
        return [
            self._align_some([window], [draft], _one(encoded, index))[0] if draft.words else None
            for index, (window, draft) in enumerate(zip(windows, drafts, strict=True))
        ]

    def _align_some(self, windows: list[Window], drafts: list["_Draft"], encoded: Any) -> Any:
        return self._model.align(
            encoded,
            self.vocabulary.start_sequence(windows[0].language, translate=windows[0].translate),
            [draft.tokens for draft in drafts],
            [_audio_frames(window) for window in windows],
        )


@dataclass(frozen=True, slots=True)
class _Draft:
    """`unsure`: it repeats itself or was left out, which a longer window may do better."""

    tokens: list[int]
    words: list[tuple[str, list[int]]]
    unsure: bool
    no_speech: float = 0.0
    is_loop: bool = False
    is_doubled: bool = False


def _audio_frames(window: Window) -> int:
    """Frames of the window that hold audio."""
    return min(window.frames, max(2, window.pcm.size * FRAMES_PER_SECOND // RATE))


def _is_heard(draft: "_Draft", aligned: Any) -> bool:
    """Whether the sound speaks for a transcript that was made with words to expect.

    The alignment gives each token's probability without them.
    """
    if aligned is None:
        return True  # an empty transcript
    logs = np.log(np.maximum(aligned.text_token_probs, LEAST))
    return draft.no_speech <= NO_SPEECH_PROMPTED and float(np.mean(logs)) > LOW_LOG_PROBABILITY


def _is_confirmed(prefix: tuple[int, ...], aligned: Any) -> bool:
    """Whether a greedy decode of this audio would have begun with the prefix.

    It would if each token is likelier than all others together.
    """
    if not prefix:
        return True
    return aligned is not None and min(aligned.text_token_probs[: len(prefix)]) > CERTAIN


def _transcript(draft: _Draft, window: Window, aligned: Any) -> WindowTranscript:
    detected = window.language, window.language_probability
    if aligned is None:
        return WindowTranscript((), 0.0, *detected)
    path = [(token, position * POSITION_MS) for token, position in aligned.alignments]
    timed = timed_words(draft.words, path, _audio_frames(window) * 10, levels_above_hum(window.pcm))
    return WindowTranscript(tuple(timed), float(np.mean(aligned.text_token_probs)), *detected)


def _in_likeliest(window: Window, ranked: list[tuple[str, float]]) -> Window:
    """The window in the first of the `ranked` languages, each a token and its probability."""
    token, probability = ranked[0]
    return replace(window, language=token[2:-2], language_probability=min(1.0, probability))


def _one(encoded: Any, index: int) -> Any:
    """One window of an encoded batch."""
    from ctranslate2 import Device, StorageView

    if encoded.shape[0] == 1:
        return encoded
    if encoded.device != "cpu":
        encoded = encoded.to_device(Device.cpu)
    return StorageView.from_array(np.ascontiguousarray(np.array(encoded)[index : index + 1]))
