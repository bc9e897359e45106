"""The pictures of one report: the run's numbers brought into the form that chart.py draws.

Held apart from the page so that a template asks for a picture by name and never computes.
"""

from __future__ import annotations

from typing import Any, Final

from markupsafe import Markup

from dadeum.report import chart
from dadeum.report.facts import Facts
from dadeum.report.verdict import Arm, Difference, Proof
from dadeum.report.words import Words, count, percent

POINTS: Final = 160
"""Points of a curve that are drawn."""
LINES: Final = 24
"""Trainings (arm and seed) that are drawn."""
STYLES: Final = ("one", "two", "three", "four")
"""Classes of the arms' colours, in the order in which they come."""


class Figures:
    """Pictures by name, as markup that is already escaped."""

    def __init__(self, facts: Facts, proof: Proof | None, t: Words):
        self._facts, self._proof, self._t = facts, proof, t
        self._widest = max((s["rows_in"] + s["grown"] for s in facts.stages), default=1)
        self.curves = curves(facts.curve)
        self.arms = list(dict.fromkeys(arm for arm, _ in self.curves))

    def style(self, arm: str) -> str:
        """The class of an arm's colour."""
        return STYLES[self.arms.index(arm) % len(STYLES)]

    def stream(self, stage: dict[str, Any]) -> Markup:
        """One step of the funnel."""
        title = self._t("funnel.picture", step=stage["step"], rows_in=count(stage["rows_in"]), rows_out=count(stage["rows_out"]))
        left = [(state, n) for state, n in states(stage) if n]
        return Markup(chart.stream(stage["rows_in"], stage["rows_out"], left, stage["grown"], self._widest, title))

    def share(self, part: float, whole: float, style: str) -> Markup:
        """A part of a whole as a bar."""
        return Markup(chart.bar([(style, part)], whole, percent(part / whole if whole else None)))

    def balance(self) -> Markup:
        """Where all rows went, as one stacked bar."""
        counts = self._facts.run["counts"]
        parts = [(state, counts[state]) for state in ("kept", "merged", "dropped", "quarantined")]
        title = ", ".join(f"{self._t(state)} {count(n)}" for state, n in parts)
        return Markup(chart.bar(parts, sum(n for _, n in parts), title, height=18))

    def lengths(self, unit: str) -> Markup:
        """Lengths before and after."""
        bins = fold(self._facts.lengths[unit])
        before, after = sum(b[2] for b in bins), sum(b[3] for b in bins)
        peak = max(max(b[2], b[3]) for b in bins)
        title = self._t("length.picture", n_before=count(before), n_after=count(after), peak=count(peak))
        return Markup(chart.histogram([(count(low), b, a) for low, _, b, a in bins], _whole, title))

    def curve(self) -> Markup:
        """Loss by trained tokens, for every arm and seed, stage by stage; a ring where the weights that were kept stand."""
        series = []
        for points in staged(self._facts.curve):
            for (arm, _), line in curves(points).items():
                style, held = self.style(arm), line["eval_loss"]
                series.append(chart.Series(f"batch {style}", tuple(line["loss"])))
                series.append(chart.Series(f"held {style}", tuple(held), dots=True))
                after = [point for point in held if not line["loss"] or point[0] >= line["loss"][0][0]]  # before its first step it is untrained
                series.append(chart.Series(f"ring {style}", (min(after, key=lambda point: point[1]),) if after else (), dots=True))
        return Markup(chart.lines([s for s in series if s.points], _short, lambda y: f"{y:.3g}", self._t("curve.picture")))

    def score(self, arm: Arm) -> Markup:
        """An arm's score with its interval."""
        return self._interval(arm.low, arm.score, arm.high, self._scores(), "score", zero=False)

    def gap(self, d: Difference) -> Markup:
        """A difference with its interval, against zero."""
        return self._interval(d.low, d.difference, d.high, self._gaps(d.metric), d.verdict.replace(" ", "-"), zero=True, metric=d.metric)

    def axis(self, metric: str | None = None) -> Markup:
        """The axis below the scores, or below the differences of a metric."""
        proof = self._held()
        if metric is None:
            return Markup(chart.scale(self._scores(), lambda x: proof.score(x).replace(".0%", "%"), self._t("scores"), zero=False))
        unit = 100 if proof.gap(1.0, self._t, metric) != proof.gap(1.0, self._t, "loss") else 1
        return Markup(chart.scale(self._gaps(metric), lambda x: f"{unit * x:+.3g}".replace("-", "−") if x else "0", self._t("differences"), zero=True))

    def _interval(
        self, low: float, mid: float, high: float, span: tuple[float, float], style: str, zero: bool, metric: str | None = None
    ) -> Markup:
        proof = self._held()
        say = (lambda x: proof.gap(x, self._t, metric)) if zero else proof.score
        title = self._t("interval.picture", mid=say(mid), low=say(low), high=say(high))
        return Markup(chart.interval(low, mid, high, span, title, style, zero))

    def _scores(self) -> tuple[float, float]:
        return chart.around([x for arm in self._held().arms for x in (arm.low, arm.score, arm.high)], zero=False)

    def _gaps(self, metric: str) -> tuple[float, float]:
        proof = self._held()
        mine = [d for d in (*proof.comparisons, proof.head) if d.metric == metric]
        return chart.around([x for d in mine for x in (d.low, d.difference, d.high)], zero=True)

    def _held(self) -> Proof:
        if self._proof is None:
            raise ValueError("this run has no proof to draw")
        return self._proof


