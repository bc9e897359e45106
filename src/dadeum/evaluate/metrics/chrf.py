"""chrF2 (Popović 2015): the F score of shared character n-grams, n = 1 to 6, blanks left out, recall counting twice.

Written here in forty lines: sacrebleu would bring five packages for the same number. One score per item (orders that
neither side has are left out, as in sacrebleu's `eps_smoothing=False`), and the mean over items is what is compared, since a
paired test needs a score for each item. NFC on both sides first: decomposed Hangul would share no n-gram with composed.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from typing import Final

ORDER: Final = 6
BETA: Final = 2
NAME: Final = f"chrF{BETA} (characters to {ORDER}, no words, blanks removed, NFC, mean of items)"


def score(reply: str, reference: str) -> float:
    """0 to 100. An empty reply scores 0, and so does an empty reference.

    >>> score("같다", "같다"), round(score("나는 학교에 갔다", "나는 학교에 간다"), 1)
    (100.0, 49.3)
    """
    said, asked = _characters(reply), _characters(reference)
    precision = recall = 0.0
    orders = 0
    for n in range(1, ORDER + 1):
        if len(said) < n or len(asked) < n:
            continue
        ours, theirs = _grams(said, n), _grams(asked, n)
        shared = sum((ours & theirs).values())
        precision += shared / (len(said) - n + 1)
        recall += shared / (len(asked) - n + 1)
        orders += 1
    if not orders or not precision or not recall:
        return 0.0
    precision, recall = precision / orders, recall / orders
    return 100 * (1 + BETA**2) * precision * recall / (BETA**2 * precision + recall)


def _characters(text: str) -> str:
    return "".join(unicodedata.normalize("NFC", text).split())


def _grams(text: str, n: int) -> Counter[str]:
    return Counter(text[i : i + n] for i in range(len(text) - n + 1))
