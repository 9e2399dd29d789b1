import pytest

from vdx.core.config import EndpointingConfig
from vdx.speech.input.semantic_endpointing import UNFINISHED_WORDS, SemanticEndpointing

EXTENSION_MS = EndpointingConfig().unfinished_ms

UNFINISHED = {
    "en": "I would like to|turn on the|he was not an|and mister|my number is two nine|and|um|"
    "call me at 2 9 3|it is spelled v d|I want|because|go to the,|he was|well…",
    "de": "ich möchte|mach das Licht in der|und|ich hätte gerne einen|ähm|zwei neun drei|weil",
    "fr": "je voudrais|allume la lumière dans le|et|je pense que|euh|deux neuf|parce que",
    "es": "quiero|enciende la luz de la|y|creo que|eh|dos nueve tres|porque",
    "it": "vorrei|accendi la luce della|e|penso che|ehm|due nove tre|vengo perché",
    "pt": "eu gostaria|acende a luz da|e|eu acho que|hum|dois nove três|vou porque",
    "nl": "ik wil|doe het licht aan in de|en|ik denk dat|eh|twee negen drie|omdat",
    "pl": "chciałbym|włącz światło w|i|myślę że|eee|dwa dziewięć trzy|ponieważ",
    "ru": "хотел бы в|включи свет в|и|я думаю что|эээ|два девять три|потому что в",
    "uk": "увімкни світло в|і|я думаю що ми|еее|два дев'ять три|якщо",
    "tr": "lütfen ışığı ve|çünkü|benim|yarın için|ııı|iki dokuz üç",
    "zh": "我想|请把|因为|我觉得应该|二九三|呃|我要去北京和",
    "ja": "明日は|電気を|だけど|東京から|二九三|えっと",
    "ko": "저는 내일은|그리고|불을|서울에서|둘 아홉 셋|음",
    "hi": "मैं|और|कमरे में|क्योंकि|दो नौ तीन|मेरा",
    "ar": "أريد|أشعل الضوء في|لأن|أنا|اثنين تسعة ثلاثة|و",
}
FINISHED = {
    "en": "go forward ten meters|turn on the living room lamp|what is it for|I think so|come in|"
    "yes it is|turn on the light please|he did it well|"
    "he might even have been made amiable himself|stop|thank you very much|who are you|"
    "turn it off|why|set it to ten|Is it the?|what do you need|that is my turn|one|no|a million|"
    "in the U.S.|I think I will|turn on the living room will",
    "de": "mach das Licht an|was ist das|danke|ja bitte|hör zu|wie spät ist es|"
    "mach das Licht an bitte"
    "|stopp|kann ich|gut",
    "fr": "allume la lumière|qui est elle|merci|que sais tu|quelle heure est il|stop|ça va",
    "es": "enciende la luz|qué es|gracias|dónde está|qué hora es|para ya|nada más",
    "it": "accendi la luce|che cos'è|grazie|dov'è|basta|niente più|lo voglio rosso",
    "pt": "acende a luz|o que é|obrigado|onde está|chega|nada mais|que horas agora",
    "nl": "doe het licht aan|wat is dat|dank je|weet ik|stop|hoe laat is het|ga door",
    "pl": "włącz światło|co to jest|dziękuję|nie mogę|stop|chyba nie|która godzina",
    "ru": "включи свет|что это такое|спасибо|не могу|стоп|что|который час",
    "uk": "увімкни світло|що це таке|дякую|не можу|стоп|ну і що|котра година",
    "tr": "ışığı aç|bu ne|teşekkürler|ne kadar|dur|her şey|saat kaç",
    "zh": "打开灯|你好吗|谢谢|我不要|停|告诉我|现在几点",
    "ja": "電気をつけて|こんにちは|ありがとう|待って|止めてください|何時ですか|どこに",
    "ko": "불 켜 줘|안녕하세요|고마워|멈춰|지금 몇 시예요|최고|뭐라고",
    "hi": "बत्ती जलाओ|धन्यवाद|रुको|समय क्या हुआ है|कहाँ से|नमस्ते",
    "ar": "أشعل الضوء|شكرا|توقف|كم الساعة|ما هذا|ممتاز جدا|مرحبا",
}


def endings(language: str, **config: object) -> SemanticEndpointing:
    return SemanticEndpointing(language, EndpointingConfig(**config))


def cases(table: dict[str, str]) -> list[tuple[str, str]]:
    return [(language, text) for language, texts in table.items() for text in texts.split("|")]


@pytest.mark.parametrize(("language", "text"), cases(UNFINISHED))
def test_an_unfinished_phrase_waits(language: str, text: str) -> None:
    assert endings(language).endpoint_extension_ms(text) == EXTENSION_MS


@pytest.mark.parametrize(("language", "text"), cases(FINISHED))
def test_a_finished_phrase_does_not(language: str, text: str) -> None:
    assert endings(language).endpoint_extension_ms(text) == 0


def test_every_language_has_both_kinds_of_examples() -> None:
    assert set(UNFINISHED_WORDS) == set(UNFINISHED) == set(FINISHED)


@pytest.mark.parametrize("text", ["", " ", "...", "?", "\u0000", "12", "a"])
def test_almost_nothing_is_no_crash(text: str) -> None:
    assert endings("en").endpoint_extension_ms(text) in {0, EXTENSION_MS}


def test_a_language_without_a_table_never_waits() -> None:
    assert endings("sw").endpoint_extension_ms("na") == 0


def test_the_region_of_a_tag_does_not_matter() -> None:
    assert (
        endings("de-AT").endpoint_extension_ms("und")
        == endings("").endpoint_extension_ms("and")
        == EXTENSION_MS
    )


def test_the_wait_is_configured() -> None:
    assert endings("en", unfinished_ms=700).endpoint_extension_ms("and") == 700
    assert endings("en", enabled=False).endpoint_extension_ms("and") == 0


@pytest.mark.parametrize("language", sorted(UNFINISHED_WORDS))
def test_every_closing_phrase_is_needed(language: str) -> None:
    """One that does not end in a hanging word would change nothing."""
    table = UNFINISHED_WORDS[language]
    hanging = table.words | table.stranded
    useless = [phrase for phrase in table.closings if phrase.split()[-1] not in hanging]
    assert useless == []