def states(stage: dict[str, Any]) -> list[tuple[str, int]]:
    """(state, rows) of those who left at a stage. Where a stage does not tell states, whatever left is called dropped."""
    told = stage.get("states")
    if told is None:
        told = {"dropped": sum(stage["dropped"].values())}
    return [(state, told[state]) for state in ("merged", "dropped", "quarantined") if told.get(state)]


def fold(bins: list[tuple[int, int | None, int, int]], most: int = 28) -> list[tuple[int, int | None, int, int]]:
    """Neighbouring bins added up until there are at most `most`.

    >>> fold([(0, 1, 5, 4), (1, 2, 3, 3), (2, None, 1, 0)], most=2)
    [(0, 2, 8, 7), (2, None, 1, 0)]
    """
    while len(bins) > most:
        pairs = [bins[i : i + 2] for i in range(0, len(bins), 2)]
        bins = [(p[0][0], p[-1][1], sum(b[2] for b in p), sum(b[3] for b in p)) for p in pairs]
    return bins


def staged(points: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """curve.json cut where one stage ends and the next begins: each has held-out rows and a loss of its own.

    >>> [len(stage) for stage in staged([{"stage": "a"}, {"stage": "a"}, {"stage": "b"}])], staged([])
    ([2, 1], [])
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for point in points:
        found.setdefault(str(point.get("stage", "")), []).append(point)
    return list(found.values())


def curves(points: list[dict[str, Any]]) -> dict[tuple[str, int], dict[str, list[tuple[float, float]]]]:
    """curve.json as lines: (arm, seed) -> {loss, eval_loss} -> (tokens, value), thinned to about POINTS each."""
    lines: dict[tuple[str, int], dict[str, list[tuple[float, float]]]] = {}
    for p in points:
        key = (str(p["arm"]), p["seed"])
        if key not in lines and len(lines) >= LINES:
            continue
        line = lines.setdefault(key, {"loss": [], "eval_loss": []})
        for name, values in line.items():
            if p.get(name) is not None:
                values.append((p["tokens"], p[name]))
    for line in lines.values():
        for name, values in line.items():
            every = -(-len(values) // POINTS) or 1
            # The last point is the one people read.
            line[name] = values[:-1:every] + values[-1:]
    return lines


def _whole(x: float) -> str:
    return count(int(x))


def _short(x: float) -> str:
    """A large number in few letters: the same in both languages."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(x) >= size:
            return f"{x / size:.3g}{letter}"
    return f"{x:.3g}"
