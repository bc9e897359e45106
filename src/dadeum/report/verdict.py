"""proof.json in words: the headline, the arms, the differences, each with the unit that its metric is read in.

Scores of the metrics that count right answers are shares and shown as percentages, their differences in percentage points;
every other metric (chrF, loss) keeps its own scale. Where a proof lacks a part, the sentence that needs it is left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

from dadeum.errors import DadeumError
from dadeum.report.words import Words, count, number, percent

SHARES: Final = ("exact", "label", "numeric", "accuracy", "tests", "spans", "json", "preference")
"""Metrics whose score is a share of right answers."""
VERDICTS: Final = ("better", "worse", "cannot tell")


@dataclass(frozen=True)
class Arm:
    """One arm's score with its interval; `unscored` counts answers that could not be read."""

    name: str
    score: float
    low: float
    high: float
    unscored: int


@dataclass(frozen=True)
class Difference:
    """a minus b on the same items; `a` and `b` are the arms' names in proof.json."""

    a: str
    b: str
    metric: str
    difference: float
    low: float
    high: float
    p: float | None
    p_corrected: float | None
    verdict: str


@dataclass(frozen=True)
class Drawn:
    """Answers that were drawn several times, and which part of the variance of the headline's difference is the luck of what."""

    samples: int
    temperature: float
    decoding: float
    training: float | None
    """None where it is not known."""


@dataclass(frozen=True)
class Proof:
    """proof.json, read."""

    task: str
    n: int
    groups: int | None
    seeds: int
    level: float
    share: bool
    arms: tuple[Arm, ...]
    head: Difference
    comparisons: tuple[Difference, ...]
    smallest: float | None
    notes: tuple[str, ...]
    more: int = 0
    drawn: Drawn | None = None

    @classmethod
    def read(cls, told: dict[str, Any], most: int = 60, lang: str = "en") -> Proof:
        """The proof, its notes in `lang`; at most `most` comparisons are kept, `more` says how many are not. Raises DadeumError for one that lacks what every proof has."""
        if lacks := [key for key in ("n", "arms", "difference", "low", "high", "verdict") if key not in told]:
            raise DadeumError(f"proof.json lacks {', '.join(lacks)}: delete it, and let `dadeum prove` make it anew")
        arms = tuple(_arm(name, a) for name, a in told["arms"].items())
        listed = told.get("comparisons") or []
        compared = tuple(_difference(c) for c in listed)
        metric = str(told.get("metric") or (compared[0].metric if compared else "") or told.get("task") or "")
        same = (c for c in compared if (c.difference, c.low, c.high) == (told["difference"], *_ends(told)))
        names = [arm.name for arm in arms]
        # Two pairs may differ by the same number: which one stands on top is told, and guessed of a proof made by hand alone.
        first = told.get("headline") or next(([one.a, one.b] for one in same), None)
        pair = (str(first[0]), str(first[1])) if first else (names[-1], names[0]) if len(names) > 1 else ("", "")
        head = Difference(*pair, metric, told["difference"], *_ends(told), told.get("p"), None, told["verdict"])
        seeds = told.get("seeds")
        return cls(
            task=str(told.get("task") or ""),
            n=told["n"],
            groups=told.get("groups") or told.get("clusters"),
            seeds=len(seeds) if isinstance(seeds, list) else int(seeds or 1),
            level=1 - (told.get("level") or 0.05),
            share=metric in SHARES or (bool(arms) and not compared and all(0 <= a.score <= 1 for a in arms)),
            arms=arms,
            head=head,
            comparisons=compared[:most],
            smallest=told.get("smallest_difference"),
            notes=tuple(str(note) for note in (lang == "ko" and told.get("notes_ko")) or told.get("notes") or ())[:20],
            more=max(0, len(compared) - most),
            drawn=_drawn(next((c for c in listed if (c["a"], c["b"], c.get("metric")) == (*pair, metric)), {}), told.get("decoding") or {}),
        )

    def score(self, x: float, metric: str | None = None) -> str:
        """A score in its metric's unit; an end of an interval that has none as a dash."""
        if not math.isfinite(x):
            return "–"
        return percent(x) if self._share(metric) else number(x)

    def gap(self, x: float, t: Words, metric: str | None = None, sign: bool = True, unit: bool = True) -> str:
        """A difference in its metric's unit, with its sign: "+3.1 points"."""
        if not math.isfinite(x):
            return "−∞" if x < 0 else "+∞"
        value = f"{100 * x:+.1f}" if self._share(metric) else f"{x:+.3g}"
        value = value.replace("-", "−") if sign else value.lstrip("+-")
        return t("points", x=value) if unit and self._share(metric) else value

    def _share(self, metric: str | None) -> bool:
        return self.share if metric is None else metric in SHARES or (self.share and metric == self.head.metric)


