"""The tools of vdx itself that a profile can switch on (`tools.builtin`)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field

from vdx.app.model_access import ModelAccess
from vdx.app.profile_models import ProfileModels
from vdx.core.config import BuiltinTool
from vdx.core.errors import ToolFailed
from vdx.core.json_input import parse_json
from vdx.core.language_names import tag_of
from vdx.core.tools import ToolCall, ToolSpec
from vdx.core.validation import validated
from vdx.core.voice_choice import VoiceChoice
from vdx.dialog.profiles import SessionOptions
from vdx.dialog.tools.toolbox import Tool, ToolOutcome
from vdx.dialog.tools.user import ToolUser

SOURCE = "vdx"


class Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid")


class EndCall(Arguments):
    farewell: str = Field("", max_length=1_000, description="last words, spoken before the end")


class HandOver(Arguments):
    profile: str = Field(description="who takes over")


class ChangeVoice(Arguments):
    voice: str = Field(max_length=200, description="MODEL or MODEL/SPEAKER")


class ChangeLanguage(Arguments):
    language: str = Field(max_length=64, description="BCP-47 tag, such as de or pt-BR")


class CurrentTime(Arguments):
    timezone: str = Field("", max_length=64, description="IANA name, such as Europe/Oslo")


@dataclass(frozen=True, slots=True)
class _Builtin:
    description: str
    arguments: type[Arguments]


BUILTINS: dict[BuiltinTool, _Builtin] = {
    "end_call": _Builtin("Ends the call, after the last words.", EndCall),
    "hand_over": _Builtin("Hands the conversation over to another agent.", HandOver),
    "change_voice": _Builtin("Changes the voice that you speak with.", ChangeVoice),
    "change_language": _Builtin(
        "Changes the language that you hear and speak from now on.", ChangeLanguage
    ),
    "current_time": _Builtin("The date and time now.", CurrentTime),
}


class BuiltinTools:
    """Makes them for a session; `now` is the time, with its zone."""

    def __init__(
        self,
        profiles: ProfileModels,
        models: ModelAccess,
        now: Callable[[], datetime] = lambda: datetime.now(UTC).astimezone(),
    ) -> None:
        self._profiles = profiles
        self._models = models
        self._now = now
        self._work: dict[BuiltinTool, Callable[[ToolUser, Any], Awaitable[ToolOutcome]]] = {
            "end_call": self._end_call,
            "hand_over": self._hand_over,
            "change_voice": self._change_voice,
            "change_language": self._change_language,
            "current_time": self._current_time,
        }

    def of(self, user: ToolUser) -> list[Tool]:
        """Those that the session's profile has switched on."""
        config = user.options.tools
        tools = []
        for name in config.builtin:
            schema = BUILTINS[name].arguments.model_json_schema()
            if name == "hand_over":
                schema["properties"]["profile"]["enum"] = list(config.hand_over_to)
            spec = ToolSpec(name, BUILTINS[name].description, schema)
            tools.append(Tool(spec, partial(self._perform, name, user), SOURCE))
        return tools

    async def _perform(self, name: BuiltinTool, user: ToolUser, call: ToolCall) -> ToolOutcome:
        given: Any = parse_json(call.arguments, "the arguments", param="arguments")
        arguments = validated(BUILTINS[name].arguments, given, "arguments")
        return await self._work[name](user, arguments)

    async def _end_call(self, user: ToolUser, wanted: EndCall) -> ToolOutcome:
        user.end_after_reply()
        return ToolOutcome("The call ends.", say=wanted.farewell, ends_reply=True)

    async def _hand_over(self, user: ToolUser, wanted: HandOver) -> ToolOutcome:
        """The other profile's models, instructions and tools; what the client has set stays."""
        if wanted.profile not in user.options.tools.hand_over_to:
            raise ToolFailed(f"there is no agent {wanted.profile!r} to hand over to")
        other = self._profiles.options(wanted.profile)
        await self._change(user, partial(_as_set_by_client, other))
        done = f"The conversation is now with {wanted.profile}."
        return ToolOutcome(done, say=other.greeting, ends_reply=bool(other.greeting))

    async def _change_voice(self, user: ToolUser, wanted: ChangeVoice) -> ToolOutcome:
        choice = VoiceChoice.parse(wanted.voice)
        info = await self._models.offered(choice.model, "tts", user.options.language)
        choice = replace(choice, model=info.name)
        await self._change(user, lambda now: now.updated(voice_choice=choice))
        return ToolOutcome(f"The voice is now {choice}.")

    async def _change_language(self, user: ToolUser, wanted: ChangeLanguage) -> ToolOutcome:
        language = tag_of(wanted.language)
        await self._change(user, lambda now: self._profiles.in_language(now, language))
        return ToolOutcome(f"The language is now {language}.")

    async def _change(
        self, user: ToolUser, wanted: Callable[[SessionOptions], SessionOptions]
    ) -> None:
        """Takes what `wanted` makes of the options; what the client sets meanwhile stays."""
        while True:
            now = user.options
            options = await self._models.require(wanted(now))
            if user.options is now:
                user.change(options)
                return
            # They were changed while a model was loaded: the result is made again.

    async def _current_time(self, _user: ToolUser, wanted: CurrentTime) -> ToolOutcome:
        now = self._now()
        if wanted.timezone:
            try:
                now = now.astimezone(ZoneInfo(wanted.timezone))
            except (ZoneInfoNotFoundError, ValueError):
                raise ToolFailed(f"there is no time zone {wanted.timezone!r}") from None
        return ToolOutcome(f"{now:%A, %Y-%m-%d %H:%M} {wanted.timezone or now.tzname()}")


def _as_set_by_client(other: SessionOptions, now: SessionOptions) -> SessionOptions:
    """The options of another profile, with those of the session that belong to its client."""
    pauses = now.endpointing.model_dump(include={"finished_ms", "unfinished_ms"})
    return other.updated(
        offer=now.offer,
        auto_reply=now.auto_reply,
        barge_in=now.barge_in,
        vad=now.vad,
        fixed_silence=now.fixed_silence,
        endpointing=other.endpointing.model_copy(update=pauses),
        echo_control=now.echo_control,
        pre_roll_ms=now.pre_roll_ms,
        nudge_after_ms=now.nudge_after_ms,
        text_only=now.text_only,
        max_tokens=now.max_tokens,
    )
