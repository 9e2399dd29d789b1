"""Random tensors to every model of a real tritonserver.

What the typed client would never send is built here as raw protobufs: tensors that are missing,
of another type, shape or length, sequences that never began or never end. Each request must end in
an answer or an error that is not the model's own failure, and the model must then work as before.
"""

import asyncio
import contextlib
import random
import secrets
from collections.abc import Callable
from typing import Any, Final

import grpc
import numpy as np
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc import service_pb2_grpc as pb_grpc

from tests.fuzz.findings import ANSWER_S, Findings
from vdx.bench.client_process import Step
from vdx.bench.figures import Report
from vdx.bench.target import Target
from vdx.core.errors import ModelBusy, VdxError
from vdx.serving.channel import open_channel
from vdx.serving.models import ModelInfo
from vdx.serving.triton import TritonClient

AT_ONCE: Final = 8
BUSY_S: Final = 0.2
PIECES: Final = 3
"""Requests of one sequence at most."""
LEAVE_EARLY: Final = 0.2
"""The share of streams that are given up after their first answer."""
CODED: Final = ("[invalid_argument]", "[busy]", "[unavailable]")
BROKEN: Final = ("[internal]", "stub process", "Failed to process", "Traceback")
TYPES: Final = ("BYTES", "INT16", "INT32", "INT64", "FP32", "FP64", "UINT8", "BOOL", "FP16")
SIZES: Final = {"INT16": 2, "INT32": 4, "INT64": 8, "FP32": 4, "FP64": 8, "FP16": 2}
INPUTS: Final = {
    "tts": {
        "TEXT": "BYTES",
        "SPEAKER": "BYTES",
        "LANGUAGE": "BYTES",
        "SPEED": "FP32",
        "REFERENCE_AUDIO": "INT16",
        "REFERENCE_TEXT": "BYTES",
    },
    "asr": {
        "AUDIO": "INT16",
        "LANGUAGE": "BYTES",
        "SESSION": "BYTES",
        "FLUSH": "BOOL",
        "CANCEL": "BOOL",
    },
}
TEXTS: Final = ("", " ", "Hello.", "en", "de-AT", "\x00", "🎉", "a" * 1_001, "fault", "x" * 70_000)


async def measure(
    target: Target, models: list[ModelInfo], count: int, seed: int, step: Step | None = None
) -> Report:
    """`count` requests shared out among `models`; the same seed sends the same tensors."""
    findings = Findings("tensors")
    async with open_channel(target.triton_config) as channel:
        stub = pb_grpc.GRPCInferenceServiceStub(channel)
        for number, model in enumerate(models):
            until = (number + 1) * count // len(models)
            dice = random.Random(f"{seed}-{model.name}")  # nosec B311 - no secret
            await _fuzz(stub, model, dice, until, findings, step)
            await _still_works(target, model, findings)
    return findings.report(
        {"count": count, "seed": seed, "models": [model.name for model in models]}
    )


async def _fuzz(
    stub: Any,
    model: ModelInfo,
    dice: random.Random,
    until: int,
    findings: Findings,
    step: Step | None,
) -> None:
    while findings.sent < until:
        batch = []
        for _ in range(AT_ONCE):
            pieces = [_request(model, dice, first=n == 0) for n in range(_length(model, dice))]
            pieces = pieces[: max(1, until - findings.sent)]
            findings.sent += len(pieces)
            batch.append(_stream(stub, pieces, findings, early=dice.random() < LEAVE_EARLY))
            for _ in pieces:
                if step is not None:
                    step()
            if findings.sent >= until:
                break
        await asyncio.gather(*batch)


def _length(model: ModelInfo, dice: random.Random) -> int:
    return 1 if model.kind == "tts" else dice.randint(1, PIECES)


