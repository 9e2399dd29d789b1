"""What the person said since the agent spoke last, for voices that hear it before they answer.

Such a voice (capability `hears_user`) is given the sound with the first clause of a reply and
remembers it with the conversation, so each turn is sent once.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from vdx.core.audio import LISTEN_RATE, SAMPLE_BYTES
from vdx.core.events import SpeechChunk
from vdx.core.logs import logger
from vdx.speech.output.tts import HeardTurn, Synthesize, Voice

log = logger(__name__)

MOST_BYTES: Final = 30 * LISTEN_RATE * SAMPLE_BYTES
MOST_CHARACTERS: Final = 1000
"""What the contract of voices allows."""


class UserTurn:
    """Sound is kept only while `wanted`, from its utterance's end until a reply to it begins."""

    def __init__(self, wanted: Callable[[], bool]) -> None:
        self.audio_of: Callable[[int | None], bytes] = lambda _: b""
        """The sound of an utterance, None: of the one under way; int16 16 kHz mono, empty where it
        is not known."""
        self._wanted = wanted
        self._said: list[HeardTurn] = []

    def commit(self, utterance: int | None, text: str) -> None:
        """An utterance has become a part of the turn; None: `text` was typed in its place."""
        if utterance is None or not self._wanted():
            self._said.clear()
            return
        self._said.append(HeardTurn(self.audio_of(utterance), text))
        if sum(len(part.audio) for part in self._said) > MOST_BYTES:
            self._said = [HeardTurn(b"", "")]

    def answered(self) -> None:
        """A reply to it begins."""
        self._said.clear()

    def so_far(self, transcript: str = "") -> HeardTurn | None:
        """The turn, with the utterance under way where its `transcript` is given.

        None where nothing was said, or more than a voice can be given.
        """
        if not self._wanted():
            return None
        said = list(self._said)
        if transcript:
            said.append(HeardTurn(self.audio_of(None), transcript))
        if not said:
            return None
        whole = HeardTurn(
            b"".join(part.audio for part in said), " ".join(part.text for part in said)
        )
        if (
            not all(part.audio for part in said)
            or len(whole.audio) > MOST_BYTES
            or len(whole.text) > MOST_CHARACTERS
        ):
            log.info(
                "the voice is not given what was said: too long, or its sound is gone",
                utterances=len(said),
            )
            return None
        return whole


def hearing_first(synthesize: Synthesize, heard: HeardTurn) -> Synthesize:
    """Asks for clauses with what was `heard`, until one has been spoken to its end."""
    told = False

    async def asked(voice: Voice, text: str) -> AsyncGenerator[SpeechChunk, None]:
        nonlocal told
        of = voice if told else replace(voice, heard=heard)
        async with aclosing(synthesize(of, text)) as chunks:
            async for chunk in chunks:
                yield chunk
        told = True

    return asked
