"""The layers of `vdx`: imports go down only, and outside libraries stay where they belong."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from vdx.core.paths import PACKAGE

LAYERS = (
    "core",
    "serving",
    "speech",
    "dialog",
    "app",
    "batch",
    "transports",
    "client",
    "bench",
    "cli",
)
"""From the bottom up; `client` and `bench` are the person's side, which the server never uses."""

CLIENT_SEES = {"core", "client"}
"""The person's side reaches the server over the wire alone."""

STAGES = {
    "noise_gate": "vad",  # the gate is a part of deciding what is speech
    "vad": "vad",
    "input_level": "vad",
    "asr": "asr",
    "responder": "responder",
    "clauses": "clauses",
    "tts": "tts",
    "playout": "playout",
}
"""Module or package in `speech/input`, `text` or `output` -> its stage; the others are shared."""

ROOM_MODULES = (
    "abandoned_rooms",
    "agent_heartbeat",
    "audio_input",
    "audio_output",
    "control",
    "conversation",
    "outbox",
    "participants",
    "pre_connect",
    "telephone",
    "tokens",
    "tools",
    "worker",
)

ALLOWED = {
    # The client is in triton.py alone; the other takes the message that a config.pbtxt is.
    "tritonclient": {"serving/triton.py", "serving/model_config.py"},
    # What is decoded is opened in `ffmpeg.py` alone, which bounds what FFmpeg may do.
    "av": {
        "core/ffmpeg.py",
        "core/audio_decoder.py",
        "core/frame_converter.py",
        "batch/encoders.py",
    },
    "huggingface_hub": {"serving/voicepacks/hub.py"},
    "livekit": {
        *(f"transports/room/{name}.py" for name in ROOM_MODULES),
        # The audio processing module alone, for sessions, rooms and `vdx talk` alike.
        "speech/input/aec.py",
        "client/room.py",
    },
}
"""Library -> the only modules that may import it."""


def modules() -> list[Path]:
    return sorted(p for p in PACKAGE.rglob("*.py") if "_data" not in p.parts)


@cache
def imported(path: Path) -> tuple[str, ...]:
    """Dotted names a module imports, those inside functions and of submodules included."""
    return tuple(_imported(path))


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            module = node.module or ""
            # `from vdx.speech import asr` names a module only in its list of names.
            yield from (f"{module}.{alias.name}" for alias in node.names)


def inside(path: Path) -> list[list[str]]:
    return [name.split(".") for name in imported(path) if name.startswith("vdx.")]


def layer_of(path: Path) -> str | None:
    parts = path.relative_to(PACKAGE).parts
    layer = Path(parts[0]).stem
    return layer if layer in LAYERS else None


def stage_of(path: Path) -> str | None:
    parts = path.relative_to(PACKAGE).parts
    if parts[0] != "speech" or len(parts) < 3:
        return None
    return STAGES.get(Path(parts[2]).stem)


def place_of(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def test_imports_go_down_only() -> None:
    upward = []
    for path in modules():
        layer = layer_of(path)
        above = LAYERS[LAYERS.index(layer) + 1 :] if layer else ()
        upward += [(place_of(path), ".".join(name)) for name in inside(path) if name[1] in above]
    assert upward == []


def test_libraries_stay_where_they_belong() -> None:
    strays = [
        (place_of(path), library)
        for path in modules()
        for name in imported(path)
        if (library := name.split(".")[0]) in ALLOWED and place_of(path) not in ALLOWED[library]
    ]
    assert strays == []


def test_no_stage_imports_another() -> None:
    others = {
        (place_of(path), ".".join(name))
        for path in modules()
        if (stage := stage_of(path))
        for name in inside(path)
        if name[1] == "speech" and len(name) > 3 and STAGES.get(name[3], stage) != stage
    }
    assert others == set()


def test_the_client_knows_nothing_of_the_server() -> None:
    known = {
        ".".join(name)
        for path in modules()
        if layer_of(path) == "client"
        for name in inside(path)
        if name[1] not in CLIENT_SEES
    }
    assert known == set()


def test_the_package_needs_nothing_that_only_a_checkout_has() -> None:
    checkout = {"benchmarks", "tests", "scripts"}
    found = [
        (place_of(path), name)
        for path in modules()
        for name in imported(path)
        if name.split(".")[0] in checkout
    ]
    assert found == []


def test_every_module_is_in_a_layer() -> None:
    without = [p.name for p in modules() if layer_of(p) is None]
    assert without == ["__init__.py"]


def test_the_walk_sees_imports_inside_functions(tmp_path: Path) -> None:
    source = tmp_path / "late.py"
    source.write_text("def f():\n    import livekit.rtc\n    from vdx.speech.input import asr\n")
    assert [*imported(source)] == ["livekit.rtc", "vdx.speech.input.asr"]
