"""Measurements taken by simulated users; `vdx bench` runs them.

Each bench module has a `measure` that runs here and, where users take part, a `run_users` that
runs in a process of its own (`vdx.bench.client_process`), so that the CPU time of the users is not
counted as the server's. Times are `time.monotonic()`, which all processes of a machine share.

Definitions, the same for every bench:

- speech end, onset: `client.recording.loud_span`; when the 20 ms frame that holds it is sent.
- by LiveKit (`--transport livekit`): a room for each user, on a livekit-server that is started
  apart from what is measured; sound counts as heard on arrival, on a clock that follows the mean
  arrival (`client.room_audio_input`). The samples written to a track are those that the server
  recorded (`livekit.record_output`).
- heard: a 10 ms window of what sounded with an RMS above 200, when it sounds
  (`client.listener` says how arriving audio becomes sound).
"""
