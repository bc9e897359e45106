"""clean.mojibake: text that was read by a wrong code page, put right where that can be done without loss, named where it can't.

* Repaired: UTF-8 read as cp1252, Latin-1, cp1250 to cp1258, cp437, cp850, cp852, cp866, cp874, KOI8-R, Mac Roman, Mac Cyrillic, cp949, GB 18030,
  Shift-JIS, EUC-JP or Big5; cp949 read as one of them; Johab read as cp949; cp1252 read as Latin-1 or, where a single reading makes English (it抯), as one of these pages; and all that twice and more.
  Every repair is exact: broken again, it is the text that came. Such rows are marked in `reconstructed`.
* Named: text in which bytes are gone (U+FFFD, 占쏙옙, words of `?`, don?t, syllables without their third byte, what a page of two bytes leaves of
  Korean, single signs of East Asia inside English). It stays as it is, never
  half repaired; `mojibake` says `lossy: ...`, and `determined` which share of it is certain.

`filter.threshold: {column: determined, min: 1}` drops what can't be repaired; `missing` there keeps the rows that were never broken.
Run it before clean.unicode, which takes the control characters away that are its evidence. See `_pages.py` for the proof that a
text is broken, and `_mojibake.py` for the order of things.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from dadeum.record import CONTENTS, lift, rewrite
from dadeum.step import Edit, TextStep
from dadeum.steps.clean._mojibake import SUSPECT, Finding, look
from dadeum.steps.clean._strings import by_row, earlier, strings


@dataclass(frozen=True)
class Mojibake(TextStep, Edit):
    """Repair what a wrong code page did."""

    writes = (*CONTENTS, "mojibake", "determined", "reconstructed")
    repair: bool = True
    """Whether to repair. False only fills the columns: `mojibake` then says what could be undone."""

    @property
    def looks(self) -> tuple[str, ...]:
        return self.writes

    def guard(self) -> pl.Expr:
        return pl.col("content").str.contains(SUSPECT)

    def edit(self, rows: pl.DataFrame) -> pl.DataFrame:
        said = strings(rows, self.on, self.guard())
        found: dict[str, Finding] = {s: f for s in said.get_column("content").unique().to_list() if (f := look(s))}
        told = said.filter(pl.col("content").is_in(list(found)))
        findings = [found[s] for s in told.get_column("content").to_list()]
        told = told.select(
            "index",
            pl.Series("mojibake", [f.kind for f in findings], dtype=pl.String),
            pl.Series("determined", [f.determined for f in findings], dtype=pl.Float64),
            pl.Series("reconstructed", [self.repair and f.determined == 1 for f in findings], dtype=pl.Boolean),
        )
        kinds = pl.col("mojibake").unique(maintain_order=True).str.join("; ")
        columns = by_row(rows, told, kinds, pl.col("determined").min(), pl.col("reconstructed").any())
        mended = {s: f.text for s, f in found.items() if f.text != s}
        if self.repair and mended:
            rows = rewrite(rows, self.on, lift(lambda s: mended[s]), pl.col("content").is_in(list(mended)))
        return rows.with_columns(earlier(rows, columns))
