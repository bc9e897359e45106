"""Dirt of known truth for the steps that clean: each generator takes clean strings and gives (dirty, clean) pairs, or dirty strings
with the kind that a step has to name. Seeds are the caller's; nothing here looks at the steps."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple


class Planted(NamedTuple):
    """One dirty string."""

    kind: str
    dirty: str
    clean: str


KO: Final = (
    "배송이 빨라서 좋았습니다. 다음에도 주문할게요!", "환불은 영업일 기준 3일 안에 처리됩니다.", "영화가 생각보다 재미있어서 두 번 봤어요", "고객센터에 문의하면 바로 답을 받을 수 있습니다.",
    "오늘 날씨가 정말 좋네요, 같이 산책 갈래요?", "비밀번호를 잊으셨다면 아래 단추를 눌러 주세요.", "그 배우의 연기는 처음부터 끝까지 훌륭했다.", "이 문장은 학습 데이터로 쓰기에 알맞다.",
    "서울에서 부산까지 기차로 세 시간 걸린다.", "설명서에 적힌 순서대로 하니 잘 됩니다", "아이들과 함께 보기에 부담이 없는 작품입니다.", "결제가 두 번 되었는데 어떻게 해야 하나요?",
)  # fmt: skip
EN: Final = (
    "It’s the best café in town — don’t miss it…", "The naïve résumé didn’t convince the “experts”.", "Prices start at £12.50 (about €14) per person.", "She said: “We’ll see what happens.”",
    "Zoë’s coöperation was appreciated by everyone.", "The temperature rose to 30°C in São Paulo.", "Don’t forget your jalapeño sauce!", "“Déjà vu” isn’t a bug – it’s a feature.",
    "Great movie 😀 we’ll watch it again", "The façade of the old hôtel is crème coloured.", "Mötley Crüe played in Zürich last night…", "¿Qué pasa? It’s only a piñata.",
)  # fmt: skip

LOSSLESS: Final = {
    "ko": [("utf-8", page) for page in ("latin-1", "cp1252", "cp1253", "cp1251", "cp437", "mac-roman", "cp949", "gb18030", "cp850", "mac-cyrillic")]
    + [("cp949", page) for page in ("latin-1", "cp1252", "iso8859-7", "gb18030", "cp437", "cp850", "cp866", "koi8-r", "mac-roman", "cp1250")] + [("johab", "cp949")],
    "en": [("utf-8", page) for page in ("latin-1", "cp1252", "cp1250", "cp1251", "cp437", "mac-roman", "cp1254", "cp1257", "mac-cyrillic")],
}  # fmt: skip
LOSSY: Final = {
    "ko": [("utf-8", page, how) for page in ("cp1252", "cp1253", "cp949") for how in ("ignore", "replace")] + [("cp949", "utf-8", "replace"), ("cp949", "ascii", "?")],
    "en": [("utf-8", "cp1252", "ignore"), ("utf-8", "cp1252", "replace"), ("cp1252", "utf-8", "replace")],
}  # fmt: skip


def misread(text: str, real: str, page: str, errors: str = "strict") -> str:
    """`text` written in `real` and read as `page`. Strict reading keeps bytes that the page lacks as control characters.

    >>> misread("café", "utf-8", "cp1252")
    'cafÃ©'
    """
    if errors == "?":
        return text.encode(page, errors="replace").decode(page)
    data = text.encode(real, errors="ignore" if real != "utf-8" else "strict")
    if errors != "strict" or page in ("cp949", "gb18030"):
        return data.decode(page, errors=errors)
    return "".join(_char(byte, page) for byte in data)


def _char(byte: int, page: str) -> str:
    char = bytes([byte]).decode(page, errors="replace")
    return chr(byte) if char == "\ufffd" else char


def lossless(texts: Sequence[str], language: str) -> Iterator[Planted]:
    """Every text broken in every way that can be undone, twice over too."""
    for real, page in LOSSLESS[language]:
        for text in texts:
            try:
                dirty = misread(text, real, page)
            except UnicodeError:
                continue  # this page cannot read these bytes at all: an exception, not mojibake
            if dirty != text and _held(text, real):
                yield Planted(f"{real} as {page}", dirty, text)
    for page in ("latin-1", "cp1252"):
        for text in texts:
            dirty = misread(misread(text, "utf-8", page), "utf-8", page)
            if dirty != text:
                yield Planted(f"utf-8 as {page}, twice", dirty, text)


def _held(text: str, real: str) -> bool:
    try:
        return text.encode(real).decode(real) == text
    except UnicodeError:
        return False


def lossy(texts: Sequence[str], language: str) -> Iterator[Planted]:
    """Every text broken in every way that loses bytes."""
    for real, page, errors in LOSSY[language]:
        for text in texts:
            dirty = misread(text, real, page, errors)
            if dirty != text and (errors == "?" or not _undone(dirty, text, page)):
                yield Planted(f"{real} as {page}, {errors}", dirty, text)


THINNED: Final = {
    "ko": [("utf-8", page, "ignore") for page in ("gb18030", "big5", "euc_jp", "shift_jis")] + [("cp949", "shift_jis", "ignore")],
    "en": [("cp1252", "ascii", "?")] + [("utf-8", page, "ignore") for page in ("cp949", "cp1250", "cp1253")],
}  # fmt: skip
"""Readings that leave out what they lack: what is left says less of what was there."""


def thinned(texts: Sequence[str], language: str) -> Iterator[Planted]:
    """Every text read by a page that lacks some of its bytes and leaves them out."""
    for real, page, errors in THINNED[language]:
        for text in texts:
            dirty = text.encode(page, errors="replace").decode(page) if errors == "?" else text.encode(real, errors="ignore").decode(page, errors=errors)
            if dirty != text and (errors == "?" or not (dirty.isascii() or _undone(dirty, text, page))):
                yield Planted(f"{real} as {page}, {errors}", dirty, text)


def _undone(dirty: str, clean: str, page: str) -> bool:
    try:
        return dirty.encode(page).decode("utf-8") == clean
    except UnicodeError:
        return False


def unspaced(texts: Sequence[str]) -> Iterator[Planted]:
    """All spaces gone."""
    for text in texts:
        yield Planted("no spaces", text.replace(" ", ""), text)


SPACED: Final = (
    "어제 친구와 함께 본 공연이 기대보다 훨씬 좋았다", "택배가 늦게 와서 선물을 제때 주지 못했어요", "회의 자료는 내일 아침까지 보내 드리겠습니다", "길을 잃은 아이가 울면서 엄마를 찾고 있었다",
    "값이 싸고 양이 많아서 자주 가는 식당입니다", "비가 그치면 우산을 두고 나가도 될까요", "이 책은 처음 배우는 사람에게 어렵지 않다", "전화를 받지 않으면 문자를 남겨 주시기 바랍니다",
    "동생은 나보다 키가 크지만 힘은 내가 더 세다", "버스가 끊겨서 집까지 걸어가야 했다", "오랜만에 만난 선생님은 하나도 변하지 않으셨다", "물이 끓으면 면을 넣고 사 분 동안 익힌다",
    "화면이 켜지지 않을 때는 전원을 다시 눌러 보세요", "그는 아무 말도 하지 않고 창밖만 바라보았다", "새로 산 신발이 작아서 바꾸러 가려고 한다", "약속 시간에 늦을 것 같으니 먼저 드세요",
    "겨울에는 해가 짧아서 저녁 산책을 하기 어렵다", "여행을 떠나기 전에 여권을 꼭 확인하세요", "문제가 생기면 바로 담당자에게 알려 주십시오", "두 나라는 오래전부터 서로 물건을 사고팔았다",
    "시험이 끝나자 학생들이 운동장으로 뛰어나왔다", "설탕을 조금만 넣어도 맛이 크게 달라집니다", "밤새 눈이 내려 마을이 온통 하얗게 변했다", "컴퓨터가 느려졌다면 쓰지 않는 창을 닫아 보세요",
)  # fmt: skip
"""Sentences of everyday Korean, for their spaces: no marks inside."""


def glued(texts: Sequence[str], words: int, rng: random.Random) -> Iterator[Planted]:
    """So many words of each text written as one."""
    for text in texts:
        parts = text.split(" ")
        at = rng.randrange(max(1, len(parts) - words + 1))
        yield Planted(f"{words} words as one", " ".join([*parts[:at], "".join(parts[at : at + words]), *parts[at + words :]]), text)


def sparse(texts: Sequence[str], rng: random.Random) -> Iterator[Planted]:
    """Each space gone with a chance of a half, one at least."""
    for text in texts:
        first, *rest = text.split(" ")
        keeps = [rng.random() < 0.5 for _ in rest]
        keeps[rng.randrange(len(keeps))] = False
        yield Planted("half of the spaces gone", first + "".join(" " * keep + word for keep, word in zip(keeps, rest)), text)


def overspaced(texts: Sequence[str]) -> Iterator[Planted]:
    """A space after every syllable."""
    for text in texts:
        yield Planted("spaced out", " ".join(text.replace(" ", "")), text)


def laughing(texts: Sequence[str], language: str, rng: random.Random) -> Iterator[Planted]:
    """Runs of laughter and marks behind a text; `clean` is the same with runs of two."""
    tails = {"ko": ("ㅋ", "ㅎ", "ㅠ", "ㅜ", "!", "?", "~"), "en": ("ha", "!", "?", "lo")}[language]
    for text in texts:
        tail = rng.choice(tails)
        run, short = (tail * rng.randint(4, 12), tail * 2) if tail != "lo" else ("l" + "o" * rng.randint(2, 9) + "l", "lol")
        yield Planted(f"run of {tail}", f"{text} {run}", f"{text} {short}")


BOILERPLATE: Final = {
    "ko": {
        "copyright": ("무단 전재 및 재배포 금지", "<저작권자 ⓒ 한빛일보, 무단전재-재배포 금지>", "Copyright ⓒ 2024 새벽신문. All rights reserved.", "저작권자 © 나라뉴스 무단전재 및 재배포 금지"),
        "reporter": ("홍길동 기자 gildong@example.com", "[서울=한빛뉴스] 김철수 기자", "/이영희 기자 younghee@example.co.kr"),
        "share": ("이 기사를 공유합니다", "페이스북 트위터 카카오톡 URL복사", "공유하기", "카카오톡 공유하기"),
        "subscribe": ("구독과 좋아요 부탁드립니다", "뉴스레터 구독하기", "네이버에서 한빛일보를 구독하세요"),
        "cookie": ("이 웹사이트는 쿠키를 사용합니다.", "쿠키 사용에 동의합니다", "본 사이트는 더 나은 서비스를 위해 쿠키를 사용합니다. 계속 이용하면 동의하는 것으로 간주합니다."),
        "signature": ("나의 iPhone에서 보냄", "내 갤럭시에서 보냄"),
    },
    "en": {
        "copyright": ("© 2024 Example Media. All rights reserved.", "Copyright (c) 2021 Example Inc.", "All rights reserved."),
        "reporter": ("By Jane Doe, Staff Writer", "Reporting by John Smith; Editing by Jane Doe"),
        "share": ("Share this article", "Share on Facebook", "Facebook Twitter LinkedIn Email", "Click to share on Twitter (Opens in new window)"),
        "subscribe": ("Subscribe to our newsletter", "Sign up for our daily newsletter", "Don't forget to like and subscribe!"),
        "cookie": ("This website uses cookies to improve your experience.", "We use cookies to personalise content and ads.", "Accept all cookies"),
        "signature": ("Sent from my iPhone", "Get Outlook for Android"),
    },
}  # fmt: skip


def framed(texts: Sequence[str], language: str, rng: random.Random) -> Iterator[Planted]:
    """A line of a page's frame before or behind two lines of text."""
    for kind, lines in BOILERPLATE[language].items():
        for line in lines:
            for _ in range(4):
                body = "\n".join(rng.sample(list(texts), 2))
                top = kind in ("share", "cookie") and rng.random() < 0.5
                yield Planted(kind, f"{line}\n{body}" if top else f"{body}\n{line}", body)


