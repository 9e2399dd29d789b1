"""Pulling from a server with the hub's own API: progress, resume, digests, and every refusal."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.serving import small_models as small
from tests.unit.serving.hub_server import FakeHub, Repository, serving, sha256
from vdx.core.errors import (
    HubError,
    InvalidInput,
    InvalidVoicepack,
    SetupError,
    UnknownName,
)
from vdx.core.paths import Paths, locate
from vdx.serving.voicepacks import download_folders
from vdx.serving.voicepacks import pull as pulling
from vdx.serving.voicepacks.catalogue import WHISPER_REPOS, piper_voices
from vdx.serving.voicepacks.hub import Hub
from vdx.serving.voicepacks.metadata import Voicepack
from vdx.serving.voicepacks.model_files import LIMITS
from vdx.serving.voicepacks.store import VoicepackStore

KEY = "de_DE-test-medium"
FOLDER = f"de/de_DE/test/medium/{KEY}"
TUGAO = "pt_PT-tugão-medium"


LANGUAGES = {
    "de": ("German", "Germany"),
    "en": ("English", "United States"),
    "pt": ("Portuguese", "Portugal"),
}


def piper_repository(*others: str) -> Repository:
    """Two voices, and more of these names; small ones."""
    folders = {KEY: FOLDER, TUGAO: f"pt/{TUGAO}"} | {name: f"others/{name}" for name in others}
    files = {"README.md": b"---\nlicense: mit\n---\n"}
    files["voices.json"] = json.dumps(
        {name: _entry(name, folder) for name, folder in folders.items()}
    ).encode()
    for name, folder in folders.items():
        config = small.piper_config(language={"code": name[:5]})
        files[f"{folder}.onnx"] = small.onnx()
        files[f"{folder}.onnx.json"] = json.dumps(config).encode()
    # Larger than the buffers on the way, so that a cut shows.
    files[f"{FOLDER}.onnx"] += b"\x32\x80\x80\x40" + bytes(1024 * 1024)
    files["de/de_DE/test/medium/MODEL_CARD"] = b"* License: CC0 1.0\n"
    return Repository(files, large={f"{folder}.onnx" for folder in folders.values()})


def _entry(name: str, folder: str) -> dict[str, Any]:
    """What `voices.json` says of a voice."""
    family = name[:2]
    language, country = LANGUAGES[family]
    return {
        "key": name,
        "name": "test",
        "language": {
            "code": name[:5],
            "family": family,
            "name_english": language,
            "country_english": country,
        },
        "quality": "medium",
        "num_speakers": 1,
        "files": {
            f"{folder}.onnx": {"size_bytes": 100, "md5_digest": "0"},
            f"{folder}.onnx.json": {"size_bytes": 10, "md5_digest": "0"},
        },
        "aliases": [f"{family}-test"],
    }


def whisper_repository(words: int = 51_865) -> Repository:
    files = small.whisper_files(words)
    return Repository({**files, "README.md": b"---\nlicense: mit\n---\n"}, {"model.bin"})


@pytest.fixture
def fake() -> Iterator[FakeHub]:
    hub = FakeHub(
        {
            "rhasspy/piper-voices": piper_repository(),
            "Systran/faster-whisper-tiny": whisper_repository(),
            "somebody/odd-name": whisper_repository(8),
            "somebody/pickled": Repository(
                {"pytorch_model.bin": b"\x80\x04.", "config.json": b"{}"}
            ),
            "somebody/gated": Repository({"model.bin": b""}, gated=True),
        }
    )
    with serving(hub):
        yield hub


class Place:
    """An empty home, and what was told while something was pulled into it."""

    def __init__(self, paths: Paths) -> None:
        self.paths, self.home = paths, paths.home
        self.models = paths.pulled_models
        self.store = VoicepackStore(paths)
        self.told: list[str] = []

    def pull(self, fake: FakeHub, name: str, id_: str = "") -> Voicepack:
        return pulling.pull(
            Hub(fake.url), self.store, self.paths, name, id_=id_, tell=self.told.append
        )

    def empty(self) -> bool:
        return not list(self.home.glob("voicepacks/*/*")) and not list(self.models.glob("*"))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(replace(locate(), home=tmp_path / "home"))


# --- what can be pulled -------------------------------------------------------------------------


def test_a_piper_voice_by_its_name(fake: FakeHub, place: Place) -> None:
    pack = place.pull(fake, KEY)
    commit = fake.repositories["rhasspy/piper-voices"].commit
    assert (pack.id, pack.family, pack.languages) == (KEY, "piper", ["de-DE"])
    assert pack.licence == "CC0 1.0"
    assert pack.source == f"{fake.url}/rhasspy/piper-voices@{commit}"
    raw = fake.repositories["rhasspy/piper-voices"].files[f"{FOLDER}.onnx"]
    assert pack.files[f"{KEY}.onnx"] == sha256(raw)
    place.store.check(place.store.find(KEY))
    assert place.told == [
        f"{KEY}: 1.0 MB of rhasspy/piper-voices at {commit[:12]}",
        "licence: CC0 1.0",
    ]
    assert not list((place.home / "downloads").iterdir())


def test_an_alias_and_a_name_with_an_accent(fake: FakeHub, place: Place) -> None:
    assert place.pull(fake, "de-test").id == KEY
    assert place.pull(fake, TUGAO).id == "pt_PT-tugao-medium"
    place.store.check(place.store.find("pt_PT-tugao-medium"))


def test_a_whisper_size(fake: FakeHub, place: Place) -> None:
    pack = place.pull(fake, "whisper-tiny")
    assert (pack.id, pack.family, pack.licence) == ("whisper-tiny", "whisper", "mit")
    assert pack.languages == ["en", "de", "yue"]
    place.store.check(place.store.find("whisper-tiny"))


def test_every_released_size_has_a_repository() -> None:
    sizes = ["tiny", "base", "small", "medium"]
    wanted = {f"whisper-{size}{only}" for size in sizes for only in ("", ".en")}
    wanted |= {f"whisper-large-v{number}" for number in (1, 2, 3)}
    assert wanted <= set(WHISPER_REPOS)


@pytest.mark.parametrize(
    ("name", "id_", "called"),
    [
        ("somebody/odd-name", "", "whisper-odd-name"),
        ("somebody/odd-name@main", "mine", "mine"),
        (f"rhasspy/piper-voices:{FOLDER}.onnx", "", KEY),
        (f"rhasspy/piper-voices:{FOLDER}.onnx.json", "", KEY),
    ],
)
def test_any_repository_by_name(
    fake: FakeHub, place: Place, name: str, id_: str, called: str
) -> None:
    assert place.pull(fake, name, id_).id == called


def test_a_revision_is_pinned(fake: FakeHub, place: Place) -> None:
    commit = fake.repositories["somebody/odd-name"].commit
    assert place.pull(fake, f"somebody/odd-name@{commit}").source.endswith(f"@{commit}")


def test_the_catalogue_is_searched(fake: FakeHub) -> None:
    voices = piper_voices(Hub(fake.url))
    assert [voice.key for voice in voices] == [KEY, TUGAO]
    assert [voice.key for voice in voices if voice.matches("german")] == [KEY]
    assert [voice.key for voice in voices if voice.matches("portugal medium")] == [TUGAO]


# --- what cannot --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "error", "named"),
    [
        ("de_DE-tset-medium", UnknownName, f"did you mean '{KEY}'"),
        ("whisper-tinny", UnknownName, "did you mean 'whisper-tiny'"),
        ("nobody/nothing", UnknownName, "nobody/nothing"),
        ("somebody/odd-name@v9", UnknownName, "somebody/odd-name"),
        ("somebody/odd-name:missing.bin", InvalidVoicepack, "no model is there"),
        ("rhasspy/piper-voices:xx/missing.onnx", UnknownName, "rhasspy/piper-voices"),
        ("somebody/pickled", InvalidVoicepack, "pytorch_model.bin may be a pickle"),
        ("somebody/gated", HubError, "accept its terms"),
        ("rhasspy/piper-voices", InvalidVoicepack, "several models"),
        ("a/b/c", InvalidInput, "a/b/c"),
        ("../x", InvalidInput, "../x"),
    ],
)
def test_what_cannot_be_pulled_is_named_and_leaves_nothing(
    fake: FakeHub, place: Place, name: str, error: type[Exception], named: str
) -> None:
    with pytest.raises(error) as caught:
        place.pull(fake, name)
    assert named in str(caught.value)
    assert place.empty()


def test_a_taken_id_costs_no_download(fake: FakeHub, place: Place) -> None:
    place.pull(fake, "whisper-tiny")
    fake.asked.clear()
    with pytest.raises(InvalidInput, match="is there already"):
        place.pull(fake, "whisper-tiny")
    assert not [path for _, path in fake.asked if "model.bin" in path]


def test_no_network(place: Place) -> None:
    with serving(FakeHub({})) as gone:
        url = gone.url
    for name in (KEY, "whisper-base", "a/b"):
        with pytest.raises(HubError, match=f"{url} does not answer.*vdx voices add") as caught:
            place.pull(FakeHub({}, url=url), name)
        assert caught.value.retryable
    assert not place.home.exists()


def test_a_hub_that_fails(fake: FakeHub, place: Place) -> None:
    fake.down = True
    with pytest.raises(HubError, match="503") as caught:
        place.pull(fake, "whisper-tiny")
    assert caught.value.retryable
    assert place.empty()


# --- on the way ---------------------------------------------------------------------------------


def test_a_file_that_arrives_spoilt_is_thrown_away(fake: FakeHub, place: Place) -> None:
    fake.spoilt = {f"{FOLDER}.onnx"}
    with pytest.raises(HubError, match=rf"{KEY}\.onnx did not arrive as the hub says") as caught:
        place.pull(fake, KEY)
    assert caught.value.retryable
    assert place.empty()
    fake.spoilt = set()
    assert place.pull(fake, KEY).id == KEY


def test_a_small_file_that_arrives_spoilt_is_found_too(fake: FakeHub, place: Place) -> None:
    fake.spoilt = {f"{FOLDER}.onnx.json"}
    with pytest.raises(HubError, match=r"\.onnx\.json did not arrive"):
        place.pull(fake, KEY)
    assert place.empty()


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library keeps what it has of a file in pieces of 10 MB."""
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 100_000)


