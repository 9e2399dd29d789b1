"""Words and suffixes that a finished phrase does not end with: languages beyond Europe."""

from typing import Final

from vdx.speech.input.endpointing_words_european import UnfinishedWords, word_set


def _ends(text: str) -> tuple[str, ...]:
    return tuple(text.split())


BEYOND: Final[dict[str, UnfinishedWords]] = {
    "tr": UnfinishedWords(
        words=word_set(
            "ve veya ya ama fakat çünkü eğer ki ile için gibi kadar göre bir bu şu benim senin"
            " onun bizim sizin her çok daha en hem ben şey ııı eee yani acaba sayın"
        ),
        closings=word_set(
            "o kadar, bu kadar, şu kadar, ne kadar, ne için, senin için, benim için, onun için,"
            " sizin için, bu benim, o benim, bu senin, o senin, o onun, ne gibi, onun gibi,"
            " senin gibi, bunun gibi, bir daha, ne bu, kim bu, nedir bu, hangi şey, bir şey, her"
            " şey, hiçbir şey, başka bir şey, benim gibi, o şey, biraz daha, tabii ki"
        ),
        digits=word_set("sıfır bir iki üç dört beş altı yedi sekiz dokuz"),
    ),
    "zh": UnfinishedWords(
        spaced=False,
        digits=word_set("零 一 二 三 四 五 六 七 八 九 幺"),
        suffixes=_ends(
            "和 跟 与 或 或者 还是 但是 可是 不过 因为 所以 如果 虽然 而且 然后"
            " 在 把 被 给 从 向 对 比 为了 关于 想 想要 要 可以 能 应该 一个"
            " 这个 那个 每个 一些 很 非常 呃 嗯 就是 我 请"
        ),
        closing_suffixes=_ends(
            "不要 我想要 我要 你要 还要 也要 不在 谁在 人在 都在 不能 不可以"
            " 也可以 都可以 就可以 还可以 给我 告诉我 帮我 是我 找我 叫我 爱我 问我 不对"
            " 很对 不给 有请"
        ),
    ),
    "ja": UnfinishedWords(
        spaced=False,
        digits=word_set(
            "零 ゼロ 一 いち 二 に 三 さん 四 よん 五 ご 六 ろく 七 なな 八 はち 九 きゅう"
        ),
        suffixes=_ends(
            "は が を に へ と で の も から けど けれど ので のに って そして"
            " それから でも だから えっと えーと あの その まで より とか なら たら"
            " この ては"
        ),
        closing_suffixes=_ends(
            "こんにちは こんばんは なの るの たの いの 何が だと ですが ますが"
            " やめて だって いいと ないで なんで いつも とても どうも どこに どこで"
            " まずは では それは 何の 誰の もっと ちょっと ずっと きっと やっと"
            " ほんと いつまで どこまで いつから どこから 本当に ように 一緒に 待って"
            " 言って 買って 持って 行って 切って 取って 送って 帰って 戻って 触って"
        ),
    ),
    "ko": UnfinishedWords(
        words=word_set(
            "그리고 그런데 하지만 그래서 그러면 왜냐하면 만약 또는 혹은 및 이 그"
            " 저 제 내 우리 아주 매우 정말 좀 더 가장 음 어 저기 그러니까 한 두"
            " 세 몇 각 모든 다른"
        ),
        closings=word_set("조금 더, 좀 더, 하나 더, 한 번 더, 네 정말, 와 정말, 아 정말, 뭐 좀"),
        digits=word_set(
            "영 공 일 이 삼 사 오 육 륙 칠 팔 구 하나 둘 셋 넷 다섯 여섯 일곱 여덟 아홉"
        ),
        suffixes=_ends(
            "은 는 을 를 에서 에게 한테 하고 이랑 랑 으로 부터 까지 의 는데"
            " 지만 니까 면 면서 려고 고 와 과"
        ),
        closing_suffixes=_ends(
            "뭐라고 어디로 어디까지 언제까지 언제부터 라고 다고 결과 효과 사과 라면"
            " 측면 화면 장면 표면 회의 강의 주의 동의 광고 최고 사고 창고 참고"
            " 마을 가을 겨울 도와 그렇고 말고 누구랑 어디에서 누구한테 하려고 나와"
            " 이리와"
        ),
    ),
    "hi": UnfinishedWords(
        words=word_set(
            "और या लेकिन मगर क्योंकि कि अगर यदि तो जब जो में पर से को का की के ने तक लिए साथ"
            " बारे मेरा मेरी मेरे तुम्हारा आपका हमारा यह वह ये इस उस एक बहुत मैं हम मुझे कृपया"
            " अं उम्"
        ),
        closings=word_set(
            "किस लिए, कहाँ से, कब से, कब तक, कहाँ तक, किसके साथ, मेरे साथ, आपके साथ, किस पर,"
            " कहाँ पर, यहाँ पर, वहाँ पर, किसके लिए, मेरे लिए, आपके लिए, किस से, घर पर, अब तक,"
            " कौन है वह, किस का, किस की, समय पर, घर में, कौन सा एक, कोई एक, फिर से, यहाँ से,"
            " वहाँ से, आराम से, ध्यान से, धीरे से, जल्दी से"
        ),
        digits=word_set("शून्य एक दो तीन चार पाँच पांच छह छः सात आठ नौ"),
    ),
    "ar": UnfinishedWords(
        words=word_set(
            "و أو ثم لكن ولكن لأن أن إن إذا لو عندما بينما حتى الذي التي الذين في من إلى على عن"
            " مع بين قبل بعد تحت فوق عند حول بدون خلال كل بعض هذا هذه ذلك تلك جدا أريد أود يمكن"
            " يجب أنا نحن هو هي لا لم لن قد سوف كان كانت يعني آه أم إم السيد السيدة"
        ),
        closings=word_set(
            "ما هذا, ما هذه, من هذا, من هذه, ما هو, ما هي, من هو, من هي, أين هو, أين هي, من"
            " أنا, كيف كان, ماذا كان, لماذا لا, ربما لا, بالطبع لا, شكرا جدا, جيد جدا, كبير جدا,"
            " جميل جدا, ممتاز جدا, كثير جدا, حار جدا, بارد جدا, قليل جدا, سعيد جدا, ماذا بعد,"
            " فيما بعد, من قبل, ليس بعد, ماذا أريد, ما أريد, كما أريد, لا أريد, لا يمكن, أين"
            " كان, أفهم هذا, أريد هذا, أريد هذه, من أين هو, مثل هذا, ماذا يعني, هل يمكن"
        ),
        digits=word_set("صفر واحد اثنان اثنين ثلاثة أربعة خمسة ستة سبعة ثمانية تسعة"),
    ),
}
