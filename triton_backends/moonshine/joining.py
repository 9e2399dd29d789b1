"""Texts of windows, one after the other."""

from triton_backends.shared.scripts import without_spaces


def joined(before: str, after: str) -> str:
    """With a space between, where the script has spaces between words."""
    before, after = before.strip(), after.strip()
    if not before or not after:
        return before or after
    close = without_spaces(before[-1]) and without_spaces(after[0])
    return before + ("" if close else " ") + after
