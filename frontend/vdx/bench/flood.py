"""Requests with wrong keys at an even pace, from a process of its own: `flood` for a block.

HTTP by hand over few connections: what sends must take as little as it can of the cores that the
server under test has.
"""

import asyncio
import contextlib
import json
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

CONNECTIONS = 8
ANSWER_S = 5.0
AGAIN_S = 0.1
"""Before a connection that failed is made again."""


@contextlib.asynccontextmanager
async def flood(url: str, per_second: int) -> AsyncIterator[dict[str, float]]:
    """Sends for as long as the block lasts; then the dictionary has the requests answered by status
    ("401"), and `per_second` that were reached.
    """
    told: dict[str, float] = {}
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "vdx.bench.flood", url, str(per_second)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield told
    finally:
        if child.returncode is None:
            child.send_signal(signal.SIGTERM)
        said, _ = await child.communicate()
        told |= json.loads(said or b"{}")


async def run(host: str, port: int, per_second: int) -> dict[str, float]:
    """Until SIGTERM."""
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    statuses: Counter[str] = Counter()
    began = time.monotonic()
    senders = [
        asyncio.create_task(_send(host, port, per_second / CONNECTIONS, number, statuses))
        for number in range(CONNECTIONS)
    ]
    await over.wait()
    for sender in senders:
        sender.cancel()
    await asyncio.gather(*senders, return_exceptions=True)
    return dict(statuses) | {"per_second": statuses.total() / (time.monotonic() - began)}


async def _send(host: str, port: int, rate: float, number: int, statuses: Counter[str]) -> None:
    due = time.monotonic() + number / rate / CONNECTIONS
    count = 0
    while True:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                while True:
                    due += 1 / rate
                    await asyncio.sleep(max(0.0, due - time.monotonic()))
                    count += 1
                    writer.write(_request(host, f"wrong-{number}-{count}"))
                    async with asyncio.timeout(ANSWER_S):
                        statuses[await _status(reader)] += 1
            finally:
                writer.close()
        await asyncio.sleep(AGAIN_S)


def _request(host: str, key: str) -> bytes:
    return (
        f"GET /v1/models HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n\r\n".encode()
    )


async def _status(reader: asyncio.StreamReader) -> str:
    """Reads one answer to its end."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    size = next(
        (
            int(line.split(":")[1])
            for line in head.split("\r\n")
            if line[:15].lower() == "content-length:"
        ),
        0,
    )
    await reader.readexactly(size)
    return head.split()[1]


def main(url: str, per_second: str) -> None:
    """Entry point of the child process."""
    where = urlsplit(url)
    found = asyncio.run(run(where.hostname or "127.0.0.1", where.port or 80, int(per_second)))
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
