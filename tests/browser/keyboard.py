"""Going through a page with the Tab key alone."""

from dataclasses import dataclass
from typing import Any

from playwright.async_api import Page

MOST_STOPS = 400


@dataclass(frozen=True, slots=True)
class Walk:
    """What the Tab key came to, in its order, and what is wrong with it."""

    stops: list[str]
    unseen: list[str]
    """Stops over whose middle something else lies."""
    unmarked: list[str]
    """Stops that look as they do without the focus."""
    missed: list[str]
    """What can be operated and is never come to."""

    @property
    def faults(self) -> tuple[list[str], list[str], list[str]]:
        return self.unseen, self.unmarked, self.missed


async def walk(page: Page) -> Walk:
    """Presses Tab until it is where it has been before."""
    await page.evaluate("window.walked = new Set()")
    stops: list[dict[str, Any]] = []
    for _ in range(MOST_STOPS):
        await page.keyboard.press("Tab")
        stop = await page.evaluate(STOP)
        if stop is None:  # the browser's own bar
            continue
        if stop["again"]:
            break
        stops.append(stop)
    else:
        raise AssertionError(f"no end after {MOST_STOPS} stops: {stops[-3:]}")
    return Walk(
        [stop["name"] for stop in stops],
        [stop["name"] for stop in stops if not stop["seen"]],
        [stop["name"] for stop in stops if not stop["marked"]],
        await page.evaluate(MISSED),
    )


NAME = """((each) => each.id || each.ariaLabel || each.labels?.[0]?.textContent ||
  each.textContent.trim().slice(0, 40) || each.outerHTML.slice(0, 80))"""

IN_SIGHT = """((focused) => {
  const { left, right, top, bottom } = focused.getBoundingClientRect();
  const x = (Math.max(left, 0) + Math.min(right, innerWidth)) / 2;
  const y = (Math.max(top, 0) + Math.min(bottom, innerHeight)) / 2;
  const there = document.elementFromPoint(x, y);
  return focused.contains(there) || there?.contains(focused) || there?.control === focused;
})"""
"""Whether what has the focus is seen: nothing lies over its middle."""

MARKED = """((focused) => {
  const { outlineStyle, outlineWidth } = getComputedStyle(focused);
  if (outlineStyle !== "none" && parseFloat(outlineWidth) >= 1) return true;
  const border = (element) => getComputedStyle(element).borderTopColor;
  const frame = focused.closest("#say");
  return frame !== null && border(frame) !== border(document.querySelector("#captions"));
})"""
"""Whether it looks otherwise than without the focus: by its outline, or its frame's colour."""

STOP = f"""(() => {{
  const focused = document.activeElement;
  if (!focused || focused === document.body) return null;
  const again = walked.has(focused);
  walked.add(focused);
  const [name, seen, marked] = [{NAME}, {IN_SIGHT}, {MARKED}].map((of) => of(focused));
  return {{ again, name, seen, marked }};
}})()"""

MISSED = f"""[...document.querySelectorAll(
  "a[href], button, input, select, textarea, summary, [tabindex='0']"
)].filter((each) => !each.disabled && !each.closest("[inert]") && !walked.has(each) &&
  each.checkVisibility({{ visibilityProperty: true }})).map({NAME})"""
