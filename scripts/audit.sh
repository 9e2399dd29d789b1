#!/bin/sh
# Ask for known holes in what is installed: Python's packages (PyPI's advisories) and the page's.
# Needs the network; not part of the tests, whose result must not depend on the day. What could not be
# asked for fails it: nothing found of nothing asked is no answer.
set -u
cd "$(dirname "$0")/.."

uv=$(command -v uv || printf '%s\n' .tools/bin/uv)
failed=0
for list in requirements/*.txt; do
    printf '\n== %s\n' "$list"
    "$uv" tool run --quiet --from pip-audit==2.10.1 pip-audit \
        --disable-pip --require-hashes --strict --requirement "$list" || failed=1
done
printf '\n== the page\n'
.venv/bin/python scripts/build_page.py -- audit --omit=dev || failed=1
exit "$failed"
