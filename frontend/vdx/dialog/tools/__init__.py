"""Tool calls of a session: what may be called, what was called, and the loop that runs them."""
