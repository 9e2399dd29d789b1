"""The documents lead somewhere: links, anchors, commands, settings and the pages of the site."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.documents import CODE, DOCUMENTS, ROOT, blocks, is_setting, name_of, prose
from vdx.cli.main import COMMANDS, LazyGroup, load_command
from vdx.core.config import Config
from vdx.dialog.trace import STAGE_LABELS

LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)|(?:src|srcset)=\"(?P<image>[^\"]+)\"")
ON_GITHUB = re.compile(r"\.\./\.\./actions/workflows/(?P<file>[\w-]+\.yaml)(?:/badge\.svg)?")
"""A workflow's page or badge, as GitHub resolves it from the README of whatever repository."""
HEADING = re.compile(r"^#{1,6} +(?P<text>.+?) *$", re.MULTILINE)
MAKE_TARGET = re.compile(r"^(?P<name>[a-z][a-z-]*):", re.MULTILINE)
MAKE_CALL = re.compile(r"^make (?P<target>[a-z][a-z-]*)")
VDX = ("vdx", ".venv/bin/vdx")


def anchors(document: Path) -> set[str]:
    """The ids of a document's headings, by GitHub's rule."""
    found: set[str] = set()
    for heading in HEADING.finditer(prose(document)):
        text = heading["text"].replace("`", "").lower()
        slug = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        number = 0
        while (unique := f"{slug}-{number}" if number else slug) in found:
            number += 1
        found.add(unique)
    return found


def broken_links(document: Path) -> Iterator[str]:
    for link in LINK.finditer(prose(document)):
        target = link["target"] or link["image"]
        if re.match(r"[a-z]+:", target):
            continue
        if workflow := ON_GITHUB.fullmatch(target):
            if not (ROOT / ".github" / "workflows" / workflow["file"]).exists():
                yield target
            continue
        path, _, anchor = target.partition("#")
        file = (document.parent / path).resolve() if path else document
        if not file.exists() or (anchor and anchor not in anchors(file)):
            yield target


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_link_leads_somewhere(document: Path) -> None:
    assert list(broken_links(document)) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("## One `code` heading: two\n## Again\n## Again\n")
    page = tmp_path / "page.md"
    page.write_text(
        "[a](other.md) [b](other.md#one-code-heading-two) [c](other.md#again-1) [d](https://x.y)\n"
        "[e](missing.md) [f](other.md#missing) [g](#here)\n# Here\n"
        "![h](../../actions/workflows/releases.yaml/badge.svg)\n"
        "![i](../../actions/workflows/no.yaml)\n"
    )
    missing = ["missing.md", "other.md#missing", "../../actions/workflows/no.yaml"]
    assert list(broken_links(page)) == missing


@pytest.mark.parametrize("document", DOCUMENTS[2:], ids=name_of)
def test_a_page_of_the_site_links_to_nothing_outside_of_it(document: Path) -> None:
    targets = [link["target"] or link["image"] for link in LINK.finditer(prose(document))]
    assert [target for target in targets if target.startswith("../")] == []


def test_every_page_is_in_the_navigation() -> None:
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    pages = {path.name for path in DOCUMENTS[2:]}
    assert set(_pages(settings["nav"])) == pages


def _pages(entry: Any) -> Iterator[str]:
    if isinstance(entry, str):
        yield entry
    elif isinstance(entry, dict):
        yield from _pages(list(entry.values()))
    else:
        for each in entry:
            yield from _pages(each)


def command_lines(document: Path) -> Iterator[str]:
    """What a document gives to be typed: lines of sh blocks, and code within the text."""
    for block in blocks(document, "sh"):
        yield from block.replace("\\\n", " ").splitlines()
    for code in CODE.findall(prose(document)):
        yield code.replace("\\|", "|")


def vdx_calls(document: Path) -> Iterator[list[str]]:
    for line in command_lines(document):
        try:
            words = shlex.split(line, comments=True)
        except ValueError:  # an apostrophe: no command
            continue
        if len(words) > 1 and words[0] in VDX:
            yield words[1:]


