"""What ended a clause: espeak-ng's own function tells where it stopped reading, not why.

Found by trying every character of the basic plane on the build of espeak-ng inside piper-tts,
which does tell.
"""

_ENDING_SENTENCE = {
    ".": ".۔܁܄።᙮᠃᠉⒈⒉⒊⒋⒌⒍⒎⒏⒐⒑⒒⒓⒔⒕⒖⒗⒘⒙⒚⒛⳹⳾⸳⸼꓿꘎꛳︒﹒｡",
    "?": "?\u037e؟܉፧᥅⁇❓❔⳺⳻꘏꛷︖﹖",
    "!": "!܃߹᥄‼❕❗❢❣︕﹗",
    "": "։܀।॥෴།༎჻፨\u2029。！．？",
}
_ENDING_CLAUSE = {
    ",": ",՝،܂߸༔፣᠂᠈⸲⸴⹁꓾꘍꛵︐︑﹐﹑､",
    ":": ":܆܇፥፦᠄⦂꛴︓﹕",
    ";": ";\u0387؛܈፤–—⁏⸵⸺⸻꛶︔︱︲﹔",
    "": "¡¿ຯ᠁…⋮⋯⋰⋱、︙，：；",
}
_SIGNS = {
    character: (sign, ends)
    for table, ends in ((_ENDING_SENTENCE, True), (_ENDING_CLAUSE, False))
    for sign, characters in table.items()
    for character in characters
}


def ending(source: str, *, last: bool) -> tuple[str, bool]:
    """The sign a clause ended with, as Piper writes it, and whether that ends a sentence.

    `source` is what was read for the clause. Unless it is the `last` one its final character is
    the first of the next clause, looked at to decide.
    """
    tail = source if last else source[:-1]
    start = len(tail)
    while start and (tail[start - 1] in _SIGNS or tail[start - 1].isspace()):
        start -= 1
    run = tail[start:]
    if "..." in run:
        return _SIGNS["…"]
    if run.startswith(".") and run.count("\n") > 1 and not last:
        return "", True  # the paragraph ended it, the full stop belonged to the word
    return next((_SIGNS[sign] for sign in run if sign in _SIGNS), ("", True))
