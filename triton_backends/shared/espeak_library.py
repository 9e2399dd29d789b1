"""The phonemizer of the espeakng-loader wheel, loaded apart from the espeak family's own copy."""

import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# espeak_ng/speak_lib.h
RETRIEVAL, DONT_EXIT = 1, 1 << 15
CHARS_UTF8 = 1
IPA, TIE = 2, 1 << 7

Read = tuple[str, int]
"""The phonemes of a clause, and the byte of the text at which reading stopped."""


def separated_by(character: str) -> int:
    """The flag that has a character between phonemes; with TIE, inside those of two letters."""
    return ord(character) << 8


class EspeakLibrary:
    """One copy of espeak-ng's library; its state is global, so a lock guards each use."""

    def __init__(self) -> None:
        import espeakng_loader

        # The library is one global state: its own copy leaves that of the espeak family alone.
        copy = os.memfd_create("espeak-ng")
        try:
            with Path(espeakng_loader.get_library_path()).open("rb") as library:
                os.sendfile(copy, library.fileno(), 0, os.fstat(library.fileno()).st_size)
            self._library = ctypes.CDLL(f"/proc/self/fd/{copy}")
        finally:
            os.close(copy)
        self._library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        data = str(espeakng_loader.get_data_path())
        if self._library.espeak_Initialize(RETRIEVAL, 0, data.encode(), DONT_EXIT) <= 0:
            raise RuntimeError(f"espeak-ng does not start with the data at {data}")
        self._lock = threading.Lock()
        self._chosen: str | None = None

    def has_voice(self, voice: str) -> bool:
        """Whether espeak-ng knows this language or voice."""
        with self._lock:
            return self._choose(voice)

    @contextmanager
    def speaking(self, voice: str) -> Iterator[None]:
        """Holds the library with this voice chosen; raises LookupError when there is none."""
        with self._lock:
            if not self._choose(voice):
                raise LookupError(voice)
            yield

    def read(self, encoded: bytes, mode: int) -> list[Read]:
        """Every clause of UTF-8 text; `mode` are flags; inside `speaking`."""
        buffer = ctypes.create_string_buffer(encoded)
        start = ctypes.addressof(buffer)
        at: int | None = start
        found = []
        while at is not None:
            pointer = ctypes.c_void_p(at)
            phonemes = self._library.espeak_TextToPhonemes(ctypes.byref(pointer), CHARS_UTF8, mode)
            at = pointer.value
            end = len(encoded) if at is None else at - start
            found.append(((phonemes or b"").decode(), end))
        return found

    def _choose(self, voice: str) -> bool:
        """Only where it is another one: each choice leaks 1.4 kB in espeak-ng 1.52."""
        if voice != self._chosen:
            known = self._library.espeak_SetVoiceByName(voice.encode()) == 0
            self._chosen = voice if known else None
        return voice == self._chosen
