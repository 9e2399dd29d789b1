"""The checks of `vdx doctor` that need no server: machine, environments, ports and sound."""

import os
import platform
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from vdx.cli.extras import JAPANESE, lacks_japanese
from vdx.cli.setup import is_current
from vdx.cli.unusable import describe
from vdx.core.capacity import default_max_sessions, explained
from vdx.core.config import Config, ServerConfig
from vdx.core.errors import ConfigError, SetupError
from vdx.core.paths import Paths

OLDEST_GLIBC = (2, 35)
"""What the tritonserver of the nvidia-pytriton wheel was linked against."""
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  # nosec B108  (only its size is read)
LEAST_SHARED_MEMORY = 128 * 1024 * 1024
"""Bytes; a model process takes a few megabytes until it ends."""


class Status(StrEnum):
    """The result of a check; only with FAIL vdx cannot run."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the doctor's report; `mend` says how to repair it, empty if nothing is wrong."""

    name: str
    status: Status
    detail: str
    mend: str = ""


def machine_checks(paths: Paths) -> Iterator[Check]:
    """Python, C library, shared memory, the environment of the models, and the repository."""
    yield check_python(sys.version_info[:2])
    yield check_glibc(platform.machine(), _glibc())
    yield check_shared_memory(SHARED_MEMORY)
    yield check_home(paths.home)
    yield check_temporary()
    for name, check in (
        ("triton environment", check_triton_environment),
        ("model repository", lambda paths: [check_repository(paths)]),
        ("voicepacks", lambda paths: [check_voicepacks(paths)]),
    ):
        try:
            yield from check(paths)
        except OSError as error:
            yield Check(name, Status.FAIL, describe(error), "see the folder's owner and mode")


def check_home(home: Path) -> Check:
    """Whether the folder of pulled voices can be written, or made."""
    there = next((each for each in (home, *home.parents) if os.path.lexists(each)), home)
    mend = "set VDX_HOME to a folder that this user can write to"
    if not there.is_dir():
        return Check("vdx home", Status.FAIL, f"{home}: {there} is no folder", mend)
    try:  # root is told that it may write where it cannot
        tempfile.TemporaryFile(dir=there).close()
    except OSError as error:
        detail = f"{home}: {there} cannot be written to ({error.strerror})"
        return Check("vdx home", Status.FAIL, detail, mend)
    return Check("vdx home", Status.OK, str(home))


def check_temporary() -> Check:
    """Whether the temporary folder of the embedded Triton can be used."""
    try:
        folder = tempfile.gettempdir()
    except OSError as error:
        return Check("temporary files", Status.FAIL, describe(error))
    wanted = os.environ.get("TMPDIR", folder)
    if Path(wanted).absolute() != Path(folder).absolute():
        mend = "TMPDIR must be a folder with space in it"
        return Check("temporary files", Status.WARN, f"{wanted} is not usable: {folder}", mend)
    return Check("temporary files", Status.OK, folder)


def check_python(version: tuple[int, int]) -> Check:
    """The version of the Python that runs this process."""
    shown = f"{version[0]}.{version[1]} at {sys.executable}"
    if version < (3, 11):
        return Check("python", Status.FAIL, shown, "install vdx with Python 3.11 or newer")
    return Check("python", Status.OK, shown)


def check_glibc(machine: str, version: tuple[int, int] | None) -> Check:
    """The embedded tritonserver is a binary for x86_64 and a recent GNU C library."""
    elsewhere = "run Triton in its container and use: vdx frontend"
    if machine != "x86_64":
        return Check("glibc", Status.FAIL, f"the machine is {machine}, not x86_64", elsewhere)
    if version is None:
        return Check("glibc", Status.FAIL, "the C library is not GNU's", elsewhere)
    shown = f"{version[0]}.{version[1]}"
    if version < OLDEST_GLIBC:
        oldest = f"{OLDEST_GLIBC[0]}.{OLDEST_GLIBC[1]}"
        return Check("glibc", Status.FAIL, f"{shown}, older than {oldest}", elsewhere)
    return Check("glibc", Status.OK, shown)


def check_shared_memory(folder: Path) -> Check:
    """The size of /dev/shm, through which models exchange tensors; containers often have 64 MB."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Check("shared memory", Status.WARN, f"{folder}: {error.strerror}", "mount a tmpfs")
    shown = f"{free // 2**20} MB free in {folder}"
    if free < LEAST_SHARED_MEMORY:
        return Check("shared memory", Status.WARN, shown, "docker run --shm-size=1g")
    return Check("shared memory", Status.OK, shown)


def check_triton_environment(paths: Paths) -> Iterator[Check]:
    """The environment of the models: its Python, the shared library of that, and Triton's stub."""
    from vdx.serving.backend_dir import TritonPython

    try:
        python = TritonPython.inspect(paths.triton_python)
    except SetupError as error:
        yield Check("triton environment", Status.FAIL, str(error), "run: vdx setup")
        return
    shown = f"Python {python.version} in {paths.triton_venv}"
    if is_current(paths):
        yield Check("triton environment", Status.OK, shown)
    else:
        yield Check("triton environment", Status.WARN, f"{shown} is outdated", "run: vdx setup")
    yield Check("libpython", Status.OK, f"libpython{python.version}.so in {python.library_dir}")
    yield Check("model process", Status.OK, str(python.stub))


