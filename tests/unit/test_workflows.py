"""The workflows: what they call is there, and none may do more than it needs."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.build_go_tool import require
from vdx.cli.extras import EXTRAS

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yaml"))
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def steps(workflow: Path) -> list[dict[str, Any]]:
    jobs = yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"]
    return [step for job in jobs.values() for step in job["steps"]]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_what_a_workflow_calls_is_there(workflow: Path) -> None:
    commands = [step["run"] for step in steps(workflow) if "run" in step]
    called = {name for command in commands for name in re.findall(r"\bmake ([a-z-]+)", command)}
    assert called <= TARGETS
    files = {name for command in commands for name in re.findall(r"docker/[\w.-]+", command)}
    made = {"docker/.env"}
    assert [name for name in files - made if not (ROOT / name).exists()] == []


def test_what_the_tests_need_of_the_system_is_installed() -> None:
    wanted = re.findall(r"sudo apt install ([\w-]+)\"", (ROOT / "Makefile").read_text())
    action = (ROOT / ".github/actions/environments/action.yaml").read_text()
    assert "redis-server" in wanted
    # GitHub's machines have a Chrome.
    assert [name for name in wanted if name != "chromium" and f" {name}" not in action] == []


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_reads_unless_a_job_says_otherwise(workflow: Path) -> None:
    text = workflow.read_text(encoding="utf-8")
    found = yaml.safe_load(text)
    assert found["permissions"] == {"contents": "read"}
    assert "pull_request_target" not in text
    for job in found["jobs"].values():
        assert job["timeout-minutes"] <= 120
        writes = "write" in job.get("permissions", {}).values()
        assert not writes or workflow.name == "releases.yaml"
    for step in steps(workflow):
        # What a stranger wrote into a title or a branch's name must not become a part of a script.
        assert "${{" not in step.get("run", "")


def test_actionlint_finds_nothing() -> None:
    actionlint = require("actionlint")
    told = subprocess.run([str(actionlint)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout


def test_a_release_has_all_its_parts_and_is_not_slower_than_the_last() -> None:
    commands = "\n".join(
        step["run"] for step in steps(ROOT / ".github/workflows/releases.yaml") if "run" in step
    )
    for part in ("dist/*.whl", "build/chart/*.tgz", "build/sbom/*.json", "report.json"):
        assert part in commands
    assert 'make bench ARGS="--quick --worse-by 10"' in commands
    assert "docker push" in commands
    assert commands.index("gh release download") < commands.index("--worse-by")
    assert commands.index("--worse-by") < commands.index("gh release create")


def test_a_release_lists_what_every_extra_consists_of() -> None:
    """`build/sbom` has a list for each of the environments that users build."""
    script = (ROOT / "scripts/sbom.sh").read_text(encoding="utf-8")
    found = re.search(r"for list in (.*); do", script)
    assert found is not None
    assert {extra.name for extra in EXTRAS} <= set(found[1].split())
