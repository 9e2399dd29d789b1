"""A recogniser that streams, seen on the page: its words grow while the person speaks.

Long: what goes over the wire is in tests/server/test_streaming_recognisers.py; the page shows it.
"""

import shutil
from collections.abc import Iterator

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import OpenPage, profiles
from tests.browser.listening import becomes, expect_no_faults, is_audible
from tests.server.processes import Http, running
from tests.triton.transducer_models import write_entries
from vdx.serving.embedded import EmbeddedTriton

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

NAME = "tiny-browser-zipformer"
WATCH = """
window.heard = [];
setInterval(() => {
  const text = [...document.querySelectorAll("#captions .you")].at(-1)?.innerText ?? "";
  if (text && heard.at(-1) !== text) heard.push(text);
}, 20);
"""
"""Keeps every text that the person's last line has had."""
GROWN = "heard.some((text, at) => at > 1 && text.startsWith(heard[at - 1].slice(0, 2)))"


@pytest.fixture(scope="module")
def streaming(
    arguments: tuple[str, ...], triton: EmbeddedTriton, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of a frontend whose Triton has a tiny Zipformer too."""
    models, home = triton.options.model_repository, tmp_path_factory.mktemp("streaming")
    write_entries(models, {NAME: "zipformer"})
    config = profiles(home)
    config["profiles"]["streaming"] = {"voice": "tone", "recogniser": NAME}
    with running(*arguments, "0", home=home, config=config) as vdx:
        yield vdx.url()
        Http(vdx.url()).post(f"/vdx/models/{NAME}/unload")
        assert "Traceback" not in vdx.output, vdx.output
    shutil.rmtree(models / NAME)


async def _words_grow(page: Page) -> None:
    await page.evaluate("heard.length = 0")
    await becomes(page, GROWN)


async def test_words_grow_on_the_page_and_recognisers_change(
    streaming: str, open_page: OpenPage
) -> None:
    page = await open_page(streaming + "/?model=streaming", script=WATCH)
    await page.click("#talk")
    await _words_grow(page)
    await is_audible(page)
    http = Http(streaming)
    for model in ("whisper-micro", NAME):
        status, _ = http.post(f"/vdx/models/{model}/use")
        assert status == 200
        answers = await page.locator("#captions .vdx").count()
        await expect(page.locator("#captions .vdx").nth(answers)).to_be_visible()
    await _words_grow(page)
    await expect_no_faults(page)
