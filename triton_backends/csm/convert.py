"""Makes one file of the several that a large CSM is published in."""

from pathlib import Path
from typing import Any

from triton_backends.csm.network import MAX_JSON_BYTES, MAX_WEIGHTS_BYTES, WEIGHTS
from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.model_files import read_json, regular_file

INDEX = "*.safetensors.index.json"


def convert(folder: Path) -> None:
    """Writes WEIGHTS into `folder` and removes index and shards; the weights stay as they are.

    Raises InvalidArgument where a file is not what it is published as.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file, save_file

    indexes = sorted(folder.glob(INDEX))
    if len(indexes) != 1:
        raise InvalidArgument(f"there are {len(indexes)} files {INDEX}; there must be one")
    told = read_json(folder, indexes[0].name, MAX_JSON_BYTES)
    places = told.get("weight_map") if isinstance(told, dict) else None
    if not isinstance(places, dict) or not places:
        raise InvalidArgument(f"{indexes[0].name} names no weights")
    names = sorted({str(name) for name in places.values()})
    tensors: dict[str, Any] = {}
    for name in names:
        try:
            tensors |= load_file(regular_file(folder, name, MAX_WEIGHTS_BYTES))
        except SafetensorError as error:
            raise InvalidArgument(f"{name} is no file of weights: {error}") from None
    lacking = sorted(set(places) - set(tensors))
    if lacking:
        raise InvalidArgument(f"{indexes[0].name}: no file has {lacking[0]}")
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    for name in (*names, indexes[0].name):
        (folder / name).unlink()
