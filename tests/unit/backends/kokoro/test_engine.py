"""The kokoro engine with a tiny network: windows, styles, languages, words, closing."""

import itertools
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from benchmarks.kokoro_voice import make_network, make_voice
from triton_backends.kokoro import languages
from triton_backends.kokoro.engine import KokoroEngine, tokens_of
from triton_backends.kokoro.load_check import check
from triton_backends.kokoro.network import FRAME, Network
from triton_backends.kokoro.split import Splitter
from triton_backends.kokoro.spoken import AT_ONCE, Spoken, sentences
from triton_backends.kokoro.styles import Styles, read_styles, row_for
from triton_backends.kokoro.voicepack import load_engine
from triton_backends.kokoro.windows import END_FRAMES, Joiner, plan, trimmed, window
from triton_backends.shared.contract import TtsRequest
from triton_backends.shared.engine import Word
from triton_backends.shared.errors import Internal, InvalidArgument
from triton_backends.shared.parameters import Parameters

TEXT = "Hello there, this is a test of 3 words. And a second sentence, somewhat longer!"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_voice(tmp_path_factory.mktemp("kokoro") / "voice")


@pytest.fixture(scope="module")
def engine(folder: Path) -> KokoroEngine:
    return load_engine(Parameters({"voicepack": ".", "threads": "1"}), folder)


def said(engine: KokoroEngine, text: str = TEXT, **asked: object) -> tuple[np.ndarray, list[Word]]:
    chunks = list(engine.synthesize(TtsRequest(text, **asked)))  # type: ignore[arg-type]
    words = [word for chunk in chunks for word in chunk.words]
    return np.concatenate([chunk.pcm for chunk in chunks]), words


# --- what a network must do ---------------------------------------------------------------------


