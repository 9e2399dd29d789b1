"""`vdx voices`: list, pull, add, check and remove voices and recognisers."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vdx.cli.completions import model_ids
from vdx.cli.server import DEFAULT_URL, Key, Url, require_server_url
from vdx.core.errors import InvalidInput, InvalidVoicepack, VdxError
from vdx.core.language_tags import primary_subtag, serves
from vdx.core.masking import masked

if TYPE_CHECKING:
    from vdx.serving.voicepacks.catalogue import PiperVoice
    from vdx.serving.voicepacks.hub import Hub
    from vdx.serving.voicepacks.metadata import Voicepack
    from vdx.serving.voicepacks.starters import Starter
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
ANSWER_S = 3.0
"""How long the hub may take to answer before the bundled catalogue is shown."""
NOT_FETCHED = "not fetched"


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
    rows = _on_the_hub(wanted, endpoint) if hub else _here(wanted)
    if as_json:
        import json

        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    _print_rows(rows, wanted)


COLUMNS = ("id", "kind", "family", "languages", "size", "licence", "note")


def _print_rows(rows: list[dict[str, object]], wanted: str) -> None:
    """The rows as a table; what --json has beside that is left out."""
    from vdx.cli.models import KINDS, some
    from vdx.cli.table import print_table

    if not rows:
        typer.echo(f"nothing here fits {wanted!r}" if wanted else "nothing is here", err=True)
        return
    shown = []
    for row in rows:
        kind = KINDS.get(str(row.get("kind", "")), str(row.get("kind", "")))
        languages = some(str(row.get("languages") or row.get("language") or "").split(","), 2)
        note = row.get("problem") or row.get("origin") or row.get("repository")
        licence = row.get("licence") if row.get("commercial", True) else "non-commercial"
        short = str(note or row.get("speakers") or licence or "").partition(": vdx ")[0]
        told = row | {"kind": kind, "languages": languages, "note": short}
        shown.append([str(told.get(name, "")) for name in COLUMNS])
    # Of what is here the id tells the family, and the line has no room for it.
    left_out = {"family"} if any("kind" in row for row in rows) else {"licence"}
    kept = [n for n, name in enumerate(COLUMNS) if name not in left_out]
    print_table([COLUMNS[n] for n in kept], [[row[n] for n in kept] for row in shown])
    if any("origin" not in row or NOT_FETCHED in str(row["origin"]) for row in rows):
        typer.echo("fetch one with: vdx voices pull ID", err=True)


def _here(words: str) -> list[dict[str, object]]:
    rows = []
    for entry in open_store().entries():
        row: dict[str, object] = {"id": entry.id, "family": entry.family}
        if (pack := entry.pack) is not None:
            row |= {
                "kind": pack.kind,
                "languages": _some(pack.languages),
                "sample_rate": pack.sample_rate,
                "size": _megabytes(sum(f.stat().st_size for f in entry.folder.iterdir())),
                "licence": pack.licence,
            }
        row["origin"] = "comes with vdx" if entry.comes_along else "added"
        if pack is not None and pack.part is not None:
            row["origin"] = f"{pack.part}, a speaker of {entry.family} voices"
        if entry.problem:
            row["problem"] = f"BROKEN: {entry.problem}"
        rows.append(row)
    rows += _not_fetched({str(row["id"]) for row in rows})
    return [r for r in rows if all(word in str(r).casefold() for word in words.casefold().split())]


def _not_fetched(here: set[str]) -> list[dict[str, object]]:
    """The starters that are not here yet, and the language model, which is no voicepack."""
    from vdx.core.paths import locate
    from vdx.serving.voicepacks.language_models import place_of
    from vdx.serving.voicepacks.starters import language_model, starters

    model = language_model()
    fetched = {model.id} if place_of(locate(), model).exists() else set()
    return [
        _starter_row(
            each, "added" if each.id in fetched else f"{NOT_FETCHED}: vdx voices pull {each.id}"
        )
        for each in (*starters(), model)
        if each.id not in here
    ]


def _starter_row(starter: "Starter", origin: str) -> dict[str, object]:
    return {
        "id": starter.id,
        "family": starter.family,
        "kind": starter.kind,
        "languages": ",".join(starter.languages),
        "size": _megabytes(starter.size),
        "licence": starter.licence,
        "origin": origin,
    }


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.0f} MB"


def _some(languages: list[str]) -> str:
    return ",".join(languages[:5]) + (f" and {len(languages) - 5} more" if languages[5:] else "")


def _on_the_hub(words: str, endpoint: str) -> list[dict[str, object]]:
    from vdx.serving.voicepacks.catalogue import WHISPER_REPOS
    from vdx.serving.voicepacks.starters import more_packaged

    rows: list[dict[str, object]] = [
        {"id": name, "family": "whisper", "repository": repo}
        for name, repo in WHISPER_REPOS.items()
        if all(word in f"{name} {repo}".casefold() for word in words.casefold().split())
    ]
    rows += [
        {
            "id": each.id,
            "family": each.family,
            "languages": ",".join(each.languages),
            "size": _megabytes(each.size),
        }
        for each in more_packaged()
        if all(word in f"{each.id} {each.family}".casefold() for word in words.casefold().split())
    ]
    rows += _released(words)
    for voice in _catalogue(endpoint):
        if voice.matches(words):
            language = f"{voice.language.name_english} {voice.language.country_english}".strip()
            speakers = f"{voice.num_speakers} speakers" if voice.num_speakers > 1 else ""
            rows.append(
                {
                    "id": voice.key,
                    "family": "piper",
                    "language": language,
                    "size": _megabytes(voice.size),
                    "speakers": speakers,
                }
            )
    return rows


def _released(words: str) -> list[dict[str, object]]:
    from vdx.serving.voicepacks.released import released_recognisers

    rows: list[dict[str, object]] = [
        {
            "id": each.id,
            "family": each.family,
            "languages": ",".join(each.languages),
            "size": _megabytes(each.size),
            "licence": each.licence,
            "commercial": each.commercial,
        }
        for each in released_recognisers()
    ]
    return [r for r in rows if all(word in str(r).casefold() for word in words.casefold().split())]


def _catalogue(endpoint: str) -> "list[PiperVoice]":
    """The hub's own catalogue; where the hub cannot be reached, the one that comes with vdx."""
    from vdx.serving.voicepacks.catalogue import PIPER_REPO, bundled_piper_voices, piper_voices

    hub = _hub(endpoint)
    if hub.answers(PIPER_REPO, "main", ANSWER_S):
        return piper_voices(hub)
    typer.echo(f"{hub.endpoint} does not answer; these are the voices of August 2023", err=True)
    return bundled_piper_voices()


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
    if _is_language_model(name):
        if id_ or parameter:
            told = (
                f"{name} is a language model: --id and --parameter are for voices and recognisers"
            )
            raise InvalidInput(told, param="id" if id_ else "parameter")
        _pull_language_model(endpoint)
        return
    parameters = _parameters(parameter, trust=trust)
    _tell_added(_pull(name, id_, parameters, endpoint, accepted=accept_licence))


