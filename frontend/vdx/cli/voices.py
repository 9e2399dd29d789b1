"""`vdx voices`: list, pull, add, check and remove voices and recognisers."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vdx.cli.completions import model_ids
from vdx.cli.server import DEFAULT_URL, Key, Url, require_server_url
from vdx.cli.voice_listing import print_rows, rows_here, rows_on_the_hub
from vdx.cli.voice_pulling import is_language_model, pull_language_model, pull_model, pull_starters
from vdx.cli.voice_store import open_store
from vdx.cli.voice_usage import some_languages, tell_added
from vdx.core.errors import InvalidInput, InvalidVoicepack, VdxError
from vdx.core.masking import masked

if TYPE_CHECKING:
    from vdx.serving.voicepacks.store import Entry, VoicepackStore

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Fetch and manage voices and recognisers.",
)


Endpoint = Annotated[
    str, typer.Option(envvar="HF_ENDPOINT", help="The hub; default: https://huggingface.co.")
]


Parameter = Annotated[
    list[str] | None,
    typer.Option(metavar="KEY=VALUE", help="For the family, such as: device=cuda."),
]


Accept = Annotated[
    bool,
    typer.Option("--accept-licence", help="Accepts a licence that asks for it, such as CPML."),
]
Trust = Annotated[
    bool,
    typer.Option("--trust", help="Its files may run code when they are loaded (CosyVoice 2)."),
]
NewId = Annotated[str, typer.Option("--id", help="What to call it; default: its own name.")]


ADAPTER = "csm-lora"
"""A word before the path of what `add` adds."""


@app.command("list")
def list_voices(
    words: Annotated[
        list[str] | None, typer.Argument(help="Only those with these words, such as: german.")
    ] = None,
    hub: Annotated[bool, typer.Option("--hub", help="Those that can be pulled.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array.")] = False,
    endpoint: Endpoint = "",
) -> None:
    """List installed voices and recognisers, or those on the hub (--hub)."""
    wanted = " ".join(words or [])
    rows = rows_on_the_hub(wanted, endpoint) if hub else rows_here(wanted)
    if as_json:
        import json

        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    print_rows(rows, wanted)


@app.command()
def pull(
    name: Annotated[
        str | None,
        typer.Argument(
            help="From `vdx voices list --hub`, or OWNER/REPOSITORY[@REVISION][:FILE]; "
            "default: the starter voice and recogniser, unless they are here."
        ),
    ] = None,
    id_: NewId = "",
    parameter: Parameter = None,
    endpoint: Endpoint = "",
    accept_licence: Accept = False,
    trust: Trust = False,
) -> None:
    """Download a voice or recogniser; without a name, the starters."""
    if name is None:
        if id_ or parameter:
            raise InvalidInput("--id and --parameter need a NAME", param="name")
        pull_starters(endpoint)
        return
    if is_language_model(name):
        if id_ or parameter:
            told = (
                f"{name} is a language model: --id and --parameter are for voices and recognisers"
            )
            raise InvalidInput(told, param="id" if id_ else "parameter")
        pull_language_model(endpoint)
        return
    parameters = _parameters(parameter, trust=trust)
    tell_added(pull_model(name, id_, parameters, endpoint, accepted=accept_licence))


@app.command()
def add(
    path: Annotated[
        list[Path],
        typer.Argument(
            metavar="[csm-lora] PATH",
            help="A voice's .onnx file, or a folder with a model; for their names see below.",
        ),
    ],
    id_: NewId = "",
    licence: Annotated[str, typer.Option(help="Default: what its model card says.")] = "",
    language: Annotated[
        list[str] | None,
        typer.Option(metavar="TAG", help="What it knows, such as en; default: what its files say."),
    ] = None,
    parameter: Parameter = None,
    accept_licence: Accept = False,
    trust: Trust = False,
) -> None:
    """Add a voice or recogniser from a local folder.

    A Piper voice (NAME.onnx with NAME.onnx.json), a Kokoro voice (kokoro*.onnx with voices*.npz or
    voices*.bin), XTTS-v2 (a folder with model.pth), Sesame CSM (a folder with model.safetensors),
    CosyVoice 2 (a folder with cosyvoice2.yaml; its code is a checkout, COSYVOICE_HOME), a
    Whisper model of CTranslate2 (a folder), a streaming transducer or CTC model in the layout of
    sherpa-onnx (a folder with tokens.txt), or a Moonshine model (a folder). A LoRA adapter for
    Sesame CSM, a folder with adapter_model.safetensors, is a speaker of each CSM that is here.
    """
    from vdx.serving.voicepacks.identify import identify
    from vdx.serving.voicepacks.staging import Origin

    place = _place(path)
    folder, parts = identify(place)
    if len(path) > 1 and not parts.adapter:
        raise InvalidInput(f"{place} is no LoRA adapter", param="path")
    _accept_terms(parts.family, accepted=accept_licence)
    origin = Origin(
        str(place.absolute()),
        id_,
        licence,
        _parameters(parameter, trust=trust),
        tuple(language or ()),
    )
    tell_added(open_store(check_load=True).add(folder, parts, origin))


@app.command()
def clone(
    recording: Annotated[
        Path, typer.Argument(help="3 to 30 s of one person, a file of any usual format.")
    ],
    id_: Annotated[str, typer.Option("--id", help="What to call the voice.")],
    text: Annotated[str, typer.Option(help="What it says; Sesame CSM needs it.")] = "",
    language: Annotated[str, typer.Option(help="BCP-47; default: the voice's first.")] = "",
    consent: Annotated[
        str, typer.Option(help="Statement of whoever speaks; default: asked in a terminal.")
    ] = "",
    licence: Annotated[str, typer.Option(help="How it may be used.")] = "",
) -> None:
    """Make a voice of a recording, for models that clone one."""
    import sys

    from vdx.batch.reference import as_pcm, decode_reference
    from vdx.batch.reference_checks import require_fit
    from vdx.core.audio_decoder import open_file
    from vdx.core.paths import locate
    from vdx.serving.voicepacks.clones import CloneOrder, add_clone

    with open_file(recording) as file:
        heard = decode_reference(file, str(recording), "recording")
    require_fit(heard, str(recording))
    if not consent and sys.stdin.isatty():
        consent = typer.prompt("statement of whoever speaks in it, that their voice may be used")
    order = CloneOrder(id_, text, language, consent, licence)
    voice, pack = add_clone(locate(), order, as_pcm(heard))
    languages = some_languages(pack.languages)
    typer.echo(f"{pack.id} is here: {pack.family}, {languages}; nothing else is kept")
    typer.echo(f"  speak with it:             vdx say Hello. --voice {voice}")
    typer.echo(f"  delete it:                 vdx voices remove {pack.id}")


def _place(given: list[Path]) -> Path:
    """The path of what is added; `csm-lora` before it says that it is an adapter."""
    if len(given) == 1:
        return given[0]
    if len(given) > 2 or str(given[0]) != ADAPTER:
        raise InvalidInput(
            f"one PATH at a time, with nothing but {ADAPTER!r} before it: "
            f"got {', '.join(map(str, given))}",
            param="path",
        )
    return given[1]


def _accept_terms(family: str, *, accepted: bool) -> None:
    """Shows what the licence of a family's models asks, unless it was accepted here before."""
    import sys

    from vdx.core.paths import locate
    from vdx.serving.voicepacks.terms import require_accepted, terms_of_family

    def ask(terms: str) -> bool:
        typer.echo(terms)
        return sys.stdin.isatty() and typer.confirm("accept it?")

    terms = terms_of_family(family)
    require_accepted(locate(), f"a model of {family}", terms, accepted=accepted, ask=ask)


