"""Every error vdx raises, with the failing service and whether a retry can help.

    VdxError
    ├── ConfigError              a configuration key or value is wrong         (config)
    ├── InvalidInput             the caller sent something vdx cannot use      (request)
    │   ├── UnknownName          a model, voice, profile or file that is not there
    │   │   ├── NoLiveKit        this server has no rooms
    │   │   ├── NoItemToRetrieve an item of a conversation that is not there, asked for
    │   │   ├── NoItemToTruncate … cut
    │   │   ├── NoItemToDelete   … deleted
    │   │   └── NoItemBefore     … named as the one that a new item follows
    │   ├── DuplicateItem        a new item has the id of another
    │   ├── ReplyActive          a reply is asked for while one is under way
    │   ├── NoReplyActive        a reply is cancelled that is not under way
    │   ├── EmptyInput           a turn is ended of which nothing was heard
    │   ├── McpServerRefused     an MCP server that clients may not name
    │   ├── NotLoaded            a model that clients may not name until it is loaded
    │   ├── TooLarge             more bytes, or a longer recording, than the server takes
    │   │   └── HeadersTooLarge  in the headers of a request
    │   ├── TooSlow              a body that did not arrive in time
    │   ├── UnsupportedMedia     a body of another type than the endpoint reads
    │   └── InvalidVoicepack     a model's file is not what it must be         (voicepack)
    ├── HubError                 a model could not be fetched                  (hub)
    ├── RegistryError            a package with a model could not be fetched   (registry)
    ├── RegistryUnavailable      the Redis that names the model servers        (redis)
    ├── Unauthorized             no API key, or a wrong one                    (request)
    ├── RateLimited              the key has used up its requests              (request)
    ├── Forbidden                a browser's page or host name is not ours     (request)
    ├── ConnectionLost           no server answers, or the connection ended    (realtime)
    ├── StorageFailed            a temporary file could not be written        (storage)
    ├── SessionLimit             a session or the server reached a limit       (session)
    │   ├── Draining             the server is about to end and takes no more  (server)
    │   └── ServersBusy          every model server that could serve it is     (server)
    ├── SetupError               the machine lacks something vdx needs         (setup)
    │   └── PortTaken            a port given explicitly is in use
    ├── RoomError                LiveKit refused, or its server is gone        (livekit)
    ├── ResponderError           the chat endpoint or script failed            (responder)
    │   ├── ContextExceeded      the conversation is too long for its model
    │   ├── ContextTooSmall      instructions and tools alone are
    │   ├── SummaryFailed        old turns are left out without a summary of them
    │   └── LanguageModelFailed  the process of the local model             (language_model)
    ├── ToolFailed               a tool could not be called, or failed         (tool)
    │   └── McpFailed            an MCP server that a client named
    └── TritonError              Triton or a model in it failed                (triton)
        ├── TritonUnavailable    no server answers
        ├── ModelUnavailable     the model is not loaded
        │   └── ModelDied        its process ended
        ├── ManagerUnavailable   no model manager answers
        │   └── ManagerRefused   it refuses the API key
        ├── LoadRefused          there is no room for the model, and nothing can go
        ├── ModelBusy            the model's admission limit is reached
        ├── ModelTimeout         no answer within the configured time
        ├── ModelRejected        the model says the request is invalid
        ├── ModelFailed          the model failed while answering
        └── RequestCancelled     the request was cancelled by this side

`retryable` says whether the same call can succeed later without being changed.
"""

from typing import ClassVar

from vdx.core.masking import masked
from vdx.core.mcp import McpFault


class VdxError(Exception):
    """Base of the tree: `service` names what failed, `code` is stable and machine-readable."""

    service: str = "vdx"
    retryable: bool = False
    code: ClassVar[str] = "internal"

    def __init__(self, message: str, *, service: str | None = None) -> None:
        message = masked(message)
        super().__init__(message)
        self.message = message
        if service is not None:
            self.service = service

    def __str__(self) -> str:
        return self.message

    @property
    def fields(self) -> dict[str, object]:
        """The JSON fields of an error in every transport; each adds what its protocol has."""
        return {
            "code": self.code,
            "message": self.message,
            "service": self.service,
            "retryable": self.retryable,
        }

    @property
    def for_log(self) -> str:
        """The message without quotes of a request: words of users are never logged."""
        return self.message


