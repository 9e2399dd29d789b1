"""The page as a screen reader has it: Chromium's own accessibility tree."""

from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import Page


@dataclass(frozen=True, slots=True)
class Thing:
    """One node that is not ignored; `properties` are states such as `live` or `disabled`."""

    role: str
    name: str
    properties: dict[str, Any] = field(default_factory=dict)
    parents: tuple[str, ...] = ()
    """The roles around it, outermost first."""


async def read_tree(page: Page) -> list[Thing]:
    """Everything a screen reader can come to, in the order of the page."""
    session = await page.context.new_cdp_session(page)
    try:
        nodes = (await session.send("Accessibility.getFullAXTree"))["nodes"]
    finally:
        await session.detach()
    known = {node["nodeId"]: node for node in nodes}
    found = list[Thing]()

    def visit(node: dict[str, Any], parents: tuple[str, ...]) -> None:
        role = _value(node, "role")
        if not node.get("ignored"):
            properties = {
                each["name"]: each["value"].get("value") for each in node.get("properties", ())
            }
            found.append(Thing(role, _value(node, "name"), properties, parents))
            parents = (*parents, role)
        for child in node.get("childIds", ()):
            if child in known:
                visit(known[child], parents)

    visit(nodes[0], ())
    return found


def _value(node: dict[str, Any], key: str) -> str:
    return str(node.get(key, {}).get("value", ""))


OPERATED = frozenset(
    {"button", "textbox", "searchbox", "combobox", "slider", "checkbox", "switch", "link", "meter"}
    | {"spinbutton", "DisclosureTriangle"}
)
"""Roles of what a person can use or read a value from: each needs a name."""
LANDMARKS = frozenset({"banner", "main", "complementary", "navigation", "region", "log", "alert"})


def nameless(things: list[Thing]) -> list[Thing]:
    """What can be used and says not what it is."""
    return [each for each in things if each.role in OPERATED and not each.name.strip()]


def of_role(things: list[Thing], role: str) -> list[str]:
    """The names of all of one role."""
    return [each.name for each in things if each.role == role]


def announced(things: list[Thing]) -> dict[str, str]:
    """The role of each live region, and how urgently it is read: polite or assertive."""
    return {
        each.role: each.properties["live"]
        for each in things
        if each.properties.get("live") in {"polite", "assertive"}
        and each.properties.get("root") != ""
    }
