"""The number that an answer comes to, exactly: what stands after a mark such as `####`, or in the last box, or last of all.

With a mark (`answer_after`) the number is the first one after the mark's last occurrence, and a reply without the mark is
unscored. Without one it is the one in the last `\\boxed{}`, after the last 정답 / answer, else the last number of the text.
50 % is 50 and 50%; but 50% is not 0.5. Where both name a currency or a percent sign they have to agree.
"""

from __future__ import annotations

import re
from typing import Final

from dadeum.evaluate.metrics import exact, numbers

_LEAD: Final = re.compile(r"(?:최종\s*(?:정답|답)|정답|(?<![가-힣])답|answer)(?:은|는|이|:|=|\s|is)+", re.IGNORECASE)


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
    """The number that the text comes to, or null."""
    if mark:
        _, found, rest = text.rpartition(mark)
        return _first(rest) if found else None
    if "\\boxed" in text:
        return _first(exact.opened(text))
    leads = list(_LEAD.finditer(text))
    if leads and (found_after := _first(text[leads[-1].end() :])):
        return found_after
    found_all = numbers.find_all(text)
    return found_all[-1] if found_all else numbers.whole(exact.opened(text))


def _first(text: str) -> numbers.Number | None:
    line = next((line for line in text.splitlines() if line.strip()), "")
    return next(iter(numbers.find_all(line)), None) or numbers.whole(line)
