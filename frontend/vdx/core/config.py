"""The one table of settings: every key with its type and default, frozen.

`core/settings.py` fills this tree from flags, environment (`VDX_SECTION__KEY`), a YAML file and
these defaults, in that order. Durations carry their unit in the name.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from vdx.core.ipa import check_pronunciation
from vdx.core.values import ApiKey, Network, Origin, PublicUrl, Secret, split_list

Speed = Annotated[
    float, Field(ge=0.25, le=4.0, description="times as fast; a voice goes as far as it can")
]


class Section(BaseModel):
    """A frozen part of the tree; an unknown key is an error.

    A list may be given as one text with commas, as an environment variable holds it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @field_validator("*", mode="before")
    @classmethod
    def _split(cls, value: Any, info: ValidationInfo) -> Any:
        return split_list(cls.model_fields[str(info.field_name)].annotation, value)


class ServerConfig(Section):
    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65535, description="0 picks a free one")
    api_keys: tuple[ApiKey, ...] = Field(
        (), description="16 characters or more each; required to be reached by others"
    )
    api_keys_file: Path | None = Field(
        None, description="hashed keys with names, scopes and limits; `vdx keys` writes it"
    )
    allowed_origins: tuple[Origin, ...] = Field(
        (), description="browser origins beside the server's own; '*' allows any"
    )
    public_url: PublicUrl = Field(
        "", description="https://HOST that a proxy serves this server under"
    )
    trusted_proxies: tuple[Network, ...] = Field(
        ("127.0.0.1", "::1"),
        description="whose X-Forwarded-For and X-Forwarded-Proto are believed",
    )
    request_timeout_ms: int = Field(
        10_000, ge=100, description="for a request's headers, and for each stall of its body"
    )
    max_sessions: int | None = Field(
        None, ge=1, description="None follows cores and descriptors; see core/capacity.py"
    )
    max_message_bytes: int = Field(16 * 1024 * 1024, ge=1024)
    max_upload_bytes: int = Field(25 * 1024 * 1024, ge=1024, description="of one recording")
    max_recording_seconds: float = Field(28_800, ge=1, description="a small file can last days")
    max_recordings: int = Field(16, ge=1, description="written down at once")
    write_timeout_ms: int = Field(10_000, ge=100, description="a reader slower than this is gone")
    drain_timeout_seconds: int = Field(
        600,
        ge=0,
        description="SIGTERM waits so long for sessions, rooms and requests to end; 0 = for ever",
    )

    @model_validator(mode="after")
    def _needs_keys(self) -> "ServerConfig":
        if self.public_url and not self.api_keys and self.api_keys_file is None:
            raise ValueError(
                "public_url makes this server reachable by others: set server.api_keys "
                "(or VDX_SERVER__API_KEYS) or server.api_keys_file too"
            )
        return self


class TlsConfig(Section):
    """PEM files of mutual TLS: all three, or none."""

    ca: Path | None = Field(None, description="who signed the certificate of the other side")
    certificate: Path | None = Field(None, description="of this machine")
    key: Path | None = Field(None, description="of that certificate; readable by this user alone")

    @property
    def given(self) -> bool:
        return self.ca is not None

    @model_validator(mode="after")
    def _all_or_none(self) -> Self:
        if len({file is None for file in (self.ca, self.certificate, self.key)}) > 1:
            raise ValueError("ca, certificate and key belong together; one of them is missing")
        return self


class TritonConfig(Section):
    url: str = Field(
        "",
        description="gRPC address of the server, HOST:PORT or unix:PATH; empty = the embedded "
        "one of this VDX_HOME",
    )
    tls: TlsConfig = Field(TlsConfig(), description="for a server on the network, both sides")
    first_response_timeout_ms: int = Field(5_000, ge=10)
    next_response_timeout_ms: int = Field(5_000, ge=10)
    final_transcript_timeout_ms: int = Field(4_000, ge=10)
    load_timeout_ms: int = Field(120_000, ge=100)
    probe_interval_ms: int = Field(2_000, ge=100, description="a tiny real inference per model")
    probe_timeout_ms: int = Field(3_000, ge=50)