class ConfigError(VdxError):
    """A configuration key or value is wrong; the message names both."""

    service = "config"
    code = "invalid_config"


class InvalidInput(VdxError):
    """The caller sent something unusable; `param` names the field."""

    service = "request"
    code = "invalid_value"

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param

    @property
    def for_log(self) -> str:
        return f"{self.code}: {self.param or 'the request'} was refused"


class UnknownName(InvalidInput):
    """A model, voice, profile or file that does not exist."""

    code = "not_found"


class NoItemToRetrieve(UnknownName):
    """The codes of these errors, up to EmptyInput, are those of OpenAI's Realtime protocol."""

    code = "item_retrieve_invalid_item_id"


class NoItemToTruncate(UnknownName):
    """There is no such item."""

    code = "item_truncate_invalid_item_id"


class NoItemToDelete(UnknownName):
    """There is no such item."""

    code = "item_delete_invalid_item_id"


class NoItemBefore(UnknownName):
    """There is no item that the new one could follow."""

    code = "item_create_invalid_previous_item_id"


class DuplicateItem(InvalidInput):
    """The conversation has an item of this id already."""

    code = "item_create_duplicate_item_id"


class ReplyActive(InvalidInput):
    """A reply is under way, or waits for what is being said."""

    code = "conversation_already_has_active_response"


class NoReplyActive(InvalidInput):
    """The reply is not under way."""

    code = "response_cancel_not_active"


class EmptyInput(InvalidInput):
    """Nothing was heard since the last turn."""

    code = "input_audio_buffer_commit_empty"


class McpServerRefused(InvalidInput):
    """A client named an MCP server that this host does not connect to for clients."""

    code = "mcp_server_not_allowed"


class NotLoaded(InvalidInput):
    """A model that is neither loaded nor a profile's; the message says how to load it."""

    code = "model_not_loaded"


class TooLarge(InvalidInput):
    """The body, or the file in it, has more bytes than the server takes, or lasts longer."""

    code = "too_large"


class HeadersTooLarge(TooLarge):
    """The headers of a request have more bytes than the server takes."""

    code = "headers_too_large"


class TooSlow(InvalidInput):
    """A request did not arrive within the time it is given."""

    code = "request_timeout"


class UnsupportedMedia(InvalidInput):
    """The body is of a type the endpoint does not read."""

    code = "unsupported_media_type"


class Unauthorized(VdxError):
    """No API key, or a wrong one."""

    service = "request"
    code = "unauthorized"


