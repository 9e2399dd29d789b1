"""The part of libespeak-ng's C interface (`speak_lib.h`) that the engine uses, by ctypes.

The library has one global state: every call here must come from the same thread.
"""

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SYNCHRONOUS = 2
BUFFER_MS = 20
CHARS_UTF8 = 1
PHONEMES = 0x100
"""Text between [[ and ]] is mnemonics of phonemes."""
IPA = 2
POSITION_CHARACTER = 1
PARAMETER_RATE = 1
WORDS_PER_MINUTE = 175
EVENT_END_OF_LIST, EVENT_WORD, EVENT_END = 0, 1, 5
DONT_EXIT = 1 << 15
WITHOUT_DICTIONARY = frozenset(("fo", "kaa", "xex"))
"""Languages that the wheel lists but has no dictionary for."""


class _EventId(ctypes.Union):
    _fields_ = (
        ("number", ctypes.c_int),
        ("name", ctypes.c_char_p),
        ("string", ctypes.c_char * 8),
    )


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    )


class _Voice(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("xx1", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


@dataclass(frozen=True, slots=True)
class Mark:
    """A word begins, or (`position` -1) a clause ends, `at_ms` after the start of the audio.

    `position` counts characters of the text from 0.
    """

    position: int
    at_ms: int


Sink = Callable[[NDArray[np.int16], list[Mark]], bool]


class EspeakLibrary:
    """Loads the library that the espeakng-loader wheel carries, with its voice data."""

    def __init__(self) -> None:
        import espeakng_loader

        data = Path(espeakng_loader.get_data_path())
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        self._library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        self._library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
        rate = self._library.espeak_Initialize(
            SYNCHRONOUS, BUFFER_MS, str(data).encode(), DONT_EXIT
        )
        if rate <= 0:
            raise RuntimeError(f"espeak-ng does not start with the data at {data}")
        self.sample_rate = int(rate)
        self.languages = self._list_languages()
        self.variants = frozenset(path.name for path in (data / "voices" / "!v").iterdir())
        self._sink: Sink | None = None
        self._error: Exception | None = None
        # Kept, because the library only borrows the function.
        self._callback = _Callback(self._on_audio)
        self._library.espeak_SetSynthCallback(self._callback)

    def set_voice(self, voice: str) -> None:
        """Choose `language` or `language+variant`; raises LookupError if it is not there."""
        language, plus, variant = voice.partition("+")
        # By its file: espeak-ng does not find every voice by the language it speaks (fr-fr, en-gb).
        name = self.languages.get(language, language) + plus + variant
        if self._library.espeak_SetVoiceByName(name.encode()) != 0:
            raise LookupError(voice)

    def set_speed(self, factor: float) -> None:
        """Times as fast; espeak-ng itself goes no slower than 80 words a minute, 0.46."""
        rate = round(WORDS_PER_MINUTE * factor)
        self._library.espeak_SetParameter(PARAMETER_RATE, rate, 0)

    def speak(self, text: str, sink: Sink, *, phonemes: bool = False) -> None:
        """Synthesise; `sink` takes each piece of audio with its marks, False ends it there.

        `phonemes`: text between [[ and ]] is mnemonics.
        """
        encoded = text.encode()
        self._sink, self._error = sink, None
        try:
            flags = CHARS_UTF8 | (PHONEMES if phonemes else 0)
            self._library.espeak_Synth(
                encoded, len(encoded) + 1, 0, POSITION_CHARACTER, 0, flags, None, None
            )
        finally:
            self._sink = None
        if self._error is not None:
            raise self._error

    def read(self, text: str, separator: str) -> tuple[str, str]:
        """The phonemes of the first clause of a text, parted: as mnemonics, and as IPA."""
        parted = ord(separator) << 8
        found = []
        for mode in (parted, parted | IPA):
            start = ctypes.c_char_p(text.encode())
            phonemes = self._library.espeak_TextToPhonemes(ctypes.byref(start), CHARS_UTF8, mode)
            found.append((phonemes or b"").decode())
        return found[0], found[1]

    def close(self) -> None:
        self._library.espeak_Terminate()

    def _list_languages(self) -> dict[str, str]:
        """Language to the file of its first voice, lower case."""
        voices = self._library.espeak_ListVoices(None)
        found: dict[str, str] = {}
        index = 0
        while voices[index]:
            voice = voices[index].contents
            index += 1
            # A voice of MBROLA needs a program that is not here.
            if not voice.identifier.startswith(b"mb/"):
                # One priority byte, then the name of the voice's first language.
                language = ctypes.string_at(voice.languages + 1).decode().lower()
                if language not in WITHOUT_DICTIONARY:
                    found.setdefault(language, voice.identifier.decode())
        return found

    def _on_audio(self, wave: object, samples: int, events: object) -> int:
        try:
            pcm = np.zeros(0, np.int16)
            if samples > 0:
                pcm = np.frombuffer(ctypes.string_at(wave, samples * 2), np.int16)  # type: ignore[arg-type]
            marks = _marks(events)
            go_on = self._sink is not None and self._sink(pcm, marks)
        except Exception as error:  # noqa: BLE001  (C calls this: nothing may propagate; raised by speak)
            self._error = error
            go_on = False
        return 0 if go_on else 1


def _marks(events: object) -> list[Mark]:
    marks = []
    for index in range(1 << 16):
        event = events[index]  # type: ignore[index]
        if event.type == EVENT_END_OF_LIST:
            break
        if event.type == EVENT_WORD:
            marks.append(Mark(event.text_position - 1, event.audio_position))
        elif event.type == EVENT_END:
            marks.append(Mark(-1, event.audio_position))
    return marks
