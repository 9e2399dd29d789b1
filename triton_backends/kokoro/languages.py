"""Which front end reads a language; the others are refused by name."""

import threading
from collections.abc import Callable, Iterable

from triton_backends.kokoro.espeak_front_end import BRITISH, EspeakFrontEnd
from triton_backends.kokoro.japanese import JapaneseFrontEnd
from triton_backends.kokoro.spoken import FrontEnd
from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.espeak_library import EspeakLibrary
from triton_backends.shared.language_tags import primary_subtag

BY_LETTER = {
    "a": "en-US",
    "b": "en-GB",
    "e": "es",
    "f": "fr-FR",
    "h": "hi",
    "i": "it",
    "j": "ja",
    "p": "pt-BR",
    "z": "zh",
}
"""The language of a style, by the first letter of its name."""
ESPEAK = {
    "en-US": "en-us",
    "en-GB": BRITISH,
    "es": "es",
    "fr-FR": "fr",
    "hi": "hi",
    "it": "it",
    "pt-BR": "pt-br",
}
JAPANESE = "ja"
SUPPORTED = (*ESPEAK, JAPANESE)
JAPANESE_LACKS = (
    "LANGUAGE 'ja': its libraries are not installed; run `vdx setup --japanese` and load the model "
    "again"
)


def language_of(style: str) -> str:
    """The language a style was trained on, a BCP-47 tag; empty where its name does not tell."""
    return BY_LETTER.get(style[:1], "")


def supported(styles: Iterable[str]) -> tuple[str, ...]:
    """The languages of some styles that can be read here."""
    found = dict.fromkeys(language_of(style) for style in styles)
    return tuple(each for each in found if each in SUPPORTED)


class FrontEnds:
    """Every front end, made when it is first needed; safe to call from any thread."""

    def __init__(self) -> None:
        self._made: dict[str, FrontEnd] = {}
        self._library: EspeakLibrary | None = None
        self._lock = threading.Lock()

    def of(self, wanted: str, style: str) -> FrontEnd:
        """For a LANGUAGE, or where none is asked for that of the style.

        Raises InvalidArgument for a language that nothing here reads; lists those that are.
        """
        tag = _resolved(wanted) if wanted else language_of(style) or "en-US"
        if tag not in SUPPORTED:
            asked = f"LANGUAGE {wanted!r}" if wanted else f"SPEAKER {style!r} speaks {tag!r}"
            raise InvalidArgument(f"{asked}: Kokoro's languages here are {', '.join(SUPPORTED)}")
        make = self._japanese if tag == JAPANESE else self._espeak(tag)
        with self._lock:
            if tag not in self._made:
                self._made[tag] = make()
            return self._made[tag]

    def can_read(self, tag: str) -> bool:
        """Whether the libraries for it are installed."""
        try:
            self.of(tag, "")
        except InvalidArgument:
            return False
        return True

    def _japanese(self) -> FrontEnd:
        try:
            return JapaneseFrontEnd()
        except ImportError as error:
            raise InvalidArgument(f"{JAPANESE_LACKS} ({error})") from None

    def _espeak(self, tag: str) -> Callable[[], FrontEnd]:
        def make() -> FrontEnd:
            self._library = self._library or EspeakLibrary()
            return EspeakFrontEnd(self._library, ESPEAK[tag])

        return make


def _resolved(tag: str) -> str:
    primary = primary_subtag(tag)
    if primary == "en":
        british = "gb" in tag.lower().replace("_", "-").split("-")
        return "en-GB" if british else "en-US"
    return next((each for each in SUPPORTED if primary_subtag(each) == primary), tag)
