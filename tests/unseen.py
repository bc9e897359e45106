"""A second hand's dirt: what the detectors find of dirt that was planted without a look at them.

`dirt_*.py` and the steps grew up together, so the shares in docs/truth.md flatter. Here the carriers are rows of ../shared/data that
no detector was tuned on (questions of SQuARe and GSM8K, passages of BoolQ, tasks of self-instruct), and the formats, tags, code pages and edits are others. It was
written once and is not to be tuned on.
"""

from __future__ import annotations

import csv
import gzip
import html
import json
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import unseen_pii
from dirt import Planted

DATA: Final = Path(__file__).parents[2] / "shared/data"
Change = Callable[[str, random.Random], str]


def there() -> bool:
    """Whether the carriers are at hand."""
    return all((DATA / name).is_dir() for name in ("square", "gsm8k", "kobest", "self_instruct"))


def carriers(language: str, n: int, seed: str) -> list[str]:
    """`n` different texts of 20 to 300 characters on one line."""
    if language == "ko":
        questions = json.loads(gzip.decompress((DATA / "square/question_valid.json.gz").read_bytes()))
        with gzip.open(DATA / "kobest/BoolQ/train.tsv.gz", "rt", encoding="utf-8", newline="") as file:
            passages = [row["Text"] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]
        found = [row["question"] for row in questions] + [text.split(". ")[0] + "." for text in passages]
    else:
        found = [json.loads(line)["question"] for line in gzip.decompress((DATA / "gsm8k/train.jsonl.gz").read_bytes()).splitlines()]
        found += [json.loads(line)["instruction"] for line in (DATA / "self_instruct/user_oriented_instructions.jsonl").read_text(encoding="utf-8").splitlines()]
    texts = sorted({" ".join(text.split()) for text in found if 20 <= len(text) <= 300 and "<" not in text and "&" not in text})
    random.Random(f"unseen/{seed}/{language}").shuffle(texts)
    return texts[:n]


def plantings() -> Iterator[Planted]:
    """Everything, or nothing where the carriers are not at hand."""
    if not there():
        return
    for language in ("ko", "en"):
        yield _personal(language)
        yield from _misread(language)
        yield from _tagged(language)
        yield from _copied(language)
    yield from _spoken()


def _personal(language: str) -> Planted:
    draw = random.Random(f"unseen/pii/{language}")
    planted = list(unseen_pii.personal(language, carriers(language, 400, "pii"), 40, draw))
    clean = list(unseen_pii.harmless(language, carriers(language, 400, "clean"), draw))
    rows = [{"text": text} for text, _ in planted] + [{"text": text} for text in clean]
    return Planted("guard.pii", language, "", rows, {i: kind for i, (_, kind) in enumerate(planted)}, {"mode": "flag"}, "pii")


# Broken encodings.

ROUTES: Final = (("utf-8", "latin-1"), ("utf-8", "cp1252"), ("utf-8", "cp1251"), ("utf-8", "mac_roman"), ("utf-8", "cp850"), ("utf-8", "cp437"), ("utf-8", "koi8_r"), ("utf-8", "cp949"), ("utf-8", "gb18030"),
                 ("utf-8", "shift_jis"), ("utf-8", "big5"), ("cp949", "latin-1"), ("cp949", "cp1252"), ("cp949", "shift_jis"), ("cp949", "gb18030"), ("utf-16-le", "latin-1"))  # fmt: skip


def _misread(language: str) -> Iterator[Planted]:
    texts = [t for t in carriers(language, 6000, "mojibake") if not t.isascii()] if language == "ko" else accented()
    whole: list[tuple[str, str]] = []
    part: list[tuple[str, str]] = []
    lost: list[str] = []
    draw = random.Random(f"unseen/mojibake/{language}")
    for text in texts[: 480 if language == "ko" else 160]:
        written, read = draw.choice(ROUTES)
        if language == "en" and written == "cp949":
            written = "utf-8"
        try:
            raw = text.encode(written)
        except UnicodeEncodeError:
            continue
        try:
            whole.append((raw.decode(read), text))
        except UnicodeDecodeError:
            lost.append(raw.decode(read, draw.choice(("replace", "ignore"))))
        words = text.split(" ")
        half = len(words) // 2
        broken = " ".join(words[half:]).encode("utf-8").decode("latin-1")
        if not broken.isascii():
            part.append((" ".join([*words[:half], broken]), text))
    clean = carriers(language, 300, "clean")
    for kind, pairs in (("a whole row misread", whole), ("its second half misread", part)):
        rows = [{"text": dirty} for dirty, _ in pairs] + [{"text": t} for t in clean]
        yield Planted("clean.mojibake", language, kind, rows, {i: text for i, (_, text) in enumerate(pairs)})
    rows = [{"text": t} for t in (*lost, *clean)]
    yield Planted("clean.mojibake", language, "misread with losses, told as lossy", rows, dict.fromkeys(range(len(lost)), "lossy"), column="mojibake")


