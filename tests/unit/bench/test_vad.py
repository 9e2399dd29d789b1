"""The corpus of `python -m benchmarks vad` and what plays it."""

from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.plots import draw_listening
from benchmarks.vad import ALL, NONE, SceneCounts
from benchmarks.vad_corpus import (
    BOT_S,
    Scene,
    distant_scenes,
    echo_scenes,
    interrupted_scenes,
    long_echo_scenes,
    noise_scenes,
    onset_scenes,
)
from benchmarks.vad_levels import ORDINARY_P90, Counts, at_level, clear_of_noise, strangers
from benchmarks.vad_noises import NOISES, through
from benchmarks.vad_pauses import PAUSES_S, PHRASES, finished, listen, thinking
from benchmarks.vad_play import Outcome, SceneSession, _Loudspeaker, play
from benchmarks.vad_voices import (
    HALVES,
    VOICE_RMS,
    active_rms,
    bots_of,
    levels_of,
    voices,
    voices_of,
)
from vdx.bench.figures import Report
from vdx.core.audio import LISTEN_FRAME, LISTEN_RATE
from vdx.core.config import EndpointingConfig
from vdx.core.events import SpeechStarted


def first(scenes: Iterable[Any], **wanted: object) -> Any:
    return next(s for s in scenes if all(getattr(s, k) == v for k, v in wanted.items()))


def test_no_voice_is_in_both_halves() -> None:
    tune, held = ({name for name, _ in voices_of(half)} for half in HALVES)
    assert tune.isdisjoint(held)
    assert len(tune | held) == len(voices()) >= 20
    names = [{s.name for s in noise_scenes(half)} for half in HALVES]
    assert names[0].isdisjoint(names[1])
    assert not np.array_equal(bots_of("tune")[0][1], bots_of("held")[0][1])


def test_the_corpus_is_the_same_every_time() -> None:
    one, other = (next(iter(noise_scenes("held"))) for _ in range(2))
    assert np.array_equal(one.near, other.near)
    assert one.bot is not None
    assert one.bot.size == BOT_S * LISTEN_RATE


@pytest.mark.parametrize("name", NOISES)
def test_a_noise_has_the_level_it_is_asked_for(name: str) -> None:
    sound = NOISES[name](LISTEN_RATE * 2, np.random.default_rng(1))
    assert np.sqrt(np.mean(sound**2)) == pytest.approx(1.0)


def test_users_speak_at_one_level() -> None:
    assert all(active_rms(v) == pytest.approx(VOICE_RMS, rel=0.01) for _, v in voices())


@pytest.mark.long  # it makes the whole corpus; the others make what they look at
def test_every_condition_is_there() -> None:
    makers = (noise_scenes, distant_scenes, interrupted_scenes, onset_scenes)
    kinds = {scene.kind for maker in makers for scene in maker("held")}
    kinds |= {s.kind for cancel in (True, False) for s in echo_scenes("held", cancel=cancel)}
    assert {"fan", "keyboard", "clicks", "pink noise", "music", "distant speech"} < kinds
    assert {"echo", "echo, cancelled", "voice in noise and echo", "onset in fan"} < kinds
    assert len({scene.level for scene in noise_scenes("held")}) == 3
    assert sum(s.bot.size for s in long_echo_scenes("held") if s.bot is not None) >= (
        10 * 60 * LISTEN_RATE
    )


def test_the_echo_is_the_convolution_of_what_was_played() -> None:
    scene = next(iter(echo_scenes("tune", cancel=False)))
    assert scene.bot is not None
    assert scene.echo is not None
    played = scene.bot[: 50 * LISTEN_FRAME]
    loudspeaker = _Loudspeaker(scene.echo)
    frames = [loudspeaker.echo(frame) for frame in played.reshape(-1, LISTEN_FRAME)]
    assert np.allclose(np.concatenate(frames), through(played, scene.echo), atol=1e-6)


def test_a_reply_that_pauses_stops_echoing() -> None:
    scene = first(echo_scenes("held", cancel=False), level="-10 dB")
    outcome = play(scene, NONE)
    assert len(outcome.paused) > 2, "it stutters: each pause ends its own cause"
    assert outcome.cancelled == []


@pytest.mark.parametrize("kind", ["keyboard", "distant speech", "echo"])
def test_the_features_are_for_something(kind: str) -> None:
    scenes = chain(noise_scenes("tune"), distant_scenes("tune"), echo_scenes("tune", cancel=False))
    level = {"keyboard": "1000", "distant speech": "-20 dB", "echo": "-20 dB"}[kind]
    scene = first(scenes, kind=kind, level=level)
    assert play(scene, NONE).paused
    outcome = play(scene, ALL)
    assert (outcome.paused, outcome.cancelled) == ([], [])


