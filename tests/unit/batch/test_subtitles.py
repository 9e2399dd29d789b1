"""Subtitles and the other written forms of a transcript."""

import json
from itertools import pairwise

from vdx.batch.files import Segment
from vdx.batch.subtitles import LINE_CHARS, cues, srt, vtt
from vdx.batch.transcripts import Document
from vdx.core.events import Word


def spoken(text: str, start_ms: int, word_ms: int = 300, gap_after: int | None = None) -> Segment:
    words, at = [], start_ms
    for number, word in enumerate(text.split()):
        words.append(Word(word, at, at + word_ms - 20))
        at += word_ms + (3_000 if number == gap_after else 0)
    return Segment(start_ms, at, text, 0.5, tuple(words))


SHORT = Segment(1_234, 3_723_999, "Tom & Jerry <3")


def test_srt_and_vtt_count_in_their_own_way() -> None:
    assert srt([SHORT]) == "1\n00:00:01,234 --> 01:02:03,999\nTom & Jerry <3\n"
    assert vtt([SHORT]) == ("WEBVTT\n\n00:00:01.234 --> 01:02:03.999\nTom &amp; Jerry &lt;3\n")
    assert (srt([]), vtt([])) == ("", "WEBVTT\n")


def test_cues_are_numbered_and_parted_by_an_empty_line() -> None:
    written = srt([Segment(0, 10, "a"), Segment(10, 20, ""), Segment(20, 30, "b")])
    assert written.split("\n\n")[1].startswith("2\n00:00:00,020 --> 00:00:00,030\nb")


def test_a_long_segment_is_parted_between_words() -> None:
    text = " ".join(f"word{number}" for number in range(60))
    found = list(cues([spoken(text, 500)]))
    assert " ".join(cue.text.replace("\n", " ") for cue in found) == text
    assert all(len(line) <= LINE_CHARS for cue in found for line in cue.text.split("\n"))
    assert all(a.end_ms <= b.start_ms for a, b in pairwise(found))
    assert found[0].start_ms == 500


def test_a_long_pause_parts_a_long_segment() -> None:
    text = " ".join(["word"] * 30)
    assert next(iter(cues([spoken(text, 0, gap_after=1)]))).text == "word word"


def test_without_word_times_a_segment_is_one_cue() -> None:
    (cue,) = cues([Segment(0, 9_000, "word " * 60)])
    assert (cue.start_ms, cue.end_ms) == (0, 9_000)


DOCUMENT = Document(
    [spoken("one two", 0), Segment(4_000, 5_000, "drei", 0.9, channel=1)], 5.5, "de-AT"
)


def test_the_forms_of_the_api() -> None:
    assert DOCUMENT.rendered("text") == "one two drei\n"
    assert json.loads(DOCUMENT.rendered("json")) == {
        "text": "one two drei",
        "usage": {"type": "duration", "seconds": 6},
    }
    assert DOCUMENT.rendered("srt").startswith("1\n")
    assert DOCUMENT.rendered("vtt").startswith("WEBVTT")
    verbose = json.loads(DOCUMENT.rendered("verbose_json"))
    assert (verbose["language"], verbose["duration"], verbose["task"]) == (
        "german",
        5.5,
        "transcribe",
    )
    assert [s["text"] for s in verbose["segments"]] == ["one two", "drei"]
    assert [s["channel"] for s in verbose["segments"]] == [0, 1]
    assert verbose["segments"][1]["start"] == 4.0
    assert -0.2 < verbose["segments"][1]["avg_logprob"] < 0
    assert [w["word"] for w in verbose["words"]] == ["one", "two"]


def test_granularities_choose_what_is_told() -> None:
    assert "words" not in DOCUMENT.verbose(["segment"])
    assert "segments" not in DOCUMENT.verbose(["word"])
    assert Document([], 0.0).verbose()["language"] == ""
