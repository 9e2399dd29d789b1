"""The csm engine: what it streams is what the library generates, whoever else speaks."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.unit.backends.csm.conftest import said
from tests.unit.backends.interleaving import in_turn
from triton_backends.shared.contract import REFERENCE_RATE, TtsRequest
from triton_backends.shared.errors import InvalidArgument

pytestmark = pytest.mark.neural

TEXT, OTHER = "Hello there.", "And you?"
EXACT = 1e-5
"""Of the loudest sample."""


def turn(text: str, audio: np.ndarray | None = None, role: str = "0") -> dict[str, Any]:
    content: list[dict[str, Any]] = [{"type": "text", "text": text}]
    if audio is not None:
        content.append({"type": "audio", "path": audio})
    return {"role": role, "content": content}


def generated(library: Any, turns: list[dict[str, Any]], frames: int) -> Any:
    """What the library says without drawing at random: codes [frames, codebooks]."""
    model, processor = library
    inputs = processor.apply_chat_template(turns, tokenize=True, return_dict=True)
    told = {"do_sample": False, "depth_decoder_do_sample": False}
    return model.generate(**inputs, max_new_tokens=frames, **told)[0]


def decoded(library: Any, codes: Any) -> np.ndarray:
    import torch

    with torch.no_grad():
        audio = library[0].codec_model.decode(codes.T[None]).audio_values[0, 0]
    return np.asarray(audio.numpy())


def difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    assert ours.shape == theirs.shape
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def frames_of(engine: Any, text: str, **asked: Any) -> int:
    return said(engine, text, **asked).size // engine.network.frame_samples


def test_a_stream_is_what_the_library_generates_at_once(engine: Any, library: Any) -> None:
    from triton_backends.csm.frames import FrameLoop, Sampling
    from triton_backends.csm.prompts import prompt

    given = prompt(engine.network, 0, TEXT, [], 0, 40)
    loop = FrameLoop(engine.network, given, Sampling(top_k=1, depth_top_k=1), 0, 12)
    theirs = generated(library, [turn(TEXT)], 12)
    ours = list(loop)
    assert len({tuple(frame.tolist()) for frame in ours}) > 6, "the frames differ"
    assert [frame.tolist() for frame in ours] == theirs.tolist()

    heard = said(engine, TEXT)
    count = heard.size // engine.network.frame_samples
    codes = generated(library, [turn(TEXT)], count)
    assert difference(heard, decoded(library, codes)) < EXACT


@pytest.mark.parametrize("window", [1, 3, 4])
def test_a_long_stream_of_audio_is_one_decode(engine: Any, library: Any, window: int) -> None:
    import torch

    from triton_backends.csm.mimi import MimiStream

    codes = torch.randint(0, engine.network.codes, (150, engine.network.codebooks))
    stream = MimiStream(engine.network)
    parts = [stream.decode(list(codes[at : at + window])) for at in range(0, 150, window)]
    assert difference(np.concatenate(parts), decoded(library, codes)) < EXACT


def recording(seconds: float, pitch: float = 150.0) -> np.ndarray:
    times = np.arange(int(seconds * REFERENCE_RATE)) / REFERENCE_RATE
    return (np.mod(times * pitch, 1.0) * 8000).astype(np.int16)


def test_a_recording_is_heard_before_the_text(engine: Any, library: Any) -> None:
    audio = recording(3.1)
    heard = said(engine, TEXT, reference_audio=audio, reference_text="What it says.")
    count = heard.size // engine.network.frame_samples
    before = turn("What it says.", audio.astype(np.float32) / 32768)
    codes = generated(library, [before, turn(TEXT)], count)
    assert difference(heard, decoded(library, codes)) < EXACT
    assert not np.array_equal(heard, said(engine, TEXT))


def test_what_was_said_before_in_the_conversation_is_heard(load: Callable[..., Any]) -> None:
    from triton_backends.csm.prompts import prompt

    engine = load(context_seconds="8")
    alone = said(engine, OTHER)
    assert np.array_equal(alone, said(engine, OTHER, session="a")), "the first of its session"
    second = said(engine, TEXT, session="a")
    assert not np.array_equal(second, said(engine, TEXT, session="b"))
    [first, last] = engine.conversations.before("a", "")
    assert (first.text, last.text) == (OTHER, TEXT)
    assert len(last.codes) == second.size // engine.network.frame_samples
    network = engine.network
    given = prompt(network, 0, "Well.", [first, last], 0, 10)
    texts = sum(len(network.text_ids(0, each)) for each in (OTHER, TEXT, "Well."))
    assert given.shape[1] == texts + len(first.codes) + len(last.codes) + 2
    assert engine.conversations.before("a", "1") == [], "another speaker"
    said(load(context_seconds="0"), TEXT, session="a")


def test_the_person_is_heard_as_the_library_hears_them(
    load: Callable[..., Any], library: Any
) -> None:
    """Two turns of a conversation, one of each, change the tokens as `generate()` has them."""
    engine, audio = load(context_seconds="20"), recording(2.0, pitch=90)
    asked = {"session": "a", "heard_audio": audio, "heard_text": "Who is there?"}
    first = said(engine, TEXT, **asked)
    person = turn("Who is there?", audio.astype(np.float32) / 32768, role="1")
    count = first.size // engine.network.frame_samples
    codes = generated(library, [person, turn(TEXT)], count)
    [heard, spoken] = engine.conversations.before("a", "")
    assert spoken.codes.tolist() == codes.tolist()
    assert difference(first, decoded(library, codes)) < EXACT
    assert (heard.role, heard.text) == (1, "Who is there?")
    assert not np.array_equal(first, said(engine, TEXT)), "the person changes how it speaks"


def test_the_person_is_heard_once_and_with_the_conversation_alone(load: Callable[..., Any]) -> None:
    engine, audio = load(context_seconds="20"), recording(2.0)
    asked = {"session": "a", "heard_audio": audio, "heard_text": "Who?"}
    given_up = engine.synthesize(TtsRequest(TEXT, **asked))
    next(given_up)
    given_up.close()
    said(engine, TEXT, **asked)
    assert [each.text for each in engine.conversations.before("a", "")] == ["Who?", TEXT]
    assert engine.conversations.before("b", "") == []
    said(engine, TEXT, heard_audio=audio, heard_text="Who?")
    assert len(engine.conversations) == 1, "of no session nothing is remembered"
    told: list[bool] = []
    engine.references.tell = told.append
    said(engine, TEXT, **asked)
    assert told == [], "it is no recording whose codes are kept"


@pytest.mark.parametrize("context", ["0", "1"])
def test_a_turn_longer_than_what_is_remembered_is_not_heard(
    load: Callable[..., Any], context: str
) -> None:
    asked = {"heard_audio": recording(2.0), "heard_text": "Who?", "session": "a"}
    engine = load(context_seconds=context)
    alone = said(engine, TEXT, session="b")
    assert np.array_equal(said(engine, TEXT, **asked), alone)


def test_a_turn_that_went_on_after_a_pause_is_heard_once(load: Callable[..., Any]) -> None:
    engine, audio = load(context_seconds="20"), recording(3.0, pitch=90)
    for seconds, text in ((1.5, "Go"), (3.0, "Go home")):
        part = audio[: int(seconds * 24_000)]
        asked = engine.synthesize(TtsRequest(TEXT, session="a", heard_audio=part, heard_text=text))
        next(asked)
        asked.close()
    assert [each.text for each in engine.conversations.before("a", "")] == ["Go home"]
    other = recording(3.0, pitch=140)
    said(engine, TEXT, session="a", heard_audio=other, heard_text="No")
    texts = [each.text for each in engine.conversations.before("a", "")]
    assert texts == ["Go home", "No", TEXT]


def test_audio_begins_after_one_frame_and_ends_with_the_request(
    engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from triton_backends.csm.frames import FrameLoop

    frames: list[int] = []
    frame = FrameLoop._frame
    monkeypatch.setattr(FrameLoop, "_frame", lambda self: frames.append(1) or frame(self))
    chunks = engine.synthesize(TtsRequest(TEXT))
    assert next(chunks).pcm.size == engine.network.frame_samples
    assert len(frames) == 1
    next(chunks)
    assert len(frames) == 2, "a point to close it at after each frame"
    chunks.close()
    assert len(frames) == 2, "nothing is computed after it was closed"


def test_two_sessions_in_turn_each_speak_as_if_alone(load: Callable[..., Any]) -> None:
    engine = load(seed="4", top_k="20", depth_top_k="20")
    alone = [said(engine, text) for text in (TEXT, OTHER)]
    streams = [engine.synthesize(TtsRequest(text)) for text in (TEXT, OTHER)]
    for own, heard in zip(alone, in_turn(streams), strict=True):
        assert np.array_equal(own, heard)


def test_a_seed_draws_the_same_again(load: Callable[..., Any]) -> None:
    seeded = load(seed="5", top_k="50", depth_top_k="50")
    ours = said(seeded, OTHER)
    assert np.array_equal(ours, said(seeded, OTHER))
    assert not np.array_equal(ours, said(load(seed="6", top_k="50", depth_top_k="50"), OTHER))


def test_caches_of_a_fixed_size_give_the_same_codes(load: Callable[..., Any], engine: Any) -> None:
    fixed = load(static_cache="true")
    for text in (TEXT, OTHER):
        assert difference(said(fixed, text), said(engine, text)) < EXACT


def test_a_text_beyond_the_limit_is_spoken_in_clauses(load: Callable[..., Any]) -> None:
    engine = load(most_characters="20")
    one = frames_of(engine, "One two three four,")
    assert frames_of(engine, "One two three four, five six seven.") > 1.5 * one


def test_streaming_computes_at_most_a_third_more_than_at_once(engine: Any, library: Any) -> None:
    """Processor time of this thread, the least of three: others use the machine too."""
    count = frames_of(engine, TEXT)

    def once() -> None:
        decoded(library, generated(library, [turn(TEXT)], count))

    def least(work: Callable[[], Any]) -> float:
        took = []
        for _ in range(3):
            began = time.thread_time()
            work()
            took.append(time.thread_time() - began)
        return min(took)

    assert least(lambda: said(engine, TEXT)) < 1.3 * least(once)


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"speaker": "Nobody"}, "SPEAKER 'Nobody': the speakers here are 0 to 9"),
        ({"language": "fi"}, "LANGUAGE 'fi': this model speaks en"),
        ({"speed": 1.5}, "SPEED 1.5: this model cannot change"),
        ({"reference_audio": recording(3)}, "REFERENCE_TEXT is missing"),
        ({"reference_audio": recording(1), "reference_text": "a"}, "REFERENCE_AUDIO has 1.0 s"),
        ({"heard_audio": recording(2)}, "HEARD_TEXT is missing"),
        ({"heard_text": "a"}, "HEARD_AUDIO is missing"),
        ({"heard_audio": recording(2), "heard_text": "<|AUDIO|>"}, "HEARD_TEXT has '<|AUDIO|>'"),
        ({"text": "a <|AUDIO|> b"}, "TEXT has '<|AUDIO|>', a mark of the model's own"),
    ],
    ids=[
        "speaker",
        "language",
        "speed",
        "no words",
        "short",
        "no words heard",
        "no sound heard",
        "heard mark",
        "mark",
    ],
)
def test_a_request_that_cannot_be_is_refused(
    engine: Any, asked: dict[str, Any], reason: str
) -> None:
    import re

    with pytest.raises(InvalidArgument, match=re.escape(reason)):
        next(engine.synthesize(TtsRequest(**({"text": "Hello."} | asked))))


def test_a_reference_that_leaves_no_room_is_refused(engine: Any) -> None:
    with pytest.raises(InvalidArgument, match="longer than the model's memory"):
        said(engine, "a" * 300, reference_audio=recording(30), reference_text="b" * 1000)