class EmbeddedConfig(Section):
    """The embedded Triton, which opens no network port unless it is told to."""

    grpc_address: str = Field(
        "", description="HOST:PORT instead of a Unix socket, with the files of triton.tls"
    )
    metrics_port: int | None = Field(
        None, ge=0, le=65535, description="on loopback, for every local user; 0 = a free one"
    )
    environment: tuple[str, ...] = Field(
        (), description="further variables that Triton and its models get"
    )
    tritons: int = Field(
        1, ge=1, le=16, description="servers that `vdx up` starts, each with a GPU of its own"
    )

    @model_validator(mode="after")
    def _one_has_the_address(self) -> Self:
        if self.grpc_address and self.tritons > 1:
            raise ValueError("grpc_address is that of one Triton; leave it out with tritons > 1")
        return self


class SessionConfig(Section):
    """Limits of one session; 0 means none."""

    idle_timeout_seconds: float = Field(300, ge=0)
    max_session_duration_seconds: float = Field(3600, ge=0)
    max_messages_per_session: int = Field(
        1000, ge=0, description="turns of both sides; the client is told when few are left"
    )
    max_item_text_bytes: int = Field(
        256 * 1024, ge=1024, le=1024 * 1024, description="of one item, instructions or reply, UTF-8"
    )
    max_history_bytes: int = Field(
        1024 * 1024, ge=1024, description="text of all items of a conversation, UTF-8"
    )
    input_gap_ms: int = Field(200, ge=20, description="input missing this long counts as silence")


class NoiseGateConfig(Section):
    enabled: bool = True
    window_size: int = Field(100, ge=1, description="frames")
    percentile: float = Field(0.25, ge=0, le=1)
    threshold_multiplier: float = Field(2.5, gt=0)
    min_threshold: float = Field(200.0, ge=0, description="int16 RMS")
    update_interval_frames: int = Field(10, ge=1)


class VoiceCheckConfig(Section):
    """The check whether a sound that passed the gate and the VAD is a human voice."""

    enabled: bool = True
    min_periodicity: float = Field(0.5, ge=0, le=1, description="whispers lie below it")
    nearness_db: float = Field(
        -9.0,
        ge=-60,
        le=0,
        description="over a reply, a voice so much below the person's own is somebody else's",
    )
    max_steadiness: float = Field(
        0.4, ge=0, le=1, description="over a reply, a sound that stands still is no voice"
    )


class VadConfig(Section):
    enabled: bool = True
    sample_rate: Literal[16000] = 16000
    frame_duration_ms: Literal[20] = 20
    aggressiveness: Literal[0, 1, 2, 3] = 2
    min_speech_duration_ms: int = Field(80, ge=20)
    min_silence_duration_ms: int = Field(300, ge=20)
    state_aware_gating: bool = True
    speaking_threshold_multiplier: float = Field(2.0, gt=0)
    listening_threshold_multiplier: float = Field(1.0, gt=0)
    barged_in_threshold_multiplier: float = Field(1.2, gt=0)
    noise_gate: NoiseGateConfig = NoiseGateConfig()
    voice_check: VoiceCheckConfig = VoiceCheckConfig()


class AsrConfig(Section):
    """The recogniser; a profile's `recogniser` overrides it.

    Device and compute type are parameters of the model: all frontends of a Triton share it.
    """

    enabled: bool = True
    model: str = Field(
        "",
        description="a model, or its name without the language: whisper-base; empty: the starter "
        "of the language where it was fetched, else pocketsphinx",
    )
    language: str = "en"
    pre_roll_ms: int = Field(300, ge=0, le=1000)
    request_ms: int = Field(60, ge=20, le=200, description="audio sent per request")


class TtsConfig(Section):
    voice: str = Field(
        "",
        description="MODEL or MODEL/SPEAKER; empty: the catalogue's voice of the language where "
        "it was fetched, else espeak",
    )
    speed: Speed = 1.0
    clauses_ahead: int = Field(2, ge=1, le=8)


