"""Does what docker/*.Dockerfile say in trees of Debian, without an engine: sizes, and a call.

    sudo .venv/bin/python -m scripts.try_images FOLDER [--talk]

The base `python:3.12-slim-bookworm` is a debootstrap tree of bookworm with Debian's Python 3.11, on
which the same lists install. RUN is a chroot with a mount namespace of its own, COPY obeys
.dockerignore, USER and ENV hold. What talks has a read-only root and no capabilities, as in
docker/compose.yaml; limits, health checks and networks are an engine's, and are not tried. The exit
status is 1 where a tree is larger than it may be. Needs root, debootstrap, and the network.
"""

import argparse
import fnmatch
import json
import os
import re
import shlex
import shutil
import signal
import subprocess  # the programs are those of the machine of whoever runs this
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from vdx.serving.voicepacks.starters import starters

ROOT = Path(__file__).resolve().parents[1]
DOCKER = ROOT / "docker"
REACH_MB = {"frontend": 600, "triton-cpu": 1000}
PASSED_ON = ("PIP_INDEX_URL", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy")
TRUSTED = "/etc/ssl/certs/ca-certificates.crt"
"""Whom this machine trusts, the trees trust: registries may be behind a proxy of its own."""
TRUST = ("PIP_CERT", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE")
READY_S = 240.0
PORT = "18790"
SERVES = (
    *("frontend", "--manager", "none", "--port", PORT),
    *("--voice", "espeak-en", "--recogniser", "pocketsphinx-en"),
)
"""What the frontend is started with, which is the only one on its Triton."""


@dataclass(slots=True)
class Image:
    """A tree and what its Dockerfile says of a process in it."""

    tree: Path
    environment: dict[str, str] = field(default_factory=dict)
    user: str = "0:0"
    folder: str = "/"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)

    def call(
        self, command: list[str], *shared: tuple[Path, str], confined: bool = False
    ) -> list[str]:
        """The command line that runs another one in the tree; `shared` are mounted into it.

        A `confined` one finds what the containers of docker/compose.yaml find: a root file system
        that is read-only but for /tmp, no capabilities, and none to be had.
        """
        tree = shlex.quote(str(self.tree))
        mounts = [f"mount -t proc proc {tree}/proc", f"mount --rbind /dev {tree}/dev"]
        mounts += [f"mount --bind {shlex.quote(str(a))} {tree}{b}" for a, b in shared]
        enter = f"chroot --userspec={self.user} {tree}"
        if confined:
            mounts.insert(0, f"mount --bind {tree} {tree}")
            mounts.append(f"mount -t tmpfs tmp {tree}/tmp")  # noqa: S108  (the tree's)
            mounts.append(f"mount -o remount,bind,ro {tree}")
            enter = f"chroot {tree} {self._without_rights()}"
        inside = f'cd {shlex.quote(self.folder)}; exec "$@"'
        script = "; ".join(["set -e", *mounts, f'exec {enter} sh -c {shlex.quote(inside)} sh "$@"'])
        return ["unshare", "--mount", "sh", "-c", script, "sh", *command]

    def _without_rights(self) -> str:
        user, _, group = self.user.partition(":")
        who = f"--reuid={user} --regid={group} --clear-groups"
        return f"setpriv {who} --no-new-privs --bounding-set=-all --inh-caps=-all"

    def variables(self) -> dict[str, str]:
        base = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
        base |= {"HOME": "/root" if self.user == "0:0" else "/var/lib/vdx", "LANG": "C.UTF-8"}
        base |= dict.fromkeys(TRUST, TRUSTED)
        passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        return base | passed | self.environment

    def run(self, script: str) -> None:
        subprocess.run(self.call(["sh", "-c", script]), env=self.variables(), check=True)


def which(program: str) -> str:
    """Raises SystemExit where the machine has none."""
    if found := shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin"):
        return found
    raise SystemExit(f"{program} is not here")


def instructions(dockerfile: Path) -> list[tuple[str, str]]:
    """(instruction, the rest), continued lines joined, comments left out."""
    text = re.sub(r"^\s*#.*\n", "", dockerfile.read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    return [(line.split()[0], line.partition(" ")[2].strip()) for line in lines if line.strip()]


def base(folder: Path) -> Path:
    """A tree that stands for python:3.12-slim-bookworm; made once."""
    tree = folder / "base"
    if not (tree / "usr/bin/dpkg").exists():
        subprocess.run([which("debootstrap"), "--variant=minbase", "bookworm", tree], check=True)
    if not (tree / "usr/local/bin/python").exists():
        Image(tree).run(
            "apt-get update && apt-get install --yes --no-install-recommends"
            " python3 python3-venv libpython3.11 ca-certificates"
            " && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/apt/archives/*.deb"
            # As the slim images of Debian are made: no manuals, no caches of apt.
            " && rm -rf /usr/share/doc/* /usr/share/man/* /usr/share/locale/*"
            ' && echo \'Dir::Cache::pkgcache ""; Dir::Cache::srcpkgcache "";\''
            " > /etc/apt/apt.conf.d/docker-clean"
            " && ln -s /usr/bin/python3 /usr/local/bin/python"
        )
    for name in ("/etc/resolv.conf", "/etc/hosts", TRUSTED):
        shutil.copy(name, tree / name.lstrip("/"))
    return tree


def build(name: str, folder: Path, made: dict[str, Image]) -> Image:
    """Carries out docker/NAME.Dockerfile; `made` are images that it may begin from."""
    stages: dict[str, Image] = {}
    image: Image | None = None
    arguments: dict[str, str] = {}
    for instruction, rest in instructions(DOCKER / f"{name}.Dockerfile"):
        if instruction == "ARG":
            key, _, value = rest.partition("=")
            arguments[key] = value
        elif instruction == "FROM":
            origin, _, stage = re.sub(r"\$\{(\w+)\}", lambda m: arguments[m[1]], rest).partition(
                " AS "
            )
            image = begin(folder / f"{name}-{stage or 'image'}", made.get(origin), folder)
            stages[stage or name] = image
        elif image is not None:
            carry_out(image, instruction, rest, stages)
    if image is None:
        raise SystemExit(f"docker/{name}.Dockerfile has no FROM")
    return image


def begin(tree: Path, origin: Image | None, folder: Path) -> Image:
    shutil.rmtree(tree, ignore_errors=True)
    source = origin.tree if origin else base(folder)
    subprocess.run([which("cp"), "--archive", "--reflink=auto", source, tree], check=True)
    if origin is None:
        return Image(tree)
    return replace(origin, tree=tree, environment=dict(origin.environment))


def carry_out(image: Image, instruction: str, rest: str, stages: dict[str, Image]) -> None:
    print(f"{image.tree.name}: {instruction} {rest[:90]}", flush=True)
    match instruction:
        case "RUN":
            image.run(rest)
        case "COPY":
            copy(image, rest.split(), stages)
        case "ENV":
            path = image.variables()["PATH"]
            words = shlex.split(rest.replace("$PATH", path))
            image.environment |= dict(word.split("=", 1) for word in words)
        case "USER":
            image.user = rest
        case "WORKDIR":
            image.folder = rest
            (image.tree / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
        case "ENTRYPOINT":
            image.entrypoint = json.loads(rest)
        case "CMD":
            image.command = json.loads(rest)


def copy(image: Image, words: list[str], stages: dict[str, Image]) -> None:
    options = [word for word in words if word.startswith("--")]
    *sources, target = [word for word in words if not word.startswith("--")]
    given = dict(option.removeprefix("--").split("=", 1) for option in options)
    origin = given.get("from", "")
    into = image.tree / os.path.normpath(f"{image.folder}/{target}").lstrip("/")
    if target.startswith("/"):
        into = image.tree / target.strip("/")
    for source in sources:
        begin_at = stages[origin].tree / source.lstrip("/") if origin else ROOT / source
        ignore = None if origin else left_out
        if begin_at.is_dir():
            shutil.copytree(begin_at, into, symlinks=True, dirs_exist_ok=True, ignore=ignore)
        else:
            target_file = into / source.rpartition("/")[2] if target.endswith("/") else into
            target_file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(begin_at, target_file)
    if owner := given.get("chown"):
        subprocess.run([which("chown"), "--recursive", owner, into], check=True)


def left_out(folder: str, names: list[str]) -> set[str]:
    """Those names of a folder of the repository that .dockerignore leaves out."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    found: set[str] = set()
    for name in names:
        path = str((Path(folder) / name).relative_to(ROOT))
        for pattern in patterns:
            wanted = pattern.lstrip("!").removeprefix("**/")
            tried = name if "**/" in pattern else path
            if fnmatch.fnmatch(tried, wanted):
                (found.discard if pattern.startswith("!") else found.add)(name)
    return found


def megabytes(tree: Path) -> float:
    """The sum of the files of an image, each once: what is mounted into it is not."""
    seen: dict[int, int] = {}
    for path, _, files in os.walk(tree):
        for name in files:
            told = (Path(path) / name).lstat()
            seen[told.st_ino] = told.st_size
    return sum(seen.values()) / 1e6


def fetched_mb(name: str) -> float:
    """What an image fetches at its first start: Triton's the starters of all languages."""
    return sum(each.size for each in starters()) / 1e6 if name == "triton-cpu" else 0.0


def talk(made: dict[str, Image], folder: Path) -> None:
    """Starts what both images hold, on one VDX_HOME, and has a recording talk to it."""
    home = folder / "volume"
    shutil.rmtree(home, ignore_errors=True)
    # A new volume begins as a copy of what the image has there.
    subprocess.run(
        [which("cp"), "--archive", made["vdx/triton-cpu"].tree / "var/lib/vdx", home], check=True
    )
    shared = (home, "/var/lib/vdx")
    triton, frontend = made["vdx/triton-cpu"], made["vdx/frontend"]
    calls = [
        triton.call([*triton.entrypoint, *triton.command], shared, confined=True),
        frontend.call([*frontend.entrypoint, *SERVES], shared, confined=True),
    ]
    running: list[subprocess.Popen[bytes]] = []
    try:
        for image, call in zip((triton, frontend), calls, strict=True):
            running.append(subprocess.Popen(call, env=image.variables(), start_new_session=True))
        client = [sys.executable, "-m", "vdx.cli", "talk", "--url", f"http://127.0.0.1:{PORT}"]
        client += ["--wav", str(ROOT / "tests/data/audio/ps_goforward.wav"), "--json"]
        deadline = time.monotonic() + READY_S
        while True:
            done = subprocess.run(client, capture_output=True, text=True, check=False)
            if done.returncode == 0 or time.monotonic() > deadline:
                break
            time.sleep(2)
        print(done.stdout[-600:], done.stderr[-600:])
        if done.returncode:
            raise SystemExit("nobody could talk to what the images hold")
        told = json.loads(done.stdout.strip().splitlines()[-1])
        print(f"heard {told['heard']}, said {told['said']}")
    finally:
        for process in running:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--talk", action="store_true")
    given = arguments.parse_args()
    folder: Path = given.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    made: dict[str, Image] = {}
    over = []
    for name, reach in REACH_MB.items():
        made[f"vdx/{name}"] = image = build(name, folder, made)
        size = megabytes(image.tree) + fetched_mb(name)
        print(f"{name}: {size:.0f} MB, reach {reach} MB", flush=True)
        over += [name] if size > reach else []
    if given.talk:
        talk(made, folder)
    if over:
        raise SystemExit(f"larger than they may be: {', '.join(over)}")


if __name__ == "__main__":
    main()
