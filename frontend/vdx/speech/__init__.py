"""One module per stage of a turn; no stage imports another."""
