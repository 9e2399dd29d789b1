"""The large neural voices on the page: talked to, interrupted, swapped; and a person's own voice.

Their sound is noise, as their weights are random; everything else is real. One frontend and one
tritonserver for all.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import yaml
from playwright.async_api import Page, expect

from tests.browser.browsers import room
from tests.browser.conftest import OpenPage
from tests.browser.listening import (
    AUDIBLE,
    LOOKS,
    becomes,
    expect_accessible,
    expect_no_faults,
    is_audible,
    look_at,
    type_line,
    unchanged,
)
from tests.browser.test_page import AXE
from tests.neural.tiny_voices import PIPER, TINY, Tiny, TinyVoices
from tests.server.processes import LONG_ANSWER, LONG_TIMEOUTS, Http, eventually, running
from tests.triton.test_faults import metric
from tests.triton.wire import Wire
from vdx.core.api_keys import StoredKey, add_key, digest
from vdx.core.paths import locate

pytestmark = [pytest.mark.neural, pytest.mark.asyncio(loop_scope="session")]  # of `browsers`

READ = locate().recordings / "ljspeech_0002.wav"
TALK_KEY = "a-key-that-may-only-talk"
RECORDED_S = 10
PATIENCE_S = 180.0
"""For a sentence of networks that compute slower than they speak where others use the machine."""
NAME = "my-voice"


def config_of(home: Path, **server: Any) -> dict[str, Any]:
    """A profile that answers at length, beside the one that repeats; a start loads their voice."""
    script = home / "long.yaml"
    script.write_text(yaml.safe_dump([LONG_ANSWER]))
    long = {"kind": "script", "script": {"path": str(script)}}
    return {
        "triton": LONG_TIMEOUTS,
        "asr": {"model": "pocketsphinx-en"},
        "tts": {"voice": PIPER},
        "server": server,
        "profiles": {"vdx": {}, "long": {"responder": long}},
    }


@pytest.fixture(scope="module")
def address(voices: TinyVoices, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a frontend whose voices of recordings lie where those of the test are."""
    home = tmp_path_factory.mktemp("frontend")
    arguments = ("frontend", "--triton-url", voices.server.grpc_url, "--port", "0")
    environ = {"VDX_HOME": str(voices.paths.home)}
    with running(*arguments, home=home, config=config_of(home), environ=environ) as vdx:
        yield vdx.url()
        assert "Traceback" not in vdx.output, vdx.output


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Somebody who reads a sentence aloud, pauses, and reads it again."""
    voice, rate = soundfile.read(READ, dtype="int16")
    file = tmp_path_factory.mktemp("reader") / "reader.wav"
    soundfile.write(file, np.concatenate([room(rate, 1), voice, room(rate, 1)]), rate)
    return file


async def _is_heard(page: Page, voices: TinyVoices, voice: str) -> None:
    """Waits until a voice has computed audio, and the page sounded after that."""
    computed = lambda: metric(voices.server, "vdx_chunks_total", voice)  # noqa: E731
    before = await asyncio.to_thread(computed)
    more = lambda: computed() > before  # noqa: E731
    await asyncio.to_thread(eventually, more, f"{voice} speaks", PATIENCE_S)
    now = await page.evaluate("performance.now()")
    loud = f"levels.filter(({{ rms, at }}) => at > {now} && rms > {AUDIBLE}).length >= 10"
    await becomes(page, loud, PATIENCE_S)


async def _loaded(voices: TinyVoices, voice: str) -> None:
    """Loads a voice, which on a busy machine takes longer than a page waits for it."""
    async with Wire(voices.server.grpc_url) as wire:
        await wire.load(voice)


async def test_a_person_talks_interrupts_and_swaps_the_voice(
    voices: TinyVoices, address: str, open_page: OpenPage, tiny: Tiny
) -> None:
    await _loaded(voices, tiny.id)
    page = await open_page(f"{address}/?model=long")
    await page.select_option("#voice", tiny.id)
    await expect(page.locator("#voice")).to_be_enabled()
    await page.click("#talk")
    said = page.locator("#captions .you", has_text="forward").first
    await expect(said).to_be_visible()
    await is_audible(page)
    await _is_heard(page, voices, tiny.id)
    await becomes(page, "moods.some(({ mood }) => mood === 'interrupted')", PATIENCE_S)
    await becomes(page, "document.querySelectorAll('#captions del').length > 0", PATIENCE_S)
    for voice in (PIPER, tiny.id):
        await page.select_option("#voice", voice)
        loaded = page.locator("#loading")
        await expect(loaded).to_contain_text(f"{voice} from the next sentence on")
        ours = (await page.evaluate("vdx.store.get().session")).removeprefix("sess_")
        sessions = (await asyncio.to_thread(Http(address).get, "/vdx/sessions"))[1]["sessions"]
        assert [each["voice"] for each in sessions if each["id"] == ours] == [voice]
        await _is_heard(page, voices, voice)
    await expect(page.locator(".notice")).to_have_count(0)
    await expect_no_faults(page)


async def _recorded(page: Page) -> None:
    """Presses the button and waits until ten seconds are over."""
    await page.click("#record-voice")
    await expect(page.locator("#keep-voice")).to_be_visible()


def _voices_of_recordings(address: str) -> list[str]:
    listed = Http(address).get("/v1/audio/voices")[1]["data"]
    return [each["id"] for each in listed if each["cloned"]]


async def test_a_person_speaks_with_their_own_voice(
    voices: TinyVoices, address: str, open_page: OpenPage, reader: Path
) -> None:
    await _loaded(voices, TINY["cosyvoice2"].id)
    page = await open_page(address, voice=reader)
    await page.click("#talk")
    lines = page.locator("#captions .you")
    await expect(lines.first).to_be_visible()
    await page.click("#open-settings")
    await page.click("#record-voice")
    await becomes(page, "vdx.inputLevel() === 0")
    await expect(page.get_by_role("progressbar", name="Recording")).to_be_visible()
    # The sentence, which lasts less than two seconds, comes twice meanwhile: nobody hears it.
    heard = await unchanged(lines, RECORDED_S / 2)
    await expect(page.locator("#keep-voice")).to_be_disabled()
    assert await lines.all_inner_texts() == heard
    await becomes(page, "vdx.store.get().microphone === 'open'")
    axe = AXE.read_text()
    for width, scheme in LOOKS[:2]:
        await look_at(page, width, scheme)
        await expect_accessible(page, axe)
    await page.get_by_label("This is my voice, and I agree").check()
    await page.click("#keep-voice")
    status = page.locator(".own-voice [role=status]")
    await expect(status).to_have_text(f"{NAME} is kept on this server until you delete it.")
    kept = f"cosyvoice2-tiny/{NAME}"
    assert kept in await asyncio.to_thread(_voices_of_recordings, address)
    await becomes(
        page,
        f"""vdx.log.get().some(({{ direction, type, json }}) => direction === "in" &&
          type === "session.updated" && json.includes('"voice":"{kept}"'))""",
    )
    await page.get_by_role("button", name="Close the settings").click()
    await type_line(page, "one")
    await _is_heard(page, voices, TINY["cosyvoice2"].id)
    await page.click("#open-settings")
    await page.get_by_role("button", name=f"Delete {NAME} and its recording").click()
    await expect(status).to_have_text(f"{NAME} is deleted, and its recording.")
    assert await asyncio.to_thread(_voices_of_recordings, address) == []
    assert not list(voices.paths.home.rglob("reference.wav"))
    await expect(page.locator(".notice")).to_have_count(0)
    await expect_no_faults(page)


async def test_a_microphone_that_is_silent_gives_no_voice(
    voices: TinyVoices, address: str, open_page: OpenPage, nobody: Path
) -> None:
    page = await open_page(address, voice=nobody)
    await page.click("#open-settings")
    await _recorded(page)
    await page.get_by_label("This is my voice, and I agree").check()
    await page.click("#keep-voice")
    status = page.locator(".own-voice [role=status]")
    await expect(status).to_contain_text("That did not work: the recording is silent")
    await page.get_by_role("button", name="Record again").click()
    await expect(page.locator("#record-voice")).to_be_visible()
    assert not list(voices.paths.home.rglob("reference.wav"))
    await expect_no_faults(page)


async def test_a_key_that_may_only_talk_is_offered_no_recording(
    voices: TinyVoices, open_page: OpenPage, tmp_path: Path
) -> None:
    file = tmp_path / "keys.json"
    add_key(file, StoredKey(name="guest", sha256=digest(TALK_KEY), scopes=("talk",)))
    arguments = ("frontend", "--triton-url", voices.server.grpc_url, "--port", "0")
    config = config_of(tmp_path, api_keys_file=str(file))
    with running(*arguments, home=tmp_path, config=config) as vdx:
        script = f"sessionStorage.setItem('vdx-key', '{TALK_KEY}');"
        page = await open_page(vdx.url(), script=script)
        await page.click("#open-settings")
        notice = page.locator('[data-topic="models"]')
        await expect(notice).to_contain_text("this key may talk, and not admin")
        await expect(page.get_by_label("Instructions")).to_be_visible()
        await expect(page.locator(".own-voice")).to_have_count(0)
        await expect_no_faults(page)
