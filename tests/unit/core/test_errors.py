import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import pytest

import vdx
from vdx.core import errors
from vdx.core.errors import (
    HubError,
    InvalidInput,
    McpFailed,
    ModelBusy,
    ResponderError,
    TritonError,
    VdxError,
)
from vdx.core.mcp import McpFault


def subclasses(root: type[VdxError]) -> Iterator[type[VdxError]]:
    yield root
    for child in root.__subclasses__():
        yield from subclasses(child)


def made(kind: type[VdxError]) -> VdxError:
    if issubclass(kind, ResponderError | HubError):
        return kind("it broke", retryable=True)
    if issubclass(kind, McpFailed):
        return kind("it broke", McpFault("http_error", "it broke"))
    return kind("it broke")


ALL = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, VdxError) and kind is not VdxError
]


def test_the_module_holds_the_whole_tree() -> None:
    for module in pkgutil.walk_packages(vdx.__path__, "vdx."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    ours = {kind for kind in subclasses(VdxError) if kind.__module__.startswith("vdx")}
    assert ours - {VdxError} == {*ALL}


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_error_names_a_service_and_a_code(kind: type[VdxError]) -> None:
    error = made(kind)
    assert error.service not in ("", "vdx")
    assert error.code not in ("", VdxError.code)
    assert error.code.isidentifier()
    assert isinstance(error.retryable, bool)
    assert str(error) == error.message == "it broke"


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_the_tree_in_the_docstring_shows_every_error(kind: type[VdxError]) -> None:
    assert kind.__name__ in (errors.__doc__ or "")


def test_an_error_of_a_model_names_it() -> None:
    assert ModelBusy("busy", model="espeak-en").service == "triton:espeak-en"
    assert TritonError("gone").service == "triton"


def test_input_names_its_field() -> None:
    assert InvalidInput("odd", param="audio").param == "audio"
    assert InvalidInput("odd").param is None


@pytest.mark.parametrize("retryable", [False, True])
def test_a_responder_says_whether_to_try_again(retryable: bool) -> None:
    error = ResponderError("refused", retryable=retryable)
    assert error.retryable is retryable
    assert ResponderError.retryable is False


def test_codes_tell_errors_of_triton_apart() -> None:
    # How a model became unavailable is nothing that a client can act on.
    kinds = [kind for kind in subclasses(TritonError) if kind is not errors.ModelDied]
    codes = [kind.code for kind in kinds]
    assert len(codes) == len(set(codes))
    assert errors.ModelDied.code == errors.ModelUnavailable.code


def test_what_a_log_says_quotes_no_request() -> None:
    word = "kaleidoscope"
    for error in (
        errors.InvalidInput(f"bad {word}", param="input"),
        errors.UnknownName(f"no model {word}"),
        errors.ModelRejected(f"TEXT has nothing to say: {word}"),
        errors.ResponderError("status 400", retryable=False, told=f"cannot answer {word}"),
    ):
        assert word in str(error)
        assert word not in error.for_log


def test_the_fields_that_every_transport_tells() -> None:
    error = errors.ModelBusy("8 requests are being spoken", model="tone")
    assert error.fields == {
        "code": "busy",
        "message": "8 requests are being spoken",
        "service": "triton:tone",
        "retryable": True,
    }