@dataclass(frozen=True)
class Headline:
    """The first thing on the page: `word` is one of VERDICTS or "none", `title` and `lede` are in the report's language."""

    word: str
    title: str
    lede: tuple[str, ...]


def headline(proof: Proof | None, t: Words, trained: bool) -> Headline:
    """The verdict in words: better, worse, cannot tell, or why nothing was proven.

    trained: whether the run made a model, which it may have done without comparing it.
    """
    if proof is None:
        return Headline("none", t("verdict.none"), (t("lede.unproven" if trained else "lede.untrained"),))
    head = proof.head
    word = head.verdict if head.verdict in VERDICTS else "cannot tell"
    scores = {arm.name: arm.score for arm in proof.arms}
    lede = []
    if head.a in scores and head.b in scores:
        values = {"a": t.known("arm", head.a), "b": t.known("arm", head.b), "score_a": proof.score(scores[head.a]), "score_b": proof.score(scores[head.b])}
        bounds = {"low": proof.gap(head.low, t, unit=False), "high": proof.gap(head.high, t), "level": percent(proof.level, 0)}
        sentence = t("lede.proof", difference=proof.gap(head.difference, t), **values, **bounds)
        lede.append(sentence[0].upper() + sentence[1:])
    if plain := next((d for d in proof.comparisons if (d.a, d.b, d.metric) == (head.a, "base", head.metric) and head.b != "base"), None):
        bounds = {"low": proof.gap(plain.low, t, unit=False), "high": proof.gap(plain.high, t)}
        told = {"b": t.known("arm", "base"), "difference": proof.gap(plain.difference, t), "verdict": t.known("word", plain.verdict)}
        lede.append(t("lede.untuned", **told, **bounds))
    groups = count(proof.groups) if proof.groups else ""
    lede.append(t("lede.groups", n=proof.n, groups=groups) if groups else t("lede.items", n=proof.n))
    if proof.seeds > 1:
        lede.append(t("lede.seeds", n=proof.seeds))
    if drawn := proof.drawn:
        how = {"n": drawn.samples, "temperature": f"{drawn.temperature:g}", "decoding": percent(drawn.decoding, 0)}
        known = drawn.training is not None
        lede.append(t("lede.drawn", **how, training=percent(drawn.training, 0)) if known else t("lede.drawn_blind", **how))
    if proof.smallest is not None and word == "cannot tell":
        lede.append(t("lede.smallest", difference=proof.gap(proof.smallest, t, sign=False)))
    return Headline(word, t(f"verdict.{word}", difference=proof.gap(head.difference, t, sign=False)), tuple(lede))


def _arm(name: str, told: dict[str, Any]) -> Arm:
    return Arm(name, told["score"], *_ends(told), told.get("unscored") or 0)


def _ends(told: dict[str, Any]) -> tuple[float, float]:
    """The ends of an interval; too few items leave it without: they are null in proof.json."""
    low, high = told.get("low"), told.get("high")
    return -math.inf if low is None else low, math.inf if high is None else high


def _drawn(row: dict[str, Any], decoding: dict[str, Any]) -> Drawn | None:
    share = row.get("share_of_decoding")
    if share is None or decoding.get("samples", 1) < 2:
        return None
    training = None if row.get("covers") == "items" else row.get("share_of_training")
    return Drawn(decoding["samples"], decoding["temperature"], share, training)


def _difference(told: dict[str, Any]) -> Difference:
    low, high = _ends(told)
    return Difference(
        a=str(told["a"]),
        b=str(told["b"]),
        metric=str(told.get("metric") or ""),
        difference=told["difference"],
        low=low,
        high=high,
        p=told.get("p"),
        p_corrected=told.get("p_corrected"),
        verdict=str(told["verdict"]),
    )
