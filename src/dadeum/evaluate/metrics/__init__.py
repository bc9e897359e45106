"""Scorers: what a model said against what was asked for. One small module each; `score` is the way in.

    exact     right or wrong, Korean-aware: particles and polite endings after the answer, full-width letters, 3만5천 = 35,000
    label     right or wrong, among labels: which one does the answer begin with?
    numeric   right or wrong: the number after a mark such as ####
    chrf      0 to 100: character n-grams in common
    loss      nats per token and per byte of the reference

A scorer that cannot make out an answer gives null, not nought. In a paired comparison an unscored answer counts as wrong for
the arm that gave it, so that nobody gains by being unreadable, and is counted apart, so that a gain that is only format shows.
A reference that cannot be made out is a fault of the item: the item leaves, for all arms alike.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from dadeum.errors import Mistake, RecipeError
from dadeum.evaluate.metrics import chrf, exact, label, numeric
from dadeum.settings import Prove

Name = Literal["exact", "label", "numeric", "chrf", "loss_per_byte"]
OF_LOSS = ("loss_per_byte",)
"""Metrics that a recipe may ask for and that are read from held-out losses, not from replies."""


@dataclass(frozen=True)
class Metric:
    """How one metric is read: its full name with its settings, its bounds, and which way is up."""

    name: str
    binary: bool
    higher_is_better: bool = True
    worst: float = 0.0


METRICS = {
    "exact": Metric("exact match (Korean-aware)", True),
    "label": Metric("label accuracy", True),
    "numeric": Metric("numeric answer", True),
    "chrf": Metric(chrf.NAME, False),
    "loss_per_token": Metric("held-out loss, nats per token", False, False),
    "loss_per_byte": Metric("held-out loss, nats per byte", False, False),
}


def score(prove: Prove, replies: Sequence[str], references: Sequence[str]) -> list[float | None]:
    """A score for each reply, null where the reply cannot be made out; 0 or 1, for chrf 0 to 100.

    Raises ValueError when there are not as many replies as references.

    >>> score(Prove(metric="exact"), ["정답은 서울입니다."], ["서울"])
    [1.0]
    """
    if len(replies) != len(references):
        raise ValueError(f"{len(replies)} replies for {len(references)} references")
    pairs = zip(replies, references)
    if prove.metric == "label":
        return [label.score(reply, reference, prove.labels) for reply, reference in pairs]
    if prove.metric == "numeric":
        return [numeric.score(reply, reference, prove.answer_after) for reply, reference in pairs]
    rate = chrf.score if prove.metric == "chrf" else exact.score
    mark = prove.answer_after
    return [None if mark and mark not in reply else rate(after(reply, mark), after(reference, mark)) for reply, reference in pairs]


def usable(prove: Prove, references: Sequence[str]) -> list[bool]:
    """Which items have a reference that can be scored at all: one of the labels, a number, some text."""
    if prove.metric == "label":
        return [label.find(reference, prove.labels) is not None for reference in references]
    if prove.metric == "numeric":
        return [numeric.find(reference, prove.answer_after) is not None for reference in references]
    return [bool(unicodedata.normalize("NFC", after(reference, prove.answer_after)).strip()) for reference in references]


def check(prove: Prove) -> list[Mistake]:
    """What is wrong with the settings, before anything is generated."""
    found = []
    if prove.metric == "label" and len(set(prove.labels)) < 2:
        found.append(Mistake("prove.labels", "the metric label needs at least two labels", "labels: [긍정, 부정]"))
    if prove.metric != "label" and prove.labels:
        found.append(Mistake("prove.labels", f"the metric {prove.metric} knows no labels", "metric: label"))
    folded = [label.fold(name) for name in prove.labels]
    found += [Mistake(f"prove.labels.{i}", "empty, or the same as an earlier one") for i, f in enumerate(folded) if not f or f in folded[:i]]
    if prove.metric == "label" and prove.answer_after:
        found.append(Mistake("prove.answer_after", "the metric label reads how the answer begins; leave it empty"))
    for key, share in (("level", prove.level), ("power", prove.power)):
        if not 0 < share < 1:
            found.append(Mistake(f"prove.{key}", f"{share} leaves nothing to tell", "between 0 and 1, usually " + ("0.05" if key == "level" else "0.8")))
    return found


def checked(prove: Prove) -> Prove:
    """The settings themselves; raises RecipeError with every mistake in them."""
    if found := check(prove):
        raise RecipeError(found)
    return prove


def after(text: str, mark: str) -> str:
    """What follows the last `mark`; the whole text where there is no mark.

    >>> after("3 + 4 = 7 #### 7", "####")
    ' 7'
    """
    return text.rpartition(mark)[2] if mark else text
