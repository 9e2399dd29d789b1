"""The whisper family in a real Triton, with the trained test model and real speech."""

import asyncio
import json
import shutil
from pathlib import Path

import grpc
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from tests.triton import repository as repo
from tests.triton.commands import Call
from tests.triton.typed import Connect
from tests.triton.wire import Response, Wire
from tests.unit.backends.speech import SPOKEN, spoken

MODEL = "whisper-micro"
NOTHING = np.zeros(0, np.int16)


async def utter(wire: Wire, model: str, audio: NDArray[np.int16], **inputs: str) -> list[Response]:
    """An utterance in pieces of 60 ms with a FLUSH before its END; what was answered."""
    async with wire.stream(model) as stream:
        for at in range(0, audio.size, 960):
            await stream.send_audio(audio[at : at + 960], start=at == 0, **inputs)
            inputs = {}
        await stream.send_audio(NOTHING, FLUSH=True)
        await stream.send_audio(NOTHING, end=True)
        answers: list[Response] = []
        while not answers or (not answers[-1].error and answers[-1].outputs["STATE"][0] != 2):
            response = await stream.read()
            if response.outputs or response.error:
                answers.append(response)
    return answers


@pytest.mark.parametrize("name", SPOKEN)
async def test_a_sentence_is_heard(wire: Wire, name: str) -> None:
    await wire.load(MODEL)
    answers = await utter(wire, MODEL, spoken(name))
    assert [answer.error for answer in answers] == [""] * len(answers)
    speculative, final = answers[-2].outputs, answers[-1].outputs
    assert speculative["STATE"][0] == 1
    assert final["TEXT"] == speculative["TEXT"] == SPOKEN[name]
    assert final["STABLE"][0] == len(final["TEXT"])
    assert final["CONFIDENCE"][0] > 0.5
    assert final["AUDIO_MS"][0] == spoken(name).size // 16
    words = json.loads(final["WORDS"])
    assert [word["word"] for word in words] == SPOKEN[name].split()
    assert words[-1]["end_ms"] <= final["AUDIO_MS"][0]


async def test_twenty_people_at_once_are_all_understood(wire: Wire) -> None:
    await wire.load(MODEL)
    names = (list(SPOKEN) * 4)[:20]
    answers = await asyncio.gather(*(utter(wire, MODEL, spoken(name)) for name in names))
    assert [a[-1].outputs["TEXT"] for a in answers] == [SPOKEN[name] for name in names]


async def test_words_over_thirty_seconds_and_a_busy_model(wire: Wire) -> None:
    await wire.load(MODEL)
    names = ["set_a_timer", "i_will_be_home", "tell_me_a_story"] * 4
    audio = np.concatenate(
        [np.pad(spoken(name), (0, 52_800 - spoken(name).size)) for name in names]
    )
    answers = await utter(wire, MODEL, audio)
    final = answers[-1].outputs
    assert final["TEXT"] == " ".join(SPOKEN[name] for name in names)
    assert final["AUDIO_MS"][0] == audio.size // 16 > 30_000


async def test_silence_and_noise_say_nothing(wire: Wire) -> None:
    await wire.load(MODEL)
    noise = np.random.default_rng(0).normal(0, 250, 48_000).astype(np.int16)
    for audio in (noise, noise * 0):
        final = (await utter(wire, MODEL, audio))[-1].outputs
        assert (final["TEXT"], final["WORDS"]) == ("", "[]")


async def test_an_unknown_language_is_named(wire: Wire) -> None:
    await wire.load(MODEL)
    answers = await utter(wire, MODEL, spoken("stop_talking"), LANGUAGE="fr")
    assert "[invalid_argument] LANGUAGE 'fr'" in answers[0].error


async def test_cancelled_while_it_waits_to_be_decoded(wire: Wire) -> None:
    await wire.load(MODEL)
    async with wire.stream(MODEL) as stream:
        await stream.send_audio(spoken("set_a_timer"), start=True)
        await stream.send_audio(NOTHING, FLUSH=True)
        await stream.send_audio(NOTHING, end=True, CANCEL=True)
        final = await stream.read_state(2)
    assert final.error == ""
    assert final.outputs["TEXT"] == ""


def damage(folder: Path, kind: str) -> None:
    weights = folder / "model.bin"
    raw = weights.read_bytes()
    if kind == "truncated":
        weights.write_bytes(raw[: len(raw) // 2])
    elif kind == "no heads":
        weights.write_bytes(raw.replace(b"num_heads\0\0\2\2\0\0\0\4", b"num_heads\0\0\2\2\0\0\0\0"))
    elif kind == "outside":
        weights.unlink()
        weights.symlink_to(repo.WHISPER / "model.bin")
    elif kind == "pickle":
        weights.write_bytes(b"\x80\x04cposix\nsystem\n(S'true'\ntR.")
    else:
        weights.write_bytes(b"\x09" + raw[1:])


@pytest.mark.parametrize("kind", ["truncated", "no heads", "outside", "pickle", "wrong version"])
async def test_a_bad_model_is_refused_and_the_server_lives(
    wire: Wire, connect: Connect, model_repository: Path, tmp_path: Path, kind: str
) -> None:
    folder = Path(shutil.copytree(repo.WHISPER, tmp_path / "pack"))
    damage(folder, kind)
    name = f"whisper-{kind.replace(' ', '-')}"
    repo.add_whisper(model_repository, name, folder)
    with pytest.raises(grpc.aio.AioRpcError, match=r"\[invalid_argument\] model.bin"):
        await wire.load(name)
    assert await connect().is_ready()
    await wire.load(MODEL)
    answers = await utter(wire, MODEL, spoken("stop_talking"))
    assert answers[-1].outputs["TEXT"] == SPOKEN["stop_talking"]
    shutil.rmtree(model_repository / name)


def test_a_file_is_cut_and_its_stretches_decoded_together(on_triton: Call) -> None:
    """`vdx transcribe`: what was said, when, and as subtitles."""
    names = list(SPOKEN)
    pause = np.zeros(36_000, np.int16)  # too long to be joined
    audio = np.concatenate([piece for name in names for piece in (spoken(name), pause)])
    soundfile.write("sentences.flac", audio, 16_000)

    def transcribed(form: str) -> str:
        answer = on_triton("transcribe", "sentences.flac", "--model", MODEL, "--format", form)
        assert answer.status == 0, answer.err
        assert f"{len(names)} segments of speech, real-time factor" in answer.err
        return answer.out

    told = json.loads(transcribed("verbose_json"))
    assert told["text"].split() == " ".join(SPOKEN.values()).split()
    segments = [json.loads(line) for line in transcribed("json_lines").splitlines()]
    words = [word for segment in segments for word in segment["words"]]
    assert [word["word"] for word in words] == told["text"].split()
    for segment in segments:
        text, spans = segment["text"], [(w["char_start"], w["char_end"]) for w in segment["words"]]
        assert [text[start:end] for start, end in spans] == text.split()
    starts = [word["start_ms"] for word in words]
    assert starts == sorted(starts)
    assert starts[-1] > audio.size / 16 - 5000
    assert transcribed("srt").count(" --> ") >= len(names)
    assert transcribed("vtt").startswith("WEBVTT")
