"""How well data cover a target set: the questions, texts or users' words that a model is to be good at.

Rows are compared by what is asked in them (the user's turns), else by their text, on even samples of at most `DATA` and `TARGET` rows.

* A row of the target is **covered** where some record is as near to it as 95 % of the records are to another record: nearness is the
  cosine of the built-in embedding (`embed/hashed.py`, which knows spelling and no meaning). Data like the target cover 95 % of it, whatever
  the texts are: the threshold is the data's own (conformal novelty detection; Laxhammar and Falkman 2011).
* **Likeness** is the share of the target's rows whose nearest row is one of the data's, with as many rows of either side on offer: a
  half where both are drawn from the same, none where they have nothing in common (the two-sample test of Henze 1988).
* Topics (`annotate.topic`, clustered over both), verbs, languages, labels and quarters of the target's lengths are **missing** where no
  record is of the kind, **thin** where some are; in both cases the whole 95 % interval of their share (Wilson, widened for all lines) lies
  below half of the target's share. They are there where the interval lies above, else nothing can be said.

On halves of one source (chat, reviews, news, text messages) .94 to .96 were covered, likeness was .48 to .53, and none of 104 lines was
missing or thin. Chat questions covered .37 of film reviews at a likeness of .18, Korean reviews .31 of English text messages at .05. TF-IDF
over words told the latter less well apart: it took .88 of those messages for covered.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from dadeum.embed.hashed import Hashed
from dadeum.evaluate.quantiles import normal_quantile, wilson
from dadeum.record import prose
from dadeum.report.even import Even
from dadeum.steps.annotate.topic import Topic

DATA: Final = 20_000
TARGET: Final = 2_000
DIMENSIONS: Final = 256
LOOKED: Final = 2_000
"""Characters of a text that are compared."""
AS_NEAR: Final = 0.95
FEW: Final = 5
"""Rows of the target below which a kind is not told of."""
SHOWN: Final = 8
"""Rows of the target that are shown of those that nothing is near to."""
ROWS: Final = 3
BLOCK: Final = 512
TOPIC: Final = Topic()
STATES: Final = ("missing", "thin", "unsure", "there")
KINDS: Final = ("topic", "verb", "length", "language", "label")

Floats = npt.NDArray[np.float32]


class Pile:
    """An even sample of one side."""

    def __init__(self, most: int) -> None:
        self._even = Even(most)
        self._parts: list[pl.DataFrame] = []

    def add(self, rows: pl.DataFrame, kinds: pl.Series) -> None:
        """Sketch one chunk. kinds: the profile of each record."""
        at, marks = self._even.take(rows.get_column("row"))
        few = rows[at]
        asked = pl.select(pl.coalesce(prose(few, ("user",)), few.get_column("text"))).to_series().alias("asked")
        sketch = TOPIC.sketch(few).with_columns(asked, few.get_column("label"), kinds.gather(at).alias("language"), pl.Series("mark", marks))
        said = sketch.filter(pl.col("asked").str.strip_chars() != "")
        vectors = np.rint(Hashed(DIMENSIONS).vectors(said.get_column("asked").str.slice(0, LOOKED)) * 127).astype(np.int8)
        chars = said.get_column("asked").str.len_chars().alias("chars")
        self._parts.append(said.drop("asked").with_columns(chars, pl.Series("vector", [v.tobytes() for v in vectors], dtype=pl.Binary)))

    @property
    def of(self) -> int:
        """Rows that were offered."""
        return self._even.of

    def rows(self) -> pl.DataFrame:
        """The sample: `row`, `words`, `says`, `verb`, `object`, `label`, `language`, `chars`, `vector`, in an order that no cut changes."""
        if not self._parts:
            return pl.DataFrame()
        every = pl.concat(self._parts)
        return every.filter(self._even.inside(every.get_column("row"))).sort("mark")


def compare(data: Pile, target: Pile) -> dict[str, Any] | None:
    """{data, target, near, like, gaps, far}, or None where one side says nothing.

    data, target: {looked_at, of}. near: {covered, n, share, low, high, threshold}. like: {n, share, low, high}. gaps: [{kind, name,
    target, data, target_share, share, low, high, state, rows}], `state` one of STATES, rows of the target; the name of a length
    is [low, high]. far: [{row, similarity}] of target rows that no record is near to, the farthest first.
    """
    ours, theirs = data.rows(), target.rows()
    if ours.height < 2 or theirs.height < 2:
        return None
    a, b = _vectors(ours), _vectors(theirs)
    best = _nearest(b, a)
    own = _nearest(a[:TARGET], a, itself=True)
    threshold = float(np.quantile(own, 1 - AS_NEAR))
    near = best >= threshold
    # The same number on offer from either side; what the target has less of is the row itself.
    n = min(len(a), len(b) - 1)
    like = int((_nearest(b, a[:n]) >= _nearest(b, b[: n + 1], itself=True)).sum())
    far = theirs.select("row").with_columns(similarity=pl.Series(best.astype(np.float64).round(4)), near=pl.Series(near))
    return {
        "data": {"looked_at": len(a), "of": data.of},
        "target": {"looked_at": len(b), "of": target.of},
        "near": {"covered": int(near.sum()), "threshold": round(threshold, 4), **_share(int(near.sum()), len(near))},
        "like": _share(like, len(b)),
        "gaps": _gaps(ours, theirs),
        "far": far.filter(~pl.col("near")).sort("similarity", "row").head(SHOWN).select("row", "similarity").to_dicts(),
    }


def _share(hits: int, n: int) -> dict[str, Any]:
    low, high = wilson(hits, n)
    return {"n": n, "share": hits / n, "low": low, "high": high}


def _vectors(rows: pl.DataFrame) -> Floats:
    """`[rows, DIMENSIONS]` unit vectors."""
    flat = np.frombuffer(b"".join(rows.get_column("vector").to_list()), dtype=np.int8).reshape(rows.height, DIMENSIONS).astype(np.float32)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1)


def _nearest(of: Floats, among: Floats, itself: bool = False) -> Floats:
    """The cosine of each row with the nearest of the others. itself: both begin with the same rows, and none is its own neighbour."""
    best = np.empty(len(of), dtype=np.float32)
    for start in range(0, len(of), BLOCK):
        cosine = of[start : start + BLOCK] @ among.T
        if itself:
            at = np.arange(start, min(start + BLOCK, len(of), len(among)))
            cosine[at - start, at] = -1
        best[start : start + BLOCK] = cosine.max(1)
    return best


def _gaps(ours: pl.DataFrame, theirs: pl.DataFrame) -> list[dict[str, Any]]:
    """A line for each value that the target has, missing ones first."""
    # Clusters over both sides, with no more than twice as many records as target rows: else they would be the data's alone.
    few = ours.head(max(1_000, 2 * theirs.height))
    sketch = pl.concat([side.select("words", "says", "verb", "object") for side in (few, theirs)]).with_row_index("row")
    topics = TOPIC.decide(TOPIC.relate(sketch)).sort("row").get_column("topic")
    sides = {"data": few.with_columns(topics.head(few.height)), "target": theirs.with_columns(topics.tail(theirs.height))}
    edges = [float(x) for x in np.unique(np.quantile(theirs.get_column("chars").to_numpy(), (0, 0.25, 0.5, 0.75)).round())]
    found: list[tuple[str, str, int, int, list[int]]] = []
    for kind in KINDS:
        values = {side: (_quarters(rows.get_column("chars"), edges) if kind == "length" else rows.get_column(kind)) for side, rows in sides.items()}
        if kind == "label" and (not values["data"].count() or values["target"].n_unique() > 100):
            continue
        counts = {side: dict(column.drop_nulls().value_counts().iter_rows()) for side, column in values.items()}
        if kind == "language" and counts["target"].keys() == counts["data"].keys() and len(counts["data"]) == 1:
            continue
        rows = theirs.select("row").with_columns(values["target"].alias("value"))
        for value, n in counts["target"].items():
            if n >= FEW:
                shown = rows.filter(pl.col("value") == value).get_column("row").head(ROWS).to_list()
                found.append((kind, value, n, counts["data"].get(value, 0), shown))
    # Of forty lines two would stand out by chance alone: the intervals hold for all lines together (Bonferroni).
    z = normal_quantile(1 - 0.025 / max(1, len(found)))
    lines: list[dict[str, Any]] = []
    for kind, value, n, have, shown in found:
        of = sides["data"].height
        low, high = wilson(have, of, z)
        asked = n / theirs.height
        state = _state(have, low or 0.0, 1.0 if high is None else high, asked / 2)
        name = _ends(int(value), edges) if kind == "length" else value
        lines.append({"kind": kind, "name": name, "target": n, "data": have, "target_share": asked, "share": have / of, "low": low, "high": high, "state": state, "rows": shown})
    return sorted(lines, key=lambda line: (KINDS.index(line["kind"]), STATES.index(line["state"]), -line["target"], str(line["name"])))


def _state(have: int, low: float, high: float, least: float) -> str:
    if high < least:
        return "thin" if have else "missing"
    return "there" if low >= least else "unsure"


def _quarters(chars: pl.Series, edges: list[float]) -> pl.Series:
    """Which quarter of the target's lengths each length lies in, as text; below the shortest counts as the first."""
    return pl.Series(np.clip(np.searchsorted(edges, chars.to_numpy(), side="right") - 1, 0, None)).cast(pl.String)


def _ends(quarter: int, edges: list[float]) -> list[int | None]:
    low = 0 if not quarter else int(edges[quarter])
    return [low, int(edges[quarter + 1]) if quarter + 1 < len(edges) else None]
