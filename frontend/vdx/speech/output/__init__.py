"""What a session plays: the voice, a reply's audio, playout."""
