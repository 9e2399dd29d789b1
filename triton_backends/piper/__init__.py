"""Piper voices: VITS networks, cut so that sound starts before the sentence is computed."""
