"""The audio of a cut network against the whole one, and what an engine does with it."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from benchmarks.piper_voice import make_voice
from tests.unit.backends.piper.voices import QUIET, load
from triton_backends.piper import networks as piper_networks
from triton_backends.piper.config import read_config
from triton_backends.piper.cut import CutVoice, cut
from triton_backends.piper.engine import PiperEngine
from triton_backends.piper.networks import Array, InlineNetworks, Prepared, text_inputs
from triton_backends.piper.phonemes import Sentence
from triton_backends.piper.window_sizing import WindowSizing
from triton_backends.piper.windows import Windows
from triton_backends.shared import onnx_session
from triton_backends.shared.compute_queue import ComputeQueue
from triton_backends.shared.contract import TtsRequest
from triton_backends.shared.errors import InvalidArgument

TEXT = "Hello there, this is a test of 3 words. And a second sentence!"
GRAPHS = ("tiny", "tiny-speakers", "tiny-high")


def seeded(network: Path) -> onnx.ModelProto:
    """The network with fixed seeds: the first run of any session draws the same noise."""
    model = onnx.load(network)
    for node in model.graph.node:
        if node.op_type == "RandomNormalLike":
            node.attribute.append(onnx.helper.make_attribute("seed", 7.0))
    return model


def whole_audio(model: onnx.ModelProto, inputs: dict[str, np.ndarray]) -> np.ndarray:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, inputs)[0].reshape(-1)


@pytest.mark.parametrize("graph", GRAPHS)
def test_windows_equal_the_whole_network_given_the_same_noise(graph: str, tmp_path: Path) -> None:
    model = seeded(make_voice(graph, tmp_path / "voice"))
    voice: CutVoice = cut("voice.onnx", model)
    speaker = 1 if voice.speaker else None
    ids = np.random.default_rng(0).integers(3, 120, 70)
    scales = np.array([0.667, 1.0, 0.8], np.float32)
    whole = whole_audio(model, text_inputs(ids, scales, speaker))
    networks = InlineNetworks(voice, 1)
    prepared = networks.text(ids, scales, speaker)
    assert prepared.durations.sum() == prepared.frames
    windows = Windows(networks, prepared, voice.flow_context, voice.decoder_context)
    ends = [7, 8, 40, 41, 130, prepared.frames]
    pieces = [windows.upto(end) for end in ends]
    assert np.abs(np.concatenate(pieces) - whole).max() < 1e-5
    assert whole.std() > 0.01


def test_a_window_is_as_long_as_the_sound_lasts_that_is_left() -> None:
    sizing = WindowSizing(first=9, largest=172, context=30, frame_s=0.0116)
    assert [sizing.first(others, shared=False) for others in (0, 3, 99)] == [9, 36, 172]
    assert sizing.first(0, shared=True) == 13
    assert [sizing.catching_up(came) for came in (1, 3, 5, 99)] == [27, 27, 45, 172]
    sizing.took(9, 0.039)  # a millisecond a frame
    assert sizing.following(6, 0.2, shared=False) == 48  # 70 would fit, but growth is limited
    assert sizing.following(45, 0.2, shared=False) == 70
    assert sizing.following(45, 0.2, shared=True) == 20
    assert sizing.following(45, -1.0, shared=False) == 18  # two first ones at least
    assert sizing.following(45, 9.0, shared=False) == 172
    for _ in range(50):
        sizing.took(70, 1.0)  # the machine has become ten times slower
    assert sizing.following(45, 0.6, shared=False) == 18


def test_the_first_window_lasts_while_the_second_is_computed() -> None:
    def first(seconds_per_frame: float) -> int:
        sizing = WindowSizing(first=9, largest=172, context=30, frame_s=0.0116)
        sizing.took(70, 100 * seconds_per_frame)
        return sizing.first(0, shared=False)

    assert first(0.001) == 9  # computed in 48 ms, and 104 ms are heard meanwhile
    assert first(0.0025) == 12
    assert 12 * 0.0116 >= (2 * 12 + 30) * 0.0025
    assert first(0.0035) == 22
    assert first(0.009) == 22  # slower than it is heard


def test_the_first_window_is_longer_by_the_silence_that_is_left_out() -> None:
    sizing = WindowSizing(first=9, largest=172, context=30, frame_s=0.0116)
    for _ in range(20):
        sizing.leading_silence(4)
    assert sizing.first(0, shared=False) == 13
    for _ in range(20):
        sizing.leading_silence(100)  # a whole first window of silence tells no more than that
    assert sizing.first(0, shared=False) == 18


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> PiperEngine:
    return load("tiny-speakers", tmp_path_factory.mktemp("quiet"), **QUIET)


def speak(engine: PiperEngine, text: str = TEXT, **options: object) -> np.ndarray:
    request = TtsRequest(text, **options)  # type: ignore[arg-type]
    return np.concatenate([chunk.pcm for chunk in engine.synthesize(request)])


def test_it_speaks_what_the_reference_speaks(quiet: PiperEngine, tmp_path: Path) -> None:
    from piper import PiperVoice, SynthesisConfig

    reference = PiperVoice.load(make_voice("tiny-speakers", tmp_path / "voice", **QUIET))
    chosen = SynthesisConfig(speaker_id=2, length_scale=0.8, normalize_audio=False)
    chunks = [chunk.audio_float_array for chunk in reference.synthesize(TEXT, chosen)]
    mine = speak(quiet, speaker="s2", speed=1.25)
    wanted = np.concatenate(chunks)
    assert mine.size == wanted.size
    assert np.abs(mine - wanted).max() < 1e-5


def test_words_are_all_there_with_their_times(quiet: PiperEngine) -> None:
    chunks = list(quiet.synthesize(TtsRequest(TEXT)))
    words = [word for chunk in chunks for word in chunk.words]
    assert [word.word for word in words] == TEXT.split()
    assert [TEXT[word.char_start : word.char_end] for word in words] == TEXT.split()
    total_ms = sum(chunk.pcm.size for chunk in chunks) * 1000 / quiet.sample_rate
    times = [time for word in words for time in (word.start_ms, word.end_ms)]
    assert times == sorted(times)
    assert times[-1] <= total_ms
    assert len(chunks[0].words) < 3


def test_the_first_chunk_is_a_tenth_of_a_second_and_the_next_are_longer(quiet: PiperEngine) -> None:
    chunks = quiet.synthesize(TtsRequest("word " * 30))
    sizes = [chunk.pcm.size for chunk in chunks if chunk.pcm.size]
    assert sizes[0] / quiet.sample_rate == pytest.approx(0.11, abs=0.02)
    assert sizes[1] >= 2 * sizes[0]


def test_speakers_by_number_and_name(quiet: PiperEngine) -> None:
    named, numbered = speak(quiet, speaker="s1"), speak(quiet, speaker="1")
    assert np.array_equal(named, numbered)
    assert not np.array_equal(named, speak(quiet, speaker="0"))
    assert np.array_equal(speak(quiet), speak(quiet, speaker="s0"))


@pytest.mark.parametrize(
    ("options", "named"),
    [({"speaker": "bob"}, "bob"), ({"speaker": "3"}, "'3'"), ({"language": "de"}, "'de'")],
)
def test_what_a_voice_lacks_is_named(
    quiet: PiperEngine, options: dict[str, str], named: str
) -> None:
    with pytest.raises(InvalidArgument, match=named):
        speak(quiet, **options)


def test_speed_changes_the_length(quiet: PiperEngine) -> None:
    assert speak(quiet, speed=0.5).size > 1.5 * speak(quiet).size > 2 * speak(quiet, speed=2.0).size


def test_closing_computes_nothing_more(quiet: PiperEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = []
    decoder = quiet._networks.decoder
    monkeypatch.setattr(
        quiet._networks,
        "decoder",
        lambda *given, **how: (runs.append(1), decoder(*given, **how))[1],
    )
    chunks = quiet.synthesize(TtsRequest("and so on " * 40))
    while not next(chunks).pcm.size:
        pass
    chunks.close()
    assert len(runs) == 1
    assert speak(quiet, "next").size


def test_who_leaves_while_others_compute_costs_nothing(
    quiet: PiperEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = []
    prepare = quiet._prepare
    monkeypatch.setattr(
        quiet, "_prepare", lambda *given, **how: (texts.append(1), prepare(*given, **how))[1]
    )
    left = quiet.synthesize(TtsRequest("and so on " * 40))
    assert not next(left).pcm.size  # it has its turn now, and looks who listens
    left.close()
    assert not texts
    assert not quiet._queue.shared


def test_several_threads_get_their_own_audio(quiet: PiperEngine) -> None:
    texts = [f"sentence {n} " + "and on " * n for n in range(6)]
    alone = [speak(quiet, text) for text in texts]
    together: list[np.ndarray] = [np.zeros(0)] * len(texts)

    def into(index: int) -> None:
        together[index] = speak(quiet, texts[index])

    threads = [threading.Thread(target=into, args=(n,)) for n in range(len(texts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))


def test_nothing_to_say_is_silence(quiet: PiperEngine) -> None:
    assert list(quiet.synthesize(TtsRequest("\u2026"))) == []


def test_slots_go_to_what_runs_out_first_and_to_two_at_once() -> None:
    queue = ComputeQueue()
    order: list[float | None] = []
    busy: list[float | None] = []
    most: list[int] = []
    release = threading.Event()

    def compute(due: float | None) -> None:
        with queue.slot(due):
            busy.append(due)
            most.append(len(busy))
            order.append(due)
            release.wait(30)
            busy.remove(due)

    far = time.monotonic() + 3600
    dues = [-5.0, -4.0, far, -3.0, None, far + 1]  # negative: it runs dry already
    threads = [threading.Thread(target=compute, args=(due,)) for due in dues]
    for number, thread in enumerate(threads):
        thread.start()
        expected = (min(number + 1, 2), max(number - 1, 0))
        while (len(order), queue.waiting) != expected:
            time.sleep(0.001)
    release.set()
    for thread in threads:
        thread.join()
    assert order[:2] == [-5.0, -4.0]
    assert order[2:] == [-3.0, None, far, far + 1]
    assert max(most) == 2


def test_the_second_place_is_kept_for_who_needs_it() -> None:
    queue = ComputeQueue()
    far = time.monotonic() + 3600
    entered = []
    leave = threading.Event()

    def far_ahead() -> None:
        with queue.slot(far + 1):
            entered.append("far ahead")
            leave.wait(30)

    waiting = threading.Thread(target=far_ahead)
    with queue.slot(far):
        waiting.start()
        while not queue.waiting:
            time.sleep(0.001)
        with queue.slot(None):
            assert queue.without_audio == 1
            assert queue.shared
            entered.append("newcomer")
        assert entered == ["newcomer"]
    leave.set()
    waiting.join(30)
    assert entered == ["newcomer", "far ahead"]


@pytest.mark.parametrize(("sentence", "times"), [(0, 4), (1, 1)])
def test_who_hears_nothing_yet_makes_room_for_newcomers(
    quiet: PiperEngine, sentence: int, times: int
) -> None:
    text = "A sentence that is long enough to be cut into several windows, whoever comes. " * 2
    begun: list[int] = []  # the text part runs once for each sentence
    entered, leave = threading.Event(), threading.Event()

    def newcomer() -> None:
        with quiet._queue.slot(None):
            entered.set()
            leave.wait(30)

    networks, others = quiet._networks, [threading.Thread(target=newcomer)]
    prepare, decoder = quiet._prepare, networks.decoder

    def prepared(part: Sentence, speed: float, speaker: int | None, *, urgent: bool) -> Prepared:
        begun.append(0)
        return prepare(part, speed, speaker, urgent=urgent)

    def decode(window: Array, speaker: Array | None, *, urgent: bool) -> Array:
        if len(begun) > sentence and others:
            others.pop().start()
            entered.wait(30)
        return decoder(window, speaker, urgent=urgent)

    def first_window() -> int:
        begun.clear()
        chunks = quiet.synthesize(TtsRequest(text))
        return next(c.pcm.size for c in chunks if c.pcm.size and len(begun) > sentence)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quiet, "_prepare", prepared)
        alone = first_window()
        patch.setattr(networks, "decoder", decode)
        crowded = first_window()
    leave.set()
    assert entered.is_set()
    assert crowded == times * alone, "its second window comes after the newcomer's first"


def test_only_the_first_audio_of_a_clause_alone_is_urgent(
    quiet: PiperEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    networks, asked = quiet._networks, list[tuple[str, bool]]()
    for part in ("text", "decoder"):
        compute = getattr(networks, part)

        def counted(
            *given: object, urgent: bool, part: str = part, compute: Callable[..., object] = compute
        ) -> object:
            asked.append((part, urgent))
            return compute(*given, urgent=urgent)

        monkeypatch.setattr(networks, part, counted)
    speak(quiet)
    assert asked[:2] == [("text", True), ("decoder", True)]
    assert len(asked) > 2
    assert not any(urgent for _, urgent in asked[2:])
    asked.clear()
    other = quiet.synthesize(TtsRequest(TEXT))
    next(other)
    speak(quiet)
    other.close()
    assert asked
    assert not any(urgent for _, urgent in asked)


def test_what_is_urgent_runs_on_all_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    voice = cut("voice.onnx", seeded(make_voice("tiny", tmp_path / "voice")))
    threads: list[int] = []
    monkeypatch.setattr(
        onnx_session.os, "sched_getaffinity", lambda _: set(range(4)), raising=False
    )
    ids, scales = np.arange(3, 23), np.array([0.667, 1.0, 0.8], np.float32)

    def ran(session: onnxruntime.InferenceSession, *given: object) -> list[Array]:
        threads.append(session.get_session_options().intra_op_num_threads)
        return onnx_session.run(session, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(piper_networks, "run", ran)
    chosen = InlineNetworks(voice)
    for urgent in (True, False):
        chosen.text(ids, scales, None, urgent=urgent)
    for urgent in (True, False):
        InlineNetworks(voice, 1).text(ids, scales, None, urgent=urgent)
    assert threads == [4, 2, 1, 1]


def test_a_voice_of_each_rate_is_told_by_its_configuration(tmp_path: Path) -> None:
    for graph in GRAPHS:
        network = make_voice(graph, tmp_path / graph)
        engine = load(graph, tmp_path / f"{graph}-model")
        assert engine.sample_rate == read_config(Path(f"{network}.json")).sample_rate
