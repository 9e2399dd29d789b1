"""The output of a session: synthesis, a reply's audio queue, playout."""
