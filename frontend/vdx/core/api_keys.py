"""The file of API keys: hashed, each with a name, what it may, and how much of it.

    {"keys": [{"name": "shop", "sha256": "…", "scopes": ["talk"], "created": "2026-03-02",
               "requests_per_minute": 60, "requests_per_day": 0, "sessions": 4}]}

A key is 256 random bits, so that one round of SHA-256 keeps it: a slow hash protects what people
think up, and would cost each request milliseconds.
"""

import hashlib
import json
import os
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from vdx.core.errors import ConfigError, InvalidInput, UnknownName
from vdx.core.validation import validated

Scope = Literal["talk", "speak", "transcribe", "admin"]
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
PREFIX: Final = "vdx_"
LARGEST_FILE: Final = 1024 * 1024
"""Bytes; about 4,000 keys."""


class StoredKey(BaseModel):
    """One key; limits of 0 are none, and each process counts for itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=64, pattern=r"^[\w.@-]+$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    scopes: tuple[Scope, ...] = Field(min_length=1)
    created: str = ""
    requests_per_minute: int = Field(0, ge=0)
    requests_per_day: int = Field(0, ge=0)
    sessions: int = Field(0, ge=0, description="at once")


class KeyFile(BaseModel):
    """All of them; names and hashes are unique."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keys: tuple[StoredKey, ...] = ()

    @model_validator(mode="after")
    def _are_unique(self) -> "KeyFile":
        for values in ({key.name for key in self.keys}, {key.sha256 for key in self.keys}):
            if len(values) != len(self.keys):
                raise ValueError("a name or a hash is there twice")
        return self


def digest(key: str) -> str:
    """The hash under which a key is kept."""
    return hashlib.sha256(key.encode()).hexdigest()


def read_keys(path: Path) -> KeyFile:
    """What the file holds; raises ConfigError where it cannot be read or is not one."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ConfigError(f"{path}: more than {LARGEST_FILE} bytes is no file of keys")
        data = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise ConfigError(
            f"{path} (server.api_keys_file) is not there; `vdx keys add NAME` makes it"
        ) from None
    except OSError as error:
        raise ConfigError(f"{path} (server.api_keys_file): {error.strerror}") from None
    except (ValueError, RecursionError):  # the latter of brackets in brackets
        raise ConfigError(f"{path} (server.api_keys_file) is no JSON") from None
    try:
        return validated(KeyFile, data)
    except InvalidInput as error:
        raise ConfigError(f"{path} (server.api_keys_file): {error.message}") from None


def add_key(path: Path, key: StoredKey) -> None:
    """Writes one more key; raises InvalidInput where its name is taken."""

    def change(found: KeyFile) -> KeyFile:
        if any(each.name == key.name for each in found.keys):
            raise InvalidInput(f"there is a key {key.name!r} already; revoke it first")
        return KeyFile(keys=(*found.keys, key))

    _change(path, change)


def revoke_key(path: Path, name: str) -> None:
    """Removes a key; raises UnknownName where there is none of this name."""

    def change(found: KeyFile) -> KeyFile:
        left = tuple(each for each in found.keys if each.name != name)
        if len(left) == len(found.keys):
            raise UnknownName(f"there is no key {name!r} in {path}")
        return KeyFile(keys=left)

    _change(path, change)


def new_key() -> str:
    """A key of 256 random bits; its beginning lets logs and scanners know it."""
    return PREFIX + secrets.token_urlsafe(32)


def today() -> str:
    """The date in UTC, as a key's `created`."""
    return datetime.now(UTC).date().isoformat()


def _change(path: Path, change: Callable[[KeyFile], KeyFile]) -> None:
    """Reads, changes and replaces the file in one step for whoever reads it; mode 0600.

    A file that root changes stays its owner's: the server that reads it may be another user.
    """
    from filelock import FileLock

    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock"), mode=0o600):
        changed = change(read_keys(path) if path.exists() else KeyFile())
        written = path.with_name(f".{path.name}.new")
        written.unlink(missing_ok=True)  # of a command that was killed
        descriptor = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            if os.geteuid() == 0 and path.exists():
                owned = path.stat()
                os.fchown(descriptor, owned.st_uid, owned.st_gid)
            file.write(changed.model_dump_json(indent=1) + "\n")
            file.flush()
            os.fsync(file.fileno())
        written.replace(path)