class ClauseConfig(Section):
    """Where the reply is cut for the voice, in characters."""

    first_min_chars: int = Field(12, ge=1)
    first_max_chars: int = Field(60, ge=10)
    max_chars: int = Field(200, ge=40, le=1000)
    links: Literal["short", "full"] = Field(
        "short",
        description='"a link to example.org", and "a long code" for a hash, or every letter',
    )


class BargeInConfig(Section):
    enabled: bool = True
    confirm_ms: int = Field(600, ge=0)
    interrupt_words: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="language -> words added to the built-in list"
    )
    listening_sounds: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="language -> sounds added to the built-in list"
    )


class EchoControlConfig(Section):
    """Handling of the bot's echo from clients that do not cancel it."""

    guard: bool = Field(
        True,
        description="hold the input against the predicted level of the echo; steps aside within "
        "a second where there is none",
    )
    cancellation: bool = Field(False, description="LiveKit's audio processing, at the server")
    noise_suppression: bool = Field(False, description="with cancellation")


class EndpointingConfig(Section):
    """How long a pause may last before it ends the turn; off: `vad.min_silence_duration_ms`."""

    enabled: bool = True
    model: str = Field(
        "",
        description="an endpointer, which hears whether a person is done; empty: the starter where "
        "it was fetched; none: the words alone tell",
    )
    finished_ms: int = Field(
        120, ge=20, le=2000, description="silence that ends a turn that is clearly finished"
    )
    unfinished_ms: int = Field(
        1400, ge=20, le=2000, description="silence that ends an unfinished phrase"
    )


class PlayoutConfig(Section):
    output_lead_ms: int = Field(
        40, ge=20, le=1000, description="audio sent and not yet played, at most"
    )
    resume_fade_ms: int = Field(5, ge=0, le=20)


class RepeatConfig(Section):
    template: str = "You said: {text}"


class ScriptConfig(Section):
    path: Path | None = None


class FallbackConfig(Section):
    """A chat endpoint that is asked where those before it fail."""

    base_url: str = Field(min_length=1, description="http(s)://… or unix:PATH, as of the first")
    model: str = Field("", description="empty: as of the first")
    api_key_env: str = Field(
        "",
        pattern=r"^([A-Za-z_][A-Za-z0-9_]*)?$",
        description="name of the variable with its key; empty: it wants none",
    )
    context_tokens: int | None = Field(None, ge=256, description="None: as of the first")
    first_token_timeout_ms: int | None = Field(None, ge=10, description="None: as of the first")


class ChatConfig(Section):
    """Any OpenAI-compatible chat endpoint."""

    base_url: str = Field(
        "http://127.0.0.1:11434/v1", description="or unix:PATH of a socket on this machine"
    )
    model: str = "llama3.2"
    api_key_env: str = Field(
        "OPENAI_API_KEY",
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        description="name of the variable that the key is read from",
    )
    temperature: float | None = None
    max_tokens: int | None = Field(None, ge=1)
    connect_timeout_ms: int = Field(3_000, ge=10)
    first_token_timeout_ms: int = Field(15_000, ge=10)
    next_token_timeout_ms: int = Field(5_000, ge=10)
    retries: int = Field(2, ge=0, le=10)
    max_prompt_bytes: int | None = Field(
        None,
        ge=256,
        description="the oldest messages beyond it are left out, half of it at a time; None sends "
        "all until the endpoint says that its context is too small",
    )
    context_tokens: int | None = Field(
        None,
        ge=256,
        description="of the model, for prompt and reply: before it is full the oldest turns become "
        "a summary; None: once the endpoint says that it is",
    )
    fallbacks: tuple[FallbackConfig, ...] = Field(
        (),
        description="endpoints that are asked in this order where the first one fails before its "
        "first word: base_url, model, api_key_env, context_tokens, first_token_timeout_ms",
    )
    warm: bool = Field(
        True, description="ask for one word at start, so that the first turn need not wait longer"
    )


