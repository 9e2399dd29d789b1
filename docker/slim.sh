#!/bin/sh
# Leaves out of environments what nothing reads at run time: symbols for debuggers, the tests of
# libraries, headers and stubs. Usage: slim.sh SITE_PACKAGES…
set -eu

# Whether a library can be loaded: strip moves the segments of some that were patched after they
# were linked, as those in wheels are, to where no page begins.
aligned() {
    readelf --program-headers --wide "$1" | awk '$1 == "LOAD" { print $2, $3, $NF }' \
        | while read -r offset address page; do
            [ $(((offset - address) % page)) -eq 0 ] || exit 1
        done
}

stripped() {
    if strip --strip-unneeded -o "$1.stripped" "$1" 2>/dev/null && aligned "$1.stripped" \
        && [ "$(wc -c <"$1.stripped")" -lt "$(wc -c <"$1")" ]; then
        chmod --reference="$1" "$1.stripped"
        mv "$1.stripped" "$1"
    else
        rm -f "$1.stripped"
    fi
}

for site in "$@"; do
    find "$site" -type d -name tests -not -path "$site/vdx/*" -prune -exec rm -rf {} +
    rm -rf "$site/onnx/backend/test"
    find "$site" -type f -not -path "$site/vdx/*" \
        \( -name '*.pyi' -o -name '*.h' -o -name '*.hpp' -o -name '*.pxd' -o -name '*.pyx' -o -name '*.a' \) -delete
    find "$site" -type f -name '*.so*' | while read -r library; do stripped "$library"; done
done
