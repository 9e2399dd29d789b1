#!/bin/sh
# Measure a model in any Triton with NVIDIA's perf_analyzer; no vdx needs to run.
# Usage: scripts/perf_analyzer.sh voice|recogniser MODEL [perf_analyzer options]
#   scripts/perf_analyzer.sh voice espeak -u gpu-box:8001 --concurrency-range 1:8
#   scripts/perf_analyzer.sh recogniser pocketsphinx-en --profile-export-file out.json
#
# The model must be loaded (`vdx models load espeak`). PERF_ANALYZER names another perf_analyzer,
# such as that of NVIDIA's SDK container; the default is the one that `make setup` installed.
# Without -u it measures the Triton that vdx is configured for (vdx.yaml, VDX_TRITON__URL, the files
# of triton.tls), by default the embedded one of VDX_HOME.
# Latencies are those of the first response; the exported file holds the times of all of them.
set -eu
cd "$(dirname "$0")/.."

[ $# -ge 2 ] || { sed -n '2,12s/^# \{0,1\}//p' "$0" >&2; exit 2; }
kind=$1 model=$2
shift 2
case $kind in
    voice) requests=60 ;;
    recogniser) requests=500 ;;
    *) echo "$0: the kind is voice or recogniser, not '$kind'" >&2; exit 2 ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ -n "${PYTHON:-}" ] || PYTHON=$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python3)
"$PYTHON" frontend/vdx/bench/perf_data.py "$work"
# The configured Triton and its TLS; an address given with -u counts, being the last.
case " $* " in
    *" -u "*) options=$("$PYTHON" -m vdx.bench.perf_address 2>/dev/null) || options= ;;
    *) options=$("$PYTHON" -m vdx.bench.perf_address) ;;
esac
IFS='
'
# shellcheck disable=SC2086  # one option a line
set -- $options "$@"
unset IFS

if [ -z "${PERF_ANALYZER:-}" ]; then
    PERF_ANALYZER=.venv-triton/bin/perf_analyzer
    # Its wheel lacks two libraries; that of the server has them, under longer names.
    libs=$(echo .venv-triton/lib/python3*/site-packages/nvidia_pytriton.libs)
    ln -s "$PWD/$libs"/libb64-*.so.0d "$work/libb64.so.0d"
    ln -s "$PWD/$libs"/libcudart-*.so.12* "$work/libcudart.so.12"
    LD_LIBRARY_PATH="$work:$PWD/$libs"
    export LD_LIBRARY_PATH
fi

# A person's own options come last, so that they count.
"$PERF_ANALYZER" -m "$model" -i grpc --streaming --async --serial-sequences \
    --input-data "$work/$kind.json" --concurrency-range 1:4:1 --measurement-mode count_windows \
    --measurement-request-count "$requests" --stability-percentage 50 --max-trials 3 "$@"
