"""The speaker model of a process, and the people whose voices a request brings with it."""

import base64
import binascii
import io
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, closing
from functools import partial
from itertools import repeat
from typing import Final, Protocol

import numpy as np

from vdx.batch.reference import SILENT
from vdx.batch.speakers import KnownSpeaker
from vdx.core.audio import LISTEN_RATE
from vdx.core.audio_decoder import AudioDecoder
from vdx.core.errors import InvalidInput, ModelFailed
from vdx.core.events import Pcm
from vdx.serving.busy_retry import retry_busy
from vdx.serving.model_status import ModelStatus
from vdx.serving.models import ModelInfo, ModelKind
from vdx.serving.response_decoding import Vector
from vdx.serving.triton import TritonClient

EMBED_MS: Final = 20_000
"""How long one window may take: a recording competes with live speech."""
BUSY_S: Final = 0.5
"""Until a model whose places are all taken is asked again, as recognisers of recordings are."""
SHORTEST_S, LONGEST_S = 0.5, 30
PREFIX: Final = "data:"


class Models(Protocol):
    """What finds and loads models."""

    async def statuses(self) -> list[ModelStatus]: ...
    async def ensure(
        self, name: str, kind: ModelKind | None = None, language: str = ""
    ) -> ModelInfo: ...


async def find_speaker_model(models: Models, named: str) -> ModelInfo:
    """The model of that name, else the first that is here, loaded.

    Raises:
        InvalidInput: there is none.
        UnknownName, TritonError: as `ModelManager.ensure`.
    """
    if named:
        return await models.ensure(named, "speaker")
    found = [
        (status.state != "READY", status.name)
        for status in await models.statuses()
        if status.info is not None and status.info.kind == "speaker"
    ]
    if not found:
        raise InvalidInput(
            "no speaker model is here, which diarized_json needs to know who speaks; add one: "
            "vdx voices add FILE (a network of WeSpeaker or 3D-Speaker, such as "
            "wespeaker_en_voxceleb_CAM++.onnx)",
            param="response_format",
        )
    return await models.ensure(min(found)[1], "speaker")


async def embed(client: TritonClient, model: str, pcm: Pcm) -> Vector:
    """The voice of int16 16 kHz mono audio of at most 30 s; a model that is busy is asked again.

    Raises TritonError.
    """
    ask = partial(_embedded, client, model, pcm.tobytes())
    async with aclosing(retry_busy(ask, repeat(BUSY_S))) as vectors:
        async for vector in vectors:
            return vector
    raise ModelFailed(f"{model} ended without an answer", model=model)


async def _embedded(client: TritonClient, model: str, pcm: bytes) -> AsyncGenerator[Vector, None]:
    yield await client.embed(model, pcm, EMBED_MS)


async def known_speakers(
    client: TritonClient, model: str, names: Sequence[str], recordings: Sequence[Pcm]
) -> list[KnownSpeaker]:
    """People by name, each with a recording of theirs; raises TritonError."""
    pairs = zip(names, recordings, strict=True)
    return [KnownSpeaker(name, await embed(client, model, pcm)) for name, pcm in pairs]


def read_references(urls: Sequence[str], param: str) -> list[Pcm]:
    """Data URLs of recordings as int16 16 kHz mono; blocks.

    Raises:
        InvalidInput: one is no data URL of a recording of SHORTEST_S to LONGEST_S, or silent; says
            which.
    """
    return [_reference(url, f"{param}[{number}]", param) for number, url in enumerate(urls)]


def _reference(url: str, name: str, param: str) -> Pcm:
    head, comma, body = url.partition(",")
    if not head.startswith(PREFIX) or not head.endswith(";base64") or not comma:
        raise InvalidInput(f"{name} is no data URL: data:audio/wav;base64,…", param=param)
    try:
        raw = base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidInput(f"{name} is not base64", param=param) from None
    pieces, left = list[Pcm](), LONGEST_S * LISTEN_RATE
    with closing(AudioDecoder(io.BytesIO(raw), name, LISTEN_RATE)) as decoder:
        while (piece := decoder.read()).size and left >= 0:
            pieces.append(np.rint(piece.clip(-1.0, 1.0) * 32767).astype(np.int16))
            left -= piece.size
    heard = np.concatenate(pieces) if pieces else np.zeros(0, np.int16)
    if not SHORTEST_S * LISTEN_RATE <= heard.size <= LONGEST_S * LISTEN_RATE:
        raise InvalidInput(
            f"{name} must be {SHORTEST_S} to {LONGEST_S} s long, not "
            f"{'more' if left < 0 else f'{heard.size / LISTEN_RATE:.1f} s'}",
            param=param,
        )
    if np.sqrt(np.mean((heard / 32768) ** 2)) < SILENT:  # its vector would be like anybody's
        raise InvalidInput(f"{name} is silent; nobody is known by it", param=param)
    return heard
