"""What a session hears: echo, noise gate, voice activity, recogniser, end of turn."""
