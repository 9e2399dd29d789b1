"""The cosyvoice2 engine: the official stream, from the first hop on, whoever else speaks."""

import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cosyvoice_voice import CONFIG, OFFICIAL, WHY_NOT
from tests.unit.backends.cosyvoice2.conftest import recording, said
from triton_backends.shared.contract import TtsRequest
from triton_backends.shared.errors import InvalidArgument

pytestmark = pytest.mark.neural

TEXT, OTHER = "Hello there, my good friend.", "Another sentence, of other words."
HOP = 960
"""Samples of a token."""
NOWHERE = CONFIG.replace("cosyvoice.parts.Flow", "nowhere.Flow")
HELD = 8 * 480
"""Samples that a piece which is not the last holds back."""


@pytest.fixture
def decodes(engine: Any, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int, bool]]:
    """What the model's `token2wav` is asked for: where it starts, its tokens, whether it ends."""
    asked = []
    decode = engine.network._model.token2wav

    def told(**given: Any) -> Any:
        assert given["stream"] is not given["finalize"]
        asked.append((given["token_offset"], given["token"].shape[1], given["finalize"]))
        return decode(**given)

    monkeypatch.setattr(engine.network._model, "token2wav", told)
    return asked


def test_audio_begins_after_the_first_hop(
    engine: Any, decodes: list[tuple[int, int, bool]]
) -> None:
    for _ in range(2):  # the hop of one request is not that of the next
        decodes.clear()
        chunks = engine.synthesize(TtsRequest(TEXT))
        until = [chunk.pcm.size for chunk in chunks]
        sizes = [size for size in until if size]
        tokens = len(until) - 1
        assert until.index(sizes[0]) == 27, "25 tokens and three to look ahead at"
        assert sizes[0] == 25 * HOP - HELD
        assert decodes == [(0, 28, False), (25, tokens, True)]
        assert sum(sizes) == tokens * HOP


def test_the_same_seed_draws_the_same(load: Callable[..., Any], engine: Any) -> None:
    first = said(engine, TEXT)
    assert np.array_equal(first, said(engine, TEXT))
    other = said(load(seed="4"), TEXT)
    assert not np.array_equal(first[: other.size], other[: first.size])


def test_two_sessions_in_turn_each_speak_as_if_alone(engine: Any) -> None:
    asked = [TtsRequest(TEXT), TtsRequest(OTHER, reference_audio=recording(3))]
    alone = [np.concatenate([c.pcm for c in engine.synthesize(each)]) for each in asked]
    streams = [engine.synthesize(each) for each in asked]
    heard: list[list[np.ndarray]] = [[], []]
    open_ones = [0, 1]
    while open_ones:
        for index in list(open_ones):
            chunk = next(streams[index], None)
            if chunk is None:
                open_ones.remove(index)
            else:
                heard[index].append(chunk.pcm)
    for own, pieces in zip(alone, heard, strict=True):
        assert np.array_equal(own, np.concatenate(pieces))


def test_a_stream_that_is_closed_leaves_nothing(
    engine: Any, decodes: list[tuple[int, int, bool]]
) -> None:
    for wanted in (1, 40):
        chunks = engine.synthesize(TtsRequest(TEXT))
        for _ in range(wanted):
            next(chunks)
        assert engine.network.open_streams == 1
        before = list(decodes)
        chunks.close()
        assert engine.network.open_streams == 0
        assert decodes == before, "nothing is computed after it was closed"
    assert engine.network.open_streams == 0


