"""Chat endpoints that stand in for one another, each a real HTTP server on loopback."""

import asyncio
from contextlib import aclosing
from typing import Any

import pytest
from pydantic import ValidationError

from tests.unit.speech.test_chat import (
    TALK,
    WELL,
    Behaviour,
    Endpoint,
    event,
    hangs,
    hangs_up,
    refuses,
    streams,
)
from vdx.core.config import ChatConfig, FallbackConfig, ResponderConfig
from vdx.core.errors import ConfigError, ContextExceeded, ResponderError
from vdx.core.metrics import CHAT_ENDPOINTS
from vdx.speech.text.responder import Responder, make_responder
from vdx.speech.text.responder.chat import ChatResponder
from vdx.speech.text.responder.fallbacks import REST_S, FallbackResponder, chat_responder

OTHER = streams(event("Good"), event(" day."), event(finish_reason="stop"))


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vdx.speech.text.responder.chat.BACKOFF_S", 0.001)
    monkeypatch.setenv("OPENAI_API_KEY", "key-of-the-first")
    monkeypatch.setenv("SECOND_KEY", "key-of-the-second")


def chain(*endpoints: Endpoint, **settings: Any) -> Responder:
    first, *others = endpoints
    fallbacks = tuple(FallbackConfig(base_url=each.url, model="other") for each in others)
    chat = ChatConfig(base_url=first.url, model="tiny", fallbacks=fallbacks, **settings)
    return make_responder(ResponderConfig(kind="chat", chat=chat))


async def said(responder: Responder, into: list[str] | None = None) -> str:
    """The reply; its pieces are put into `into`, where they outlive an error."""
    pieces = [] if into is None else into
    async for piece in responder.reply(TALK):
        pieces.append(piece)
    return "".join(pieces)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    "bad",
    [refuses(500), refuses(503), refuses(429), refuses(401), refuses(404), hangs_up, hangs],
    ids=["500", "503", "429", "401", "404", "hangs up", "hangs"],
)
async def test_the_next_endpoint_answers_where_one_fails_before_its_first_word(
    bad: Behaviour,
) -> None:
    async with Endpoint(bad) as first, Endpoint(OTHER) as second:
        responder = chain(first, second, first_token_timeout_ms=300, retries=3)
        assert await said(responder) == "Good day."
        await responder.aclose()
    assert len(first.requests) == 1  # no retries while there is another one
    assert second.requests[0][1]["model"] == "other"


async def test_a_connection_that_was_kept_too_long_is_no_failure() -> None:
    """A server may end one just as it is used again; a new one is tried, once."""
    behaviours = (WELL, hangs_up, WELL, hangs_up, hangs_up)
    async with Endpoint(*behaviours) as first, Endpoint(OTHER) as second:
        responder, heard = chain(first, second), list[str]()
        for _ in range(3):
            heard.append(await said(responder))
            await asyncio.sleep(0.05)  # this server ends each connection, which is noticed
        await responder.aclose()
    assert heard == ["Hello there.", "Hello there.", "Good day."]
    assert (len(first.requests), len(second.requests)) == (5, 1)


async def test_one_that_nobody_listens_at_is_passed_over() -> None:
    async with Endpoint(WELL) as gone:
        pass
    async with Endpoint(OTHER) as second:
        assert await said(chain(gone, second)) == "Good day."


async def test_no_key_goes_to_another_endpoint() -> None:
    async with (
        Endpoint(refuses(500)) as first,
        Endpoint(refuses(500)) as second,
        Endpoint(OTHER) as third,
    ):
        chat = ChatConfig(
            base_url=first.url,
            fallbacks=(
                FallbackConfig(base_url=second.url),
                FallbackConfig(base_url=third.url, api_key_env="SECOND_KEY"),
            ),
        )
        assert await said(chat_responder(chat)) == "Good day."
    keys = [each.requests[0][0]["authorization"] for each in (first, second, third)]
    assert keys == ["bearer key-of-the-first", "bearer none", "bearer key-of-the-second"]
    assert second.requests[0][1]["model"] == first.requests[0][1]["model"]


async def test_a_failure_after_the_first_word_is_told_and_not_said_again() -> None:
    broken = streams(event("Well"), then="break")
    async with Endpoint(broken) as first, Endpoint(OTHER) as second:
        heard = list[str]()
        with pytest.raises(ResponderError):
            await said(chain(first, second), heard)
    assert heard == ["Well"]
    assert not second.requests


async def test_a_request_that_is_wrong_is_not_sent_elsewhere() -> None:
    async with Endpoint(refuses(400, "bad temperature")) as first, Endpoint(OTHER) as second:
        with pytest.raises(ResponderError, match="bad temperature"):
            await said(chain(first, second))
    assert not second.requests


