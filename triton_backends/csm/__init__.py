"""The `csm` family: Sesame CSM-1B, which speaks as somebody who has heard the conversation."""
