"""On a machine with several GPUs: which one the official code, which says "cuda", computes on."""

import sys
import threading
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from triton_backends.cosyvoice2 import network as module
from triton_backends.cosyvoice2.network import Hardware, Network

PLACED = 1


class Cuda(threading.local):
    """As in torch, each thread begins with the first GPU."""

    gpu = 0

    def set_device(self, gpu: int) -> None:
        self.gpu = gpu

    @staticmethod
    def is_available() -> bool:
        return True


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> Cuda:
    cuda = Cuda()
    torch = SimpleNamespace(
        cuda=cuda,
        device=lambda kind, index: SimpleNamespace(type=kind, index=index),
        inference_mode=nullcontext,
        set_num_threads=lambda _: None,
    )
    monkeypatch.setitem(sys.modules, "torch", torch)
    return cuda


@pytest.fixture
def network(cuda: Cuda, monkeypatch: pytest.MonkeyPatch) -> Network:
    """Its front end gives the GPU of the thread for everything."""

    def here(_: object) -> tuple[Any, Any]:
        return np.full((1, 2), cuda.gpu), None

    front_end = SimpleNamespace(
        _extract_text_token=here,
        _extract_speech_feat=here,
        _extract_speech_token=here,
        _extract_spk_embedding=lambda _: cuda.gpu,
    )
    model = SimpleNamespace(llm=None, flow=SimpleNamespace(pre_lookahead_len=3), device=None)
    monkeypatch.setattr(module, "load", lambda *_, **__: (front_end, model))
    return Network(Path(), Hardware(gpu=PLACED), {})


def in_a_worker(work: Callable[[], Any]) -> Any:
    """What a function gives in a thread that has not computed yet."""
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join()
    return found[0]


def test_a_worker_computes_where_triton_placed_the_model(network: Network, cuda: Cuda) -> None:
    def turn() -> int:
        randomness: Any = SimpleNamespace(turn=nullcontext)
        with network.turn(randomness):
            return cuda.gpu

    assert in_a_worker(turn) == PLACED
    assert in_a_worker(lambda: network.text_tokens("a")[0, 0]) == PLACED
    voice = in_a_worker(lambda: network.voice_of(np.ones(9, np.int16)))
    assert (voice.speaker, voice.tokens[0, 0], voice.mel[0, 0]) == (PLACED,) * 3
    assert network.device.index == PLACED
