"""Studies of vdx that need a checkout: `.venv/bin/python -m benchmarks NAME`.

The voice activity detection over a corpus, the page in a browser, grammars, and the Piper and
Whisper families beside their references. What a user measures is `vdx bench`.
"""
