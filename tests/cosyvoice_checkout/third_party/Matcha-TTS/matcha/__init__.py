"""Stands in for Matcha-TTS, of which CosyVoice imports parts."""
