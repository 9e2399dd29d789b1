"""The `speaker_embedding` family: networks that give the voice of a person as a vector."""
