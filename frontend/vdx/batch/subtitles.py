"""Subtitles: the SubRip (.srt) and WebVTT (.vtt) forms of a transcript.

WebVTT is a W3C recommendation; SubRip has no standard, its form is that of the program it is
named after, as players read it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from vdx.batch.files import Segment

LINE_CHARS: Final = 42
LINES: Final = 2
"""What broadcasters show at once (about 37 to 42 characters: BBC subtitle guidelines)."""
GAP_MS: Final = 1_500
"""A pause between two words that parts them into two cues."""


@dataclass(frozen=True, slots=True)
class Cue:
    """What is shown from `start_ms` to `end_ms`, counted from the start of the recording.

    `label` says who speaks, empty where that is not told.
    """

    start_ms: int
    end_ms: int
    text: str
    label: str = ""


def cues(segments: Iterable[Segment]) -> Iterator[Cue]:
    """A cue for each segment; long ones are parted between words where their times are known."""
    for segment in segments:
        if not segment.text:
            continue
        if len(segment.text) <= LINE_CHARS * LINES or not segment.words:
            yield Cue(segment.start_ms, segment.end_ms, _wrapped(segment.text), segment.label)
        else:
            yield from _parted(segment)


def srt(segments: Iterable[Segment]) -> str:
    """A whole SubRip file; empty where nobody speaks. A label stands in brackets."""
    return "\n".join(
        f"{number}\n{_clock(cue.start_ms, ',')} --> {_clock(cue.end_ms, ',')}\n"
        f"{f'[{cue.label}] ' if cue.label else ''}{cue.text}\n"
        for number, cue in enumerate(cues(segments), 1)
    )


def vtt(segments: Iterable[Segment]) -> str:
    """A whole WebVTT file; a label is a voice span."""
    blocks = (
        f"\n{_clock(cue.start_ms, '.')} --> {_clock(cue.end_ms, '.')}\n"
        f"{f'<v {_escaped(cue.label)}>' if cue.label else ''}{_escaped(cue.text)}\n"
        for cue in cues(segments)
    )
    return "WEBVTT\n" + "".join(blocks)


def _parted(segment: Segment) -> Iterator[Cue]:
    """Cues of whole words, each at most two lines long; times are those of the words."""
    said: list[str] = []
    start = end = 0
    for word in segment.words:
        long = len(" ".join([*said, word.word])) > LINE_CHARS * LINES
        if said and (long or word.start_ms - end > GAP_MS):
            yield Cue(start, end, _wrapped(" ".join(said)), segment.label)
            said = []
        if not said:
            start = word.start_ms
        said.append(word.word)
        end = word.end_ms
    if said:
        yield Cue(start, end, _wrapped(" ".join(said)), segment.label)


def _wrapped(text: str) -> str:
    import textwrap

    # Two full lines may not part evenly into two of words: the limit is for the eye, not a law.
    lines = textwrap.wrap(text, LINE_CHARS, break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _clock(ms: int, point: str) -> str:
    seconds, rest = divmod(ms, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{rest:03}"
