"""Two files, runs or models' answers side by side: what stands in both, what changed, and by which slice.

Records with turns are matched by what is asked (the user turns, by their letters), and their answers are held against each other;
texts are matched by their letters, and their labels are held against each other. Where one side has the same question several times,
the first counts. A record takes 50 bytes.
"""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from dadeum.profiles import profile
from dadeum.record import prose
from dadeum.report.even import mixed
from dadeum.report.repeats import ASKED, WHOLE
from dadeum.steps.dedup.exact import KEY

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
            kinds = pl.DataFrame({"s": of}).select(profile(pl.col("s").fill_null("")).alias("profile")).to_series()
            parts.append(sketch.select("row", *KEY, "says").with_columns(kinds, told.str.len_chars().alias("chars")))

    @property
    def chats(self) -> bool:
        """Whether most records ask something."""
        return self._chats * 2 > self._rows

    def first(self, chats: bool) -> pl.DataFrame:
        """`row`, key, `says`, `profile`, `chars` of the first record of each key."""
        parts = self._asked if chats else self._whole
        every = pl.concat(parts) if parts else pl.DataFrame()
        return every.filter(pl.col("hi").is_not_null()).sort("row").unique(KEY, keep="first", maintain_order=True)


def compare(one: Side, other: Side) -> dict[str, Any]:
    """{of, both, same, changed, only: {a, b}, chars: {a, b}, slices: [{profile, n, changed}], shown: [{a, b}], gone: {a, b}}.

    of: answers or labels, what was held against each other; chars: mean length of what is in both. shown, gone: row numbers.
    """
    chats = one.chats and other.chats
    a, b = one.first(chats), other.first(chats)
    both = a.join(b, on=KEY, suffix="_b", maintain_order="left").with_columns(changed=pl.col("says").ne_missing(pl.col("says_b")))
    changed = both.filter("changed")
    only = {"a": a.join(b, on=KEY, how="anti", maintain_order="left"), "b": b.join(a, on=KEY, how="anti", maintain_order="left")}
    slices = both.group_by("profile").agg(pl.len().alias("n"), pl.col("changed").sum()).sort("n", "profile", descending=[True, False])
    few = changed.with_columns(pl.Series("mark", mixed(changed.get_column("row").to_numpy()))).sort("mark").head(SHOWN)
    return {
        "of": "answers" if chats else "labels",
        "both": both.height,
        "same": both.height - changed.height,
        "changed": changed.height,
        "only": {side: rows.height for side, rows in only.items()},
        "chars": {"a": both.get_column("chars").mean(), "b": both.get_column("chars_b").mean()},
        "slices": slices.to_dicts(),
        "shown": few.select(pl.col("row").alias("a"), pl.col("row_b").alias("b")).to_dicts(),
        "gone": {side: rows.get_column("row").head(SHOWN).to_list() for side, rows in only.items()},
    }
