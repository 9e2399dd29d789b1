"""A bounded pool of pocketsphinx decoders, because making one takes a third of a second."""

import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from triton_backends.shared.errors import Busy

# Below what the language model says of a word it has; log probability in its own base.
UNKNOWN = -(2**29)


class PocketsphinxDecoders:
    """Builds decoders in the fast mode.

    That is one forward search with at most `max_hmms_per_frame` active states, no second pass, no
    lattice rescoring: on the bundled recordings as accurate as the full search, and the
    transcript is there while the speaker pauses. All decoders share one language model, and the
    dictionary is cut to the words that model knows: the same transcripts in half the time and
    half the memory (44 MB a decoder).
    """

    def __init__(self, max_hmms_per_frame: int) -> None:
        import pocketsphinx

        english = Path(pocketsphinx.get_model_path()) / "en-us"
        self._language_model = pocketsphinx.NGramModel(
            pocketsphinx.Config(lm=None), pocketsphinx.LogMath(), str(english / "en-us.lm.bin")
        )
        self._folder = tempfile.TemporaryDirectory(prefix="vdx-pocketsphinx-")
        dictionary = Path(self._folder.name) / "known.dict"
        dictionary.write_text(self._known(english / "cmudict-en-us.dict"))
        self._options = {
            "loglevel": "FATAL",
            "lm": None,
            "dict": str(dictionary),
            "fwdflat": False,
            "bestpath": False,
            "maxhmmpf": max_hmms_per_frame,
        }

    def build(self) -> Any:
        """A new decoder; takes about 0.2 s with the interpreter's lock held."""
        import pocketsphinx

        decoder = pocketsphinx.Decoder(**self._options)
        decoder.add_lm("shared", self._language_model)
        decoder.activate_search("shared")
        return decoder

    def _known(self, dictionary: Path) -> str:
        """The lines of a pronunciation dictionary whose words the language model has."""
        kept = []
        previous, known = "", False
        for line in dictionary.read_text().splitlines(keepends=True):
            word = line.split(" ", 1)[0].split("(", 1)[0]  # "was(2)" is a way to say "was"
            if word != previous:
                previous, known = word, self._language_model.prob([word]) > UNKNOWN
            if known:
                kept.append(line)
        return "".join(kept)


class DecoderPool:
    """Keeps `ready` decoders more than were ever in use at once, up to `size`.

    They are built while nobody is speaking, because building one stops a running utterance.
    """

    def __init__(self, build: Callable[[], Any], size: int, ready: int) -> None:
        self.size = size
        self._build = build
        self._ready = ready
        self._free = [build() for _ in range(min(ready, size))]
        self._built = len(self._free)
        self._taken = 0
        self._most_taken = 0
        self._changed = threading.Condition()
        self._closed = False
        self._grower = threading.Thread(target=self._grow, name="decoder-pool", daemon=True)
        self._grower.start()

    def __len__(self) -> int:
        """Decoders that exist."""
        return self._built

    def take(self) -> Any:
        """A decoder for one utterance; built here and now only if none is free.

        Raises Busy when `size` are in use.
        """
        with self._changed:
            if not self._free:
                if self._built >= self.size:
                    raise Busy(f"all {self.size} decoders are in use")
                self._add()
            self._taken += 1
            self._most_taken = max(self._most_taken, self._taken)
            return self._free.pop()

    def give_back(self, decoder: Any) -> None:
        with self._changed:
            self._taken -= 1
            self._free.append(decoder)
            self._changed.notify()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._grower.join()
        self._free.clear()

    def _add(self) -> None:
        self._free.append(self._build())
        self._built += 1

    def _grow(self) -> None:
        with self._changed:
            while not self._closed:
                wanted = min(self._most_taken + self._ready, self.size)
                if self._taken or self._built >= wanted:
                    self._changed.wait()
                else:
                    self._add()
