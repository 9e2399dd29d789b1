"""What clients ask a server over HTTP: the answer, or an error that names the address."""

import pytest

from tests.unit.cli.admin_server import answering
from vdx.bench.scrape import fetch
from vdx.client.room import ask_token
from vdx.core.errors import ConnectionLost, InvalidInput, VdxError

NOBODY = "http://127.0.0.1:9"
KEY = "a-key"


def test_a_token_is_asked_for_with_the_key() -> None:
    told = {"participant_token": "x"}
    with answering({"POST /token": told}, KEY) as url:
        assert ask_token(f"{url}/", KEY, {"profile": "vdx"}, room_name="hall") == told
        with pytest.raises(ConnectionLost, match="/token: no key"):
            ask_token(url, "another", {})


@pytest.mark.parametrize("url", [NOBODY, "http://[::1", "nonsense"])
def test_an_address_without_a_server_is_named(url: str) -> None:
    with pytest.raises(ConnectionLost) as lost:
        ask_token(url, "", {})
    assert url in str(lost.value)


def test_a_page_is_read_with_the_key() -> None:
    with answering({"GET /metrics": "x"}, KEY) as url:
        assert fetch(f"{url}/metrics", KEY) == '"x"'
        with pytest.raises(VdxError, match=f"{url}/metrics: 401"):
            fetch(f"{url}/metrics")


def test_what_cannot_be_read_is_named() -> None:
    with pytest.raises(VdxError, match=f"{NOBODY}/metrics: "):
        fetch(f"{NOBODY}/metrics")
    with pytest.raises(InvalidInput, match="ftp://x"):
        fetch("ftp://x")
