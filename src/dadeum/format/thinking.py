"""A turn's thoughts: the part of an answer that stands between marks such as `<think>` and `</think>`.

With `train.thinking: read` they are read and carry no loss: the model is not taught how to think, only what to answer afterwards.
A token that holds both is answer. Some templates open the thought in the prompt; then it reaches to its closing mark.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Sequence
from typing import Any, Final

from dadeum.format.tokens import decode

MARKS: Final = (("<think>", "</think>"), ("<thinking>", "</thinking>"), ("<thought>", "</thought>"), ("[THINK]", "[/THINK]"))
"""DeepSeek, Qwen and most others; older prompts; EXAONE; Magistral."""


def spans(said: str, before: str = "") -> list[tuple[int, int]]:
    """Where thoughts stand in `said` (characters), with the whitespace behind them; `before`: what the prompt ended with.

    >>> spans("<think>a</think>\\n\\nb"), spans("a</think>b", "<think>\\n"), spans("a</think>b")
    ([(0, 18)], [(0, 9)], [])
    """
    found = []
    for opened, closed in MARKS:
        inside = f"(?:(?!{re.escape(opened)}).)*?{re.escape(closed)}\\s*"
        start = "^|" if before.rstrip().endswith(opened) else ""
        found += [m.span() for m in re.finditer(f"(?:{start}{re.escape(opened)}){inside}", said, re.DOTALL)]
    return sorted(found)


def without(said: str, before: str = "") -> str:
    """`said` without its thoughts."""
    for start, end in reversed(spans(said, before)):
        said = said[:start] + said[end:]
    return said


def thoughts(tokenizer: Any, ids: Sequence[int], start: int, end: int) -> list[tuple[int, int]]:
    """The token spans of the thoughts in the turn `ids[start:end]`, positions in `ids`."""
    before, upto = decode(tokenizer, [ids[:start], ids[:end]])
    held = []
    for first, last in spans(upto[len(before) :], before):
        # How much text the first k tokens say grows with k, so that both borders are found in a few decodings.
        said = _Said(tokenizer, ids)
        a = bisect.bisect_left(range(end + 1), len(before) + first, lo=start, key=said)
        b = bisect.bisect_right(range(end + 1), len(before) + last, lo=start, key=said) - 1
        if b > a:
            held.append((a, b))
    return held


class _Said:
    """Characters that the first k tokens say."""

    def __init__(self, tokenizer: Any, ids: Sequence[int]):
        self.tokenizer, self.ids = tokenizer, ids

    def __call__(self, k: int) -> int:
        return len(decode(self.tokenizer, [self.ids[:k]])[0])
