"""The models that a server can serve, loaded one after the other."""

from vdx.bench.target import Target
from vdx.core.errors import TritonError, VdxError
from vdx.serving.models import ModelInfo
from vdx.serving.triton import TritonClient


async def served(target: Target) -> list[ModelInfo]:
    """Every model of the repository that can be loaded, a family at least once.

    Raises:
        VdxError: the address of Triton is not known.
    """
    if not target.triton_grpc:
        raise VdxError("the address of Triton is not known; leave --url out", service="bench")
    found: list[ModelInfo] = []
    async with TritonClient(target.triton_config) as client:
        for state in await client.index():
            try:
                if not state.ready:
                    await client.load(state.name)
                found.append(await client.describe(state.name))
            except TritonError:
                continue  # its weights are not here
    return found