def accented() -> list[str]:
    """English questions with what makes English leave ASCII: curly quotes, dashes, signs of money, names with accents."""
    made = []
    names = ("José", "Zoë", "François", "Łukasz", "Jürgen", "Çelik", "Siân", "Øystein")
    for i, text in enumerate(carriers("en", 160, "accented")):
        curly = text.replace("'", "’").replace("$", "€").replace(" - ", " – ")
        made.append(f"{names[i % 8]} asked: “{curly}”" if i % 2 else f"{curly} — {names[i % 8]}")
    return made


# Markup.

TAGS: Final[dict[str, Change]] = {
    "attributes, other names": lambda t, d: d.choice(
        (f'<span style="color:#333;font-size:14px">{_escaped(t)}</span>', f'<div class="post-body" data-id="{d.randrange(999)}">{_escaped(t)}</div>', f'<font color=red>{_escaped(t)}</font>', f"<P ALIGN=CENTER>{_escaped(t)}</P>",
         f"<article><section>{_escaped(t)}</section></article>")
    ),
    "around one word": lambda t, d: _one(t, d, d.choice(("<em>{}</em>", "<strong>{}</strong>", '<a href="/q?a=1&amp;b=2" target="_blank">{}</a>', '<mark class="hl">{}</mark>', "<u>{}</u>"))),
    "numbered entities": lambda t, d: "".join(f"&#{ord(c)};" if d.random() < 0.15 and not c.isspace() else f"&#x{ord(c):X};" if d.random() < 0.15 and not c.isspace() else c for c in t),
    "named entities, twice escaped": lambda t, d: html.escape(html.escape(f"“{t}” © 2024 & more")).replace("“", "&ldquo;").replace("”", "&rdquo;").replace("©", "&copy;"),
}  # fmt: skip
NO_TAGS: Final = (
    "if (a < b && c > d) 이면 참이다", "List<Integer> xs = new ArrayList<>();", "x <- 3; y <- x + 1", "I <3 this song >_<", "책 <노르웨이의 숲>을 읽었다", "<이름>과 <주소>를 적어 주세요", "from <root@localhost> to <admin@localhost>",
    "1 < 2 < 3 and 5 > 4", "R&B & soul, AT&T, Q&A", "a&b=c&d=e", "y<0이면 음수, y>0이면 양수", "<영화제목> 평점 5점", "vector<pair<int, string>> v;", "std::cout << x >> y;", "<<공지>> 내일은 휴무입니다", "p<.05, n>30",
)  # fmt: skip


def _escaped(text: str) -> str:
    return html.escape(text, quote=False)


def _one(text: str, draw: random.Random, tag: str) -> str:
    words = text.split(" ")
    at = draw.randrange(len(words))
    return " ".join(_escaped(w) if i != at else tag.format(_escaped(w)) for i, w in enumerate(words))


def _tagged(language: str) -> Iterator[Planted]:
    draw = random.Random(f"unseen/markup/{language}")
    texts, clean = carriers(language, 100, "markup"), [*carriers(language, 200, "clean"), *NO_TAGS]
    for kind, change in TAGS.items():
        told = {i: f"“{t}” © 2024 & more" if "twice" in kind else t for i, t in enumerate(texts)}
        rows = [{"text": change(t, draw)} for t in texts] + [{"text": t} for t in clean]
        yield Planted("clean.markup", language, kind, rows, told)


# Copies of turns.

KO_ENDINGS: Final = ((r"나요\?$", "는가?"), (r"까\?$", "까요?"), (r"다\.$", "다고 합니다."), (r"어때\?$", "어떤가요?"), (r"지\?$", "지요?"), (r"\?$", "? 알려 주세요."), (r"\.$", "입니다요."))
EN_WORDS: Final = {"does not": "doesn't", "did not": "didn't", "is": "'s", "twice": "two times", "each": "every", "and": "&", "how many": "what number of", "three": "3", "two": "2", "four": "4", "total": "sum"}
COPIES: Final[dict[str, Change]] = {
    "a greeting before it": lambda t, d: f"{d.choice(('안녕하세요, 질문 있습니다. ', '혹시 ') if _korean(t) else ('Hi! Quick question: ', 'Hello there. '))}{t}",
    "words of its own": lambda t, d: _reworded(t),
    "letters doubled or dropped": lambda t, d: _slipped(t, d),
    "quoted, in another layout": lambda t, d: "> " + "\n> ".join(re.findall(r".{1,30}(?:\s|$)", t)),
    "a sentence left out": lambda t, d: _shorter(t),
}


def _korean(text: str) -> bool:
    return any("가" <= c <= "힣" for c in text)


def _reworded(text: str) -> str:
    if _korean(text):
        pattern, said = next((p, s) for p, s in (*KO_ENDINGS, (r"$", " 맞죠?")) if re.search(p, text))
        return re.sub(r"(?<=[가-힣])(?:은|는|을|를) ", " ", re.sub(pattern, said, text), count=2)
    for a, b in EN_WORDS.items():
        text = re.sub(rf"\b{a}\b", b, text, count=1, flags=re.IGNORECASE)
    return text


