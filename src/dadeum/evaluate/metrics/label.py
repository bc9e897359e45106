"""Accuracy over a closed set of labels: which of them does the answer begin with?

The longest label that fits wins (매우 긍정 before 매우). A label ends where the word ends, or where a Korean particle or copula
begins; `negatively` does not begin with the label `negative`, nor 1.5 with 1; 긍정적입니다 does begin with 긍정 because Korean words grow at their
end, but a label of one syllable takes the copula alone: 참고로 does not begin with 참. A leading 정답은, `label:` or `감정:` is taken off. An
answer that begins with none, that denies or doubts the one it begins with (긍정이 아닙니다, 긍정인지 모르겠습니다), or that names two in one
breath (긍정 또는 부정, positive/negative) is unscored: null.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Final

from dadeum.evaluate.metrics import exact

_HANGUL: Final = re.compile("[가-힣]+")
_ARTICLE: Final = re.compile(r" (?!(?:is|was|because|since|as|for|and|or|but)\b)[a-z]")
"""After the label A: `a dog ran` is a sentence."""
_GOES_ON: Final = re.compile(r"[a-z0-9]|[.,/]\d")
_DENIED: Final = re.compile(
    r"적?(?:이|은|는|가|도)?\s*(?:아니|아닙|아님|않)|적?(?:이|으로|하)?지(?:는|도|가)?\s*않|적?인지|적?(?:이)?라고\s*(?:보기|하기|할\s*수)는?\s*(?:어렵|힘들|없)"
    r"|적?일\s*(?:수도|지도)|\s*(?:is|isn't|is\s+not)\s+(?:not\b|wrong|incorrect|right\b)"
)
_HEAD: Final = re.compile(
    r"(?:라벨|레이블|분류(?: 결과)?|감정|감성|극성|판단|판정|결과|결론|평가|label|class|category|classification|sentiment|prediction|verdict|result|output)"
    r"[\"'*\s]*[:：][\"'*\s]*"
)
_OR: Final = re.compile(r"((?:적?인지|적?이거나|이나|와|과|도)?[ ,/|·~&+?]*)(?:(?:또는|혹은|아니면|및|아니(?:요|오)?|or|and|but(?: also)?|nor|vs\.?|no)\b[ ,]*)?")


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
    if head := _HEAD.match(said):
        said = said[head.end() :]
    for name in sorted(labels, key=lambda name: (-len(fold(name)), name)):
        start = fold(name)
        if start and said.startswith(start) and not _goes_on(start, said[len(start) :]):
            rest = said[len(start) :]
            return None if _DENIED.match(rest) or _another(rest, name, labels) else name
    return None


def _another(rest: str, name: str, labels: Sequence[str]) -> bool:
    """Whether what follows a label names another one in the same breath."""
    joined = _OR.match(rest)
    if joined is None or not joined[0]:
        return False
    # `no` joins (positive? no, negative) and is a label (yes/no).
    tails = {rest[joined.end() :], rest[joined.end(1) :] if joined[1] else ""}
    for start, tail in ((fold(other), tail) for other in labels if other != name for tail in tails):
        if start and tail.startswith(start) and not _goes_on(start, tail[len(start) :]):
            word = _HANGUL.match(tail[len(start) :])
            if word is None or exact.COPULA.fullmatch(word[0]) or word[0] in ("도", "인지", "일"):
                return True
    return False


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
    """NFC, lower case, one blank between words, line after line, no quotes and brackets, no lead."""
    text = exact.opened(text).strip("《》〈〉「」『』“”‘’\"'`()[]{}*_$.: ")
    lines = (" ".join(line.split()) for line in unicodedata.normalize("NFC", text).splitlines())
    return "\n".join(line for line in lines if line)


def _goes_on(label: str, rest: str) -> bool:
    """Whether the word that the label stands at the beginning of is another one."""
    last = label[-1]
    if label == "a" and _ARTICLE.match(rest):
        return True
    if last.isascii() and last.isalnum():
        return bool(_GOES_ON.match(rest)) if last.isdigit() else rest[:1].isascii() and rest[:1].isalnum()
    word = _HANGUL.match(rest)
    return len(label) == 1 and bool(_HANGUL.match(label)) and word is not None and exact.COPULA.fullmatch(word[0]) is None
