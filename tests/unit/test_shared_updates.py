"""An update that one of two frontends is asked for, on virtual time, their registry in memory."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, cast

import pytest

from tests.unit.test_app import opened
from tests.unit.test_model_updates import NEW, OLD, say
from tests.unit.test_servers import Box, box, no_threads
from tests.unit.virtual_time import on_virtual_time
from vdx.app.shared_updates import UpdateSharing
from vdx.core.errors import InvalidInput, ModelFailed, TritonUnavailable
from vdx.serving.registry.shared_updates import SharedUpdates
from vdx.serving.registry.update_entry import UpdateEntry, UpdateFigures, VersionEntry
from vdx.serving.update_trial import ENOUGH

__all__ = ["no_threads"]

LATE_S = 0.2


class Exchange:
    """What `SharedUpdates` promises, between those that are in `peers`; messages take LATE_S."""

    def __init__(self, peers: "list[Exchange]") -> None:
        self._peers = peers
        peers.append(self)
        self.versions: dict[str, VersionEntry] = {}
        self.heard: Callable[[UpdateEntry], None] = lambda _: None
        self.reported: Callable[[UpdateFigures], None] = lambda _: None
        self.version: Callable[[VersionEntry], None] = lambda _: None

    def _others(self, what: str, entry: Any) -> None:
        loop = asyncio.get_running_loop()
        for peer in self._peers:
            if peer is not self:
                loop.call_later(LATE_S, lambda to=peer: getattr(to, what)(entry))

    def tell(self, entry: UpdateEntry) -> None:
        self._others("heard", entry)

    def report(self, figures: UpdateFigures) -> None:
        self._others("reported", figures)

    def next_revision(self, _name: str) -> int:
        return 1


def share(made: Box, peers: list[Exchange]) -> Exchange:
    exchange = Exchange(peers)
    UpdateSharing(made.host.updates, made.host.served.versions, cast(SharedUpdates, exchange))
    return exchange


@asynccontextmanager
async def frontends(count: int = 2) -> AsyncIterator[list[Box]]:
    peers: list[Exchange] = []
    async with AsyncExitStack() as stack:
        boxes = [await stack.enter_async_context(box()) for _ in range(count)]
        for each in boxes:
            share(each, peers)
        yield boxes


async def begun(made: Box, share: float = 0.5, hold_s: float = 600.0) -> Any:
    update = await made.host.updates.start(OLD, NEW, share, hold_s)
    await asyncio.sleep(4)
    assert update.state == "trial", update.why
    return update


def followed(made: Box) -> Any:
    (update,) = made.host.updates.all
    assert not update.led_here
    return update


@on_virtual_time
async def test_both_give_the_new_version_to_the_same_share_of_their_sessions() -> None:
    async with frontends() as (asked, other):
        await begun(asked, share=0.25)
        assert followed(other).state == "trial"
        assert [triton.states[NEW] for triton in other.tritons] == ["READY"] * 2
        for made in (asked, other):
            voices = [opened(made.host).options.voice for _ in range(8)]
            assert voices.count(NEW) == 2


@on_virtual_time
async def test_what_the_others_served_decides_too_and_all_have_the_new_version() -> None:
    async with frontends(3) as (asked, *others):
        update = await begun(asked, share=0.5, hold_s=0)
        early = opened(others[0].host)
        for made in others:
            for _ in range(2):
                await say(made, opened(made.host), ENOUGH // 2)
        await asyncio.sleep(3)
        assert update.state == "promoted", update.why
        assert update.trial.new.requests == 0, "none of them was served where it was asked for"
        assert update.trial.all_new.requests == ENOUGH
        for made in (asked, *others):
            assert opened(made.host).options.voice == NEW
            assert made.host.served.kept[NEW] == "profile vdx"
            assert OLD not in made.host.served.kept
        assert early.options.voice == OLD, "who speaks finishes on the old one"


@on_virtual_time
async def test_errors_that_another_frontend_sees_take_it_back_everywhere() -> None:
    async with frontends() as (asked, other):
        update = await begun(asked, share=1.0)
        session = opened(other.host)
        assert session.options.voice == NEW
        for triton in other.tritons:
            triton.breaks_of = {NEW: ModelFailed("broken", model=NEW)}
        await say_anyhow(other, session, 3)
        await asyncio.sleep(5)
        assert update.state == followed(other).state == "rolled back"
        assert "3 of 3 requests failed" in update.why
        assert session.options.voice == OLD
        for triton in (*asked.tritons, *other.tritons):
            assert triton.states[NEW] == "UNAVAILABLE"


async def say_anyhow(made: Box, session: Any, times: int) -> None:
    for _ in range(times):
        await say(made, session)


@on_virtual_time
async def test_one_that_another_frontend_cannot_load_goes_back() -> None:
    async with frontends() as (asked, other):
        for triton in other.tritons:
            triton.failures[f"load {NEW}"] = [ModelFailed("no such weights", model=NEW)] * 9
        update = await asked.host.updates.start(OLD, NEW, 0.5, 600)
        await asyncio.sleep(5)
        assert update.state == followed(other).state == "rolled back"
        assert "a frontend cannot use it: no such weights" in update.why


@on_virtual_time
async def test_it_can_be_ended_at_any_of_them_and_is_begun_once() -> None:
    async with frontends() as (asked, other):
        update = await begun(asked)
        with pytest.raises(InvalidInput, match="is under way"):
            await other.host.updates.start(OLD, "tone", 0.5, 1)
        other.host.updates.cancel(OLD)
        await asyncio.sleep(1)
        assert (update.state, update.why) == ("rolled back", "an operator ended it")


@on_virtual_time
async def test_of_two_that_begin_at_once_one_goes_on() -> None:
    async with frontends() as boxes:
        updates = [await made.host.updates.start(OLD, NEW, 0.5, 600) for made in boxes]
        await asyncio.sleep(5)
        first, second = sorted(updates, key=lambda update: update.id)
        assert first.state == "trial"
        assert second.state == "rolled back"
        (with_second,) = [made for made in boxes if second in made.host.updates.all]
        assert any(each.id == first.id for each in with_second.host.updates.all)


@on_virtual_time
async def test_the_others_go_back_where_its_frontend_has_ended() -> None:
    async with frontends() as (asked, other):
        update = await begun(asked, share=1.0)
        assert opened(other.host).options.voice == NEW
        entry = UpdateEntry(
            id=update.id, name=OLD, old=OLD, new=NEW, share=1.0, state="rolled back", why="gone"
        )
        exchange_of(other).heard(entry)
        assert followed(other).state == "rolled back"
        assert opened(other.host).options.voice == OLD


def exchange_of(made: Box) -> Any:
    return made.host.updates.told.__self__._exchange  # type: ignore[attr-defined]


@on_virtual_time
async def test_a_version_of_before_is_taken_over_by_sessions_that_begin() -> None:
    async with frontends() as (made, _):
        exchange_of(made).version(VersionEntry(name=OLD, model=NEW, revision=3))
        await asyncio.sleep(3)
        assert opened(made.host).options.voice == NEW


@on_virtual_time
async def test_two_updates_one_after_the_other_do_not_mix() -> None:
    """The first one's unload takes nothing from the second, nor its sessions from their choice."""
    async with box() as made:
        first = await begun(made, share=1.0)
        given, chose = opened(made.host), opened(made.host)
        assert given.options.voice == NEW
        made.host.updates.cancel(OLD)
        second = await made.host.updates.start(OLD, NEW, 1.0, 600)
        await asyncio.sleep(30)
        assert (first.state, second.state) == ("rolled back", "trial")
        assert [triton.states[NEW] for triton in made.tritons] == ["READY"] * 2
        updates = made.host.updates
        assert given.options.voice == chose.options.voice == OLD
        later = opened(made.host)
        assert updates.instead_of(later.id, NEW) == OLD
        made.host.forget(later)
        assert updates.instead_of(later.id, NEW) == "", "forgotten with its session"


