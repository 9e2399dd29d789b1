"""A speech-to-text mock: answers at once with texts named in the model's parameters."""
