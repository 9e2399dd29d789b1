"""How long a test waits for what has to happen."""

WAIT_LIMIT_S = 60.0
"""How long anything may take before a test gives up; far beyond what it does take."""
