"""The documents of the repository, as the tests read them."""

import re
from pathlib import Path

from pydantic import BaseModel

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
)

CODE = re.compile(r"`([^`\n]+)`")
FENCE = re.compile(r"^ *```(?P<language>\w*)\n(?P<body>.*?)^ *```", re.DOTALL | re.MULTILINE)


def name_of(document: Path) -> str:
    """A document's path from the root of the repository."""
    return str(document.relative_to(ROOT))


def prose(document: Path) -> str:
    """A document without its fenced blocks, which hold programs, output and diagrams."""
    return FENCE.sub("", document.read_text(encoding="utf-8"))


def blocks(document: Path, language: str) -> list[str]:
    """The fenced blocks of one language."""
    text = document.read_text(encoding="utf-8")
    return [found["body"] for found in FENCE.finditer(text) if found["language"] == language]


def is_setting(model: type[BaseModel], keys: list[str]) -> bool:
    """Whether a dotted key leads somewhere in the tree; mappings take any name for a key."""
    field = model.model_fields.get(keys[0])
    if field is None:
        return False
    rest = keys[2:] if _is_mapping(field.annotation) else keys[1:]
    sections = [each for each in _types(field.annotation) if issubclass(each, BaseModel)]
    return not rest or any(is_setting(section, rest) for section in sections)


def _is_mapping(annotation: object) -> bool:
    return getattr(annotation, "__origin__", None) is dict


def _types(annotation: object) -> list[type]:
    arguments = getattr(annotation, "__args__", ())
    if isinstance(annotation, type) and not arguments:
        return [annotation]
    return [each for argument in arguments for each in _types(argument)]
