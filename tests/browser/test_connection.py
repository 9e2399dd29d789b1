"""What keeps a page from its server, and how it comes back."""

import re
import socket
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.browsers import FAR_AWAY
from tests.browser.conftest import OpenPage
from tests.browser.listening import expect_accessible, type_line
from tests.browser.test_page import AXE
from tests.server.processes import running

pytestmark = pytest.mark.asyncio(loop_scope="session")  # of `browsers`


async def test_it_reconnects_by_itself(
    arguments: tuple[str, ...], open_page: OpenPage, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
    with running(*arguments, port, home=tmp_path) as first:
        page = await open_page(first.url())
        await type_line(page, "one")
        await expect(page.locator("#captions .vdx")).to_contain_text("You said: one")
        # An answer of which nothing was heard yet would be given again, with the next one.
        await expect(page.locator("#state")).to_have_text(re.compile("Ready|Your turn"))
    notice = page.locator('[data-topic="connection"]')
    await expect(notice).to_contain_text("No connection: the server does not answer.")
    await expect(page.locator(".notice")).to_have_count(1)
    await page.click("#try-now")
    await expect(notice).to_contain_text("Next try in")
    await expect(page.locator("#state")).to_have_text("Reconnecting")
    with running(*arguments, port, home=tmp_path) as second:
        second.url()
        await expect(notice).to_have_count(0)
        aside = page.locator("#captions .aside")
        await expect(aside).to_have_text("Connected again. The conversation goes on.")
        await type_line(page, "two")
        await expect(page.locator("#captions .vdx").last).to_contain_text("You said: two")


async def test_far_away_it_asks_for_the_key_and_names_the_tunnel(
    arguments: tuple[str, ...], open_page: OpenPage, tmp_path: Path
) -> None:
    config = {"server": {"host": "0.0.0.0", "api_keys": ["open-sesame-open-sesame"]}}
    with running(*arguments, "0", home=tmp_path, config=config) as vdx:
        port = vdx.url().rsplit(":", 1)[1]
        page = await open_page(f"http://{FAR_AWAY}:{port}")
        command = f"ssh -L {port}:127.0.0.1:{port} user@box.test"
        await expect(page.locator(".notice code")).to_have_text(command)
        await expect(page.locator("#ask")).to_be_visible()
        for key in ("wrong", "open-sesame-open-sesame"):
            await page.fill("#key", key)
            await page.keyboard.press("Enter")
            if key == "wrong":
                await expect(page.locator("#ask-name")).to_contain_text("refused")
        await expect(page.locator("#ask")).to_be_hidden()
        await expect(page.locator("#voice")).to_have_value("espeak")
        await page.click("#talk")
        await expect(page.locator(".notice code")).to_have_text(command)
        await type_line(page, "hello from afar")
        await expect(page.locator("#captions .vdx")).to_contain_text("hello from afar")
        operator = await open_page(f"http://{FAR_AWAY}:{port}/operate")
        await expect(operator.locator("#ask-name")).to_contain_text("asks for an API key")
        await expect_accessible(operator, AXE.read_text())
        for key in ("wrong", "open-sesame-open-sesame"):
            await operator.locator("#key").focus()
            await operator.keyboard.press("Control+a")
            await operator.keyboard.type(key)
            await operator.keyboard.press("Enter")
            if key == "wrong":
                await expect(operator.locator("#ask-name")).to_contain_text("refused")
        await expect(operator.locator("#models")).to_be_visible()
        await expect(operator.locator("#key")).to_have_count(0)
