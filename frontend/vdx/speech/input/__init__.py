"""The input of a session: echo control, noise gate, VAD, recogniser, endpointing."""
