"""LoRA adapters over one network: changed between two frames, without loading it again."""

import copy
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

from triton_backends.csm.adapter_files import WEIGHTS, Adapter, is_adapter, read_adapter
from triton_backends.csm.network import Network
from triton_backends.shared.errors import InvalidArgument

KEPT = 16
NAMES_TOLD = 60


class Adapters:
    """Those in the folders beside the voicepack, each by its folder's name.

    A folder that is added while the voice is loaded is found by the next request that names it.
    `use` changes what the whole network computes, so only the holder of the queue's slot may call
    it; everything else may come from any thread.
    """

    def __init__(self, network: Network, place: Path, kept: int = KEPT) -> None:
        self._network = network
        self._place = place
        self._most = kept
        self._layers: list[Any] = []
        self._loaded: OrderedDict[tuple[str, int], str] = OrderedDict()
        """Name and time of its file -> what peft calls it; the least used first."""
        self._with_codec: set[str] = set()
        """Those that change what the codec computes, by what peft calls them."""
        self._made = 0
        self._active = ""
        self._lock = threading.Lock()

    def names(self) -> list[str]:
        """What there is now, by name."""
        if not self._place.is_dir():
            return []
        return sorted(each.name for each in self._place.iterdir() if is_adapter(each))

    def require(self, name: str) -> None:
        """Raises InvalidArgument naming those that there are."""
        known = self.names()
        if name not in known:
            told = ", ".join(known[:NAMES_TOLD])
            adapters = f" and the adapters {told}" if told else ""
            raise InvalidArgument(f"SPEAKER {name!r}: the speakers here are 0 to 9{adapters}")

    def use(self, name: str) -> None:
        """Lets the network compute with an adapter; an empty name: with none.

        Raises InvalidArgument where its files are none, or do not fit the network.
        """
        with self._lock:
            wanted = self._known(name) if name else ""
            if wanted == self._active:
                return
            chosen = [wanted] if wanted else []
            for layer in self._layers:
                layer.set_adapter(chosen, inference_mode=True)
            self._active = wanted

    @property
    def codec_variant(self) -> str:
        """Which codec there is with the adapter in use; empty for the network's own."""
        return self._active if self._active in self._with_codec else ""

    @property
    def loaded(self) -> int:
        """How many are in memory."""
        return len(self._loaded)

    def merged(self, name: str) -> Network:
        """A copy of the network with an adapter in its weights, as quick as the network alone."""
        self.require(name)
        network = copy.copy(self._network)
        adapter = read_adapter(self._place / name)
        shared = {} if _touches_codec(adapter) else {id(network.codec): network.codec}
        model = copy.deepcopy(network.model, shared)
        network.take(_inject(model, adapter, "merged").merge_and_unload())
        return network

    def _known(self, name: str) -> str:
        self.require(name)
        folder = self._place / name
        key = name, (folder / WEIGHTS).stat().st_mtime_ns
        if key not in self._loaded:
            for old in [each for each in self._loaded if each[0] == name]:
                self._forget(old)  # it was replaced
            while len(self._loaded) >= self._most:
                self._forget(next(iter(self._loaded)))
            self._loaded[key] = self._load(folder)
        self._loaded.move_to_end(key)
        return self._loaded[key]

    def _load(self, folder: Path) -> str:
        from peft.tuners.tuners_utils import BaseTunerLayer

        self._made += 1
        name = f"adapter{self._made}"
        model = self._network.model
        adapter = read_adapter(folder)
        _inject(model, adapter, name)
        if _touches_codec(adapter):
            self._with_codec.add(name)
        self._layers = [each for each in model.modules() if isinstance(each, BaseTunerLayer)]
        for layer in self._layers:
            layer.set_adapter([], inference_mode=True)
        self._active = ""
        return name

    def _forget(self, key: tuple[str, int]) -> None:
        name = self._loaded.pop(key)
        self._with_codec.discard(name)
        for layer in self._layers:
            layer.delete_adapter(name)
            layer.set_adapter([], inference_mode=True)
        self._network.model.peft_config.pop(name, None)
        self._active = ""


def _touches_codec(adapter: Adapter) -> bool:
    return any(layer.startswith("codec_model.") for layer in adapter.tensors)


def _inject(model: Any, adapter: Adapter, name: str) -> Any:
    """Puts an adapter into the layers that its tensors name; returns peft's tuner.

    Raises InvalidArgument, before anything is changed, where it does not fit the model.
    """
    from peft import LoraConfig
    from peft.tuners.lora import LoraModel

    for layer, (down, up) in adapter.tensors.items():
        found = _layer(model, layer)
        own = None if found is None else (found.in_features, found.out_features)
        if own != (down.shape[1], up.shape[0]):
            raise InvalidArgument(
                f"{WEIGHTS} does not fit this model: {layer} is {own or 'missing'}"
            )
    config = LoraConfig(
        r=adapter.rank,
        lora_alpha=adapter.alpha,
        use_rslora=adapter.rank_stabilised,
        rank_pattern={layer: pair[0].shape[0] for layer, pair in adapter.tensors.items()},
        alpha_pattern=adapter.alphas,
        target_modules=sorted(adapter.tensors),
        inference_mode=True,
    )
    named = {f"{layer}.lora_{half}.weight": None for layer in adapter.tensors for half in "AB"}
    tuner: Any = LoraModel(model, config, name, state_dict=named)
    for layer, (down, up) in adapter.tensors.items():
        module = model.get_submodule(layer)
        for part, weight in ((module.lora_A[name], down), (module.lora_B[name], up)):
            part.weight.data.copy_(weight)
    return tuner


def _layer(model: Any, name: str) -> Any:
    """A linear layer by its name, one that has adapters already included; None where none is."""
    try:
        found = model.get_submodule(name)
    except AttributeError:
        return None
    return found if hasattr(found, "in_features") else None
