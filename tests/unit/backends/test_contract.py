"""Requests are decoded and checked before an engine sees them."""

import numpy as np
import pytest

from triton_backends.shared.contract import decode_asr, decode_tts
from triton_backends.shared.errors import BackendError, Busy, Internal, InvalidArgument, Unavailable
from triton_backends.shared.parameters import Parameters


def string(text: str | bytes) -> np.ndarray:
    return np.array([text.encode() if isinstance(text, str) else text], np.object_)


def test_a_full_speech_request() -> None:
    audio = np.arange(10, dtype=np.int16)
    request = decode_tts(
        {
            "TEXT": string("Grüße"),
            "SPEAKER": string("f3"),
            "LANGUAGE": string("de-DE"),
            "SPEED": np.array([1.5], np.float32),
            "REFERENCE_AUDIO": audio,
            "REFERENCE_TEXT": string("zehn"),
        }
    )
    assert (request.text, request.speaker, request.language) == ("Grüße", "f3", "de-DE")
    assert request.speed == 1.5
    assert request.reference_text == "zehn"
    assert request.reference_audio is not None
    audio[:] = 0  # Triton reuses the memory
    assert request.reference_audio.tolist() == list(range(10))


def test_what_is_left_out_has_defaults() -> None:
    speech = decode_tts({"TEXT": string("a")})
    assert (speech.speaker, speech.language, speech.speed) == ("", "", 1.0)
    assert speech.reference_audio is None
    heard = decode_asr({"AUDIO": np.zeros(0, np.int16)})
    assert (heard.flush, heard.cancel, heard.session) == (False, False, "")


@pytest.mark.parametrize(
    ("tensors", "named"),
    [
        ({}, "TEXT is missing"),
        ({"TEXT": np.array([1], np.int32)}, "int32"),
        ({"TEXT": np.array([b"a", b"b"], np.object_)}, "2"),
        ({"TEXT": string("a"), "SPEED": np.array([1.0], np.float64)}, "float64"),
        ({"TEXT": string("a"), "SPEED": np.array([4.01], np.float32)}, "4.01"),
        ({"TEXT": string("a"), "REFERENCE_AUDIO": np.zeros(4, np.float32)}, "float32"),
        ({"TEXT": string("a"), "REFERENCE_AUDIO": np.zeros((2, 2), np.int16)}, "[2, 2]"),
        ({"TEXT": string("a"), "HEARD_AUDIO": np.zeros(4, np.float32)}, "HEARD_AUDIO must be"),
        (
            {"TEXT": string("a"), "HEARD_AUDIO": np.zeros(720_001, np.int16)},
            "HEARD_AUDIO has 720001 samples, more than 30 s",
        ),
    ],
)
def test_bad_speech_tensors_name_the_value(tensors: dict[str, np.ndarray], named: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        decode_tts(tensors)
    assert named in str(caught.value)


def test_audio_must_be_there_in_whole_frames() -> None:
    with pytest.raises(InvalidArgument, match="AUDIO is missing"):
        decode_asr({})
    with pytest.raises(InvalidArgument, match="100"):
        decode_asr({"AUDIO": np.zeros(100, np.int16)})


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (InvalidArgument, "invalid_argument"),
        (Busy, "busy"),
        (Unavailable, "unavailable"),
        (Internal, "internal"),
    ],
)
def test_errors_begin_with_their_code(kind: type[BackendError], code: str) -> None:
    assert str(kind("why")) == f"[{code}] why"


def test_parameters_are_typed() -> None:
    parameters = Parameters.of('{"parameters": {"n": {"string_value": "7"}}}')
    assert parameters.integer("n", 1) == 7
    assert parameters.integer("absent", 3) == 3
    assert parameters.text("absent", "x") == "x"
    assert Parameters({"on": "True"}).flag("on")


@pytest.mark.parametrize("value", ["seven", "-1", "11"])
def test_a_bad_number_names_key_and_value(value: str) -> None:
    with pytest.raises(InvalidArgument, match=f"parameter n: .*{value}"):
        Parameters({"n": value}).integer("n", 1, high=10)


def test_a_bad_flag_names_key_and_value() -> None:
    with pytest.raises(InvalidArgument, match="parameter on: 'maybe'"):
        Parameters({"on": "maybe"}).flag("on")
