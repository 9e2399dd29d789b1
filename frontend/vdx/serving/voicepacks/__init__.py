"""Models that are fetched: what they are made of, whether they are sound, where they are kept.

A voicepack is untrusted. Nothing of it is unpickled or executed here, every path stays
inside its folder, every file has a size limit, and what is not sound is refused by name.
"""
