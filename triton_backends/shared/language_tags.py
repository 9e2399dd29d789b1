"""Language tags (BCP-47), read with langcodes as the frontend reads them.

Its class `Language` keeps every tag it has ever seen, and tags come from clients: so its parser and
its tables are used here, and nothing that grows.
"""

from langcodes import tag_parser
from langcodes.data_dicts import LANGUAGE_REPLACEMENTS, NORMALIZED_MACROLANGUAGES

from triton_backends.shared.errors import InvalidArgument

MOST_CHARS = 64


def primary_subtag(tag: str) -> str:
    """The language of a tag in its current form: "de" of "de_AT", "he" of "iw", "zh" of "cmn-Hans".

    What is no tag is given back as it is, in lower case.
    """
    parts = _parse(tag)
    if not parts:
        return tag.lower()
    language = parts.get("language") or parts["grandfathered"]
    whole = f"{language}-{parts['extlang']}" if "extlang" in parts else language
    found = LANGUAGE_REPLACEMENTS.get(whole) or LANGUAGE_REPLACEMENTS.get(language, language)
    plain = found.partition("-")[0]  # "sr" of "sr-Latn", which stands for "sh"
    return str(NORMALIZED_MACROLANGUAGES.get(plain, plain))


def primary_subtags(tags: str) -> tuple[str, ...]:
    """Those of tags with commas between them; empty where any language will do (`*` or nothing)."""
    return tuple(primary_subtag(tag) for tag in tags.split(",") if tag not in {"", "*"})


def require_understood(tag: str, languages: tuple[str, ...]) -> None:
    """Raises InvalidArgument for a tag of none of a recogniser's languages.

    An empty tag, and no `languages`, stand for any.
    """
    if tag and languages and primary_subtag(tag) not in languages:
        known = ", ".join(languages)
        raise InvalidArgument(f"LANGUAGE {tag!r}: this model understands only {known}")


def require_english(tag: str) -> None:
    """For a recogniser of English: raises InvalidArgument for any other language."""
    require_understood(tag, ("en",))


def _parse(tag: str) -> dict[str, str]:
    """The parts of a tag by kind, the first of each; empty for what is no tag."""
    if len(tag) > MOST_CHARS:
        return {}
    try:
        return dict(reversed(tag_parser.parse_tag(tag)))  # type: ignore[no-untyped-call]
    except tag_parser.LanguageTagError:
        return {}