STARTER_LANGUAGE_MODEL = "SmolLM2-135M-Instruct"
STARTER_REPLY_TOKENS = 64
"""It does not find an end by itself."""
STARTER_INSTRUCTIONS = "You are a helpful AI assistant. Answer in one short sentence."
"""Instead of a profile's usual ones, which say more than so small a model understands."""
REPLY_TOKENS = 256
"""Of a larger language model, which ends a spoken answer by itself long before."""
LOCAL_FIRST_CLAUSE_CHARS = 32
"""Unless `clauses.first_max_chars` is set: a core makes about twelve words a second, and the voice
waits for the first clause."""
MOST_LOCAL_THREADS = 4
"""More make a small model no faster, and the voice and the recogniser need cores too."""


class LocalConfig(Section):
    """A language model that llama.cpp serves on this machine, in a process of its own."""

    path: Path | None = Field(
        None, description=f"a GGUF file; None = the starter, {STARTER_LANGUAGE_MODEL}"
    )
    threads: int | None = Field(
        None, ge=1, description=f"None = half of the cores, at most {MOST_LOCAL_THREADS}"
    )
    context_tokens: int = Field(2048, ge=256, description="prompt and reply; for each in parallel")
    parallel: int = Field(1, ge=1, le=64, description="replies made at once; others wait")
    prompt_cache_mib: int = Field(
        64, ge=0, description="the most that prompts of other conversations may take"
    )
    max_tokens: int | None = Field(
        None,
        ge=1,
        description=f"of a reply; None = {STARTER_REPLY_TOKENS} for the starter, else "
        f"{REPLY_TOKENS}",
    )
    first_token_timeout_ms: int = Field(
        15_000, ge=10, description="a large model on few cores needs more for a long prompt"
    )
    next_token_timeout_ms: int = Field(5_000, ge=10)
    temperature: float = Field(0.2, ge=0, le=2)
    top_p: float = Field(0.9, gt=0, le=1)
    repeat_penalty: float = Field(1.1, ge=1, le=2, description="small models repeat themselves")
    penalty_tokens: int = Field(64, ge=0, description="how far back a repetition counts")
    batch_tokens: int = Field(
        32, ge=1, description="of a prompt, evaluated at once; a barge-in waits for the end of it"
    )
    socket: Path | None = Field(
        None, description="of a llama.cpp server that runs already; None starts one"
    )
    model: str = Field("", description="what it is called; empty = as its file, or the starter")

    @property
    def is_starter(self) -> bool:
        """Whether it is the starter: what runs at `socket` is that only where it is called so."""
        if self.socket is not None:
            return self.name == STARTER_LANGUAGE_MODEL
        return self.path is None

    @property
    def name(self) -> str:
        """What the model is called in requests, messages and errors."""
        if self.model:
            return self.model
        if self.path is not None:
            return self.path.stem
        return STARTER_LANGUAGE_MODEL if self.socket is None else "unnamed"

    @property
    def reply_tokens(self) -> int:
        """The most of a reply."""
        usual = STARTER_REPLY_TOKENS if self.is_starter else REPLY_TOKENS
        return self.max_tokens or usual


class ResponderConfig(Section):
    kind: Literal["repeat", "script", "chat", "local"] = "repeat"
    repeat: RepeatConfig = RepeatConfig()
    script: ScriptConfig = ScriptConfig()
    chat: ChatConfig = ChatConfig()
    local: LocalConfig = LocalConfig()
    preemptive: bool = Field(True, description="start on the speculative transcript")
    apology: str = Field(
        "Sorry, I cannot answer right now.",
        description="spoken when the responder fails, the voice refuses a whole reply, or the "
        "recogniser is lost",
    )

    @property
    def is_starter(self) -> bool:
        """Whether the starter language model answers."""
        return self.kind == "local" and self.local.is_starter


BuiltinTool = Literal["end_call", "hand_over", "change_voice", "change_language", "current_time"]