def test_a_person_interrupts_with_everything_on() -> None:
    scene = first(interrupted_scenes("tune"), kind="voice in echo")
    counts = SceneCounts()
    counts.add(scene, play(scene, ALL))
    assert (counts.scenes, counts.true, counts.false) == (1, 1, 0)


def test_an_onset_is_heard_where_it_is() -> None:
    scene = next(iter(onset_scenes("tune")))
    assert scene.voice is not None
    heard = [event for _, event in play(scene, ALL).heard if isinstance(event, SpeechStarted)]
    assert abs(heard[0].at - scene.voice[0]) < LISTEN_RATE // 5


def test_a_bot_that_is_never_disturbed_says_everything() -> None:
    scene = first(noise_scenes("held"), kind="clicks")
    session = SceneSession(scene, ALL)
    assert session.play().paused == []
    assert session._bot._next >= BOT_S * LISTEN_RATE
    assert session._bot.reply is None


def test_a_microphone_of_another_gain_hears_all_of_it_quieter() -> None:
    scene = first(interrupted_scenes("tune"), kind="voice in echo")
    quiet = at_level(scene, -20)
    assert np.allclose(quiet.near, scene.near / 10)
    assert np.allclose(quiet.echo, scene.echo / 10)
    assert quiet.voice == scene.voice


def test_only_people_clear_of_the_noise_are_held_to_the_goal() -> None:
    """Of two who interrupt one is let in; the other is no louder than the noise around."""
    rate, chance = LISTEN_RATE, np.random.default_rng(0)
    room = chance.normal(0, 100.0, 4 * rate)
    clear, drowned = room.copy(), room.copy()
    clear[2 * rate : 3 * rate] += chance.normal(0, 1000.0, rate)
    drowned[2 * rate : 3 * rate] += chance.normal(0, 100.0, rate)
    scenes = [
        Scene("s", "voice in noise", "", "held", near, (2 * rate, 3 * rate), room, rate)
        for near in (clear, drowned)
    ]
    assert [clear_of_noise(scene) for scene in scenes] == [True, False]
    kept = Outcome(cancelled=[2 * rate + 8000], paused=[rate, 2 * rate + 1600])
    counts = Counts.of(scenes, [kept, Outcome(cancelled=[rate])])
    assert (counts.users, counts.kept, counts.clear, counts.clear_kept) == (2, 1, 1, 1)
    assert (counts.false, counts.pauses, counts.stops) == (1, 1, [100.0])
    report = Report("vad-levels", {})
    counts.tell(report, "-6 dB, all on", has_goals=True)
    assert report.missed() == []


def test_a_stranger_at_the_level_of_a_quiet_microphone_is_let_in() -> None:
    scene = next(strangers(-18))
    begin, end = scene.voice or (0, 0)
    p90 = float(np.percentile(levels_of(scene.near[begin:end]), 90))
    assert p90 == pytest.approx(ORDINARY_P90 / 8, rel=0.1)
    assert begin < play(scene, ALL).cancelled[0] < begin + 2 * LISTEN_RATE


def test_a_pause_is_put_between_two_words() -> None:
    scenes = thinking("held", "said")
    assert {scene.pause_s for scene in scenes} == set(PAUSES_S)
    plain = {scene.name: scene for scene in finished("held", "said")}
    for scene in scenes:
        whole = plain[scene.name.rsplit("-", 1)[0]]
        longer = (scene.speech_end - whole.speech_end) / LISTEN_RATE
        assert longer == pytest.approx(scene.pause_s, abs=0.06)
    anywhere = thinking("held", "said", anywhere=True)
    assert len(anywhere) > len(scenes)
    assert len(finished(None, "heard")) == len(PHRASES)


def test_unfinished_words_are_waited_for_and_a_fixed_silence_cuts() -> None:
    scene = first(thinking("held", "said"), name="ps_librivox_0930-3")
    assert listen(scene, EndpointingConfig()).cuts == 0
    assert listen(scene, EndpointingConfig(enabled=False)).cuts == 1


def test_curves_and_bars_are_drawn(tmp_path: Path) -> None:
    point = {"false_per_minute": 1.0, "pauses_per_minute": 2.0, "true_share": 0.9}
    kinds = {"fan 400": {"false": 1, "pauses": 2, "true": 0, "scenes": 2}}
    samples = [
        {"curve": "all on", "points": [point, point]},
        {"features": "all off", "kinds": kinds},
    ]
    drawn = [file.name for file in draw_listening(samples, tmp_path)]
    assert drawn == ["vad-curves.png", "vad-features.png"]
    assert draw_listening([], tmp_path) == []
