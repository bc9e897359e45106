"""BLEU and ROUGE over units that fit the language: the usual tools drop Hangul altogether, or count whole eojeol.

    words        of BLEU as mteval-v13a cuts them (sacrebleu's `13a`), of ROUGE letters and digits between blanks, in lower case
    characters   each one but blanks (sacrebleu's `char`)
    pairs        two neighbouring characters within a word of Hangul, Han or kana, a single one by itself; other words whole
    morphemes    as Kiwi analyses them (the extra `ko`)

Korean glues particles and endings to words, so by words even a faithful paraphrase shares little (.35 ROUGE-2; by pairs .57, and 0 for
an unrelated sentence, where single characters give .08). rouge-score's own tokenizer leaves nothing of Korean: two equal sentences
score 0 there, and 좋은 방법이다 / 나쁜 방식이 아니다 score 1 if a Latin word is in both.

Both give one score for each item, 0 to 100, and the mean over items is what is compared, since a paired test needs a score for each. BLEU
of an item is smoothed as sacrebleu does it (`exp`, effective order); without n-grams in common it is 0. NFC on both sides.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final

from dadeum.errors import MissingExtra

ORDER: Final = 4
_CJK: Final = re.compile(r"([\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\u1100-\u11ff\u3131-\u318e]+)")
_ENTITIES: Final = (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"))
_RULES: Final = tuple(
    (re.compile(pattern), made)
    for pattern, made in (
        (r"([\{-\~\[-\` -\&\(-\+\:-\@\/])", r" \1 "),
        (r"([^0-9])([\.,])", r"\1 \2 "),
        (r"([\.,])([^0-9])", r" \1 \2"),
        (r"([0-9])(-)", r"\1 \2 "),
    )
)
NAMES: Final = {
    "words": "words",
    "characters": "characters",
    "pairs": "pairs of characters within words",
    "morphemes": "Kiwi morphemes",
}


def units_of(metric: str, units: str) -> str:
    """What a metric counts: `auto` is characters for bleu and pairs for rouge.

    >>> units_of("bleu", "auto"), units_of("rouge_l", "auto"), units_of("bleu", "words")
    ('characters', 'pairs', 'words')
    """
    return units if units != "auto" else "characters" if metric == "bleu" else "pairs"


def name(metric: str, units: str) -> str:
    """The metric's full name."""
    counted = NAMES[units_of(metric, units)]
    if metric == "bleu":
        return f"BLEU-{ORDER} ({counted if counted != 'words' else 'words by 13a'}, smoothed, NFC, mean of items)"
    return f"ROUGE-{metric.removeprefix('rouge_').upper()} F1 ({counted}, lower case, NFC, mean of items)"


def bleu(reply: str, reference: str, units: str = "characters") -> float:
    """0 to 100.

    >>> bleu("나는 학교에 간다", "나는 학교에 간다"), round(bleu("나는 학교에 갔다", "나는 학교에 간다"), 1)
    (100.0, 64.3)
    """
    said, asked = _cut(reply, "bleu", units), _cut(reference, "bleu", units)
    if not said or not asked:
        return 0.0
    smooth, logs, orders = 1.0, 0.0, 0
    for n in range(1, ORDER + 1):
        ours, theirs = _grams(said, n), _grams(asked, n)
        whole = max(0, len(said) - n + 1)
        shared = sum((ours & theirs).values())
        if not whole:
            break
        orders += 1
        if shared:
            logs += math.log(100 * shared / whole)
        elif n == 1:
            return 0.0
        else:
            smooth *= 2
            logs += math.log(100 / (smooth * whole))
    brevity = 1.0 if len(said) >= len(asked) else math.exp(1 - len(asked) / len(said))
    return min(100.0, brevity * math.exp(logs / orders))


def rouge(reply: str, reference: str, kind: str, units: str = "pairs") -> float:
    """The F1 of shared n-grams (kind 1, 2) or of the longest common subsequence (l), 0 to 100.

    >>> rouge("같다", "같다", "1"), rouge("", "같다", "l")
    (100.0, 0.0)
    """
    said, asked = _cut(reply, "rouge", units), _cut(reference, "rouge", units)
    if kind == "l":
        shared, ours, theirs = _longest(said, asked), len(said), len(asked)
    else:
        one, other = _grams(said, int(kind)), _grams(asked, int(kind))
        shared, ours, theirs = sum((one & other).values()), sum(one.values()), sum(other.values())
    return 200 * shared / (ours + theirs) if shared else 0.0


def cut(text: str, units: str) -> list[str]:
    """The units of a text for ROUGE: lower case, letters and digits alone.

    >>> cut("LoRA는 좋은 방법!", "pairs")
    ['lora', '는', '좋은', '방법']
    """
    text = unicodedata.normalize("NFC", text).lower()
    if units == "morphemes":
        return [token.form for token in _kiwi().tokenize(text) if not token.tag.startswith("S") or token.tag in ("SL", "SN", "SH")]
    words = re.findall(r"[^\W_]+", text)
    if units == "words":
        return words
    if units == "characters":
        return list("".join(words))
    parts = [part for word in words for part in _CJK.split(word) if part]
    return [piece for part in parts for piece in ([part[i : i + 2] for i in range(max(1, len(part) - 1))] if _CJK.fullmatch(part) else [part])]


def _cut(text: str, metric: str, units: str) -> list[str]:
    if metric == "rouge" or units in ("pairs", "morphemes"):
        return cut(text, units)
    text = unicodedata.normalize("NFC", text)
    return list("".join(text.split())) if units == "characters" else _words(text)


def _words(text: str) -> list[str]:
    """As mteval-v13a.pl cuts them."""
    text = text.replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    for entity, plain in _ENTITIES:
        text = text.replace(entity, plain)
    text = f" {text} "
    for pattern, made in _RULES:
        text = pattern.sub(made, text)
    return text.split()


def _grams(units: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(units[i : i + n]) for i in range(len(units) - n + 1))


def _longest(a: Sequence[str], b: Sequence[str]) -> int:
    """Length of the longest common subsequence, by bit rows (Hyyrö 2004): one big number stands for a row of the table."""
    if not a or not b:
        return 0
    where: dict[str, int] = {}
    for i, unit in enumerate(a):
        where[unit] = where.get(unit, 0) | 1 << i
    full = (1 << len(a)) - 1
    row = full
    for unit in b:
        met = row & where.get(unit, 0)
        row = ((row + met) | (row - met)) & full
    return len(a) - row.bit_count()


@cache
def _kiwi() -> Any:
    try:
        from kiwipiepy import Kiwi
    except ImportError as error:
        raise MissingExtra('prove.units: morphemes needs Kiwi: pip install "dadeum[ko]"') from error
    return Kiwi()


SCORES: Final[dict[str, Callable[[str, str, str], float]]] = {
    "bleu": bleu,
    "rouge_1": lambda reply, reference, units: rouge(reply, reference, "1", units),
    "rouge_2": lambda reply, reference, units: rouge(reply, reference, "2", units),
    "rouge_l": lambda reply, reference, units: rouge(reply, reference, "l", units),
}
