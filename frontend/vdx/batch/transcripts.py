"""The transcript of a recording, in the formats of the OpenAI API and `vdx transcribe`."""

import itertools
import json
import math
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from vdx.batch.files import Segment
from vdx.batch.subtitles import srt, vtt
from vdx.core.language_names import NAMES
from vdx.core.language_tags import primary_subtag

FORMATS: Final = ("json", "text", "srt", "verbose_json", "vtt", "diarized_json")
GRANULARITIES: Final = ("segment", "word")
SMALLEST: Final = 1e-4
"""A lower confidence counts as this, because its logarithm is taken."""
TRANSLATED: Final = "en"
"""What translations are in."""


@dataclass(frozen=True, slots=True)
class Document:
    """A whole transcript; `language` is a BCP-47 tag, empty if nobody named it.

    `channels` is how many sides are told apart, 0 where they are not. `translated`: it is English,
    whatever was said.
    """

    segments: Sequence[Segment]
    seconds: float
    language: str = ""
    channels: int = 0
    translated: bool = False

    @property
    def text(self) -> str:
        return " ".join(segment.text for segment in self.segments)

    @property
    def said_in(self) -> str:
        """The language that was named, else that in which most was heard; empty if unknown."""
        if self.translated:
            return TRANSLATED
        heard = Counter[str]()
        for segment in self.segments:
            if segment.language:
                heard[segment.language] += segment.end_ms - segment.start_ms
        return self.language or (heard.most_common(1)[0][0] if heard else "")

    def as_json(self) -> dict[str, Any]:
        """`json`: the text, that of each side, and the seconds of audio that were worked on."""
        return {"text": self.text, **self.sides(), "usage": self.usage()}

    def sides(self) -> dict[str, Any]:
        """The text of each channel, where they are told apart."""
        if not self.channels:
            return {}
        # A file that is joined behind the first one may have more of them.
        count = max([self.channels, *(s.channel + 1 for s in self.segments)])
        said = [[s.text for s in self.segments if s.channel == n] for n in range(count)]
        return {"channels": [{"channel": n, "text": " ".join(t)} for n, t in enumerate(said)]}

    def usage(self) -> dict[str, Any]:
        return {"type": "duration", "seconds": math.ceil(self.seconds)}

    def verbose(self, granularities: Sequence[str] = GRANULARITIES) -> dict[str, Any]:
        """`verbose_json`: with segments, words or both; times in seconds."""
        primary = primary_subtag(self.said_in)
        found: dict[str, Any] = {
            "task": "translate" if self.translated else "transcribe",
            "language": NAMES.get(primary, primary),
            "duration": round(self.seconds, 3),
            "text": self.text,
            **self.sides(),
        }
        if "segment" in granularities:
            found["segments"] = [_segment(n, s) for n, s in enumerate(self.segments)]
        if "word" in granularities:
            found["words"] = [
                {"word": w.word, "start": w.start_ms / 1000, "end": w.end_ms / 1000}
                | ({"channel": segment.channel} if self.channels else {})
                for segment in self.segments
                for w in segment.words
            ]
        return found | {"usage": self.usage()}

    def diarized(self) -> dict[str, Any]:
        """`diarized_json`: every segment with its speaker."""
        return {
            "task": "transcribe",
            "duration": round(self.seconds, 3),
            "text": self.text,
            "segments": [diarized_segment(n, s) for n, s in enumerate(self.segments)],
            "usage": self.usage(),
        }

    def rendered(self, form: str, granularities: Sequence[str] = GRANULARITIES) -> str:
        """The document in one of FORMATS."""
        if form in ("srt", "vtt"):
            labelled = [replace(s, label=self._label(s)) for s in self.segments]
            return srt(labelled) if form == "srt" else vtt(labelled)
        if form == "text":
            return self._plain() + "\n"
        shapes = {"verbose_json": lambda: self.verbose(granularities), "json": self.as_json}
        found = shapes.get(form, self.diarized)()
        return json.dumps(found, ensure_ascii=False)

    def _label(self, segment: Segment) -> str:
        return segment.speaker or (f"channel {segment.channel}" if self.channels else "")

    def _plain(self) -> str:
        """The text; where sides are told apart, a line for each time one of them speaks."""
        if not self.channels and not any(segment.speaker for segment in self.segments):
            return self.text
        turns = itertools.groupby(self.segments, self._label)
        return "\n".join(f"{who}: {' '.join(s.text for s in said)}" for who, said in turns)


def _segment(number: int, segment: Segment) -> dict[str, Any]:
    """A segment in Whisper's form; fields that only Whisper has (tokens, seek) are empty."""
    packed = len(zlib.compress(segment.text.encode()))
    return {
        "id": number,
        "seek": segment.start_ms // 10,
        "start": segment.start_ms / 1000,
        "end": segment.end_ms / 1000,
        "text": segment.text,
        "channel": segment.channel,
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": round(math.log(max(segment.confidence, SMALLEST)), 4),
        "compression_ratio": round(len(segment.text.encode()) / packed, 4),
        "no_speech_prob": 0.0,  # the detector found speech, or there would be no segment
    }


def diarized_segment(number: int, segment: Segment) -> dict[str, Any]:
    """A segment of `diarized_json`, which is the event of a stream too."""
    return {
        "type": "transcript.text.segment",
        "id": f"seg_{number}",
        "start": segment.start_ms / 1000,
        "end": segment.end_ms / 1000,
        "text": segment.text,
        "speaker": segment.speaker,
        "channel": segment.channel,
    }
