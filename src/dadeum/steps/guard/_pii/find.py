"""Where personal data stands in a text.

Python's `\\b` takes Hangul for a letter, so a pattern that ends in it dies before a particle (`a@b.kr으로`, `192.168.0.1에서`). The
boundaries here speak of digits and ASCII letters alone. Before matching, full-width forms, dashes and wide spaces are folded one
character to one, so that positions hold. What looks like a number of some kind has to be one as far as can be known: by its
check digit, by the calendar, by a word next to it. No pattern matches what surrogate.py writes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Literal

from dadeum.steps.guard._pii import checks

Kind = Literal["email", "resident", "card", "phone", "business", "ip"]
KINDS: Final[tuple[Kind, ...]] = ("email", "resident", "card", "phone", "business", "ip")
"""In the order in which they claim a stretch of text."""

FOLD: Final[dict[int, int | str]] = {
    **{c: c - 0xFEE0 for c in range(0xFF01, 0xFF5F)},
    **dict.fromkeys(map(ord, "‐‑‒–—―−﹣ㅡ"), "-"),
    **dict.fromkeys(map(ord, "\u00a0\u2002\u2003\u2007\u2009\u202f\u3000"), " "),
    ord("。"): ".",
}
CONTEXT: Final = 24
"""How many characters before a number may hold the word that says what it is."""
L: Final = r"(?<!\d)(?<!\d[-.])"
R: Final = r"(?!\d)(?!-\d)"
GAP: Final = r"[-. _~/·]{0,3}"
HOST: Final = r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9])"
RESERVED: Final = re.compile(r"(?:^|[.@])(?:example\.(?:com|net|org|kr|co\.kr)|[^.@]+\.(?:invalid|test|example|localhost))$", re.IGNORECASE)
SPELT: Final = ("골뱅이", "(at)", "[at]")
PROVIDERS: Final = (
    "네이버", "지메일", "쥐메일", "다음", "한메일", "핫메일", "카카오", "naver", "gmail", "daum", "hanmail", "nate", "kakao", "hotmail",
)  # fmt: skip
PROVIDER: Final = rf"(?:{'|'.join(PROVIDERS)})"
DOTCOM: Final = r"\s*(?:닷|쩜|점|\.|dot)\s*(?:컴|넷|com|net)"


@dataclass(frozen=True)
class Span:
    """One value found: positions in the text, and the value as it compares (digits alone, or lower case)."""

    start: int
    end: int
    kind: Kind
    value: str


@dataclass(frozen=True)
class Pattern:
    """`accept` gets the match and the folded text. Texts (in lower case) that hold none of `needs` are not searched."""

    kind: Kind
    regex: re.Pattern[str]
    accept: Callable[[re.Match[str], str], bool]
    needs: tuple[str, ...]


def find(text: str, kinds: Iterable[str] = KINDS) -> list[Span]:
    """The values of these kinds, left to right, none overlapping another."""
    folded = text.translate(FOLD) if not text.isascii() else text
    lower = folded.lower()
    taken: list[Span] = []
    wanted = set(kinds)
    for pattern in PATTERNS:
        if pattern.kind not in wanted or not any(need in lower for need in pattern.needs):
            continue
        for match in pattern.regex.finditer(folded):
            start, end = match.span()
            if all(end <= span.start or span.end <= start for span in taken) and pattern.accept(match, folded):
                taken.append(Span(start, end, pattern.kind, _value(pattern.kind, match[0])))
    return sorted(taken, key=lambda span: span.start)


def digits(text: str) -> str:
    """The ASCII digits of a text."""
    return "".join(c for c in text if c in "0123456789")


def _value(kind: Kind, found: str) -> str:
    if kind in ("email", "ip"):
        return found.lower()
    return digits(found) or re.sub(r"[\s\-.,]", "", found)


def _near(match: re.Match[str], text: str, words: re.Pattern[str], after: int = 0) -> bool:
    before = text[max(0, match.start() - CONTEXT) : match.start()]
    return bool(words.search(before) or (after and words.search(text[match.end() : match.end() + after])))


_IDENTITY = re.compile(r"주민|등록\s?번호|외국인|신분증|RRN|resident|registration", re.IGNORECASE)
_CARD = re.compile(r"카드|card|visa|비자|master|마스터|amex|결제", re.IGNORECASE)
_PHONE = re.compile(
    r"전화|연락|핸드폰|휴대폰|휴대전화|번호|문의|팩스|☎|☏|phone|mobile|cell|tel\b|tel[.:]|fax|call|contact|whatsapp|text\b|txt\b|reach me", re.IGNORECASE
)
_BUSINESS = re.compile(r"사업자|등록\s?번호|business|BRN|tax id", re.IGNORECASE)
_VERSION = re.compile(r"(?:version|ver\.?|버전|release|build|rev\.?|펌웨어|firmware|빌드|릴리스|v)\s*[:.=]?\s*$", re.IGNORECASE)
_NUMBERED = re.compile(r"\s*(?:버전|절|장|항|판|version\b)", re.IGNORECASE)
_NETWORK = re.compile(r"\bip|아이피|주소|서버|접속|호스트|address|host|server|ping|addr|dns|network|네트워크", re.IGNORECASE)


def _email(match: re.Match[str], text: str) -> bool:
    return not RESERVED.search(match[0]) and ".." not in match[0]


def _resident(match: re.Match[str], text: str) -> bool:
    number = digits(match[0])
    if not checks.born(number):
        return False
    if "-" in match["sep"] or _near(match, text, _IDENTITY, after=8):
        return True
    return checks.resident(number) and not checks.barcode(number)


def _masked(match: re.Match[str], text: str) -> bool:
    return checks.born(digits(match[0])[:7])


def _card(match: re.Match[str], text: str) -> bool:
    number = digits(match[0])
    return checks.luhn(number) and (len(match[0]) > len(number) or _near(match, text, _CARD, after=12))


def _abroad(match: re.Match[str], text: str) -> bool:
    number = digits(match[0].replace("(0)", ""))
    return 8 <= len(number) <= 15 and number[checks.country(number)] != "0"


def _told(match: re.Match[str], text: str) -> bool:
    number = digits(match[0])
    exchange = number[checks.service(number) : -4]
    return bool(exchange.strip("0")) and _near(match, text, _PHONE)


def _business(match: re.Match[str], text: str) -> bool:
    return checks.business(digits(match[0])) and ("-" in match[0] or _near(match, text, _BUSINESS))


def _ip4(match: re.Match[str], text: str) -> bool:
    before = text[max(0, match.start() - CONTEXT) : match.start()]
    if not checks.address(match[0]) or _VERSION.search(before) or _NUMBERED.match(text, match.end()):
        return False
    # 1.2.3.4 may be a chapter or a release as well: it takes a word to be an address.
    return any(len(octet) > 1 for octet in match[0].split(".")) or bool(_NETWORK.search(before))


def _ip6(match: re.Match[str], text: str) -> bool:
    groups = [group for group in match[0].split(":") if group]
    return len(groups) >= 3 and any(len(g) == 4 for g in groups) and any(c.isdigit() for c in match[0]) and checks.address(match[0])


def _p(kind: Kind, regex: str, accept: Callable[[re.Match[str], str], bool] | None = None, needs: tuple[str, ...] = ("",)) -> Pattern:
    return Pattern(kind, re.compile(regex, re.ASCII | re.IGNORECASE), accept or (lambda match, text: True), needs)


_82 = r"(?:\+|00)82[-. ]?\(?0?\)?"
_AREA = r"(?:2|3[1-3]|4[1-4]|5[1-5]|6[1-4]|70|50\d)"
_ZERO = r"[공영빵0]"
_NUMERAL = r"[공영빵일이삼사오육륙칠팔구]"
PATTERNS: Final = (
    _p("email", rf"(?<![A-Za-z0-9._%+-])[A-Za-z0-9_][A-Za-z0-9._%+-]{{0,63}}@{HOST}", _email, ("@",)),
    _p("email", rf"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{{2,64}}\s*(?:골뱅이|\(at\)|\[at\])\s*(?:{PROVIDER}(?:{DOTCOM})?|{HOST})", None, SPELT),
    _p("email", rf"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{{2,64}}(?:\s+at\s+|\s*@\s*){PROVIDER}{DOTCOM}", _email, PROVIDERS),
    _p(
        "resident",
        rf"{L}\d{{2}}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?P<sep>\s?-\s?|\s|\.|)\d{{7}}{R}",
        _resident,
    ),
    _p("resident", rf"{L}\d{{2}}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\s?-\s?\d[*xX●○#]{{6}}", _masked, ("*", "x", "●", "○", "#")),
    _p("card", rf"{L}(?:[2-69]\d{{3}}(?P<s>[- ]?)\d{{4}}(?P=s)\d{{4}}(?P=s)\d{{4}}|3[47]\d{{2}}(?P<t>[- ]?)\d{{6}}(?P=t)\d{{5}}){R}", _card),
    _p("card", rf"{L}(?:[2-69]\d{{11,18}}|(?:1800|2131)\d{{11}}){R}", _card),
    _p("phone", rf"{L}(?:{_82}|\(?0)1(?:0\)?{GAP}[1-9]\d{{3}}|[16789]\)?{GAP}[1-9]\d{{2,3}}){GAP}\d{{4}}{R}"),
    _p("phone", rf"{L}(?:{_82}|\(?0){_AREA}(?:\)?\s?[-. ~)]\s?|\)\s?)[1-9]\d{{2,3}}[-. ~]\d{{4}}{R}"),
    _p("phone", rf"{L}0[1-9](?:[- ]?[1-9])(?:[- ]?\d){{6,8}}{R}", _told),
    _p("phone", rf"(?<![\d+])\+(?!82)[1-9]\d{{0,2}}[-. ]{{0,2}}(?:\(0\))?[-. (]{{0,2}}[1-9](?:[-. ()]{{0,2}}\d){{5,13}}{R}", _abroad, ("+",)),
    _p("phone", rf"{L}(?:1[-. ])?(?:\([2-9]\d{{2}}\) ?|[2-9]\d{{2}}[-. ])[2-9]\d{{2}}[-. ]\d{{4}}{R}"),
    _p("phone", rf"{L}07[1-9]\d{{2}}[- ]?\d{{3}}[- ]?\d{{3}}{R}"),
    _p(
        "phone",
        rf"{_ZERO}\s?일\s?[공영빵일육칠팔구](?![\s\-.,]*(?:공[\s\-.,]*){{3}})[\s\-.,]*(?:{_NUMERAL}[\s\-.,]*){{6,7}}{_NUMERAL}",
        needs=("일",),
    ),
    _p("business", rf"{L}[1-9]\d{{2}}(?P<sep>\s?-\s?|)\d{{2}}(?P=sep)\d{{5}}{R}", _business),
    _p("ip", r"(?<![\dA-Za-z.])(?:\d{1,3}\.){3}\d{1,3}(?![\d])(?!\.\d)(?![A-Za-z])", _ip4, (".",)),
    _p("ip", r"(?<![\dA-Za-z:.])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{1,4}(?![\dA-Za-z:])", _ip6, (":",)),
)
_DIGIT, _HEX, _DOT = "[0-9０-９]", "[0-9A-Fa-f０-９Ａ-Ｆａ-ｆ]", "[.．。]"
SUSPECT: Final = (
    rf"[@＠]|(?:{_DIGIT}[^0-9０-９]{{0,6}}){{6}}{_DIGIT}|{_DIGIT}{_DOT}{_DIGIT}{{1,3}}{_DOT}{_DIGIT}{{1,3}}{_DOT}{_DIGIT}"
    rf"|{_HEX}[:：](?:{_HEX}|[:：])*[:：]{_HEX}|[공영빵0０]\s?일\s?[공영빵일육칠팔구]|골뱅이|[Ａ-Ｚａ-ｚ]{{2}}"
    rf"|(?i:[(\[（［]at[)\]）］]|\sat\s+{PROVIDER})"
)
"""What every value holds, as a cheap test for Polars: seven digits close together, an @, dots or colons between numbers, words."""