def pull_starters(endpoint: str = "") -> None:
    """Downloads the starters that are not here; raises as `serving.voicepacks.pull`."""
    from vdx.serving.voicepacks.starters import starters

    here = {entry.id for entry in open_store().entries()}
    for starter in starters():
        if starter.id not in here:
            _pull(starter.id, "", {}, endpoint)
            typer.echo(f"{starter.id} is here")


def _is_language_model(name: str) -> bool:
    from vdx.serving.voicepacks.starters import find_starter, language_model

    return find_starter(name) is language_model()


def _pull_language_model(endpoint: str) -> None:
    from vdx.core.paths import locate
    from vdx.serving.voicepacks.language_models import fetch_language_model
    from vdx.serving.voicepacks.starters import language_model

    file = fetch_language_model(_hub(endpoint), locate(), language_model(), typer.echo)
    typer.echo(f"{language_model().id} is here: {file}\n  start with it:             vdx up --llm")


def _pull(
    name: str, id_: str, parameters: dict[str, str], endpoint: str, *, accepted: bool = False
) -> "Voicepack":
    from vdx.core.paths import locate
    from vdx.serving.voicepacks.pull import pull as fetch

    try:
        return fetch(
            _hub(endpoint),
            open_store(trial=True),
            locate(),
            name,
            id_=id_,
            parameters=parameters,
            accepted=accepted,
            tell=typer.echo,
        )
    except KeyboardInterrupt:
        typer.echo("\ninterrupted; the same command goes on where this one stopped", err=True)
        raise typer.Exit(130) from None


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
    _tell_added(open_store(trial=True).add(folder, parts, origin))


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
    """Make a voice of a recording, for XTTS-v2, CosyVoice 2 and Sesame CSM."""
    import sys

    from vdx.batch.reference import as_pcm, decode_reference
    from vdx.batch.reference_checks import require_fit
    from vdx.core.audio_decoder import open_file
    from vdx.core.paths import locate
    from vdx.serving.voicepacks.clones import Wish, add_clone

    with open_file(recording) as file:
        heard = decode_reference(file, str(recording), "recording")
    require_fit(heard, str(recording))
    if not consent and sys.stdin.isatty():
        consent = typer.prompt("statement of whoever speaks in it, that their voice may be used")
    wish = Wish(id_, text, language, consent, licence)
    voice, pack = add_clone(locate(), wish, as_pcm(heard))
    typer.echo(f"{pack.id} is here: {pack.family}, {_some(pack.languages)}; nothing else is kept")
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