class RateLimited(VdxError):
    """The key has used up its requests; `retry_after_s` says when there are more."""

    service = "request"
    retryable = True
    code = "rate_limited"

    def __init__(self, message: str, *, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Forbidden(VdxError):
    """The page's origin or the host name is not allowed, or the key may not do this."""

    service = "request"
    code = "forbidden"


class ConnectionLost(VdxError):
    """The server ended the conversation, or none answers."""

    service = "realtime"
    code = "connection_lost"
    retryable = True


class NoLiveKit(UnknownName):
    """This server has no rooms."""

    code = "no_livekit"


class InvalidVoicepack(InvalidInput):
    """A file or the metadata of a model is wrong; the message names file and reason."""

    service = "voicepack"
    code = "invalid_voicepack"


class HubError(VdxError):
    """The Hugging Face hub did not give what was asked for; `retryable` depends on the cause."""

    service = "hub"
    code = "hub_failed"

    def __init__(self, message: str, *, retryable: bool) -> None:
        super().__init__(message)
        self.retryable = retryable


class RegistryError(VdxError):
    """The Python package registry did not give a package, or gave another than the pinned one."""

    service = "registry"
    code = "registry_failed"

    def __init__(self, message: str, *, retryable: bool = True) -> None:
        super().__init__(message)
        self.retryable = retryable


class SessionLimit(VdxError):
    """A configured limit of a session or of the server is reached."""

    service = "session"
    code = "limit_reached"
    retryable = True


class StorageFailed(VdxError):
    """A temporary file could not be written: the disk is full or refuses it."""

    service = "storage"
    code = "storage_failed"
    retryable = True


class Draining(SessionLimit):
    """The server was told to end: it finishes what is open and takes no new session."""

    service = "server"
    code = "draining"


class ServersBusy(SessionLimit):
    """Every model server that could serve a session has too many requests in flight."""

    service = "server"
    code = "servers_busy"


class SetupError(VdxError):
    """The machine lacks something; the message says how to install it."""

    service = "setup"
    code = "setup"


class PortTaken(SetupError):
    """A port that was asked for explicitly is already in use; `port` is its number."""

    code = "port_taken"

    def __init__(self, message: str, *, port: int = 0) -> None:
        super().__init__(message)
        self.port = port


class RoomError(VdxError):
    """The LiveKit server does not answer, refuses, or closed the room."""

    service = "livekit"
    code = "room_failed"
    retryable = True


class ResponderError(VdxError):
    """The responder failed; `retryable` depends on the cause."""

    service = "responder"
    code = "responder_failed"

    def __init__(
        self, message: str, *, retryable: bool, told: str = "", elsewhere: bool | None = None
    ) -> None:
        """`told` is the endpoint's message, which may quote the conversation.

        `elsewhere`: another endpoint may answer the same; None: where a retry can help.
        """
        super().__init__(f"{message}: {told}" if told else message)
        self.retryable = retryable
        self.elsewhere = retryable if elsewhere is None else elsewhere
        self._for_log = message

    @property
    def for_log(self) -> str:
        return self._for_log


class ContextExceeded(ResponderError):
    """The endpoint says that the prompt has more tokens than its model takes."""

    code = "context_exceeded"


class ContextTooSmall(ResponderError):
    """The configured context cannot hold the instructions and the tools; names the setting."""

    code = "context_too_small"


class SummaryFailed(ResponderError):
    """The responder made no summary of the oldest turns, which are left out of its prompts."""

    code = "summary_failed"


class LanguageModelFailed(ResponderError):
    """The process that serves the local language model ended, or does not answer."""

    service = "language_model"
    code = "language_model_failed"

    def __init__(
        self,
        message: str,
        *,
        retryable: bool = True,
        told: str = "",
        elsewhere: bool | None = None,
    ) -> None:
        super().__init__(message, retryable=retryable, told=told, elsewhere=elsewhere)


class ToolFailed(VdxError):
    """A tool could not be called, or says that it failed; the message is for the responder."""

    service = "tool"
    code = "tool_failed"


class McpFailed(ToolFailed):
    """An MCP server could not be asked, or refused; `fault` says which kind of failure it was."""

    def __init__(self, message: str, fault: McpFault) -> None:
        super().__init__(message)
        self.fault = fault


class TritonError(VdxError):
    """Triton or one of its models failed; `model` is empty for the server itself."""

    service = "triton"
    code = "triton_failed"

    def __init__(self, message: str, *, model: str = "") -> None:
        super().__init__(message, service=f"triton:{model}" if model else "triton")
        self.model = model


class TritonUnavailable(TritonError):
    code = "unavailable"
    retryable = True


class ModelUnavailable(TritonError):
    code = "model_unavailable"
    retryable = True


class ModelDied(ModelUnavailable):
    """The model's process ended; requests in flight are lost."""


class RegistryUnavailable(VdxError):
    """The Redis in which model servers announce themselves does not answer."""

    service = "redis"
    code = "registry_unavailable"
    retryable = True


class ManagerUnavailable(TritonError):
    """The model manager that loads and unloads for this frontend does not answer."""

    code = "manager_unavailable"
    retryable = True


class ManagerRefused(ManagerUnavailable):
    """The model manager does not accept the API key of this frontend."""

    code = "manager_refused"
    retryable = False


class LoadRefused(TritonError):
    """A limit of the model manager is reached and every model is in use; names the figures."""

    code = "load_refused"
    retryable = True


class ModelBusy(TritonError):
    code = "busy"
    retryable = True


class ModelTimeout(TritonError):
    code = "timeout"
    retryable = True


class ModelRejected(TritonError):
    code = "invalid_argument"

    @property
    def for_log(self) -> str:
        return "the model refused what it was sent"


class ModelFailed(TritonError):
    code = "model_failed"
    retryable = True


class RequestCancelled(TritonError):
    code = "cancelled"
