"""The files of recorded calls: `FOLDER/DATE/SESSION.wav`, `.json` and `.vtt`, found and deleted."""

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from vdx.core.errors import UnknownName
from vdx.core.paths import locate

SUFFIXES: Final = (".wav", ".json", ".vtt")
DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """One call; `started` and `seconds` are empty and 0 while it goes on."""

    session: str
    folder: Path
    modified: float
    size: int
    profile: str = ""
    started: str = ""
    seconds: float = 0.0


def calls_folder(configured: Path | None) -> Path:
    """`call_recording.folder`, or the one in VDX_HOME."""
    return configured or locate().home / "calls"


def recorded_calls(folder: Path) -> Iterator[RecordedCall]:
    """Every call in the folder, the oldest first; what another process deletes meanwhile is not."""
    # Also words without sound: of a call that was deleted while it went on.
    stems = {path.with_suffix("") for path in folder.glob("*/*") if path.suffix in SUFFIXES}
    found = (call for stem in stems if (call := _call(stem)) is not None)
    yield from sorted(found, key=lambda call: call.modified)


def _call(stem: Path) -> RecordedCall | None:
    found = []
    for suffix in SUFFIXES:
        with contextlib.suppress(FileNotFoundError):
            found.append(stem.with_suffix(suffix).stat())
    if not found:
        return None
    facts = _facts(stem.with_suffix(".json"))
    return RecordedCall(
        stem.name,
        stem.parent,
        found[0].st_mtime,  # of the sound, where there is any
        sum(each.st_size for each in found),
        profile=str(facts.get("profile", "")),
        started=str(facts.get("started", "")),
        seconds=float(facts.get("seconds", 0)),
    )


def _facts(about: Path) -> dict[str, Any]:
    """What the recorder wrote; nothing where it did not come to its end, as on a full disk."""
    try:
        facts = json.loads(about.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def delete_call(folder: Path, session: str) -> None:
    """Deletes a call's files; raises UnknownName where there is none."""
    found = [call for call in recorded_calls(folder) if call.session == session]
    if not found:
        raise UnknownName(f"there is no recording of session {session!r} in {folder}")
    for call in found:
        _delete(call)


def delete_expired(folder: Path, retention_days: float) -> int:
    """Deletes the calls whose last sound is older than that; returns how many."""
    limit = time.time() - retention_days * DAY_S
    expired = [call for call in recorded_calls(folder) if call.modified < limit]
    for call in expired:
        _delete(call)
    return len(expired)


def _delete(call: RecordedCall) -> None:
    for suffix in SUFFIXES:
        (call.folder / f"{call.session}{suffix}").unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # other calls are in it, or it is gone
        call.folder.rmdir()
