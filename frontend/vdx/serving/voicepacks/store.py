"""Where voicepacks are kept: beside vdx those that come along, under VDX_HOME those added.

Each added one is two folders, `voicepacks/<family>/<id>` and `model_repository/<id>`. They are
made aside, checked there, and moved into place whole; whatever stops this leaves nothing.
"""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vdx.core.errors import InvalidInput, InvalidVoicepack, ModelFailed, SetupError
from vdx.core.names import unknown_name
from vdx.core.paths import Paths
from vdx.serving import model_config
from vdx.serving.voicepacks import identify
from vdx.serving.voicepacks.checking import check_pack, check_place
from vdx.serving.voicepacks.declared import declared_families
from vdx.serving.voicepacks.files import digest_inside
from vdx.serving.voicepacks.load_check import convert
from vdx.serving.voicepacks.metadata import METADATA, Voicepack, parse_metadata, read_metadata
from vdx.serving.voicepacks.model_files import Facts, Parts, limit_of
from vdx.serving.voicepacks.staging import LoadCheck, Origin, give_back, made, take, write_entry

LOCK_WAIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Entry:
    """One voicepack that is kept; `pack` is None where its metadata cannot be read."""

    id: str
    family: str
    folder: Path
    comes_along: bool
    pack: Voicepack | None
    problem: str = ""


