# Triton on processors: the embedded server, which opens a Unix socket in VDX_HOME and no port.
# Build the frontend's image first: docker build -f docker/triton-cpu.Dockerfile -t vdx/triton-cpu .

ARG FRONTEND=vdx/frontend
FROM ${FRONTEND} AS build
USER 0:0
# Of the frontend only `vdx triton` (with --announce in the chart), `vdx setup` and `vdx voices` are of
# use here: what hears, speaks and calls others stays out.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends binutils=2.* \
    && rm -rf /var/lib/apt/lists/* \
    && for name in livekit openai uvloop icu4py icu4py.libs aiohttp budoux; \
        do rm -rf /opt/vdx/lib/python3.*/site-packages/"$name"; done
COPY docker/slim.sh /tmp/slim.sh
USER 10001:10001
# The environment of the models, without perf_analyzer (`vdx bench triton` needs a checkout's).
RUN vdx setup --light \
    && sh /tmp/slim.sh /var/lib/vdx/venv-triton/lib/python3.*/site-packages \
    && /var/lib/vdx/venv-triton/bin/python -c "import ctranslate2, numpy, onnxruntime, pocketsphinx, tokenizers" \
    && rm -f /var/lib/vdx/venv-triton/bin/perf_analyzer /var/lib/vdx/venv-triton/bin/perf_client

FROM python:3.12-slim-bookworm
# tritonserver links to the library of Python 3.11 or 3.12 that python:3.12 carries.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends tini=0.19.* libgomp1=12.* \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/vdx --shell /usr/sbin/nologin vdx
COPY --from=build /opt/vdx /opt/vdx
# A new volume at /var/lib/vdx begins as a copy of it.
COPY --from=build --chown=10001:10001 /var/lib/vdx /var/lib/vdx
ENV PATH=/opt/vdx/bin:$PATH \
    VDX_HOME=/var/lib/vdx \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /var/lib/vdx
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=300s --retries=3 \
    CMD ["test", "-S", "/var/lib/vdx/run/t:8001"]
# Brings the environment up to date in a volume of an earlier version, and fetches the starters.
ENTRYPOINT ["tini", "--", "sh", "-c", "vdx setup && exec vdx triton \"$@\"", "triton"]
CMD []
