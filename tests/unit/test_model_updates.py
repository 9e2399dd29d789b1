"""Updates of models under sessions, over two Tritons in memory and on virtual time."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.unit.test_app import opened
from tests.unit.test_servers import Box, box, no_threads, spoken
from tests.unit.virtual_time import on_virtual_time
from vdx.core.errors import (
    InvalidInput,
    ModelFailed,
    ModelRejected,
    TritonUnavailable,
    UnknownName,
)
from vdx.dialog.session import Session
from vdx.serving.models import ModelInfo

__all__ = ["no_threads"]

OLD, NEW = "espeak", "bell"


async def begun(made: Box, *, share: float = 0.5, hold_s: float = 5.0, new: str = NEW) -> Any:
    update = await made.host.updates.start(OLD, new, share, hold_s)
    await asyncio.sleep(2)
    return update


async def say(made: Box, session: Session, times: int = 1) -> None:
    for _ in range(times):
        await spoken(made, session, "One two.", voice=session.options.voice)


@on_virtual_time
async def test_one_that_does_as_well_takes_the_place_of_the_old_one() -> None:
    async with box() as made:
        early = opened(made.host)
        update = await begun(made)
        assert update.state == "trial"
        assert [triton.states[NEW] for triton in made.tritons] == ["READY"] * 2
        sessions = [opened(made.host) for _ in range(4)]
        assert [each.options.voice for each in sessions] == [NEW, OLD, NEW, OLD]
        for session in sessions:
            await say(made, session, 10)
        await asyncio.sleep(6)
        assert update.state == "promoted", update.why
        assert opened(made.host).options.voice == NEW
        assert early.options.voice == OLD, "who speaks finishes on the old one"
        assert await made.host.models.resolve(OLD) == NEW
        assert OLD not in made.host.served.kept
        assert made.host.served.kept[NEW] == "profile vdx"
        await say(made, early)
        for session in (early, *sessions):
            made.host.forget(session)
        await asyncio.sleep(60)
        assert [triton.states[OLD] for triton in made.tritons] == ["UNAVAILABLE"] * 2


@on_virtual_time
async def test_one_that_fails_to_load_never_serves() -> None:
    async with box() as made:
        for triton in made.tritons:
            triton.failures[f"load {NEW}"] = [ModelFailed("no such weights", model=NEW)]
        update = await begun(made)
        assert update.state == "rolled back"
        assert "no such weights" in update.why
        assert opened(made.host).options.voice == OLD
        assert all(triton.states[NEW] != "READY" for triton in made.tritons)


@on_virtual_time
async def test_one_that_errs_goes_back_and_every_clause_is_spoken() -> None:
    async with box() as made:
        update = await begun(made, share=1.0)
        session = opened(made.host)
        assert session.options.voice == NEW
        for triton in made.tritons:
            triton.breaks_of = {NEW: ModelFailed("broken", model=NEW)}
        for _ in range(3):
            spans = await spoken(made, session, "One two.", voice=session.options.voice)
            assert " ".join(spans) == "One two.", "the old version speaks what the new one cannot"
        await asyncio.sleep(0)
        assert update.state == "rolled back"
        assert "3 of 3 requests failed" in update.why
        assert session.options.voice == OLD
        await asyncio.sleep(1)
        assert all(triton.states[NEW] == "UNAVAILABLE" for triton in made.tritons)
        assert opened(made.host).options.voice == OLD


@on_virtual_time
async def test_what_the_new_one_refuses_is_spoken_by_the_old_one() -> None:
    async with box() as made:
        await begun(made, share=1.0)
        session = opened(made.host)
        for triton in made.tritons:
            triton.breaks_of = {NEW: ModelRejected("no such speaker", model=NEW)}
        spans = await spoken(made, session, "One two.", voice=session.options.voice)
        assert spans == ["One two."]


@on_virtual_time
async def test_one_that_is_slower_goes_back() -> None:
    async with box() as made:
        update = await begun(made, share=0.5, hold_s=600)
        for triton in made.tritons:
            triton.first_s = {OLD: 0.04, NEW: 0.12}
        new, old = opened(made.host), opened(made.host)
        await say(made, old, 10)
        await say(made, new, 10)
        await asyncio.sleep(0)
        assert update.state == "rolled back"
        assert "slower" in update.why
        assert new.options.voice == OLD


@on_virtual_time
async def test_what_is_of_another_kind_or_language_is_given_up() -> None:
    async with box() as made:
        update = await begun(made, new="canned")
        assert update.state == "rolled back"
        assert "is a recogniser, not a voice" in update.why


@on_virtual_time
async def test_what_cannot_be_updated_is_refused_by_name() -> None:
    async with box() as made:
        start = made.host.updates.start
        with pytest.raises(UnknownName, match="nobody"):
            await start(OLD, "nobody", 0.1, 1)
        with pytest.raises(UnknownName, match="nobody"):
            await start("nobody", NEW, 0.1, 1)
        with pytest.raises(InvalidInput, match="served by 'espeak' already"):
            await start(OLD, OLD, 0.1, 1)
        await start(OLD, NEW, 0.1, 1)
        with pytest.raises(InvalidInput, match="is under way"):
            await start(OLD, "tone", 0.1, 1)
        with pytest.raises(UnknownName, match="no update of 'tone'"):
            made.host.updates.cancel("tone")


@on_virtual_time
async def test_an_operator_ends_one_even_while_it_loads() -> None:
    async with box() as made:
        for triton in made.tritons:
            triton.load_s = 30
        update = await made.host.updates.start(OLD, NEW, 1.0, 5)
        await asyncio.sleep(1)
        assert made.host.updates.cancel(OLD) is update
        assert opened(made.host).options.voice == OLD
        await asyncio.sleep(100)
        assert update.why == "an operator ended it"
        assert all(triton.states[NEW] == "UNAVAILABLE" for triton in made.tritons)


@on_virtual_time
async def test_the_second_name_does_not_count_for_the_cap() -> None:
    async with box(model_manager={"resident_cap": 1}) as made:
        session = opened(made.host)
        update = await begun(made)
        assert update.state == "trial", update.why
        assert [triton.states[OLD] for triton in made.tritons] == ["READY"] * 2
        made.host.forget(session)


@on_virtual_time
async def test_a_recogniser_that_errs_is_replaced_in_the_same_utterance() -> None:
    async with box() as made:
        await made.host.updates.start("pocketsphinx-en", "canned", 1.0, 5)
        await asyncio.sleep(2)
        session = opened(made.host)
        assert session.options.recogniser == "canned"
        routes, before = made.of(session), session.options
        routes.recognise(before, session.id)
        assert await routes.recover_recogniser(before, ModelFailed("broken", model="canned"))
        routes.recognise(before, session.id)
        heard = [call for triton in made.tritons for call in triton.calls if "hear" in call]
        assert sorted(heard) == ["hear canned", "hear pocketsphinx-en"]


@on_virtual_time
async def test_a_server_that_is_gone_does_not_take_a_session_from_its_trial() -> None:
    async with box() as made:
        await begun(made, share=1.0, hold_s=600)
        session = opened(made.host)
        await say(made, session)
        first = made.of(session).server_of(NEW)
        dead, other = made.tritons if first.name == "zero" else reversed(made.tritons)
        dead.lost()
        assert await spoken(made, session, "One two three.", voice=NEW) == ["One two three."]
        assert other.count(f"speak {NEW}") == 1, "the same version, elsewhere"
        assert dead.count(f"speak {OLD}") == other.count(f"speak {OLD}") == 0
        assert not first.answers, "nobody else is sent there"


@on_virtual_time
async def test_a_recogniser_on_trial_whose_server_is_gone_is_asked_elsewhere() -> None:
    async with box() as made:
        await made.host.updates.start("pocketsphinx-en", "canned", 1.0, 600)
        await asyncio.sleep(2)
        session = opened(made.host)
        routes, gone = made.of(session), TritonUnavailable("gone", model="canned")
        routes.recognise(session.options, session.id)
        routes.failed(routes.server_of("canned"), gone)
        assert await routes.recover_recogniser(session.options, gone)
        routes.recognise(session.options, session.id)
        assert [triton.count("hear canned") for triton in made.tritons] == [1, 1]


@on_virtual_time
async def test_after_a_restart_a_name_can_be_updated_again_and_go_back() -> None:
    made = Box()
    made.host.served.versions.put(OLD, NEW)
    await made.host.load_defaults()
    assert opened(made.host).options.voice == NEW
    made.host.served.versions.put(OLD, "tone")
    assert opened(made.host).options.voice == "tone"
    made.host.served.versions.put(OLD, OLD)
    assert opened(made.host).options.voice == OLD
    await made.host.close()


async def promoted(made: Box, new: str) -> None:
    update = await begun(made, share=1.0, hold_s=0, new=new)
    await say(made, opened(made.host), 20)
    await asyncio.sleep(2)
    assert update.state == "promoted", update.why


@on_virtual_time
async def test_a_second_update_reaches_the_default_that_an_operator_chose() -> None:
    async with box() as made:
        await promoted(made, NEW)
        await made.host.switching.use(OLD)
        assert opened(made.host).options.voice == NEW
        await promoted(made, "tone")
        assert opened(made.host).options.voice == "tone"
        assert NEW not in made.host.served.kept
        made.host.profiles.clear_default("tone")
        assert opened(made.host).options.voice == "tone", "as the profile says"


@on_virtual_time
async def test_what_has_taken_a_place_counts_for_the_cap_again() -> None:
    async with box() as made:
        await promoted(made, NEW)
        await promoted(made, "tone")
        for server in made.host.servers:
            assert "tone" not in server.manager.residency.uncapped


@on_virtual_time
async def test_what_sessions_start_with_is_no_new_version() -> None:
    """Going back would take it from them."""
    async with box(profiles={"vdx": {}, "tones": {"voice": "tone"}}) as made:
        with pytest.raises(InvalidInput, match="profile tones"):
            await made.host.updates.start(OLD, "tone", 0.1, 1)


@on_virtual_time
async def test_one_that_is_given_up_goes_from_every_server_that_answers() -> None:
    async with box() as made:
        await begun(made)
        for triton in made.tritons:
            assert triton.states[NEW] == "READY"
        made.tritons[0].failures[f"unload {NEW}"] = [TritonUnavailable("gone")] * 9
        made.host.updates.cancel(OLD)
        await asyncio.sleep(5)
        assert made.tritons[1].states[NEW] == "UNAVAILABLE"
        assert all(NEW not in each.manager.residency.uncapped for each in made.host.servers)


@on_virtual_time
async def test_an_old_version_that_cannot_be_asked_to_leave_is_told() -> None:
    async with box() as made:

        async def refuses(_name: str) -> bool:
            raise TritonUnavailable("the manager is away")

        for server in made.host.servers:
            server.manager.unload_when_free = refuses  # type: ignore[method-assign]
        with capture_logs() as logs:
            await promoted(made, NEW)
        assert "version not unloaded" in [line["event"] for line in logs]


@on_virtual_time
async def test_an_endpointer_is_not_tried_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """No session would ever get it, and the trial would never end."""
    async with box() as made:
        info = made.host.served.info(OLD)
        assert info is not None

        async def ensure(name: str) -> ModelInfo:
            return replace(info, name=name, kind="endpointer")

        monkeypatch.setattr(made.host.served, "ensure", ensure)
        update = await begun(made)
        assert update.state == "rolled back"
        assert "is an endpointer" in update.why
        assert all(triton.states[NEW] != "READY" for triton in made.tritons)


@on_virtual_time
async def test_what_is_loaded_after_it_was_ended_does_not_stay() -> None:
    async with box() as made:
        update = await made.host.updates.start(OLD, NEW, 1.0, 5)
        made.host.updates.cancel(OLD)
        await asyncio.sleep(60)
        assert update.state == "rolled back"
        assert all(triton.states.get(NEW) != "READY" for triton in made.tritons)
        assert all(NEW not in each.manager.residency.uncapped for each in made.host.servers)


@on_virtual_time
async def test_a_version_is_unloaded_by_the_manager_that_announces_its_server() -> None:
    """That one takes part too: an unload of each frontend could come after the next load."""
    async with box() as made:
        await begun(made)
        made.host.servers[1].announced = True
        made.host.updates.cancel(OLD)
        await asyncio.sleep(5)
        assert [triton.states[NEW] for triton in made.tritons] == ["UNAVAILABLE", "READY"]
        assert made.host.servers[1].manager.info(NEW) is None


@on_virtual_time
async def test_an_operator_who_makes_the_new_version_the_default_has_decided() -> None:
    """Going back would take it from sessions that begin."""
    async with box() as made:
        update = await begun(made, share=0.5, hold_s=600)
        await made.host.switching.use(NEW)
        for triton in made.tritons:
            triton.breaks_of = {NEW: ModelFailed("broken", model=NEW)}
        made.host.updates.cancel(OLD)
        await asyncio.sleep(5)
        assert update.is_over()
        assert opened(made.host).options.voice == NEW
        assert [triton.states[NEW] for triton in made.tritons] == ["READY"] * 2


@on_virtual_time
async def test_another_default_in_mid_trial_leaves_the_trial_and_its_end_alone() -> None:
    async with box() as made:
        update = await begun(made, share=1.0, hold_s=600)
        given = opened(made.host)
        assert given.options.voice == NEW
        await made.host.switching.use("tone")
        assert given.options.voice == opened(made.host).options.voice == "tone"
        made.host.updates.cancel(OLD)
        await asyncio.sleep(5)
        assert update.state == "rolled back"
        assert opened(made.host).options.voice == "tone"
        assert [triton.states[NEW] for triton in made.tritons] == ["UNAVAILABLE"] * 2
        assert [triton.states[OLD] for triton in made.tritons] == ["READY"] * 2, "its profile's"


@on_virtual_time
async def test_the_old_version_unloaded_in_mid_trial_is_there_again_when_it_goes_back() -> None:
    async with box() as made:
        update = await begun(made, share=0.5, hold_s=600)
        session = opened(made.host)
        assert session.options.voice == NEW
        await made.host.switching.unload(OLD)
        for triton in made.tritons:
            triton.breaks_of = {NEW: ModelFailed("broken", model=NEW)}
        for _ in range(3):
            spans = await spoken(made, session, "One two.", voice=session.options.voice)
            assert " ".join(spans) == "One two."
        assert update.state == "rolled back"
        await asyncio.sleep(5)
        assert session.options.voice == OLD
        assert await spoken(made, session, "One two.", voice=OLD) == ["One two."]
