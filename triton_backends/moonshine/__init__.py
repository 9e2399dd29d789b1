"""Moonshine: recognisers whose encoder streams, and the earlier ones that hear a whole window."""
