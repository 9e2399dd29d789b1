"""Which espeak-ng voice a BCP-47 tag and a speaker name mean."""

from collections.abc import Set as AbstractSet

from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.language_tags import primary_subtag

# Where espeak-ng's own name of a language is not the one people use.
ALIASES = {
    "en": "en-us",
    "zh": "cmn",
    "zh-cn": "cmn",
    "zh-tw": "cmn",
    "zh-hk": "yue",
    "no": "nb",
    "pt-pt": "pt",
    "fr": "fr-fr",
    "chr": "chr-us-qaaa-x-west",
    "es-mx": "es-419",
}


def find_language(tag: str, known: AbstractSet[str]) -> str:
    """The espeak-ng language of a BCP-47 tag; a region it lacks falls back to the language.

    Raises InvalidArgument naming the tag.
    """
    for start in (tag.lower().replace("_", "-"), primary_subtag(tag)):
        wanted = start
        while wanted:
            for name in (ALIASES.get(wanted, wanted), wanted):
                if name in known:
                    return name
            wanted = wanted.rpartition("-")[0]
    raise InvalidArgument(f"LANGUAGE {tag!r} is not a language of espeak-ng")


def find_variant(speaker: str, known: AbstractSet[str]) -> str:
    """`+name` of an espeak-ng voice variant, "" for none; raises InvalidArgument naming it."""
    name = speaker.removeprefix("+")
    if not name:
        return ""
    if name not in known:
        raise InvalidArgument(f"SPEAKER {speaker!r} is not a voice variant of espeak-ng")
    return f"+{name}"
