"""Two files, runs or models' answers side by side: what stands in both, what changed, and by which slice.

Records with turns are matched by what is asked (the user turns, by their letters), and their answers are held against each other;
texts are matched by their letters, and their labels are held against each other. Where one side has the same question several times,
the first counts. A record takes 50 bytes.
"""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from dadeum.evaluate.quantiles import wilson
from dadeum.profiles import profile
from dadeum.record import prose
from dadeum.report.balance import bins
from dadeum.report.even import mixed
from dadeum.report.repeats import ASKED, WHOLE
from dadeum.steps.dedup.exact import KEY

SLICES: Final = ("language", "length", "source")
MOST: Final = 12
"""Slices of one kind that are shown."""
ROWS: Final = 3
SHOWN: Final = 8
"""Rows that are shown of each kind."""


class Side:
    """The sketches of one side, for both ways to match."""

    def __init__(self) -> None:
        self._asked: list[pl.DataFrame] = []
        self._whole: list[pl.DataFrame] = []
        self._rows = self._chats = 0

    def add(self, rows: pl.DataFrame) -> None:
        """Sketch one chunk."""
        asked, answer = prose(rows, ("user",)), prose(rows, ("assistant",))
        self._rows += rows.height
        self._chats += len(asked) - asked.null_count()
        for parts, sketch, of, told in ((self._asked, ASKED.sketch(rows), asked, answer), (self._whole, WHOLE.sketch(rows), rows.get_column("text"), rows.get_column("text"))):
            kinds = pl.DataFrame({"s": of}).select(profile(pl.col("s").fill_null("")).alias("language")).to_series()
            source = rows.get_column("source") if "source" in rows.columns else pl.Series([None], dtype=pl.String).new_from_index(0, rows.height)
            slices = [kinds, bins(of.str.len_chars()).alias("length"), source.alias("source")]
            parts.append(sketch.select("row", *KEY, "says").with_columns(*slices, told.str.len_chars().alias("chars")))

    @property
    def chats(self) -> bool:
        """Whether most records ask something."""
        return self._chats * 2 > self._rows

    def first(self, chats: bool) -> pl.DataFrame:
        """`row`, key, `says`, `chars` and the slices of the first record of each key."""
        parts = self._asked if chats else self._whole
        every = pl.concat(parts) if parts else pl.DataFrame()
        return every.filter(pl.col("hi").is_not_null()).sort("row").unique(KEY, keep="first", maintain_order=True)


def compare(one: Side, other: Side) -> dict[str, Any]:
    """{of, both, same, changed, only: {a, b}, chars: {a, b}, slices: [{by, value, n, changed, low, high, rows}], shown: [{a, b}], gone: {a, b}}.

    of: answers or labels, what was held against each other; chars: mean length of what is in both. slices: by language and length of what
    is asked, and by the left side's source; low and high are Wilson's 95 % of the share that changed. rows, shown, gone: row numbers.
    """
    chats = one.chats and other.chats
    a, b = one.first(chats), other.first(chats)
    both = a.join(b, on=KEY, suffix="_b", maintain_order="left").with_columns(changed=pl.col("says").ne_missing(pl.col("says_b")))
    changed = both.filter("changed")
    only = {"a": a.join(b, on=KEY, how="anti", maintain_order="left"), "b": b.join(a, on=KEY, how="anti", maintain_order="left")}
    few = changed.with_columns(pl.Series("mark", mixed(changed.get_column("row").to_numpy()))).sort("mark").head(SHOWN)
    return {
        "of": "answers" if chats else "labels",
        "both": both.height,
        "same": both.height - changed.height,
        "changed": changed.height,
        "only": {side: rows.height for side, rows in only.items()},
        "chars": {"a": both.get_column("chars").mean(), "b": both.get_column("chars_b").mean()},
        "slices": [line for by in SLICES for line in _sliced(both, by)],
        "shown": few.select(pl.col("row").alias("a"), pl.col("row_b").alias("b")).to_dicts(),
        "gone": {side: rows.get_column("row").head(SHOWN).to_list() for side, rows in only.items()},
    }


def _sliced(both: pl.DataFrame, by: str) -> list[dict[str, Any]]:
    """A line for each slice, the largest first; none where all is one slice, but for the language."""
    groups = both.filter(pl.col(by).is_not_null()).group_by(by, maintain_order=True)
    found = groups.agg(pl.len().alias("n"), pl.col("changed").sum(), pl.col("row_b").filter("changed").head(ROWS).alias("rows"))
    found = found.sort("n", by, descending=[True, False]).head(MOST) if by != "length" else found.sort(by)
    if found.height < 2 and by != "language":
        return []
    lines = []
    for value, n, changed, rows in found.iter_rows():
        low, high = wilson(changed, n)
        lines.append({"by": by, "value": value, "n": n, "changed": changed, "low": low, "high": high, "rows": rows})
    return lines
