"""Stands in for the code of CosyVoice 2."""