@pytest.fixture
def asks(engine: Any, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """What the language model is given before the text: tokens of text and of sound."""
    given = []
    tokens = engine.network.tokens

    def told(ask: Any, *more: Any) -> Any:
        given.append((ask.before.shape[1], ask.heard.shape[1]))
        return tokens(ask, *more)

    monkeypatch.setattr(engine.network, "tokens", told)
    return given


@pytest.mark.parametrize(
    ("asked", "text", "sound"),
    [
        ({"speaker": "Ana"}, True, True),
        ({"speaker": "Bo"}, False, False),
        ({"reference_audio": recording(3), "reference_text": "What I say."}, True, True),
        ({"reference_audio": recording(3)}, False, False),
        ({"reference_audio": recording(3), "speaker": ":sadly"}, True, False),
        ({"speaker": "Ana:sadly"}, True, False),
    ],
    ids=["own", "embedding", "zero-shot", "cross-lingual", "instruct-clone", "instruct-own"],
)
def test_the_mode_follows_from_what_is_sent(
    engine: Any, asks: list[tuple[int, int]], asked: dict[str, Any], text: bool, sound: bool
) -> None:
    assert said(engine, "Hi there.", **asked).size > 0
    ((before, heard),) = asks
    assert (before > 0, heard > 0) == (text, sound)


def test_a_style_and_a_recording_change_what_is_said(engine: Any) -> None:
    heard = [
        said(engine, TEXT),
        said(engine, TEXT, speaker="Ana:sadly"),
        said(engine, TEXT, reference_audio=recording(3)),
        said(engine, TEXT, reference_audio=recording(3, 220.0)),
    ]
    for index, one in enumerate(heard):
        for other in heard[:index]:
            size = min(one.size, other.size)
            assert not np.allclose(one[:size], other[:size])


def test_a_recording_is_encoded_once_and_few_are_kept(load: Callable[..., Any]) -> None:
    engine = load(kept_references="2")
    told: list[bool] = []
    engine.references.tell = told.append
    first = said(engine, "Hi.", reference_audio=recording(3))
    assert np.array_equal(first, said(engine, "Hi.", reference_audio=recording(3)))
    said(engine, "Hi.", reference_audio=recording(3), reference_text="Other words.")
    assert told == [False, True, True], "what it says is no part of what is kept"
    for pitch in (180.0, 210.0):
        engine.references.of(recording(3, pitch))
    assert len(engine.references) == 2
    engine.references.of(recording(3))
    assert told[-1] is False, "the oldest was forgotten"


def test_a_long_text_is_spoken_piece_by_piece(
    engine: Any, decodes: list[tuple[int, int, bool]]
) -> None:
    said(engine, "One sentence, and then another one that is long. " * 4)
    assert sum(last for _, _, last in decodes) >= 2
    assert decodes[0][0] == 0


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"speaker": "Nobody"}, "SPEAKER 'Nobody': the voices here are Ana, Bo"),
        ({"language": "fi"}, "LANGUAGE 'fi': this model speaks zh, en, ja"),
        ({"speed": 1.5}, "SPEED 1.5: this model cannot change"),
        ({"reference_audio": recording(2)}, "REFERENCE_AUDIO has 2.0 s"),
        ({"reference_audio": np.zeros(96_000, np.int16)}, "REFERENCE_AUDIO is silent"),
        ({"reference_audio": recording(4), "speaker": "Ana"}, "send one of the two"),
        ({"speaker": f"Ana:{'sad ' * 60}"}, "the style has 239 characters"),
        ({"speaker": "Ana:sad<|endofprompt|>"}, r"SPEAKER has '<\|'"),
    ],
    ids=["speaker", "language", "speed", "short", "silent", "both", "style", "mark"],
)
def test_what_it_cannot_do_is_refused_by_name(
    engine: Any, asked: dict[str, Any], reason: str
) -> None:
    with pytest.raises(InvalidArgument, match=reason):
        said(engine, TEXT, **asked)
    assert engine.network.open_streams == 0


