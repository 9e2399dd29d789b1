"""One connection's session settings: the protocol's session object on one side, vdx's options on
the other."""

from dataclasses import dataclass, field, replace
from typing import Any

from vdx.core.errors import InvalidInput
from vdx.core.language_names import tag_of
from vdx.core.voice_choice import VoiceChoice
from vdx.dialog.profiles import SessionOptions
from vdx.transports.function_tools import choice_of, offer_of, tools_of
from vdx.transports.openai_names import VOICES, is_openai_recogniser
from vdx.transports.realtime.schema import (
    AudioInput,
    AudioOutput,
    SessionUpdate,
    TurnDetection,
    VdxExtension,
)


@dataclass(slots=True)
class Settings:
    """What the protocol adds to SessionOptions; rates in Hz."""

    options: SessionOptions
    default_voice: VoiceChoice
    default_recogniser: str
    input_rate: int = 24_000
    output_rate: int = 24_000
    transcription: bool = True
    vdx_events: bool = False
    detection: TurnDetection | None = field(default_factory=TurnDetection)

    def merged(self, update: SessionUpdate) -> "Settings":
        """A new Settings with `update` applied; only the keys it names change."""
        new = replace(self)
        new.apply(update)
        return new

    def apply(self, update: SessionUpdate) -> None:
        """Takes the keys that `update` names."""
        if update.instructions is not None:
            self.options = self.options.updated(instructions=update.instructions)
        offer = offer_of(
            update.tools, update.tool_choice, update.parallel_tool_calls, self.options.offer
        )
        if offer != self.options.offer:
            self.options = self.options.updated(offer=offer)
        if update.audio and update.audio.input:
            self._take_input(update.audio.input)
        if update.audio and update.audio.output:
            self._take_output(update.audio.output)
        if update.vdx:
            self._take_extension(update.vdx)

    def _take_input(self, audio: AudioInput) -> None:
        given = audio.model_fields_set
        if audio.format is not None:
            self.input_rate = audio.format.rate
        if "transcription" in given:
            self.transcription = audio.transcription is not None
            if audio.transcription is not None:
                self._take_recogniser(audio.transcription.model)
                self._take_language(audio.transcription.language)
                if audio.transcription.prompt is not None:
                    self.options = self.options.updated(prompt=audio.transcription.prompt)
        if "turn_detection" in given:
            self._take_detection(audio.turn_detection)

    def _take_detection(self, detection: TurnDetection | None) -> None:
        self.detection = detection
        vad = self.options.vad.model_copy(update={"enabled": detection is not None})
        if detection is None:
            # Without voice activity the client ends turns and asks for replies itself.
            self.options = self.options.updated(vad=vad, auto_reply=False, barge_in=False)
            return
        if detection.silence_duration_ms is not None:
            vad = vad.model_copy(update={"min_silence_duration_ms": detection.silence_duration_ms})
        # A silence that was named before stays, unless the server is asked to decide by more.
        named_before = self.options.fixed_silence and detection.type != "semantic_vad"
        self.options = self.options.updated(
            vad=vad,
            fixed_silence=named_before or detection.silence_duration_ms is not None,
            auto_reply=detection.create_response,
            barge_in=detection.interrupt_response,
        )

    def _take_output(self, audio: AudioOutput) -> None:
        if audio.format is not None:
            self.output_rate = audio.format.rate
        if audio.speed is not None:
            self.options = self.options.updated(speed=audio.speed)
        if audio.voice is not None:
            name = audio.voice if isinstance(audio.voice, str) else audio.voice.id
            choice = self.default_voice if name in VOICES else VoiceChoice.parse(name)
            self.options = self.options.updated(voice_choice=choice)

    def _take_extension(self, vdx: VdxExtension) -> None:
        if vdx.events is not None:
            self.vdx_events = vdx.events
        self._take_recogniser(vdx.recogniser)
        self._take_language(vdx.language)
        if vdx.echo_cancellation is not None:
            wanted = {"cancellation": vdx.echo_cancellation}
            control = self.options.echo_control.model_copy(update=wanted)
            self.options = self.options.updated(echo_control=control)

    def _take_recogniser(self, model: str | None) -> None:
        if model is None:
            return
        if is_openai_recogniser(model):
            model = self.default_recogniser
        self.options = self.options.updated(recogniser=model)

    def _take_language(self, language: str | None) -> None:
        language = tag_of(language or "")
        if not language:  # a session keeps its own: a voice and its lists of words need one
            return
        if not language.replace("-", "").isalnum():
            raise InvalidInput(f"language must be a BCP-47 tag, got {language!r}", param="language")
        self.options = self.options.updated(language=language)

    def rendered(self, session_id: str) -> dict[str, Any]:
        """The protocol's session object."""
        options = self.options
        return {
            "type": "realtime",
            "object": "realtime.session",
            "id": session_id,
            "model": options.profile,
            "output_modalities": ["audio"],
            "instructions": options.instructions,
            "tools": tools_of(options.offer),
            "tool_choice": choice_of(options.offer),
            "parallel_tool_calls": options.offer.parallel is not False,
            "max_output_tokens": "inf",
            "tracing": None,
            "truncation": "auto",
            "prompt": None,
            "expires_at": 0,
            "include": None,
            "audio": {
                "input": {
                    "format": {"type": "audio/pcm", "rate": self.input_rate},
                    "transcription": self._transcription(),
                    "noise_reduction": None,
                    "turn_detection": self._detection(),
                },
                "output": {
                    "format": {"type": "audio/pcm", "rate": self.output_rate},
                    "voice": str(options.voice_choice),
                    "speed": options.speed,
                },
            },
            "vdx": {
                "events": self.vdx_events,
                "recogniser": options.recogniser,
                "language": options.language,
                "echo_cancellation": options.echo_control.cancellation,
            },
        }

    def _transcription(self) -> dict[str, Any] | None:
        if not self.transcription:
            return None
        return {
            "model": self.options.recogniser,
            "language": self.options.language,
            "prompt": self.options.prompt or None,
        }

    def _detection(self) -> dict[str, Any] | None:
        if self.detection is None:
            return None
        return {
            **self.detection.model_dump(exclude_none=True),
            "silence_duration_ms": self.options.vad.min_silence_duration_ms,
        }
