"""The decoders: some tokens in, the scores of the token after each of them out.

A cache is never written to, so that one that was led on too far is cut, and an earlier one goes on.
"""

import re
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from triton_backends.moonshine.audio_encoder import Memory
from triton_backends.moonshine.settings import LONGEST_TEXT, Settings
from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.network import Array, Network

Scores = NDArray[np.float32]
"""[tokens, vocabulary], not normalised."""
Attention = NDArray[np.float32]
"""How much each token attends to each frame of the memory: [tokens, frames]; their sum is 1."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`attention` is None where the network does not tell it."""

    scores: Scores
    cache: Any
    attention: Attention | None = None


class Decoder(Protocol):
    """`begin` is given before any token, `end` closes a text of at most `longest` tokens."""

    begin: int
    end: int
    longest: int
    vocabulary: int

    def start(self, memory: Memory) -> Any:
        """The cache before any token."""
        ...

    def run(self, tokens: list[int], cache: Any) -> Answer: ...

    def cut(self, cache: Any, length: int) -> Any:
        """The cache as it was after its first `length` tokens."""
        ...


@dataclass(frozen=True, slots=True)
class Cache:
    """Keys and values of the tokens so far, and those of the memory, which stay."""

    own: tuple[Array, ...]
    memory: tuple[Array, ...]


class StreamingDecoder:
    """`cross_kv` prepares the memory, `decoder_kv` takes tokens.

    Keys and values are [depth, 1, heads, n, dim].
    """

    INPUTS = ("k_self", "v_self", "out_k_cross", "out_v_cross")

    def __init__(self, cross: Network, decoder: Network, settings: Settings) -> None:
        self._cross, self._decoder = cross, decoder
        self.begin, self.end = settings.bos_id, settings.eos_id
        self.longest, self.vocabulary = settings.max_seq_len, settings.vocab_size
        self._shape = (settings.depth, 1, settings.nheads, 0, settings.head_dim)
        shape = tuple(size or None for size in self._shape)
        cross.input("memory", None, None, settings.decoder_dim)
        for name in ("k_cross", "v_cross"):
            cross.output(name, *shape)
        self._token = decoder.input("token", None, None)
        for name in self.INPUTS:
            decoder.input(name, *shape)
        decoder.output("logits", None, None, settings.vocab_size)
        self._wanted = ["logits", "out_k_self", "out_v_self"]
        for name in self._wanted[1:]:
            decoder.output(name, *shape)
        self._attentions = [name for name in decoder.outputs if name.startswith("cross_attentions")]

    def start(self, memory: Memory) -> Cache:
        empty = np.zeros(self._shape, np.float32)
        return Cache((empty, empty), tuple(self._cross({"memory": memory}, ["k_cross", "v_cross"])))

    def run(self, tokens: list[int], cache: Cache) -> Answer:
        inputs = {"token": np.array([tokens], self._token.dtype)}
        inputs |= dict(zip(self.INPUTS, (*cache.own, *cache.memory), strict=True))
        logits, *found = self._decoder(inputs, [*self._wanted, *self._attentions])
        own, attentions = tuple(found[:2]), found[2:]
        return Answer(logits[0], replace(cache, own=own), _mean(attentions))

    def cut(self, cache: Cache, length: int) -> Cache:
        return replace(cache, own=tuple(each[:, :, :, :length] for each in cache.own))


class MergedDecoder:
    """`decoder_model_merged` of the first models: one graph with and without earlier tokens."""

    begin, end = 1, 2
    longest = LONGEST_TEXT
    PAST = re.compile(r"past_key_values\.(\d+)\.(decoder|encoder)\.(key|value)")

    def __init__(self, network: Network) -> None:
        self._network = network
        pasts = [name for name in network.inputs if self.PAST.fullmatch(name)]
        self._own = [name for name in pasts if ".decoder." in name]
        self._memory = [name for name in pasts if ".encoder." in name]
        if not self._own or len(self._own) != len(self._memory):
            raise InvalidArgument(f"{network.name} has no inputs past_key_values.*")
        self._tokens = network.input("input_ids", None, None)
        self._hidden = network.input("encoder_hidden_states", None, None, None)
        self._branch = network.input("use_cache_branch", 1)
        self._mask = network.inputs.get("encoder_attention_mask")
        for name in pasts:
            shape = network.input(name, None, None, None, None).shape
            if shape[1] is None or shape[3] is None:
                raise InvalidArgument(f"{network.name}: {name} has no known size")
            network.output(_present(name))
        size = network.output("logits", None, None, None).shape[2]
        if size is None:
            raise InvalidArgument(f"{network.name}: logits has no known size")
        self.vocabulary = size
        self._attentions = [name for name in network.outputs if name.startswith("cross_attentions")]

    def start(self, memory: Memory) -> Cache:
        return Cache((), (memory,))

    def run(self, tokens: list[int], cache: Cache) -> Answer:
        """The first run gives the keys of the memory; later ones give none, and need no memory."""
        first, hidden = not cache.own, cache.memory[0]
        inputs: dict[str, Array] = {
            "input_ids": np.array([tokens], self._tokens.dtype),
            "encoder_hidden_states": hidden,
            "use_cache_branch": np.array([not first], self._branch.dtype),
        }
        if self._mask is not None:
            # All of the memory counts. Released graphs take every 384th value of this, one a frame,
            # for they expect one a sample; a single one holds for all frames in either case.
            inputs["encoder_attention_mask"] = np.ones((1, 1), self._mask.dtype)
        pasts = [*self._own, *self._memory]
        given = [self._empty(name) for name in pasts] if first else [*cache.own, *cache.memory[1:]]
        inputs |= dict(zip(pasts, given, strict=True))
        wanted = ["logits", *map(_present, pasts), *self._attentions]
        logits, *found = self._network(inputs, wanted)
        own, rest = tuple(found[: len(self._own)]), found[len(self._own) :]
        keys = tuple(rest[: len(self._memory)]) if first else cache.memory[1:]
        return Answer(logits[0], Cache(own, (hidden, *keys)), _mean(rest[len(self._memory) :]))

    def cut(self, cache: Cache, length: int) -> Cache:
        return replace(cache, own=tuple(each[:, :, :length] for each in cache.own))

    def _empty(self, name: str) -> Array:
        tensor = self._network.inputs[name]
        return np.zeros((1, tensor.shape[1] or 1, 0, tensor.shape[3] or 1), tensor.dtype)


def _present(past: str) -> str:
    return past.replace("past_key_values", "present")


def _mean(attentions: list[Array]) -> Attention | None:
    """Over layers and heads, of arrays [1, heads, tokens, frames]."""
    if not attentions:
        return None
    found: Attention = np.mean([each[0].mean(axis=0) for each in attentions], axis=0)
    return found
