"""Numbers written in words: 열두 개, 스물다섯, twenty-five, one hundred and five, a dozen. Sino-Korean numerals (십이, 삼만오천) are numbers.py's.

Only where a text begins with them, and of the Korean ones that stand before a counter (한, 두, 세, 네, 스무) only with one: 한 and 세 are other
words by themselves, and `one` is a pronoun inside a sentence.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

TENS: Final = dict(zip(("열", "스물", "서른", "마흔", "쉰", "예순", "일흔", "여든", "아흔"), range(10, 100, 10)))
ONES: Final = dict(zip(("하나", "둘", "셋", "넷", "다섯", "여섯", "일곱", "여덟", "아홉"), range(1, 10)))
BEFORE: Final = {"한": 1, "두": 2, "세": 3, "네": 4, "스무": 20}
COUNTERS: Final = (
    "개월|개|명|살|번|마리|권|시간|시|달|사람|대|장|병|잔|송이|그루|가지|분|곳|켤레|벌|채|척|편|통|쌍|배|자루|봉지|상자|조각|판|줄|칸|바퀴|걸음|접시|그릇|주|해"
)
_NATIVE: Final = re.compile(
    rf"(?P<tens>{'|'.join(TENS)})?(?P<ones>{'|'.join(ONES)})?(?P<before>{'|'.join(BEFORE)})?"
    rf"(?:\s?(?P<unit>{COUNTERS}))?(?=$|[\s.,!()]|입니다|이다|이에요|예요|이요|요|다$)"
)
ENGLISH: Final = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11,
    "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19,
    "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip
SCALES: Final = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_ENGLISH: Final = re.compile(
    rf"(?:(?:an?[\s-]{{1,3}})(?=hundred|dozen|{'|'.join(SCALES)})|(?:{'|'.join(ENGLISH)}))?"
    rf"(?:(?:[\s-]{{1,3}}|\s{{1,3}}and\s{{1,3}})?(?:{'|'.join(sorted(ENGLISH, key=len, reverse=True))}|hundred|dozen|{'|'.join(SCALES)})(?![a-z]))*(?![a-z])"
)


def leading(text: str) -> tuple[Fraction, str] | None:
    """The number in words that a text (lower case) begins with, and what comes after it; null where it begins with none.

    >>> [leading(said) for said in ("스물다섯 명", "one hundred and five apples", "한국")]
    [(Fraction(25, 1), '명'), (Fraction(105, 1), ' apples'), None]
    """
    return _native(text) or _english(text)


def _native(text: str) -> tuple[Fraction, str] | None:
    found = _NATIVE.match(text)
    if found is None:
        return None
    tens, ones, before, unit = found.group("tens", "ones", "before", "unit")
    rest = text[found.end() :]
    # 하나, 열둘 and 스물 stand by themselves; 한, 세 and 스무 need what they count.
    if not (tens or ones or before) or (before and ones) or (tens and before == "스무") or (not unit and (before or rest[:1].isspace())):
        return None
    return Fraction(TENS.get(tens, 0) + ONES.get(ones, 0) + BEFORE.get(before, 0)), (unit or "") + rest


def _english(text: str) -> tuple[Fraction, str] | None:
    found = _ENGLISH.match(text)
    value = _value(found[0]) if found and found[0] else None
    return None if value is None or found is None else (Fraction(value), text[found.end() :])


def _value(words: str) -> int | None:
    """The value of English number words; null where they are none, as `five three`."""
    total = part = 0
    least = 10**15
    before = ""
    for word in re.split(r"[\s-]+", words.strip()):
        if word in SCALES:
            if SCALES[word] >= least or not part:
                return None
            total, part, least = total + part * SCALES[word], 0, SCALES[word]
        elif word in ("hundred", "dozen"):
            if part >= 100 or not part:
                return None
            part *= 100 if word == "hundred" else 12
        elif word in ("a", "an"):
            part = 1
        elif word == "and":
            if before not in SCALES and before != "hundred":
                return None
        else:
            if before in ENGLISH and not (ENGLISH[before] >= 20 and 0 < ENGLISH[word] < 10):
                return None
            part += ENGLISH[word]
        before = word
    return total + part
