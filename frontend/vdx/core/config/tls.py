"""Files of mutual TLS, which several sections have."""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from vdx.core.config.section import Section


class TlsConfig(Section):
    """PEM files of mutual TLS: all three, or none."""

    ca: Path | None = Field(None, description="who signed the certificate of the other side")
    certificate: Path | None = Field(None, description="of this machine")
    key: Path | None = Field(None, description="of that certificate; readable by this user alone")

    @property
    def given(self) -> bool:
        return self.ca is not None

    @model_validator(mode="after")
    def _all_or_none(self) -> Self:
        if len({file is None for file in (self.ca, self.certificate, self.key)}) > 1:
            raise ValueError("ca, certificate and key belong together; one of them is missing")
        return self
