"""What a client asks for of one response, made a request to the session."""

from collections.abc import Callable

from vdx.core.errors import InvalidInput, NotLoaded
from vdx.core.voice_choice import VoiceChoice
from vdx.dialog.history import History
from vdx.dialog.reply_request import ReplyRequest
from vdx.transports.function_tools import offer_of
from vdx.transports.openai_names import VOICES
from vdx.transports.realtime.items import items_of
from vdx.transports.realtime.schema import ResponseCreate
from vdx.transports.realtime.settings import Settings


def own_reply(
    wanted: ResponseCreate, history: History, settings: Settings, loaded: Callable[[str], bool]
) -> ReplyRequest:
    """The request; `loaded` says whether a model is there.

    Raises:
        InvalidInput: the input of the response is not usable or leaves nothing to answer, its
            voice is not loaded, or its tools are none.
    """
    if wanted.conversation == "none" and wanted.tools:
        raise InvalidInput(
            "a response beside the conversation calls no tools", param="response.tools"
        )
    if wanted.input == [] and not (wanted.instructions or settings.options.instructions):
        raise InvalidInput(
            "response.input is empty and there are no instructions: there is nothing to answer",
            param="response.input",
        )
    offer = offer_of(
        wanted.tools,
        wanted.tool_choice,
        wanted.parallel_tool_calls,
        settings.options.offer,
        "response",
        settings.options.tools.client_mcp,
    )
    modalities, most = wanted.output_modalities, wanted.max_output_tokens
    return ReplyRequest(
        text_only=None if modalities is None else modalities == ["text"],
        max_tokens=None if most == "inf" else most,
        voice=_voice(wanted, settings, loaded),
        items=None if wanted.input is None else items_of(wanted.input, history),
        in_conversation=wanted.conversation != "none",
        offer=offer,
        metadata=wanted.metadata,
    )


def check_answerable(wanted: ResponseCreate, history: History, *, in_speech: bool) -> None:
    """Raises InvalidInput where nothing was said, is being said, or instructs.

    A conversation without items is answered from the instructions alone.
    """
    instructions = wanted.instructions or history.instructions
    if wanted.input is None and not (len(history) or in_speech or instructions.strip()):
        raise InvalidInput(
            "the conversation is empty and there are no instructions: there is nothing to answer",
            param="response",
        )


def beside_conversation(own: ReplyRequest, settings: Settings) -> bool:
    """Whether the response is written and no part of the conversation: it disturbs no other."""
    text_only = settings.options.text_only if own.text_only is None else own.text_only
    return text_only and not own.in_conversation


def _voice(
    wanted: ResponseCreate, settings: Settings, loaded: Callable[[str], bool]
) -> VoiceChoice | None:
    voice = wanted.audio.output.voice if wanted.audio and wanted.audio.output else None
    if voice is None:
        return None
    name = voice if isinstance(voice, str) else voice.id
    choice = settings.default_voice if name in VOICES else VoiceChoice.parse(name)
    if not loaded(choice.model):
        raise NotLoaded(
            f"the voice {name!r} is not loaded; name it in a session.update, which loads it",
            param="response.audio.output.voice",
        )
    return choice
