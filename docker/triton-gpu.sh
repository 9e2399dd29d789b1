#!/bin/sh
# Starts NVIDIA's server as docs/security.md says: no HTTP, gRPC on a Unix socket that only this user
# can reach, metrics for the network of the containers alone.
set -eu
umask 077
mkdir -p /var/lib/vdx/run /var/lib/vdx/model_repository
rm -f /var/lib/vdx/run/t:8001
exec tritonserver --model-control-mode=explicit --strict-readiness=false \
    --disable-auto-complete-config --allow-http=false \
    --grpc-address=unix:/var/lib/vdx/run/t --grpc-port=8001 \
    --metrics-address=0.0.0.0 --metrics-port=8002 \
    --backend-directory=/opt/models/triton_backends \
    --model-repository=/opt/models/data/model_repository \
    --model-repository=/var/lib/vdx/model_repository "$@"
