"""The `vdx` command: a table of sub-commands, each in a module imported only when it is called.

To add one, write `frontend/vdx/cli/<name>.py` with
`app = typer.Typer(add_completion=False, rich_markup_mode=None)` (one `@app.command()`, or several
for sub-commands of its own) and add a line to `COMMANDS`. The help text of `vdx --help` comes from
the table, so that listing the commands imports none of them.
"""

import importlib
import sys
from typing import Annotated, Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup

from vdx import __version__
from vdx.cli.output import ReaderGone, standard_streams
from vdx.core.errors import ConfigError, InvalidInput, SetupError, Unauthorized, VdxError

COMMANDS = {
    "up": "Start Triton, models and the server here, and serve.",
    "frontend": "Serve conversations against a Triton that runs elsewhere.",
    "manager": "Load and unload models of a Triton that frontends share.",
    "triton": "Run the embedded Triton; make backends for a stock one.",
    "setup": "Build the environment that models run in.",
    "grammar": "Make recognisers that understand only some sentences.",
    "models": "List, load and unload models; switch them in live calls.",
    "top": "Show a server's live sessions and models.",
    "profile": "Draw where a server or a model spends its time.",
    "sessions": "List the conversations of a running server.",
    "logs": "Show the last lines that a running server logged.",
    "voices": "Fetch and manage voices and recognisers.",
    "talk": "Talk from here, with the microphone or a recording.",
    "say": "Speak a text into a file.",
    "transcribe": "Write down what a recording says.",
    "config": "Show every effective setting and where it came from.",
    "install-service": "Write a systemd unit that runs `vdx up`.",
    "recordings": "List and delete recorded calls.",
    "keys": "Add, list and revoke API keys.",
    "doctor": "Check this machine and say how to mend what is wrong.",
    "plan": "Say how many machines a number of calls needs.",
    "bench": "Measure turns, interruptions, jitter and sessions.",
}
COMMANDS["token"] = "Let one person into one LiveKit room."  # noqa: S105  # nosec B105
"""Name of a command, which is also that of its module in `vdx.cli`, and its line of help."""


FAILED = 1
"""Exit status where the command was understood, and something failed or a check found a fault."""
WRONG = 2
"""Where the command line, the configuration or a name in them is wrong, as click's usage errors.

An interrupted command ends with 130, a server that Ctrl-C stops with 0.
"""


class PlainGroup(TyperGroup):
    """Tells what is wrong with an argument in vdx's words, where typer has pydantic's."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            from vdx.core.validation import in_words

            error.message = in_words(error.__cause__) or error.message
            raise


class LazyGroup(PlainGroup):
    """Lists the commands of a table, and imports a command's module once it is called."""

    package = "vdx.cli"
    table: ClassVar[dict[str, str]] = COMMANDS

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        # Placeholders: they give `--help` its lines and a mistyped name its suggestion.
        self.commands.update(
            {name: TyperCommand(name, help=line) for name, line in self.table.items()}
        )

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  (the base class names it)
        return list(self.table)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, placeholder, rest = super().resolve_command(ctx, args)
        return name, placeholder if name is None else load_command(name, self.package), rest


def load_command(name: str, package: str = LazyGroup.package) -> Any:
    """Import the module of a command and return what runs it.

    Raises:
        SetupError: this installation has no such module.
    """
    module_name = f"{package}.{name.replace('-', '_')}"
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name != module_name:
            raise
        raise SetupError(f"this installation of vdx has no command {name!r}") from None
    command = typer.main.get_command(module.app)
    command.name = name
    return command


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    # Importing rich would triple the time `vdx --help` takes.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"vdx {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Realtime duplex voice: speech in, speech out, interruptible, models in Triton."""


def main() -> None:
    """Run the command line; a VdxError ends it with one line and no traceback.

    So does an OSError. If the reader of standard output has gone, a command ends with status 0.
    """
    run_app(app)


def run_app(commands: typer.Typer) -> None:
    """Runs the commands of a typer application, with errors as in `main`."""
    with standard_streams():
        try:
            commands()
        except (VdxError, OSError, ExceptionGroup) as error:
            sys.exit(_told(error))


def _told(error: Exception) -> int:
    """Prints the error and returns the exit status; raises any unexpected one again."""
    from vdx.cli.unusable import cause, describe

    found = cause(error)
    if isinstance(found, ReaderGone):
        return 0
    if isinstance(found, VdxError):
        typer.echo(f"vdx: {found}", err=True)
        return WRONG if isinstance(found, ConfigError | InvalidInput | Unauthorized) else FAILED
    if isinstance(found, OSError):
        typer.echo(f"vdx: {describe(found)}", err=True)
        return FAILED
    raise error
