"""What every section of the settings is."""

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

from vdx.core.values import split_list


class Section(BaseModel):
    """A frozen part of the tree; an unknown key is an error.

    A list may be given as one text with commas, as an environment variable holds it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @field_validator("*", mode="before")
    @classmethod
    def _split(cls, value: Any, info: ValidationInfo) -> Any:
        return split_list(cls.model_fields[str(info.field_name)].annotation, value)
