"""The `xtts` family: XTTS-v2, which speaks 17 languages with the voice of a recording."""
