"""What one reply came to at the person: when it sounded, how long, and where it broke off."""

from vdx.bench.sound import first_loud
from vdx.client.listener import Listener, Underrun
from vdx.client.microphone_feed import Spoken
from vdx.client.room_audio_input import RoomAudioInput


def gap_ms(listener: Listener, spoken: Spoken, since: float) -> float | None:
    """From the last loud sample sent to the first loud window heard; None without sound."""
    begin = min(since, spoken.end)
    offset = first_loud(listener.render(begin, listener.end), listener.rate)
    return None if offset is None else round((begin + offset - spoken.end) * 1000, 1)


def samples_of(listener: Listener, response: str) -> int:
    """How much of a reply came, in samples."""
    return sum(piece.pcm.size for piece in listener.pieces if piece.response == response)


def reply_s(listener: Listener, response: str) -> float:
    """How much audio of a reply came; a room's listener does not tell."""
    if isinstance(listener, RoomAudioInput):
        return 0.0
    return round(samples_of(listener, response) / listener.rate, 3)


def dry_ms(listener: Listener, response: str) -> float:
    """How long the listener had nothing to play within a reply; a room's does not tell."""
    return round(1000 * sum(_underrun_seconds(listener, response)), 2)


def longest_underrun_ms(listener: Listener, response: str) -> float:
    """The longest such time at once."""
    return round(1000 * max(_underrun_seconds(listener, response), default=0.0), 1)


def longest_underrun_at(listener: Listener, response: str) -> float | None:
    """When that one began, by `time.monotonic`; None where there was none."""
    longest = max(_underruns(listener, response), key=lambda gap: gap.seconds, default=None)
    return None if longest is None else longest.at


def _underrun_seconds(listener: Listener, response: str) -> list[float]:
    return [gap.seconds for gap in _underruns(listener, response)]


def _underruns(listener: Listener, response: str) -> list[Underrun]:
    if isinstance(listener, RoomAudioInput):
        return []
    return [gap for gap in listener.underruns if gap.response == response]