class McpServerConfig(Section):
    """An MCP server whose tools the responder may call: a command, or a URL."""

    command: tuple[str, ...] = Field((), description="program and arguments, spoken to over stdio")
    url: str = Field("", description="http(s)://… of a server of the streamable HTTP transport")
    environment: tuple[str, ...] = Field(
        (), description="names of variables that the command gets beside the usual ones"
    )
    api_key_env: str = Field(
        "",
        pattern=r"^([A-Za-z_][A-Za-z0-9_]*)?$",
        description="name of the variable with the key for the URL",
    )
    tools: tuple[str, ...] = Field((), description="names of the tools to offer; none: all")

    @model_validator(mode="after")
    def _command_or_url(self) -> Self:
        if bool(self.command) == bool(self.url):
            raise ValueError("an MCP server has either a command or a url")
        return self


class ToolsConfig(Section):
    """Tools that the server performs; a client declares its own over its connection."""

    builtin: tuple[BuiltinTool, ...] = Field((), description="those of vdx that are switched on")
    hand_over_to: tuple[str, ...] = Field((), description="profiles that hand_over may name")
    mcp: dict[str, McpServerConfig] = Field(
        default_factory=dict, description="a name of your own -> an MCP server"
    )
    filler: str = Field("", description="said once while calls run for filler_after_ms; empty: no")
    filler_after_ms: int = Field(1_500, ge=0)
    timeout_ms: int = Field(10_000, ge=10, description="a call that takes longer is given up")
    max_rounds: int = Field(5, ge=1, le=50, description="answers with calls in one reply")
    max_result_chars: int = Field(16_000, ge=100, description="of a result; the rest is cut off")

    @model_validator(mode="after")
    def _hands_over_to_somebody(self) -> Self:
        if "hand_over" in self.builtin and not self.hand_over_to:
            raise ValueError("hand_over needs the profiles that it may name: hand_over_to")
        return self


class IdleConfig(Section):
    """What is said where nobody says anything for long; off unless `after_ms` is set."""

    after_ms: int = Field(
        0, ge=0, description="of silence, then `text` is said, once until somebody speaks; 0: never"
    )
    text: str = Field("", description='such as "Are you still there?"')
    goodbye_after_ms: int = Field(
        0, ge=0, description="of silence after it, then the session ends; 0: it does not"
    )
    goodbye_text: str = Field("", description="said before that; empty: it ends without a word")

    @model_validator(mode="after")
    def _says_something_first(self) -> Self:
        if self.after_ms and not self.text.strip():
            raise ValueError("after_ms needs what is said then: set text")
        if self.goodbye_after_ms and not self.after_ms:
            raise ValueError("goodbye_after_ms counts from what is said after_ms: set that too")
        return self


class ProfileConfig(Section):
    """A named set of overrides; None keeps the value of the section it overrides."""

    voice: str | None = None
    recogniser: str | None = Field(None, description='"" listens to nobody')
    fallback_voice: str | None = Field(
        None, description="speaks where the voice died or is unloaded; None: the default profile's"
    )
    fallback_recogniser: str | None = Field(
        None, description="listens where the recogniser is unloaded; None: the default profile's"
    )
    responder: ResponderConfig | None = None
    instructions: str = "You are a helpful voice assistant. Answer briefly, in spoken language."
    greeting: str = ""
    language: str | None = None
    speed: Speed | None = None
    hot_words: tuple[str, ...] = Field(
        (), description="words that people are likely to say, for recognisers that take them"
    )
    clauses: ClauseConfig | None = None
    vad: VadConfig | None = None
    endpointing: EndpointingConfig | None = None
    echo_control: EchoControlConfig | None = None
    record_calls: bool = Field(
        False, description="keep sound and words of each call, see call_recording; needs `consent`"
    )
    consent: str = Field("", description="said before the greeting of a call that is recorded")
    tools: ToolsConfig | None = None
    idle: IdleConfig | None = None
    pronunciation: dict[str, str] = Field(
        default_factory=dict,
        max_length=1_000,
        description="word -> how it is spoken: respelled, or /IPA/ for voices that take phonemes; "
        "a word in lower case stands for every case of it",
    )

    @field_validator("pronunciation")
    @classmethod
    def _can_be_spoken(cls, entries: dict[str, str]) -> dict[str, str]:
        for word, said in entries.items():
            check_pronunciation(word, said)
        return entries

    @model_validator(mode="after")
    def _asks_before_it_records(self) -> Self:
        if self.record_calls and not self.consent.strip():
            raise ValueError("record_calls needs a line that says so to the caller: set consent")
        return self


