"""Settings of what is kept for people to look at: `log`, `tracing`, `call_recording`."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from vdx.core.config.section import Section


class CallRecordingConfig(Section):
    """Where the calls of profiles with `record_calls` are kept, and for how long."""

    folder: Path | None = Field(None, description="None = calls in VDX_HOME")
    retention_days: float = Field(30, ge=0, description="a server deletes what is older")


class LogConfig(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = Field(
        "text", description="json: one object a line, for programs"
    )
    transcripts: bool = Field(False, description="at debug level, also the words that were spoken")


class TracingConfig(Section):
    """OpenTelemetry traces: one for each turn."""

    endpoint: str = Field(
        "",
        pattern=r"^(https?://\S+)?$",
        description="of a collector that takes OTLP over HTTP: http://HOST:4318; empty = off",
    )
    sample_ratio: float = Field(1.0, ge=0, le=1, description="of the turns")
    service_name: str = "vdx"
