"""What the image of Triton leaves out of the frontend's libraries, its commands do not need."""

import subprocess
import sys
from pathlib import Path

from scripts.try_images import DOCKER, instructions

PROGRAM = """
import asyncio, sys

LEFT_OUT = set(sys.argv[1:])


class Without:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in LEFT_OUT:
            raise ModuleNotFoundError(f"{name} is left out")


sys.meta_path.insert(0, Without())

from vdx.cli.launch import open_application
from vdx.core.config import Config, TritonConfig
from vdx.core.ffmpeg import library
import vdx.transports.http.server
from vdx.transports.http.application import create_app


async def announce():
    config = Config.model_validate({"registry": {"url": "redis://127.0.0.1:9"}})
    nowhere = TritonConfig(url="127.0.0.1:9")
    async with open_application(config, nowhere, owner=True, manages_only=True) as host:
        create_app(host)


asyncio.run(announce())
library()
print("all of it is there")
"""
"""`vdx triton --announce` up to its first request, and what `vdx voices clone` reads files with."""


def left_out_libraries() -> list[str]:
    """The names of the loop that removes folders of site-packages."""
    (loop,) = [
        rest for _, rest in instructions(DOCKER / "triton-cpu.Dockerfile") if "for name in " in rest
    ]
    return loop.partition("for name in ")[2].partition(";")[0].split()


def test_the_commands_of_the_triton_image_run_without_what_it_leaves_out(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *left_out_libraries()],
        env={"PYTHONPATH": ":".join(filter(None, sys.path)), "VDX_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout == "all of it is there\n", done.stderr[-2000:]
