"""One term for its variants, with the Korean particle that the new term asks for.

A particle follows the final consonant of the word before it (데이터를, 데이터셋을), so a term that ends otherwise than its variant
changes the particle behind it. Which form a word takes is a matter of arithmetic for Hangul (code point mod 28), and of how it is
read for digits and Latin letters; where that is not known (an English word) the particle stays as it was written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from dadeum.steps.clean._code import FENCE

STANDARD: Final[dict[str, str]] = {
    "컨텐츠": "콘텐츠", "메세지": "메시지", "어플리케이션": "애플리케이션", "데이타": "데이터", "데이타베이스": "데이터베이스", "데이터 베이스": "데이터베이스", "데이터 셋": "데이터셋",
    "데이타셋": "데이터셋", "컴퓨타": "컴퓨터", "악세사리": "액세서리", "리더쉽": "리더십", "멤버쉽": "멤버십", "워크샵": "워크숍", "까페": "카페", "디지탈": "디지털",
    "플랭카드": "플래카드", "앙케이트": "앙케트", "쥬스": "주스", "초콜렛": "초콜릿", "케익": "케이크", "비지니스": "비즈니스", "스케쥴": "스케줄", "타겟": "타깃", "프로포즈": "프러포즈",
    "알고리듬": "알고리즘", "파라메터": "파라미터", "파라미타": "파라미터", "인터페이쓰": "인터페이스", "화인튜닝": "파인튜닝", "파인 튜닝": "파인튜닝",
    "e-mail": "email", "web site": "website", "data set": "dataset", "data-set": "dataset", "fine tuning": "fine-tuning", "finetuning": "fine-tuning", "on-line": "online", "meta data": "metadata",
}  # fmt: skip
"""Variants that are told without being asked for: loanwords by the National Institute's rules, and words of this trade."""
PARTICLES: Final = (
    ("으로부터", "로부터"), ("으로서", "로서"), ("으로써", "로써"), ("으로", "로"), ("이라는", "라는"), ("이라고", "라고"), ("이라도", "라도"), ("이라면", "라면"), ("이라", "라"),
    ("이랑", "랑"), ("이나", "나"), ("이든", "든"), ("이며", "며"), ("이에요", "예요"), ("이었", "였"), ("은", "는"), ("이", "가"), ("을", "를"), ("과", "와"), ("아", "야"),
)  # fmt: skip
"""Behind a consonant, behind a vowel; longer ones first."""
OTHERS: Final = ("에서", "에게", "에", "의", "도", "만", "부터", "까지", "보다", "처럼", "마다", "조차", "밖에", "들", "별", "용", "인", "입", "이다", "이고", "하", "화", "적")
"""What else stands behind a noun without caring how it ends."""
_FORMS: Final = {form: pair for pair in PARTICLES for form in pair}
BEHIND: Final = "|".join(sorted(map(re.escape, (*_FORMS, *OTHERS)), key=len, reverse=True))
KEPT: Final = re.compile(rf"{FENCE.pattern}|`[^`\n]{{1,500}}`|(?:https?://|www\.)\S+|\S{{1,64}}@\S{{1,200}}", re.MULTILINE | re.IGNORECASE)
_LETTERS: Final = {"l": "ㄹ", "m": "ㅁ", "n": "ㄴ", "r": "ㄹ"}
_DIGITS: Final = {"0": "ㅇ", "1": "ㄹ", "3": "ㅁ", "6": "ㄱ", "7": "ㄹ", "8": "ㄹ"}


def final(term: str) -> str | None:
    """How a term ends in speech: `""` a vowel, `ㄹ`, another letter for any other consonant, null where it isn't known.

    >>> final("데이터"), final("데이터셋"), final("모델"), final("LLM"), final("v2"), final("dataset")
    ('', 'ㄱ', 'ㄹ', 'ㅁ', '', None)
    """
    last = term.rstrip(")]\"'”’ ")[-1:]
    if "가" <= last <= "힣":
        at = (ord(last) - 0xAC00) % 28
        return "" if at == 0 else "ㄹ" if at == 8 else "ㄱ"
    if last.isdigit() and last.isascii():
        return _DIGITS.get(last, "")
    word = re.search(r"(?<![A-Za-z])[A-Za-z]+$", term)
    if word and word[0].isupper():  # spelled out
        return _LETTERS.get(last.lower(), "")
    return None


def particle(form: str, term: str) -> str:
    """The form of a particle behind `term`.

    >>> particle("를", "데이터셋"), particle("으로", "모델"), particle("을", "dataset"), particle("에서", "데이터셋")
    ('을', '로', '을', '에서')
    """
    pair = _FORMS.get(form)
    end = final(term)
    if pair is None or end is None:
        return form
    vowel = not end or (end == "ㄹ" and pair[1].startswith("로"))
    return pair[1] if vowel else pair[0]


class Terms:
    """The variants of a map, found and put right."""

    def __init__(self, told: Mapping[str, str], case: bool) -> None:
        self.told = {variant if case else variant.lower(): term for variant, term in told.items()}
        self.case = case
        longest = sorted(told, key=lambda v: (-len(v), v))
        # A variant stands at the beginning of a word, and before nothing or a particle: 데이타 is not in 데이타운.
        self.pattern = re.compile(
            rf"(?<![\w])({'|'.join(map(re.escape, longest))})(?:({BEHIND})(?=[^\w]|[가-힣]|\Z)|(?![\w]))", 0 if case else re.IGNORECASE
        )

    def found(self, text: str) -> list[str]:
        """The variants in a text, as `variant > term`, each once."""
        made = dict.fromkeys(m[1] if self.case else m[1].lower() for m in self.pattern.finditer(KEPT.sub("\n", text)) if self._term(m) != m[1])
        return [f"{variant} > {self.told[variant]}" for variant in made]

    def unified(self, text: str) -> str:
        """The text with the terms in place of their variants, outside code and addresses."""
        pieces, end = [], 0
        for kept in KEPT.finditer(text):
            pieces += [self.pattern.sub(self._put, text[end : kept.start()]), kept[0]]
            end = kept.end()
        return "".join([*pieces, self.pattern.sub(self._put, text[end:])])

    def _term(self, found: re.Match[str]) -> str:
        term = self.told[found[1] if self.case else found[1].lower()]
        return term[0].upper() + term[1:] if found[1][0].isupper() and term[0].islower() else term

    def _put(self, found: re.Match[str]) -> str:
        term = self._term(found)
        if term == found[1]:
            return found[0]
        behind = found[2] or ""
        # 데이타이 was wrong before, and 이 may begin a verb: only a form that fitted the variant is changed with it.
        fits = particle(behind, found[1]) == behind or final(found[1]) is None
        return term + (particle(behind, term) if fits else behind)
