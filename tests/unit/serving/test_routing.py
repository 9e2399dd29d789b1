"""Which server and model a session gets, and what is told of it."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from vdx.serving.registry.entry import ServerEntry
from vdx.serving.registry.memory import MemoryRegistry
from vdx.serving.registry.view import View
from vdx.serving.routing import OVERLOADED, RouteRequest, route


def voice(state: str = "resident", **changes: Any) -> dict[str, Any]:
    metrics = {"queue_depth": changes.pop("queue", 0), "leases": changes.pop("leases", 0)}
    metrics["p50_first_audio_ms"] = changes.pop("first_ms", None)
    capabilities = {"languages": ("en",), "sample_rates": (48_000,), **changes}
    return {"kind": "tts", "state": state, "capabilities": capabilities, "metrics": metrics}


def server(name: str, draining: bool = False, **models: Any) -> ServerEntry:
    return ServerEntry.model_validate(
        {"name": name, "addr": f"{name}:8001", "models": models, "draining": draining}
    )


def test_the_shortest_queue_then_the_first_audio_decides() -> None:
    view = View.of(
        (
            server("a", joe=voice(queue=3, first_ms=10)),
            server("b", joe=voice(queue=1, first_ms=90)),
            server("c", joe=voice(queue=1, first_ms=40)),
            server("d", joe=voice(queue=2)),
        )
    )
    choice = route(RouteRequest("tts", "joe"), view)
    assert (choice.server, choice.model, choice.load) == ("c", "joe", None)
    assert choice.reasons == ("joe on c: resident, 1 in flight, first audio 40 ms, the best of 4",)


def test_sessions_spread_over_servers_that_do_equally_well() -> None:
    """One that was never measured is tried; else, of equals, the one with fewer leases."""
    joe = {"first_ms": 41, "leases": 2}
    view = View.of((server("a", joe=voice(**joe)), server("b", joe=voice(first_ms=48, leases=1))))
    assert route(RouteRequest("tts", "joe"), view).server == "b"
    view.put(server("c", joe=voice(leases=5)))
    assert route(RouteRequest("tts", "joe"), view).server == "c"


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        (RouteRequest("asr", "joe"), "it is no recogniser"),
        (RouteRequest("tts", "joe", language="de"), "it has no de"),
        (RouteRequest("tts", "joe", capabilities=frozenset({"zero_shot"})), "it lacks zero_shot"),
        (RouteRequest("tts", "joe", sample_rate=24_000), "it has no 24000 Hz"),
        (RouteRequest("tts", "joe", failed=frozenset({"a"})), "it failed in this session"),
    ],
)
def test_what_cannot_serve_is_left_out_with_the_reason(request_: RouteRequest, told: str) -> None:
    choice = route(request_, View.of((server("a", joe=voice()),)))
    assert not choice.found
    assert choice.load is None
    assert choice.reasons[0] == f"not joe on a: {told}"


def test_a_server_that_drains_gets_no_session_and_loads_nothing() -> None:
    view = View.of((server("a", joe=voice(), draining=True), server("b", joe=voice("absent"))))
    choice = route(RouteRequest("tts", "joe"), view)
    assert not choice.found
    assert choice.load == ("b", "joe")


def test_a_wanted_voice_is_loaded_while_the_fallback_speaks() -> None:
    view = View.of(
        (
            server("a", joe=voice("absent"), amy=voice(leases=5)),
            server("b", joe=voice("absent"), amy=voice(queue=2, leases=1)),
        )
    )
    choice = route(RouteRequest("tts", "joe", fallback="amy"), view)
    assert (choice.server, choice.model, choice.load) == ("a", "amy", ("b", "joe"))
    assert choice.reasons[:2] == ("joe is resident nowhere: b loads it", "amy is the fallback")


def test_a_session_stays_unless_its_server_fails_drains_or_is_overloaded() -> None:
    busy = {"joe": voice(queue=OVERLOADED - 1)}
    request_ = RouteRequest("tts", "joe", now=("a", "joe"))
    assert route(request_, View.of((server("a", **busy), server("b", joe=voice())))).server == "a"
    view = View.of((server("a", joe=voice(queue=OVERLOADED)), server("b", joe=voice())))
    moved = route(request_, view)
    assert moved.server == "b"
    assert moved.reasons[0] == "a is overloaded"
    alone = route(request_, View.of((server("a", joe=voice(queue=OVERLOADED)),)))
    assert alone.server == "a", "there is no better one"
    view = View.of((server("a", draining=True, **busy), server("b", joe=voice(queue=9))))
    assert route(request_, view).server == "b"


def test_without_a_name_any_resident_voice_that_fits_will_do() -> None:
    view = View.of(
        (
            server("a", joe=voice(languages=("de",)), amy=voice("absent")),
            server("b", lea=voice(languages=("*",), queue=4)),
        )
    )
    assert route(RouteRequest("tts", language="en-GB"), view).model == "lea"


def test_nothing_anywhere_is_told() -> None:
    choice = route(RouteRequest("tts", "joe", fallback="amy"), View.of(()))
    assert choice.reasons == ("no server has joe", "no voice that fits is resident")


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_choice_is_always_resident_fit_and_has_the_shortest_queue(data: Any) -> None:
    state = st.sampled_from(["resident", "loading", "absent"])
    language = st.sampled_from([("en",), ("de",), ("*",)])
    servers = [
        server(
            f"s{n}",
            draining=data.draw(st.booleans()),
            **{
                name: voice(
                    data.draw(state),
                    queue=data.draw(st.integers(0, 20)),
                    languages=data.draw(language),
                )
                for name in ("joe", "amy")
            },
        )
        for n in range(data.draw(st.integers(0, 4)))
    ]
    request_ = RouteRequest("tts", "joe", "en", fallback="amy")
    choice = route(request_, View.of(servers))

    def fits(model: str, states: tuple[str, ...]) -> dict[str, int]:
        return {
            each.name: each.models[model].metrics.queue_depth
            for each in servers
            if not each.draining
            and each.models[model].state in states
            and each.models[model].capabilities.languages != ("de",)
        }

    request_ = fits("joe", ("resident",)) or fits("amy", ("resident",))
    assert choice.found is bool(request_)
    if choice.found:
        assert request_[choice.server] == min(request_.values())
        assert choice.model == ("joe" if fits("joe", ("resident",)) else "amy")
    waiting = not fits("joe", ("resident",)) and fits("joe", ("loading", "absent"))
    assert (choice.load is not None) is bool(waiting)


# --- the registry ---------------------------------------------------------------------------


def test_a_server_that_is_not_heard_of_leaves_unless_its_calls_answer() -> None:
    registry = MemoryRegistry(expiry_s=10)
    registry.announce(server("a", joe=voice()), 0)
    registry.announce(server("b", joe=voice()), 0)
    registry.answered("b", 9)
    registry.answered("nobody", 9)
    assert set(registry.view(9).servers) == {"a", "b"}
    assert set(registry.view(11).servers) == {"b"}
    assert [offer.server for offer in registry.view(11).model("joe")] == ["b"]
    assert set(registry.view(19).servers) == set()
    registry.announce(server("a", joe=voice()), 20)
    registry.leave("a")
    registry.leave("a")
    assert registry.view(20).servers == {}


def test_an_announcement_replaces_all_that_was_said_before() -> None:
    registry = MemoryRegistry(expiry_s=10)
    registry.announce(server("a", joe=voice(), amy=voice("absent")), 0)
    registry.announce(server("a", amy=voice(queue=2)), 5)
    view = registry.view(12)
    assert not view.model("joe")
    assert [(each.model, each.queue_depth) for each in view.ranked("tts")] == [("amy", 2)]
    registry.leave("a")
    assert not view.model("amy")
    assert not view.ranked("tts")


def test_an_entry_of_a_newer_version_is_read_and_one_that_is_none_refused() -> None:
    entry = {"name": "a", "addr": "a:1", "version": 9, "colour": "red"}
    models = {"joe": voice() | {"smell": 3}}
    assert ServerEntry.model_validate(entry | {"models": models}).models["joe"].kind == "tts"
    for wrong in ({"name": ""}, {"models": {"joe": {"kind": "cat"}}}, {"version": 0}):
        with pytest.raises(ValidationError):
            ServerEntry.model_validate(entry | wrong)


def test_what_was_unloaded_by_request_is_loaded_nowhere_for_a_session() -> None:
    unloaded = voice("absent") | {"unloaded": True}
    view = View.of((server("a", joe=unloaded, amy=voice()), server("b", joe=voice("absent"))))
    choice = route(RouteRequest("tts", "joe", fallback="amy"), view)
    assert (choice.server, choice.model, choice.load) == ("a", "amy", None)
    assert "joe was unloaded by request" in choice.reasons
    view.put(server("b", joe=voice()))
    assert route(RouteRequest("tts", "joe", fallback="amy"), view).server == "b"


def test_what_the_caller_has_on_a_server_itself_counts() -> None:
    view = View.of((server("a", joe=voice()), server("b", joe=voice(leases=2))))
    assert route(RouteRequest("tts", "joe", here={"a": (0, 1)}), view).server == "a"
    assert route(RouteRequest("tts", "joe", here={"a": (0, 3)}), view).server == "b"
    assert route(RouteRequest("tts", "joe", here={"a": (1, 0)}), view).server == "b"
    here = {"a": (OVERLOADED, 1)}
    assert route(RouteRequest("tts", "joe", now=("a", "joe"), here=here), view).server == "b"
