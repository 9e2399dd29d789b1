# The frontend: `vdx frontend`, `vdx manager`, `vdx keys` and every other command but Triton itself.
# Build in the root of the repository: docker build -f docker/frontend.Dockerfile -t vdx/frontend .

FROM python:3.12-slim-bookworm AS build
WORKDIR /src
COPY requirements/ requirements/
RUN python -m venv /opt/vdx \
    && /opt/vdx/bin/pip install --no-cache-dir --require-hashes --no-deps \
        -r requirements/frontend.txt
COPY pyproject.toml README.md LICENSE ./
COPY scripts/ scripts/
COPY frontend/ frontend/
COPY model_repository/ model_repository/
COPY triton_backends/ triton_backends/
COPY voicepacks/ voicepacks/
COPY tests/data/audio/ tests/data/audio/
RUN python -m venv /opt/build \
    && /opt/build/bin/pip install --no-cache-dir --require-hashes --no-deps -r requirements/dev.txt \
    && /opt/build/bin/python -m build --wheel --no-isolation --outdir /wheels . \
    && /opt/vdx/bin/pip install --no-cache-dir --no-deps /wheels/*.whl \
    && /opt/vdx/bin/pip uninstall --yes setuptools pip
COPY docker/slim.sh docker/slim.sh
RUN apt-get update \
    && apt-get install --yes --no-install-recommends binutils=2.* \
    && sh docker/slim.sh /opt/vdx/lib/python3.*/site-packages \
    && /opt/vdx/bin/python -c "import av, livekit.rtc, numpy, openai, tritonclient.grpc, uvloop"

FROM python:3.12-slim-bookworm
RUN apt-get update \
    && apt-get install --yes --no-install-recommends tini=0.19.* \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/vdx --shell /usr/sbin/nologin vdx \
    && install --directory --owner=10001 --group=10001 --mode=0700 /var/lib/vdx
COPY --from=build /opt/vdx /opt/vdx
ENV PATH=/opt/vdx/bin:$PATH \
    VDX_HOME=/var/lib/vdx \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /var/lib/vdx
EXPOSE 8080
# The manager listens on 8090, and says so by VDX_HEALTH_PORT.
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ.get('VDX_HEALTH_PORT', '8080') + '/healthz', timeout=2)"]
# SIGTERM drains: give it longer than server.drain_timeout_seconds (stop_grace_period).
STOPSIGNAL SIGTERM
ENTRYPOINT ["tini", "--", "vdx"]
CMD ["frontend", "--host", "0.0.0.0"]
