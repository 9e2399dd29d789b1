#!/bin/sh
# Build .venv: the frontend, its pinned libraries and the development tools.
# Usage: scripts/make_venv.sh        (PYTHON=/path/to/python chooses the interpreter)
#
# Takes a Python 3.11 to 3.13 that is here, or lets uv fetch one; installs with uv where it can be
# had, otherwise with pip. `vdx setup` then builds .venv-triton.
set -eu
cd "$(dirname "$0")/.."

say() { printf '%s\n' "vdx: $*" >&2; }

fits() {  # fits PYTHON: a version that vdx runs on
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

makes_venvs() {  # Debian's python3 has venv only with the package python3-venv
    "$1" -c 'import ensurepip, venv' 2>/dev/null
}

find_python() {  # the first interpreter that satisfies every check named
    for candidate in ${PYTHON:-} python3 python3.12 python3.11 python3.13 \
        "$HOME"/.pyenv/versions/3.1[123].*/bin/python3; do
        found=$(command -v "$candidate" 2>/dev/null) || continue
        for check in "$@"; do "$check" "$found" || continue 2; done
        printf '%s\n' "$found"
        return
    done
}

find_uv() {
    command -v uv 2>/dev/null && return
    [ -x .tools/bin/uv ] && { printf '%s\n' .tools/bin/uv; return; }
    host=$(find_python makes_venvs)
    [ -n "$host" ] || return 0
    say "fetching uv, which installs the rest quickly"
    "$host" -m venv .tools >&2 &&
        .tools/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
            -r requirements/tools.txt >&2 &&
        printf '%s\n' .tools/bin/uv || say "uv cannot be had; pip will do"
}

give_up() {
    packages="python3 python3-venv"
    own=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true)
    for version in "$own" 3.12 3.11; do  # a release has one of them, or uv fetches a Python
        case $version in 3.11 | 3.12) ;; *) continue ;; esac
        [ "$version" = "$own" ] || apt-cache show "libpython$version" >/dev/null 2>&1 || continue
        packages="$packages python$version-venv libpython$version"
        break
    done
    say "no Python here can make a virtual environment. Run this line, then make again:"
    say "  sudo apt install $packages"
    exit 1
}

with_uv() {
    python=$(find_python fits)
    say "building .venv with ${python:-a Python 3.12 fetched by uv}"
    "$uv" venv --quiet --allow-existing --python "${python:-3.12}" .venv
    "$uv" pip sync --python .venv --require-hashes requirements/frontend.txt requirements/dev.txt
    "$uv" pip install --quiet --python .venv --no-build-isolation --no-deps --editable .
}

with_pip() {
    python=$(find_python fits makes_venvs)
    [ -n "$python" ] || give_up
    say "building .venv with $python and pip"
    "$python" -m venv .venv
    .venv/bin/python -m pip install --disable-pip-version-check --require-hashes \
        -r requirements/frontend.txt -r requirements/dev.txt
    .venv/bin/python -m pip install --quiet --disable-pip-version-check \
        --no-build-isolation --no-deps --editable .
}

uv=$(find_uv)
if [ -n "$uv" ]; then with_uv; else with_pip; fi
