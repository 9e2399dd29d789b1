# Triton on GPUs: NVIDIA's server with its own onnxruntime backend, the families of vdx beside it.
# Releases before 25.07 have known holes (CVE-2025-23310, -23311, -23317 and others).
# Build the frontend's image first: docker build -f docker/triton-gpu.Dockerfile -t vdx/triton-gpu .

ARG FRONTEND=vdx/frontend
ARG TRITON=nvcr.io/nvidia/tritonserver:25.07-py3
FROM ${FRONTEND} AS vdx
RUN vdx triton assemble --stock --out /tmp/models

FROM ${TRITON}
RUN apt-get update \
    && apt-get install --yes --no-install-recommends tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/vdx --shell /usr/sbin/nologin vdx \
    && install --directory --owner=10001 --group=10001 --mode=0700 /var/lib/vdx
COPY --from=vdx /opt/vdx/lib/python3.12/site-packages/vdx/_data /opt/models/data
COPY --from=vdx /tmp/models/triton_backends /opt/models/triton_backends
# The families beside NVIDIA's own backends, and the libraries of the models without the embedded
# server, which is a part of the same list.
RUN cp -rn /opt/tritonserver/backends/python /opt/tritonserver/backends/onnxruntime \
        /opt/models/triton_backends/ \
    && python3 -m pip install --no-cache-dir --no-deps --require-hashes \
        --target /opt/models/site-packages -r /opt/models/data/requirements/triton.txt \
    && rm -rf /opt/models/site-packages/pytriton /opt/models/site-packages/tritonclient
COPY --chmod=0755 docker/triton-gpu.sh /opt/models/start.sh
ENV PYTHONPATH=/opt/models/site-packages \
    PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
HEALTHCHECK --interval=10s --timeout=5s --start-period=300s --retries=3 \
    CMD ["test", "-S", "/var/lib/vdx/run/t:8001"]
ENTRYPOINT ["tini", "--", "/opt/models/start.sh"]
