"""Released recognisers of the catalogue: what is told, checked, accepted and kept."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.serving.hub_server import FakeHub, Repository, serving, sha256
from vdx.core.errors import HubError, InvalidInput, UnknownName
from vdx.core.language_tags import parse_tag
from vdx.core.paths import locate
from vdx.serving.model_config import read_entry
from vdx.serving.voicepacks import pull as pulling
from vdx.serving.voicepacks import released as catalogue
from vdx.serving.voicepacks.catalogue import WHISPER_REPOS
from vdx.serving.voicepacks.hub import Hub
from vdx.serving.voicepacks.identify import pick
from vdx.serving.voicepacks.metadata import Voicepack, families
from vdx.serving.voicepacks.released import Released, ReleasedFile, released_recognisers
from vdx.serving.voicepacks.store import VoicepackStore

TOKENS = "<blk> 0\n▁a 1\n".encode()
ZIPFORMER = {name: name.encode() * 9 for name in ("encoder.onnx", "decoder.onnx", "joiner.onnx")}
WHOLE = {name: name.encode() for name in ("encoder_model.ort", "decoder_model_merged.ort")}


@pytest.fixture
def fake() -> Iterator[FakeHub]:
    zipformer = {**ZIPFORMER, "tokens.txt": TOKENS, "encoder-other.onnx": b"x"}
    repositories = {
        "k2/zipformer": Repository(zipformer, large={"encoder.onnx"}),
        "moonshine/base-xx": Repository({**WHOLE, "tokenizer.bin": b"\x01a"}),
    }
    with serving(FakeHub(repositories)) as hub:
        yield hub


class Place:
    """An empty home, and a catalogue of one entry."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.paths = replace(locate(), home=home)
        self.store = VoicepackStore(self.paths)
        self.told: list[str] = []
        self._patch = monkeypatch

    def pull(self, fake: FakeHub, entry: Released, *, accepted: bool = False) -> Voicepack:
        self._patch.setattr(catalogue, "released_recognisers", lambda: (entry,))
        return pulling.pull(
            Hub(fake.url),
            self.store,
            self.paths,
            entry.id.upper(),
            accepted=accepted,
            tell=self.told.append,
        )


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return Place(tmp_path / "home", monkeypatch)


def zipformer(**files: ReleasedFile) -> Released:
    names = [*ZIPFORMER, "tokens.txt"]
    return Released(
        id="zipformer-xx",
        family="transducer",
        languages=("en",),
        licence="Apache-2.0",
        repository="k2/zipformer",
        about_mb=1.5,
        files={name: files.get(name.partition(".")[0], ReleasedFile()) for name in names},
    )


def moonshine(fake: FakeHub, **changes: object) -> Released:
    contents = fake.repositories["moonshine/base-xx"].files
    entry = Released(
        id="moonshine-xx",
        family="moonshine",
        languages=("es",),
        licence="Community",
        url=f"{fake.url}/cdn/moonshine/base-xx",
        files={name: ReleasedFile(size=len(raw)) for name, raw in contents.items()},
    )
    return entry.model_copy(update=changes)


def test_a_model_of_the_hub(fake: FakeHub, place: Place) -> None:
    """Only the files that are named, though another would be an encoder too."""
    sure = ReleasedFile(sha256=sha256(ZIPFORMER["encoder.onnx"]))
    pack = place.pull(fake, zipformer(encoder=sure))
    assert (pack.id, pack.family, pack.languages) == ("zipformer-xx", "transducer", ["en"])
    assert set(pack.files) == {*ZIPFORMER, "tokens.txt"}
    assert pack.licence == "Apache-2.0"
    assert pack.source.startswith(f"{fake.url}/k2/zipformer@")
    assert place.told == ["zipformer-xx: 1.5 MB, licence: Apache-2.0, from k2/zipformer"]
    assert read_entry(place.paths.pulled_models / "zipformer-xx").speaks("en")


def test_a_model_of_a_web_server(fake: FakeHub, place: Place) -> None:
    pack = place.pull(fake, moonshine(fake))
    assert (pack.family, pack.languages, pack.licence) == ("moonshine", ["es"], "Community")
    assert pack.files["encoder_model.ort"] == sha256(WHOLE["encoder_model.ort"])
    assert "no sha256 was known of 3 files" in place.told[-1]
    place.store.check(place.store.find("moonshine-xx"))
    info = read_entry(place.paths.pulled_models / "moonshine-xx")
    assert info.capabilities == {"streaming", "cpu_ok", "punctuation", "prompts"}


def test_no_token_of_the_hub_goes_to_a_web_server(
    fake: FakeHub, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import utils

    given: list[object] = []
    build = utils.build_hf_headers

    def noted(**options: object) -> dict[str, str]:
        given.append(options.get("token"))
        return build(**options)  # type: ignore[arg-type]

    monkeypatch.setattr(utils, "build_hf_headers", noted)
    place.pull(fake, moonshine(fake))
    assert given == [False] * 3


def test_a_licence_that_restricts_the_use_is_to_be_accepted(fake: FakeHub, place: Place) -> None:
    entry = moonshine(fake, commercial=False)
    with pytest.raises(InvalidInput, match=r"moonshine-xx: Community; .*--accept-licence") as told:
        place.pull(fake, entry)
    assert told.value.param == "accept_licence"
    assert fake.asked == []
    assert place.pull(fake, entry, accepted=True).id == "moonshine-xx"
    again = entry.model_copy(update={"id": "moonshine-yy"})
    assert place.pull(fake, again).id == "moonshine-yy", "accepted once on a machine"


@pytest.mark.parametrize(
    "known", [ReleasedFile(size=7), ReleasedFile(sha256="0" * 64)], ids=["size", "digest"]
)
def test_another_file_than_the_known_one_is_not_taken(
    fake: FakeHub, place: Place, known: ReleasedFile
) -> None:
    with pytest.raises(HubError, match=r"joiner\.onnx is not the file that the catalogue"):
        place.pull(fake, zipformer(joiner=known))
    assert not list(place.paths.pulled_models.glob("*"))
    assert place.pull(fake, zipformer()).id == "zipformer-xx"


def test_a_file_that_the_hub_lost_is_named(fake: FakeHub, place: Place) -> None:
    del fake.repositories["k2/zipformer"].files["joiner.onnx"]
    with pytest.raises(UnknownName, match=r"k2/zipformer has no joiner\.onnx"):
        place.pull(fake, zipformer())


@pytest.mark.parametrize("entry", released_recognisers(), ids=lambda entry: entry.id)
def test_each_entry_is_one_model(entry: Released) -> None:
    parts = pick(entry.files, "", entry.id)
    assert (parts.family, set(parts.files)) == (entry.family, set(entry.files))
    assert families()[entry.family] == "asr"
    assert all(parse_tag(language) for language in entry.languages)
    assert entry.licence
    assert entry.size > 40_000_000
    assert bool(entry.repository) != bool(entry.url)
    assert entry.id == entry.id.casefold()
    assert entry.id not in WHISPER_REPOS


def test_ids_are_unique() -> None:
    ids = [entry.id for entry in released_recognisers()]
    assert len(set(ids)) == len(ids)
    assert {entry.family for entry in released_recognisers()} == {"moonshine", "transducer"}
