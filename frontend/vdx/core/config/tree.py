"""All settings together."""

from typing import Self

from pydantic import Field, model_validator

from vdx.core.config.model_servers import ModelManagerConfig, RegistryConfig, RoutingConfig
from vdx.core.config.observation import CallRecordingConfig, LogConfig, TracingConfig
from vdx.core.config.profile import ProfileConfig
from vdx.core.config.responder import ResponderConfig
from vdx.core.config.rooms import LiveKitConfig
from vdx.core.config.section import Section
from vdx.core.config.server import ServerConfig, SessionConfig
from vdx.core.config.speech_input import AsrConfig, EchoControlConfig, VadConfig
from vdx.core.config.speech_output import ClauseConfig, PlayoutConfig, TtsConfig
from vdx.core.config.tools import ToolsConfig
from vdx.core.config.triton import EmbeddedConfig, TritonConfig
from vdx.core.config.turn_taking import BargeInConfig, EndpointingConfig, IdleConfig


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
    def _agents_have_profiles(self) -> Self:
        for name, profile in self.livekit.agents.items():
            if not name or name == self.livekit.agent_name:
                raise ValueError(f"livekit.agents: {name!r} is no name of an agent of its own")
            if profile != "vdx" and profile not in self.profiles:
                raise ValueError(f"livekit.agents.{name} names {profile!r}, which is no profile")
        return self

    @model_validator(mode="after")
    def _hands_over_to_profiles(self) -> Self:
        every = [self.tools, *(each.tools for each in self.profiles.values() if each.tools)]
        for name in (name for tools in every for name in tools.hand_over_to):
            if name != "vdx" and name not in self.profiles:
                raise ValueError(f"tools.hand_over_to names {name!r}, which is no profile")
        return self
