"""English speech to text by pocketsphinx, on the CPU, with partial results."""
