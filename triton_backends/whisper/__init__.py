"""Whisper through CTranslate2: any size, in windows cut to what was said."""
