"""Words that a finished phrase does not end with: European languages.

To add a language, add one entry. Entries are lower case and compared case-folded. Words that
often do end a phrase are left out even where they may hang: a wrong wait is a slow answer.
"""

from dataclasses import dataclass
from typing import Final


def word_set(text: str) -> frozenset[str]:
    """Words parted by spaces, or phrases parted by commas."""
    parts = text.split(",") if "," in text else text.split()
    return frozenset(part.strip() for part in parts) - {""}


@dataclass(frozen=True, slots=True)
class UnfinishedWords:
    """One language's table.

    `words` always need another word after them; `stranded` do unless one of `questions` came
    shortly before or one of `answers` began ("yes it is"). One of `questions` alone is a question.
    `closings` are phrases that end in such a word
    and are finished all the same. `suffixes` are ends of text for scripts and languages where the
    last word is not enough, `closing_suffixes` their exceptions. `digits` are the words for 0 to
    9. `spaced`: words are parted by spaces.
    """

    words: frozenset[str] = frozenset()
    stranded: frozenset[str] = frozenset()
    questions: frozenset[str] = frozenset()
    answers: frozenset[str] = frozenset()
    closings: frozenset[str] = frozenset()
    digits: frozenset[str] = frozenset()
    suffixes: tuple[str, ...] = ()
    closing_suffixes: tuple[str, ...] = ()
    spaced: bool = True


