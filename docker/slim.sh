#!/bin/sh
# Leaves out of environments what nothing reads at run time: symbols for debuggers, the tests of
# libraries, headers and stubs. Usage: slim.sh SITE_PACKAGES…
set -eu
for site in "$@"; do
    find "$site" -type d -name tests -not -path "$site/vdx/*" -prune -exec rm -rf {} +
    rm -rf "$site/onnx/backend/test"
    find "$site" -type f -not -path "$site/vdx/*" \
        \( -name '*.pyi' -o -name '*.h' -o -name '*.hpp' -o -name '*.pxd' -o -name '*.pyx' -o -name '*.a' \) -delete
    # What cannot be stripped stays as it is; that all of it still loads, `--talk` of
    # scripts/try_images.py and the images' own health checks say.
    find "$site" -type f -name '*.so*' -exec sh -c 'strip --strip-unneeded "$1" 2>/dev/null || true' sh {} \;
done
