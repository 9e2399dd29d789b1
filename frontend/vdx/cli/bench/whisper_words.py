"""`vdx bench whisper-words`."""

from vdx.cli.bench.running import AsJson, command_app, run_alone

app = command_app()


@app.command()
def whisper_words(as_json: AsJson = False) -> None:
    """Whisper: word errors, streamed live and on whole files.

    With the trained test model, which a checkout has.
    """
    from vdx.bench import whisper_words as bench

    run_alone(bench.measure, len(bench.NOISE_DB), as_json=as_json)