@pytest.mark.usefixtures("small_pieces")
def test_a_download_that_is_cut_goes_on_by_itself(fake: FakeHub, place: Place) -> None:
    fake.cut = {f"{FOLDER}.onnx": [450_000]}
    assert place.pull(fake, KEY).id == KEY
    assert fake.ranges == ["bytes=400000-"]


@pytest.mark.usefixtures("small_pieces")
def test_a_pull_that_was_interrupted_goes_on_where_it_stopped(
    fake: FakeHub, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"{FOLDER}.onnx"
    size = len(fake.repositories["rhasspy/piper-voices"].files[path])
    fake.cut = {path: [600_000]}

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        # Ctrl-C in the moment the library would try again.
        patch.setattr("time.sleep", stop)
        with pytest.raises(KeyboardInterrupt):
            place.pull(fake, KEY)
    assert place.empty()
    (kept,) = list((place.home / "downloads").rglob("*.part"))
    had = kept.stat().st_size
    assert 0 < had < size
    assert place.pull(fake, KEY).id == KEY
    assert fake.ranges == [f"bytes={had}-"]
    place.store.check(place.store.find(KEY))


def test_a_file_the_hub_says_is_too_large_is_not_fetched(
    fake: FakeHub, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LIMITS, ".bin", 10)
    with pytest.raises(InvalidVoicepack, match=r"model\.bin has \d+ bytes, and vdx takes 10"):
        place.pull(fake, "whisper-tiny")
    assert not [path for _, path in fake.asked if "cdn" in path]


def test_a_disk_that_is_too_small_is_told_before(
    fake: FakeHub, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download_folders, "SPARE_BYTES", 1 << 60)
    with pytest.raises(SetupError, match="MB free"):
        place.pull(fake, "whisper-tiny")
    assert not [path for _, path in fake.asked if "cdn" in path]


def test_a_repository_with_a_hostile_path(fake: FakeHub, place: Place) -> None:
    repository = fake.repositories["somebody/odd-name"]
    repository.files["../../outside.onnx"] = small.onnx()
    repository.files["../../outside.onnx.json"] = b"{}"
    assert place.pull(fake, "somebody/odd-name").family == "whisper"
    assert not (place.home.parent.parent / "outside.onnx").exists()