EUROPEAN: Final[dict[str, UnfinishedWords]] = {
    "en": UnfinishedWords(
        words=word_set(
            "a an the my your our their its this these and or but because if unless until while"
            " although whether than into onto upon of very quite rather even mister mrs i'm"
            " you're we're they're i've you've we've they've i'd you'd he'd she'd we'd i'll"
            " you'll we'll they'll he'll she'll it'll he's she's gonna wanna uh um uhm er erm"
            " hmm so could would should might may must shall he she we they every each another"
            " between during except per via"
        ),
        stranded=word_set(
            "to for from with at by about in like want need be been being is are was were am"
            " has have had do does did can not never turn put set give tell show make send"
            " bring let take find as without under through against his i which whose"
        ),
        questions=word_set("what who whom whose which where when why how"),
        answers=word_set("yes no nope yeah that here there"),
        closings=word_set(
            "i think so, i hope so, i guess so, i suppose so, even so, or so, would not, or"
            " not, of course not, why not, certainly not, absolutely not, i do, i did, let it"
            " be, it in, them in, come in, log in, plug in, me in, to do, i could, i should, we"
            " should, you should, do not, so am i, so do i, nor do i, and so, my turn, your"
            " turn, his turn, her turn, a turn, the show, a show, a set, the set, human being, i"
            " think not, i hope not"
        ),
        digits=word_set("zero oh one two three four five six seven eight nine double triple"),
    ),
    "de": UnfinishedWords(
        words=word_set(
            "der den dem des ein eine einen einem einer eines mein meine meinen meinem meiner"
            " deine deinen seine seinen ihre ihren unsere unseren diese dieser diesen diesem"
            " jede jeden und oder aber sondern denn weil dass obwohl falls bevor nachdem damit"
            " während im am zum zur vom beim ins ans für ohne gegen wegen trotz zwischen von bei"
            " nach seit sehr möchte würde könnte sollte ziemlich äh ähm öh öhm also herr frau"
            " ich wir er"
        ),
        stranded=word_set("wenn ob als wie in mit die das hat habe haben ist sind war kann muss"),
        questions=word_set(
            "was wer wie wo wann warum wen wem welche welcher welches ja nein das es"
        ),
        closings=word_set(
            "danach nach, demnach nach, denk nach, schau nach, je nach, kann ich, bin ich, hier"
            " bin ich, soll ich, darf ich, ist er, sind wir, mach das, so was von"
        ),
        digits=word_set("null eins ein zwei zwo drei vier fünf sechs sieben acht neun"),
    ),
    "fr": UnfinishedWords(
        words=word_set(
            "le la les un une des du de d' l' au aux mon ma mes ton ta tes son sa ses notre nos"
            " votre vos leur leurs ce cet cette ces et ou mais donc car parce que qu' si lorsque"
            " quand puisque à en dans sur sous chez vers par pour sans entre très je j' tu il"
            " elle nous on ils elles ne n' euh heu alors est suis sont était voudrais veux peux"
            " peut pourrait dois doit ai a ont monsieur madame"
        ),
        questions=word_set("quand qui quoi"),
        closings=word_set(
            "allons nous, chez nous, avec nous, sais tu, que veux tu, peut on, tu peux, je"
            " peux, si tu veux, comme tu veux, est elle, est il, sont ils, quoi que, tout ce, et"
            " elle, avec elle, pour elle, dis le, fais le, prends le, prends la, mets le, laisse"
            " le, allume le, et alors, ça va alors, non alors, sais je, dois je, puis je, sommes"
            " nous, à nous, pour nous, à tu, veux tu, que je veux"
        ),
        digits=word_set("zéro un deux trois quatre cinq six sept huit neuf"),
    ),
    "es": UnfinishedWords(
        words=word_set(
            "el la los las un una unos unas del al de a en con por para sin sobre entre hacia"
            " desde hasta según mi mis tu tus su sus nuestro nuestra este esta estos ese esa y e"
            " o u pero porque que si cuando aunque como mientras muy es son está están era fue"
            " ha he han hay quiero quisiera puedo puede podría debo tengo quería eh em pues"
            " señor señora lo"
        ),
        questions=word_set("qué quién dónde cuándo"),
        closings=word_set(
            "eso es, así es, qué es, quién es, dónde está, cómo está, cómo es, aquí está, ya"
            " está, no está, lo que es, cuánto es, qué hay, lo que hay, no hay, ya no hay, no"
            " puedo, sí puedo, no quiero, sí quiero, qué fue, qué son, qué hora es, dónde están,"
            " cómo están, no es, sí es, qué tengo, no tengo"
        ),
        digits=word_set("cero uno dos tres cuatro cinco seis siete ocho nueve"),
    ),
    "it": UnfinishedWords(
        words=word_set(
            "il lo la i gli le un uno una di del dello della dei degli delle a al allo alla ai"
            " agli alle da dal dalla in nel nella nei con su sul sulla per tra fra senza mio mia"
            " miei tuo tua suo sua nostro nostra questo questa e ed o ma perché che se quando"
            " mentre come molto è sono era ha ho hanno vorrei voglio posso può potrebbe devo ehm"
            " eh allora io signor signora"
        ),
        questions=word_set("perché quando come che"),
        closings=word_set(
            "chi è, così è, chi sono, ci sono, dove sono, se posso, non posso, non voglio, sono"
            " io, e io, quanto è, e allora, e perché, come questo, come questa, è mio, è mia, è"
            " tuo, è tua, è suo, è questo, è questa, si può, non si può, quello che ho"
        ),
        digits=word_set("zero uno due tre quattro cinque sei sette otto nove"),
    ),
    "pt": UnfinishedWords(
        words=word_set(
            "o a os as um uma uns umas de do da dos das em no na nos nas num numa ao à aos às"
            " por pelo pela para pra com sem sobre entre até desde meu minha meus minhas seu sua"
            " seus suas nosso nossa este esta esse essa e ou mas porque que se quando embora"
            " como é são está estão era foi tem tenho quero queria posso pode poderia preciso"
            " gostaria eh hum então eu senhor senhora"
        ),
        questions=word_set("porque quando como que"),
        closings=word_set(
            "o que é, quem é, onde é, como é, onde está, como está, já está, quanto é, não"
            " posso, não pode, não quero, sim quero, sou eu, e eu, como eu, é meu, é minha, é"
            " seu, é sua, já foi, o que foi, não é, não foi, não tem, não tenho, o que tem, é"
            " este, é esta, é esse, é essa, o que são, por que"
        ),
        digits=word_set("zero um dois três quatro cinco seis meia sete oito nove"),
    ),
    "nl": UnfinishedWords(
        words=word_set(
            "de een het mijn jouw zijn haar onze hun deze dit elke en of maar want omdat dat"
            " als terwijl hoewel tenzij totdat voordat van naar voor met bij tussen zonder tegen"
            " door te ten ter zeer heel erg ik wij hij zou wil kan moet eh ehm uh dus meneer"
            " mevrouw tijdens volgens sinds"
        ),
        closings=word_set(
            "doe dat, is dat, wat is dat, wie is dat, weet ik, kan ik, ben ik, mag ik, dat wil"
            " ik, wat moet ik, is het, doe het, pak het, weet het, dat is het, hoe gaat het, was"
            " het, ga door, loop door, wie moet, dat kan, dat moet, wat hij wil, het kan, voor"
            " haar, met haar, van haar, doe dit, wie ben ik, is hij, waar ben ik, moet zijn, zou"
            " zijn, en ik, wil ik, denk ik"
        ),
        digits=word_set("nul een één twee drie vier vijf zes zeven acht negen"),
    ),
    "pl": UnfinishedWords(
        words=word_set(
            "i a oraz lub albo ale lecz bo ponieważ że żeby aby jeśli jeżeli gdy kiedy chociaż"
            " który która które w we z ze na do od dla o po przy przez pod nad bez między za u"
            " mój moja moje twój nasz jest są był była chcę chciałbym chciałabym mogę muszę"
            " trzeba eee yyy no więc ja pan pani nie"
        ),
        questions=word_set("kiedy która który"),
        closings=word_set(
            "co to jest, kto to jest, jak jest, gdzie jest, to jest, nie jest, nie mogę, nie"
            " chcę, od kiedy, do kiedy, to ja, i ja, chyba nie, wcale nie, jeszcze nie, a kiedy,"
            " jak ja, to nie, raczej nie, o nie, gdzie są, kto to był, jeśli mogę, nie muszę,"
            " tak jest, to moje, jest moja, jest mój"
        ),
        digits=word_set("zero jeden dwa trzy cztery pięć sześć siedem osiem dziewięć"),
    ),
    "ru": UnfinishedWords(
        words=word_set(
            "и а но или либо что чтобы если когда потому хотя который которая которое которые в"
            " во на с со к ко от до для из о об по при про через под над без между за у мой моя"
            " моё мои твой наш ваш этот эта эти очень хочу хотел хотела могу можешь нужно надо я"
            " мы он ну эээ ээ значит не"
        ),
        questions=word_set("что когда почему который"),
        closings=word_set(
            "и что, не могу, не хочу, как могу, это я, и я, а я, как я, кто он, где"
            " он, где мы, это он, не надо, не нужно, что нужно, что надо, это моё, это мой, это"
            " моя, это мои, что это за, а когда, вот эта, вот этот, вот эти, не очень, как мы,"
            " это мы, если надо, когда нужно, я хочу, как хочу, что я хочу, кто я, где я"
        ),
        digits=word_set("ноль один два три четыре пять шесть семь восемь девять"),
    ),
    "uk": UnfinishedWords(
        words=word_set(
            "і й та а але або чи що щоб якщо коли тому хоча який яка яке які в у на з із зі до"
            " від для о об по при про через під над без між за мій моя моє мої твій наш ваш цей"
            " ця ці дуже хочу хотів хотіла можу можеш треба потрібно я ми він ну еее значить не"
            " бо"
        ),
        questions=word_set("що коли чому який"),
        closings=word_set(
            "і що, а що, не можу, не хочу, це я, і я, а я, як я, хто він, де він, де ми, це"
            " він, не треба, не потрібно, що треба, що потрібно, це моє, це мій, це моя, а коли,"
            " ось ця, ось цей, не дуже, це ми, як ми, якщо треба, що я хочу, хто я, де я, я"
            " хочу, як хочу, саме тому, ось тому"
        ),
        digits=word_set("нуль один два три чотири п'ять шість сім вісім дев'ять"),
    ),
}