class CallRecordingConfig(Section):
    """Where the calls of profiles with `record_calls` are kept, and for how long."""

    folder: Path | None = Field(None, description="None = calls in VDX_HOME")
    retention_days: float = Field(30, ge=0, description="a server deletes what is older")


class ModelManagerConfig(Section):
    """Which models stay loaded in the Triton of `vdx up` or of `vdx manager`."""

    url: str = Field(
        "",
        description="of the manager that loads for `vdx frontend`; none: that is the only one on "
        "its Triton and loads by itself",
    )
    api_key: Secret = Field(SecretStr(""), description="of that manager, where it has one")
    tls: TlsConfig = Field(
        TlsConfig(), description="between a manager of its own process and frontends, both sides"
    )
    default_model_id: str = Field(
        "", description="the voice where tts.voice names none; stays loaded. Empty: the catalogue's"
    )
    preload_model_ids: tuple[str, ...] = Field(
        (), description="loaded at start beside the models of the profiles"
    )
    ttl_ms: int = Field(600_000, ge=0, description="an idle model is unloaded after it")
    min_residency_ms: int = Field(120_000, ge=0, description="but not sooner after its load")
    evict_check_interval_ms: int = Field(30_000, ge=100)
    resident_cap: int = Field(3, ge=1, description="voices loaded at once")
    max_parallel_loads: int = Field(1, ge=1)
    memory_limit_mb: int = Field(0, ge=0, description="of the models' processes; 0 = none")
    lease_heartbeat_ms: int = Field(5_000, ge=100)
    lease_expiry_ms: int = Field(15_000, ge=200, description="without a heartbeat")

    @model_validator(mode="after")
    def _beats_before_it_expires(self) -> Self:
        if self.lease_expiry_ms <= self.lease_heartbeat_ms:
            raise ValueError(
                f"lease_expiry_ms ({self.lease_expiry_ms}) must be longer than "
                f"lease_heartbeat_ms ({self.lease_heartbeat_ms})"
            )
        return self


class RoutingConfig(Section):
    """How sessions get to one of several Tritons."""

    wait_ms: int = Field(
        2_000,
        ge=0,
        le=60_000,
        description="a session waits so long for a server with room, then it is refused",
    )


class RegistryConfig(Section):
    """Where managers announce their Tritons to frontends on other machines."""

    url: str = Field(
        "", description="redis://HOST:PORT, rediss:// or unix:PATH; empty: nowhere but here"
    )
    password: Secret = Field(SecretStr(""), description="of that Redis")
    name: str = Field("", description="of this Triton there; empty: triton@HOST")
    triton_url: str = Field("", description="where others reach this Triton; empty: triton.url")
    manager_url: str = Field(
        "", description="where others reach its manager; empty: the address it listens on"
    )

    @field_validator("url")
    @classmethod
    def _is_redis(cls, value: str) -> str:
        if value and not value.startswith(("redis://", "rediss://", "unix:")):
            raise ValueError(f"not redis://HOST:PORT, rediss://HOST:PORT or unix:PATH: {value!r}")
        return value


