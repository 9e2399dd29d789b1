"""The operator's page: conversations, models, servers, and an update to its end."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.listening import (
    LOOKS,
    expect_accessible,
    expect_no_faults,
    look_at,
    type_line,
)
from tests.browser.test_page import AXE
from tests.browser.tree import nameless, of_role, read_tree
from tests.server.processes import VARIANTS, Http, Vdx, eventually, running
from tests.server.talk import talking
from tests.triton.repository import add_variant
from tests.unit.serving.test_shared_registry import PASSWORD, RedisServer
from vdx.serving.update_trial import ENOUGH

pytestmark = pytest.mark.asyncio(loop_scope="session")  # of `browsers`

OLD, NEW = "tone-old", "tone-new"
TIMED = re.compile(r"^\d+ \S \d+\.\d s$")
"""How often, and in which mean time."""


async def test_an_operator_sees_and_ends_a_conversation(server: str, open_page: OpenPage) -> None:
    page = await open_page(server + "/?model=long")
    await type_line(page, "one")
    await expect(page.locator("#captions .vdx")).to_contain_text("This is an answer")
    ours = (await page.evaluate("vdx.store.get().session")).removeprefix("sess_")
    operator = await open_page(server + "/operate")
    row = operator.locator("#sessions tbody tr", has_text=ours)
    await expect(row).to_contain_text("long")
    for width, scheme in LOOKS[2:]:
        await look_at(operator, width, scheme)
        await expect_accessible(operator, AXE.read_text())
        assert await operator.evaluate("document.documentElement.scrollWidth") <= width
    things = await read_tree(operator)
    assert nameless(things) == []
    groups = ["Load", "Sessions", "Servers", "Models", "Loads and failures", "Updates"]
    assert of_role(things, "region") == groups
    operator.on("dialog", lambda dialog: dialog.accept())
    await row.get_by_role("button").focus()
    await operator.keyboard.press("Enter")
    await expect(row).to_have_count(0)
    await expect(operator.locator("#sessions-name")).to_be_focused()  # the button went with the row
    notice = page.locator('[data-topic="connection"]')
    await expect(notice).to_contain_text("an operator ended it")
    await expect_no_faults(operator)


async def test_an_operator_loads_drains_and_updates_models(
    server: str, open_page: OpenPage
) -> None:
    Http(server).post("/vdx/models/tone/load")
    page = await open_page(server + "/operate", viewport={"width": 390, "height": 844})
    canned = page.locator('[data-model="canned"]')
    await expect(canned).to_be_visible()
    if await canned.get_attribute("data-loaded") is None:
        await canned.get_by_role("button", name="Load: canned", exact=True).click()
    await canned.get_by_role("button", name="Unload: canned", exact=True).click()
    await expect(canned.get_by_role("button", name="Load: canned", exact=True)).to_be_visible()
    changed = page.locator('#changes [data-changed="canned"] td')
    await expect(changed.nth(0)).to_have_text(TIMED)
    await expect(changed.nth(1)).to_have_text(TIMED)
    drained = page.locator("#servers tbody tr").first
    await drained.get_by_role("button", name=re.compile("^Drain: ")).click()
    await expect(drained).to_contain_text("is drained")
    await drained.get_by_role("button", name=re.compile("^Take conversations again: ")).click()
    await expect(drained).to_contain_text("takes conversations")

    update = page.locator("#update")
    updated = page.locator("#updates tbody tr").first
    await update.get_by_label("Model to replace").select_option("tone")
    await update.get_by_label("By").select_option("tone-fast")
    await update.get_by_label("Share").fill("25")
    await update.get_by_label("Share").press("Enter")
    await expect(updated).to_contain_text("on trial, 25 %")
    await page.get_by_role("button", name="Go back to the old version of tone").click()
    await expect(updated).to_contain_text("an operator ended it")
    await update.get_by_label("By").select_option("espeak-en")
    await update.get_by_role("button", name="Update").click()
    await expect(updated).to_contain_text("it was not loaded: espeak-en lacks")
    await expect(updated).to_have_attribute("data-state", "rolled back")
    await expect_accessible(page, AXE.read_text())
    await expect_no_faults(page)


async def test_an_operator_sees_an_update_take_over(server: str, open_page: OpenPage) -> None:
    page = await open_page(server + "/operate")
    row = await _begin_update(page)
    async with talking(server, "updated") as talk:
        await _talk_enough(server, "updated")
        await expect(row).to_have_attribute("data-state", "promoted")
        await expect(row).to_contain_text("took its place")
        assert talk.events, "who talked before is not cut off"
    assert await _voice_of(server, "updated") == NEW
    await expect_no_faults(page)


# A Triton, two frontends and a Redis: an update to its end is guarded by the test above, and that
# frontends of one registry take part by tests/unit/test_shared_updates.py.
@pytest.mark.long
async def test_operators_of_one_registry_see_the_same_update(
    open_page: OpenPage, tmp_path: Path
) -> None:
    async with frontends(tmp_path) as (first, second):
        deciding = await open_page(first + "/operate")
        looking = await open_page(second + "/operate")
        row = await _begin_update(deciding)
        other = looking.locator("#updates tbody tr").first
        await expect(other).to_contain_text("decided by another server")
        await _talk_enough(second, "vdx")  # its sessions count for the one that decides
        for each in (row, other):
            await expect(each).to_have_attribute("data-state", "promoted")
        for server in (first, second):
            assert await _voice_of(server, "vdx") == NEW
        await expect_accessible(looking, AXE.read_text())
        for page in (deciding, looking):
            await expect_no_faults(page)


@contextlib.asynccontextmanager
async def frontends(folder: Path) -> AsyncIterator[tuple[str, str]]:
    """The addresses of two that know one Triton by a registry."""
    redis = RedisServer(folder)
    await redis.start()
    config: dict[str, Any] = {
        "tts": {"voice": OLD},
        "asr": {"model": "canned"},
        "endpointing": {"model": "none"},
        "registry": {"url": redis.url, "password": PASSWORD},
    }
    with contextlib.ExitStack() as stack:

        def start(place: str, *arguments: str, **registry: str) -> Vdx:
            (home := folder / place).mkdir()
            for version in (OLD, NEW):
                repository = home / "home" / "model_repository"
                add_variant(repository, version, "tone", VARIANTS[version][1])
            given = config | {"registry": config["registry"] | registry}
            environ = {"VDX_HOME": str(home / "home")}
            command = running(*arguments, home=home, config=given, environ=environ)
            return stack.enter_context(command)

        start("t0", "triton", "--announce", "--port", "0", name="t0").said(r"ready: http")
        both = [start(name, "frontend", "--port", "0") for name in ("f0", "f1")]
        addresses = [vdx.url() for vdx in both]
        for address in addresses:
            await asyncio.to_thread(eventually, partial(_servers, address), "the Triton is known")
        yield addresses[0], addresses[1]
        outputs = [vdx.output for vdx in both]
    redis.stop()
    assert not any("Traceback" in output for output in outputs), "\n\n".join(outputs)


def _servers(address: str) -> list[Any]:
    servers: list[Any] = Http(address).get("/vdx/servers")[1]["servers"]
    return servers


async def _begin_update(page: Page) -> Any:
    """Has every conversation that begins get the new voice; returns the row that tells of it."""
    update = page.locator("#update")
    await update.get_by_label("Model to replace").select_option(OLD)
    await update.get_by_label("By").select_option(NEW)
    await update.get_by_label("Share").fill("100")
    await update.get_by_label("Seconds").fill("0")
    await update.get_by_role("button", name="Update").click()
    row = page.locator("#updates tbody tr").first
    await expect(row).to_have_attribute("data-state", "trial")
    await expect(row).to_contain_text("on trial, 100 %")
    return row


async def _talk_enough(server: str, profile: str) -> None:
    """As many replies as the new version must have spoken."""
    async with talking(server, profile) as talk:
        for number in range(ENOUGH):
            done = await talk.typed_turn(str(number))
            assert done["response"]["status"] == "completed"


async def _voice_of(server: str, profile: str) -> str:
    """That of a conversation that begins now."""
    async with talking(server, profile) as talk:
        (created,) = talk.of("session.created")
        return str(created["session"]["audio"]["output"]["voice"])