def damaged_voice(folder: Path, damage: str) -> Path:
    """A voice whose decoder gives half the samples of each frame, or no sound."""
    make_voice(folder)
    file = folder / "kokoro-tiny.onnx"
    model = onnx.load(file)
    (wave,) = (each for each in model.graph.initializer if each.name == "wave")
    values = onnx.numpy_helper.to_array(wave)
    values = values[:, : FRAME // 2] if damage == "short" else values * 0
    wave.CopyFrom(onnx.numpy_helper.from_array(np.ascontiguousarray(values), "wave"))
    onnx.save(model, file)
    return folder


@pytest.mark.parametrize(("damage", "told"), [("short", "samples for"), ("silent", "no sound")])
def test_a_network_that_does_not_speak_is_no_voice(tmp_path: Path, damage: str, told: str) -> None:
    folder = damaged_voice(tmp_path / "voice", damage)
    with pytest.raises(InvalidArgument, match=told):
        check(Parameters({"voicepack": ".", "threads": "1"}), folder)


def test_a_network_that_fails_in_a_request_is_no_fault_of_the_request(tmp_path: Path) -> None:
    folder = damaged_voice(tmp_path / "voice", "short")
    engine = load_engine(Parameters({"voicepack": ".", "threads": "1"}), folder)
    with pytest.raises(Internal, match="samples for"):
        said(engine)
    engine.close()


def test_a_load_check_closes_what_it_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[KokoroEngine] = []
    close = KokoroEngine.close

    def counted(self: KokoroEngine) -> None:
        closed.append(self)
        close(self)

    monkeypatch.setattr(KokoroEngine, "close", counted)
    with pytest.raises(InvalidArgument):
        check(
            Parameters({"voicepack": ".", "threads": "1"}),
            damaged_voice(tmp_path / "voice", "short"),
        )
    assert len(closed) == 1


# --- windows ------------------------------------------------------------------------------------


def test_the_parts_compute_what_the_whole_network_does(folder: Path) -> None:
    network = Network(folder / "kokoro-tiny.onnx", 1)
    ids = np.random.default_rng(0).integers(1, 178, 40)
    style = np.ones(256, np.float32)
    prepared = network.prepare(ids, style, 1.25)
    melody = network.melody(prepared, prepared.durations)
    parts = network.speak(prepared, melody, prepared.durations, 0)
    session = onnxruntime.InferenceSession(make_network().SerializeToString())
    inputs = {
        "tokens": np.concatenate([[0], ids, [0]]).reshape(1, -1),
        "style": style.reshape(1, -1),
        "speed": np.array([1.25], np.float32),
    }
    (whole,) = session.run(None, inputs)
    assert np.array_equal(parts, whole)
    assert whole.size == prepared.durations.sum() * FRAME


def test_joined_windows_equal_the_whole_sentence(engine: KokoroEngine) -> None:
    network = engine.network
    ids = np.random.default_rng(1).integers(17, 178, 60)
    prepared = network.prepare(ids, np.ones(256, np.float32), 1.0)
    frames = trimmed(prepared.durations, 0)
    melody = network.melody(prepared, frames)
    whole = network.speak(prepared, melody, frames, 0)
    joiner, start, pieces = Joiner(), 0, []
    for end in plan(frames, np.zeros(62, bool), 24, 120):
        part = window(frames, start, end)
        pieces.append(joiner.add(network.speak(prepared, melody, part.frames, part.start), part))
        start = end
    assert len(pieces) > 2
    assert np.abs(np.concatenate(pieces) - whole).max() < 1e-4


def test_windows_grow_and_end_between_words() -> None:
    durations = np.full(100, 3)
    ends = np.arange(100) % 7 == 6
    cuts = plan(durations, ends, 24, 90)
    assert cuts[-1] == 100
    assert all(ends[cut - 1] for cut in cuts[:-1])
    sizes = np.diff([0, *cuts]) * 3
    assert 18 <= sizes[0] <= 30
    assert all(later >= earlier for earlier, later in itertools.pairwise(sizes[:-1]))


def test_a_word_without_end_is_cut_within_it() -> None:
    cuts = plan(np.full(500, 3), np.zeros(500, bool), 24, 120)
    assert max(np.diff([0, *cuts])) * 3 <= 190


def test_silence_around_a_sentence_is_not_computed() -> None:
    kept = trimmed(np.array([12, 3, 4, 23, 9]), closing=1)
    assert kept.tolist() == [2, 3, 4, END_FRAMES, 0]


def test_waves_of_another_phase_are_joined_where_they_fit() -> None:
    """Two windows of one note: a plain cross-fade of opposite phases would be silent."""
    at = np.arange(24_000, dtype=np.float32)
    note = 2 * np.pi * 150 / 24_000
    durations = np.array([8, 8])
    first, second = window(durations, 0, 1), window(durations, 1, 2)
    joiner = Joiner()
    one = np.sin(note * at[: (8 + first.after) * FRAME]).astype(np.float32)
    joiner.add(one, first)
    other = np.sin(note * at[: (8 + second.before) * FRAME] + np.pi).astype(np.float32)
    joined = joiner.add(other, second)[:480]
    assert np.sqrt(np.mean(joined**2)) > 0.6


# --- styles -------------------------------------------------------------------------------------


def test_a_blend_is_the_weighted_mean(folder: Path) -> None:
    raw = read_styles(folder, "voices-tiny.npz")
    styles = Styles(raw)
    blend, first = styles.find("bf_second:3+af_first:1")
    assert first == "bf_second"
    assert np.allclose(blend, 0.75 * raw["bf_second"] + 0.25 * raw["af_first"], atol=1e-6)
    even, _ = styles.find("af_first+bf_second")
    assert np.allclose(even, (raw["af_first"] + raw["bf_second"]) / 2, atol=1e-6)


def test_the_row_of_a_style_is_chosen_by_the_number_of_phonemes(folder: Path) -> None:
    style = read_styles(folder, "voices-tiny.npz")["af_first"]
    assert np.array_equal(row_for(style, 1), style[0])
    assert np.array_equal(row_for(style, 42), style[41])
    assert np.array_equal(row_for(style, 9999), style[509])


@pytest.mark.parametrize(
    ("speaker", "told"),
    [
        ("nobody", "'nobody': the styles are af_first, bf_second"),
        ("af_first:0", "'0' is no weight"),
        ("af_first:nan+bf_second", "'nan' is no weight"),
        ("af_first:-1", "'-1' is no weight"),
        ("+".join(["af_first"] * 9), "blends more than 8"),
        ("af_first+", "''"),
    ],
)
def test_a_speaker_that_is_none_is_refused_by_name(
    engine: KokoroEngine, speaker: str, told: str
) -> None:
    with pytest.raises(InvalidArgument, match="SPEAKER") as refused:
        said(engine, speaker=speaker)
    assert told in str(refused.value)


def test_files_of_styles_that_are_none_are_refused(folder: Path, tmp_path: Path) -> None:
    bad = tmp_path / "voices.npz"
    bad.write_bytes(b"PK\3\4" + bytes(50))
    with pytest.raises(InvalidArgument, match="no file of numpy arrays"):
        read_styles(tmp_path, bad.name)
    np.savez(bad, af_x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(InvalidArgument, match="no file of numpy arrays"):
        read_styles(tmp_path, bad.name)
    np.savez(bad, af_x=np.zeros((5, 100), np.float32))
    with pytest.raises(InvalidArgument, match="no style"):
        read_styles(tmp_path, bad.name)
    np.savez(bad, af_x=np.full((5, 256), np.nan, np.float32))
    with pytest.raises(InvalidArgument, match="finite"):
        read_styles(tmp_path, bad.name)


# --- speaking -----------------------------------------------------------------------------------


def test_every_word_has_its_time_and_place(engine: KokoroEngine) -> None:
    audio, words = said(engine, language="en")
    assert [word.word for word in words] == TEXT.split()
    assert all(TEXT[word.char_start : word.char_end] == word.word for word in words)
    starts = [word.start_ms for word in words]
    assert starts == sorted(starts)
    assert words[0].start_ms <= 100
    assert words[-1].end_ms <= audio.size / 24 + 1


def test_speed_shortens_the_audio(engine: KokoroEngine) -> None:
    plain, _ = said(engine)
    fast, _ = said(engine, speed=2.0)
    assert 0.3 < fast.size / plain.size < 0.75


def test_the_first_chunk_is_short(engine: KokoroEngine) -> None:
    chunks = [chunk.pcm.size for chunk in engine.synthesize(TtsRequest(TEXT)) if chunk.pcm.size]
    assert chunks[0] < 24_000
    assert len(chunks) > 1


def test_closing_ends_the_computing(engine: KokoroEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    speak = engine.network.speak
    monkeypatch.setattr(engine.network, "speak", lambda *a: (calls.append(1), speak(*a))[1])
    chunks = engine.synthesize(TtsRequest(TEXT * 3))
    while not next(chunks).pcm.size:
        pass
    chunks.close()
    assert len(calls) == 1
    assert said(engine)[0].size, "the queue of windows is free again"


def test_long_texts_are_spoken_in_parts(engine: KokoroEngine) -> None:
    text = "one two three four five six seven eight nine ten " * 20
    audio, words = said(engine, text[:1000])
    assert len(words) == len(text[:1000].split())
    assert audio.size > 24_000 * 10


def test_parts_end_with_sentences() -> None:
    sentence = "abcdef ghijk. "
    spoken = Spoken(sentence * 40, (0,) * len(sentence * 40), [(0, 1)])
    parts = list(sentences(spoken))
    assert all(len(part.symbols) <= AT_ONCE and part.symbols.endswith(".") for part in parts)
    assert " ".join(part.symbols for part in parts) == (sentence * 40).strip()


def test_symbols_that_the_network_does_not_know_are_left_out() -> None:
    tokens = tokens_of(Spoken("a❓b.", (0, 0, 0, -1), [(0, 3)]))
    assert len(tokens.ids) == 3
    assert (tokens.words, tokens.closing) == ((-1, 0, 0, -1, -1), 1)


# --- languages ----------------------------------------------------------------------------------


def test_a_language_that_is_not_read_is_refused_with_those_that_are(engine: KokoroEngine) -> None:
    for asked in ({"language": "zh"}, {"language": "de"}, {"speaker": "zf_fourth"}):
        with pytest.raises(InvalidArgument, match="Kokoro's languages here are en-US, en-GB, es"):
            said(engine, **asked)


def test_japanese_without_its_libraries_names_the_command(
    engine: KokoroEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lacking() -> None:
        raise ImportError("No module named 'pyopenjtalk'")

    monkeypatch.setattr(languages, "JapaneseFrontEnd", lacking)
    monkeypatch.setattr(engine, "front_ends", languages.FrontEnds())
    with pytest.raises(InvalidArgument, match=r"vdx setup --japanese.*pyopenjtalk"):
        said(engine, "こんにちは", speaker="jf_third")
    assert said(engine, "hello", speaker="jf_third", language="en")[0].size


def test_the_languages_of_a_voice_are_those_of_its_styles(folder: Path) -> None:
    facts = check(Parameters({"voicepack": ".", "threads": "1"}), folder)
    assert facts == {"languages": ["en-US", "en-GB", "ja"], "sample_rate": 24_000}


# --- files --------------------------------------------------------------------------------------


def test_a_network_of_another_kind_is_refused(folder: Path, tmp_path: Path) -> None:
    model = make_network()
    for node in model.graph.node:
        if node.op_type == "Round":
            node.op_type = "Floor"
    with pytest.raises(InvalidArgument, match="no Kokoro network: it rounds 0 times"):
        Splitter("other.onnx", model)
    (tmp_path / "kokoro.onnx").write_bytes(b"\x08\x08nothing")
    (tmp_path / "voices.npz").write_bytes((folder / "voices-tiny.npz").read_bytes())
    with pytest.raises(InvalidArgument, match=r"kokoro\.onnx"):
        load_engine(Parameters({"voicepack": "."}), tmp_path)


def test_a_folder_without_styles_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "kokoro.onnx").write_bytes((folder / "kokoro-tiny.onnx").read_bytes())
    with pytest.raises(InvalidArgument, match="no style"):
        load_engine(Parameters({"voicepack": "."}), tmp_path)
    with pytest.raises(InvalidArgument, match="voicepack is missing"):
        load_engine(Parameters({}), tmp_path)