class LiveKitConfig(Section):
    """Rooms: the LiveKit server, this worker in it, and the tokens people join with."""

    url: str = Field("", description="ws(s)://HOST:PORT of the server; empty = no rooms")
    public_url: str = Field("", description="what people connect to, where it differs from url")
    api_key: str = ""
    api_secret: Secret = Field(SecretStr(""), description="32 characters or more")
    agent_name: str = Field("vdx", description="what a dispatch asks for")
    max_rooms: int = Field(20, ge=1, description="rooms this worker serves at once")
    join_timeout_seconds: float = Field(60, gt=0, description="a room without a person is left")
    rejoin_grace_seconds: float = Field(15, ge=0, description="the conversation of who left waits")
    output_queue_ms: int = Field(
        20, ge=20, le=200, multiple_of=10, description="sound that waits in a room's track"
    )
    output_queue_max_ms: int = Field(
        80, ge=20, le=200, multiple_of=10, description="the same on a machine that comes late"
    )
    token_ttl_seconds: int = Field(600, ge=10, le=86_400)
    port: int | None = Field(
        None, ge=0, le=65535, description="of the development server; None prefers 7880, 0 any"
    )
    record_output: Path | None = Field(
        None, description="folder for what each room was fed, 48 kHz WAV, to look into trouble"
    )


class LogConfig(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = Field(
        "text", description="json: one object a line, for programs"
    )
    transcripts: bool = Field(False, description="at debug level, also the words that were spoken")


class TracingConfig(Section):
    """OpenTelemetry traces: one for each turn."""

    endpoint: str = Field(
        "",
        pattern=r"^(https?://\S+)?$",
        description="of a collector that takes OTLP over HTTP: http://HOST:4318; empty = off",
    )
    sample_ratio: float = Field(1.0, ge=0, le=1, description="of the turns")
    service_name: str = "vdx"


class Config(Section):
    """The whole tree."""

    server: ServerConfig = ServerConfig()
    triton: TritonConfig = TritonConfig()
    embedded: EmbeddedConfig = EmbeddedConfig()
    session: SessionConfig = SessionConfig()
    vad: VadConfig = VadConfig()
    asr: AsrConfig = AsrConfig()
    tts: TtsConfig = TtsConfig()
    clauses: ClauseConfig = ClauseConfig()
    barge_in: BargeInConfig = BargeInConfig()
    endpointing: EndpointingConfig = EndpointingConfig()
    echo_control: EchoControlConfig = EchoControlConfig()
    playout: PlayoutConfig = PlayoutConfig()
    responder: ResponderConfig = ResponderConfig()
    tools: ToolsConfig = ToolsConfig()
    idle: IdleConfig = IdleConfig()
    profiles: dict[str, ProfileConfig] = Field(default_factory=lambda: {"vdx": ProfileConfig()})
    model_manager: ModelManagerConfig = ModelManagerConfig()
    routing: RoutingConfig = RoutingConfig()
    registry: RegistryConfig = RegistryConfig()
    livekit: LiveKitConfig = LiveKitConfig()
    call_recording: CallRecordingConfig = CallRecordingConfig()
    log: LogConfig = LogConfig()
    tracing: TracingConfig = TracingConfig()

    @model_validator(mode="after")
    def _hands_over_to_profiles(self) -> Self:
        every = [self.tools, *(each.tools for each in self.profiles.values() if each.tools)]
        for name in (name for tools in every for name in tools.hand_over_to):
            if name != "vdx" and name not in self.profiles:
                raise ValueError(f"tools.hand_over_to names {name!r}, which is no profile")
        return self


REMOVED = {
    "asr.compute_type": "it is set for each model: vdx voices pull NAME --parameter compute_type=…",
    "asr.device": "it is set for each model: vdx voices pull NAME --parameter device=…",
    "log.json_lines": "set log.format to json",
    "embedded.grpc_port": "Triton listens on a Unix socket, which every command of this VDX_HOME "
    "finds; for a network port with mutual TLS set embedded.grpc_address to HOST:PORT",
    "embedded.http_port": "the embedded Triton serves no HTTP, because whoever reaches it could "
    "run code in it; use gRPC, see triton.url",
    "models": "what models.preload named is named by model_manager.preload_model_ids",
}
"""Keys of earlier versions, and what to use instead."""