async def test_where_all_fail_the_last_one_is_retried_and_told() -> None:
    async with Endpoint(refuses(500)) as first, Endpoint(refuses(503, "full")) as second:
        with pytest.raises(ResponderError, match=r"other.*full"):
            await said(chain(first, second, retries=2))
    assert (len(first.requests), len(second.requests)) == (1, 3)


async def test_one_that_failed_rests_and_is_asked_again() -> None:
    clock = Clock()
    async with Endpoint(refuses(500), refuses(500), WELL) as first, Endpoint(OTHER) as second:
        # The last one is retried, as where the connection that it kept has ended meanwhile.
        configs = [ChatConfig(base_url=first.url, retries=0), ChatConfig(base_url=second.url)]
        responder = FallbackResponder([ChatResponder(each) for each in configs], clock)
        assert await said(responder) == "Good day."
        assert await said(responder) == "Good day."
        assert len(first.requests) == 1
        clock.now += REST_S
        assert await said(responder) == "Good day."  # it fails again, and rests for longer
        clock.now += REST_S
        assert await said(responder) == "Good day."
        assert len(first.requests) == 2
        clock.now += REST_S
        assert await said(responder) == "Hello there."
        assert len(first.requests) == 3


async def test_where_all_rest_they_are_asked_all_the_same() -> None:
    async with Endpoint(refuses(500), WELL) as first, Endpoint(refuses(500)) as second:
        responder = chain(first, second, retries=0)
        with pytest.raises(ResponderError):
            await said(responder)
        assert await said(responder) == "Hello there."


async def test_what_was_tried_is_logged_and_counted_without_a_key(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    async with Endpoint(refuses(500, "who said Hi.")) as first, Endpoint(OTHER) as second:
        await said(chain(first, second))
        places = [each.url.removeprefix("http://").removesuffix("/v1") for each in (first, second)]
    labels = [(f"{places[0]} (tiny)", "failed"), (f"{places[1]} (other)", "answered")]
    assert [CHAT_ENDPOINTS.labels(*each)._value.get() for each in labels] == [1, 1]
    told = caplog.text + "".join(capfd.readouterr())
    assert "chat endpoint failed" in told
    assert places[0] in told
    assert "status 500" in told
    assert "key-of" not in told
    assert "who said" not in told  # it may quote the conversation


async def test_a_reply_that_is_not_wanted_any_more_ends_the_connection() -> None:
    hanging = streams(event("Good"), then="hang")
    async with Endpoint(refuses(500)) as first, Endpoint(hanging) as second:
        async with aclosing(chain(first, second).reply(TALK)) as pieces:
            assert await anext(pieces) == "Good"
        await second.gone.wait()


@pytest.mark.parametrize(
    ("given", "told"),
    [({}, "base_url"), ({"base_url": ""}, "base_url"), ({"base_url": "x", "key": "y"}, "key")],
)
def test_a_fallback_needs_an_address(given: dict[str, str], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        ChatConfig.model_validate({"fallbacks": [given]})


def test_an_address_of_no_known_kind_is_named() -> None:
    chat = ChatConfig(fallbacks=(FallbackConfig(base_url="ftp://x"),))
    with pytest.raises(ConfigError, match=r"responder\.chat\.fallbacks\.0\.base_url: 'ftp://x'"):
        chat_responder(chat)


TOO_LONG = refuses(400, "this model's maximum context length is 4096 tokens")


@pytest.mark.parametrize(
    ("first_tokens", "second_tokens", "goes"),
    [(None, None, True), (4096, 8192, True), (4096, None, False), (4096, 4096, False)],
)
async def test_what_is_too_long_for_one_model_goes_to_one_with_a_larger_window(
    first_tokens: int | None, second_tokens: int | None, goes: bool
) -> None:
    async with Endpoint(TOO_LONG) as first, Endpoint(OTHER) as second:
        fallback = FallbackConfig(base_url=second.url, context_tokens=second_tokens)
        chat = ChatConfig(base_url=first.url, fallbacks=(fallback,), context_tokens=first_tokens)
        responder = chat_responder(chat)
        if goes:
            assert await said(responder) == "Good day."
            assert await said(responder) == "Good day."
            assert len(first.requests) > 1, "it is not passed over: shorter ones it can answer"
        else:
            with pytest.raises(ContextExceeded):
                await said(responder)
            assert not second.requests, "its window is no larger, as the configuration says"
        await responder.aclose()


async def test_where_no_window_is_large_enough_that_is_said() -> None:
    async with (
        Endpoint(refuses(503)) as first,
        Endpoint(TOO_LONG) as second,
        Endpoint(TOO_LONG) as third,
    ):
        with pytest.raises(ContextExceeded):
            await said(chain(first, second, third))
        assert third.requests
