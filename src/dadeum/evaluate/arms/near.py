"""Is a training row a near copy of an item? Then to show it with its answer is to tell the answer.

By the share of the item's character 5-grams (letters and digits alone, so that spaces and punctuation are of no account) that are in
the row too. Grams that many rows share (the frame of a question: "Is this review positive?") are no evidence and are left out. Where
nothing else is left, only an equal text is a copy.

On 500 pairs of Korean and English questions each, framed alike (tests/test_arms_examples.py): copies with other spaces, other
punctuation, one typing error or a sentence added are all found, and none of 20,000 pairs of different rows.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Final

SIZE: Final = 5
SHARE: Final = 0.7
"""Of an item's own grams. One typing error costs 5 of them: a text of 21 letters keeps 12 of 17."""
COMMON: Final = 0.1
"""Share of the rows in which a gram is part of the frame."""
LOOKED: Final = 500
"""Rows that the frame is learned from, evenly over all."""


class Near:
    """Told once what rows look like, it says which of them an item is too close to."""

    def __init__(self, rows: Sequence[str]) -> None:
        looked = rows[:: max(1, len(rows) // LOOKED)]
        seen = Counter(gram for text in looked for gram in grams(text))
        self._frame = {gram for gram, n in seen.items() if n > max(2, COMMON * len(looked))}

    def own(self, item: str) -> frozenset[str]:
        """The grams of an item that speak for it alone."""
        return grams(item) - self._frame

    def copy(self, item: str, row: str, own: frozenset[str] | None = None) -> bool:
        """Whether a row holds the item. own: `own(item)`, where it is at hand.

        >>> Near([]).copy("서울의 인구는 몇 명인가요?", "서울의인구는 몇명 인가요"), Near([]).copy("서울의 인구는 몇 명인가요?", "부산의 넓이는 얼마인가요?")
        (True, False)
        """
        own = self.own(item) if own is None else own
        if not own:
            return fold(item) == fold(row)
        return len(own & grams(row)) >= SHARE * len(own)


def grams(text: str) -> frozenset[str]:
    """Character 5-grams of the folded text; a shorter text is one gram."""
    text = fold(text)
    return frozenset(text[i : i + SIZE] for i in range(max(1, len(text) - SIZE + 1))) if text else frozenset()


def fold(text: str) -> str:
    """Letters and digits in lower case, NFC.

    >>> fold("서울, Seoul!")
    '서울seoul'
    """
    return "".join(c for c in unicodedata.normalize("NFC", text).lower() if c.isalnum())
