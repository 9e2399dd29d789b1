"""Tiny streaming recognisers, added as `vdx voices add` adds them."""

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from vdx.core.paths import locate
from vdx.serving.model_config import config_text
from vdx.serving.voicepacks.identify import identify
from vdx.serving.voicepacks.load_check import load_once
from vdx.serving.voicepacks.metadata import Voicepack
from vdx.serving.voicepacks.staging import Origin
from vdx.serving.voicepacks.store import VoicepackStore

ROOT = Path(__file__).parents[2]
TINY = "tests.unit.backends.transducer.tiny"


MOONSHINE = ROOT / "tests" / "data" / "moonshine"


def make(layout: str, folder: Path) -> Path:
    """The files of a tiny model of a layout: `zipformer`, `ctc`, `nemo`, `streaming`, `whole`."""
    if (MOONSHINE / layout).is_dir():
        return shutil.copytree(MOONSHINE / layout, folder)
    command = [locate().triton_python, "-m", TINY, layout, folder]
    subprocess.run(command, check=True, timeout=300, cwd=ROOT)
    return folder


def write_entries(models: Path, layouts: Mapping[str, str]) -> None:
    """Writes tiny models into a repository, as `vdx voices add` would; names and their layouts."""
    made = {name: models / name / "voicepack" for name in layouts}
    for folder in made.values():
        (folder.parent / "1").mkdir(parents=True)
    tiny = {name: layout for name, layout in layouts.items() if not (MOONSHINE / layout).is_dir()}
    if tiny:
        pairs = (each for name, layout in tiny.items() for each in (layout, made[name]))
        command = [locate().triton_python, "-m", TINY, *pairs]
        subprocess.run(command, check=True, timeout=300, cwd=ROOT)
    for name in layouts.keys() - tiny.keys():
        shutil.copytree(MOONSHINE / layouts[name], made[name])
    for name in layouts:
        values = {"kind": "asr", "languages": "*", "sample_rate": "16000", "voicepack": "voicepack"}
        family = "transducer" if name in tiny else "moonshine"
        text = config_text(family, "asr", values | {"streaming": "true", "word_times": "true"})
        (models / name / "config.pbtxt").write_text(text)


def add_transducer(models: Path, name: str, layout: str, place: Path) -> Voicepack:
    """Adds one to a copy of the model repository, whose voicepacks lie beside it."""
    paths = replace(locate(), home=place / "home")
    store = VoicepackStore(paths, load_once(paths))
    pack = store.add(*identify(make(layout, place / name)), Origin("here"))
    store.check(store.find(name))
    shutil.copytree(paths.home / "voicepacks", models.parent / "voicepacks", dirs_exist_ok=True)
    shutil.copytree(paths.pulled_models / name, models / name)
    return pack