@on_virtual_time
async def test_who_chose_the_new_version_keeps_it_when_it_errs() -> None:
    async with box() as made:
        await begun(made, share=0.5)
        opened(made.host)
        session = opened(made.host)
        assert session.options.voice == OLD
        assert made.host.updates.instead_of(session.id, NEW) == ""


@on_virtual_time
async def test_going_back_to_a_version_that_was_to_leave_keeps_it() -> None:
    async with box() as made:
        early = opened(made.host)
        update = await begun(made, share=1.0, hold_s=0)
        await say(made, opened(made.host), ENOUGH)
        await asyncio.sleep(3)
        assert update.state == "promoted"
        back = await made.host.updates.start(OLD, OLD, 0.5, 600)
        await asyncio.sleep(3)
        assert back.state == "trial", back.why
        made.host.forget(early)
        await asyncio.sleep(60)
        assert [triton.states[OLD] for triton in made.tritons] == ["READY"] * 2


@on_virtual_time
async def test_of_two_that_begin_at_once_one_goes_on_whoever_else_takes_part() -> None:
    for _ in range(4):  # ids are drawn: either may be the smaller one
        async with frontends(3) as boxes:
            updates = [await made.host.updates.start(OLD, NEW, 0.5, 600) for made in boxes[:2]]
            await asyncio.sleep(5)
            states = [update.state for update in sorted(updates, key=lambda update: update.id)]
            assert states == ["trial", "rolled back"], [update.why for update in updates]


@on_virtual_time
async def test_a_model_that_another_frontend_starts_sessions_with_is_no_new_version() -> None:
    """Going back would take it from them."""
    async with frontends() as (asked, other):
        other.host.profiles.keep_too({NEW: "profile bells"})
        update = await asked.host.updates.start(OLD, NEW, 1.0, 600)
        await asyncio.sleep(5)
        assert update.state == "rolled back"
        assert "profile bells" in update.why
        assert other.host.updates.all == ()


@on_virtual_time
async def test_a_version_of_before_is_taken_over_once_a_server_answers() -> None:
    async with frontends() as (made, _):
        gone = [TritonUnavailable("gone")] * 2
        for triton in made.tritons:
            triton.failures[f"load {NEW}"] = list(gone)
        exchange_of(made).version(VersionEntry(name=OLD, model=NEW, revision=3))
        await asyncio.sleep(60)
        assert opened(made.host).options.voice == NEW
