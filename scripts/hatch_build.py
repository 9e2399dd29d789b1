"""Put the data an installed vdx needs under `frontend/vdx/_data` of the wheel, the built page too.

Not in an editable install: there `frontend/vdx/core/paths.py` finds the checkout itself.
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

DATA = "vdx/_data"
CARRIED = {
    "model_repository": f"{DATA}/model_repository",
    "triton_backends": f"{DATA}/triton_backends",
    "voicepacks": f"{DATA}/voicepacks",
    "frontend/web/dist": f"{DATA}/web",
    "requirements/triton.txt": f"{DATA}/requirements/triton.txt",
    "requirements/japanese.txt": f"{DATA}/requirements/japanese.txt",
    "requirements/cosyvoice.txt": f"{DATA}/requirements/cosyvoice.txt",
    "requirements/neural.txt": f"{DATA}/requirements/neural.txt",
    "requirements/tools.txt": f"{DATA}/requirements/tools.txt",
    "requirements/go.txt": f"{DATA}/requirements/go.txt",
    "requirements/llm.txt": f"{DATA}/requirements/llm.txt",
    **{
        f"tests/data/audio/{name}": f"{DATA}/recordings/{name}"
        for name in (
            "README.md",
            "ps_cards_002.wav",
            "ps_goforward.wav",
            "ps_librivox_0880.wav",
            "ps_librivox_0930.wav",
            "ps_something.wav",
        )
    },
}
"""Path in the checkout -> path in the wheel."""


class DataHook(BuildHookInterface[Any]):
    """Adds every carried path that exists to a standard wheel."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Extend the build's `force_include` map, `version` being "standard" or "editable"."""
        if version != "standard":
            return
        root = Path(self.root)
        subprocess.run([sys.executable, root / "scripts" / "build_page.py"], check=True)
        build_data["force_include"].update(
            {str(root / path): target for path, target in CARRIED.items() if (root / path).exists()}
        )
