#!/bin/sh
# Compile requirements/*.in to pinned, hashed lists for every Python and platform vdx runs on.
# Usage: scripts/compile_requirements.sh [--upgrade]
set -eu
cd "$(dirname "$0")/.."

uv=$(command -v uv || printf '%s\n' .tools/bin/uv)

compile() {
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-header --no-annotate "$@"
}

compile requirements/frontend.in -o requirements/frontend.txt "$@"
compile requirements/dev.in -o requirements/dev.txt "$@"
compile requirements/bench.in -o requirements/bench.txt "$@"
# Without what they name and these tests never import; docopt comes without a wheel.
compile --no-emit-package docopt --no-emit-package resampy --no-emit-package numba \
    --no-emit-package llvmlite requirements/clients.in -o requirements/clients.txt "$@"
compile requirements/docs.in -o requirements/docs.txt "$@"
compile requirements/tools.in -o requirements/tools.txt "$@"
compile requirements/go.in -o requirements/go.txt "$@"
compile requirements/node.in -o requirements/node.txt "$@"
# Without dependencies: see the comments in the lists.
compile --no-deps requirements/llm.in -o requirements/llm.txt "$@"
compile --no-deps requirements/triton.in -o requirements/triton.txt "$@"
compile --no-deps requirements/japanese.in -o requirements/japanese.txt "$@"
compile requirements/dev-triton.in -o requirements/dev-triton.txt "$@"
# Without the one package that has no wheel: see the comment in the list.
compile --no-emit-package docopt requirements/neural.in -o requirements/neural.txt "$@"
compile --no-emit-package docopt requirements/cosyvoice.in -o requirements/cosyvoice.txt "$@"

# A stranger has no compiler: every package must come as a wheel.
for version in 3.11 3.12; do
    for list in frontend dev bench clients docs triton japanese neural dev-triton tools go node llm; do
        "$uv" pip install --quiet --dry-run --no-build --no-deps --python-version "$version" \
            --target build/wheels --require-hashes -r "requirements/$list.txt"
    done
done