async def _stream(stub: Any, pieces: list[Any], findings: Findings, *, early: bool) -> None:
    """One gRPC stream; a recogniser's pieces are one sequence, whatever their flags say."""
    call = stub.ModelStreamInfer()
    sequence = secrets.randbits(63) | 1
    try:
        async with asyncio.timeout(ANSWER_S):
            for piece in pieces:
                if "sequence_start" in piece.parameters:
                    piece.parameters["sequence_id"].int64_param = sequence
                with contextlib.suppress(asyncio.InvalidStateError):  # ended by the one before
                    await call.write(piece)
            if not early:
                await call.done_writing()
            while (message := await call.read()) is not grpc.aio.EOF:
                _judge(message, pieces, findings)
                if early:
                    break
    except TimeoutError:
        findings.found("hang", f"the stream did not end for {ANSWER_S:.0f} s", pieces)
    except asyncio.InvalidStateError:
        findings.answers["refused by the server"] += 1
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.UNAVAILABLE:
            findings.found("crash", str(error.details()), pieces)
        findings.answers[f"status {error.code().name}"] += 1
    finally:
        call.cancel()


def _judge(message: Any, pieces: list[Any], findings: Findings) -> None:
    told = message.error_message
    if not told:
        findings.answers["answers"] += 1
    elif any(sign in told for sign in BROKEN):
        findings.found("model failed", told, pieces)
    else:
        coded = any(code in told for code in CODED)
        findings.answers["coded errors" if coded else "refused by the server"] += 1


async def _still_works(target: Target, model: ModelInfo, findings: Findings) -> None:
    """Sequences that were never ended hold their places until Triton gives them up: busy passes."""
    async with TritonClient(target.triton_config) as client:
        try:
            async with asyncio.timeout(ANSWER_S):
                await _probe(client, model)
        except (VdxError, TimeoutError) as error:
            findings.found("model dead", repr(error), model.name)


async def _probe(client: TritonClient, model: ModelInfo) -> None:
    while True:
        try:
            return await client.probe(model)
        except ModelBusy:
            await asyncio.sleep(BUSY_S)


def _request(model: ModelInfo, dice: random.Random, *, first: bool) -> Any:
    request = pb.ModelInferRequest(model_name=model.name, id=str(dice.randrange(10)))
    request.parameters["triton_enable_empty_final_response"].bool_param = True
    inputs = INPUTS[model.kind]
    needed = next(iter(inputs))
    for name, kind in inputs.items():
        if dice.random() < (0.97 if name == needed else 0.3):
            _add(request, name, kind if dice.random() < 0.96 else dice.choice(TYPES), dice)
    if dice.random() < 0.02:
        _add(request, "NOBODY", "INT32", dice)
    if model.kind == "asr" and dice.random() < 0.95:
        request.parameters["sequence_start"].bool_param = first == (dice.random() < 0.9)
        request.parameters["sequence_end"].bool_param = dice.random() < 0.5
        request.parameters["sequence_id"].int64_param = 1
    return request


def _add(request: Any, name: str, kind: str, dice: random.Random) -> None:
    length = dice.choice((0, 1, 1, 319, 320, 320, 960, 4_800))
    if kind == "BYTES":
        length = dice.choice((1, 1, 1, 1, 0, 2))
        raw = b"".join(_string(dice) for _ in range(length))
    else:
        length = 1 if name in ("SPEED", "FLUSH", "CANCEL") and dice.random() < 0.9 else length
        raw = MAKERS[dice.randrange(len(MAKERS))](length * SIZES.get(kind, 1), dice)
    shape = [length] if dice.random() < 0.96 else dice.choice(([1, length], [length, 1], [7], []))
    request.inputs.add(name=name, datatype=kind, shape=shape)
    request.raw_input_contents.append(raw if dice.random() < 0.99 else raw[:-1])


def _string(dice: random.Random) -> bytes:
    text = dice.choice(TEXTS).encode() if dice.random() < 0.8 else dice.randbytes(20)
    return len(text).to_bytes(4, "little") + text


Maker = Callable[[int, random.Random], bytes]
MAKERS: Final[tuple[Maker, ...]] = (
    lambda size, _: bytes(size),
    lambda size, dice: dice.randbytes(size),
    lambda size, _: b"\xff" * size,
    lambda size, _: np.ones(size // 4 + 1, "<f4").tobytes()[:size],
)
"""Ways to fill a tensor: silence, noise, NaN or -1, and ones."""
