"""The one table of settings: every key with its type and default, frozen.

`core/settings.py` fills this tree from flags, environment (`VDX_SECTION__KEY`), a YAML file and
these defaults, in that order. Durations carry their unit in the name.

One module for each group of sections; `tree.py` puts them together. Other packages import all of it
from here.
"""

from vdx.core.config.language_model import (
    LOCAL_FIRST_CLAUSE_CHARS,
    MOST_LOCAL_THREADS,
    REPLY_TOKENS,
    STARTER_INSTRUCTIONS,
    STARTER_LANGUAGE_MODEL,
    STARTER_REPLY_TOKENS,
    LocalConfig,
)
from vdx.core.config.model_servers import ModelManagerConfig, RegistryConfig, RoutingConfig
from vdx.core.config.observation import CallRecordingConfig, LogConfig, TracingConfig
from vdx.core.config.profile import MAX_PROMPT_CHARS, ProfileConfig
from vdx.core.config.responder import (
    ChatConfig,
    FallbackConfig,
    RepeatConfig,
    ResponderConfig,
    ScriptConfig,
)
from vdx.core.config.rooms import LiveKitConfig, ParticipantKind
from vdx.core.config.section import Section
from vdx.core.config.server import ServerConfig, SessionConfig
from vdx.core.config.speech_input import (
    FIRST_LANGUAGE,
    AsrConfig,
    EchoControlConfig,
    NoiseGateConfig,
    VadConfig,
    VoiceCheckConfig,
)
from vdx.core.config.speech_output import ClauseConfig, PlayoutConfig, Speed, TtsConfig
from vdx.core.config.tls import TlsConfig
from vdx.core.config.tools import BuiltinTool, McpServerConfig, ToolsConfig
from vdx.core.config.tree import Config
from vdx.core.config.triton import EmbeddedConfig, TritonConfig
from vdx.core.config.turn_taking import BargeInConfig, EndpointingConfig, IdleConfig

__all__ = [
    "FIRST_LANGUAGE",
    "LOCAL_FIRST_CLAUSE_CHARS",
    "MAX_PROMPT_CHARS",
    "MOST_LOCAL_THREADS",
    "REPLY_TOKENS",
    "STARTER_INSTRUCTIONS",
    "STARTER_LANGUAGE_MODEL",
    "STARTER_REPLY_TOKENS",
    "AsrConfig",
    "BargeInConfig",
    "BuiltinTool",
    "CallRecordingConfig",
    "ChatConfig",
    "ClauseConfig",
    "Config",
    "EchoControlConfig",
    "EmbeddedConfig",
    "EndpointingConfig",
    "FallbackConfig",
    "IdleConfig",
    "LiveKitConfig",
    "LocalConfig",
    "LogConfig",
    "McpServerConfig",
    "ModelManagerConfig",
    "NoiseGateConfig",
    "ParticipantKind",
    "PlayoutConfig",
    "ProfileConfig",
    "RegistryConfig",
    "RepeatConfig",
    "ResponderConfig",
    "RoutingConfig",
    "ScriptConfig",
    "Section",
    "ServerConfig",
    "SessionConfig",
    "Speed",
    "TlsConfig",
    "ToolsConfig",
    "TracingConfig",
    "TritonConfig",
    "TtsConfig",
    "VadConfig",
    "VoiceCheckConfig",
]
