"""Language tags (BCP-47) where only the language counts, not its region or script."""

from triton_backends.shared.errors import InvalidArgument


def primary_language(tag: str) -> str:
    """The first subtag in lower case: "en" of "en-GB" and of "en_GB"; empty of an empty tag."""
    return tag.replace("_", "-").partition("-")[0].lower()


def require_english(tag: str) -> None:
    """For a recogniser of English: raises InvalidArgument for any other language."""
    if primary_language(tag) not in {"", "en"}:
        raise InvalidArgument(f"LANGUAGE {tag!r}: this model understands only en")
