"""Builds the pinned livekit-server unless this user has one; the tests and rooms use it."""

import sys

from vdx.cli.livekit_server import require_livekit_server
from vdx.core.errors import SetupError

if __name__ == "__main__":
    try:
        print(require_livekit_server(print))
    except SetupError as error:
        sys.exit(str(error))