MARKED: Final = {
    "headings": "## {0}\n\n{1}", "emphasis": "{0} **{1}**", "emphasis, before a particle": "**{0}**는 {1}", "emphasis, single": "{0} *{1}*", "links": "[{0}](https://example.com/a_b) {1}",
    "images": "![{0}](img/x.png)\n{1}", "lists": "- {0}\n- {1}", "quotes": "> {0}\n> {1}", "struck": "{0} ~~{1}~~",
}  # fmt: skip
"""A form for each element, and below what is left of it."""
UNMARKED: Final = {
    "headings": "{0}\n\n{1}", "emphasis, before a particle": "{0}는 {1}", "images": "{0}\n{1}", "lists": "{0}\n{1}", "quotes": "{0}\n{1}",
}  # fmt: skip


def marked(texts: Sequence[str]) -> Iterator[Planted]:
    """Markdown around two texts, for every element."""
    for kind, form in MARKED.items():
        for one, two in itertools.pairwise(texts):
            yield Planted(kind, form.format(one, two), UNMARKED.get(kind, "{0} {1}").format(one, two))


NOTHING: Final = {
    "ko": ("", "  ", "없음", " 없음 ", "해당 없음", "해당없음", "해당사항 없음", "미상", "내용 없음", "-", "\u3164", "\u3164 \u200b", "미입력", "."),
    "en": ("", "\t", "N/A", "n/a", "NULL", " null", "None", "nan", "--", "undefined", "not available", "#N/A", "unknown", "?"),
}  # fmt: skip
"""What says nothing."""
SOMETHING: Final = {
    "ko": ("문제 없음", "없음이 아니다", "네", "아니요", "굿", "0", "무", "!!", "ㅋㅋ", "없는 것이 낫다", "미정이네 집", "모름지기"),
    "en": ("None of them", "No", "0", "nullify", "ok", "Nan's bread", "unknown pleasures", "!", "NA beer", "yes", "x = 1", "false"),
}  # fmt: skip
"""What looks like it and says something."""

