"""What a room adds, from what its clients and those of the WebSocket tell."""

from typing import Any

import pytest

from vdx.bench import rooms, ways
from vdx.bench.target import Target

TOLD = {"websocket": (300.0, 110.0), "livekit": (370.0, 190.0)}


async def test_a_room_is_held_against_the_websocket_of_the_same_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order = []

    async def run_client_process(scene: str, plan: dict[str, Any], _step: Any) -> Any:
        order.append((scene, plan["transport"]))
        assert plan["aware"] == (plan["transport"] == "livekit")
        assert plan.get("profile", "") == ("brief" if scene == "turn" else "")
        gap, silent = TOLD[plan["transport"]]
        if scene == "turn":  # the second recording ends softly, and so is answered sooner
            return [{"clip": "a", "gap_ms": gap}, {"clip": "b", "gap_ms": gap - 100}]
        missing = {"clip": "d", "silent_ms": None, "came_ms": None}
        return [{"clip": "c", "silent_ms": silent, "came_ms": silent + 60}, missing]

    monkeypatch.setattr(ways, "run_client_process", run_client_process)
    report = await rooms.measure(
        Target("http://box:9000", livekit=True, profiles=("vdx", "brief")), 2
    )
    round_ = [(scene, way) for scene in ("turn", "bargein") for way in ("websocket", "livekit")]
    assert order == round_ * 2
    found = {figure.name.strip(): figure for figure in report.figures}
    assert found["end of speech to first audio, room"].values == [370.0, 270.0] * 2
    assert found["added to a turn by the room"].values == [70.0] * 4
    assert found["added to a barge-in by the room"].values == [80.0, 80.0]
    played_on = found["onset to silence, room, of a client that plays all that comes"]
    assert played_on.values == [250.0, 250.0]
    assert report.missed() == ["  added to a barge-in by the room"]
    assert report.notes[:2] == [
        "WebSocket: 2 of 8 figures missing",
        "room: 2 of 8 figures missing",
    ]
    assert {row["transport"] for row in report.samples} == {"WebSocket", "room"}
