"""Audio files of every format, whole, damaged, and hostile."""

import io
import struct
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
import soxr

from tests.media import ENCRYPTION, mp4_that_claims, tone, written
from vdx.batch.encoders import Encoder
from vdx.bench.treatments import Coding, coded
from vdx.core import ffmpeg
from vdx.core.audio_decoder import AudioDecoder, open_file
from vdx.core.errors import InvalidInput
from vdx.core.ffmpeg import CODECS, DEMUXERS, library
from vdx.core.flac_head import repaired_head

RATE = 16_000


def read(raw: bytes, rate: int = RATE) -> np.ndarray:
    """All of a file, as float32 at `rate` Hz."""
    decoder = AudioDecoder(io.BytesIO(raw), "it", rate)
    pieces = [np.zeros(0, np.float32)]
    while (piece := decoder.read()).size:
        pieces.append(piece)
    decoder.close()
    return np.concatenate(pieces)


def pitch(samples: np.ndarray, rate: int = RATE) -> float:
    """The loudest frequency, in Hz."""
    return float(np.abs(np.fft.rfft(samples)).argmax() * rate / samples.size)


def by_soundfile(pcm: np.ndarray, rate: int, form: str, subtype: str | None = None) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, pcm, rate, format=form, subtype=subtype)
    return file.getvalue()


