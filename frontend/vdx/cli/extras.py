"""Lists of libraries that are added to the environment of the models where somebody asks for them.

A marker in the environment tells that one is wanted, so that building it again adds it again.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vdx.core.language_tags import serves
from vdx.core.paths import Paths

if TYPE_CHECKING:
    from vdx.serving.voicepacks.metadata import Voicepack


@dataclass(frozen=True, slots=True)
class Extra:
    """`library` is the folder of one of its packages: where that is, the extra is installed."""

    name: str
    library: str
    gives: str
    afterwards: str

    @property
    def command(self) -> str:
        return f"vdx setup --{self.name}"

    @property
    def list_name(self) -> str:
        return f"{self.name}.txt"

    def is_installed(self, paths: Paths) -> bool:
        """Whether the libraries are in the environment."""
        return any(paths.triton_venv.glob(f"lib/python3*/site-packages/{self.library}"))

    def is_wanted(self, paths: Paths) -> bool:
        """Whether they were installed once, even if something has removed them since."""
        return self._marker(paths).exists() or self.is_installed(paths)

    def is_current(self, paths: Paths) -> bool:
        """Whether what is installed comes from the list as it is now; True where none is wanted."""
        marker = self._marker(paths)
        return not marker.exists() or marker.read_text() == self._digest(paths)

    def mark_installed(self, paths: Paths) -> None:
        """Notes that the list has been installed."""
        self._marker(paths).write_text(self._digest(paths))

    def mark_wanted(self, paths: Paths) -> None:
        """Notes that the list is to be installed, should the rest of a set-up fail before that."""
        self._marker(paths).touch()

    def _marker(self, paths: Paths) -> Path:
        return paths.triton_venv / f"vdx-{self.name}.sha256"

    def _digest(self, paths: Paths) -> str:
        return hashlib.sha256((paths.requirements / self.list_name).read_bytes()).hexdigest()


JAPANESE = Extra(
    "japanese",
    "pyopenjtalk",
    "what Kokoro reads Japanese with",
    "Kokoro reads Japanese now; a server that runs needs to load the voice again.",
)
NEURAL = Extra(
    "neural",
    "torch",
    "PyTorch and what XTTS-v2 and Sesame CSM need, several GB",
    "XTTS-v2 and Sesame CSM can be added now: vdx voices add FOLDER",
)
COSYVOICE = Extra(
    "cosyvoice",
    "conformer",
    "PyTorch and what the code of CosyVoice 2 imports, several GB",
    "CosyVoice 2 can be added now: COSYVOICE_HOME=CHECKOUT vdx voices add FOLDER --trust",
)
EXTRAS = (JAPANESE, NEURAL, COSYVOICE)


def lacks_japanese(pack: "Voicepack", paths: Paths) -> bool:
    """Whether a voice has Japanese styles that cannot speak without these libraries."""
    japanese = pack.family == "kokoro" and serves(pack.languages, "ja")
    return japanese and not JAPANESE.is_installed(paths)
