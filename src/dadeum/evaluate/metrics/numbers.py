"""Numbers as people write them, in Korean and English: 35,000 · 3만5천 · 12억 3,000만 · 십이 · 열두 개 · twelve · ½ · 3/4 · 12.5% · -7 · 영하 7 ·
₩3,000 · $5M · 2 million · 1.5e3 · 3 × 10^5.

Exact: values are fractions, so that 0.1 + 0.2 is 0.3 and 1/3 is not 0.3333. Commas count as thousands only where they stand
between groups of three digits. A number in words (십이, 열두, twelve) is read only where the string is nothing but the number and its
unit: 이 and 사 are also a particle and a verb, `one` a pronoun, so they are never looked for inside a sentence.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from dadeum.evaluate.metrics import spelled

DIGITS: Final = dict(zip("영공일이삼사오육칠팔구", (0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)))
SMALL: Final = {"십": 10, "백": 100, "천": 1000}
LARGE: Final = {"만": 10**4, "억": 10**8, "조": 10**12, "경": 10**16}
UNITS: Final = {
    "원": "원", "krw": "원", "₩": "원", "won": "원",
    "달러": "달러", "usd": "달러", "$": "달러", "불": "달러", "dollars": "달러", "dollar": "달러",
    "유로": "유로", "eur": "유로", "€": "유로", "엔": "엔", "¥": "엔", "jpy": "엔", "파운드": "파운드", "£": "파운드",
    "%": "%", "퍼센트": "%", "프로": "%", "percent": "%",
}  # fmt: skip
"""Spellings of one unit. Any other unit (개, 명, km) is compared as it is written."""

SCALES: Final = {**spelled.SCALES, "k": 10**3, "m": 10**6, "mn": 10**6, "b": 10**9, "bn": 10**9}
"""English words and letters after digits. m and b only after a sign of currency: 5m are metres."""
_SUPERSCRIPT: Final = dict(zip(map(ord, "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"), "0123456789-"))

_PLAIN: Final = r"\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+"
_MIXED: Final = rf"(?:(?:{_PLAIN})\s?[십백천]?\s?[만억조경천백십]\s?)+(?:{_PLAIN})?"
_POWER: Final = rf"(?:(?:{_PLAIN})\s?(?:×|x|\*|\\times|\\cdot)\s?)?(?:{_PLAIN})\s?\^\s?\{{?[-−]?\d{{1,3}}\}}?"
_NUMBER: Final = re.compile(
    rf"(?P<sign>[-+−–](?=\s?[$₩€£¥]?\s?[\d.])|(?:영하|마이너스|\bminus|\bnegative)\s?(?=[\d.]))?\s?(?P<before>[$₩€£¥])?\s?"
    rf"(?P<body>(?:{_PLAIN})[eE][-+]?\d+(?![\w.])|{_POWER}|(?:\d+\s)?\d+\s?/\s?\d+|{_MIXED}|{_PLAIN})"
    rf"(?P<scale>\s?(?:{'|'.join(spelled.SCALES)})\b|k\b|(?(before)\s?(?:mn|m|bn|b)\b|(?!)))?"
    rf"(?P<after>\s?(?:%|퍼센트|프로(?!그)|percent\b|(?:달러|유로|원|엔)(?![소칙인])|(?:dollars?|won|usd|krw)\b))?"
)
_WORDS: Final = re.compile("[영공일이삼사오육칠팔구십백천만억조경]+(?:(?<=[만억조경])\\s[영공일이삼사오육칠팔구십백천만억조경]+)*")


@dataclass(frozen=True)
class Number:
    """A value and its unit ('' where there is none)."""

    value: Fraction
    unit: str = ""


def whole(text: str) -> Number | None:
    """The number that the whole string is, with an optional unit after it; null where it is anything else.

    >>> whole("12억 3,000만 원") == whole("1,230,000,000원")
    True
    >>> whole("십이"), whole("사과")
    (Number(value=Fraction(12, 1), unit=''), None)
    """
    text = fold(text).strip().rstrip(".")
    if told := spelled.leading(text):
        unit = told[1].strip()
        return Number(told[0], UNITS.get(unit, unit)) if not unit or re.fullmatch("[가-힣a-z%]{1,8}", unit) else None
    if words := _WORDS.match(text):
        value = _spelled(words[0].replace(" ", ""))
        unit = text[words.end() :].strip()
        known = not unit or unit in UNITS
        return Number(value, UNITS.get(unit, unit)) if value is not None and known else None
    match = _NUMBER.match(text)
    if match is None:
        return None
    unit = text[match.end() :].strip()
    if match["before"]:
        unit = match["before"] if UNITS.get(unit, UNITS[match["before"]]) == UNITS[match["before"]] else unit
    found = _number(match)
    if found is None or any(c.isdigit() for c in unit) or len(unit) > 8 or (match["after"] and unit):
        return None
    return Number(found.value, found.unit if match["after"] else UNITS.get(unit, unit))


def find_all(text: str) -> list[tuple[Number, int, int]]:
    """The numbers of a text (as `fold` gives it) in their order, each with where it begins and ends; units of currency and percent alone.

    >>> [float(n.value) for n, _, _ in find_all("in 2 days, 3만5천 won: -7 or 1/2.")]
    [2.0, 35000.0, -7.0, 0.5]
    """
    found = []
    for match in _NUMBER.finditer(text):
        number = _number(match)
        head = text[max(0, match.start() - 2) : match.start()]
        if number is None or head.endswith(("^", "^{")):
            continue
        # No minus are the hyphen of A-7 or 3-7 and the word of `10 minus 3`.
        between = head.rstrip()[-1:].isdigit() if len(match["sign"] or "") > 1 else head[-1:].isalnum() or head.endswith(")")
        if between and match["sign"] and match["sign"] != "+":
            number = Number(-number.value, number.unit)
        found.append((number, match.start("body"), match.end()))
    return found


def _number(match: re.Match[str]) -> Number | None:
    value = _value(match["body"])
    if value is None:
        return None
    value *= SCALES[match["scale"].strip()] if match["scale"] else 1
    if match["sign"] and match["sign"] != "+":
        value = -value
    unit = UNITS.get((match["after"] or "").strip(), "") or UNITS.get(match["before"] or "", "")
    return Number(value, unit)


def _value(body: str) -> Fraction | None:
    if "^" in body:
        return _power(body)
    if "/" in body:
        parts = body.replace("/", " ").split()
        bottom = Fraction(parts[-1])
        return None if bottom == 0 else Fraction(parts[-2]) / bottom + (Fraction(parts[0]) if len(parts) == 3 else 0)
    body = body.replace(",", "")
    if not any(c in SMALL or c in LARGE for c in body):
        # A million digits of exponent would make a number that fills the memory.
        _, _, exponent = body.lower().partition("e")
        return None if len(exponent) > 4 or len(body) > 400 else Fraction(body)
    return _mixed(body)


def _power(body: str) -> Fraction | None:
    """10^3, 3 × 10^-5."""
    *_, base, exponent = numbers = re.findall(r"-?[\d.]+", body.replace(",", "").replace("−", "-"))
    if len(body) > 40 or (int(exponent) < 0 and not Fraction(base)):
        return None
    return Fraction(base) ** int(exponent) * (Fraction(numbers[0]) if len(numbers) == 3 else 1)


def _mixed(body: str) -> Fraction | None:
    """3만5천, 12억3000만, 1.5억: parts of ten thousand, each a sum of thousands, hundreds, tens and digits."""
    total, part, digits = Fraction(0), Fraction(0), ""
    last_large, last_small = 10**20, 10**5
    for c in [*body.replace(" ", ""), ""]:
        if c and (c.isdigit() or c == "."):
            digits += c
            continue
        number = Fraction(digits) if digits else None
        digits = ""
        if c in SMALL:
            if SMALL[c] >= last_small:
                return None
            last_small = SMALL[c]
            part += (1 if number is None else number) * SMALL[c]
        elif c in LARGE:
            part += number or 0
            if LARGE[c] >= last_large or (not part and number is None):
                return None
            total, part, last_large, last_small = total + part * LARGE[c], Fraction(0), LARGE[c], 10**5
        else:
            part += number or 0
    return total + part


def _spelled(words: str) -> Fraction | None:
    """십이 → 12, 삼만오천 → 35,000; digits in a row (이공이사) are read as digits."""
    if all(c in DIGITS for c in words):
        return Fraction(int("".join(str(DIGITS[c]) for c in words)))
    body, before = "", ""
    for c in words:
        if c in DIGITS and before in DIGITS:
            return None
        body += str(DIGITS[c]) if c in DIGITS else ("1" + c if c in LARGE and (not before or before in LARGE) else c)
        before = c
    return _mixed(body)


def fold(text: str) -> str:
    """Full-width digits and signs, vulgar fractions (½ → 1/2), LaTeX's \\frac and powers (2³ → 2^3) in plain form; lower case."""
    out = []
    for c in unicodedata.normalize("NFC", text):
        if unicodedata.decomposition(c).startswith("<fraction>"):
            # The blank keeps 3½ from turning into 31/2.
            out.append(" " + unicodedata.normalize("NFKC", c).replace("⁄", "/"))
        elif "\uff01" <= c <= "\uff5e":
            out.append(chr(ord(c) - 0xFEE0))
        else:
            out.append({"￦": "₩", "\u3000": " ", "\u00a0": " "}.get(c, c))
    folded = re.sub(r"(?<=\d)[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+", lambda found: "^" + found[0].translate(_SUPERSCRIPT), "".join(out))
    folded = re.sub(r"\\[dt]?frac\{(\d+)\}\{(\d+)\}", r"\1/\2", folded)
    return folded.replace("\\%", "%").replace("\\$", "$").lower().strip()
