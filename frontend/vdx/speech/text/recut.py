"""A clause that words have made too long for a voice, cut again."""

from dataclasses import replace

from vdx.core.events import Clause


def recut(clause: Clause, limit: int) -> list[Clause]:
    """The clause in parts of at most `limit` characters, where it has white space for that."""
    parts = []
    while len(clause.text) > limit:
        end = clause.text.rfind(" ", limit // 2, limit)
        end = end if end > 0 else clause.text.find(" ", limit)
        # One expression, as a long number, is all at the same place of the source.
        start = clause.source_offset(end + 1)
        if end < 0 or end + 1 >= len(clause.text):
            break
        parts.append(
            replace(
                clause,
                text=clause.text[:end],
                offsets=clause.offsets[:end],
                source_end=start,
                line_breaks=0,
            )
        )
        clause = replace(
            clause,
            text=clause.text[end + 1 :],
            offsets=clause.offsets[end + 1 :],
            source_start=start,
        )
    return [*parts, clause]
