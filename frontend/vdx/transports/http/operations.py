"""Every operation of the HTTP API in one table, from which its OpenAPI document is made."""

from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel

from vdx.core.ffmpeg import FORMATS
from vdx.transports.http import schema
from vdx.transports.room.tokens import TokenAnswer, TokenRequest

JSON: Final = "application/json"
FORM: Final = "multipart/form-data"
TEXT: Final = "text/plain"
EVENTS: Final = "text/event-stream"

Content = dict[str, tuple[type[BaseModel], ...]]
"""Media type -> what it may hold; nothing stands for text, bytes or any JSON object."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One path and method; `refusals` are the statuses that it may refuse with."""

    method: str
    path: str
    summary: str
    answers: Content
    refusals: tuple[int, ...] = ()
    body: type[BaseModel] | None = None
    body_type: str = JSON
    query: tuple[str, ...] = ()
    example: str = ""
    open: bool = False
    also: tuple[int, ...] = ()

    @property
    def tag(self) -> str:
        return "OpenAI" if self.path.startswith("/v1/") else "vdx"


AUDIO: Final[Content] = dict.fromkeys(
    ("audio/mpeg", "audio/ogg", "audio/aac", "audio/flac", "audio/wav", "audio/pcm", EVENTS), ()
)
MODEL_REFUSALS: Final = (400, 404, 429, 502, 503, 504)

OPERATIONS: Final = (
    Operation(
        "post",
        "/v1/audio/speech",
        "Speak a text; bytes leave while it is being spoken.",
        AUDIO,
        (*MODEL_REFUSALS, 408, 413, 415),
        schema.SpeechRequest,
        example="-H 'Content-Type: application/json' -o hello.mp3 "
        """-d '{"model": "tts-1", "voice": "alloy", "input": "Hello there."}'""",
    ),
    Operation(
        "post",
        "/v1/audio/transcriptions",
        f"Write a recording down: {FORMATS}, any rate, up to 16 channels and 25 MB.",
        {
            JSON: (schema.Transcription, schema.VerboseTranscription),
            TEXT: (),
            "text/vtt": (),
            EVENTS: (),
        },
        (*MODEL_REFUSALS, 408, 413, 415, 507),
        schema.TranscriptionRequest,
        FORM,
        example="-F model=whisper-1 -F file=@hello.mp3",
    ),
    Operation(
        "get",
        "/v1/models",
        "What `model` and `voice` may name.",
        {JSON: (schema.ModelList,)},
        (503,),
    ),
    Operation("get", "/v1/models/{name}", "One of them.", {JSON: (schema.Model,)}, (404, 503)),
    Operation("get", "/healthz", "The process is alive.", {TEXT: ()}, open=True),
    Operation(
        "get",
        "/readyz",
        "200 while Triton answers and the models are loaded, else 503 and why.",
        {TEXT: ()},
        open=True,
        also=(503,),
    ),
    Operation("get", "/metrics", "Prometheus text.", {TEXT: ()}),
    Operation("get", "/vdx/page", "What the page must know.", {JSON: ()}, open=True),
    Operation("get", "/vdx/status", "Process ids, sessions, default models.", {JSON: ()}),
    Operation("get", "/vdx/sessions", "Open sessions and how each stands.", {JSON: ()}),
    Operation("get", "/vdx/models", "Models, their state and abilities.", {JSON: ()}, (503,)),
    *(
        Operation(
            "post",
            f"/vdx/models/{{name}}/{action}",
            summary,
            {JSON: ()},
            MODEL_REFUSALS,
            query=("session",) if action == "use" else (),
        )
        for action, summary in (
            ("load", "Load a model and warm it up."),
            ("unload", "Unload a model; what it says now is finished."),
            ("use", "Switch live sessions, or the one named, to a model."),
        )
    ),
    Operation(
        "post",
        "/token",
        "A token for one LiveKit room.",
        {JSON: (TokenAnswer,)},
        (400, 404, 408, 413),
        TokenRequest,
    ),
)

MODELS: Final[tuple[type[BaseModel], ...]] = (
    schema.Failure,
    *dict.fromkeys(
        shape
        for operation in OPERATIONS
        for shapes in ((operation.body,), *operation.answers.values())
        for shape in shapes
        if shape is not None
    ),
)