class VoicepackStore:
    """The voicepacks of one vdx; every call blocks on the file system."""

    def __init__(self, paths: Paths, load_check: LoadCheck | None = None) -> None:
        self._paths = paths
        self._load_check = load_check
        self._packs, self._bundled = paths.voicepacks
        self._models = paths.pulled_models

    def entries(self) -> list[Entry]:
        """Every voicepack, by id; one that is broken says so."""
        found: dict[str, Entry] = {}
        for root in (self._bundled, self._packs):
            for file in sorted(root.glob(f"*/*/{METADATA}")):
                found[file.parent.name] = self._entry(file.parent, root == self._bundled)
        return [found[name] for name in sorted(found)]

    def _entry(self, folder: Path, comes_along: bool) -> Entry:
        pack, problem = None, ""
        try:
            pack = read_metadata(folder)
            check_place(pack, folder)
            on_its_own = pack.part is None and not comes_along
            if on_its_own and not (self._models / folder.name).is_dir():
                problem = f"there is no model {self._models / folder.name}"
        except InvalidVoicepack as error:
            problem = str(error)
        return Entry(folder.name, folder.parent.name, folder, comes_along, pack, problem)

    def parts(self) -> list[Voicepack]:
        """Those without a model of their own, by id."""
        packs = (entry.pack for entry in self.entries())
        return [pack for pack in packs if pack is not None and pack.part is not None]

    def find(self, name: str) -> Entry:
        """One by its id; raises UnknownName with the nearest one."""
        entries = {entry.id: entry for entry in self.entries()}
        if name not in entries:
            raise unknown_name("voicepack", name, entries)
        return entries[name]

    # --- adding and removing ----------------------------------------------------------------

    def require_free(self, name: str) -> None:
        """Refuses an id that is a model's already; raises InvalidInput."""
        there = {pack.id for pack in self.parts()}
        if (self._models / name).exists() or name in there:
            what = "voices" if any(self._packs.glob(f"*/{name}")) else "grammar"
            raise InvalidInput(
                f"{name!r} is there already; `vdx {what} remove {name}` makes room, and --id gives "
                "the new one another name",
                param="id",
            )
        if (self._paths.model_repository / name).exists():
            raise InvalidInput(
                f"{name!r} is a model that comes with vdx; choose another --id", param="id"
            )

    def add(self, folder: Path, parts: Parts, origin: Origin, *, move: bool = False) -> Voicepack:
        """Takes a model's files in, by copy or by `move`, and makes it loadable.

        Raises:
            InvalidVoicepack: a file is not what it must be; names file and reason.
            InvalidInput: the id is taken.
            SetupError: the folder of vdx cannot be written to.
        """
        given = read_metadata(folder) if (folder / METADATA).exists() else None
        name = origin.id or (given.id if given else identify.suggested_id(parts))
        with self._at_work(), self._aside() as aside:
            self.require_free(name)
            staged, flat = take(folder, parts, aside / "voicepack", move=move)
            try:
                flat, facts = self._understood(staged, flat, origin.parameters)
            except InvalidVoicepack as error:  # of the copy; the person knows the file as it was
                told = error.message.replace(str(staged), str(folder))
                raise InvalidVoicepack(told, param=error.param) from None
            except (SetupError, KeyboardInterrupt):
                if move:  # a download, which is not at fault: the next call goes on with it
                    give_back(staged, folder, parts)
                raise
            pack = made(name, flat, facts, origin, staged, given)
            (staged / METADATA).write_text(pack.dump(), encoding="utf-8")
            if pack.part is None:
                write_entry(pack, aside / "model", origin.parameters, facts.capabilities)
            self._put(pack, aside)
        return pack

    def add_written(self, tree: dict[str, Any], files: Mapping[str, bytes]) -> Voicepack:
        """Keeps a voicepack without a model: its metadata but the digests, and its files.

        Only the user that vdx runs as may read them. Raises as `add`.
        """
        with self._at_work(), self._aside() as aside:
            self.require_free(tree["id"])
            staged = aside / "voicepack"
            staged.mkdir(mode=0o700)
            for name, raw in files.items():
                (staged / name).touch(mode=0o600)
                (staged / name).write_bytes(raw)
            digests = {name: digest_inside(staged, name, limit_of(name)) for name in files}
            pack = parse_metadata(tree | {"files": digests}, tree["id"])
            (staged / METADATA).write_text(pack.dump(), encoding="utf-8")
            self._put(pack, aside)
        return pack

    def _understood(
        self, staged: Path, parts: Parts, parameters: Mapping[str, str]
    ) -> tuple[Parts, Facts]:
        """The files that the family loads, and what they say."""
        own = self._own_files(staged, parts)
        facts = identify.describe(staged, own)
        if self._load_check is not None:
            facts = self._load_check(own, staged, parameters) or facts
        if facts is None:
            raise SetupError(
                f"only the family {own.family} itself can tell what its files are, and the "
                "environment of the models is not built; run: vdx setup"
            )
        return own, facts

    def _own_files(self, staged: Path, parts: Parts) -> Parts:
        """The files that the family loads, made of published ones where they are such."""
        declared = declared_families().get(parts.family)
        if declared is None or not declared.is_published(parts.files[0]):
            return parts
        convert(self._paths, parts, staged)
        found = identify.pick([file.name for file in staged.iterdir()], "", str(staged))
        return Parts(found.family, parts.name, found.files)

    def _put(self, pack: Voicepack, aside: Path) -> None:
        place, model = self._packs / pack.family / pack.id, self._models / pack.id
        place.parent.mkdir(parents=True, exist_ok=True)
        model.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(place, ignore_errors=True)  # without its model: somebody was cut off here
        (aside / "voicepack").rename(place)
        if pack.part is not None:
            return
        try:
            (aside / "model").rename(model)
        except OSError:
            shutil.rmtree(place, ignore_errors=True)
            raise

    def removable(self, name: str) -> Entry:
        """The one of that id; raises UnknownName, and InvalidInput where it comes with vdx."""
        entry = self.find(name)
        if entry.comes_along:
            raise InvalidInput(
                f"{name!r} comes with vdx and stays; `vdx models unload {name}` frees its memory",
                param="id",
            )
        return entry

    def remove(self, name: str) -> None:
        """Takes a voicepack and its model away; raises as `removable` does."""
        entry = self.removable(name)
        with self._at_work(), self._aside() as aside:
            # The model first: a voicepack without one is only unused.
            for number, folder in enumerate((self._models / name, entry.folder)):
                if folder.exists():
                    folder.rename(aside / str(number))

    @contextlib.contextmanager
    def _at_work(self) -> Iterator[None]:
        """One change at a time, over all processes."""
        from filelock import FileLock, Timeout

        with _writing(self._paths.home):
            self._paths.home.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self._paths.home / ".voicepacks.lock", timeout=LOCK_WAIT_S)
            try:
                lock.acquire()
            except Timeout:
                raise SetupError("another `vdx voices` is at work; try again later") from None
        try:
            yield
        finally:
            lock.release()

    @contextlib.contextmanager
    def _aside(self) -> Iterator[Path]:
        """A folder on the same file system, gone afterwards; one left by a killed vdx goes too."""
        root = self._paths.home / "staging"
        with _writing(root):
            shutil.rmtree(root, ignore_errors=True)
            root.mkdir(parents=True)
            try:
                yield Path(tempfile.mkdtemp(dir=root))
            finally:
                shutil.rmtree(root, ignore_errors=True)

    # --- checking ---------------------------------------------------------------------------

    def check(self, entry: Entry) -> None:
        """Checks metadata, digests, files and model of a voicepack; raises InvalidVoicepack."""
        pack = read_metadata(entry.folder)
        check_place(pack, entry.folder)
        check_pack(pack, entry.folder)
        if pack.files and pack.part != "clone" and self._load_check is not None:
            parts = identify.pick(pack.files, "", str(entry.folder))
            self._load_check(parts, entry.folder, {})
        if pack.part is not None:
            return
        repository = self._paths.model_repository if entry.comes_along else self._models
        try:
            info = model_config.read_entry(repository / pack.id)
        except ModelFailed as error:
            raise InvalidVoicepack(str(error)) from None
        if (info.family, info.kind) != (pack.family, pack.kind):
            raise InvalidVoicepack(
                f"{repository / pack.id} is a model of {info.family!r}, not of {pack.family!r}"
            )

    def check_path(self, path: Path) -> None:
        """Checks a model that is not kept here, as `add` would; raises InvalidVoicepack."""
        folder, parts = identify.identify(path)
        if (folder / METADATA).exists():
            check_pack(read_metadata(folder), folder)
        declared = declared_families().get(parts.family)
        if declared is not None and declared.is_published(parts.files[0]):
            with self._at_work(), self._aside() as aside:
                staged, flat = take(folder, parts, aside / "voicepack", move=False)
                self._try_out(staged, self._own_files(staged, flat))
            return
        self._try_out(folder, parts)

    def _try_out(self, folder: Path, parts: Parts) -> None:
        identify.describe(folder, parts)
        if self._load_check is not None:
            self._load_check(parts, folder, {})


@contextlib.contextmanager
def _writing(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = error.filename or place
        raise SetupError(f"{where} cannot be written: {error.strerror or error}") from error
