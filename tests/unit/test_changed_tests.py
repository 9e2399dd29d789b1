"""`make test-changed`: which tests a change reaches, on small made-up trees."""

import subprocess
from pathlib import Path

import pytest

from scripts import changed_tests
from scripts.changed_rules import DEFAULT_MODELS, EVERYTHING, PAGE, READERS, select
from scripts.import_graph import ImportGraph, Source

ROOT = Path(__file__).parents[2]

TREE = {
    "frontend/vdx/__init__.py": "",
    "frontend/vdx/audio.py": "",
    "frontend/vdx/late.py": "def f():\n    from vdx import audio\n",
    "frontend/vdx/cli/say.py": "import vdx.late\n",
    "frontend/vdx/cli/bench/turn.py": "",
    "frontend/vdx/text/words.py": "",
    "frontend/vdx/text/data/en.yaml": "",
    "triton_backends/tone/model.py": "from triton_backends.tone.engine import E\n",
    "triton_backends/tone/engine.py": "from triton_backends.shared import x\n",
    "triton_backends/shared/x.py": "",
    "triton_backends/piper/model.py": "",
    "model_repository/tone/config.pbtxt": 'name: "tone"\nbackend: "tone"\n',
    "tests/unit/test_late.py": "from vdx.late import f\n",
    "tests/unit/test_words.py": "from vdx.text import words\n",
    "tests/unit/backends/test_engine.py": "import triton_backends.tone.engine\n",
    "tests/unit/cli/test_say.py": 'run(["say", "hello"])\n',
    "tests/unit/test_documents.py": "",
    "tests/unit/test_architecture.py": "",
    "tests/unit/test_wheel.py": "",
    "tests/triton/conftest.py": "from tests.triton import helper\n",
    "tests/triton/helper.py": "import vdx.audio\n",
    "tests/triton/test_all.py": "for name in repo.model_names(): ...\n",
    "tests/triton/test_piper.py": "",
    "tests/triton/test_slow.py": 'load("tone-slow")\n',
    "tests/browser/test_page.py": "",
    "tests/bench/test_benches.py": 'run("bench", ["turn", "--rounds"])\n',
    "tests/data/audio/cards.wav": "",
    "tests/unit/test_sound.py": 'NAME = "cards.wav"\n',
    "docs/page.md": "",
    "requirements/dev.txt": "",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in TREE.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


ALWAYS = {"tests/unit/test_architecture.py", "tests/unit/test_wheel.py"}


@pytest.mark.parametrize(
    ("changed", "runs"),
    [
        # Through an import inside a function, a command that is started, and a conftest.
        (
            "frontend/vdx/audio.py",
            {
                "tests/unit/test_late.py",
                "tests/unit/cli/test_say.py",
                "tests/triton/test_all.py",
                "tests/triton/test_piper.py",
                "tests/triton/test_slow.py",
            },
        ),
        ("frontend/vdx/cli/bench/turn.py", {"tests/bench/test_benches.py"}),
        ("frontend/vdx/text/data/en.yaml", {"tests/unit/test_words.py"}),
        ("tests/data/audio/cards.wav", {"tests/unit/test_sound.py"}),
        # A family: its own tests, and those that use its models.
        (
            "triton_backends/tone/engine.py",
            {
                "tests/unit/backends/test_engine.py",
                "tests/triton/test_all.py",
                "tests/triton/test_slow.py",
                "tests/bench/test_benches.py",
            },
        ),
        ("triton_backends/piper/model.py", {"tests/triton/test_piper.py"}),
        (
            "model_repository/tone/config.pbtxt",
            {"tests/triton/test_all.py", "tests/triton/test_slow.py"},
        ),
        ("docs/page.md", {"tests/unit/test_documents.py"}),
        ("frontend/web/src/main.ts", {PAGE, "tests/browser/test_page.py"}),
        ("requirements/dev.txt", {EVERYTHING}),
        ("of/no/rule.bin", {EVERYTHING}),
        ("LICENSE", set()),
    ],
)
def test_a_change_runs_what_it_reaches(tree: Path, changed: str, runs: set[str]) -> None:
    chosen = select(tree, TREE, [changed])
    assert {*chosen.tests, *chosen.groups} - ALWAYS == runs


def test_every_test_says_why(tree: Path) -> None:
    chosen = select(tree, TREE, ["frontend/vdx/audio.py", "LICENSE"])
    lines = [*chosen.lines()]
    reason = "frontend/vdx/audio.py changed, used by frontend/vdx/late.py"
    assert f"  tests/unit/test_late.py: {reason}" in lines
    assert lines[-1] == "  nothing: no test uses LICENSE"
    assert [*select(tree, TREE, []).lines()] == ["  nothing: nothing has changed"]


def test_what_imports_a_file_that_is_gone_runs(tree: Path) -> None:
    (tree / "frontend/vdx/audio.py").unlink()
    files = TREE.keys() - {"frontend/vdx/audio.py"}
    chosen = select(tree, files, ["frontend/vdx/audio.py"])
    assert "tests/unit/test_late.py" in chosen.tests


def test_a_program_that_is_started_by_its_path_is_used(tree: Path) -> None:
    test = "tests/unit/test_script.py"
    (tree / test).write_text('SCRIPT = ROOT / "scripts" / "made.py"\n')
    (tree / "scripts").mkdir()
    (tree / "scripts/made.py").write_text("")
    graph = ImportGraph(tree, [*TREE, test, "scripts/made.py"])
    assert "scripts/made.py" in graph.reached_from([test])


def test_a_docstring_uses_nothing() -> None:
    assert Source('"""See vdx.audio."""\nX = "vdx.late"\n').texts == {"vdx.late"}


def test_each_environment_gets_its_tests(tree: Path) -> None:
    chosen = select(tree, TREE, ["triton_backends/tone/engine.py", "frontend/web/src/main.ts"])
    engines, page, others = changed_tests.commands(chosen)
    assert engines[0] == ".venv-triton/bin/python"
    assert engines[-1] == "tests/unit/backends/test_engine.py"
    assert page[1] == "scripts/build_page.py"
    assert "tests/triton/test_slow.py" in others
    assert "tests/unit/backends/test_engine.py" not in others
    everything = select(tree, TREE, ["requirements/dev.txt"])
    assert len([*changed_tests.commands(everything)]) == 3


def test_the_tables_name_what_is_there() -> None:
    missing = [name for name in [*READERS, *DEFAULT_MODELS] if not (ROOT / name).exists()]
    assert missing == []


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two commits on `main`, and a branch with one of its own."""
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    for branch, name in (("main", "a.py"), ("main", "b.py"), ("mine", "c.py")):
        git(tmp_path, "checkout", "--quiet", "-B", branch)
        (tmp_path / name).write_text("")
        git(tmp_path, "add", ".")
        git(tmp_path, "commit", "--quiet", "--message", name)
    return tmp_path


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "commit.gpgsign=false")
    return changed_tests.git(folder, *identity, *arguments)


def test_commits_of_the_branch_and_the_working_tree_count(repository: Path) -> None:
    base = changed_tests.find_base(repository, "")
    (repository / "new.py").write_text("")
    (repository / "a.py").unlink()
    assert changed_tests.changed_files(repository, base) == ["a.py", "c.py", "new.py"]
    assert changed_tests.project_files(repository) == ["a.py", "b.py", "c.py", "new.py"]


def test_another_base_is_taken_or_refused(repository: Path) -> None:
    base = changed_tests.find_base(repository, "main~1")
    assert changed_tests.changed_files(repository, base) == ["b.py", "c.py"]
    with pytest.raises(changed_tests.GitError):
        changed_tests.find_base(repository, "no-such-branch")


def test_without_a_main_only_the_working_tree_counts(repository: Path) -> None:
    git(repository, "branch", "--quiet", "-D", "main")
    (repository / "new.py").write_text("")
    base = changed_tests.find_base(repository, "")
    assert changed_tests.changed_files(repository, base) == ["new.py"]


def test_help_lists_every_target() -> None:
    command = ["make", "--silent", "help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert any(line.startswith("make test-changed ") for line in lines)
    assert any(line.startswith("make test ") for line in lines)
