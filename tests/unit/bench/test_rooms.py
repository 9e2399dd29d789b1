"""What a room adds, from what its clients and those of the WebSocket tell."""

from typing import Any

import pytest

from vdx.bench import rooms
from vdx.bench.target import Target

TOLD = {"websocket": (300.0, 110.0), "livekit": (370.0, 190.0)}


async def test_a_room_is_held_against_the_websocket_of_the_same_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order = []

    async def run_client_process(scene: str, plan: dict[str, Any], _step: Any) -> Any:
        assert scene == "bargein"
        order.append(plan["transport"])
        assert plan["aware"] == (plan["transport"] == "livekit")
        gap, silent = TOLD[plan["transport"]]
        came = silent + 60
        rows = [
            {"gap_ms": gap, "silent_ms": silent, "came_ms": came},
            {"gap_ms": gap + 4, "silent_ms": None, "came_ms": None},
        ]
        return rows if len(order) > 2 else rows[:1]

    monkeypatch.setattr(rooms, "run_client_process", run_client_process)
    report = await rooms.measure(Target("http://box:9000", livekit=True), 2)
    assert order == ["websocket", "livekit"] * 2
    found = {figure.name.strip(): figure for figure in report.figures}
    assert found["end of speech to first audio, room"].values == [370.0, 370.0, 374.0]
    assert found["added to a turn by the room"].values == [70.0, 70.0, 74.0]
    assert found["added to a barge-in by the room"].values == [80.0, 80.0]
    played_on = found["onset to silence, room, of a client that plays all that comes"]
    assert played_on.values == [250.0, 250.0]
    assert report.missed() == ["  added to a barge-in by the room"]
    assert report.notes[:2] == [
        "WebSocket: 1 of 6 figures missing",
        "room: 1 of 6 figures missing",
    ]
    assert {row["transport"] for row in report.samples} == {"WebSocket", "room"}