def check_repository(paths: Paths) -> Check:
    """The models that could be loaded."""
    bundled, pulled = (_models_in(folder) for folder in paths.model_repositories)
    if not bundled:
        detail = f"no model in {paths.model_repository}"
        return Check("model repository", Status.FAIL, detail, "install vdx again")
    if both := sorted(bundled & pulled):
        detail = f"{both[0]} is also in {paths.pulled_models}, and Triton loads neither"
        return Check(
            "model repository", Status.FAIL, detail, f"rm -r {paths.pulled_models / both[0]}"
        )
    return Check("model repository", Status.OK, ", ".join(sorted(bundled | pulled)))


def _models_in(repository: Path) -> set[str]:
    return {config.parent.name for config in repository.glob("*/config.pbtxt")}


def check_voicepacks(paths: Paths) -> Check:
    """The voicepacks that were pulled, without reading the whole files."""
    from vdx.serving.voicepacks.store import VoicepackStore

    entries = VoicepackStore(paths).entries()
    if broken := [entry for entry in entries if entry.problem]:
        mend = f"vdx voices remove {broken[0].id}, and fetch it again"
        return Check("voicepacks", Status.WARN, broken[0].problem, mend)
    for entry in entries:
        if entry.pack is not None and lacks_japanese(entry.pack, paths):
            detail = f"{entry.id} cannot read Japanese: its libraries are not installed"
            return Check("voicepacks", Status.WARN, detail, f"run: {JAPANESE.command}")
    added = [entry.id for entry in entries if not entry.comes_along]
    return Check("voicepacks", Status.OK, ", ".join(added) or "none was added")


def check_sessions(server: ServerConfig) -> Check:
    """How many sessions the server takes, and why."""
    if server.max_sessions is not None:
        return Check("sessions", Status.OK, f"at most {server.max_sessions}, as configured")
    most = f"at most {default_max_sessions()}: {explained()}"
    return Check("sessions", Status.OK, most)


def port_checks(config: Config, *, triton_answers: bool) -> Iterator[Check]:
    """Whether the ports vdx prefers are free; it takes others where they are not."""
    yield check_port("server port", config.server.host, config.server.port)
    if triton_answers:
        return
    if config.embedded.metrics_port is not None:
        yield check_port("triton metrics port", "127.0.0.1", config.embedded.metrics_port)
    if config.embedded.grpc_address:
        yield check_grpc_address(config)


def check_grpc_address(config: Config) -> Check:
    """Whether an embedded Triton could listen on the network as configured."""
    from vdx.serving.address import split_address
    from vdx.serving.channel import tls_files
    from vdx.serving.ports import check_free

    name, address = "triton grpc address", config.embedded.grpc_address
    try:
        tls_files(config.triton.tls)
        check_free(*split_address(address))
    except (ConfigError, SetupError) as error:
        return Check(name, Status.FAIL, str(error))
    return Check(name, Status.OK, f"{address} is free")


def check_port(name: str, host: str, port: int) -> Check:
    """Whether `port` can be bound on `host` now."""
    if port == 0:
        return Check(name, Status.OK, "a free one is picked")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        # As servers do: a port in TIME_WAIT is free.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            detail = f"{host}:{port}: {error.strerror}"
            return Check(name, Status.WARN, detail, "another is picked unless you name this one")
    return Check(name, Status.OK, f"{port} is free")


def sound_checks() -> Iterator[Check]:
    """PortAudio and a sound device, which only `vdx talk` needs."""
    try:
        import sounddevice
    except OSError:
        mend = "for `vdx talk` with a microphone: sudo apt install libportaudio2"
        yield Check("portaudio", Status.WARN, "not found", mend)
        return
    yield Check("portaudio", Status.OK, sounddevice.get_portaudio_version()[1])
    try:
        device = sounddevice.query_devices(kind="input")
    except (sounddevice.PortAudioError, ValueError):
        mend = "plug one in, or use: vdx talk --wav FILE"
        yield Check("microphone", Status.WARN, "none", mend)
        return
    yield Check("microphone", Status.OK, str(device["name"]))


def _glibc() -> tuple[int, int] | None:
    try:
        named = os.confstr("CS_GNU_LIBC_VERSION")
    except (OSError, ValueError):
        return None
    numbers = (named or "").rpartition(" ")[2].split(".")
    if len(numbers) < 2 or not all(number.isdigit() for number in numbers[:2]):
        return None
    return int(numbers[0]), int(numbers[1])
