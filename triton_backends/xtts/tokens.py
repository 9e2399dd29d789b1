"""The GPT's loop: one token after the other, each with its latent.

Its state is all the request's own (cache, tokens so far, random numbers), so that any number of
loops run over one network, in turn or at once, and each gives what it would give alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from triton_backends.xtts.network import Network, Tensor


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn; the defaults are those of the library's stream. `top_k` 1: no chance.

    `seed` -1 draws another one for each request.
    """

    temperature: float = 0.75
    top_k: int = 50
    top_p: float = 0.85
    repetition_penalty: float = 10.0
    seed: int = -1


class TokenLoop:
    """Iterates over latents [1, width], the stop token's included, as the library does."""

    def __init__(self, network: Network, prompt: Tensor, sampling: Sampling, seed: int) -> None:
        import torch
        from transformers import DynamicCache

        self._network = network
        self._prompt: Tensor | None = prompt
        self._ids = network.first_ids(prompt)
        self._cache: Any = DynamicCache()
        self._processors = processors(sampling)
        self._draws = sampling.top_k != 1
        self._random = torch.Generator(device=self._ids.device)
        self._random.manual_seed(seed)
        self._said = 0
        self._ended = False

    def __iter__(self) -> Iterator[Tensor]:
        return self

    def __next__(self) -> Tensor:
        import torch

        if self._ended:
            raise StopIteration
        with torch.inference_mode():
            latent, logits = self._network.step(
                self._prompt, self._ids[:, -1:], self._said, self._cache
            )
            self._prompt = None
            scores = self._processors(self._ids, logits)
            if self._draws:
                shares = torch.softmax(scores, dim=-1)
                token = torch.multinomial(shares, 1, generator=self._random)
            else:
                token = scores.argmax(-1, keepdim=True)
            self._ids = torch.cat([self._ids, token], dim=1)
        self._said += 1
        stopped = int(token) == self._network.stop_token
        self._ended = stopped or self._said >= self._network.most_tokens
        return latent

    @property
    def tokens(self) -> Tensor:
        """The tokens drawn so far, [1, n]."""
        return self._ids[:, self._ids.shape[1] - self._said :]


def processors(sampling: Sampling) -> Any:
    """What changes the logits before a token is drawn, in the order of `generate`."""
    from transformers import (
        LogitsProcessorList,
        RepetitionPenaltyLogitsProcessor,
        TemperatureLogitsWarper,
        TopKLogitsWarper,
        TopPLogitsWarper,
    )

    chosen: Any = LogitsProcessorList()
    if sampling.repetition_penalty != 1:
        chosen.append(RepetitionPenaltyLogitsProcessor(sampling.repetition_penalty))
    if sampling.top_k != 1:
        if sampling.temperature != 1:
            chosen.append(TemperatureLogitsWarper(sampling.temperature))
        chosen.append(TopKLogitsWarper(sampling.top_k))
        if sampling.top_p < 1:
            chosen.append(TopPLogitsWarper(sampling.top_p))
    return chosen