def test_a_mark_of_the_models_own_is_refused(engine: Any) -> None:
    with pytest.raises(InvalidArgument, match=r"TEXT has '<\|'"):
        said(engine, "Hello <|endofprompt|> there.")


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"top_p": "2"}, "top_p: 2 is outside 0.01 to 1"),
        ({"dtype": "float16"}, "dtype: float16 needs a GPU"),
        ({"dtype": "int8"}, "dtype: 'int8'"),
        ({"speaker": "Nobody"}, "speaker: there is no 'Nobody'"),
        ({"first_hop": "30"}, "first_hop: 30 is no multiple of 25"),
        ({"trusted": "yes"}, "trusted: 'yes' is neither true nor false"),
        ({"trusted": "false"}, "can run any code"),
    ],
    ids=["top_p", "float16", "dtype", "speaker", "hop", "trusted", "distrusted"],
)
def test_bad_parameters_are_refused_by_name(
    load: Callable[..., Any], parameters: dict[str, str], reason: str
) -> None:
    with pytest.raises(InvalidArgument, match=reason):
        load(**parameters)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("llm.pt", b"none", "llm.pt, flow.pt, hift.pt do not fit"),
        ("cosyvoice2.yaml", NOWHERE.encode(), "cosyvoice2.yaml cannot be read"),
        ("cosyvoice2.yaml", b"sample_rate: 24000\n", "cosyvoice2.yaml has no llm, flow"),
        ("hift.pt", None, "hift.pt is missing"),
    ],
    ids=["weights", "class", "empty", "missing"],
)
def test_a_wrong_file_is_named(
    folder: Path, tmp_path: Path, name: str, content: bytes | None, reason: str
) -> None:
    from triton_backends.cosyvoice2.voicepack import load_engine
    from triton_backends.shared.parameters import Parameters

    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    (copy / name).unlink()
    if content is not None:
        (copy / name).write_bytes(content)
    with pytest.raises(InvalidArgument, match=reason):
        load_engine(Parameters({"voicepack": ".", "trusted": "true"}), copy)


def test_a_library_that_the_code_lacks_is_no_fault_of_the_files(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from triton_backends.cosyvoice2.loading import load

    (tmp_path / "lacking.py").write_text("import no_such_library\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    config = (copy / "cosyvoice2.yaml").read_text()
    (copy / "cosyvoice2.yaml").write_text(
        config.replace("llm: !new:cosyvoice", "llm: !new:lacking.cosyvoice")
    )
    with pytest.raises(ImportError, match="no_such_library"):
        load(copy, half=False)


@pytest.mark.skipif(not OFFICIAL, reason=WHY_NOT)
def test_a_stream_is_the_official_one(load: Callable[..., Any], monkeypatch: Any) -> None:
    import torch

    engine = load(most_tokens_for_each="20")
    network = engine.network
    model = network._model
    monkeypatch.setattr(model.llm, "sampling", lambda scores, _said, _k: int(scores.argmax()))
    vocode = model.hift.inference

    def seeded(**given: Any) -> Any:
        torch.manual_seed(0)  # the official stream draws in two threads at once
        return vocode(**given)

    monkeypatch.setattr(model.hift, "inference", seeded)
    reference = recording(3.3)
    voice = network.voice_of(reference)
    ours = said(engine, "Hello.", reference_audio=reference, reference_text="Hi there.")
    given = {
        "text": network.text_tokens("Hello."),
        "prompt_text": network.text_tokens("Hi there."),
        "llm_prompt_speech_token": voice.tokens,
        "flow_prompt_speech_token": voice.tokens,
        "prompt_speech_feat": voice.mel,
        "llm_embedding": voice.speaker,
        "flow_embedding": voice.speaker,
    }
    theirs = [piece["tts_speech"][0].numpy() for piece in model.tts(**given, stream=True)]
    assert len(theirs) >= 3, "several hops"
    assert np.array_equal(ours, np.concatenate(theirs))


def test_a_request_without_a_recording_of_its_own_is_the_models(engine: Any) -> None:
    assert np.array_equal(said(engine, TEXT), said(engine, TEXT, speaker="Ana"))
    assert engine.calibration_request.reference_audio is None


def test_one_text_is_read_at_a_time(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The official reader keeps what it reads on itself."""
    front_end = engine.network._front_end
    alone, together = threading.Lock(), []

    def watched(read: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            together.append(not alone.acquire(blocking=False))
            time.sleep(0.005)
            found = read(*given, **named)
            if not together[-1]:
                alone.release()
            return found

        return call

    for name in ("text_normalize", "_extract_text_token"):
        monkeypatch.setattr(front_end, name, watched(getattr(front_end, name)))
    with ThreadPoolExecutor(4) as pool:
        pieces = [pool.submit(engine.network.pieces, TEXT) for _ in range(4)]
        tokens = [pool.submit(engine.network.text_tokens, TEXT) for _ in range(4)]
    assert {len(each.result()) for each in pieces} == {1}
    assert {each.result().shape[0] for each in tokens} == {1}
    assert together == [False] * 8
