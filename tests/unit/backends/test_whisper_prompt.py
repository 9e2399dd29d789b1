"""Words to expect: what Whisper is told, and that it never says them where nobody did."""

import shutil
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unit.backends.speech import MODEL, SPOKEN, spoken
from triton_backends.shared.contract import MAX_PROMPT_CHARS, AsrRequest, decode_asr
from triton_backends.shared.engine import Hypothesis
from triton_backends.shared.errors import InvalidArgument
from triton_backends.whisper.engine import WhisperEngine
from triton_backends.whisper.likely_words import MAX_PROMPT_TOKENS, LikelyWords
from triton_backends.whisper.recogniser import _Draft, _is_heard
from triton_backends.whisper.windows import Window

NOTHING = np.zeros(0, np.int16)
KINDS = ["espresso", "americano", "cappuccino", "mocha", "latte", "macchiato", "cold brew"] * 2
LIKELY = "turn on the kitchen light, tell me a short story about a dog, stop talking please"
DRINKS = [f"{roast} {kind}" for roast in ("light", "dark") for kind in KINDS]


@pytest.fixture(scope="module")
def engine() -> Iterator[WhisperEngine]:
    made = WhisperEngine(MODEL)
    yield made
    made.close()


def transcript(engine: WhisperEngine, audio: NDArray[np.int16], prompt: str) -> str:
    utterance = engine.start(AsrRequest(audio=NOTHING, prompt=prompt))
    utterance.accept(audio)
    answer = utterance.finish()
    found = answer.result() if isinstance(answer, Future) else answer
    utterance.close()
    assert isinstance(found, Hypothesis)
    return found.text


@pytest.mark.parametrize("level", [0, 8, 30, 200, 1000, 3000])
def test_nothing_of_them_is_said_in_silence_and_noise(engine: WhisperEngine, level: int) -> None:
    noise = np.random.default_rng(level).normal(0, level, 48_000).astype(np.int16)
    assert transcript(engine, noise, LIKELY) == ""


@pytest.mark.parametrize("name", SPOKEN)
def test_what_is_said_is_heard_whatever_is_likely(engine: WhisperEngine, name: str) -> None:
    assert transcript(engine, spoken(name), LIKELY) == transcript(engine, spoken(name), "")


def read(engine: WhisperEngine, prompt: str) -> tuple[str, list[str]]:
    """What is told of a prompt, and what the log says of the rest."""
    lines: list[str] = []
    vocabulary = engine.recogniser.vocabulary
    words = LikelyWords(vocabulary, lines.append)
    told = words.read(prompt)
    assert words.read(prompt) == told
    assert len(told) <= MAX_PROMPT_TOKENS
    return vocabulary.text(told).strip(), lines


def test_of_a_long_list_the_first_phrases_are_told_the_first_last(engine: WhisperEngine) -> None:
    drinks = dict.fromkeys(DRINKS)
    phrases = [f"{size} {drink}" for size in ("large", "small", "medium") for drink in drinks]
    text, (line,) = read(engine, ", ".join(phrases))
    told = text.rstrip(".").split(", ")
    assert 1 < len(told) < len(phrases)
    assert told == phrases[len(told) - 1 :: -1]
    left = f"{len(phrases) - len(told)} of {len(phrases)} phrases are not told"
    assert line.startswith(f"hot words: {left}, from {phrases[len(told)]!r} on: there is room for")


def test_a_list_is_told_as_a_sentence(engine: WhisperEngine) -> None:
    """Whisper ends its transcripts as the text before them ends."""
    assert read(engine, "  ") == ("", [])
    assert read(engine, "kitchen light") == ("kitchen light.", [])
    assert read(engine, "latte, mocha, ") == ("latte, mocha.", [])
    assert read(engine, "Turn on the light!") == ("Turn on the light!", [])


def test_of_a_long_text_the_last_tokens_are_told(engine: WhisperEngine) -> None:
    vocabulary, said = engine.recogniser.vocabulary, "kitchen light " * 200
    whole = vocabulary.encode(f"{said.strip()}.")
    many, (line,) = read(engine, said)
    assert many == vocabulary.text(whole[-MAX_PROMPT_TOKENS:]).strip()
    left = f"{len(whole) - MAX_PROMPT_TOKENS} of {len(whole)} tokens are not told"
    assert line.startswith(f"hot words: {left}, from 'kitchen light kitchen")
    prose, _ = read(engine, f"well, {said}")
    assert prose == many


def test_the_words_stand_before_the_transcript(engine: WhisperEngine) -> None:
    vocabulary = engine.recogniser.vocabulary
    few = vocabulary.encode("kitchen light")
    prompt = vocabulary.prompt("en", (), few)
    assert prompt[1 : 1 + len(few)] == list(few)
    assert prompt[1 + len(few) :] == vocabulary.prompt("en")


def test_windows_with_other_words_are_no_batch() -> None:
    one, other = (Window(NOTHING, 1000, "en", prompt=(word,)) for word in (1, 2))
    assert one.batch_key != other.batch_key


def test_a_model_without_its_tokenizer_takes_none(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(MODEL, folder)
    (folder / "tokenizer.json").unlink()
    made = WhisperEngine(folder)
    try:
        with pytest.raises(InvalidArgument, match=r"PROMPT needs the model's tokenizer\.json"):
            made.start(AsrRequest(audio=NOTHING, prompt="light"))
        made.start(AsrRequest(audio=NOTHING)).close()
    finally:
        made.close()


@pytest.mark.parametrize(
    ("no_speech", "probabilities", "heard"),
    [(0.1, [0.9, 0.5], True), (0.1, [0.01, 0.1], False), (0.9, [0.9, 0.9], False)],
)
def test_the_sound_alone_must_speak_for_it(
    no_speech: float, probabilities: list[float], heard: bool
) -> None:
    draft = _Draft([1, 2], [(" light", [1, 2])], unsure=False, no_speech=no_speech)
    assert _is_heard(draft, SimpleNamespace(text_token_probs=probabilities)) is heard


def test_the_contract() -> None:
    def text(value: str) -> NDArray[np.object_]:
        return np.array([value.encode()], dtype=np.object_)

    assert decode_asr({"AUDIO": NOTHING, "PROMPT": text("light")}).prompt == "light"
    with pytest.raises(InvalidArgument, match="PROMPT has 1001 characters"):
        decode_asr({"AUDIO": NOTHING, "PROMPT": text("x" * (MAX_PROMPT_CHARS + 1))})
