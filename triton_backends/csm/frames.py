"""The frame loop: one code of the backbone, 31 of the depth decoder, 80 ms of audio.

The mathematics of the library's `generate()` without what that does around every frame (measured:
42 against 56 ms on a tiny model, all of it Python). Its state is all the request's own, so that any
number of loops run over one network, in turn, and each gives what it would give alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from triton_backends.csm.network import Network, Tensor


@dataclass(frozen=True, slots=True)
class Sampling:
    """How codes are drawn; the defaults are those that the model is published with.

    `top_k` 1: no chance. `seed` -1 draws another one for each request.
    """

    temperature: float = 0.9
    top_k: int = 50
    depth_temperature: float = 0.9
    depth_top_k: int = 50
    seed: int = -1


CACHE_STEP = 256
"""A cache of a fixed size has a multiple of so many positions, so that few sizes are compiled."""


class FrameLoop:
    """Iterates over frames of codes [codebooks] on the network's device, until the model ends."""

    def __init__(
        self, network: Network, prompt: Tensor, sampling: Sampling, seed: int, most: int
    ) -> None:
        import torch

        self._network = network
        self._inputs: dict[str, Tensor] = {"inputs_embeds": prompt}
        self._sampling = sampling
        self._left = most
        self._caches = Caches(network, prompt.shape[1] + most)
        self._random = torch.Generator(device=network.device)
        self._random.manual_seed(seed)

    def __iter__(self) -> Iterator[Tensor]:
        return self

    def __next__(self) -> Tensor:
        if self._left <= 0:
            raise StopIteration
        with self._network.no_gradients():
            frame = self._frame()
        if bool((frame[:-1] == self._network.eos).all()):
            self._left = 0
            raise StopIteration
        self._left -= 1
        self._inputs = {"input_ids": frame[None, None]}
        return frame

    def _frame(self) -> Tensor:
        import torch

        network, sampling = self._network, self._sampling
        model = network.model
        heard = model.backbone_model(
            **self._inputs, past_key_values=self._caches.backbone, use_cache=True
        ).last_hidden_state[:, -1]
        code = self._draw(model.lm_head(heard), sampling.temperature, sampling.top_k)
        codes = [code]
        depth = self._caches.fresh_depth()
        # In the place of its first input the depth decoder takes what the backbone heard.
        given = torch.cat([torch.zeros_like(code), code], dim=1)
        first: Tensor | None = heard.clone()
        for _ in range(network.codebooks - 1):
            logits = network.depth_step(
                input_ids=given,
                backbone_last_hidden_state=first,
                past_key_values=depth,
                use_cache=True,
                logits_to_keep=1,
            ).logits[:, -1]
            given = self._draw(logits, sampling.depth_temperature, sampling.depth_top_k)
            codes.append(given)
            first = None
        return torch.cat(codes, dim=1)[0]

    def _draw(self, logits: Tensor, temperature: float, top_k: int) -> Tensor:
        """One code [1, 1] of logits [1, vocabulary]; never one that Mimi does not know."""
        import torch

        scores = logits[:, : self._network.codes].float()
        if top_k == 1:
            return scores.argmax(-1, keepdim=True)
        best, codes = torch.topk(scores / temperature, min(top_k, scores.shape[-1]))
        shares = torch.softmax(best, dim=-1)
        return codes.gather(-1, torch.multinomial(shares, 1, generator=self._random))


class Caches:
    """What backbone and depth decoder remember of one request, growing or of a fixed size."""

    def __init__(self, network: Network, positions: int) -> None:
        from transformers import DynamicCache, StaticCache

        self._config = network.model.depth_decoder.config
        self._fixed: Any = None
        config = network.model.config
        if network.hardware.static_cache:
            size = -(-positions // CACHE_STEP) * CACHE_STEP
            self.backbone: Any = StaticCache(config=config, max_cache_len=size)
            self._fixed = StaticCache(config=self._config, max_cache_len=network.codebooks + 1)
        else:
            self.backbone = DynamicCache(config=config)

    def fresh_depth(self) -> Any:
        """That of the depth decoder, which begins anew in each frame."""
        from transformers import DynamicCache

        if self._fixed is None:
            return DynamicCache(config=self._config)
        self._fixed.reset()
        return self._fixed
