"""Text to IPA by espeak-ng, clause by clause, as Piper's voices were trained on it."""

import ctypes
import os
import threading
from dataclasses import dataclass
from pathlib import Path

from triton_backends.piper.clauses import ending
from triton_backends.piper.ipa import SEPARATOR, as_piper_writes

# espeak_ng/speak_lib.h
RETRIEVAL, DONT_EXIT = 1, 1 << 15
CHARS_UTF8 = 1
MNEMONICS, IPA = ord(SEPARATOR) << 8, ord(SEPARATOR) << 8 | 2


@dataclass(frozen=True, slots=True)
class Clause:
    """`phonemes` is IPA, `sign` what ended it, `start` the character it begins at."""

    phonemes: str
    sign: str
    ends_sentence: bool
    start: int


class EspeakPhonemes:
    """The phonemizer of the espeakng-loader wheel; safe to call from any thread."""

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

    def has_voice(self, voice: str) -> bool:
        """Whether espeak-ng knows this language or voice."""
        with self._lock:
            return self._choose(voice)

    def clauses(self, voice: str, text: str) -> list[Clause]:
        """Every clause of `text`; raises LookupError when there is no such voice."""
        encoded = text.replace("\0", " ").encode(errors="replace")
        with self._lock:
            if not self._choose(voice):
                raise LookupError(voice)
            names = self._read(encoded, MNEMONICS)
            spoken = self._read(encoded, IPA)
        found = []
        start = 0
        for index, ((ipa, end), (mnemonics, _)) in enumerate(zip(spoken, names, strict=True)):
            source = encoded[start:end].decode(errors="ignore")
            sign, ends = ending(source, last=index == len(spoken) - 1) if ipa else ("", True)
            # The first character of a clause was read, to decide, with the clause before it.
            at = max(len(encoded[:start].decode(errors="ignore")) - 1, 0)
            phonemes = as_piper_writes(ipa, mnemonics, voice)
            found.append(Clause(phonemes, sign, ends, at))
            start = end
        return found

    def _choose(self, voice: str) -> bool:
        return bool(self._library.espeak_SetVoiceByName(voice.encode()) == 0)

    def _read(self, encoded: bytes, mode: int) -> list[tuple[str, int]]:
        """Phonemes of each clause, and the byte at which reading stopped."""
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
