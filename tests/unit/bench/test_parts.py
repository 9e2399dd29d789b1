import asyncio
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from vdx.bench import client_process, interruptions, sessions
from vdx.bench.first_audio import frame_costs_ms
from vdx.bench.report import OWN
from vdx.bench.target import BRIEF, DATA, TargetOptions, profile, target, with_brief
from vdx.cli.bench.report import add_report
from vdx.cli.main import load_command
from vdx.core.config import Config
from vdx.core.errors import InvalidInput, SetupError, VdxError


@pytest.mark.parametrize("answers", ["bargein", "load", "interruptions", "short", ""])
def test_configurations_of_benches_are_valid(answers: str) -> None:
    file = f"{answers}.yaml" if answers else ""
    config = Config.model_validate(profile("tone", "canned", file))
    assert config.profiles["vdx"].voice == "tone"
    assert config.session.max_messages_per_session == 0
    if answers:
        assert config.responder.script.path == DATA / file
        assert (DATA / file).exists()


def test_the_profile_with_brief_answers_has_the_models_of_the_other() -> None:
    config = Config.model_validate(with_brief(profile("tone", "canned", "bargein.yaml")))
    brief = config.profiles[BRIEF]
    assert (brief.voice, brief.recogniser) == ("tone", "canned")
    assert brief.responder is not None
    assert brief.responder.script.path == DATA / "short.yaml"
    assert config.responder.script.path == DATA / "bargein.yaml"


async def test_a_person_that_fails_says_why() -> None:
    plan = {"url": "http://127.0.0.1:1", "rounds": 1, "sessions": 1}
    with pytest.raises(VdxError, match=r"client process failed(.|\n)*127\.0\.0\.1:1"):
        await client_process.run_client_process("turn", plan)


async def test_an_unknown_bench_module_is_named() -> None:
    with pytest.raises(VdxError, match="bench module 'unknown'"):
        await client_process.run_client_process("unknown", {})


async def test_a_person_is_ended_with_the_bench() -> None:
    running = asyncio.create_task(
        client_process.run_client_process("turn", {"url": "http://127.0.0.1:1"})
    )
    await asyncio.sleep(0.05)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_server_that_does_not_start_shows_its_log() -> None:
    config = {"vad": {"aggressiveness": 9}}
    with pytest.raises(SetupError, match="aggressiveness"):
        async with target(TargetOptions(config=config)):
            pytest.fail("the configuration is wrong")


async def test_a_running_server_that_is_not_there_is_named() -> None:
    with pytest.raises(VdxError, match=r"127\.0\.0\.1:1"):
        async with target(TargetOptions(url="http://127.0.0.1:1")):
            pytest.fail("nobody listens there")


def test_the_cost_of_frames_covers_every_recording() -> None:
    costs = frame_costs_ms(repeats=1)
    assert len(costs) > 300
    assert min(costs) > 0


def test_the_server_module_is_imported_in_fresh_interpreters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sessions, "IMPORTS", 1)
    times = sessions.import_ms()
    assert len(times) == sessions.IMPORTS
    assert min(times) > 0


def test_the_pitch_of_a_tone() -> None:
    time = np.arange(2400) / 24_000
    tone = (5000 * np.sin(2 * np.pi * 440 * time)).astype(np.int16)
    assert interruptions.pitch(tone, 24_000) == pytest.approx(440, abs=2)


@pytest.mark.parametrize("call", ["soak --minutes", "jitter --seconds", "failover --outage"])
@pytest.mark.parametrize("value", ["inf", "nan"])
def test_no_bench_runs_for_ever(call: str, value: str) -> None:
    name, option = call.split()
    with pytest.raises(typer.BadParameter, match="less than or equal to"):
        load_command("bench").commands[name].make_context(name, [option, value])


@pytest.mark.parametrize("value", ["0", "nan", "inf"])
def test_what_is_worse_by_no_share_is_refused(value: str, tmp_path: Path) -> None:
    app = typer.Typer()
    add_report(app, OWN)
    call = ["turn", "--worse-by", value, "--out", str(tmp_path)]
    with pytest.raises(InvalidInput, match=f"--worse-by {value}"):
        CliRunner().invoke(app, call, catch_exceptions=False)
