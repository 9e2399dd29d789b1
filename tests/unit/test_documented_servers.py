"""Commands of the documents that start servers: what each would serve with, as it is printed.

They run up to the point where the first server would be started; the tests that
`tests/unit/test_documented_commands.py` names start them.
"""

from typing import Any

import pytest

from tests.documents import DOCUMENTS, ROOT
from tests.unit.cli.calls import status_of
from tests.unit.test_documented_commands import named, typed
from vdx.cli import frontend, launch, manager, up
from vdx.core.errors import SetupError
from vdx.core.settings import Settings

SERVERS = ("up", "frontend", "manager", "triton")
SETTINGS = {
    "--voice": "tts.voice",
    "--recogniser": "asr.model",
    "--language": "asr.language",
    "--responder": "responder.kind",
    "--tritons": "embedded.tritons",
    "--grpc-address": "embedded.grpc_address",
    "--triton-url": "triton.url",
    "--manager": "model_manager.url",
    "--host": "server.host",
    "--port": "server.port",
}
"""What an option is another word for."""
PRINTED = {
    " ".join(call): call
    for document in DOCUMENTS
    for call in (*typed(document), *named(document))
    if call[0] in SERVERS and not {"assemble", "--help", "N"} & {*call}
}


def asked_for(call: list[str]) -> dict[str, str]:
    """The settings that a command line names, by key."""
    pairs = list(zip(call, [*call[1:], ""], strict=True))
    assigned = [value.split("=", 1) for option, value in pairs if option == "--set"]
    named_so = {SETTINGS[option]: value for option, value in pairs if option in SETTINGS}
    return dict(assigned) | named_so


def value_at(config: Any, key: str) -> str:
    """A setting by its dotted key, as it is typed."""
    for part in key.split("."):
        config = config[part] if isinstance(config, dict) else getattr(config, part)
    return str(config)


@pytest.mark.parametrize("line", sorted(PRINTED))
def test_a_server_starts_with_what_its_line_says(
    line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    started: list[Settings] = []

    def starts(loaded: Settings, *_: object, **__: object) -> None:
        started.append(loaded)
        raise SetupError("it starts")  # stops it here

    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("VDX_CONFIG", "")
    monkeypatch.setattr(up, "check_profiles", lambda *_: None)  # the voices are not here
    for module in (up, frontend, manager, launch):
        monkeypatch.setattr(module, "bind_server", starts)
    monkeypatch.setattr(launch, "embedded_triton", starts)
    assert status_of(*PRINTED[line]) == 1
    assert capsys.readouterr().err.endswith("vdx: it starts\n")
    found = {key: value_at(started[0].config, key) for key in asked_for(PRINTED[line])}
    assert found == asked_for(PRINTED[line])


def test_the_documents_start_each_kind_of_server() -> None:
    assert {call[0] for call in PRINTED.values()} == {*SERVERS}
