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
    "ko": [("utf-8", page) for page in ("latin-1", "cp1252", "cp1253", "cp1251", "cp437", "mac-roman", "cp949", "gb18030")]
    + [("cp949", page) for page in ("latin-1", "cp1252", "iso8859-7", "gb18030")] + [("johab", "cp949")],
    "en": [("utf-8", page) for page in ("latin-1", "cp1252", "cp1250", "cp1251", "cp437", "mac-roman", "cp1254")],
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


def _undone(dirty: str, clean: str, page: str) -> bool:
    try:
        return dirty.encode(page).decode("utf-8") == clean
    except UnicodeError:
        return False


def unspaced(texts: Sequence[str]) -> Iterator[Planted]:
    """All spaces gone."""
    for text in texts:
        yield Planted("no spaces", text.replace(" ", ""), text)


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
