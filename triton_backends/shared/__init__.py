"""What every model family needs: contracts, framing, loudness, sequences, admission, metrics.

`tts_backend` and `asr_backend` speak Triton; everything else is plain Python and numpy and is
tested without a server.
"""
