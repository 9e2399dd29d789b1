"""`/healthz`, `/readyz` and `/metrics`: for whoever watches the process."""

from starlette.responses import PlainTextResponse, Response

from vdx.serving.readiness import STARTING
from vdx.transports.http.operation import Host, content, open_operations, operations

TEXT = "text/plain"

api = open_operations()
keyed = operations()


@api.get("/healthz", response_class=Response, responses=content(TEXT))
async def healthz() -> PlainTextResponse:
    """The process is alive."""
    return PlainTextResponse("ok")


@api.get("/readyz", response_class=Response, responses=content(TEXT) | content(TEXT, status=503))
async def readyz(host: Host) -> PlainTextResponse:
    """200 while Triton answers and the models are loaded, else 503 and why."""
    if host.drain.active:
        return PlainTextResponse("draining", status_code=503)
    if host.ready:
        return PlainTextResponse("ready")
    return PlainTextResponse(host.problem or STARTING, status_code=503)


@keyed.get("/metrics", response_class=Response, responses=content(TEXT))
async def metrics() -> Response:
    """Prometheus text."""
    from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
