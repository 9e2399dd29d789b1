"""What a process gives back of the memory between blocks that it still uses."""

import pytest

from triton_backends.shared import heap
from triton_backends.shared.heap import FreedMemory, resident_bytes

BLOCK, BLOCKS, PINNED = 64 << 10, 1024, 16


@pytest.mark.skipif(FreedMemory()._trim is None, reason="the C library is not glibc")
def test_memory_between_blocks_in_use_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heap, "GROWN_SHARE", 1 << 10)  # however large the tests' process is
    heap.return_freed_memory()
    freed = FreedMemory()
    freed.give_back()
    before = resident_bytes()
    blocks = [bytearray(b"x" * BLOCK) for _ in range(BLOCKS)]
    kept = blocks[::PINNED]
    del blocks
    assert resident_bytes() - before > BLOCK * BLOCKS // 2, "the blocks in use hold the others"
    freed.give_back()
    assert resident_bytes() - before < BLOCK * BLOCKS // 4
    assert len(kept) == BLOCKS // PINNED


def test_a_process_that_grew_little_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = iter([100 << 20, 115 << 20, 90 << 20, 105 << 20, 130 << 20, 95 << 20, 110 << 20])
    monkeypatch.setattr(heap, "resident_bytes", lambda: next(sizes))
    trimmed: list[int] = []
    freed = FreedMemory()
    freed._trim = trimmed.append
    for expected in (0, 0, 0, 0, 1, 1):
        freed.give_back()
        assert len(trimmed) == expected
