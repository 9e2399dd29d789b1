"""Put the data an installed vdx needs under `frontend/_data` of the wheel.

Not in an editable install: there `frontend/core/paths.py` finds the checkout itself.
"""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# Path in the checkout, which is also the path under `frontend/_data`.
CARRIED = (
    "model_repository",
    "triton_backends",
    "voicepacks",
    "requirements/triton.txt",
    "requirements/tools.txt",
)
DATA = "frontend/_data"


class DataHook(BuildHookInterface[Any]):
    """Adds every carried path that exists to a standard wheel."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Extend the build's `force_include` map, `version` being "standard" or "editable"."""
        if version != "standard":
            return
        root = Path(self.root)
        build_data["force_include"].update(
            {str(root / path): f"{DATA}/{path}" for path in CARRIED if (root / path).exists()}
        )
