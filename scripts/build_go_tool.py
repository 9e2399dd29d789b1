"""Builds pinned programs in Go that tests ask for, once for this user: helm, actionlint, compose.

`compose` is the reference library that `docker compose` reads its files by, with its own command.

    .venv/bin/python -m scripts.build_go_tool helm     # prints where it is

Go is taken from PATH, else fetched as for livekit-server.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from vdx.cli.livekit_server import cache_folder, require_go
from vdx.core.errors import SetupError

MODULES = {
    "helm": "helm.sh/helm/v3/cmd/helm@v3.19.5",
    "actionlint": "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12",
    "compose": "github.com/compose-spec/compose-go/v2/cmd@v2.16.2",
}
TAIL = 1500


def require(name: str) -> Path:
    """The program, built now if need be; raises SetupError with the end of Go's output."""
    version = MODULES[name].rpartition("@")[2]
    built = cache_folder() / "go-tools" / f"{name}-{version}"
    if built.exists():
        return built
    built.parent.mkdir(parents=True, exist_ok=True)
    go = require_go(print)
    with tempfile.TemporaryDirectory(dir=built.parent, prefix="build-") as folder:
        environment = os.environ | {"GOBIN": folder, "GOTOOLCHAIN": "local", "GOFLAGS": ""}
        command = [str(go), "install", "-trimpath", "-ldflags=-s -w", MODULES[name]]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SetupError(f"{name} could not be built:\n{done.stderr[-TAIL:]}")
        (program,) = Path(folder).iterdir()  # its name is that of the module's last folder
        program.replace(built)
    return built


if __name__ == "__main__":
    try:
        print(require(sys.argv[1]))
    except (SetupError, KeyError, IndexError) as error:
        sys.exit(f"{error}; expected one of {', '.join(MODULES)}")
