"""The `cosyvoice2` family: CosyVoice 2, run by its own code out of a checkout that is named."""
