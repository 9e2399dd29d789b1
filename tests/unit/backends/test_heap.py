"""What a process gives back of the memory between blocks that it still uses."""

import subprocess
import sys
from pathlib import Path

import pytest

from triton_backends.shared import heap
from triton_backends.shared.heap import FreedMemory

GIVEN_BACK = """
from triton_backends.shared import heap
BLOCK, BLOCKS, PINNED = 64 << 10, 1024, 16
heap.return_freed_memory()
freed = heap.FreedMemory()
freed.give_back()
before = heap.resident_bytes()
blocks = [bytearray(b"x" * BLOCK) for _ in range(BLOCKS)]
kept = blocks[::PINNED]
del blocks
assert heap.resident_bytes() - before > BLOCK * BLOCKS // 2, "the blocks in use hold the others"
freed.give_back()
assert heap.resident_bytes() - before < BLOCK * BLOCKS // 4
assert len(kept) == BLOCKS // PINNED
"""


# In a process of its own: what other tests have freed in this one would be used first.
@pytest.mark.skipif(FreedMemory()._trim is None, reason="the C library is not glibc")
def test_memory_between_blocks_in_use_is_given_back() -> None:
    root = Path(heap.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", GIVEN_BACK], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_process_that_grew_little_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = iter([100 << 20, 115 << 20, 90 << 20, 105 << 20, 130 << 20, 95 << 20, 110 << 20])
    monkeypatch.setattr(heap, "resident_bytes", lambda: next(sizes))
    trimmed: list[int] = []
    freed = FreedMemory()
    freed._trim = trimmed.append
    for expected in (0, 0, 0, 0, 1, 1):
        freed.give_back()
        assert len(trimmed) == expected
