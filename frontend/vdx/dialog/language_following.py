"""Follows the language of the person, turn by turn, where a session is asked to (`language: auto`).

The recogniser says with every transcript which language it heard, and how sure it is. A turn is
answered in the language that holds when it is understood; a reply that plays keeps its own.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol

from vdx.core.events import Transcript, TranscriptKind
from vdx.core.language_tags import primary_subtag
from vdx.core.logs import logger
from vdx.core.voice_choice import VoiceChoice
from vdx.dialog.ids import SessionIds
from vdx.dialog.profiles import SessionOptions
from vdx.dialog.session_events import LanguageChanged, LanguageHeard, SessionEvent
from vdx.dialog.tasks import Work
from vdx.speech.text.writing_systems import is_unspaced

log = logger(__name__)

SEVERAL_WORDS: Final = 0.5
"""Probability from which a turn of two words or more changes the language."""
ONE_WORD: Final = 0.8
"""And one of a single word: "no", "ok" and names are the same in many languages."""
REPEATED: Final = 0.3
"""And one after another turn in that language, which was not sure enough either."""
CHARACTERS_OF_A_WORD: Final = 2
"""Where there are no spaces."""
VOICE_S: Final = 5.0
"""How long a reply waits for its voice, which may have to be loaded."""


@dataclass(frozen=True, slots=True)
class LanguageModels:
    """What speaks a language, and tells the end of turns in it; no `voice`: none here does."""

    voice: VoiceChoice | None
    endpointer: str = ""


FindModels = Callable[[SessionOptions, str, VoiceChoice | None], Awaitable[LanguageModels]]
"""The models for a language; the voice, which spoke it before, is taken where it still can."""


class LanguageJudge:
    """Decides whether a turn changes the language; remembers the last one that was in doubt."""

    def __init__(self) -> None:
        self._doubted = ("", -1)

    def changes(self, heard: Transcript, current: str) -> bool:
        """Whether to go over from `current` to the language that was heard."""
        language = primary_subtag(heard.language)
        if language == primary_subtag(current):
            self._doubted = ("", -1)
            return False
        doubted, utterance = self._doubted
        repeated = doubted == language and utterance != heard.utterance
        needed = SEVERAL_WORDS if _words(heard.text) > 1 else ONE_WORD
        if heard.language_probability >= (REPEATED if repeated else needed):
            self._doubted = ("", -1)
            return True
        if not repeated:
            self._doubted = (language, heard.utterance)
        return False


def _words(text: str) -> int:
    unspaced = sum(is_unspaced(each) for each in text)
    return len(text.split()) + unspaced // CHARACTERS_OF_A_WORD - (unspaced > 0)


class Followed(Protocol):
    """The part of a session that is used here."""

    options: SessionOptions
    ids: SessionIds

    def update(self, options: SessionOptions) -> None: ...
    def change(self, options: SessionOptions) -> None: ...
    def emit(self, event: SessionEvent) -> None: ...
    def spawn(self, work: Work, name: str) -> None: ...


class LanguageFollowing:
    """Changes the language of one session; `find` says which models there are for it."""

    def __init__(self, session: Followed, find: FindModels | None) -> None:
        self._session = session
        self._find = find
        self._judge = LanguageJudge()
        self._before: dict[str, SessionOptions] = {}
        """Primary subtag -> what it was spoken with here: its whole tag, its voice."""
        self._awaited = ""
        """The language that was gone over to last, whose voice replies wait for."""
        self._settled = asyncio.Event()
        self._settled.set()

    def heard(self, transcript: Transcript) -> None:
        """Takes a transcript that is part of a turn, before it is answered."""
        options = self._session.options
        told = transcript.language and transcript.text.strip()
        if not options.follows_language or not told or transcript.kind is TranscriptKind.PARTIAL:
            return
        if self._judge.changes(transcript, options.language):
            self._go_over(primary_subtag(transcript.language))
        if transcript.kind is TranscriptKind.FINAL:
            self._session.emit(
                LanguageHeard(
                    self._session.ids.utterance(transcript.utterance),
                    primary_subtag(transcript.language),
                    transcript.language_probability,
                    self._session.options.language,
                )
            )

    async def settled(self) -> None:
        """Waits until the voice of the language is there, VOICE_S at most."""
        try:
            async with asyncio.timeout(VOICE_S):
                await self._settled.wait()
        except TimeoutError:
            log.warning(
                "the voice of the language is late", language=self._session.options.language
            )

    def _go_over(self, language: str) -> None:
        """The language changes at once, the voice when it is there."""
        options = self._session.options
        if options.voice_language is None:
            self._before[primary_subtag(options.language)] = options
        if (before := self._before.get(language)) is not None:
            language = before.language
        self._session.update(options.updated(language=language, voice_language=""))
        if self._find is not None:
            self._awaited = language
            self._settled.clear()
            self._session.spawn(lambda: self._take_models(language), f"language-{language}")

    async def _take_models(self, language: str) -> None:
        try:
            options = self._session.options
            if self._find is None or not options.voice or options.text_only:
                return
            before = self._before.get(primary_subtag(language))
            voice = before.voice_choice if before is not None else None
            found = await self._find(options, language, voice)
            if self._session.options.language == language:
                self._take(found, language)
        finally:
            if self._awaited == language:
                self._settled.set()

    def _take(self, found: LanguageModels, language: str) -> None:
        options = self._session.options.updated(endpointer=found.endpointer)
        if found.voice is not None:
            options = options.updated(voice_choice=found.voice, voice_language=None)
        if options.voice_choice == self._session.options.voice_choice:
            self._session.update(options)
        else:
            self._session.change(options)
        voice, speaks = str(options.voice_choice), found.voice is not None
        log.info("language changed", language=language, voice=voice, voice_speaks_it=speaks)
        self._session.emit(LanguageChanged(language, voice, speaks))
