"""Languages as clients write them: tags, Whisper's English names, "auto" for none.

The names are those of openai-whisper (whisper/tokenizer.py), with which OpenAI's API answers too.
Own table: those of CLDR, 24 MB in the package `language_data`, are in places others.
"""

from typing import Final

from vdx.core.language_tags import parse_tag

NAMES: Final = {
    "af": "afrikaans", "am": "amharic", "ar": "arabic", "as": "assamese", "az": "azerbaijani",
    "ba": "bashkir", "be": "belarusian", "bg": "bulgarian", "bn": "bengali", "bo": "tibetan",
    "br": "breton", "bs": "bosnian", "ca": "catalan", "cs": "czech", "cy": "welsh",
    "da": "danish", "de": "german", "el": "greek", "en": "english", "es": "spanish",
    "et": "estonian", "eu": "basque", "fa": "persian", "fi": "finnish", "fo": "faroese",
    "fr": "french", "gl": "galician", "gu": "gujarati", "ha": "hausa", "haw": "hawaiian",
    "he": "hebrew", "hi": "hindi", "hr": "croatian", "ht": "haitian creole", "hu": "hungarian",
    "hy": "armenian", "id": "indonesian", "is": "icelandic", "it": "italian", "ja": "japanese",
    "jv": "javanese", "ka": "georgian", "kk": "kazakh", "km": "khmer", "kn": "kannada",
    "ko": "korean", "la": "latin", "lb": "luxembourgish", "ln": "lingala", "lo": "lao",
    "lt": "lithuanian", "lv": "latvian", "mg": "malagasy", "mi": "maori", "mk": "macedonian",
    "ml": "malayalam", "mn": "mongolian", "mr": "marathi", "ms": "malay", "mt": "maltese",
    "my": "myanmar", "ne": "nepali", "nl": "dutch", "nn": "nynorsk", "no": "norwegian",
    "oc": "occitan", "pa": "punjabi", "pl": "polish", "ps": "pashto", "pt": "portuguese",
    "ro": "romanian", "ru": "russian", "sa": "sanskrit", "sd": "sindhi", "si": "sinhala",
    "sk": "slovak", "sl": "slovenian", "sn": "shona", "so": "somali", "sq": "albanian",
    "sr": "serbian", "su": "sundanese", "sv": "swedish", "sw": "swahili", "ta": "tamil",
    "te": "telugu", "tg": "tajik", "th": "thai", "tk": "turkmen", "fil": "tagalog",
    "tr": "turkish", "tt": "tatar", "uk": "ukrainian", "ur": "urdu", "uz": "uzbek",
    "vi": "vietnamese", "yi": "yiddish", "yo": "yoruba", "yue": "cantonese", "zh": "chinese",
}  # fmt: skip
"""By primary subtag."""
OTHER_NAMES: Final = {
    "burmese": "my",
    "castilian": "es",
    "flemish": "nl",
    "haitian": "ht",
    "letzeburgesch": "lb",
    "mandarin": "zh",
    "moldavian": "ro",
    "moldovan": "ro",
    "panjabi": "pa",
    "pushto": "ps",
    "sinhalese": "si",
    "valencian": "ca",
}
TAGS: Final = {name: tag for tag, name in NAMES.items()} | OTHER_NAMES
AUTO: Final = "auto"
"""Follows what is heard: the recogniser detects the language, and the voice speaks it."""
NO_LANGUAGE: Final = frozenset({"", "auto", "detect", "none", "null", "undefined"})
"""What clients send where the model is to find out."""


def is_auto(given: str) -> bool:
    """Whether the language is to be followed."""
    return given.strip().lower() == AUTO


def tag_of(given: str) -> str:
    """The BCP-47 tag of what a client wrote, empty where it names no language.

    "English" and "en_US" are understood, and a withdrawn subtag such as "iw" becomes that in use.
    What is neither a name nor a tag stays as it is.
    """
    plain = given.strip()
    if plain.lower() in NO_LANGUAGE:
        return ""
    named = TAGS.get(plain.lower())
    if named is not None:
        return named
    tag = plain.replace("_", "-")
    parsed = parse_tag(tag)
    if parsed is None:
        return plain
    primary, dash, rest = tag.partition("-")
    known = parsed.language if len(primary) in {2, 3} and not _is_extended(rest) else primary
    return f"{known}{dash}{rest}"


def _is_extended(rest: str) -> bool:
    """Whether the second subtag is part of the language: "yue" in "zh-yue"."""
    second = rest.partition("-")[0]
    return len(second) == 3 and second.isalpha()
