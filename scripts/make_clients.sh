#!/bin/sh
# Install the stock clients that a server is tested with: .venv-clients, and the JavaScript one.
# Usage: scripts/make_clients.sh
set -eu
cd "$(dirname "$0")/.."

uv=$(command -v uv || printf '%s\n' .tools/bin/uv)
if [ -x "$uv" ]; then
    "$uv" venv --quiet --allow-existing --python .venv/bin/python .venv-clients
    "$uv" pip sync --quiet --python .venv-clients --no-build --require-hashes \
        requirements/clients.txt
else
    .venv/bin/python -m venv --clear --without-pip .venv-clients
    .venv/bin/python -m pip --python .venv-clients/bin/python install --quiet \
        --disable-pip-version-check --only-binary :all: --require-hashes --no-deps \
        -r requirements/clients.txt
fi
.venv/bin/python scripts/build_page.py --in tests/server/stock_clients -- \
    ci --no-audit --no-fund --loglevel=error
