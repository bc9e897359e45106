"""Text of known truth for the steps that annotate: languages, answers in another language, speech levels, broken records. Difficulty is
graded (fewer words, no full stop, laughter behind the end); seeds are the caller's; nothing here looks at the steps."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple


class Told(NamedTuple):
    """One text with what is true of it."""

    kind: str
    text: str
    truth: str


SENTENCES: Final[dict[str, tuple[str, ...]]] = {
    "ko": (
        "배송이 생각보다 빨라서 정말 좋았습니다.", "환불은 어디에서 신청하면 되나요?", "이번 주말에 친구들과 바다에 가기로 했다.", "모델을 다시 학습시키면 성능이 올라갑니다.",
        "아침에 일어나서 물을 한 잔 마셔요.", "그 영화는 끝까지 지루하지 않았다.", "설정 파일을 열고 값을 고친 다음 저장하세요.", "LoRA는 적은 메모리로 큰 모델을 조정하는 방법이다.",
    ),
    "en": (
        "The delivery was much faster than we expected.", "Where can I ask for a refund?", "We are going to the beach with our friends this weekend.", "Training the model again makes it better.",
        "He drinks a glass of water every morning.", "The film was never boring until the very end.", "Open the settings file, change the value and save it.", "You should not believe everything that you read.",
    ),
    "ja": ("配達は思ったよりずっと早かったです。", "返金はどこで申し込めますか。", "週末は友達と海に行くつもりです。", "このモデルをもう一度学習させます。", "毎朝コップ一杯の水を飲みます。", "ありがとうございました。"),
    "zh": ("送货比我们想象的快得多。", "我在哪里可以申请退款?", "这个周末我们打算和朋友去海边。", "请打开设置文件,修改数值并保存。", "他每天早上喝一杯水。", "这部电影从头到尾都不无聊。"),
    "de": (
        "Die Lieferung war viel schneller als erwartet.", "Wo kann ich eine Rückerstattung beantragen?", "Wir fahren am Wochenende mit unseren Freunden ans Meer.", "Er trinkt jeden Morgen ein Glas Wasser.",
        "Der Film war bis zum Ende nicht langweilig.", "Das sollte man nicht glauben.", "Öffnen Sie die Datei und ändern Sie den Wert.", "Ich habe das Buch noch nicht gelesen.",
    ),
    "fr": (
        "La livraison a été plus rapide que prévu.", "Où est-ce que je peux demander un remboursement ?", "Nous allons à la plage avec nos amis ce week-end.", "Il boit un verre d'eau tous les matins.",
        "Le film n'était pas ennuyeux du tout.", "Ouvrez le fichier et changez la valeur.", "Je n'ai pas encore lu ce livre.", "Qu'est-ce que vous en pensez ?",
    ),
    "es": (
        "La entrega fue mucho más rápida de lo esperado.", "¿Dónde puedo pedir un reembolso?", "Este fin de semana vamos a la playa con nuestros amigos.", "Bebe un vaso de agua todas las mañanas.",
        "La película no fue aburrida en ningún momento.", "Abre el archivo y cambia el valor.", "Todavía no he leído el libro.", "No hay que creer todo lo que se lee.",
    ),
    "it": (
        "La consegna è stata molto più veloce del previsto.", "Dove posso chiedere un rimborso?", "Questo fine settimana andiamo al mare con gli amici.", "Beve un bicchiere d'acqua ogni mattina.",
        "Il film non era per niente noioso.", "Apri il file e cambia il valore.", "Non ho ancora letto il libro.", "Che cosa ne pensi?",
    ),
    "pt": (
        "A entrega foi muito mais rápida do que o esperado.", "Onde posso pedir um reembolso?", "Neste fim de semana vamos à praia com os nossos amigos.", "Ele bebe um copo de água todas as manhãs.",
        "O filme não foi nada aborrecido.", "Abra o ficheiro e mude o valor.", "Ainda não li esse livro.", "Você não deve acreditar em tudo.",
    ),
    "nl": (
        "De levering was veel sneller dan verwacht.", "Waar kan ik mijn geld terugvragen?", "Dit weekend gaan we met onze vrienden naar het strand.", "Hij drinkt elke ochtend een glas water.",
        "De film was helemaal niet saai.", "Open het bestand en verander de waarde.", "Ik heb het boek nog niet gelezen.", "Je moet niet alles geloven.",
    ),
}  # fmt: skip
OTHERS: Final = ("Это очень хорошая книга.", "Η ταινία ήταν πολύ καλή.", "هذا كتاب جيد جدا", "หนังเรื่องนี้สนุกมาก", "זה ספר טוב מאוד", "यह बहुत अच्छी किताब है")
NAMES: Final = ("PyTorch LoRA", "GPT-4 vs Llama", "3.5 / 10", "Samsung Galaxy S24", "!!!", "https://example.com/the-and-of", "`for x in y`")
"""What no one can tell the language of."""


def languages() -> Iterator[Told]:
    """Every sentence whole, and its first three and first one (of Chinese and Japanese: eight and four characters) words."""
    for language, sentences in SENTENCES.items():
        for text in sentences:
            yield Told("sentence", text, language)
            if language in ("ja", "zh"):
                yield Told("short", text[:8], language)
            else:
                yield Told("short", " ".join(text.split()[:4]), language)
    for text in SENTENCES["ko"][:-1]:
        yield Told("one word", text.split()[0], "ko")
    for text in OTHERS:
        yield Told("another script", text, "other")
    for text in SENTENCES["ko"]:
        # The real accident: UTF-8 read as cp1253, the bytes that it lacks dropped. It must not pass for Greek or Korean.
        yield Told("mojibake", text.encode().decode("cp1253", "ignore"), "other")
    for text in NAMES:
        yield Told("no language", text, "und")
    for ko, en in zip(SENTENCES["ko"], SENTENCES["en"]):
        yield Told("mixed", f"{ko} {en}", "mixed")
        yield Told("mixed", f"{en}\n{ko}", "mixed")


def answers(language: str) -> Iterator[tuple[str, str, str, str]]:
    """(kind, question, answer, truth): in the language asked, in another, and in another that was asked for."""
    other = "en" if language == "ko" else "ko"
    mine, theirs = SENTENCES[language], SENTENCES[other]
    ask = {"ko": "다음 문장을 영어로 옮겨 주세요: ", "en": "Translate into Korean: "}[language]
    for i, text in enumerate(mine):
        yield "same", text, mine[(i + 1) % len(mine)], "same"
        yield "same, with code", text, mine[(i + 1) % len(mine)] + "\n```python\nfor name in names:\n    print(name, the_value_of_it)\n```", "same"
        yield "other", text, theirs[i], "other"
        yield "other, long", text, " ".join(theirs[i:] + theirs[:i]), "other"
        yield "wanted", ask + text, theirs[i], "wanted"


VERBS: Final = (
    # formal polite, polite, plain, intimate, nominal
    ("갔습니다", "갔어요", "갔다", "갔어", "갔음"), ("합니다", "해요", "한다", "해", "함"), ("좋습니다", "좋아요", "좋다", "좋아", "좋음"), ("없습니다", "없어요", "없다", "없어", "없음"),
    ("먹겠습니다", "먹겠어요", "먹겠다", "먹겠어", "먹겠음"), ("입니다", "이에요", "이다", "이야", "임"), ("됩니다", "돼요", "된다", "돼", "됨"), ("바랍니다", "바라요", "바란다", "바라지", "바람"),
    ("봤습니까", "봤나요", "봤느냐", "봤니", "봤음"), ("가십시오", "가세요", "가라", "가지", "감"), ("하시죠", "하죠", "하자", "하지", "함"), ("옵니다", "오네요", "오는구나", "오네", "옴"),
)  # fmt: skip
LEVELS: Final = ("hapsyo", "haeyo", "haera", "hae", "nominal")
SUBJECTS: Final = ("저는 어제 학교에", "이 제품은 정말", "다음 주에는 다시", "그 사람이 여기서")


def registers() -> Iterator[Told]:
    """Every form behind every subject: with a full stop, without, with laughter, after another sentence of its level."""
    for subject, forms in itertools.product(SUBJECTS, VERBS):
        for level, form in zip(LEVELS, forms):
            if (level, form) in {("nominal", "바람"), ("nominal", "감"), ("nominal", "옴"), ("hapsyo", "하시죠"), ("haera", "가라")}:
                continue  # 바람, 감: nouns as well; 하시죠 is haeyo by its ending; 가라 needs to know the verb
            yield Told(level, f"{subject} {form}.", level)
            yield Told(f"{level}, no stop", f"{subject} {form}", level)
            yield Told(f"{level}, laughing", f"{subject} {form} ㅋㅋㅋ ^^", level)


def mixtures() -> Iterator[Told]:
    """Answers of two and three sentences: of one level (`no`), or of a polite and a plain one (`yes`)."""
    for subject, forms in itertools.product(SUBJECTS, VERBS[:8]):
        hapsyo, haeyo, haera, hae, _ = forms
        for a, b, truth in ((hapsyo, hapsyo, "no"), (haeyo, haeyo, "no"), (haera, haera, "no"), (hapsyo, haera, "yes"), (haeyo, haera, "yes"), (haeyo, hae, "yes"), (hapsyo, haeyo, "yes")):
            yield Told(f"two, {truth}", f"{subject} {a}. 그래서 집에서 {b}.", truth)
    for subject in SUBJECTS:
        yield Told("a question in haeyo", f"{subject} 갔습니다. 무엇을 도와 드릴까요? 감사합니다.", "no")


def broken(language: str, rng: random.Random) -> Iterator[Told]:
    """Records that are broken, by the rule of `finetune` that has to see it; graded from all of the record to a third of it."""
    texts = [t for t in SENTENCES[language] if "LoRA" not in t]
    for _ in range(12):
        body = " ".join(rng.sample(texts, 4))
        spaced = " ".join(body.replace(" ", ""))
        yield Told("shortest_mean_word", spaced, "all")
        yield Told("longest_run", body.replace(" ", "").replace(".", "").replace("?", "").replace(",", ""), "all")
        yield Told("longest_run", f"{body} {''.join(c for t in rng.sample(texts, 3) for c in t if c.isalpha())}", "part")
        yield Told("letters", "".join(rng.choice("★☆■□◆◇※→#@%&*=+") for _ in range(60)), "all")
        yield Told("same_character", rng.choice(texts) + rng.choice("!?.아a") * 60, "part")
        if language == "ko":
            yield Told("jamo", " ".join("".join(rng.choice("ㅋㅎㅠㄱㄴㅇ") for _ in range(3)) for _ in range(12)), "all")
            yield Told("function_words", " ".join(rng.choice(("맥북", "충전", "검정", "신품", "택", "급", "강남역", "직거", "박스", "풀셋")) for _ in range(24)), "all")
        else:
            yield Told("function_words", " ".join(rng.choice(("iPhone", "charger", "black", "new", "sale", "hot", "cheap", "box", "deal", "free")) for _ in range(24)), "all")


def sound(language: str, rng: random.Random) -> Iterator[str]:
    """Records with nothing wrong: one to five sentences."""
    for n in (1, 2, 3, 5):
        for _ in range(12):
            yield " ".join(rng.sample(SENTENCES[language], n))


def rated(language: str, n: int, noise: float, rng: random.Random) -> Iterator[Told]:
    """Ratings to learn from: sentences of two kinds, of which a share has the wrong label."""
    good, bad = {
        "ko": (("자세한 설명이 도움이 되었습니다", "순서대로 따라 하니 잘 됩니다", "근거를 들어 차분히 설명합니다"), ("아무거나 대충 하면 됨", "몰라 귀찮아", "그냥 검색해 봐라")),
        "en": (("The steps are explained clearly", "This answer gives a reason for each claim", "It works when you follow the order"), ("idk just google it", "whatever lol", "no idea do what you want")),
    }[language]  # fmt: skip
    for i in range(n):
        is_good = i % 2 == 0
        text = f"{rng.choice(good if is_good else bad)} {rng.choice(SENTENCES[language])} {i}"
        yield Told("rated", text, "good" if is_good != (rng.random() < noise) else "bad")


def documents(premises: Sequence[str]) -> list[str]:
    """Clean Korean documents out of single sentences, twelve each: what peers' English rules drop whole."""
    return [" ".join(premises[i : i + 12]) for i in range(0, len(premises) - 11, 12)]


