"""Prints the options that tell perf_analyzer where the configured Triton is, one a line.

For scripts/perf_analyzer.sh: the Triton of the configuration, else the embedded one of VDX_HOME.
"""

import sys

from vdx.bench.perf import connection
from vdx.core import settings
from vdx.core.errors import VdxError
from vdx.serving.address import triton_at

if __name__ == "__main__":
    try:
        print("\n".join(connection(triton_at(settings.load().config))))
    except VdxError as error:
        sys.exit(f"vdx: {error}")
