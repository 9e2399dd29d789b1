"""The output of `vdx up`: the stages of a proof turn in ms, the addresses, and next commands."""

from typing import TYPE_CHECKING, Any

from vdx.cli.console import tell, warn

if TYPE_CHECKING:
    from vdx.app import Application
    from vdx.core.config import Config, ResponderConfig

PROOF_RECORDING = "ps_goforward.wav"
ANSWER_TIMEOUT_S = 15.0
BAR_COLUMNS = 30


async def prove(address: str, config: "Config") -> None:
    """Runs one turn with a recording sent in real time, and prints its stages.

    If the turn fails, prints why; the server goes on.
    """
    from vdx.client.realtime import RealtimeClient
    from vdx.client.recording import read_clip
    from vdx.client.scripted_call import speak_recordings, summary
    from vdx.core.errors import VdxError
    from vdx.core.paths import locate

    if config.server.api_keys_file is not None and not config.server.api_keys:
        tell("no proof turn: of the keys in server.api_keys_file only the hashes are known here")
        return
    tell("one turn with the recording of a person …")
    keys = config.server.api_keys
    key = keys[0].get_secret_value() if keys else ""
    try:
        async with RealtimeClient.connect(address, api_key=key) as client:
            await client.update_session(events=True)
            clip = read_clip(locate().recordings / PROOF_RECORDING, client.rate)
            await speak_recordings(client, [clip], ANSWER_TIMEOUT_S)
            tell_proof(summary(client), client.log.errors, config)
    except VdxError as error:
        warn(f"the proof turn failed: {error}")


def tell_proof(told: dict[str, Any], errors: list[dict[str, Any]], config: "Config") -> None:
    """Prints what was heard and answered, and the stages; or why the turn failed.

    A reply that is only the apology of a responder that failed is no proof: `errors` holds what
    the server told of it.
    """
    for heard in told["heard"]:
        tell(f"  heard     {heard}")
    for error in errors:
        warn(f"the proof turn failed: {error['message']}{_endpoint(error, config)}")
    if errors:
        return
    for said in told["said"]:
        tell(f"  answered  {said}")
    for turn in told["turns"]:
        _show(turn)
    if not told["turns"]:
        warn("the proof turn was not answered; `vdx doctor` looks for the cause")


def _endpoint(error: dict[str, Any], config: "Config") -> str:
    """Where an error is the responder's: which endpoint was asked, and the key that names it."""
    from vdx.core.masking import masked
    from vdx.dialog.profiles import DEFAULT_PROFILE

    own = config.profiles.get(DEFAULT_PROFILE)
    responder = (own.responder if own else None) or config.responder
    if error.get("service") != "responder" or responder.kind != "chat":
        return ""
    chat = responder.chat
    return (
        f"; asked was {chat.model} at {masked(chat.base_url)} "
        "(responder.chat.base_url names another endpoint)"
    )


def _show(turn: dict[str, Any]) -> None:
    """The waterfall of one turn: milliseconds from the end of speech."""
    from vdx.dialog.trace import STAGE_LABELS

    stages = sorted(turn["stages"].items(), key=lambda stage: stage[1])
    longest = max(turn["speech_end_to_first_audio_ms"], 1.0)
    tell("  milliseconds after the end of speech:")
    for stage, ms in stages:
        bar = "█" * max(1, round(BAR_COLUMNS * ms / longest))
        tell(f"    {STAGE_LABELS.get(stage, stage):<28}{ms:7.1f}  {bar}")


def welcome(address: str, host: "Application") -> None:
    """Prints where to talk, and a command for a better voice and recogniser each."""
    from vdx.core.language_tags import primary_subtag
    from vdx.serving.default_models import LIGHT_RECOGNISER, LIGHT_VOICE
    from vdx.serving.voicepacks.starters import (
        catalogue_endpointer,
        catalogue_recognisers,
        catalogue_voice,
    )

    status, language = host.status(), primary_subtag(host.config.asr.first_language)
    vdx = program()
    tell(f"\n  talk here:  {address}\n")
    if public_url := host.config.server.public_url:
        tell(f"  public      {public_url}")
    for what, better in (
        ("voice", catalogue_voice(language)),
        ("recogniser", catalogue_recognisers(language)[0]),
    ):
        light = status[what] in (LIGHT_VOICE, f"{LIGHT_RECOGNISER}-{language}")
        hint = f"; a neural one: {_command(better)}" if light and better else ""
        tell(f"  {what:<11} {status[what]}{hint}")
    if not status["endpointer"] and (better := catalogue_endpointer(language)):
        tell(f"  end of turn by the words alone; by the sound too: {_command(better)}")
    elif status["endpointer"]:
        tell(f"  endpointer  {status['endpointer']}")
    tell(
        f"              another in this server: {vdx} models use ID; "
        f"all that can be pulled: {vdx} voices list --hub"
    )
    _tell_answers(host.profiles.options("").responder)
    tell("\n  Ctrl-C stops everything.\n")


def _command(model: str) -> str:
    """The command that has this server use a model, which is fetched first if it is not here."""
    from vdx.core.paths import locate

    here = (locate().pulled_models / model).is_dir()
    return f"{program()} models use {model}" if here else f"{program()} voices pull {model}"


def program() -> str:
    """How this shell calls vdx: as it is on PATH, else by the path that started this process."""
    import shutil
    import sys
    from pathlib import Path

    called = Path(sys.argv[0])
    if shutil.which("vdx") or called.name != "vdx":
        return "vdx"
    try:
        return str(called.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(called.absolute())


def _tell_answers(responder: "ResponderConfig") -> None:
    """What answers, and how to have a better language model do it."""
    from vdx.core.config import STARTER_LANGUAGE_MODEL

    if responder.kind not in ("repeat", "local"):
        return
    vdx = program()
    if responder.kind == "repeat":
        tell(f"  answers     it repeats what you say; with a small language model: {vdx} up --llm")
    elif responder.is_starter:
        small = "so small that it only proves that talking works"
        tell(f"  answers     {STARTER_LANGUAGE_MODEL}: {small}; for a better one:")
    else:
        local = responder.local
        tell(
            f"  answers     {local.path.name if local.path else f'{local.name} at {local.socket}'}"
        )
    tell(
        f"              Ollama:   {vdx} up --responder chat --set responder.chat.model=llama3.2\n"
        "              vLLM:     the same with --set responder.chat.base_url=http://HOST:8000/v1\n"
        "              hosted:   the same with its base_url, and the key in OPENAI_API_KEY"
    )
