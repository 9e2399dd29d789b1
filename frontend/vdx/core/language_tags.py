"""Language tags (BCP-47), as far as vdx looks into them; for more there would be langcodes."""


def primary_subtag(tag: str) -> str:
    """ "de" of "de-AT", "de_AT" and "DE"; empty for an empty tag."""
    return tag.replace("_", "-").partition("-")[0].lower()