TERMS: Final = {"데이터 셋": "데이터셋", "자료": "데이터셋", "엔진": "모델", "거대 언어 모델": "LLM", "컨텐츠": "콘텐츠", "data set": "dataset", "web site": "website"}
"""Variant to term."""


def varied(language: str) -> Iterator[Planted]:
    """Sentences with a variant and the particle that fits it, and the same with the term and its own."""
    if language == "en":
        for variant, term in (("data set", "dataset"), ("web site", "website")):
            for form in ("The {0} is new.", "A {0}, the {0} and no other.", "See ({0})."):
                yield Planted(variant, form.format(variant), form.format(term))
        return
    ends = {"데이터 셋": True, "데이터셋": True, "자료": False, "엔진": True, "모델": True, "거대 언어 모델": True, "LLM": True, "컨텐츠": False, "콘텐츠": False}
    pairs = (("은", "는"), ("이", "가"), ("을", "를"), ("과", "와"), ("으로", "로"), ("이라는", "라는"), ("이나", "나"), ("에서", "에서"), ("의", "의"), ("도", "도"))
    for variant, term in TERMS.items():
        if variant not in ends:
            continue
        for pair in pairs:
            forms = ["로" if pair[0] == "으로" and name in ("모델", "거대 언어 모델") else pair[0] if ends[name] else pair[1] for name in (variant, term)]
            yield Planted(f"{variant}, {pair[0]}", f"이번에는 {variant}{forms[0]} 본다", f"이번에는 {term}{forms[1]} 본다")
