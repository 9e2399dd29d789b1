"""Builds pocketsphinx decoders for the vocabulary of a model."""

import contextlib
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triton_backends.pocketsphinx.dictionary import Dictionary
from triton_backends.pocketsphinx.grammar import (
    WrittenWord,
    arpa_words,
    grammar_words,
    sentence_words,
)
from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.parameters import Parameters

# Less than the log probability, in its own base, of any word that a language model has.
UNKNOWN = -(2**29)
BINARY = (".bin", ".dmp", ".DMP")
SEARCH = "vdx"
SILENCE = "silence"
PIECE = 4_000


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What can be recognised: a JSGF grammar, a language model, or sentences to make one of.

    All None means the English language model of pocketsphinx. `dictionary` adds pronunciations.
    """

    grammar: Path | None = None
    language_model: Path | None = None
    sentences: Path | None = None
    dictionary: Path | None = None

    @classmethod
    def of(cls, parameters: Parameters, folder: Path) -> "Vocabulary":
        """From a model's parameters, whose paths start at the model's folder."""
        names = ("grammar", "language_model", "sentences", "dictionary")
        given = {name: folder / parameters.text(name) for name in names if parameters.text(name)}
        chosen = sorted(given.keys() - {"dictionary"})
        if len(chosen) > 1:
            raise InvalidArgument(f"parameters {' and '.join(chosen)}: choose one of them")
        return cls(**given)


def mean_of(decoder: Any, pcm: NDArray[np.int16]) -> str:
    """The decoder's cepstral mean after this audio (int16, 16 kHz); takes 4 ms for each second.

    PIECE samples at a time, because each call holds the interpreter's lock.
    """
    decoder.activate_search(SILENCE)
    decoder.start_utt()
    for at in range(0, pcm.size, PIECE):
        decoder.process_raw(pcm[at : at + PIECE].tobytes(), no_search=False, full_utt=False)
    decoder.end_utt()
    mean: str = decoder.get_cmn(update=True)
    decoder.activate_search(SEARCH)
    return mean


class PocketsphinxDecoders:
    """Builds decoders in the fast mode.

    That is one forward search with at most `max_hmms_per_frame` active states, no second pass, no
    lattice rescoring: on the bundled recordings as accurate as the full search, and the
    transcript is there while the speaker pauses. All decoders share one language model, and the
    dictionary is cut to the words that can be heard (`prune`): the same transcripts in half the
    time and half the memory (44 MB a decoder with the English model).

    Raises InvalidArgument naming file and line of what is wrong with the vocabulary.
    """

    def __init__(
        self,
        max_hmms_per_frame: int,
        vocabulary: Vocabulary | None = None,
        *,
        prune: bool = True,
    ) -> None:
        import pocketsphinx

        self._english = Path(pocketsphinx.get_model_path()) / "en-us"
        self._folder = tempfile.TemporaryDirectory(prefix="vdx-pocketsphinx-")
        self._vocabulary = vocabulary or Vocabulary()
        self._language_model: Any = None
        own = self._vocabulary.dictionary
        dictionary = Dictionary(self._english / "cmudict-en-us.dict", own)
        wanted = self._prepare(dictionary)
        file = Path(self._folder.name) / "known.dict"
        known = dictionary.text(wanted if prune else None)
        file.write_text(known, encoding="utf-8")
        self.pronunciations = known.count("\n")
        self._options: dict[str, Any] = {
            "loglevel": "FATAL",
            "lm": None,
            "dict": str(file),
            "fwdflat": False,
            "bestpath": False,
            "maxhmmpf": max_hmms_per_frame,
        }

    def build(self) -> Any:
        """A new decoder; with the English model about 0.2 s with the interpreter's lock held."""
        import pocketsphinx

        decoder = pocketsphinx.Decoder(**self._options)
        if (grammar := self._vocabulary.grammar) is not None:
            try:
                decoder.add_jsgf_file(SEARCH, str(grammar))
            except RuntimeError:
                raise InvalidArgument(f"{grammar} is not understood: {self._why()}") from None
        else:
            decoder.add_lm(SEARCH, self._language_model)
        # A search without words costs little: for audio of which only the mean is wanted.
        decoder.add_fsg(SILENCE, decoder.create_fsg(SILENCE, 0, 1, [(0, 1, 1.0, "<sil>")]))
        decoder.activate_search(SEARCH)
        return decoder

    def _why(self) -> str:
        """What is wrong with the grammar, which pocketsphinx writes to its log only."""
        import pocketsphinx

        log = Path(self._folder.name) / "errors.log"
        decoder = pocketsphinx.Decoder(**self._options | {"loglevel": "ERROR", "logfn": str(log)})
        with contextlib.suppress(RuntimeError):
            decoder.add_jsgf_file(SEARCH, str(self._vocabulary.grammar))
        del decoder
        said = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
        pocketsphinx.set_loglevel("FATAL")
        return re.sub(r'ERROR: "[^"]*", line \d+: ', "", said).strip().replace("\n", "; ")

    def _prepare(self, dictionary: Dictionary) -> Callable[[str], bool]:
        """Checks and reads the vocabulary; returns which words of the dictionary it needs."""
        vocabulary = self._vocabulary
        if (path := vocabulary.grammar) is not None:
            return _needed(grammar_words(path), path, dictionary)
        if (path := vocabulary.sentences) is not None:
            words, sentences = sentence_words(path)
            needed = _needed(words, path, dictionary)
            self._language_model = self._load(self._made_of(sentences))
            return needed
        path = vocabulary.language_model
        if path is not None and path.suffix not in BINARY:
            needed = _needed(arpa_words(path), path, dictionary)
            self._language_model = self._load(path)
            return needed
        model = self._language_model = self._load(path or self._english / "en-us.lm.bin")
        return lambda word: bool(model.prob([word]) > UNKNOWN)

    def _made_of(self, sentences: list[str]) -> Path:
        """A language model of sentences, by the builder that pocketsphinx brings."""
        from pocketsphinx.lm import ArpaBoLM

        path = Path(self._folder.name) / "sentences.lm"
        builder = ArpaBoLM(text="\n".join(sentences), add_start=True)
        builder.compute()
        with path.open("w", encoding="utf-8") as file:
            builder.write(file)
        return path

    def _load(self, path: Path) -> Any:
        import pocketsphinx

        if not path.is_file():
            raise InvalidArgument(f"{path} cannot be read: no such file")
        config = pocketsphinx.Config(lm=None, loglevel="FATAL")
        try:
            return pocketsphinx.NGramModel(config, pocketsphinx.LogMath(), str(path))
        except (RuntimeError, ValueError) as error:
            raise InvalidArgument(f"{path} is no language model: {error}") from None


def _needed(words: list[WrittenWord], path: Path, dictionary: Dictionary) -> Callable[[str], bool]:
    dictionary.require(words, path)
    return frozenset(word.word for word in words).__contains__
