"""Which servers there are, and which models each has: announced by managers, read by routing."""
