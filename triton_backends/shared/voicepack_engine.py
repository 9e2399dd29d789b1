"""Recognisers whose weights are a voicepack: from a model's parameters to its engine."""

from collections.abc import Callable
from pathlib import Path
from typing import Generic, Protocol, Self, TypeVar

from triton_backends.shared.model_files import voicepack_path
from triton_backends.shared.parameters import Parameters


class EngineOptions(Protocol):
    """What a model's parameters say of a family's engine."""

    @classmethod
    def of(cls, parameters: Parameters, gpu: int | None = None) -> Self:
        """`gpu` is the one that Triton placed the instance on, where it did.

        Raises InvalidArgument naming the parameter.
        """


OptionsT = TypeVar("OptionsT", bound=EngineOptions)


class VoicepackEngine(Generic[OptionsT]):
    """Base of a family's engine."""

    options_type: type[OptionsT]

    def __init__(
        self,
        folder: Path,
        options: OptionsT | None = None,
        tell: Callable[[str], object] = lambda _: None,
    ) -> None:
        """`folder` has the weights; `tell` writes a line to a log."""
        raise NotImplementedError

    @classmethod
    def of(
        cls,
        parameters: Parameters,
        folder: Path,
        gpu: int | None = None,
        tell: Callable[[str], object] = lambda _: None,
    ) -> Self:
        """From a model's parameters; `voicepack` is absolute or relative to the model's folder."""
        weights = voicepack_path(parameters, folder, "voicepack")
        return cls(weights, cls.options_type.of(parameters, gpu), tell)
