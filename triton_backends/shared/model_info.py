"""Which model this process serves, out of the arguments of Triton's `initialize`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """`folder` is the model's in the repository; `gpu` the one its instance was placed on."""

    name: str
    folder: Path
    version: str
    gpu: int | None

    @classmethod
    def of(cls, args: Mapping[str, str]) -> "ModelInfo":
        on_gpu = args.get("model_instance_kind") == "GPU"
        return cls(
            args["model_name"],
            Path(args["model_repository"]),
            args["model_version"],
            int(args["model_instance_device_id"]) if on_gpu else None,
        )
