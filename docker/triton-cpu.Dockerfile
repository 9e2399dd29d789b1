# Triton on processors: the embedded server, which opens a Unix socket in VDX_HOME and no port.
# Build the frontend's image first: docker build -f docker/triton-cpu.Dockerfile -t vdx/triton-cpu .

ARG FRONTEND=vdx/frontend
FROM ${FRONTEND}
USER 0:0
# tritonserver links to the library of Python 3.11 or 3.12 that python:3.12 carries.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1=12.* \
    && rm -rf /var/lib/apt/lists/*
USER 10001:10001
# The environment of the models; a new volume at /var/lib/vdx begins as a copy of it.
RUN vdx setup --light
HEALTHCHECK --interval=10s --timeout=5s --start-period=300s --retries=3 \
    CMD ["test", "-S", "/var/lib/vdx/run/t:8001"]
# Brings the environment up to date in a volume of an earlier version, and fetches the starters.
ENTRYPOINT ["tini", "--", "sh", "-c", "vdx setup && exec vdx triton \"$@\"", "triton"]
CMD []
