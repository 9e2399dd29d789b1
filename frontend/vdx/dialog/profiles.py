"""A profile resolved: everything one session runs with, overrides applied."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from vdx.core.config import (
    ClauseConfig,
    Config,
    EchoControlConfig,
    EndpointingConfig,
    IdleConfig,
    ProfileConfig,
    ResponderConfig,
    ToolsConfig,
    VadConfig,
)
from vdx.core.errors import UnknownName
from vdx.core.language_names import AUTO, is_auto
from vdx.core.tools import NO_TOOLS, ToolOffer
from vdx.core.voice_choice import VoiceChoice
from vdx.serving.default_models import DefaultModels
from vdx.serving.models import ModelKind
from vdx.speech.text.pronunciation import ipa_of

DEFAULT_PROFILE = "vdx"


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """The settings of a session; without a `recogniser` it takes no audio.

    `speed` is 0.25 to 4.0, `language` a BCP-47 tag. Without an `endpointer` the words alone tell
    whether a turn is over; `fixed_silence`: nothing but `vad.min_silence_duration_ms` does.
    `follows_language`: the recogniser detects the language of each turn, and `language` is the one
    spoken now; `voice_language` is sent to a voice that lacks it. `voice_style` says in words how a
    voice that takes such is to speak. `prompt` are words that are
    likely to be said, for a recogniser that takes them. `pre_roll_ms` replaces `asr.pre_roll_ms`.
    After `nudge_after_ms` of silence behind a reply the responder is asked to go on; 0: never.
    Replies are written where they are `text_only`, and have at most `max_tokens`. `offer` are the
    client's own tools, and how all are offered; `tools` are those of the server. `idle` says what
    follows a silence, `pronunciation` how some words are spoken. `greeting` begins with `consent`
    where the call is `recorded`.
    """

    profile: str
    voice_choice: VoiceChoice
    recogniser: str
    language: str
    instructions: str
    responder: ResponderConfig
    vad: VadConfig
    clauses: ClauseConfig = field(default_factory=ClauseConfig)
    endpointing: EndpointingConfig = field(default_factory=EndpointingConfig)
    echo_control: EchoControlConfig = field(default_factory=EchoControlConfig)
    endpointer: str = ""
    fallback_voice: VoiceChoice | None = None
    fallback_recogniser: str = ""
    fixed_silence: bool = False
    follows_language: bool = False
    voice_language: str | None = None
    prompt: str = ""
    speed: float = 1.0
    voice_style: str = ""
    greeting: str = ""
    auto_reply: bool = True
    barge_in: bool = True
    recorded: bool = False
    consent: str = ""
    pre_roll_ms: int | None = None
    nudge_after_ms: int = 0
    text_only: bool = False
    max_tokens: int | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    tools: ToolsConfig = field(default_factory=ToolsConfig)
    offer: ToolOffer = NO_TOOLS
    idle: IdleConfig = field(default_factory=IdleConfig)
    pronunciation: Mapping[str, str] = field(default_factory=dict)

    @property
    def voice(self) -> str:
        """The voice's model id."""
        return self.voice_choice.model

    @property
    def speaker(self) -> str:
        return self.voice_choice.speaker

    @property
    def asked_language(self) -> str:
        """The language as a client or the configuration asks for it."""
        return AUTO if self.follows_language else self.language

    @property
    def words_in_phonemes(self) -> list[str]:
        """The words whose pronunciation is given in IPA."""
        return [word for word, said in self.pronunciation.items() if ipa_of(said)]

    @property
    def models(self) -> list[tuple[str, ModelKind]]:
        """The models that a session with these options needs, and what for.

        The endpointer is not among them: a session does without one.
        """
        models: list[tuple[str, ModelKind]] = []
        if self.voice:
            models.append((self.voice, "tts"))
        if self.recogniser:
            models.append((self.recogniser, "asr"))
        return models

    @property
    def fallbacks(self) -> list[tuple[str, ModelKind]]:
        """The models that the profile names for where those cannot answer, and what for."""
        fallbacks: list[tuple[str, ModelKind]] = []
        if self.fallback_voice is not None:
            fallbacks.append((self.fallback_voice.model, "tts"))
        if self.fallback_recogniser:
            fallbacks.append((self.fallback_recogniser, "asr"))
        return fallbacks

    def with_models(self, full_names: Mapping[str, str]) -> "SessionOptions":
        """A copy in which the models that are keys of `full_names` have the names given there."""
        voice, recogniser = self.voice_choice, self.recogniser
        spare, other = self.fallback_voice, self.fallback_recogniser
        if spare is not None:
            spare = replace(spare, model=full_names.get(spare.model, spare.model))
        return self.updated(
            fallback_voice=spare,
            fallback_recogniser=full_names.get(other, other),
            voice_choice=replace(voice, model=full_names.get(voice.model, voice.model)),
            recogniser=full_names.get(recogniser, recogniser),
        )

    def greeted(self, greeting: str) -> "SessionOptions":
        """A copy with another greeting; that a call is recorded is said before it all the same."""
        return self.updated(greeting=f"{self.consent} {greeting}".strip())

    def spoken_in(self, asked: str) -> "SessionOptions":
        """A copy in a language, a BCP-47 tag, or with "auto" in that of whoever speaks."""
        if is_auto(asked):
            return self.updated(follows_language=True)
        return self.updated(language=asked, follows_language=False, voice_language=None)

    def updated(self, **changes: object) -> "SessionOptions":
        """A copy with the given fields changed."""
        return replace(self, **changes)  # type: ignore[arg-type]  # names checked by the caller


def resolve(config: Config, name: str, defaults: DefaultModels) -> SessionOptions:
    """The options of profile `name`; sections fill in what the profile leaves open.

    Raises:
        UnknownName: the configuration has no such profile, or nothing here understands its
            language.
    """
    profile = config.profiles.get(name or DEFAULT_PROFILE)
    if profile is None and name in ("", DEFAULT_PROFILE):  # there without being written down
        profile = ProfileConfig()
    if profile is None:
        known = ", ".join(sorted(config.profiles))
        raise UnknownName(f"there is no profile {name!r}; there are: {known}", param="model")
    asked = profile.language or config.asr.language
    follows = is_auto(asked)
    language = config.asr.first_language if follows else asked
    recogniser = profile.recogniser if config.asr.enabled else ""
    if recogniser is None:
        recogniser = defaults.detector() if follows else defaults.recogniser(language)
    endpointing = profile.endpointing or config.endpointing
    return SessionOptions(
        profile=name or DEFAULT_PROFILE,
        voice_choice=VoiceChoice.parse(profile.voice or defaults.voice(language)),
        fallback_voice=(
            VoiceChoice.parse(profile.fallback_voice) if profile.fallback_voice else None
        ),
        fallback_recogniser=profile.fallback_recogniser or "",
        recogniser=recogniser,
        language=language,
        follows_language=follows,
        instructions=profile.instructions,
        responder=profile.responder or config.responder,
        vad=profile.vad or config.vad,
        clauses=profile.clauses or config.clauses,
        endpointing=endpointing,
        endpointer=defaults.endpointer(language, endpointing.model) if recogniser else "",
        echo_control=profile.echo_control or config.echo_control,
        prompt=", ".join(profile.hot_words),
        speed=profile.speed or config.tts.speed,
        voice_style=profile.voice_instructions,
        recorded=profile.record_calls,
        consent=profile.consent if profile.record_calls else "",
        barge_in=config.barge_in.enabled,
        tools=profile.tools or config.tools,
        idle=profile.idle or config.idle,
        pronunciation=profile.pronunciation,
    ).greeted(profile.greeting)