@pytest.mark.parametrize(
    "muxer", ["ipod", "mp4", "webm", "matroska", "adts", "mpeg", "mp3", "ogg", "flac"]
)
def test_what_ffmpeg_wrote_is_heard(muxer: str) -> None:
    heard = read(written(muxer, tone(48_000), 48_000))
    assert heard.size / RATE == pytest.approx(2.0, abs=0.08)
    assert pitch(heard) == pytest.approx(440, abs=2)
    assert np.abs(heard[RATE // 2 : RATE]).max() == pytest.approx(8_000 / 32_768, rel=0.1)


@pytest.mark.parametrize(
    ("form", "subtype"),
    [
        *(("WAV", s) for s in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")),
        *(("WAV", s) for s in ("ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM", "GSM610")),
        ("RF64", "PCM_16"),
        ("W64", "PCM_16"),
        ("AIFF", "PCM_S8"),
        ("AIFF", "PCM_24"),
        ("AU", "PCM_16"),
        ("CAF", "PCM_16"),
        ("CAF", "ALAC_16"),
        ("FLAC", "PCM_24"),
        ("OGG", "VORBIS"),
        ("OGG", "OPUS"),
        ("MP3", "MPEG_LAYER_III"),
    ],
)
def test_what_libsndfile_wrote_is_heard(form: str, subtype: str) -> None:
    """And as loud as libsndfile reads it itself."""
    raw = by_soundfile(tone(8_000), 8_000, form, subtype)
    heard = read(raw, 8_000)
    wanted, _ = soundfile.read(io.BytesIO(raw), dtype="float32")
    assert heard.size == pytest.approx(wanted.size, abs=400)
    assert pitch(heard, 8_000) == pytest.approx(440, abs=2)
    middle = slice(4_000, 12_000)
    loudness = [float(np.sqrt(np.square(s[middle]).mean())) for s in (heard, wanted)]
    assert loudness[0] == pytest.approx(loudness[1], rel=0.02)


@pytest.mark.parametrize("channels", [1, 2, 3, 6, 7, 8, 9, 16])
@pytest.mark.parametrize(("form", "subtype"), [("WAV", None), ("OGG", "OPUS"), ("OGG", "VORBIS")])
def test_channels_become_their_mean(form: str, subtype: str | None, channels: int) -> None:
    """With 8 planar channels or more a frame of PyAV ends the process that looks at its planes."""
    one = tone(48_000).astype(np.float32) / 32_768
    pcm = np.zeros((one.size, channels), np.float32)
    pcm[:, 0] = one
    heard = read(by_soundfile(pcm, 48_000, form, subtype))
    loudest = float(np.abs(heard[RATE // 2 : RATE]).max())
    assert loudest == pytest.approx(8_000 / 32_768 / channels, rel=0.25)


def test_a_video_is_heard_and_not_seen() -> None:
    heard = read(written("mp4", tone(48_000), 48_000, video=True))
    assert heard.size / RATE == pytest.approx(2.0, abs=0.08)
    with pytest.raises(InvalidInput, match="it: there is no audio in it"):
        read(written("mp4", tone(48_000), 48_000, video=True, sound=False))


def test_resampling_keeps_what_can_be_heard_and_no_more() -> None:
    """A tone below the new limit stays, one above it is gone and leaves no image."""
    for hz, level in ((7_000, 8_000), (9_000, 0)):
        heard = read(by_soundfile(tone(48_000, hz=hz), 48_000, "WAV"))[2_000:-2_000]
        assert np.abs(heard).max() * 32_768 == pytest.approx(level, abs=80)


def test_a_rate_that_changes_in_the_middle_changes_nothing() -> None:
    raw = written("adts", tone(48_000), 48_000) + written("adts", tone(24_000), 24_000)
    heard = read(raw)
    assert heard.size / RATE == pytest.approx(4.0, abs=0.2)
    for part in (heard[: 2 * RATE], heard[-RATE:]):
        assert pitch(part) == pytest.approx(440, abs=2)


@pytest.mark.parametrize("muxer", ["webm", "adts", "mpeg", "mp3", "ogg", "flac"])
def test_what_came_before_a_break_is_heard(muxer: str) -> None:
    raw = written(muxer, tone(48_000, 6.0), 48_000)
    heard = read(raw[: len(raw) // 2])
    assert 2.0 < heard.size / RATE < 4.0
    assert pitch(heard) == pytest.approx(440, abs=2)


@pytest.mark.parametrize("muxer", ["ipod", "adts", "mpeg", "mp3", "flac"])
def test_what_comes_after_damage_is_heard(muxer: str) -> None:
    raw = bytearray(written(muxer, tone(48_000, 6.0), 48_000))
    middle = len(raw) // 2
    raw[middle : middle + 300] = b"\xff" * 300
    heard = read(bytes(raw))
    assert 5.0 < heard.size / RATE < 6.2


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFF0])
def test_a_wav_that_says_a_wrong_length_is_read_to_its_end(size: int) -> None:
    raw = bytearray(by_soundfile(tone(RATE), RATE, "WAV"))
    assert raw[36:40] == b"data"
    for at in (4, 40):
        raw[at : at + 4] = size.to_bytes(4, "little")
    assert read(bytes(raw)).size == 2 * RATE


@pytest.mark.parametrize("at", [(40,), (4, 40)])
def test_a_wav_that_holds_more_than_it_says_is_read_to_its_end(at: tuple[int, ...]) -> None:
    """A recorder that was cut off has written its header some seconds before."""
    raw = bytearray(by_soundfile(tone(RATE), RATE, "WAV"))
    for place in at:
        raw[place : place + 4] = RATE.to_bytes(4, "little")
    assert read(bytes(raw)).size == 2 * RATE


@pytest.mark.parametrize(
    "rest",
    [b"LIST\4\0\0\0INFO", b"id3 \x10\x27\0\0" + b"\xff" * 10_000, bytes(9_000), b"words " * 900],
)
def test_what_else_is_behind_the_samples_of_a_wav_is_not_heard(rest: bytes) -> None:
    assert read(by_soundfile(tone(RATE), RATE, "WAV") + rest).size == 2 * RATE


@pytest.mark.parametrize(("start", "end"), [(4, 8), (8, 42), (4, 42), (4, 60), (18, 26), (42, 60)])
@pytest.mark.parametrize("fill", [b"\0", b"\xff", b"\x5a"])
def test_a_flac_without_its_metadata_is_heard(start: int, end: int, fill: bytes) -> None:
    """What its head says is in each of its frames too."""
    raw = bytearray(by_soundfile(tone(RATE), RATE, "FLAC"))
    raw[start:end] = fill * (end - start)
    heard = read(bytes(raw))
    assert heard.size == 2 * RATE
    assert pitch(heard) == pytest.approx(440, abs=2)


@pytest.mark.parametrize("subtype", ["PCM_S8", "PCM_16", "PCM_24"])
@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("rate", [8_000, 11_025, 44_100, 12_345])
def test_the_head_of_a_flac_that_is_whole_is_left(subtype: str, channels: int, rate: int) -> None:
    pcm = np.repeat(tone(rate)[:, None], channels, axis=1)
    raw = by_soundfile(pcm, rate, "FLAC", subtype)
    assert repaired_head(io.BytesIO(raw), 0) is None
    assert repaired_head(io.BytesIO(raw[:4] + bytes(38) + raw[42:]), 0) is not None


def unfinished(raw: bytes) -> bytes:
    return raw[:4] + bytes(4) + raw[8:40] + bytes(4) + raw[44:]


@pytest.mark.parametrize("form", ["WAV", "FLAC", "OGG", "MP3"])
def test_files_written_one_behind_the_other_are_all_read(form: str) -> None:
    parts = [by_soundfile(tone(RATE, hz=hz), RATE, form) for hz in (440, 880, 440)]
    heard = read(b"".join(parts))
    assert heard.size / RATE == pytest.approx(6.0, abs=0.3)
    middle = 3 * RATE
    assert pitch(heard[middle - RATE // 4 : middle + RATE // 4]) == pytest.approx(880, abs=4)


@pytest.mark.parametrize("form", ["wav", "mp3", "opus", "aac", "flac"])
def test_answers_of_vdx_written_one_behind_the_other_are_all_read(form: str) -> None:
    encoder = Encoder(form, 24_000)
    raw = encoder.push(tone(48_000)) + encoder.finish()
    assert read(raw * 3).size / RATE == pytest.approx(6.0, abs=0.3)


def test_what_follows_a_wav_and_is_none_does_no_harm() -> None:
    whole = by_soundfile(tone(RATE), RATE, "WAV")
    for rest in (b"RIFF", b"RIFF" + bytes(60), b"text", whole[:30]):
        assert read(whole + rest).size == 2 * RATE
    assert read(unfinished(whole) + whole).size >= 4 * RATE


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "it is empty"),
        (b"these are words", "it is no audio file"),
    ],
)
def test_the_cause_is_named(raw: bytes, why: str) -> None:
    with pytest.raises(InvalidInput, match=f"cannot read it: {why}"):
        read(raw)


def variable_rate_mp3() -> bytes:
    """Silence, then noise, which takes many times the bits; without a frame that says how long."""
    noise = np.random.default_rng(0).normal(0, 4_000, 44_100 * 5).astype(np.int16)
    coding = Coding(
        "mp3",
        "libmp3lame",
        44_100,
        muxer_options=(("write_xing", "0"), ("id3v2_version", "0")),
        codec_options=(("flags", "+qscale"), ("global_quality", "708")),
    )
    pcm = soxr.resample(np.concatenate([np.zeros_like(noise), noise]), 44_100, RATE)
    return coded(coding, pcm[:, None])


def test_an_mp3_of_variable_rate_is_read_to_its_end() -> None:
    heard = read(variable_rate_mp3())
    assert heard.size / RATE == pytest.approx(10.0, abs=0.2)
    assert np.abs(heard[-RATE:]).max() > 0.1


def varint(number: int) -> bytes:
    """As CAF writes sizes: seven bits a byte, the highest first."""
    digits = [number >> shift & 0x7F for shift in range(21, -1, -7)]
    return bytes([*(digit | 0x80 for digit in digits[:-1]), digits[-1]])


def opus_in_caf(pcm: np.ndarray) -> bytes:
    """As telephones write it; FFmpeg does not."""
    codec = av.CodecContext.create("libopus", "w")
    codec.sample_rate, codec.layout, codec.format = 48_000, "mono", "s16"
    codec.open()
    packets: list[bytes] = []
    for at in range(0, pcm.size, 960):
        frame = av.AudioFrame.from_ndarray(pcm[None, at : at + 960], "s16", "mono")
        frame.sample_rate, frame.pts = 48_000, at
        packets += [bytes(packet) for packet in codec.encode(frame)]

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">4sq", kind, len(body)) + body

    count = len(packets)
    sizes = struct.pack(">qqii", count, count * 960, 0, 0) + b"".join(
        map(varint, map(len, packets))
    )
    form = struct.pack(">d4sIIIII", 48_000.0, b"opus", 0, 0, 960, 1, 0)
    data = bytes(4) + b"".join(packets)
    return b"caff\0\1\0\0" + chunk(b"desc", form) + chunk(b"pakt", sizes) + chunk(b"data", data)


def test_opus_in_caf_is_heard() -> None:
    heard = read(opus_in_caf(tone(48_000)))
    assert heard.size / RATE == pytest.approx(2.0, abs=0.1)
    assert pitch(heard) == pytest.approx(440, abs=2)


@pytest.mark.parametrize(("magic", "frame"), [(b"#!AMR\n", 32), (b"#!AMR-WB\n", 61)])
def test_amr_is_heard(magic: bytes, frame: int) -> None:
    """Frames of the highest rate, 20 ms each, with arbitrary bits in them."""
    head = {32: 0x3C, 61: 0x44}[frame]
    bits = np.random.default_rng(0).integers(256, size=(100, frame)).astype(np.uint8)
    bits[:, 0] = head
    assert read(magic + bits.tobytes()).size / RATE == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize(("muxer", "codec"), [("3gp", "aac"), ("ipod", "alac"), ("caf", "alac")])
def test_what_telephones_write_is_heard(muxer: str, codec: str) -> None:
    heard = read(written(muxer, tone(48_000), 48_000, codec=codec))
    assert pitch(heard) == pytest.approx(440, abs=2)


def test_floats_of_any_size_and_damage_leave_the_log_quiet(
    capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    """Neither NumPy nor FFmpeg writes a line of its own."""
    wild = np.array([[3e38, 3e38], [np.inf, -np.inf], [np.nan, 1e38]] * 8_000, np.float32)
    for mono in (True, False):
        decoder = AudioDecoder(
            io.BytesIO(by_soundfile(wild, 24_000, "WAV", "FLOAT")), "it", RATE, mono=mono
        )
        while (piece := decoder.read()).size:
            assert np.isfinite(piece).all()
        decoder.close()
    raw = bytearray(written("mp3", tone(48_000, 6.0), 48_000))
    raw[len(raw) // 2 : len(raw) // 2 + 300] = b"\xff" * 300
    read(bytes(raw))
    lines = [line for line in capfd.readouterr() for line in line.splitlines()]
    assert [line for line in lines if "parts of a recording" not in line] == []
    assert list(recwarn) == []


def test_an_mp3_is_read_to_its_end_whatever_its_header_says() -> None:
    one = written("mp3", tone(48_000), 48_000)
    assert read(one * 3).size / RATE == pytest.approx(6.0, abs=0.3)


NAMES_OTHERS = {
    "hls.mp3": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{}\n#EXT-X-ENDLIST\n",
    "concat.mp3": "ffconcat version 1.0\nfile {}\n",
    "session.mp3": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
    "m=audio 5004 RTP/AVP 0\na=x:{}\n",
    "dash.mp3": '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" '
    'type="static" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period>'
    '<AdaptationSet><Representation id="1"><BaseURL>{}</BaseURL></Representation>'
    "</AdaptationSet></Period></MPD>",
    "subtitles.mp3": "1\n00:00:01,000 --> 00:00:02,000\n{}\n\n",
    "reference.mp3": "[Reference]\nRef1={}\n",
    "picture.mp3": '<svg xmlns="http://www.w3.org/2000/svg"><image href="{}"/></svg>',
}


@pytest.mark.parametrize("name", NAMES_OTHERS)
def test_a_file_that_names_others_is_refused(tmp_path: Path, name: str) -> None:
    other = tmp_path / "other.wav"
    other.write_bytes(by_soundfile(tone(RATE), RATE, "WAV"))
    (tmp_path / name).write_text(NAMES_OTHERS[name].format(other))
    with (
        open_file(tmp_path / name) as file,
        pytest.raises(InvalidInput, match=f"cannot read {name}: it is no audio file"),
    ):
        AudioDecoder(file, name, RATE)


def test_what_is_reachable_opens_no_other_file() -> None:
    """Of FFmpeg's demuxers, those that open further files or addresses; and its devices."""
    reaching = {
        "concat", "dash", "hls", "image2", "imf", "lavfi", "rtp", "rtsp", "sap", "sdp", "vobsub",
        "webm_dash_manifest", "x11grab", "alsa", "oss", "fbdev", "video4linux2", "kmsgrab",
    }  # fmt: skip
    assert not reaching & set(DEMUXERS)
    for name in DEMUXERS:
        assert library().ContainerFormat(name, "r").is_input
    for name in CODECS:
        assert library().codec.Codec(name, "r").type == "audio"


@pytest.mark.parametrize("name", ["hls", "concat"])
def test_nothing_that_a_file_names_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Even if FFmpeg got as far as to read the name."""
    monkeypatch.setattr(ffmpeg, "DEMUXERS", (*DEMUXERS, name))
    other = tmp_path / "other.ts"
    other.write_bytes(written("adts", tone(48_000), 48_000))
    with pytest.raises(InvalidInput, match="cannot read it"):
        read(NAMES_OTHERS[f"{name}.mp3"].format(other).encode())


def test_a_title_need_not_be_utf_8() -> None:
    title = b"INFOINAM" + (6).to_bytes(4, "little") + "Grüße\0".encode("latin-1")
    raw = by_soundfile(tone(RATE), RATE, "WAV")
    listed = b"LIST" + len(title).to_bytes(4, "little") + title
    assert read(raw[:36] + listed + raw[36:]).size == 2 * RATE


def test_what_is_encrypted_is_refused() -> None:
    raw = written("mp4", tone(48_000), 48_000, options=ENCRYPTION)
    with pytest.raises(InvalidInput, match="it: it is encrypted"):
        read(raw)


def test_noise_is_refused() -> None:
    noise = np.random.default_rng(1).bytes(200_000)
    for raw in (
        noise,
        b"\xff\xfb\x90\x00" + noise,
        b"RIFF" + noise,
        b"OggS" + noise,
        bytes(50_000),
    ):
        with pytest.raises(InvalidInput, match="cannot read it"):
            read(raw)


def test_a_codec_of_no_speech_is_refused() -> None:
    with pytest.raises(InvalidInput, match="a codec that vdx does not know"):
        read(written("mpeg", tone(48_000), 48_000, codec="ac3"))


def test_a_file_that_cannot_be_read_on_is_named() -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 100_000:
                raise OSError(5, "Input/output error")
            return super().read(size)

    def read_on() -> None:
        while decoder.read().size:
            pass

    decoder = AudioDecoder(Failing(by_soundfile(tone(RATE, 60), RATE, "WAV")), "it", RATE)
    assert decoder.read().size
    with pytest.raises(InvalidInput, match="cannot read it: Input/output error"):
        read_on()


CLAIMS = """
import io, resource, sys
from tests.media import mp4_that_claims, tone, written
from vdx.core.audio_decoder import AudioDecoder
from vdx.core.errors import InvalidInput

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

def read(raw):
    try:
        decoder = AudioDecoder(io.BytesIO(raw), "it", 16000)
        while decoder.read().size:
            pass
    except InvalidInput:
        pass

read(written("mp4", tone(48000), 48000))
before = peak()
for claimed in (3_000_000, 30_000_000, 170_000_000, 4_000_000_000):
    read(mp4_that_claims(claimed))
print(peak() - before)
"""


def test_a_small_file_takes_little_memory_whatever_it_claims() -> None:
    """In a process of its own, whose memory is its own too; without a limit it takes gigabytes."""
    done = subprocess.run(
        [sys.executable, "-c", CLAIMS], capture_output=True, text=True, check=True, timeout=120
    )
    assert int(done.stdout) < 200


def test_hours_take_as_little_memory_as_minutes() -> None:
    """FLAC of a few kilobytes that lasts six hours: nothing piles up."""
    import tracemalloc

    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", 1_000, 1, "PCM_16", format="FLAC") as out:
        for _ in range(6):
            out.write(np.zeros(3_600_000, np.int16))
    file.seek(0)
    decoder = AudioDecoder(file, "it", RATE)
    assert decoder.seconds == 6 * 3_600
    decoder.read()
    tracemalloc.start()
    largest = max(decoder.read().size for _ in range(200))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert largest < 10 * RATE
    assert peak < 10_000_000
    decoder.close()
    assert decoder.read().size == 0


def test_a_file_that_says_it_lasts_and_holds_nothing_is_refused() -> None:
    with pytest.raises(InvalidInput, match="nothing in it can be decoded"):
        read(mp4_that_claims(170_000_000))
    assert not read(by_soundfile(tone(RATE, 0.0), RATE, "WAV")).size