STREETS: Final = {"ko": ("중앙로", "한밭대로", "새싹길", "은행나무길", "강변로", "시장길"), "en": ("Elm Street", "Mill Lane", "Harbour Road", "Chestnut Avenue", "Station Road", "Park View")}
DEFAULTED: Final = {"ko": "우리동 1번길 1", "en": "1 Sample Road"}


def defaulted(language: str, draw: random.Random) -> Iterator[tuple[dict[str, str], bool]]:
    """Rows with a `home`, and whether it is the one that the form put in: 30 of 230; and a `kind` of three values, one of them in nine rows of ten."""
    for i in range(230):
        home = DEFAULTED[language] if i % 8 == 3 or i == 0 else f"{draw.choice(STREETS[language])} {draw.randint(1, 400)}"
        yield {"text": f"{i}", "home": home, "kind": "a" if i % 10 else draw.choice("bc")}, home == DEFAULTED[language]


VARIED: Final = {
    "ko": (("콘텐츠", "컨텐츠"), ("메시지", "메세지"), ("데이터베이스", "데이타베이스"), ("애플리케이션", "어플리케이션"), ("미세조정", "미세 조정"), ("사전학습", "사전 학습"), ("리더십", "리더쉽"), ("알고리즘", "알고리듬")),
    "en": (("dataset", "data set"), ("fine-tuning", "fine tuning"), ("PyTorch", "Pytorch"), ("metadata", "meta-data"), ("JavaScript", "Javascript"), ("benchmark", "bench-mark"), ("open-source", "open source"), ("timestamp", "time stamp")),
}  # fmt: skip
SAID: Final = {
    "ko": ("이번 {}에 대해 더 알려 주세요.", "우리 팀은 {}만 씁니다.", "{} 문서는 어디에 있나요?", "그 {}도 함께 보세요.", "새로운 {}부터 시작합시다."),
    "en": ("Tell me more about this {}.", "Our team likes {} best.", "Where are the {} docs?", "Look at that {} first.", "We begin with {} today."),
}  # fmt: skip


def varied(language: str) -> Iterator[tuple[str, bool]]:
    """Texts with a term, three of five in its usual spelling, and whether it is the other one."""
    for term, other in VARIED[language]:
        for i, sentence in enumerate(SAID[language]):
            yield sentence.format(term if i < 3 else other), i >= 3
