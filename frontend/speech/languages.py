"""What the speech stages know about each language, in one table.

To add a language, add one entry to `LANGUAGES`. Entries are lower case; words are compared
case-folded and without punctuation, abbreviations with their inner and without their last dot.
"""

from dataclasses import dataclass
from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _phrases(text: str) -> frozenset[str]:
    return frozenset(phrase.strip() for phrase in text.split(",") if phrase.strip())


@dataclass(frozen=True, slots=True)
class Language:
    """One language's tables.

    `abbreviations` never end a sentence. `closing_abbreviations` end one when a capital letter
    follows. `number_abbreviations` are abbreviations only before a number. `ordinal_dot`: "3."
    means "third". `interrupt_words` stop the bot, `listening_sounds` only say "I am with you".
    """

    abbreviations: frozenset[str] = frozenset()
    closing_abbreviations: frozenset[str] = frozenset()
    number_abbreviations: frozenset[str] = frozenset()
    ordinal_dot: bool = False
    interrupt_words: frozenset[str] = frozenset()
    listening_sounds: frozenset[str] = frozenset()


LANGUAGES: Final[dict[str, Language]] = {
    "en": Language(
        abbreviations=_words(
            "dr mr mrs ms mx prof rev hon st mt gen col maj capt lt sgt cmdr sen rep gov pres vs"
            " e.g i.e cf approx dept est viz al messrs esq ft resp incl"
        ),
        closing_abbreviations=_words("etc jr sr inc ltd co corp bros a.m p.m ph.d b.c a.d"),
        number_abbreviations=_words("no nos fig figs p pp vol ch sec art eq ref ver v op"),
        interrupt_words=_phrases(
            "stop, wait, no, hold on, hang on, pause, quiet, cancel, enough, silence, shut up,"
            " be quiet, excuse me, never mind"
        ),
        listening_sounds=_phrases(
            "uh, uhh, um, umm, uhm, ah, oh, eh, er, erm, huh, hm, hmm, hmmm, mm, mmm, mhm, mmhm,"
            " mm hm, mmhmm, mm hmm, uhhuh, uh huh, aha, yeah, yep, yup, yes, ya, okay, ok, right,"
            " sure, i see, got it, wow, alright, all right, cool, great, nice, good, really"
        ),
    ),
    "de": Language(
        abbreviations=_words(
            "dr hr fr prof dipl ing st bzw ca z.b d.h u.a u.u o.ä i.d.r z.t v.a s.o s.u m.e"
            " ggf evtl inkl exkl vgl sog bzgl zzgl mind max geb gem abb str tel jh jan feb apr"
            " aug sept okt nov dez bspw usf i.a a.d"
        ),
        closing_abbreviations=_words("usw etc u.s.w v.chr n.chr co"),
        number_abbreviations=_words("nr art abs s bd kap ziff p"),
        ordinal_dot=True,
        interrupt_words=_phrases(
            "stop, stopp, halt, warte, warten sie, moment, nein, nee, pause, ruhe, genug, still,"
            " sei still, abbrechen, aufhören, hör auf, schluss, entschuldigung"
        ),
        listening_sounds=_phrases(
            "äh, ähm, öh, öhm, hm, hmm, hmmm, mhm, mm, mmm, aha, ah, oh, ach, ach so, achso, ja,"
            " jaja, jo, jep, genau, okay, ok, gut, klar, stimmt, richtig, eben, naja, so, tja,"
            " verstehe, alles klar"
        ),
    ),
    "fr": Language(
        abbreviations=_words("m mm mme mmes mlle dr pr me st ste p.ex c.-à-d cf env av bd apr"),
        closing_abbreviations=_words("etc j.-c"),
        number_abbreviations=_words("no n fig p pp vol chap art"),
        interrupt_words=_phrases(
            "stop, arrête, arrêtez, attends, attendez, non, pause, silence, assez, ça suffit,"
            " une seconde, un instant, tais toi, annule, pardon, excusez moi"
        ),
        listening_sounds=_phrases(
            "euh, heu, hum, hm, hmm, mm, mmm, mhm, ah, oh, eh, ouais, oui, mouais, d'accord, ok,"
            " okay, bien, ah bon, bon, voilà, exact, je vois, ben, bah, hein, super"
        ),
    ),
    "es": Language(
        abbreviations=_words("sr sra sres srta d dña dr dra prof ud uds p.ej av avda c depto"),
        closing_abbreviations=_words("etc ee.uu a.c d.c"),
        number_abbreviations=_words("núm nro n fig p pág págs vol cap art"),
        interrupt_words=_phrases(
            "para, pare, alto, basta, espera, espere, no, pausa, silencio, cállate, un momento,"
            " un segundo, cancela, perdón, disculpa, stop"
        ),
        listening_sounds=_phrases(
            "eh, em, este, ah, oh, hm, hmm, mm, mmm, mhm, ajá, aja, sí, si, vale, ok, okay, ya,"
            " claro, bueno, bien, entiendo, de acuerdo, exacto, pues"
        ),
    ),
}

DEFAULT_LANGUAGE: Final = "en"


def language_table(tag: str) -> Language:
    """The table for a BCP-47 tag ("de-AT" finds "de"); an unknown language gets an empty one."""
    primary = tag.replace("_", "-").split("-", 1)[0].casefold()
    return LANGUAGES.get(primary or DEFAULT_LANGUAGE, Language())
