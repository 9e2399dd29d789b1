"""What a dispatch asks for: the JSON metadata of a job, made into a session's options."""

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from vdx.core.errors import InvalidInput
from vdx.core.json_input import parse_json
from vdx.core.validation import validated
from vdx.core.voice_choice import VoiceChoice
from vdx.transports.function_tools import Tools, offer_of

if TYPE_CHECKING:  # `vdx token` reads metadata and has no use for what takes a second to import
    from vdx.app import Application
    from vdx.dialog.profiles import SessionOptions

MAX_METADATA = 16_384
"""Characters."""
LANGUAGE = r"^([A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*|auto)$"


class JobMetadata(BaseModel):
    """Keys of a job's metadata; what is left out is as the profile says.

    `voice` is a model or MODEL/SPEAKER, `language` a BCP-47 tag or "auto". `tools` are function
    tools that the user's client performs as RPC methods of their names. `key` is the hash of the
    API key that the room's token was asked for with, which the server writes there itself.
    `silent_at_pause`: the user's client falls silent at the event `vdx.playout.paused`, without
    waiting for the sound to end; a reply that goes on then repeats what was not heard.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    profile: str | None = Field(None, max_length=100)
    voice: str | None = Field(None, min_length=1, max_length=200)
    recogniser: str | None = Field(None, min_length=1, max_length=200)
    language: str | None = Field(None, pattern=LANGUAGE)
    instructions: str | None = Field(None, max_length=8_000)
    greeting: str | None = Field(None, max_length=1_000)
    tools: Tools | None = None
    silent_at_pause: bool | None = None
    key: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")

    @classmethod
    def read(cls, metadata: str) -> "JobMetadata":
        """The options in a job's metadata; empty metadata changes none.

        Raises:
            InvalidInput: no JSON object, or a key or value that is not known; it is named.
        """
        if not metadata.strip():
            return cls()
        if len(metadata) > MAX_METADATA:
            raise InvalidInput(
                f"the job's metadata has {len(metadata)} characters, more than {MAX_METADATA}",
                param="metadata",
            )
        value = parse_json(metadata, "the job's metadata", param="metadata")
        return validated(cls, value, "metadata")

    def options(self, host: "Application", usual_profile: str = "") -> "SessionOptions":
        """The options of the profile, else of `usual_profile`, with these changed.

        Raises:
            UnknownName: there is no such profile.
            InvalidInput: the parameters of a tool are no JSON schema.
        """
        options = host.profiles.options(self.profile or usual_profile)
        if self.language is not None:
            options = options.spoken_in(self.language)
        changes: dict[str, Any] = {}
        if self.instructions is not None:
            changes["instructions"] = self.instructions
        if self.recogniser and options.recogniser:
            changes["recogniser"] = self.recogniser
        if self.voice:
            changes["voice_choice"] = VoiceChoice.parse(self.voice)
        if self.tools:
            changes["offer"] = offer_of(self.tools, None, None, param="metadata")
        if self.greeting is not None:
            options = options.greeted(self.greeting)
        return options.updated(**changes)
