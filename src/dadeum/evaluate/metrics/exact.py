"""Exact match that knows how Korean and English answers are written.

Both sides are folded: NFC, full-width to ASCII, lower case, quotes and brackets dropped, `\\boxed{}` opened, a leading `정답은`,
`답:`, `최종 답`, `answer:` taken off, thousands commas, blanks and the final full stop removed. Then the reply is right if it is
the reference; or the reference and, after it, nothing but particles and the copula (서울입니다, 사과가, 12이다); or the same
number with the same unit (3만5천 = 35,000, 십이 = 12). Where both are numbers and differ, nothing else can make them alike (1만 is 1 and 만 by letters).

What may follow the reference is taken from the reply alone, but for a polite copula at the reference's own end (서울입니다). Stripping particles from either side would make 사과 of 사과와 and 사
of 사과, and 십 of 십이: 사과 is not 사고, 십이 is not 십. After a reference of one syllable only the polite copula may follow, since
수 and 수도, 사 and 사이다 are other words. Known and left: 고양이 passes for 고양.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from dadeum.evaluate.metrics import numbers

_DROPPED: Final = str.maketrans("", "", "《》〈〉「」『』“”‘’\"'`()[]{}·*_$")
_LEAD: Final = re.compile(
    r"^(?:(?:그러므로|따라서|그래서|so|therefore|thus),?\s*)?(?:최종\s*(?:정답|답)|정답|답|the\s+(?:final\s+)?answer|final\s+answer|answer)"
    r"(?:\s*(?:은|는|이|:|=|is:?)\s*)+"
)
_FENCE: Final = re.compile(r"```(?:(?:text|txt|plaintext|markdown|md|json|python|latex|tex|html|xml)?\n)?")
_BOXED: Final = re.compile(r"\\boxed\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
_PARTICLES: Final = "으로|에서|에게|까지|부터|이나|이랑|하고|보다|처럼|만|도|은|는|이|가|을|를|의|에|로|와|과|나|랑"
_COPULA: Final = (
    "이라고합니다|라고합니다|이라고해요|라고해요|입니다|이에요|이요|요|예요|에요|이지요|이죠|죠|이다|다|이야|야|이네요|네요|임|인것같습니다|인것같아요"
    "|이라고생각합니다|라고생각합니다|이었습니다|였습니다|이었다|였다|되겠습니다|이됩니다|가됩니다"
)
_POLITE: Final = frozenset(("입니다", "이에요", "예요", "에요", "라고합니다", "이라고합니다", "라고해요", "이라고해요", "인것같습니다", "라고생각합니다", "이라고생각합니다"))
COPULA: Final = re.compile(f"(?:으로|로)?(?:{_COPULA})?")
"""What may follow a word of one syllable within it."""
_FOLLOWS: Final = re.compile(f"(?:{_PARTICLES})?(?:{_COPULA})?")
_NEEDS_VOWEL: Final = frozenset(("가", "는", "를", "와", "나", "랑", "라고합니다", "라고해요", "라고생각합니다", "예요", "야", "죠", "네요", "였습니다", "였다", "다", "가됩니다"))
_NEEDS_FINAL: Final = frozenset(("이", "은", "을", "과", "이나", "이랑", "으로"))


def score(reply: str, reference: str) -> float:
    """1.0 where the reply is the reference, else 0.0. An empty reply is wrong.

    >>> score("정답은 35,000원입니다.", "3만5천 원"), score("사고", "사과"), score("십이", "십")
    (1.0, 0.0, 0.0)
    """
    said, asked = fold(reply), fold(reference)
    if not asked or not said:
        return 0.0
    if said == asked:
        return 1.0
    wanted = numbers.whole(opened(reference))
    given = [n for form in endings(opened(reply)) if (n := numbers.whole(form)) is not None]
    if wanted is not None and given:
        if wanted in given:
            return 1.0
        if all(n.value != wanted.value for n in given):
            return 0.0
    if asked.startswith(said):
        rest = asked[len(said) :]
        return float(rest in _POLITE and _follows(said, rest))
    return float(said.startswith(asked) and _follows(asked, said[len(asked) :]))


def opened(text: str) -> str:
    """The answer itself, still with its blanks and commas: box opened, lead taken off, folded to ASCII and lower case."""
    text = unicodedata.normalize("NFC", text)
    text = "".join(chr(ord(c) - 0xFEE0) if "\uff01" <= c <= "\uff5e" else " " if c == "\u3000" else c for c in text).lower().strip()
    if boxes := _BOXED.findall(text):
        text = boxes[-1].strip()
    text = _FENCE.sub("", text).replace("**", "").lstrip("*_# ")
    return _LEAD.sub("", text, count=1).strip().strip("*_").rstrip(".。!").strip()


def fold(text: str) -> str:
    """What is compared: `opened`, then without quotes, brackets, thousands commas and blanks.

    >>> fold("  정답은: 「서울」. ")
    '서울'
    """
    text = opened(text).translate(_DROPPED)
    text = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text)
    return re.sub(r"\s+", "", text).rstrip(".")


def _follows(asked: str, rest: str) -> bool:
    """Whether `rest` can follow the reference as particle and copula, and agrees with its last sound."""
    # Between Latin letters or digits and a Korean ending there is no word that both could belong to; inside Hangul the
    # ending has to fit the final consonant: 사과 + 가, but 고양 + 이 is left as it is.
    last = asked[-1]
    hangul = "가" <= last <= "힣"
    if not (hangul or last.isalnum() or last in "%)"):
        return False
    match = _FOLLOWS.fullmatch(rest)
    if match is None:
        return False
    if not hangul:
        return True
    if len(asked) == 1:
        return rest in _POLITE
    final = (ord(last) - 0xAC00) % 28 != 0
    if rest in _NEEDS_VOWEL:
        return not final
    if rest == "로":  # 서울로 and 학교로, but 세종로 is a street
        return not final or (ord(last) - 0xAC00) % 28 == 8
    if rest in _NEEDS_FINAL:
        return final
    return True


def endings(reply: str) -> list[str]:
    """The reply, and the reply without a copula at its end: for comparing as numbers only."""
    match = re.search(rf"(?:{_COPULA})$", reply)
    if not match:
        return [reply]
    # Not `\s*` in front of it: on a reply of line breaks alone that takes quadratic time.
    head = reply[: match.start()].rstrip()
    return [reply] if re.fullmatch("[가-힣]", head) and match[0].strip() not in _POLITE else [reply, head]
