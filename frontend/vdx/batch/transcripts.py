"""The transcript of a recording, in the formats of the OpenAI API and `vdx transcribe`."""

import json
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from vdx.batch.files import Segment
from vdx.batch.subtitles import srt, vtt
from vdx.core.language_names import NAMES
from vdx.core.language_tags import primary_subtag

FORMATS: Final = ("json", "text", "srt", "verbose_json", "vtt")
GRANULARITIES: Final = ("segment", "word")
SMALLEST: Final = 1e-4
"""A lower confidence counts as this, because its logarithm is taken."""


@dataclass(frozen=True, slots=True)
class Document:
    """A whole transcript; `language` is a BCP-47 tag, empty if unknown."""

    segments: Sequence[Segment]
    seconds: float
    language: str = ""

    @property
    def text(self) -> str:
        return " ".join(segment.text for segment in self.segments)

    def as_json(self) -> dict[str, Any]:
        """`json`: the text, and the seconds of audio that were worked on."""
        return {"text": self.text, "usage": self.usage()}

    def usage(self) -> dict[str, Any]:
        return {"type": "duration", "seconds": math.ceil(self.seconds)}

    def verbose(self, granularities: Sequence[str] = GRANULARITIES) -> dict[str, Any]:
        """`verbose_json`: with segments, words or both; times in seconds."""
        primary = primary_subtag(self.language)
        found: dict[str, Any] = {
            "task": "transcribe",
            "language": NAMES.get(primary, primary),
            "duration": round(self.seconds, 3),
            "text": self.text,
        }
        if "segment" in granularities:
            found["segments"] = [_segment(n, s) for n, s in enumerate(self.segments)]
        if "word" in granularities:
            found["words"] = [
                {"word": w.word, "start": w.start_ms / 1000, "end": w.end_ms / 1000}
                for segment in self.segments
                for w in segment.words
            ]
        return found | {"usage": self.usage()}

    def rendered(self, form: str, granularities: Sequence[str] = GRANULARITIES) -> str:
        """The document in one of FORMATS."""
        if form == "srt":
            return srt(self.segments)
        if form == "vtt":
            return vtt(self.segments)
        if form == "text":
            return self.text + "\n"
        found = self.verbose(granularities) if form == "verbose_json" else self.as_json()
        return json.dumps(found, ensure_ascii=False)


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
