"""Voices of recordings over HTTP: made, listed, spoken with, deleted; nothing of them is left."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.unit.test_app import hosted
from vdx.core.api_keys import StoredKey, add_key, digest
from vdx.core.errors import InvalidVoicepack
from vdx.core.paths import Paths, locate
from vdx.serving.model_config import CONFIG, config_text, read_repository
from vdx.serving.models import ModelInfo
from vdx.serving.triton import SynthesisRequest, _with_reference
from vdx.serving.voicepacks.clones import RATE, REFERENCE, find_reference, remove_clone
from vdx.serving.voicepacks.metadata import METADATA, read_metadata
from vdx.serving.voicepacks.store import VoicepackStore
from vdx.transports.http.application import create_app

KEYS = {"admin": "an-admins-key-24-characters", "speak": "a-speakers-key-24-characters"}
RECORDING = Path(__file__).parents[2] / "data" / "audio" / "ps_librivox_0870.wav"
STATEMENT = "I, Jo Doe, agree that this server speaks with my voice."
FIELDS = {"name": "Jo Doe", "text": "And Mister Dashwood.", "consent": STATEMENT}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """With a model that takes the voice of a recording and needs to know what it says."""
    monkeypatch.setenv("VDX_HOME", str(tmp_path / "home"))
    paths = locate()
    assert paths.home == tmp_path / "home"
    add_model(paths, "sesame", "csm", "en")
    return paths


def add_model(paths: Paths, name: str, family: str, language: str, **more: str) -> None:
    folder = paths.pulled_models / name
    (folder / "1").mkdir(parents=True)
    told = {"languages": language, "sample_rate": "24000", "zero_shot": "true", "kind": "tts"}
    told |= more
    (folder / CONFIG).write_text(config_text(family, "tts", told))


@pytest.fixture
def client(home: Paths) -> Iterator[TestClient]:
    _, host = hosted(server={"api_keys": [KEYS["admin"]]})
    headers = {"Authorization": f"Bearer {KEYS['admin']}"}
    with TestClient(create_app(host), "http://127.0.0.1:8080", headers=headers) as opened:
        yield opened


def posted(client: TestClient, file: bytes | None = None, **fields: str) -> Any:
    raw = RECORDING.read_bytes() if file is None else file
    return client.post(
        "/v1/audio/voices",
        files={"file": ("jo doe, at home.wav", raw)},
        data={key: value for key, value in (FIELDS | fields).items() if value},
    )


def files_of(home: Paths) -> list[str]:
    return sorted(str(file.relative_to(home.home)) for file in home.home.rglob("*.wav"))


def test_a_recording_becomes_a_voice_and_goes_with_it(client: TestClient, home: Paths) -> None:
    made = posted(client)
    assert made.status_code == 200, made.text
    told = made.json()
    assert (told["id"], told["name"], told["family"]) == ("sesame/Jo-Doe", "Jo-Doe", "csm")
    assert (told["consent"], told["languages"]) == (STATEMENT, ["en"])
    place = f"voicepacks/csm/Jo-Doe/{REFERENCE}"
    assert files_of(home) == [place]
    assert (home.home / place).stat().st_mode & 0o077 == 0, "nobody else may read it"
    store = VoicepackStore(home)
    [entry] = [each for each in store.entries() if each.id == "Jo-Doe"]
    assert (entry.problem, entry.pack and entry.pack.files[REFERENCE]) == ("", told["sha256"])
    store.check(entry)

    assert client.delete("/v1/audio/voices/sesame/Jo-Doe").json()["id"] == "Jo-Doe"
    assert files_of(home) == []
    assert not (home.home / "voicepacks" / "csm" / "Jo-Doe").exists()
    assert client.delete("/v1/audio/voices/Jo-Doe").status_code == 404
    assert find_reference("sesame", "Jo-Doe") is None


def listed(client: TestClient) -> dict[str, Any]:
    return {each["id"]: each for each in client.get("/v1/audio/voices").json()["data"]}


def test_the_voices_of_recordings_are_listed(home: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    add_model(home, "other", "csm", "en")  # on the disk alone: nobody serves it
    triton, host = hosted(server={"api_keys": [KEYS["admin"]]})
    triton.states["sesame"] = "UNAVAILABLE"

    async def here() -> dict[str, ModelInfo]:
        return read_repository(home.pulled_models)

    monkeypatch.setattr(host.manager, "_read_models", here)
    headers = {"Authorization": f"Bearer {KEYS['admin']}"}
    with TestClient(create_app(host), "http://127.0.0.1:8080", headers=headers) as client:
        assert posted(client).json()["id"] == "other/Jo-Doe"
        found = listed(client)
        assert (found["sesame"]["cloned"], found["sesame"]["cloning"]) == (False, True)
        clone = found["sesame/Jo-Doe"]
        assert (clone["name"], clone["family"], clone["languages"]) == ("Jo-Doe", "csm", ["en"])
        assert (clone["cloned"], clone["cloning"], clone["loaded"]) == (True, False, False)
        assert not [each for each in found if each.startswith("other")]
        told = client.get("/vdx/models/sesame/speakers").json()["speakers"]
        assert told == found["sesame"]["speakers"] == [*"0123456789", "Jo-Doe"]
        client.delete("/v1/audio/voices/Jo-Doe")
        assert "sesame/Jo-Doe" not in listed(client)


def test_a_voice_that_is_deleted_meanwhile_is_no_fault(
    client: TestClient, home: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    posted(client)

    def deleted(folder: Path) -> Any:
        remove_clone(home, "Jo-Doe")
        return read_metadata(folder)

    monkeypatch.setattr("vdx.serving.voicepacks.clones.read_metadata", deleted)
    assert find_reference("sesame", "Jo-Doe") is None


def test_a_recording_that_cannot_be_read_is_told_without_its_place(
    client: TestClient, home: Paths
) -> None:
    posted(client)
    (home.home / "voicepacks" / "csm" / "Jo-Doe" / REFERENCE).write_bytes(b"RIFF")
    with pytest.raises(InvalidVoicepack, match="recording of the voice 'Jo-Doe'") as refused:
        find_reference("sesame", "Jo-Doe")
    assert str(home.home) not in str(refused.value)


def test_a_recording_is_not_kept_in_memory(client: TestClient) -> None:
    posted(client)
    before, again = (find_reference("sesame", "Jo-Doe") for _ in range(2))
    assert before is not None
    assert before == again
    assert again is not None
    assert before.audio is not again.audio


def test_a_recording_with_broken_metadata_can_be_deleted(client: TestClient, home: Paths) -> None:
    posted(client)
    (home.home / "voicepacks" / "csm" / "Jo-Doe" / METADATA).write_text("{")
    assert client.delete("/v1/audio/voices/Jo-Doe").status_code == 200
    assert files_of(home) == []


def test_what_is_no_voice_of_a_recording_stays(client: TestClient, home: Paths) -> None:
    other = home.home / "voicepacks" / "piper" / "somebody"
    other.mkdir(parents=True)
    (other / METADATA).write_text("{")
    refused = client.delete("/v1/audio/voices/somebody")
    assert refused.status_code == 400
    assert "no voice of a recording" in refused.json()["error"]["message"]
    assert other.exists()


def test_a_disk_that_cannot_be_written_names_no_folder(
    client: TestClient, home: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.home.mkdir(exist_ok=True)
    (home.home / "staging").write_text("in the way")
    refused = posted(client)
    assert (refused.status_code, refused.json()["error"]["code"]) == (507, "storage_failed")
    assert str(home.home) not in refused.text


def test_a_model_gets_the_recording_of_its_speaker(client: TestClient, home: Paths) -> None:
    posted(client)
    add_model(home, "cosy", "cosyvoice2", "en", emotive_zero_prompt="true")
    request = _with_reference("sesame", SynthesisRequest("Hello.", speaker="Jo-Doe"))
    assert (request.speaker, request.reference_text) == ("", FIELDS["text"])
    assert 7.0 < len(request.reference) / 2 / RATE < 7.2
    styled = _with_reference("cosy", SynthesisRequest("Hello.", speaker="Jo-Doe:sadly"))
    assert (styled.speaker, styled.reference) == (":sadly", request.reference)
    unknown = (
        ("sesame", "1"),
        ("sesame", "../csm/Jo-Doe"),
        ("espeak", "Jo-Doe"),
        ("sesame", "Jo-Doe:sadly"),  # it takes no words on how to speak, and says so
    )
    for model, speaker in unknown:
        own = SynthesisRequest("Hello.", speaker=speaker)
        assert _with_reference(model, own) == own


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"text": ""}, "text is missing: sesame has to know what the recording says"),
        ({"consent": "yes"}, "consent is missing: a statement of whoever speaks"),
        ({"consent": ""}, "consent"),
        ({"language": "de"}, "language 'de': sesame do not speak it"),
        ({"name": "…"}, "name '…' has no letter"),
        ({"voice": "x"}, "voice"),
    ],
    ids=["text", "word", "consent", "language", "name", "unknown"],
)
def test_what_is_missing_is_said(
    client: TestClient, home: Paths, fields: dict[str, str], reason: str
) -> None:
    refused = posted(client, None, **fields)
    assert refused.status_code == 400
    assert reason in refused.json()["error"]["message"]
    assert files_of(home) == []


def test_a_bad_recording_is_refused_and_nothing_of_it_is_kept_or_logged(
    client: TestClient, home: Paths, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    short = RECORDING.with_name("ps_cards_001.wav").read_bytes()
    refused = posted(client, short)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "file")
    assert "the recording has 1.1 s" in refused.json()["error"]["message"]
    assert posted(client, b"nothing").status_code == 400
    assert files_of(home) == []
    assert "jo doe" not in caplog.text.casefold()


def test_a_name_is_given_once(client: TestClient, home: Paths) -> None:
    posted(client)
    again = posted(client)
    assert (again.status_code, again.json()["error"]["param"]) == (400, "name")
    assert again.json()["error"]["message"] == "there is a voice or a model 'Jo-Doe' already"
    assert len(files_of(home)) == 1


def test_a_speaker_of_the_models_own_stays_who_it_is(client: TestClient, home: Paths) -> None:
    refused = posted(client, name="1")
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "name")
    assert "'1' is a speaker of sesame" in refused.json()["error"]["message"]
    assert files_of(home) == []


def test_without_a_model_that_clones_it_is_refused(
    client: TestClient, home: Paths, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VDX_HOME", str(tmp_path / "empty"))
    refused = posted(client)
    assert "no voice here takes the voice of a recording" in refused.json()["error"]["message"]


def test_only_administrators_decide_whose_voice_is_spoken_with(home: Paths) -> None:
    file = home.home / "keys.json"
    told = {"name": "shop", "sha256": digest(KEYS["speak"]), "scopes": ("speak", "transcribe")}
    add_key(file, StoredKey.model_validate(told))
    _, host = hosted(server={"api_keys_file": str(file)})
    headers = {"Authorization": f"Bearer {KEYS['speak']}"}
    with TestClient(create_app(host), "http://127.0.0.1:8080", headers=headers) as opened:
        assert posted(opened).status_code == 403
        assert opened.delete("/v1/audio/voices/Jo-Doe").status_code == 403


def test_a_family_that_needs_no_words_is_preferred_without_them(
    client: TestClient, home: Paths
) -> None:
    add_model(home, "xtts", "xtts", "en,de")
    assert posted(client, text="").json()["id"] == "xtts/Jo-Doe"
    assert posted(client, name="Jan", language="de").json()["id"] == "xtts/Jan"
