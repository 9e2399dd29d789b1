"""Where the commands are that were once part of `vdx bench`: in a checkout, not in a wheel."""

from vdx.core.errors import UnknownName

_STUDIES = ("vad", "page", "grammar", "piper", "kokoro", "whisper", "whisper-file", "whisper-words")
MOVED = {
    **{name: f"python -m benchmarks {name}" for name in _STUDIES},
    "fuzz": "python -m tests.fuzz",
}
"""Old name to the command that has replaced it."""


def require_bench(name: str) -> None:
    """Raises UnknownName, which names the new command, where `name` is that of a moved one."""
    if name in MOVED:
        raise UnknownName(
            f"`vdx bench {name}` has moved; in a checkout of vdx run: .venv/bin/{MOVED[name]}"
        )
