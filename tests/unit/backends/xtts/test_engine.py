"""The xtts engine: what it streams is what the library decodes at once, whoever else speaks."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from benchmarks.xtts_voice import MOST_TOKENS, VOICES
from tests.unit.backends.interleaving import in_turn
from tests.unit.backends.xtts.conftest import said
from triton_backends.shared.contract import REFERENCE_RATE, TtsRequest
from triton_backends.shared.errors import InvalidArgument
from triton_backends.xtts.tokens import Sampling

pytestmark = pytest.mark.neural

TEXT, OTHER = "hello there my friend.", "another sentence, with other words."
EXACT = 1e-5
"""Of the loudest sample."""


def voice_of(library: Any, name: str) -> list[Any]:
    return list(library.speaker_manager.speakers[name].values())


def difference(ours: np.ndarray, theirs: Any) -> float:
    theirs = np.asarray(theirs)
    assert ours.shape == theirs.shape
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def test_a_stream_is_what_the_library_decodes_at_once(engine: Any, library: Any) -> None:
    # Its one-shot has a milder penalty of repetitions by default than its stream.
    settings = {"top_k": 1, "repetition_penalty": 10.0}
    once = library.inference(TEXT, "en", *voice_of(library, VOICES[0]), **settings)
    assert difference(said(engine, TEXT), once["wav"]) < EXACT


@pytest.mark.parametrize("speed", [0.8, 2.5])
def test_speed_stretches_as_the_library_does(engine: Any, library: Any, speed: float) -> None:
    voice = voice_of(library, VOICES[1])
    settings = {"top_k": 1, "speed": speed, "stream_chunk_size": 0}
    theirs = [piece.numpy() for piece in library.inference_stream(TEXT, "en", *voice, **settings)]
    ours = said(engine, TEXT, speaker=VOICES[1], speed=speed)
    assert difference(ours, np.concatenate(theirs)) < EXACT


def test_a_seed_draws_what_it_draws_in_the_library(load: Callable[..., Any], library: Any) -> None:
    import torch

    torch.manual_seed(5)
    voice = voice_of(library, VOICES[0])
    theirs = [p.numpy() for p in library.inference_stream(TEXT, "en", *voice, stream_chunk_size=0)]
    seeded = load(seed="5", top_k=str(Sampling().top_k))
    ours = said(seeded, TEXT)
    assert difference(ours, np.concatenate(theirs)) < EXACT
    assert np.array_equal(ours, said(seeded, TEXT))
    assert not np.array_equal(ours, said(load(seed="6", top_k="50"), TEXT))


def test_audio_begins_after_six_tokens(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = []
    step = engine.network.step
    monkeypatch.setattr(engine.network, "step", lambda *a: steps.append(1) or step(*a))
    chunks = engine.synthesize(TtsRequest(TEXT))
    first = next(chunk for chunk in chunks if chunk.pcm.size)
    assert len(steps) == 6
    assert first.pcm.size >= 2048, "80 ms and more"
    chunks.close()
    assert len(steps) == 6, "nothing is computed after it was closed"


def test_two_sessions_in_turn_each_speak_as_if_alone(engine: Any) -> None:
    alone = [said(engine, text) for text in (TEXT, OTHER)]
    streams = [engine.synthesize(TtsRequest(text)) for text in (TEXT, OTHER)]
    for own, heard in zip(alone, in_turn(streams), strict=True):
        assert np.array_equal(own, heard)


def test_a_text_beyond_the_limit_is_spoken_in_clauses(engine: Any) -> None:
    longest = engine.network.most_characters("en")
    text = "Words and more words, " * (longest // 20) + "and the end."
    assert len(text) > longest
    one = MOST_TOKENS * 1024 * 24_000 / 22_050
    assert said(engine, text).size > 1.5 * one


LANGUAGES = {
    "ar": "عندي 3 قطط.",
    "cs": "Mám 3 kočky.",
    "de": "Ich habe 3 Katzen.",
    "en": "I have 3 cats.",
    "es": "Tengo 3 gatos.",
    "fr": "J'ai 3 chats.",
    "hi": "मेरे पास तीन बिल्लियाँ हैं।",
    "hu": "Van 3 macskám.",
    "it": "Ho 3 gatti.",
    "ko": "고양이 3마리가 있어요.",
    "nl": "Ik heb 3 katten.",
    "pl": "Mam 3 koty.",
    "pt": "Tenho 3 gatos.",
    "ru": "У меня 3 кота.",
    "tr": "3 kedim var.",
    "zh": "我有3只猫。",
}


def test_every_language_is_read(engine: Any) -> None:
    assert set(LANGUAGES) == set(engine.languages) - {"ja"}
    for language, text in LANGUAGES.items():
        ids = engine.network.text_ids(text, language)
        assert len(ids) > len(text) // 2, language


@pytest.mark.parametrize(("language", "text"), [("hi", "3"), ("en", "9" * 400)], ids=["hi", "en"])
def test_a_number_without_words_is_refused(engine: Any, language: str, text: str) -> None:
    with pytest.raises(InvalidArgument, match=f"cannot read in '{language}'"):
        engine.network.text_ids(text, language)


def recording(seconds: float, pitch: float = 150.0) -> np.ndarray:
    times = np.arange(int(seconds * REFERENCE_RATE)) / REFERENCE_RATE
    return (np.mod(times * pitch, 1.0) * 8000).astype(np.int16)


def test_a_recording_gives_the_voice_that_the_library_takes_of_it(engine: Any) -> None:
    import torch
    from torchaudio.functional import resample

    library = engine.network._model
    heard = torch.from_numpy(recording(4).astype(np.float32) / 32768)[None]
    heard = resample(heard, REFERENCE_RATE, 22_050)
    ours = engine.network.condition(recording(4))
    theirs = library.get_gpt_cond_latents(heard, 22_050, 12, 4)
    assert torch.equal(ours.gpt, theirs)
    assert torch.equal(ours.speaker, library.get_speaker_embedding(heard, 22_050))


def test_a_recording_is_encoded_once_and_few_are_kept(load: Callable[..., Any]) -> None:
    engine = load(kept_references="2")
    told: list[bool] = []
    engine.references.tell = told.append
    first = said(engine, "a.", reference_audio=recording(3))
    assert np.array_equal(first, said(engine, "a.", reference_audio=recording(3)))
    assert told == [False, True]
    for pitch in (180.0, 210.0):
        engine.references.of(recording(3, pitch))
    assert len(engine.references) == 2
    engine.references.of(recording(3))
    assert told[-1] is False, "the oldest was forgotten"


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"speaker": "Nobody"}, "SPEAKER 'Nobody': the voices here are Ana, Björn"),
        ({"language": "fi"}, "LANGUAGE 'fi': this model speaks en, es, fr"),
        ({"reference_audio": recording(2)}, "REFERENCE_AUDIO has 2.0 s"),
        ({"reference_audio": np.zeros(96_000, np.int16)}, "REFERENCE_AUDIO is silent"),
        ({"reference_audio": recording(4), "speaker": "Ana"}, "send one of the two"),
    ],
    ids=["speaker", "language", "short", "silent", "both"],
)
def test_what_it_cannot_do_is_refused_by_name(engine: Any, asked: Any, reason: str) -> None:
    with pytest.raises(InvalidArgument, match=reason):
        said(engine, TEXT, **asked)


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"temperature": "warm"}, "temperature: 'warm' is not a number"),
        ({"top_p": "2"}, "top_p: 2 is outside 0.01 to 1"),
        ({"dtype": "int8"}, "dtype: 'int8'"),
        ({"speaker": "Nobody"}, "speaker: there is no 'Nobody'"),
        ({"default_language": "fi"}, "default_language: 'fi' is none of en"),
    ],
    ids=["temperature", "top_p", "dtype", "speaker", "language"],
)
def test_bad_parameters_are_refused_by_name(
    load: Callable[..., Any], parameters: dict[str, str], reason: str
) -> None:
    with pytest.raises(InvalidArgument, match=reason):
        load(**parameters)
