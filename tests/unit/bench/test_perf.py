"""perf_analyzer: what is sent, how it is started, and what its export means."""

import asyncio
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from vdx.bench import perf_data
from vdx.bench.figures import Report
from vdx.bench.perf import PerfAnalyzer, read_export
from vdx.bench.triton import _add
from vdx.core.config import TritonConfig
from vdx.core.errors import SetupError, VdxError
from vdx.core.paths import Paths, locate

MS = 1_000_000
BOX = TritonConfig(url="box:8001")
EMPTY = {"WORDS": "", "STATE": 2, "CONFIDENCE": -1.6e24, "AUDIO_MS": -38174709}
FINAL = {"WORDS": "[]", "TEXT": "go", "STATE": 2, "CONFIDENCE": 0.5, "AUDIO_MS": 2760}


def exported(folder: Path, *requests: dict[str, Any]) -> Path:
    file = folder / "export.json"
    file.write_text(json.dumps({"experiments": [{"requests": requests}]}))
    return file


def request(sent_ms: int, after_ms: list[int], *outputs: dict[str, Any]) -> dict[str, Any]:
    return {
        "timestamp": sent_ms * MS,
        "response_timestamps": [(sent_ms + ms) * MS for ms in after_ms],
        "response_outputs": list(outputs),
    }


def installed(tmp_path: Path, program: str) -> Paths:
    """Paths of an environment whose perf_analyzer is this shell script."""
    environment = tmp_path / "venv"
    libraries = environment / "lib" / "python3.11" / "site-packages" / "nvidia_pytriton.libs"
    libraries.mkdir(parents=True)
    (libraries / "libb64-98cb6333.so.0d").touch()
    (environment / "bin").mkdir()
    file = environment / "bin" / "perf_analyzer"
    file.write_text(f"#!/bin/sh\n{program}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return Paths(tmp_path, tmp_path, environment, tmp_path, is_checkout=False)


def test_recordings_are_sequences_of_60_ms() -> None:
    sequences = json.loads(perf_data.recogniser_data())["data"]
    assert len(sequences) == len(perf_data.RECORDINGS)
    for sequence in sequences:
        assert all(request["AUDIO"]["shape"] == [960] for request in sequence)
        assert len(sequence) > 20
    assert perf_data.chunks_of_a_sequence() > 20


def test_the_data_is_written_without_vdx(tmp_path: Path) -> None:
    command = [sys.executable, "-I", perf_data.__file__, str(tmp_path / "new")]
    subprocess.run(command, check=True, cwd="/")
    assert json.loads((tmp_path / "new" / "voice.json").read_text())["data"][0]["TEXT"]
    assert (tmp_path / "new" / "recogniser.json").stat().st_size > 10_000


def test_an_export_of_a_voice(tmp_path: Path) -> None:
    file = exported(
        tmp_path,
        request(1000, [3, 9], {"AUDIO": [0] * 960, "WORDS": "[]"}, {"AUDIO": [0] * 3840}),
        request(1010, []),
    )
    [one] = read_export(file)
    assert one.responses_ms == (3.0, 9.0)
    assert one.audio_s == pytest.approx(0.1)
    assert not one.final
    report = Report("triton", {})
    _add(report, "espeak", "tts", 2, [one])
    rows = {figure.name.strip(): figure.values for figure in report.figures}
    assert rows["espeak, 2 at once: first chunk"] == [3.0]
    assert rows["espeak, 2 at once: whole clause"] == [9.0]
    assert rows["espeak, 2 at once: speech per second"] == [pytest.approx(11.11, abs=0.01)]


def test_an_export_of_a_recogniser_knows_its_finals(tmp_path: Path) -> None:
    file = exported(
        tmp_path,
        request(1000, [4], EMPTY),
        request(1060, [5], {**FINAL, "STATE": 0}),
        request(1090, [6], {**FINAL, "AUDIO_MS": 953_123_456}),
        request(1120, [40], FINAL),
    )
    found = read_export(file)
    assert [one.final for one in found] == [False, False, True, True]
    assert found[-1].heard_ms == 2760
    report = Report("triton", {})
    _add(report, "sphinx", "asr", 1, found)
    rows = {figure.name.strip(): list(figure.values) for figure in report.figures}
    assert rows["sphinx, 1 at once: final after the last audio"] == [40.0]
    with pytest.raises(VdxError, match="no answer"):
        _add(report, "sphinx", "asr", 1, [])


async def test_perf_analyzer_finds_its_libraries_and_is_asked(tmp_path: Path) -> None:
    paths = installed(
        tmp_path,
        'echo "$LD_LIBRARY_PATH $*" > "$(dirname "$0")/asked"\n'
        "while [ $# -gt 1 ]; do shift; done\n"
        'echo \'{"experiments": [{"requests": []}]}\' > "$1"',
    )
    folder = tmp_path / "work"
    folder.mkdir()
    found = await PerfAnalyzer(paths, folder).run(
        BOX, "espeak", tmp_path / "x.json", concurrency=3, requests=30
    )
    assert found == []
    asked = (paths.triton_venv / "bin" / "asked").read_text()
    assert asked.startswith(f"{folder}:")
    assert (folder / "libb64.so.0d").is_symlink()
    for part in ("-m espeak", "-u box:8001", "--request-count 30", "--concurrency-range 3"):
        assert part in asked


async def test_what_perf_analyzer_says_is_told(tmp_path: Path) -> None:
    paths = installed(tmp_path, "echo model is not ready; exit 99")
    perf = PerfAnalyzer(paths, tmp_path)
    with pytest.raises(VdxError, match="model is not ready"):
        await perf.run(BOX, "espeak", tmp_path / "x.json", concurrency=1, requests=1)


async def test_an_export_that_is_cut_off_is_measured_again(tmp_path: Path) -> None:
    paths = installed(
        tmp_path,
        "while [ $# -gt 1 ]; do shift; done\n"
        'begin=\'{"experiments": [{"requests": [\'\n'
        'if mkdir "$(dirname "$0")/asked"; then echo "$begin" > "$1"; exit; fi\n'
        'echo "$begin]}]}" > "$1"',
    )
    perf = PerfAnalyzer(paths, tmp_path)
    data = tmp_path / "x.json"
    assert await perf.run(BOX, "espeak", data, concurrency=1, requests=1) == []
    assert not (tmp_path / "espeak-1.json").exists()


async def test_an_export_that_is_always_cut_off_is_told(tmp_path: Path) -> None:
    paths = installed(tmp_path, 'while [ $# -gt 1 ]; do shift; done\necho "{" > "$1"')
    perf = PerfAnalyzer(paths, tmp_path)
    with pytest.raises(VdxError, match="export is cut off"):
        await perf.run(BOX, "espeak", tmp_path / "x.json", concurrency=1, requests=1)


async def test_perf_analyzer_ends_with_the_bench(tmp_path: Path) -> None:
    began = tmp_path / "began"
    os.mkfifo(began)
    paths = installed(tmp_path, f'echo $$ > "{began}"; exec sleep 60')
    perf = PerfAnalyzer(paths, tmp_path)
    running = asyncio.create_task(
        perf.run(BOX, "espeak", tmp_path / "x.json", concurrency=1, requests=1)
    )
    pid = int(await asyncio.to_thread(began.read_text))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_without_the_environment_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="vdx setup"):
        PerfAnalyzer(Paths(tmp_path, tmp_path, tmp_path, tmp_path, is_checkout=False), tmp_path)


