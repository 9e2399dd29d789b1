"""One tritonserver with a tiny voice of each large neural family."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from tests.browser.conftest import browsers, chromium, nobody, open_page, person
from tests.neural.tiny_voices import TINY, Tiny, TinyVoices, shared_voices
from tests.triton.wire import Wire
from vdx.core.paths import locate
from vdx.serving.embedded import EmbeddedTriton

__all__ = ["browsers", "chromium", "nobody", "open_page", "person"]


@pytest.fixture(scope="session")
def voices(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> TinyVoices:
    """Added and served; models are loaded by whoever needs them."""
    paths = replace(locate(), home=tmp_path_factory.mktemp("neural-home"))
    return shared_voices(pytestconfig, tmp_path_factory, paths)


@pytest.fixture(scope="session")
def server(voices: TinyVoices) -> EmbeddedTriton:
    return voices.server


@pytest.fixture(params=sorted(TINY))
def tiny(request: pytest.FixtureRequest) -> Tiny:
    """Each family in turn."""
    return TINY[request.param]


@pytest.fixture
async def wire(server: EmbeddedTriton) -> AsyncIterator[Wire]:
    async with Wire(server.grpc_url) as opened:
        yield opened
