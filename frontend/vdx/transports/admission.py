"""Whether a client may begin a conversation now, and with which options."""

from vdx.app import Application
from vdx.core.errors import SessionLimit
from vdx.dialog.profiles import SessionOptions
from vdx.transports.openai_names import is_openai_model


def admit(host: Application, model: str) -> SessionOptions:
    """The options of the profile that `model` names; OpenAI's own names mean the default one.

    Raises:
        SessionLimit: the server ends, has not loaded its models yet, or is full.
        UnknownName: there is no such profile.
    """
    if host.drain.active:
        raise host.drain.refusal()
    if not host.loaded:
        raise SessionLimit("the models are still loading; try again in a moment")
    options = host.profiles.options("" if is_openai_model(model) else model)
    host.require_room()
    return options
