"""Fetches a model from the hub and takes it in."""

import contextlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from vdx.core.errors import SetupError
from vdx.serving.voicepacks import identify
from vdx.serving.voicepacks.catalogue import find
from vdx.serving.voicepacks.hub import Hub, Order
from vdx.serving.voicepacks.metadata import Voicepack
from vdx.serving.voicepacks.model_files import licence_in
from vdx.serving.voicepacks.staging import Origin
from vdx.serving.voicepacks.store import VoicepackStore

SPARE_BYTES = 64 * 1024 * 1024

Tell = Callable[[str], None]


def pull(
    hub: Hub,
    store: VoicepackStore,
    home: Path,
    name: str,
    *,
    id_: str = "",
    parameters: Mapping[str, str] | None = None,
    tell: Tell,
) -> Voicepack:
    """Looks `name` up, downloads it under `home` and adds it to the store.

    A download that is cut off is kept apart and gone on with by the next call.

    Raises:
        HubError, UnknownName, InvalidVoicepack, InvalidInput, SetupError: as their makers say.
    """
    wanted = find(hub, name)
    order = hub.order(wanted.repo, revision=wanted.revision, only=wanted.only)
    chosen = id_ or wanted.id or identify.suggested_id(order.parts)
    store.require_free(chosen)
    tell(f"{chosen}: {order.size / 1e6:.1f} MB of {order.repo} at {order.commit[:12]}")
    folder = _download_folder(home, order)
    licence = ""

    def notes() -> None:
        nonlocal licence
        own = tuple(path for path in order.parts.files if (folder / path).exists())
        licence = licence_in(folder, own) or order.licence or "unknown"
        tell(f"licence: {licence}")

    with _alone(folder):
        hub.fetch(order, folder, notes)
        source = f"{hub.endpoint}/{order.repo}@{order.commit}"
        origin = Origin(source, chosen, licence, parameters or {})
        pack = store.add(folder, order.parts, origin, move=True)
        shutil.rmtree(folder, ignore_errors=True)
    return pack


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two that fetch the same would write into each other's files."""
    from filelock import FileLock, Timeout

    lock = FileLock(folder / ".lock", timeout=0)
    try:
        with lock:
            yield
    except Timeout:
        raise SetupError("another `vdx voices pull` is fetching the same") from None


def _download_folder(home: Path, order: Order) -> Path:
    """Where the order's files gather; what is left of another commit of them is removed."""
    root = home / "downloads"
    stem = order.repo.replace("/", "--")
    model = order.parts.files[0].replace("/", "--")
    folder = root / f"{stem}--{model}@{order.commit}"
    try:
        root.mkdir(parents=True, exist_ok=True)
        for other in root.glob(f"{stem}--{model}@*"):
            if other != folder:
                shutil.rmtree(other, ignore_errors=True)
        folder.mkdir(exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise SetupError(f"{error.filename or root}: {error.strerror}") from error
    if free < order.size + SPARE_BYTES:
        raise SetupError(
            f"{order.size / 1e6:.0f} MB are to be fetched, and {root} has {free / 1e6:.0f} MB free"
        )
    return folder
