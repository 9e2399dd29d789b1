"""Text to speech by espeak-ng: any of its languages, a few milliseconds to the first audio."""
