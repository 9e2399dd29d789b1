"""The `kokoro` family: Kokoro-82M, a StyleTTS 2 network with style vectors by name."""
