"""Names that clients written for OpenAI send: models mean the default profile (its voice or its
recogniser), voices mean the profile's voice."""

from typing import Final

SPEECH_MODELS: Final = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts")
TRANSCRIPTION_MODELS: Final = (
    "whisper-1",
    "gpt-transcribe",
    "gpt-4o-transcribe",
    "gpt-4o-mini-transcribe",
    "gpt-live-transcribe",
)
REALTIME_MODELS: Final = ("gpt-realtime", "gpt-4o-realtime", "gpt-4o-mini-realtime")
VOICES: Final = frozenset(
    (
        "alloy",
        "ash",
        "ballad",
        "cedar",
        "coral",
        "echo",
        "fable",
        "marin",
        "nova",
        "onyx",
        "sage",
        "shimmer",
        "verse",
    )
)


def is_openai_model(name: str) -> bool:
    """Whether OpenAI has a model of this name, dated (gpt-4o-mini-tts-2025-12-15) or not."""
    return name.startswith((*SPEECH_MODELS, *TRANSCRIPTION_MODELS, *REALTIME_MODELS))


def is_openai_recogniser(name: str) -> bool:
    """Whether it may stand for the recogniser of a Realtime session."""
    return name.startswith((*TRANSCRIPTION_MODELS, *REALTIME_MODELS))
