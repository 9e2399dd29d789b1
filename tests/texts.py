"""Two or three sentences of every language that vdx has tables for, as a reply would say them."""

# ruff: noqa: RUF001

SENTENCES: dict[str, tuple[str, ...]] = {
    "en": ("I saw Dr. Smith at 5 p.m. on No. 7 Main St. today.", "It cost 1,234.50 dollars!"),
    "de": ("Am 3. Mai um 10.30 Uhr kommt Dr. Maier, z. B. mit 1.234,50 Euro.", "Schön, nicht?"),
    "fr": ("M. Dupont a payé 1 234,50 euros à 10h30, av. Foch.", "C’est bien, n’est-ce pas ?"),
    "es": ("El Sr. García pagó 1.234,50 euros a las 10:30 en la av. Mayor.", "¿De verdad? ¡Sí!"),
    "it": ("Il sig. Rossi ha pagato 1.234,50 euro alle 10.30, ecc. ecc. oggi.", "Davvero?"),
    "pt": ("O Sr. Silva pagou R$ 1.234,50 às 10h30 na av. Paulista, n. 5.", "É mesmo?"),
    "nl": ("Dhr. de Vries betaalde 1.234,50 euro om 10.30 uur, d.w.z. bijv. nu.", "Echt waar?"),
    "pl": ("Dnia 3. maja o godz. 10.30 prof. Nowak zapłacił 1 234,50 zł przy ul. Długiej.", "Tak?"),
    "ru": ("В 1990 г. и т. д. проф. Иванов жил на ул. Мира, т. е. в центре.", "Правда?"),
    "uk": ("У 1990 р. проф. Шевченко жив на вул. Миру в м. Київ і т. д.", "Справді?"),
    "tr": ("Dr. Yılmaz 3. katta saat 10.30’da 1.234,50 lira ödedi, vb. şeyler.", "Öyle mi?"),
    "zh": ("王先生在10：30付了1,234.50元。", "真的吗？", "是的，他说：“没问题！”"),
    "ja": ("田中さんは１０：３０に1,234円を払いました。", "「本当ですか？」", "はい、そうです。"),
    "ko": ("김 선생님은 10:30에 1,234.50원을 냈습니다.", "정말이에요?"),
    "hi": ("डॉ. शर्मा ने 10:30 बजे 1,23,456.50 रु. दिए।", "सच में?"),
    "ar": ("دفع د. أحمد ١٬٢٣٤٫٥٠ ديناراً في الساعة 10:30، شكراً.", "هل هذا صحيح؟"),
}

UNSPACED = frozenset(("zh", "ja"))

TEXTS = {
    language: ("" if language in UNSPACED else " ").join(sentences)
    for language, sentences in SENTENCES.items()
}
