"""Accuracy over a closed set of labels: which of them does the answer begin with?

The longest label that fits wins (매우 긍정 before 매우). A label ends where the word ends, or where a Korean particle or copula
begins; `negatively` does not begin with the label `negative`, nor 1.5 with 1; 긍정적입니다 does begin with 긍정 because Korean words grow at their
end, but a label of one syllable takes the copula alone: 참고로 does not begin with 참. A leading 정답은 or label: is taken off. An answer
that begins with none, or that denies the one it begins with (긍정이 아닙니다), is unscored: null.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Final

from dadeum.evaluate.metrics import exact

_HANGUL: Final = re.compile("[가-힣]+")
_GOES_ON: Final = re.compile(r"[a-z0-9]|[.,/]\d")
_DENIED: Final = re.compile(r"적?(?:이|은|는|가|도)?\s*(?:아니|아닙|아님|않)|적?(?:이|으로|하)?지(?:는|도|가)?\s*않")


def score(reply: str, reference: str, labels: Sequence[str]) -> float | None:
    """1.0 or 0.0; null where the reply begins with no label.

    >>> [score(said, "긍정", ["긍정", "부정"]) for said in ("긍정입니다", "부정", "글쎄요")]
    [1.0, 0.0, None]
    """
    said = find(reply, labels)
    return None if said is None else float(said == find(reference, labels))


def find(text: str, labels: Sequence[str]) -> str | None:
    """The label that the text begins with, or null.

    >>> find("Very good!", ["good", "very good"])
    'very good'
    """
    said = fold(text)
    for name in sorted(labels, key=lambda name: (-len(fold(name)), name)):
        start = fold(name)
        if start and said.startswith(start) and not _goes_on(start, said[len(start) :]):
            return None if _DENIED.match(said[len(start) :]) else name
    return None


def confusion(replies: Sequence[str | None], references: Sequence[str], labels: Sequence[str]) -> dict[str, dict[str, int]]:
    """How often each label was answered with which: {reference: {reply: n}}; an unscored reply counts under ''.

    >>> confusion(["a", "b", "?"], ["a", "a", "b"], ["a", "b"])
    {'a': {'a': 1, 'b': 1, '': 0}, 'b': {'a': 0, 'b': 0, '': 1}}
    """
    seen = Counter((find(asked, labels), find(said or "", labels) or "") for said, asked in zip(replies, references))
    return {asked: {said: seen[asked, said] for said in (*labels, "")} for asked in labels}


def by_class(told: dict[str, dict[str, int]]) -> dict[str, dict[str, float]]:
    """{label: {precision, recall, f1, asked, said}} out of `confusion`, and their plain means under `macro`. An unscored reply is a miss.

    >>> by_class(confusion(["a", "b", "?"], ["a", "a", "b"], ["a", "b"]))["a"]
    {'precision': 1.0, 'recall': 0.5, 'f1': 0.6666666666666666, 'asked': 2, 'said': 1}
    """
    made: dict[str, dict[str, float]] = {}
    for name, row in told.items():
        right, asked, said = row[name], sum(row.values()), sum(other[name] for other in told.values())
        rates = {"precision": right / said if said else 0.0, "recall": right / asked if asked else 0.0}
        made[name] = {**rates, "f1": 2 * right / (asked + said) if asked + said else 0.0, "asked": asked, "said": said}
    macro = {key: sum(one[key] for one in made.values()) / len(made) for key in ("precision", "recall", "f1")} if made else {}
    return {**made, "macro": macro}


def fold(text: str) -> str:
    """NFC, lower case, one blank between words, no quotes and brackets, no lead."""
    text = exact.opened(text).strip("《》〈〉「」『』“”‘’\"'`()[]{}*_$.: ")
    return " ".join(unicodedata.normalize("NFC", text).split())


def _goes_on(label: str, rest: str) -> bool:
    """Whether the word that the label stands at the beginning of is another one."""
    last = label[-1]
    if last.isascii() and last.isalnum():
        return bool(_GOES_ON.match(rest)) if last.isdigit() else rest[:1].isascii() and rest[:1].isalnum()
    word = _HANGUL.match(rest)
    return len(label) == 1 and bool(_HANGUL.match(label)) and word is not None and exact.COPULA.fullmatch(word[0]) is None