def _parameters(given: list[str] | None, *, trust: bool = False) -> dict[str, str]:
    from vdx.serving.voicepacks.staging import TRUSTED

    parameters = {TRUSTED: "true"} if trust else {}
    for each in given or []:
        key, equals, value = each.partition("=")
        if not equals:
            raise InvalidInput(f"--parameter {each!r}: must be KEY=VALUE", param="parameter")
        parameters[key] = value
    return parameters


@app.command()
def check(
    names: Annotated[
        list[str] | None, typer.Argument(help="Ids, or paths of models; default: all that is here.")
    ] = None,
) -> None:
    """Check files and metadata; ends with status 1 if one is wrong."""
    store, bad = open_store(check_load=True), 0
    for name in names or [entry.id for entry in store.entries()]:
        try:
            _check(store, name)
        except InvalidVoicepack as error:
            typer.echo(f"{name}: {error}", err=True)
            bad += 1
        else:
            typer.echo(f"{name}: OK")
    if bad:
        raise typer.Exit(1)


def _check(store: "VoicepackStore", name: str) -> None:
    if Path(name).exists() and name not in {entry.id for entry in store.entries()}:
        store.check_path(Path(name))
    else:
        store.check(store.find(name))


@app.command()
def remove(
    name: Annotated[
        str, typer.Argument(help="An id from `vdx voices list`.", autocompletion=model_ids)
    ],
    url: Url = DEFAULT_URL,
    api_key: Key = "",
) -> None:
    """Remove a voice or recogniser, and unload it where a server runs."""
    require_server_url(url)
    store = open_store()
    entry = store.removable(name)
    if entry.pack is None or entry.pack.part is None:
        _unload(entry, url, api_key)
    store.remove(name)
    typer.echo(f"{name} is removed")


def _unload(entry: "Entry", url: str, api_key: str) -> None:
    """Unloads the model from a running server, if there is one."""
    from vdx.cli.models import unload_if_served

    try:
        if unload_if_served(entry.id, url, api_key):
            typer.echo(f"{entry.id} is unloaded; what it is saying now is finished")
    except VdxError as error:
        typer.echo(f"the server at {masked(url)} did not unload it: {error}", err=True)
