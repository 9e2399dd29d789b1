#!/bin/sh
# Write CycloneDX lists of what a release consists of into a folder (build/sbom).
# Usage: scripts/sbom.sh [FOLDER]
set -eu
cd "$(dirname "$0")/.."
out=$(mkdir -p "${1:-build/sbom}" && cd "${1:-build/sbom}" && pwd)

uv=$(command -v uv || printf '%s\n' .tools/bin/uv)
for list in frontend triton llm japanese neural cosyvoice; do
    "$uv" tool run --quiet --from cyclonedx-bom==7.5.0 cyclonedx-py requirements \
        --pyproject pyproject.toml --mc-type application --output-reproducible \
        --output-format JSON --output-file "$out/$list.cdx.json" "requirements/$list.txt"
done
# npm lists no root without a version, and the page has none of its own.
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
for file in package.json package-lock.json; do
    sed 's/"name": "vdx-page",/&"version": "0.0.0",/' "frontend/web/$file" >"$copy/$file"
done
.venv/bin/python scripts/build_page.py -- sbom --prefix "$copy" --package-lock-only --omit=dev \
    --sbom-format cyclonedx >"$out/page.cdx.json"
ls -l "$out"
