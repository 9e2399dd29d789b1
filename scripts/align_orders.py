"""Writes benchmarks/data/orders/words.json: where each word of the spoken orders begins and ends.

Run it with a Triton that can load the recogniser, after a recording was added:

    .venv/bin/python scripts/align_orders.py

Word times come from Whisper's attention, over the whole recording. The bench of endpointing puts
its pauses between these words.
"""

import asyncio
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "frontend"))

from vdx.client.recording import read_clip  # noqa: E402
from vdx.core import settings  # noqa: E402
from vdx.core.audio import LISTEN_FRAME, LISTEN_RATE  # noqa: E402
from vdx.core.events import TranscriptKind  # noqa: E402
from vdx.serving.triton import TritonClient  # noqa: E402

ORDERS = ROOT / "benchmarks" / "data" / "orders"
RECOGNISER = "whisper-tiny.en"


async def words_of(client: TritonClient, file: Path) -> list[tuple[str, int, int]]:
    pcm = read_clip(file, LISTEN_RATE).pcm
    whole = pcm[: pcm.size // LISTEN_FRAME * LISTEN_FRAME]
    async with client.recognise(RECOGNISER, language="en") as stream:
        await stream.send(whole.astype("<i2").tobytes(), end=True)
        async for answer in stream:
            if answer.kind is TranscriptKind.FINAL:
                return [(word.word, word.start_ms, word.end_ms) for word in answer.words]
    sys.exit(f"{file}: no transcript")


async def main() -> None:
    async with TritonClient(settings.load().config.triton) as client:
        await client.load(RECOGNISER)
        found = {file.stem: await words_of(client, file) for file in sorted(ORDERS.glob("*.flac"))}
    lines = (f"{json.dumps(name)}: {json.dumps(words)}" for name, words in found.items())
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    (ORDERS / "words.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main())
