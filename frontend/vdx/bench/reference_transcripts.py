"""Reference transcripts: the words of the bundled recordings of people."""

from typing import Final

REFERENCE_TRANSCRIPTS: Final = {
    "ps_goforward": "go forward ten meters",
    "ps_something": "go somewhere and do something",
    "ps_cards_001": "ten of clubs",
    "ps_cards_002": "four queen of clubs",
    "ps_tidigits_2934z": "two nine three four zero",
    "ps_librivox_0870": "and mister john dashwood had then leisure to consider how much there might"
    " be prudently in his power to do for them",
    "ps_librivox_0880": "he was not an ill disposed young man",
    "ps_librivox_0930": "he might even have been made amiable himself",
    "rhasspy_lamp": "turn on the living room lamp",
    "ljspeech_0002": "in being comparatively modern",
    "ljspeech_0008": "has never been surpassed",
}
"""By the name of the recording; those that begin with `ps_` have 16 kHz."""