def _tell_added(pack: "Voicepack") -> None:
    """Prints what was added and the commands that use it."""
    from vdx.cli.extras import JAPANESE, lacks_japanese
    from vdx.core.paths import locate

    language = _usual_language()
    typer.echo(
        f"{pack.id} is here: {pack.family}, {_some(pack.languages)}, licence: {pack.licence}"
    )
    if pack.part is not None:
        _tell_part(pack)
        return
    if pack.kind == "endpointer":
        typer.echo(f"  start with it:             vdx up --set endpointing.model={pack.id}")
        typer.echo(f"  in a server that runs:     vdx models use {pack.id}")
        return
    if pack.kind == "speaker":
        typer.echo("  who speaks in a recording: vdx transcribe FILE --speakers")
        return
    if lacks_japanese(pack, locate()):
        typer.echo(f"  to read Japanese first:    {JAPANESE.command}")
    what = "voice" if pack.kind == "tts" else "recogniser"
    if speaks(pack, language):
        typer.echo(f"  start with it:             vdx up --{what} {pack.id}")
        typer.echo(f"  in a server that runs:     vdx models use {pack.id}")
        return
    own = primary_subtag(pack.languages[0])
    start = f"vdx up --{what} {pack.id} --language {own}"
    if pack.kind == "tts":
        start += f" --recogniser {_recogniser_for(own)}"
    typer.echo(f"  start with it:             {start}")


def _tell_part(pack: "Voicepack") -> None:
    """It is spoken with by a model of its family, one that runs included."""
    models = [
        entry.id
        for entry in open_store().entries()
        if entry.family == pack.family and entry.pack and entry.pack.part is None
    ]
    if not models:
        typer.echo(f"  it needs a voice of the family {pack.family}, and none is here")
    for name in models:
        typer.echo(f"  speak with it:             vdx say Hello. --voice {name}/{pack.id}")


def _usual_language() -> str:
    from vdx.core.config import AsrConfig

    return AsrConfig().language


def speaks(pack: "Voicepack", language: str) -> bool:
    """Whether a voicepack serves a language, by its primary subtag."""
    return serves(pack.languages, language)


def _recogniser_for(language: str) -> str:
    """An installed recogniser of a language, else one that can be pulled."""
    from vdx.serving.voicepacks.starters import catalogue_recognisers

    for entry in open_store().entries():
        if entry.pack and entry.pack.kind == "asr" and speaks(entry.pack, language):
            return entry.id
    wanted = catalogue_recognisers(language)[0]
    typer.echo(f"  a recogniser for it first: vdx voices pull {wanted}")
    return wanted


@app.command()
def check(
    names: Annotated[
        list[str] | None, typer.Argument(help="Ids, or paths of models; default: all that is here.")
    ] = None,
) -> None:
    """Check files and metadata; ends with status 1 if one is wrong."""
    store, bad = open_store(trial=True), 0
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


def open_store(*, trial: bool = False) -> "VoicepackStore":
    """The voicepacks of this VDX_HOME; with `trial` what is added is loaded once before."""
    from vdx.core.paths import locate
    from vdx.serving.voicepacks.load_check import load_once
    from vdx.serving.voicepacks.store import VoicepackStore

    paths = locate()
    check = load_once(paths) if trial else None
    if trial and check is None:
        typer.echo(
            "no model is loaded to check its files: `vdx setup` builds the environment for that",
            err=True,
        )
    return VoicepackStore(paths, check)


def _hub(endpoint: str) -> "Hub":
    from vdx.serving.voicepacks.hub import Hub

    return Hub(endpoint)
