"""FFmpeg's libraries (through PyAV), for untrusted recordings.

FFmpeg reads many more formats than people send recordings in, among them playlists and scripts that
name other files and addresses. Only the formats and codecs of the tables below are reachable, and
nothing that a file names is opened.
"""

import ctypes
from functools import cache
from typing import TYPE_CHECKING, Any, BinaryIO, Final

if TYPE_CHECKING:
    from av.container.input import InputContainer

    from vdx.core.joined_files import Part

FORMATS: Final = "wav, aiff, caf, flac, mp3, mpeg, aac, amr, m4a, mp4, 3gp, ogg or webm"
"""What people call the files that `DEMUXERS` and `CODECS` read."""
DEMUXERS: Final = (
    "wav", "w64", "aiff", "au", "caf", "flac", "mp3", "mpeg", "aac", "amr", "mov", "ogg",
    "matroska",
)  # fmt: skip
"""FFmpeg's names; `mov` reads m4a, mp4 and 3gp, `matroska` webm, `mp3` all three layers."""
CODECS: Final = (
    "aac", "alac", "amrnb", "amrwb", "flac", "opus", "vorbis", "mp1", "mp1float", "mp2", "mp2float",
    "mp3", "mp3float",
    "pcm_u8", "pcm_s8", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le",
    "pcm_s32be", "pcm_f32le", "pcm_f32be", "pcm_f64le", "pcm_f64be", "pcm_alaw", "pcm_mulaw",
    "adpcm_ms", "adpcm_ima_wav", "gsm_ms",
)  # fmt: skip
MAX_FRAME: Final = 2**18
"""Samples per channel of a decoded frame; the largest of FLAC has 65,535."""
MAX_ALLOCATION: Final = 2**26
"""Bytes FFmpeg allocates at once. An MP4 of one kilobyte can claim 170 million packets, each of
which takes 24 bytes in an index: this ends it at 2.7 million, 16 hours of AAC at 48 kHz."""


@cache
def library() -> Any:
    """The module `av`; imported late, for it takes a tenth of a second.

    Its allocations are bounded; PyAV does not offer `av_max_alloc` (libavutil/mem.h), so it is
    looked up in the library that PyAV's own modules are linked to.
    """
    import av
    import av.buffer

    limit = ctypes.CDLL(av.buffer.__file__).av_max_alloc
    limit.argtypes, limit.restype = [ctypes.c_size_t], None
    limit(MAX_ALLOCATION)
    return av


def open_recording(file: "BinaryIO | Part") -> "InputContainer":
    """Opens a seekable file for reading; it is judged by its content alone and stays open.

    Raises:
        av.FFmpegError: it is in no format of `DEMUXERS`.
        OSError: `file` cannot be read.
    """
    options = {
        "format_whitelist": ",".join(DEMUXERS),
        "codec_whitelist": ",".join(CODECS),
        "protocol_whitelist": "",
        "max_samples": str(MAX_FRAME),
        # An edit list of an MP4 repeats the index of its packets as often as it likes.
        "advanced_editlist": "0",
    }
    av = library()
    # A title need not be UTF-8: before version 19 PyAV refuses such a file unless told otherwise.
    old = int(av.__version__.partition(".")[0]) < 19
    titles = {"metadata_errors": "replace"} if old else {}
    container: InputContainer = av.open(
        _Content(file), "r", options=options, io_open=_refuse, **titles
    )
    # Packets without a time would be kept until one with a time comes.
    container.flags &= ~av.container.Flags.gen_pts.value
    for stream in container.streams.audio:
        context: Any = stream.codec_context
        if context is not None:  # else FFmpeg has no decoder for it
            context.options = {"max_samples": str(MAX_FRAME)}
    return container


class _Content:
    """A file object that says nothing of its name, of which FFmpeg would judge by the ending."""

    def __init__(self, file: "BinaryIO | Part") -> None:
        self.read, self.seek, self.tell = file.read, file.seek, file.tell


def _refuse(url: str, _flags: int, _options: dict[str, str]) -> Any:
    raise PermissionError(f"a recording may not open {url!r}")