def wrong_in(call: list[str]) -> list[str]:
    """The words of a call of vdx that its command line does not know."""
    name, *rest = call
    if name.startswith("-"):
        return []
    if name not in COMMANDS:
        return [name]
    command: Any = load_command(name)
    if hasattr(command, "commands") and rest and rest[0].isidentifier():
        while len(rest) > 2 and rest[1] == "|":  # `list | load`: each of them
            if rest[0] not in command.commands:
                return [rest[0]]
            rest = rest[2:]
        name, *rest = rest
        if name not in command.commands:
            return [name]
        lazy = isinstance(command, LazyGroup)
        command = load_command(name, command.package) if lazy else command.commands[name]
    known = {option for each in command.params for option in each.opts + each.secondary_opts}
    given = [word.partition("=")[0] for word in rest if word.startswith("--")]
    unknown = [word for word in given if word not in known | {"--help"}]
    settings = [rest[index + 1] for index, word in enumerate(rest[:-1]) if word == "--set"]
    keys = [setting.partition("=")[0] for setting in settings]
    return unknown + [
        key for key in keys if key != "KEY" and not is_setting(Config, key.split("."))
    ]


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_command_exists_with_its_options_and_settings(document: Path) -> None:
    wrong = {" ".join(call): found for call in vdx_calls(document) if (found := wrong_in(call))}
    assert wrong == {}


def test_every_command_is_in_the_table_of_commands() -> None:
    lines = (ROOT / "docs" / "running.md").read_text(encoding="utf-8").splitlines()
    rows = " ".join(line.split("|")[1] for line in lines if line.startswith("| `vdx "))
    named = set(re.findall(r"vdx ([a-z-]+)", rows))
    assert [name for name in COMMANDS if name not in named] == []


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("up --voice espeak --set tts.speed=1.5", []),
        ("models list | load | use", []),
        ("up --vioce espeak", ["--vioce"]),
        ("up --set tts.sped=1", ["tts.sped"]),
        ("models list | lod", ["lod"]),
        ("serve", ["serve"]),
    ],
)
def test_a_wrong_command_is_found(line: str, wrong: list[str]) -> None:
    assert wrong_in(line.split()) == wrong


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_target_of_make_exists(document: Path) -> None:
    targets = set(MAKE_TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8")))
    calls = [
        found["target"] for line in command_lines(document) if (found := MAKE_CALL.match(line))
    ]
    assert set(calls) <= targets


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_example_of_a_configuration_is_one(document: Path) -> None:
    for block in blocks(document, "yaml"):
        Config.model_validate(yaml.safe_load(block))


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_whole_program_compiles(document: Path) -> None:
    for block in blocks(document, "python"):
        if block.startswith("import "):
            compile(block, name_of(document), "exec")


def test_vdx_is_installed_from_its_wheel() -> None:
    """No index has it: a package of that name there would be another one."""
    by_name = re.compile(r"pip install (?:-\S+ )*vdx(?![\w\[/.-])")
    assert [path.name for path in DOCUMENTS if by_name.search(path.read_text())] == []


def test_the_page_names_the_stages_of_a_turn_as_the_commands_do() -> None:
    english = (ROOT / "frontend/web/src/words/en.ts").read_text(encoding="utf-8")
    (table,) = re.findall(r"^  stages: \{\n(.*?)^  \}", english, re.DOTALL | re.MULTILINE)
    assert dict(re.findall(r'(\w+): "(.*)",', table)) == STAGE_LABELS


def test_what_goes_wrong_names_stages_as_they_are_shown() -> None:
    text = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    _, _, stages = text.partition("| stage that is long |")
    named = re.findall(r'^\| "(.*?)" \|', stages.partition("\n\n")[0], re.MULTILINE)
    assert len(named) == 5
    assert set(named) <= set(STAGE_LABELS.values())
