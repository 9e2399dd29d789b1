"""Fetches a released recogniser of the catalogue and takes it in."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from vdx.core.errors import HubError, InvalidVoicepack
from vdx.core.paths import Paths
from vdx.serving.voicepacks import identify
from vdx.serving.voicepacks.download_folders import alone, download_folder
from vdx.serving.voicepacks.files import digest_inside
from vdx.serving.voicepacks.hub import Hub
from vdx.serving.voicepacks.metadata import Voicepack
from vdx.serving.voicepacks.model_files import limit_of
from vdx.serving.voicepacks.released import Released, ReleasedFile
from vdx.serving.voicepacks.staging import Origin
from vdx.serving.voicepacks.store import VoicepackStore

Tell = Callable[[str], None]


def pull_released(
    hub: Hub,
    store: VoicepackStore,
    paths: Paths,
    released: Released,
    id_: str,
    parameters: Mapping[str, str],
    tell: Tell,
) -> Voicepack:
    """Downloads its files, checks what is known of them, and adds it to the store.

    Raises:
        HubError: the place does not answer, or gave another file than the catalogue knows.
        UnknownName, InvalidVoicepack, InvalidInput, SetupError: as their makers say.
    """
    store.require_free(id_)
    place = released.repository or released.url
    tell(f"{id_}: {released.size / 1e6:.1f} MB, licence: {released.licence}, from {place}")
    folder = download_folder(paths.home, f"{released.id}@", "released", released.size)
    with alone(folder):
        source = _fetch(hub, released, folder)
        known = [_checked(folder, name, file) for name, file in released.files.items()]
        if released.url and not all(known):
            tell(
                f"no sha256 was known of {known.count(False)} files; those of today are kept in "
                "metadata.yaml, and `vdx voices check` compares with them"
            )
        parts = identify.pick(released.files, "", released.id)
        origin = Origin(source, id_, released.licence, parameters, released.languages)
        pack = store.add(folder, parts, origin, move=True)
        shutil.rmtree(folder, ignore_errors=True)
    return pack


def _fetch(hub: Hub, released: Released, folder: Path) -> str:
    """Every file into the folder; returns where they are from."""
    if released.repository:
        order = hub.order(released.repository, named=released.files)
        hub.fetch(order, folder, lambda: None)
        return f"{hub.endpoint}/{order.repo}@{order.commit}"
    for name, file in released.files.items():
        hub.web_file(f"{released.url}/{name}", name, file.size, folder)
    return released.url


def _checked(folder: Path, name: str, file: ReleasedFile) -> bool:
    """Whether the file is known to be the released one; another one is thrown away, by HubError."""
    place = folder / name
    size = place.stat().st_size
    if size > limit_of(name):
        place.unlink()
        raise InvalidVoicepack(f"{name} has {size} bytes, and vdx takes {limit_of(name)} at most")
    wrong = file.size not in (None, size)
    if not wrong and file.sha256:
        wrong = digest_inside(folder, name, limit_of(name)) != file.sha256
    if wrong:
        place.unlink()
        raise HubError(
            f"{name} is not the file that the catalogue of vdx knows ({size} bytes); it was thrown "
            "away",
            retryable=False,
        )
    return file.sha256 is not None
