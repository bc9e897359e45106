"""Scorers: what a model said against what was asked for. One small module each; `score` is the way in.

    exact       right or wrong, Korean-aware: particles and polite endings after the answer, full-width letters, 3만5천 = 35,000
    label       right or wrong, among labels: which one does the answer begin with?
    numeric     right or wrong: the number after a mark such as ####
    tests       right or wrong: the code passes its unit tests, in a sandbox (code.py, sandbox.py)
    spans       0 to 1: F1 of named pieces of a text
    json        0 to 1: fields that are right, in an answer that keeps a schema (structured.py)
    chrf        0 to 100: character n-grams in common
    bleu, rouge_1, rouge_2, rouge_l    0 to 100: n-grams of units that fit the language in common (overlap.py)
    embedding   -1 to 1: the cosine of embeddings
    loss        nats per token and per byte of the reference

What a model thinks before it answers (`<think>` .. `</think>`) is no part of the answer; an answer that never got beyond it is null.
A scorer that cannot make out an answer gives null, not nought. In a paired comparison an unscored answer counts as wrong for
the arm that gave it, so that nobody gains by being unreadable, and is counted apart, so that a gain that is only format shows.
A reference that cannot be made out is a fault of the item: the item leaves, for all arms alike.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from dadeum.errors import Mistake, RecipeError
from dadeum.evaluate.metrics import chrf, exact, label, numeric, overlap, spans, structured
from dadeum.settings import Prove

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
    "tests": Metric("unit tests passed, in a sandbox", True),
    "spans": Metric("F1 of typed spans (mean of items)", False),
    "json": Metric("right fields of JSON (mean of items)", False),
    "chrf": Metric(chrf.NAME, False),
    "bleu": Metric(overlap.name("bleu", "auto"), False),
    **{f"rouge_{kind}": Metric(overlap.name(f"rouge_{kind}", "auto"), False) for kind in "12l"},
    "embedding": Metric("cosine of embeddings (mean of items)", False, worst=-1.0),
    "preference": Metric("pair accuracy: the chosen answer is preferred", True),
    "loss_per_token": Metric("held-out loss, nats per token", False, False),
    "loss_per_byte": Metric("held-out loss, nats per byte", False, False),
}


def name(prove: Prove) -> str:
    """The full name of the metric as it is set: what it counts and by which embedding stand in it.

    >>> name(Prove(metric="bleu", units="words"))
    'BLEU-4 (words by 13a, smoothed, NFC, mean of items)'
    """
    if prove.metric in overlap.SCORES:
        return overlap.name(prove.metric, prove.units)
    if prove.metric == "embedding":
        from dadeum import embed

        return f"cosine of embeddings, {embed.load(prove.embedding).name} (mean of items)"
    return METRICS[prove.metric].name


def score(prove: Prove, replies: Sequence[str | None], references: Sequence[str]) -> list[float | None]:
    """A score for each reply, null where the reply is null or cannot be made out; 0 or 1, or in the metric's own unit.

    Raises ValueError when there are not as many replies as references.

    >>> score(Prove(metric="exact"), ["정답은 서울입니다.", None], ["서울", "부산"])
    [1.0, None]
    """
    if len(replies) != len(references):
        raise ValueError(f"{len(replies)} replies for {len(references)} references")
    answers = [answer(reply) for reply in replies]
    there = [i for i, told in enumerate(answers) if told is not None]
    said, asked = [answers[i] or "" for i in there], [answer(references[i]) or "" for i in there]
    made: list[float | None] = [None] * len(replies)
    for i, found in zip(there, _scores(prove, said, asked)):
        made[i] = found
    return made


def _scores(prove: Prove, replies: Sequence[str], references: Sequence[str]) -> Sequence[float | None]:
    if prove.metric == "tests":
        from dadeum.evaluate.metrics import code

        return code.scores(replies, references)
    pairs = zip(replies, references)
    if prove.metric == "label":
        return [label.score(reply, reference, prove.labels) for reply, reference in pairs]
    if prove.metric == "numeric":
        return [numeric.score(reply, reference, prove.answer_after) for reply, reference in pairs]
    mark = prove.answer_after
    readable = [not mark or mark in reply for reply in replies]
    cut = [(after(reply, mark), after(reference, mark)) for reply, reference in pairs]
    if prove.metric == "embedding":
        from dadeum.evaluate.metrics import nearness

        rated: Sequence[float | None] = nearness.scores(cut, prove.embedding)
    else:
        rate = _rate(prove)
        rated = [rate(*pair) for pair in cut]
    return [found if good else None for found, good in zip(rated, readable)]


def _rate(prove: Prove) -> Callable[[str, str], float | None]:
    """The scorer of one reply against one reference."""
    if prove.metric == "json":
        return lambda reply, reference: structured.score(reply, reference, prove.schema)
    if prove.metric in overlap.SCORES:
        scorer, units = overlap.SCORES[prove.metric], overlap.units_of(prove.metric, prove.units)
        return lambda reply, reference: scorer(reply, reference, units)
    return {"spans": spans.score, "chrf": chrf.score}.get(prove.metric, exact.score)


def usable(prove: Prove, references: Sequence[str]) -> list[bool]:
    """Which items have a reference that can be scored at all: one of the labels, a number, JSON, some text."""
    readers: dict[str, Callable[[str], bool]] = {
        "label": lambda reference: label.find(reference, prove.labels) is not None,
        "numeric": lambda reference: numeric.find(reference, prove.answer_after) is not None,
        "spans": lambda reference: spans.find(after(reference, prove.answer_after)) is not None,
        "json": lambda reference: structured.parse(after(reference, prove.answer_after)) is not structured.NOTHING,
    }
    readable = readers.get(prove.metric, lambda reference: bool(unicodedata.normalize("NFC", after(reference, prove.answer_after)).strip()))
    return [told is not None and readable(told) for told in map(answer, references)]


def detail(prove: Prove, replies: Sequence[str | None], references: Sequence[str]) -> dict[str, Any]:
    """What an arm's score is made of: by class for label, by type for spans, by field for json; empty for the others."""
    replies, references = [answer(reply) for reply in replies], [answer(reference) or "" for reference in references]
    if prove.metric == "label":
        return {"classes": label.by_class(label.confusion([reply or "" for reply in replies], references, prove.labels))}
    cut = [None if reply is None else after(reply, prove.answer_after) for reply in replies]
    asked = [after(reference, prove.answer_after) for reference in references]
    if prove.metric == "spans":
        return {"types": spans.tally(cut, asked)}
    return structured.tally(cut, asked, prove.schema) if prove.metric == "json" else {}


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
    if prove.metric == "tests" and not prove.tests:
        found.append(Mistake("prove.tests", "the metric tests needs the column with each item's tests", "tests: test"))
    for key, value, metrics in (("tests", prove.tests, ("tests",)), ("schema", prove.schema, ("json",))):
        if value and prove.metric not in metrics:
            found.append(Mistake(f"prove.{key}", f"the metric {prove.metric} does not read it", f"metric: {metrics[0]}"))
    for i, arm in enumerate(prove.arms if prove.metric in OF_LOSS else ()):
        if arm.url or arm.kind not in ("base", "raw"):
            found.append(Mistake(f"prove.arms.{i}", f"{arm.name} tells no loss of the items as they stand", "another metric, or leave the arm out"))
    if prove.units != "auto" and prove.metric not in overlap.SCORES:
        found.append(Mistake("prove.units", f"the metric {prove.metric} counts no units", "metric: bleu or rouge_l"))
    if prove.embedding != "hashed" and prove.metric != "embedding":
        found.append(Mistake("prove.embedding", f"the metric {prove.metric} does not read it", "metric: embedding"))
    for key, share in (("level", prove.level), ("power", prove.power)):
        if not 0 < share < 1:
            found.append(Mistake(f"prove.{key}", f"{share} leaves nothing to tell", "between 0 and 1, usually " + ("0.05" if key == "level" else "0.8")))
    return found


def checked(prove: Prove) -> Prove:
    """The settings themselves; raises RecipeError with every mistake in them."""
    if found := check(prove):
        raise RecipeError(found)
    return prove


def answer(reply: str | None) -> str | None:
    """What a reply says after its thoughts; null where it was cut before it came to an answer.

    >>> answer("<think>2 x 3?</think> 6"), answer("so 6.</think>6"), answer("<think>let me see"), answer("6")
    (' 6', '6', None, '6')
    """
    if reply is None or "think>" not in reply:
        return reply
    _, end, rest = reply.rpartition("</think>")
    return rest if end else None if reply.lstrip().startswith("<think>") else reply


def after(text: str, mark: str) -> str:
    """What follows the last `mark`; the whole text where there is no mark.

    >>> after("3 + 4 = 7 #### 7", "####")
    ' 7'
    """
    return text.rpartition(mark)[2] if mark else text
