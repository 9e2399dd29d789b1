"""Settings of models on servers: `model_manager`, `routing`, `registry`."""

from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator

from vdx.core.config.section import Section
from vdx.core.config.tls import TlsConfig
from vdx.core.values import Secret


class ModelManagerConfig(Section):
    """Which models stay loaded in the Triton of `vdx up` or of `vdx manager`."""

    url: str = Field(
        "",
        description="of the manager that loads for `vdx frontend`; none: that is the only one on "
        "its Triton and loads by itself",
    )
    api_key: Secret = Field(SecretStr(""), description="of that manager, where it has one")
    tls: TlsConfig = Field(
        TlsConfig(), description="between a manager of its own process and frontends, both sides"
    )
    default_model_id: str = Field(
        "", description="the voice where tts.voice names none; stays loaded. Empty: the catalogue's"
    )
    preload_model_ids: tuple[str, ...] = Field(
        (), description="loaded at start beside the models of the profiles"
    )
    ttl_ms: int = Field(600_000, ge=0, description="an idle model is unloaded after it")
    min_residency_ms: int = Field(120_000, ge=0, description="but not sooner after its load")
    evict_check_interval_ms: int = Field(30_000, ge=100)
    resident_cap: int = Field(3, ge=1, description="voices loaded at once")
    max_parallel_loads: int = Field(1, ge=1)
    memory_limit_mb: int = Field(0, ge=0, description="of the models' processes; 0 = none")
    lease_heartbeat_ms: int = Field(5_000, ge=100)
    lease_expiry_ms: int = Field(15_000, ge=200, description="without a heartbeat")

    @model_validator(mode="after")
    def _beats_before_it_expires(self) -> Self:
        if self.lease_expiry_ms <= self.lease_heartbeat_ms:
            raise ValueError(
                f"lease_expiry_ms ({self.lease_expiry_ms}) must be longer than "
                f"lease_heartbeat_ms ({self.lease_heartbeat_ms})"
            )
        return self


class RoutingConfig(Section):
    """How sessions get to one of several Tritons."""

    wait_ms: int = Field(
        2_000,
        ge=0,
        le=60_000,
        description="a session waits so long for a server with room, then it is refused",
    )


class RegistryConfig(Section):
    """Where managers announce their Tritons to frontends on other machines."""

    url: str = Field(
        "", description="redis://HOST:PORT, rediss:// or unix:PATH; empty: nowhere but here"
    )
    password: Secret = Field(SecretStr(""), description="of that Redis")
    name: str = Field("", description="of this Triton there; empty: triton@HOST")
    triton_url: str = Field("", description="where others reach this Triton; empty: triton.url")
    manager_url: str = Field(
        "", description="where others reach its manager; empty: the address it listens on"
    )

    @field_validator("url")
    @classmethod
    def _is_redis(cls, value: str) -> str:
        if value and not value.startswith(("redis://", "rediss://", "unix:")):
            raise ValueError(f"not redis://HOST:PORT, rediss://HOST:PORT or unix:PATH: {value!r}")
        return value
