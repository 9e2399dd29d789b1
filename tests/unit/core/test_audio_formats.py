"""G.711, as telephones speak it, against the values of the standard and Python's own tables."""

import sys
import warnings

import numpy as np
import pytest

from vdx.core.audio_formats import FormatName, WireFormat

LAWS: list[FormatName] = ["audio/pcmu", "audio/pcma"]
EVERY = np.arange(-32768, 32768, dtype=np.int32).astype(np.int16)


@pytest.mark.parametrize("name", LAWS)
def test_every_code_survives(name: FormatName) -> None:
    wire = WireFormat(name, 8000)
    codes = bytes(range(256))
    again = wire.encode(wire.decode(codes))
    same = wire.decode(again)
    assert np.array_equal(same, wire.decode(codes))
    # \u00b5-law has two zeros; every other code is the only one of its value.
    assert sum(a != b for a, b in zip(again, codes, strict=True)) <= 1


@pytest.mark.parametrize("name", LAWS)
def test_the_error_is_that_of_the_standard(name: FormatName) -> None:
    """Half a step: 1/32 of the size of a sample, to which µ-law adds 132."""
    wire = WireFormat(name, 8000)
    heard = wire.decode(wire.encode(EVERY)).astype(np.int32)
    most = (np.abs(EVERY.astype(np.int32)) + 132) / 31 + 5
    inside = np.abs(EVERY.astype(np.int32)) < 32_000  # louder ones are clipped
    assert np.all(np.abs(heard - EVERY)[inside] <= most[inside])


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="audioop ended with Python 3.12")
@pytest.mark.parametrize("name", LAWS)
def test_the_codes_mean_what_they_mean_to_others(name: FormatName) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import audioop
    decode = audioop.ulaw2lin if name == "audio/pcmu" else audioop.alaw2lin
    theirs = np.frombuffer(decode(bytes(range(256)), 2), np.int16)
    assert np.array_equal(WireFormat(name, 8000).decode(bytes(range(256))), theirs)


def test_the_known_values() -> None:
    mu, a = WireFormat("audio/pcmu", 8000), WireFormat("audio/pcma", 8000)
    assert mu.decode(b"\x00\x80\xff\x7f").tolist() == [-32124, 32124, 0, 0]
    assert a.decode(b"\xd5\x55\xaa\x2a").tolist() == [8, -8, 32256, -32256]
    assert mu.sample_bytes == a.sample_bytes == 1
    assert mu.rendered == {"type": "audio/pcmu"}


@pytest.mark.parametrize(("name", "code"), [("audio/pcmu", 0xFF), ("audio/pcma", 0xD5)])
def test_silence_is_the_code_that_telephones_take_for_it(name: FormatName, code: int) -> None:
    assert WireFormat(name, 8000).encode(np.zeros(3, np.int16)) == bytes([code] * 3)
