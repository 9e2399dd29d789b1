"""Settings of Triton: the connection to it, and the embedded one (`triton`, `embedded`)."""

from typing import Self

from pydantic import Field, model_validator

from vdx.core.config.section import Section
from vdx.core.config.tls import TlsConfig


class TritonConfig(Section):
    url: str = Field(
        "",
        description="gRPC address of the server, HOST:PORT or unix:PATH; empty = the embedded "
        "one of this VDX_HOME",
    )
    tls: TlsConfig = Field(TlsConfig(), description="for a server on the network, both sides")
    first_response_timeout_ms: int = Field(5_000, ge=10)
    next_response_timeout_ms: int = Field(5_000, ge=10)
    final_transcript_timeout_ms: int = Field(4_000, ge=10)
    load_timeout_ms: int = Field(120_000, ge=100)
    probe_interval_ms: int = Field(2_000, ge=100, description="a tiny real inference per model")
    probe_timeout_ms: int = Field(3_000, ge=50)


class EmbeddedConfig(Section):
    """The embedded Triton, which opens no network port unless it is told to."""

    grpc_address: str = Field(
        "", description="HOST:PORT instead of a Unix socket, with the files of triton.tls"
    )
    metrics_port: int | None = Field(
        None, ge=0, le=65535, description="on loopback, for every local user; 0 = a free one"
    )
    environment: tuple[str, ...] = Field(
        (), description="further variables that Triton and its models get"
    )
    tritons: int = Field(
        1, ge=1, le=16, description="servers that `vdx up` starts, each with a GPU of its own"
    )

    @model_validator(mode="after")
    def _one_has_the_address(self) -> Self:
        if self.grpc_address and self.tritons > 1:
            raise ValueError("grpc_address is that of one Triton; leave it out with tritons > 1")
        return self
