"""Parts of the csm family: endings, what is remembered, whose turn it is, and its files."""

import json
import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from triton_backends.csm.clause_end import SILENCE_S, Silence, most_frames
from triton_backends.csm.grouped_queue import GroupedQueue
from triton_backends.csm.turns import Conversations, Turn
from triton_backends.shared.errors import InvalidArgument

RATE, FRAME = 24_000, 1920
LOUD, QUIET = np.full(FRAME, 0.1, np.float32), np.zeros(FRAME, np.float32)


def test_silence_after_a_sound_ends_a_clause() -> None:
    silence = Silence()
    assert not any(silence.ended(QUIET) for _ in range(50)), "nothing was heard yet"
    assert not silence.ended(LOUD)
    ended = [silence.ended(QUIET) for _ in range(20)]
    assert ended.index(True) + 1 == -(-round(SILENCE_S * RATE) // FRAME)
    assert not silence.ended(LOUD), "a sound begins it anew"


def test_a_text_has_a_longest_time() -> None:
    assert most_frames("Hi.", FRAME) * FRAME / RATE == pytest.approx(2.48, abs=0.08)
    assert most_frames("a" * 100, FRAME) * FRAME / RATE == pytest.approx(18, abs=0.08)


def said(text: str, frames: int) -> Turn:
    return Turn(0, text, np.zeros((frames, 32), np.int64))


def test_a_conversation_keeps_what_was_said_last() -> None:
    kept = Conversations(10)
    for text, frames in (("a", 4), ("b", 5), ("c", 3), ("too long", 11)):
        kept.add("s", "voice", said(text, frames))
    assert [turn.text for turn in kept.before("s", "voice")] == ["b", "c"]
    assert kept.before("s", "another") == []
    kept.add("", "voice", said("of no session", 1))
    assert kept.before("", "voice") == []


def test_few_conversations_are_kept() -> None:
    kept = Conversations(10, sessions=2)
    for session in ("one", "two", "one", "three"):
        kept.add(session, "", said(session, 1))
    assert len(kept) == 2
    assert not kept.before("two", "")
    assert len(kept.before("one", "")) == 2


def order_of(queue: GroupedQueue, asked: list[tuple[str, float | None, str]]) -> list[str]:
    """Who computes when all have asked while another computes, by name."""
    served: list[str] = []

    def compute(name: str, due: float | None, group: str) -> None:
        with queue.slot(due, group):
            served.append(name)

    threads = [threading.Thread(target=compute, args=each) for each in asked]
    with queue.slot(None, "now"):
        for number, thread in enumerate(threads, start=1):
            thread.start()
            while queue.waiting < number:
                time.sleep(0.001)
    for thread in threads:
        thread.join()
    return served


def test_first_chunks_go_first_and_an_adapter_stays_while_nobody_hurries() -> None:
    now = time.monotonic()
    asked: list[tuple[str, float | None, str]] = [
        ("later, other", now + 900, "other"),
        ("later, now", now + 990, "now"),
        ("soonest, other", now + 800, "other"),
        ("dry", now - 5, "other"),
        ("new", None, "third"),
        ("newer", None, "now"),
    ]
    served = order_of(GroupedQueue(), asked)
    assert served[:3] == ["new", "newer", "dry"]
    # `dry` left its adapter in place.
    assert served[3:] == ["soonest, other", "later, other", "later, now"]


def test_a_failure_gives_the_slot_back() -> None:
    queue = GroupedQueue()
    with pytest.raises(ZeroDivisionError), queue.slot(None, ""):
        raise ZeroDivisionError
    assert order_of(queue, [("next", None, "")]) == ["next"]


@pytest.mark.neural
def test_shards_become_one_file_with_the_same_weights(folder: Path, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file
    from transformers import CsmForConditionalGeneration

    from triton_backends.csm.convert import convert

    model = CsmForConditionalGeneration.from_pretrained(folder)
    model.save_pretrained(tmp_path, max_shard_size="1MB")
    assert len(list(tmp_path.glob("*-of-*.safetensors"))) > 1
    convert(tmp_path)
    assert [file.name for file in tmp_path.glob("*safetensors*")] == ["model.safetensors"]
    before, after = (load_file(each / "model.safetensors") for each in (folder, tmp_path))
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.neural
@pytest.mark.parametrize(
    ("index", "reason"),
    [("{}", "names no weights"), ('{"weight_map": {"a": "../model.safetensors"}}', "leads out")],
    ids=["empty", "outside"],
)
def test_an_index_that_cannot_be_is_refused(tmp_path: Path, index: str, reason: str) -> None:
    from triton_backends.csm.convert import convert

    (tmp_path / "model.safetensors").write_bytes(b"")
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "model.safetensors.index.json").write_text(index)
    with pytest.raises(InvalidArgument, match=reason):
        convert(inner)


@pytest.mark.neural
@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("config.json", {"model_type": "llama"}, "config.json is not the configuration of a CSM"),
        ("config.json", {"num_hidden_layers": 3}, "does not fit config.json: it lacks"),
        ("tokenizer.json", {"model": 3}, "tokenizer.json is wrong"),
        ("model.safetensors", None, "model.safetensors does not fit"),
    ],
    ids=["family", "sizes", "vocabulary", "weights"],
)
def test_files_that_are_no_voice_are_refused_by_name(
    folder: Path, tmp_path: Path, name: str, change: dict[str, object] | None, reason: str
) -> None:
    from triton_backends.csm.voicepack import load_engine
    from triton_backends.shared.parameters import Parameters

    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    if change is None:
        (copy / name).write_bytes(b"nothing")
    else:
        told = json.loads((copy / name).read_text())
        (copy / name).write_text(json.dumps(told | change))
    with pytest.raises(InvalidArgument, match=reason):
        load_engine(Parameters({"voicepack": "."}), copy)
