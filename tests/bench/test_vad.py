"""The vad study on a quarter of its held-back half: it measures, and reaches what it should."""

from pathlib import Path

from tests.bench.test_benches import run

REACHED = (
    "false barge-ins left, of those with all off",
    "true barge-ins lost, of those with all off",
    "turn cuts left, pauses in a phrase, words as said",
    "turn cuts left, pauses in a phrase, pocketsphinx's words",
    "turn gap on finished sentences",
)


def test_listening_in_hard_conditions(tmp_path: Path) -> None:
    report = run(["vad", "--quick", "--plots", str(tmp_path)])
    rows = {row["name"]: row for row in report["figures"]}
    assert [name for name in REACHED if not rows[name]["reached"]] == []
    echo = next(row for name, row in rows.items() if name.startswith("self-interruptions"))
    assert echo["max"] == 0
    assert (tmp_path / "vad-features.png").stat().st_size > 1000
    assert {sample["features"] for sample in report["samples"]} == {"all on", "all off"}
