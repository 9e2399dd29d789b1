"""One connection's session settings: the protocol's session object on one side, vdx's options on
the other."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from vdx.core.audio_formats import PCM, WireFormat
from vdx.core.config import MAX_PROMPT_CHARS
from vdx.core.errors import InvalidInput, UnknownName
from vdx.core.language_names import AUTO, is_auto, tag_of
from vdx.core.tools import NO_TOOLS
from vdx.core.voice_choice import NO_VOICE, VoiceChoice
from vdx.dialog.profiles import SessionOptions
from vdx.transports.function_tools import choice_of, offer_of, tools_of
from vdx.transports.openai_names import VOICES, is_openai_recogniser
from vdx.transports.realtime.schema import (
    AudioInput,
    AudioOutput,
    SessionUpdate,
    Transcription,
    TurnDetection,
    VdxExtension,
)
from vdx.transports.realtime.tuning import with_pause_scale, with_sensitivity
from vdx.transports.realtime.turn_detection import detecting, merged
from vdx.transports.realtime.turn_detection import rendered as rendered_detection


@dataclass(slots=True)
class Settings:
    """What the protocol adds to SessionOptions.

    `profile` are the options before the client changed any; `pre_roll_ms` and `expires_at` (seconds
    since 1970, 0: never) are the server's. `transcribes_only`: there are no replies.
    """

    options: SessionOptions
    default_voice: VoiceChoice
    default_recogniser: str
    input_format: WireFormat = PCM
    output_format: WireFormat = PCM
    pre_roll_ms: int = 300
    expires_at: int = 0
    transcribes_only: bool = False
    transcription: bool = True
    vdx_events: bool = False
    detection: TurnDetection | None = field(default_factory=TurnDetection)
    profile_of: Callable[[str], SessionOptions] | None = None
    """The options of a profile by its name; raises UnknownName. None: only the own one."""
    responder: str = ""
    """The profile whose responder answers; empty: the own one."""
    pause_scale: float = 1.0
    sensitivity: float = 1.0
    profile: SessionOptions | None = None

    def __post_init__(self) -> None:
        if self.profile is None:
            self.profile = self.options

    def merged(self, update: SessionUpdate) -> "Settings":
        """A new Settings with `update` applied; only the keys it names change."""
        new = replace(self)
        new.apply(update)
        return new

    def following(self, options: SessionOptions) -> "Settings":
        """A new Settings with the options of its session, which others than its client changed.

        After a hand-over the numbers and names of the client count from the new profile.
        """
        new = replace(self, options=options)
        if self.profile_of is None or (self.profile and options.profile == self.profile.profile):
            return new
        new.profile = self.profile_of(options.profile)
        new.default_voice = new.profile.voice_choice
        new.default_recogniser = new.profile.recogniser or self.default_recogniser
        new.responder = ""
        return new

    def apply(self, update: SessionUpdate) -> None:
        """Takes the keys that `update` names."""
        if self.transcribes_only and update.type == "realtime":
            message = "this is a transcription session, it cannot become one that answers"
            raise InvalidInput(message, param="session.type")
        self.transcribes_only = update.type == "transcription"
        if update.instructions is not None:
            self.options = self.options.updated(instructions=update.instructions)
        offer = offer_of(
            update.tools,
            update.tool_choice,
            update.parallel_tool_calls,
            self.options.offer,
            servers=self.options.tools.client_mcp,
        )
        if offer != self.options.offer:
            self.options = self.options.updated(offer=offer)
        if update.output_modalities is not None:
            text_only = update.output_modalities == ["text"]
            self.options = self.options.updated(text_only=text_only)
        if update.max_output_tokens is not None:
            most = update.max_output_tokens
            self.options = self.options.updated(max_tokens=None if most == "inf" else most)
        if update.audio and update.audio.input:
            self._take_input(update.audio.input)
        if update.audio and update.audio.output:
            self._take_output(update.audio.output)
        if update.vdx:
            self._take_extension(update.vdx)
        if self.transcribes_only:
            # Nothing is said, that a call is recorded neither: so it is not, and needs no voice.
            self.options = self.options.updated(
                offer=NO_TOOLS,
                auto_reply=False,
                greeting="",
                nudge_after_ms=0,
                recorded=False,
                voice_choice=NO_VOICE,
                fallback_voice=None,
            )

    def _take_input(self, audio: AudioInput) -> None:
        given = audio.model_fields_set
        if audio.format is not None:
            self.input_format = audio.format.wire
        if "transcription" in given:
            self.transcription = audio.transcription is not None
            if audio.transcription is not None:
                self._take_recogniser(audio.transcription.model)
                where = "session.audio.input.transcription.language"
                self._take_language(audio.transcription.language, where)
                self._take_prompt(audio.transcription)
        if "turn_detection" in given:
            self._take_detection(audio.turn_detection)

    def _take_detection(self, given: TurnDetection | None) -> None:
        self.detection = None if given is None else merged(self.detection, given)
        usual = self.options = detecting(self.options, self.profile or self.options, self.detection)
        if self.pause_scale != 1.0:
            self.options = with_pause_scale(self.options, usual, self.pause_scale)
        if self.sensitivity != 1.0:
            self.options = with_sensitivity(self.options, usual, self.sensitivity)

    def _take_output(self, audio: AudioOutput) -> None:
        if audio.format is not None:
            self.output_format = audio.format.wire
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
        self._take_language(vdx.language, "session.vdx.language")
        echo = {"cancellation": vdx.echo_cancellation, "noise_suppression": vdx.noise_suppression}
        if wanted := {key: value for key, value in echo.items() if value is not None}:
            control = self.options.echo_control.model_copy(update=wanted)
            self.options = self.options.updated(echo_control=control)
        if vdx.responder is not None:
            self._take_responder(vdx.responder)
        if vdx.voice_instructions is not None:
            self.options = self.options.updated(voice_style=vdx.voice_instructions)
        usual = self.profile or self.options
        if self.detection is not None and self.detection.model_fields_set:
            usual = detecting(self.options, usual, self.detection)
        if vdx.pause_scale is not None:
            self.pause_scale = vdx.pause_scale
            self.options = with_pause_scale(self.options, usual, vdx.pause_scale)
        if vdx.sensitivity is not None:
            self.sensitivity = vdx.sensitivity
            self.options = with_sensitivity(self.options, usual, vdx.sensitivity)

    def _take_responder(self, profile: str) -> None:
        """That of a profile, and no other: a client does not choose where texts are sent."""
        own = self.options.profile
        if self.profile_of is None and profile not in ("", own):
            raise UnknownName(f"there is no profile {profile!r} here", param="vdx.responder")
        if self.profile_of is not None:
            try:
                responder = self.profile_of(profile or own).responder
            except UnknownName as error:
                raise UnknownName(error.message, param="vdx.responder") from None
            self.options = self.options.updated(responder=responder)
        self.responder = profile

    def _take_recogniser(self, model: str | None) -> None:
        if model is None:
            return
        if is_openai_recogniser(model):
            model = self.default_recogniser
        self.options = self.options.updated(recogniser=model)

    def _take_prompt(self, transcription: Transcription) -> None:
        """Takes the words to expect; `keywords` are added to a `prompt`."""
        words = [transcription.prompt or "", *(transcription.keywords or ())]
        if transcription.prompt is None and transcription.keywords is None:
            return
        prompt = ", ".join(filter(None, words))
        if len(prompt) > MAX_PROMPT_CHARS:
            told = f"prompt and keywords have {len(prompt)} characters; {MAX_PROMPT_CHARS} at most"
            raise InvalidInput(told, param="session.audio.input.transcription")
        self.options = self.options.updated(prompt=prompt)

    def _take_language(self, language: str | None, param: str) -> None:
        if is_auto(language or ""):
            self.options = self.options.spoken_in(AUTO)
            return
        language = tag_of(language or "")
        if not language:  # a session keeps its own: a voice and its lists of words need one
            return
        if not language.replace("-", "").isalnum():
            raise InvalidInput(f"language must be a BCP-47 tag, got {language!r}", param=param)
        self.options = self.options.spoken_in(language)

    def rendered(self, session_id: str) -> dict[str, Any]:
        """The protocol's session object."""
        options = self.options
        if self.transcribes_only:
            return self._rendered_transcription(session_id)
        return {
            "type": "realtime",
            "object": "realtime.session",
            "id": session_id,
            "model": options.profile,
            "output_modalities": ["text" if options.text_only else "audio"],
            "instructions": options.instructions,
            "tools": tools_of(options.offer),
            "tool_choice": choice_of(options.offer),
            "parallel_tool_calls": options.offer.parallel is not False,
            "max_output_tokens": options.max_tokens or "inf",
            "tracing": None,
            "truncation": "auto",
            "prompt": None,
            "expires_at": self.expires_at,
            "include": None,
            "audio": {
                "input": self._input(),
                "output": {
                    "format": self.output_format.rendered,
                    "voice": str(options.voice_choice),
                    "speed": options.speed,
                },
            },
            "vdx": {
                "events": self.vdx_events,
                "recogniser": options.recogniser,
                "language": options.asked_language,
                "echo_cancellation": options.echo_control.cancellation,
                "noise_suppression": options.echo_control.noise_suppression,
                "responder": self.responder or options.profile,
                "pause_scale": self.pause_scale,
                "sensitivity": self.sensitivity,
                "voice_instructions": options.voice_style,
            },
        }

    def _rendered_transcription(self, session_id: str) -> dict[str, Any]:
        """The object of a session without replies."""
        return {
            "type": "transcription",
            "object": "realtime.transcription_session",
            "id": session_id,
            "expires_at": self.expires_at,
            "include": None,
            "audio": {"input": self._input()},
        }

    def _input(self) -> dict[str, Any]:
        return {
            "format": self.input_format.rendered,
            "transcription": self._transcription(),
            "noise_reduction": None,
            "turn_detection": rendered_detection(self.detection, self.options, self.pre_roll_ms),
        }

    def _transcription(self) -> dict[str, Any] | None:
        if not self.transcription:
            return None
        return {
            "model": self.options.recogniser,
            "language": self.options.asked_language,
            "prompt": self.options.prompt or None,
        }
