"""Puts together the directory that `tritonserver --backend-directory` is given.

It holds every family of `triton_backends/` and, beside them, Triton's own `python` backend. The
embedded server takes that backend out of the nvidia-pytriton wheel; a stock server has its own,
in which case it is linked to by path or left out. The same holds for NVIDIA's `onnxruntime`
backend: our stand-in of that name is put there only where NVIDIA's is absent.
"""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from vdx.core.errors import SetupError
from vdx.serving.environment import child_environment

STUB = "triton_python_backend_stub"
BACKENDS = "triton_backends"
STAND_IN = "onnxruntime"
"""A family that NVIDIA's backend of this name replaces."""

_INSPECT = """
import json, sys, sysconfig
print(json.dumps({
    "version": "%d.%d" % sys.version_info[:2],
    "site_packages": sysconfig.get_path("purelib"),
    "library_dir": sysconfig.get_config_var("LIBDIR") or "",
    "library": sysconfig.get_config_var("INSTSONAME") or "",
    "multiarch": sysconfig.get_config_var("MULTIARCH") or "",
}))
"""


@dataclass(frozen=True, slots=True)
class TritonPython:
    """The Python environment that the model processes of an embedded Triton run in."""

    executable: Path
    version: str
    site_packages: Path
    library_dir: Path

    @property
    def server(self) -> Path:
        """The folder of the wheel that holds `bin/tritonserver`."""
        return self.site_packages / "pytriton" / "tritonserver"

    @property
    def wheel_libraries(self) -> Path:
        return self.site_packages / "nvidia_pytriton.libs"

    @property
    def stub(self) -> Path:
        return self.server / "python_backend_stubs" / self.version / STUB

    @classmethod
    def inspect(cls, executable: Path) -> "TritonPython":
        """Ask an interpreter about itself, without importing anything of the wheel.

        Blocks for one start of an interpreter. Raises SetupError naming what is missing.
        """
        try:
            return cls._inspect(executable)
        except (OSError, ValueError) as error:  # not allowed, not a program, not what Python says
            why = error.strerror if isinstance(error, OSError) else "it is no Python"
            raise SetupError(
                f"{executable} cannot be used ({why}); build it again with: vdx setup --force"
            ) from error

    @classmethod
    def _inspect(cls, executable: Path) -> "TritonPython":
        if not executable.exists():
            raise SetupError(f"no Python at {executable}; build it with: vdx setup")
        answer = subprocess.run(
            [executable, "-S", "-c", _INSPECT],
            capture_output=True,
            text=True,
            check=False,
            env=child_environment(),
        )
        if answer.returncode != 0:
            last = (answer.stderr.strip() or "it says nothing").splitlines()[-1]
            raise SetupError(f"{executable} does not run ({last}); build it with: vdx setup")
        facts = json.loads(answer.stdout)
        found = cls(
            executable=executable,
            version=facts["version"],
            site_packages=_site_packages(executable, facts),
            library_dir=_library_dir(facts),
        )
        found._check()
        return found

    def _check(self) -> None:
        if not (self.server / "bin" / "tritonserver").exists():
            raise SetupError(
                f"{self.executable} has no nvidia-pytriton, which carries tritonserver; "
                "build the environment with: vdx setup"
            )
        if not self.stub.exists():
            have = sorted(p.name for p in self.stub.parent.parent.glob("3.*"))
            raise SetupError(
                f"the embedded Triton has no stub for Python {self.version} of {self.executable}; "
                f"it has: {', '.join(have)}"
            )


def _site_packages(executable: Path, facts: dict[str, str]) -> Path:
    # With -S a virtual environment is not entered, so sysconfig names the base installation.
    prefix = executable.parent.parent
    if (prefix / "pyvenv.cfg").exists():
        return prefix / "lib" / f"python{facts['version']}" / "site-packages"
    return Path(facts["site_packages"])


def _library_dir(facts: dict[str, str]) -> Path:
    """Folder of libpythonX.Y.so, which the stub links against."""
    name = f"libpython{facts['version']}.so.1.0"
    library_dir = Path(facts["library_dir"])
    for folder in (library_dir, library_dir / facts["multiarch"], Path("/usr/lib64")):
        if (folder / name).exists():
            return folder
    raise SetupError(
        f"{name} is missing beside Python {facts['version']}; on Debian and Ubuntu: "
        f"apt install libpython{facts['version']}"
    )


def assemble_backend_directory(
    out: Path,
    families: Path,
    *,
    triton_python: TritonPython | None = None,
    python_backend: Path | None = None,
) -> Path:
    """Write `<out>/triton_backends/` and return it; what was there of it before is replaced.

    `families` is the source `triton_backends` folder. With `triton_python` the `python` backend
    comes from its wheel; with `python_backend` from that folder (for example
    /opt/tritonserver/backends/python); with neither it is left out, and the onnxruntime stand-in
    with it, which a stock server has no need of. NVIDIA's onnxruntime backend is taken from beside
    `python_backend` where it is there. Blocks on file copies.
    """
    if not families.is_dir():
        raise SetupError(f"no backend families at {families}")
    target = out / BACKENDS
    shutil.rmtree(target, ignore_errors=True)
    theirs = python_backend.parent / STAND_IN if python_backend is not None else None
    replaced = theirs is not None and (theirs / f"libtriton_{STAND_IN}.so").exists()
    left_out = ["__pycache__", "python"]
    if replaced or (triton_python is None and python_backend is None):
        left_out.append(STAND_IN)
    shutil.copytree(families, target, ignore=shutil.ignore_patterns(*left_out))
    if triton_python is not None:
        # Triton refuses a backend library behind a link that leaves its folder, so it is copied.
        shutil.copytree(triton_python.server / "backends" / "python", target / "python")
        shutil.copy2(triton_python.stub, target / "python" / STUB)
    elif python_backend is not None:
        if not (python_backend / "libtriton_python.so").exists():
            raise SetupError(f"{python_backend} holds no libtriton_python.so")
        shutil.copytree(python_backend, target / "python")
        if theirs is not None and replaced:
            shutil.copytree(theirs, target / STAND_IN)
    return target
