"""What a clause says, in words, before any voice reads it: one set of rules for 16 languages.

Numbers, units, currencies and months are said by ICU (icu4py) from CLDR's rules and names; what
CLDR lacks, such as the word for a sign, is in `data/LANGUAGE.yaml`. Each rewritten part keeps the
offset it had in the source, and what was written between backticks stays as it is.
"""

from vdx.speech.text.normalise.normaliser import Normaliser
from vdx.speech.text.normalise.preparing import prepare, prepared

__all__ = ["Normaliser", "prepare", "prepared"]