def test_the_script_says_how_it_is_used() -> None:
    script = locate().data / "scripts" / "perf_analyzer.sh"
    for arguments in ([], ["voice"], ["singer", "espeak"]):
        done = subprocess.run([script, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert "voice" in done.stderr


def _told_address(tmp_path: Path, **environ: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VDX_")}
    return subprocess.run(
        [sys.executable, "-m", "vdx.bench.perf_address"],
        cwd=tmp_path,
        env=kept | {"VDX_HOME": str(tmp_path / "home")} | environ,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_script_is_told_the_embedded_triton(tmp_path: Path) -> None:
    done = _told_address(tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["-u", f"unix:{tmp_path}/home/run/t:8001"]


def test_the_script_is_told_the_certificates_one_option_a_line(tmp_path: Path) -> None:
    files = {name: tmp_path / f"a {name}.pem" for name in ("ca", "certificate", "key")}
    for file in files.values():
        file.touch()
    environ = {f"VDX_TRITON__TLS__{name.upper()}": str(file) for name, file in files.items()}
    done = _told_address(tmp_path, VDX_TRITON__URL="gpu-box:8001", **environ)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        *("-u", "gpu-box:8001", "--ssl-grpc-use-ssl"),
        *("--ssl-grpc-root-certifications-file", str(files["ca"])),
        *("--ssl-grpc-certificate-chain-file", str(files["certificate"])),
        *("--ssl-grpc-private-key-file", str(files["key"])),
    ]


def test_the_script_is_told_what_is_wrong_with_the_configuration(tmp_path: Path) -> None:
    environ = {
        f"VDX_TRITON__TLS__{name}": str(tmp_path / "nothing.pem")
        for name in ("CA", "CERTIFICATE", "KEY")
    }
    done = _told_address(tmp_path, VDX_TRITON__URL="gpu-box:8001", **environ)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("vdx: ")
    assert "nothing.pem" in done.stderr
