"""guard.policy: what the user's own lists say must not get in: words, phrases and regular expressions, Korean and English.

    - guard.policy: {lists: [lists/competitors.txt], words: [사내 코드명], patterns: ['PRJ-[0-9]{4}'], mode: mask}

A list is a text file with an entry a line, `re:` before a regular expression, `#` before a remark. Words are found in any case, width
and spacing, with Korean particles behind them (`_lists.py`). mode `mask` puts `mask` in place of each; `flag` edits nothing. Both write
`policy` (the entries found) and `policy_hits` (how many times).

To drop rows takes one line more, for a step either edits or drops. The cut then moves without a new search (`max: 2` lets two
mentions pass), and the ledger holds how many entries each dropped row had:

    - guard.policy: {lists: [lists/competitors.txt]}
    - filter.threshold: {column: policy_hits, max: 0}

    dadeum apply guard.policy filter.threshold IN -o OUT --set 'guard.policy.lists=[a.txt]' --set filter.threshold.column=policy_hits --set filter.threshold.max=0
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import polars as pl

from dadeum.errors import Mistake, RecipeError
from dadeum.record import CONTENTS, put, rewrite
from dadeum.step import Edit, Inputs, TextStep
from dadeum.steps.clean._strings import by_row, earlier, strings
from dadeum.steps.guard._lists import Lists, read

ROUNDS = 8
"""A mask can bring together what makes another entry: looked for until nothing is found, this often at most."""


@dataclass(frozen=True)
class Policy(TextStep, Edit):
    """Words that the user's lists forbid."""

    writes = (*CONTENTS, "policy", "policy_hits")
    words: tuple[str, ...] = ()
    """Words and phrases."""
    patterns: tuple[str, ...] = ()
    """Regular expressions of the Rust engine (linear time; no lookaround)."""
    lists: Inputs = ()
    """Files of entries."""
    whole: bool = True
    """Whether an entry has to stand as a word; else it is found inside other words too."""
    mode: Literal["mask", "flag", "drop"] = "flag"
    """mask: put `mask` in its place. flag: only tell. drop is a filter's: the message says which."""
    mask: str = "[BLOCKED]"
    """What stands for an entry."""

    def __post_init__(self) -> None:
        if self.mode == "drop":
            raise RecipeError(Mistake("mode", "drop is a filter's to do", "mode: flag, and after it `filter.threshold: {column: policy_hits, max: 0}`"))
        mistakes = [Mistake(f"words.{i}", "is empty") for i, word in enumerate(self.words) if not word.strip()]
        if not (self.words or self.patterns or self.lists):
            mistakes.append(Mistake("words", "is missing: the step would find nothing", "give words, patterns or lists"))
        if mistakes:
            raise RecipeError(mistakes)
        own = read(self.words, self.patterns, (), self.whole)
        if self.mode == "mask" and any(own.find([self.mask])):
            raise RecipeError(Mistake("mask", f"{self.mask!r} holds an entry itself: twice would not be once"))

    @cached_property
    def _lists(self) -> Lists:
        lists = read(self.words, self.patterns, self.lists, self.whole)
        if not (lists.words or lists.patterns):
            raise RecipeError(Mistake(f"{self.name}.lists", "the files hold no entry"))
        if self.mode == "mask" and any(lists.find([self.mask])):
            raise RecipeError(Mistake(f"{self.name}.mask", f"{self.mask!r} holds an entry of the lists: twice would not be once"))
        return lists

    def guard(self) -> pl.Expr:
        return self._lists.suspects(pl.col("content"))

    def edit(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Raises RecipeError if a list can't be read or holds nothing."""
        said = strings(rows, self.on, self.guard())
        spans = self._lists.find(said.get_column("content").to_list())
        told = pl.DataFrame({"index": said.get_column("index"), "entry": [[s[2] for s in found] for found in spans]}, schema={"index": pl.UInt32, "entry": pl.List(pl.String)})
        told = told.filter(pl.col("entry").list.len() > 0).explode("entry")
        entries = pl.col("entry").unique(maintain_order=True).str.join(", ").alias("policy")
        columns = by_row(rows, told, entries, pl.len().cast(pl.UInt32).alias("policy_hits"))
        if self.mode == "mask":
            rows = rewrite(rows, self.on, lambda e: e.map_batches(self._masked, return_dtype=pl.String, is_elementwise=True), self.guard())
        hits = columns.get_column("policy_hits").fill_null(0)
        if "policy_hits" in rows.columns:  # found before, and masked since
            before = rows.get_column("policy_hits").cast(pl.UInt32, strict=False).fill_null(0)
            hits = pl.select(pl.max_horizontal(before, hits).alias("policy_hits")).to_series()
        return rows.with_columns(*earlier(rows, columns.select("policy")), hits)

    def _masked(self, texts: pl.Series) -> pl.Series:
        at = texts.is_not_null().arg_true()
        made = texts.gather(at).to_list()
        for _ in range(ROUNDS):
            spans = self._lists.find(made)
            if not any(spans):
                break
            made = [self._with(text, found) if found else text for text, found in zip(made, spans)]
        return put(texts, at, pl.Series(made, dtype=pl.String))

    def _with(self, text: str, spans: list[tuple[int, int, str]]) -> str:
        out, end = [], 0
        for start, stop, _ in spans:
            out += [text[end:start], self.mask]
            end = stop
        return "".join(out) + text[end:]
