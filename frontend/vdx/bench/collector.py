"""A collector of traces for benches: takes OTLP over HTTP, counts requests, keeps nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from vdx.bench.small_server import small_server


@dataclass(slots=True)
class Collector:
    """`url` is what `tracing.endpoint` gets; `requests` came so far, with `size` bytes of spans."""

    url: str = ""
    requests: int = 0
    size: int = 0

    def take(self, spans: bytes) -> bytes:
        self.requests += 1
        self.size += len(spans)
        return b""


@asynccontextmanager
async def collector() -> AsyncIterator[Collector]:
    """Serves on loopback while entered."""
    made = Collector()
    async with small_server(made.take) as made.url:
        yield made
