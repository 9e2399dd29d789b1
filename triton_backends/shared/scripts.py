"""Which scripts are written without spaces between words."""

FIRST = "\u2e80"
"""From here on: Chinese and Japanese, but for Korean, which has spaces."""
HANGUL = (("\u3130", "\u318f"), ("\ua960", "\ua97f"), ("\uac00", "\ud7ff"))


def without_spaces(letter: str) -> bool:
    """Whether words of this letter's script stand side by side; its punctuation too."""
    return letter >= FIRST and not any(low <= letter <= high for low, high in HANGUL)
