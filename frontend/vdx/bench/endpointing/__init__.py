"""`vdx bench endpointing`: is the person done? Cuts in thinking pauses against the wait at ends."""
