"""Whether a recording is fit to take a voice from; what is not is refused with the reason.

Measures of frames of FRAME_S: their level, and how long a tone stays. The share of quiet frames is
that of Scheirer and Slaney (1997, "Construction and evaluation of a robust multifeature
speech/music discriminator"): between its syllables and words speech is quiet, music seldom.
"""

import numpy as np
from numpy.typing import NDArray

from vdx.core.errors import InvalidInput

RATE = 24_000
FRAME_S = 0.02
LEAST_SOUND_S = 2.0
SILENT_DB = -45.0
"""Level of the loudest twentieth of the frames."""
CLIPPED_SHARE = 0.01
"""Of samples within a tenth of the highest; in 124 recordings of people at most 0.2 %."""
SOUND_DB = 30.0
"""A frame is sound where it is no more than this below the loudest."""
QUIET_SHARE = 0.2
STEADY_SHARE = 0.3
STEADY_S, TONE_WINDOW, TONES = 0.2, 4096, 4
TELEPHONE_HZ, TELEPHONE_DB = 4_000, -58.0
"""Speech has its s and t above 4 kHz, 20 to 40 dB below the whole; at 8 kHz none is left."""
PHRASE_S, PAUSE_S = 0.4, 0.2
TWO_SPEAKERS_DB, TWO_SPEAKERS_SHARE = 9.0, 0.2

Samples = NDArray[np.float32]


def require_fit(heard: Samples, name: str) -> None:
    """Checks a recording of 3 s and more, float32 mono at RATE; `name` is what it is called.

    Raises InvalidInput: it is silent, clipped, recorded at too low a rate, music or another steady
    sound, has hardly any speech, or two people in it by their levels.
    """
    for reason in (_level, _clipping, _sound, _music, _bandwidth, _speakers):
        if told := reason(heard):
            raise InvalidInput(f"{name} {told}; a voice cannot be taken from it", param="file")


def _levels(heard: Samples) -> NDArray[np.float64]:
    """dB of full scale of each frame."""
    size = int(FRAME_S * RATE)
    frames = heard[: heard.size // size * size].reshape(-1, size).astype(np.float64)
    return np.asarray(10 * np.log10(np.mean(frames**2, axis=1) + 1e-12))


def _sounding(levels: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray(levels > max(float(np.percentile(levels, 95)) - SOUND_DB, -60.0))


def _level(heard: Samples) -> str:
    loudest = float(np.percentile(_levels(heard), 95))
    return f"is silent ({loudest:.0f} dB at its loudest)" if loudest < SILENT_DB else ""


def _clipping(heard: Samples) -> str:
    size = np.abs(heard)
    share = float(np.mean(size > 0.9 * size.max()))
    return f"is clipped ({share:.1%} of it at full deflection)" if share > CLIPPED_SHARE else ""


def _sound(heard: Samples) -> str:
    seconds = float(_sounding(_levels(heard)).sum()) * FRAME_S
    few = f"has only {seconds:.2f} s of sound, fewer than {LEAST_SOUND_S:.0f}"
    return few if seconds < LEAST_SOUND_S else ""


def _music(heard: Samples) -> str:
    power = 10 ** (_levels(heard) / 20)
    quiet = float(np.mean(power < 0.5 * power.mean()))
    if quiet < QUIET_SHARE:
        return f"has hardly a pause ({quiet:.0%} of it is quiet), as music and noise"
    steady = _steadiness(heard)
    return f"has steady tones ({steady:.0%} of it), as music" if steady > STEADY_SHARE else ""


def _steadiness(heard: Samples) -> float:
    """The share of sounding time in which most of the strongest tones are those of STEADY_S before.

    Measured: at most 0.13 in 124 recordings of people, 0.58 in fading chords.
    """
    window = np.hanning(TONE_WINDOW)
    starts = range(0, heard.size - TONE_WINDOW, int(FRAME_S * RATE))
    tones = [_strongest(heard[start : start + TONE_WINDOW] * window) for start in starts]
    loud = _sounding(_levels(heard))
    back = round(STEADY_S / FRAME_S)
    steady = [
        bool((np.abs(now[:, None] - before[None]).min(axis=1, initial=99) <= 1).sum() >= TONES - 1)
        for now, before, is_loud, was_loud in zip(
            tones[back:], tones, loud[back:], loud, strict=False
        )
        if is_loud and was_loud
    ]
    return sum(steady) / len(steady) if steady else 0.0


def _strongest(windowed: NDArray[np.float64]) -> NDArray[np.intp]:
    """Where the TONES highest peaks of the spectrum from 50 Hz to 4 kHz are."""
    spectrum = np.abs(np.fft.rfft(windowed))[8:680]
    inner = spectrum[1:-1]
    peaks = np.flatnonzero((inner > spectrum[:-2]) & (inner > spectrum[2:])) + 1
    return peaks[np.argsort(spectrum[peaks])[-TONES:]]


def _bandwidth(heard: Samples) -> str:
    spectrum = np.abs(np.fft.rfft(heard.astype(np.float64))) ** 2
    edge = TELEPHONE_HZ * 2 * (spectrum.size - 1) // RATE
    above = 10 * np.log10(spectrum[edge:].sum() / max(spectrum.sum(), 1e-12) + 1e-12)
    if above >= TELEPHONE_DB:
        return ""
    return "has nothing above 4 kHz, as a recording at 8 kHz or of a telephone; 16 kHz is the least"


def _speakers(heard: Samples) -> str:
    """Phrases of two levels, far apart: a person near the microphone and one far from it."""
    phrases = _phrases(_levels(heard))
    total = sum(seconds for _, seconds in phrases)
    ordered = sorted(phrases)
    for cut in range(1, len(ordered)):
        gap = ordered[cut][0] - ordered[cut - 1][0]
        soft = sum(seconds for _, seconds in ordered[:cut]) / total
        if gap > TWO_SPEAKERS_DB and TWO_SPEAKERS_SHARE < soft < 1 - TWO_SPEAKERS_SHARE:
            return f"has phrases of two levels, {gap:.0f} dB apart, as of two people"
    return ""


def _phrases(levels: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Level in dB and length in seconds of what lies between two pauses."""
    pause = round(PAUSE_S / FRAME_S)
    loud = np.flatnonzero(_sounding(levels))
    if not loud.size:
        return []
    parts = np.split(loud, np.flatnonzero(np.diff(loud) > pause) + 1)
    found = []
    for part in parts:
        seconds = part.size * FRAME_S
        if seconds >= PHRASE_S:
            power = float(np.mean(10 ** (levels[part] / 10)))
            found.append((float(10 * np.log10(power)), seconds))
    return found
