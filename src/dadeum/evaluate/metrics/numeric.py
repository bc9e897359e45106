"""The number that an answer comes to, exactly: what stands after a mark such as `####`, or in the last box, or last of all.

With a mark (`answer_after`) the number is the first one after the mark's last occurrence, and a reply without the mark is
unscored. Without one it is the one in the last `\\boxed{}`, after the last 정답 / answer, else the last number of the text.
A number that is denied (41이 아니라 42, not 41 but 42) is not it, and two held open (3 or 5, 3~5개, 3과 5 사이) are none: unscored.
50 % is 50 and 50%; but 50% is not 0.5. Where both name a currency or a percent sign they have to agree.
"""

from __future__ import annotations

import re
from typing import Final

from dadeum.evaluate.metrics import exact, numbers, spelled

_LEAD: Final = re.compile(r"(?:최종\s*(?:정답|답)|정답|(?<![가-힣])답|answer)(?:은|는|이|:|=|\s|is)+", re.IGNORECASE)

_NOT: Final = re.compile(r"(?:\bnot|n't|rather than|instead of)\s+[$₩€£¥]?$")
# Blanks are bounded, so that a reply of nothing else takes linear time.
_NOT_IT: Final = re.compile(r"\s?[가-힣a-z]{0,4}?(?:이|가|은|는)?,?\s{0,9}아(?:니(?!면)|닌|닙|님)|\s{0,9}(?:is|isn't)\s{1,9}(?:not|wrong|incorrect)")
_EITHER: Final = re.compile(r"\s?[가-힣a-z]{0,4}?\s{0,9}(?:[~∼〜]|또는|혹은|아니면|이?거나|\bor)\s{0,9}[$₩€£¥]?")
_BETWEEN: Final = re.compile(r"\s?[가-힣a-z]{0,4}?\s{0,9}(?:and|에서|와|과)\s{0,9}[$₩€£¥]?")
_RANGE: Final = re.compile(r"between|사이")


def score(reply: str, reference: str, mark: str = "") -> float | None:
    """1.0 or 0.0; null where the reply holds no number, or not the mark.

    >>> [score(said, "12 * 3 = 36 #### 36", "####") for said in ("#### 36", "so #### 3만6천", "36")]
    [1.0, 0.0, None]
    """
    said, asked = find(reply, mark), find(reference, mark)
    if said is None:
        return None
    if asked is None:
        return 0.0
    return float(said.value == asked.value and (not said.unit or not asked.unit or said.unit == asked.unit))


def find(text: str, mark: str = "") -> numbers.Number | None:
    """The number that the text comes to, or null.

    >>> [said and float(said.value) for said in map(find, ("not 41 but 42", "42입니다. 41이 아닙니다", "3 or 5", "정답은 열두 개입니다"))]
    [42.0, 42.0, None, 12.0]
    """
    if mark:
        _, found, rest = text.rpartition(mark)
        return _first(rest) if found else None
    if "\\boxed" in text:
        return _first(exact.opened(text))
    leads = list(_LEAD.finditer(text))
    if leads and (found_after := _first(text[leads[-1].end() :])):
        return found_after
    return _told(text, -1) or _whole(exact.opened(text))


def _first(text: str) -> numbers.Number | None:
    """The first number of the first line that says something, in digits or in words."""
    line = numbers.fold(next((line for line in text.splitlines() if line.strip()), ""))
    if words := spelled.leading(line):
        return numbers.Number(words[0])
    return _told(line, 0) or _whole(line)


def _whole(text: str) -> numbers.Number | None:
    """The number in words that a text is, polite or not."""
    if re.search(r"\d", text):
        return None
    found = (numbers.whole(form) for form in exact.endings(text.rstrip(" .!。")))
    return next((numbers.Number(one.value) for one in found if one is not None), None)


def _told(text: str, at: int) -> numbers.Number | None:
    """The first (at 0) or last (-1) number that is not denied; null where the text leaves it open which one of two it is."""
    text = numbers.fold(text)
    kept = [found for found in numbers.find_all(text) if not _denied(text, *found[1:])]
    if not kept:
        return None
    (one, start, end), (other, *spot) = kept[at], kept[1 if at == 0 else -2] if len(kept) > 1 else kept[at]
    between = text[min(end, spot[1]) : max(start, spot[0])]
    either = one.value != other.value and (_EITHER.fullmatch(between) or (_BETWEEN.fullmatch(between) and _RANGE.search(text)))
    return None if either else one


def _denied(text: str, start: int, end: int) -> bool:
    return bool(_NOT_IT.match(text, end) or _NOT.search(text[max(0, start - 14) : start]))
