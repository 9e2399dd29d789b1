"""What is a matter of rooms alone: tokens that do not open them, servers and workers that go."""

import asyncio
import datetime as dt
import json
import re
import signal
from pathlib import Path
from typing import Any

import pytest
from livekit import api
from playwright.async_api import Page, Route, expect

from tests.browser.conftest import OpenPage, keys, profiles
from tests.browser.listening import expect_turn, is_audible, told, type_line
from tests.server.processes import Http, eventually, running
from vdx.serving.livekit import DevelopmentLiveKit

pytestmark = pytest.mark.asyncio(loop_scope="session")  # of `browsers`

HOUR = dt.timedelta(hours=1)


async def hand_out(page: Page, livekit: DevelopmentLiveKit, token: str, *, times: int = 1) -> None:
    """Makes `POST /token` answer with this token, so often."""

    async def fulfil(route: Route) -> None:
        answer = {"server_url": livekit.url, "participant_token": token, "room_name": "ours"}
        await route.fulfill(content_type="application/json", body=json.dumps(answer))

    await page.route("**/token", fulfil, times=times)


def token(livekit: DevelopmentLiveKit, secret: str = "", room: str = "ours") -> api.AccessToken:
    grants = api.VideoGrants(room_join=True, room=room)
    made = api.AccessToken(livekit.api_key, secret or livekit.api_secret)
    return made.with_identity("person").with_grants(grants)


async def test_a_wrong_token_is_told_and_the_next_one_taken(
    rooms: str, livekit: DevelopmentLiveKit, open_page: OpenPage
) -> None:
    page = await open_page(rooms)
    await hand_out(page, livekit, token(livekit, secret="x" * 40).to_jwt())
    await page.click("#talk")
    await told(page, "LiveKit server refused the token")
    await expect_turn(page)
    await expect(page.locator('[data-topic="connection"]')).to_have_count(0)


LATE_ANSWERS = """
const set = RTCPeerConnection.prototype.setRemoteDescription;
RTCPeerConnection.prototype.setRemoteDescription = async function (description) {
  await set.call(this, description);
  if (description.type === "answer") await new Promise((done) => setTimeout(done, 1500));
};
"""
"""The agent hears the microphone before the page's client counts it as published, as it may on a
busy machine."""


@pytest.mark.parametrize("script", ["", LATE_ANSWERS], ids=["at once", "late answers"])
async def test_what_is_said_while_the_page_joins_is_heard(
    rooms: str, open_page: OpenPage, script: str
) -> None:
    http = Http(rooms)
    before = max((line["number"] for line in logged(http)), default=0)
    page = await open_page(rooms, script=script)
    await page.click("#talk")
    await expect_turn(page)

    def told() -> list[dict[str, Any]]:
        return [line for line in logged(http, before) if RECORDED.search(line["event"])]

    (line,) = await asyncio.to_thread(eventually, told, "a recording came")
    assert line["event"] == "heard while joining"
    # A recording that nobody ended would be as long as the client's limit, or never end.
    assert 0 < float(line["values"]["seconds"]) < 10


RECORDED = re.compile("heard while joining|recording of a microphone|while joining did not come")


def logged(http: Http, after: int = 0) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = http.get(f"/vdx/logs?after={after}&level=debug")[1]["lines"]
    return lines


@pytest.mark.long  # refused as the wrong one above is
async def test_an_expired_token_is_told_and_a_fresh_one_taken(
    rooms: str, livekit: DevelopmentLiveKit, open_page: OpenPage
) -> None:
    page = await open_page(rooms)
    await hand_out(page, livekit, token(livekit).with_ttl(-HOUR).to_jwt())
    await page.click("#talk")
    await told(page, "refused the token of this page")
    await expect_turn(page)


@pytest.mark.long  # told as the wrong one above is
async def test_a_token_for_another_room_is_not_used(
    rooms: str, livekit: DevelopmentLiveKit, open_page: OpenPage
) -> None:
    page = await open_page(rooms)
    await hand_out(page, livekit, token(livekit, room="theirs").to_jwt())
    await page.click("#talk")
    await told(page, "leads to theirs, not to ours")
    await expect_turn(page)


async def test_a_livekit_server_that_restarts_in_mid_call(
    arguments: tuple[str, ...], livekit_server: Path, open_page: OpenPage, tmp_path: Path
) -> None:
    async with DevelopmentLiveKit(livekit_server, 0) as server:
        config = profiles(tmp_path) | {"livekit": keys(server)}
        with running(*arguments, "0", "--livekit", home=tmp_path, config=config) as vdx:
            page = await open_page(vdx.url())
            await type_line(page, "one")
            await expect(page.locator("#captions .vdx")).to_contain_text("You said: one")
            await is_audible(page, 5)  # so short a reply, and a busy machine seldom looks
            await server.stop()
            notice = page.locator('[data-topic="connection"]')
            await expect(notice).to_be_visible()
            await server.restart()
            await expect(notice).to_have_count(0)
            await type_line(page, "two")
            answer = page.locator("#captions .vdx").last
            await expect(answer).to_contain_text("You said: two")


# One that says goodbye is missed like one that is killed.
@pytest.mark.parametrize(
    "end", [pytest.param(signal.SIGINT, marks=pytest.mark.long), signal.SIGKILL]
)
async def test_a_frontend_that_restarts_in_mid_call(
    arguments: tuple[str, ...],
    livekit: DevelopmentLiveKit,
    open_page: OpenPage,
    tmp_path: Path,
    end: signal.Signals,
) -> None:
    # A name of its own: no other frontend here takes the room.
    config = profiles(tmp_path) | {"livekit": keys(livekit) | {"agent_name": "restarted"}}
    with running(*arguments, "0", "--livekit", home=tmp_path, config=config) as first:
        address = first.url()
        page = await open_page(address)
        await type_line(page, "one")
        await expect(page.locator("#captions .vdx")).to_contain_text("You said: one")
        first.process.send_signal(end)
    port = address.rsplit(":", 1)[1]
    notice = page.locator('[data-topic="connection"]')
    await expect(notice).to_be_visible()
    with running(*arguments, port, "--livekit", home=tmp_path, config=config) as second:
        second.url()
        await expect(notice).to_have_count(0)
        await type_line(page, "two")
        await expect(page.locator("#captions .vdx").last).to_contain_text("You said: two")
