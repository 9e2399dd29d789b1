"""What a model manager announces of its server, as JSON.

Fields that a newer version adds are ignored. A server is believed what it announces; one that
cannot do it answers with an error, after which it is not chosen again for that session.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from vdx.serving.models import ModelKind

VERSION = 1

ModelPhase = Literal["waiting", "loading", "resident", "unloading", "absent"]


class _Announced(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Capabilities(_Announced):
    """What a model can do; `languages` are BCP-47 tags, `sample_rates` in Hz."""

    streaming: bool = False
    zero_shot: bool = False
    lora: bool = False
    cpu_ok: bool = False
    emotive_zero_prompt: bool = False
    languages: tuple[str, ...] = ()
    sample_rates: tuple[int, ...] = ()


class ModelMetrics(_Announced):
    """How a model does on this server; None: not measured yet."""

    rtf: float | None = Field(None, ge=0, description="seconds of work per second of audio")
    queue_depth: int = Field(0, ge=0, description="requests in flight")
    p50_first_audio_ms: float | None = Field(None, ge=0)
    leases: int = Field(0, ge=0)


class ModelEntry(_Announced):
    kind: ModelKind
    state: ModelPhase
    unloaded: bool = Field(False, description="by request; only who names it has it loaded again")
    capabilities: Capabilities = Capabilities()
    metrics: ModelMetrics = ModelMetrics()


class ServerEntry(_Announced):
    """One Triton: `addr` is its gRPC address, `manager` the URL of its model manager."""

    name: str = Field(min_length=1)
    addr: str = Field(min_length=1)
    manager: str = ""
    models: dict[str, ModelEntry] = {}
    draining: bool = False
    version: int = Field(VERSION, ge=1)
