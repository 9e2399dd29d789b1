"""What `vdx voices list` lists: what is here, and what can be pulled."""

from typing import TYPE_CHECKING

import typer

from vdx.cli.voice_store import hub_of, open_store
from vdx.cli.voice_usage import some_languages

if TYPE_CHECKING:
    from vdx.serving.voicepacks.catalogue import PiperVoice
    from vdx.serving.voicepacks.starters import Starter

COLUMNS = ("id", "kind", "family", "languages", "size", "licence", "note")
ANSWER_S = 3.0
"""How long the hub may take to answer before the bundled catalogue is shown."""
NOT_FETCHED = "not fetched"


def print_rows(rows: list[dict[str, object]], wanted: str) -> None:
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


def rows_here(words: str) -> list[dict[str, object]]:
    """What is in this VDX_HOME, and the starters that can be fetched, where all `words` fit."""
    rows = []
    for entry in open_store().entries():
        row: dict[str, object] = {"id": entry.id, "family": entry.family}
        if (pack := entry.pack) is not None:
            row |= {
                "kind": pack.kind,
                "languages": some_languages(pack.languages),
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
    return f"{size / 1e6:.0f} MB" if size >= 500_000 else "< 1 MB"


def rows_on_the_hub(words: str, endpoint: str) -> list[dict[str, object]]:
    """What `vdx voices pull` can fetch, where all `words` fit; the network is asked."""
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
            "licence": each.licence,
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

    hub = hub_of(endpoint)
    if hub.answers(PIPER_REPO, "main", ANSWER_S):
        return piper_voices(hub)
    typer.echo(f"{hub.endpoint} does not answer; these are the voices of August 2023", err=True)
    return bundled_piper_voices()