def _slipped(text: str, draw: random.Random) -> str:
    made = list(text)
    for at in sorted(draw.sample(range(len(made)), max(1, len(made) // 40)), reverse=True):
        made[at : at + 1] = [] if draw.random() < 0.5 else [made[at], made[at]]
    return "".join(made)


def _shorter(text: str) -> str:
    sentences = re.split(r"(?<=[.!?]) ", text)
    return " ".join(sentences[:-1]) if len(sentences) > 3 else " ".join(text.split(" ")[:-1])


def _copied(language: str) -> Iterator[Planted]:
    texts = carriers(language, 400, "copies")
    for kind, change in COPIES.items():
        draw = random.Random(f"unseen/copies/{language}/{kind}")
        copies = [(a, b) for a, b in ((t, change(t, draw)) for t in texts[:120]) if a != b]
        rows: list[dict[str, Any]] = [_chat(t) for t in texts] + [_chat(b) for _, b in copies]
        yield Planted("dedup.near", language, f"a turn, {kind}", rows, dict.fromkeys(range(len(texts), len(rows)), kind), {"keep": "first"})


def _chat(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


# Languages.

SPOKEN: Final[dict[str, tuple[str, ...]]] = {
    "de": ("Wo finde ich die Rechnung vom letzten Monat?", "Danke, das hat mir sehr geholfen.", "Kannst du mir ein Rezept für Kartoffelsuppe geben?", "Der Drucker zeigt nur noch eine Fehlermeldung an.", "Morgen um acht fährt kein Zug.", "Schreib mir bitte eine kurze Absage."),
    "fr": ("Où est passée ma commande d'hier ?", "Merci, c'est parfait comme ça.", "Peux-tu résumer ce texte en trois phrases ?", "Je n'arrive pas à ouvrir le fichier joint.", "Il fait trop froid pour sortir ce soir.", "Donne-moi une idée de cadeau pour ma mère."),
    "es": ("¿Dónde puedo ver mi pedido?", "Gracias, ya quedó resuelto.", "Explícame la fotosíntesis como a un niño.", "No puedo entrar en mi cuenta desde ayer.", "Mañana no hay clase por la tormenta.", "Escribe un poema corto sobre el mar."),
    "it": ("Dove trovo la fattura di marzo?", "Grazie mille, adesso funziona.", "Puoi tradurre questa frase per me?", "Il telefono non si accende più da ieri sera.", "Domani non ci sono treni per lo sciopero.", "Scrivi una lettera di scuse al cliente."),
    "pt": ("Onde vejo o boleto deste mês?", "Obrigado, já deu certo.", "Você pode corrigir o meu texto?", "Não consigo entrar na minha conta desde ontem.", "Amanhã não tem aula por causa da chuva.", "Escreva uma mensagem curta para o meu chefe."),
    "nl": ("Waar kan ik mijn factuur vinden?", "Bedankt, het werkt nu weer.", "Kun je deze tekst wat korter maken?", "De printer geeft alleen nog een foutmelding.", "Morgen rijden er geen treinen.", "Schrijf een korte brief aan mijn huisbaas."),
    "ja": ("請求書はどこで確認できますか。", "ありがとう、助かりました！", "この文章を三行で要約して", "昨日からログインできません。", "マジで最高だった", "明日の会議は何時からですか？"),
    "zh": ("我在哪里可以查到上个月的账单？", "谢谢，已经解决了。", "請幫我寫一封道歉信", "从昨天开始就登录不了", "太好看了吧", "明天的會議幾點開始？"),
    "other": ("Где я могу посмотреть свой заказ?", "Спасибо, всё работает.", "Πού μπορώ να βρω το τιμολόγιο;", "أين أجد فاتورتي؟", "ใบแจ้งหนี้อยู่ที่ไหน", "मेरा बिल कहाँ मिलेगा?"),
    "ko": ("ㅇㅋ 알겠음", "pdf 파일을 어떻게 열어요?", "Python으로 크롤러 짜줘", "배고프다ㅠㅠ", "에러 로그에 NullPointerException 떠요", "회의는 10시 Zoom입니다"),
    "en": ("ok thx", "lol no way", "pls fix asap", "Where's my invoice?", "Summarise 김치 in one line for me please", "RTFM, it is all in there"),
}  # fmt: skip


def _spoken() -> Iterator[Planted]:
    rows = [(text, language) for language, said in SPOKEN.items() for text in said]
    rows += [(text, language) for language in ("ko", "en") for text in carriers(language, 150, "language")]
    rows += [(" ".join(text.split(" ")[:3]), language) for language in ("ko", "en") for text in carriers(language, 100, "short")]
    yield Planted("annotate.language", "all", "", [{"text": t} for t, _ in rows], {i: known for i, (_, known) in enumerate(rows)}, column="language")


