"""What a language needs is read before its first clause: it takes a tenth of a second."""

import threading
from typing import Final

from vdx.core.events import Clause
from vdx.core.threads import in_thread
from vdx.speech.text.languages import table_language
from vdx.speech.text.normalise.normaliser import Normaliser

SAMPLE: Final = "On 2024-03-05 at 10:30, 1/2 of it: -$1.50, 1 km, 20 %, 1, 2 and 3.5."
_READY: Final = set[str]()
"""Languages that were used; only those that have a file, so that it stays small."""
_PREPARING: Final = threading.Lock()


async def prepared(language: str) -> Normaliser:
    """The normaliser of a language; a thread reads its files when it is used first."""
    if table_language(language) not in _READY:
        await in_thread(prepare, language)
    return Normaliser(language)


def prepare(language: str) -> None:
    """Reads the files of a language and uses its rules once; blocks for about 0.1 s."""
    with _PREPARING:
        if table_language(language) in _READY:
            return
        normaliser = Normaliser(language)
        normaliser.clause(Clause(SAMPLE, 0, len(SAMPLE)))
        if normaliser.words is not None:
            _READY.add(table_language(language))
