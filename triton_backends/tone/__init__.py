"""A text-to-speech mock: a sine whose pitch follows the text, and faults on demand."""
