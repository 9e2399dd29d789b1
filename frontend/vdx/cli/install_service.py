"""`vdx install-service`: a systemd unit that runs `vdx up`, hardened, and drains before it ends."""

import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False, rich_markup_mode=None)

FILE = Path("/etc/systemd/system/vdx.service")
MARGIN_S = 60
"""Beyond the time for draining: models and Triton are ended too."""

UNIT = """\
# Written by `vdx install-service`; changes belong into a drop-in (systemctl edit vdx).
[Unit]
Description=vdx, realtime duplex voice
Wants=network-online.target
After=network-online.target

[Service]
Type=exec
User={user}
Environment={home}
# Secrets: lines VDX_SERVER__API_KEYS=…, OPENAI_API_KEY=…; mode 0600.
EnvironmentFile=-{environment}
ExecStart={command}
# SIGTERM to vdx alone, which lets calls end ({drain}) and then ends Triton itself.
KillMode=mixed
TimeoutStopSec={stop}
Restart=on-failure
RestartSec=2
LimitNOFILE=65536
UMask=0077
{state}
NoNewPrivileges=yes
CapabilityBoundingSet=
ProtectSystem=strict
ProtectHome={protect_home}
PrivateTmp=yes
{devices}
ProtectProc=invisible
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
RestrictSUIDSGID=yes
RestrictRealtime=yes
RestrictNamespaces=yes
# Netlink: WebRTC asks for the addresses of the machine.
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
LockPersonality=yes
KeyringMode=private
SystemCallArchitectures=native
# seccomp: vdx puts a filter of its own around Triton.
SystemCallFilter=@system-service seccomp

[Install]
WantedBy=multi-user.target
"""


@app.command()
def install_service(
    config: Annotated[
        Path, typer.Option("--config", help="Its settings.", exists=True, dir_okay=False)
    ] = Path("/etc/vdx/vdx.yaml"),
    user: Annotated[str, typer.Option(help="The user it runs as.")] = "vdx",
    home: Annotated[Path, typer.Option(help="Its VDX_HOME.")] = Path("/var/lib/vdx"),
    options: Annotated[str, typer.Option(help="More options of `vdx up`.")] = "",
    gpu: Annotated[bool, typer.Option("--gpu", help="Leave it the devices of GPUs.")] = False,
    out: Annotated[Path, typer.Option(help="Where to write; - prints it.")] = FILE,
) -> None:
    """Write a systemd unit for `vdx up`."""
    from vdx.core import settings

    found = settings.load(config).config
    program = Path(sys.executable).with_name("vdx")
    written = unit(
        program=program,
        config=config.resolve(),
        user=user,
        home=home,
        options=options,
        gpu=gpu,
        drain_s=found.server.drain_timeout_seconds,
        recordings=found.call_recording.folder,
    )
    if str(out) == "-":
        typer.echo(written, nl=False)
        return
    out.write_text(written, encoding="utf-8")
    typer.echo("\n  ".join([f"written: {out}; now, as root:", *steps(user, home, program)]))


def steps(user: str, home: Path, program: Path) -> list[str]:
    """What is left to do by root."""
    return [
        f"useradd --system --home-dir {home} --shell /usr/sbin/nologin {user}",
        # systemd makes it at the first start, which needs what `vdx setup` puts there.
        f"install --directory --owner={user} --mode=0700 {home}",
        f"runuser -u {user} -- env VDX_HOME={home} {program} setup",
        "systemctl daemon-reload",
        "systemctl enable --now vdx",
    ]


def unit(
    *,
    program: Path,
    config: Path,
    user: str,
    home: Path,
    options: str = "",
    gpu: bool = False,
    drain_s: int = 600,
    recordings: Path | None = None,
) -> str:
    """The text of the unit; `drain_s` 0 waits for calls without limit.

    `recordings` is the folder of recorded calls, where it is not within `home`.
    """
    words = [str(program), "up", "--config", str(config)]
    inside_home = any(
        path.is_relative_to(folder)
        for path in (program, config)
        for folder in ("/home", "/root", "/run/user")
    )
    managed = home.is_relative_to("/var/lib") and home != Path("/var/lib")
    name = home.relative_to("/var/lib") if managed else home
    state = [f"StateDirectory={name}", "StateDirectoryMode=0700"]
    if not managed:
        state = [f"ReadWritePaths={_quoted(str(home))}"]
    if recordings is not None and not recordings.is_relative_to(home):
        state.append(f"ReadWritePaths={_quoted(str(recordings))}")
    return UNIT.format(
        user=user,
        home=_quoted(f"VDX_HOME={home}"),
        environment=config.with_name("environment"),
        command=" ".join([*(_quoted(word) for word in words), *options.split()]),
        drain=f"{drain_s} s" if drain_s else "without limit",
        stop=drain_s + MARGIN_S if drain_s else "infinity",
        state="\n".join(state),
        protect_home="read-only" if inside_home else "yes",
        devices="# GPUs: their devices are needed." if gpu else "PrivateDevices=yes",
    )


def _quoted(word: str) -> str:
    """As systemd reads it: `%` begins a specifier, `$` a variable, white space ends a word."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"' if escaped != word or " " in word else word
