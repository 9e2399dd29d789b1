"""Who loads and unloads the models of a Triton: this process, or a model manager elsewhere."""

from typing import Protocol

from vdx.serving.triton import TritonClient


class ModelControl(Protocol):
    """Each call returns when it is done, and raises a TritonError where it is not."""

    async def load(self, model: str) -> None:
        """Loads a model that is not loaded."""

    async def unload(self, model: str) -> None:
        """Unloads a model; this client has nothing in flight to it."""

    async def restart(self, model: str) -> None:
        """Loads a model anew whose process ended or hangs."""


class RemoteControl(ModelControl, Protocol):
    """A model manager elsewhere."""

    async def unload_when_free(self, model: str) -> bool:
        """Unloads a model once no frontend leases it; whether it is unloaded already."""
        ...


class TritonControl:
    """This process loads and unloads."""

    def __init__(self, client: TritonClient) -> None:
        self._client = client

    async def load(self, model: str) -> None:
        await self._client.load(model)

    async def unload(self, model: str) -> None:
        await self._client.unload(model)

    async def restart(self, model: str) -> None:
        await self._client.unload(model)
        await self._client.load(model)
