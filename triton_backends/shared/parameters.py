"""Reads the `parameters` of a model's configuration, typed; a bad value names key and value."""

import json
from collections.abc import Mapping
from typing import Any

from triton_backends.shared.errors import InvalidArgument


class Parameters:
    """The string map of a config.pbtxt, with typed look-ups."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    @classmethod
    def of(cls, model_config: str) -> "Parameters":
        """From the JSON that Triton hands to `initialize`."""
        return cls.of_config(json.loads(model_config))

    @classmethod
    def of_config(cls, config: Mapping[str, Any]) -> "Parameters":
        """From the same, parsed."""
        table = config.get("parameters", {})
        return cls({key: entry["string_value"] for key, entry in table.items()})

    def text(self, key: str, default: str = "") -> str:
        return self._values.get(key, default)

    def integer(self, key: str, default: int, low: int = 0, high: int = 2**31 - 1) -> int:
        """A whole number between `low` and `high`, both allowed."""
        raw = self._values.get(key, str(default))
        try:
            value = int(raw)
        except ValueError:
            raise InvalidArgument(f"parameter {key}: {raw!r} is not a whole number") from None
        if not low <= value <= high:
            raise InvalidArgument(f"parameter {key}: {value} is outside {low} to {high}")
        return value

    def number(self, key: str, default: float, low: float, high: float) -> float:
        """A number between `low` and `high`, both allowed."""
        raw = self._values.get(key, str(default))
        try:
            value = float(raw)
        except ValueError:
            raise InvalidArgument(f"parameter {key}: {raw!r} is not a number") from None
        if not low <= value <= high:  # also false for NaN
            raise InvalidArgument(f"parameter {key}: {value:g} is outside {low:g} to {high:g}")
        return value

    def flag(self, key: str, *, default: bool = False) -> bool:
        """`true` or `false`."""
        raw = self._values.get(key, str(default)).lower()
        if raw not in {"true", "false"}:
            raise InvalidArgument(f"parameter {key}: {raw!r} is neither true nor false")
        return raw == "true"

    def choice(self, key: str, default: str, allowed: tuple[str, ...]) -> str:
        """One of `allowed`."""
        raw = self._values.get(key, default)
        if raw not in allowed:
            raise InvalidArgument(f"parameter {key}: {raw!r} is none of {', '.join(allowed)}")
        return raw
