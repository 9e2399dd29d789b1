"""Speech to files and recordings to text, without a connection."""
