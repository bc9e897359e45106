"""What the quality rules measure on lines, for all texts of a batch at once.

Most texts of fine-tuning data are one line: what holds of it is a share of 0 or 1, and it was not there before. Only texts of several lines
are cut, and of the measures only those that are asked for are taken: for short rows a fifth of the time of grouping all of them.
"""

from __future__ import annotations

from typing import Final

import polars as pl

C4_LINE: Final = r"(?i)javascript|terms of use|privacy policy|cookie policy|uses cookies|use of cookies|use cookies"
BULLET: Final = r"^[-*•●▪◦○■□➢→‣⁃]"
ENDS: Final = r"[.!?。！？…~]['\"”’)\]」』]*$|['\"”’]$"
ENDS_KO: Final = r"(?:[.!?。！？…~]['\"”’)\]」』]*|['\"”’]|다|요|죠|음|함|임|됨|것|까|네)$"

_LINE: Final = pl.col("line")
_KEPT: Final = (
    _LINE.str.contains(r"[.?!\"']$") & ~_LINE.str.ends_with("...") & _LINE.str.contains(r"\S+\s+\S+\s+\S+") & ~_LINE.str.contains(C4_LINE)
)
SHARES: Final[dict[str, pl.Expr]] = {
    "ends": _LINE.str.contains(ENDS),
    "ends_ko": _LINE.str.contains(ENDS) | _LINE.str.contains(ENDS_KO),
    "bullet_lines": _LINE.str.contains(BULLET),
    "ellipsis_lines": _LINE.str.ends_with("...") | _LINE.str.ends_with("…"),
    "short_lines": _LINE.str.len_chars() <= 30,
    "lines_kept": _KEPT,
}
SUMS: Final[dict[str, pl.Expr]] = {
    "lines": pl.lit(1),
    "sentences": pl.when(_KEPT).then(_LINE.str.count_matches(r"[.!?]+[\"']*(?:\s|$)")).otherwise(0),
}
TWICE: Final = {"line": "\n", "paragraph": "\n\n"}
DUPLICATES: Final = tuple(f"duplicate_{part}{of}" for part in TWICE for of in ("s", "_characters"))
NAMES: Final = (*SHARES, *SUMS, *DUPLICATES, "newlines")


def lines(texts: pl.Series, wanted: tuple[str, ...] = NAMES) -> pl.DataFrame:
    """Those of NAMES that are wanted, a line per text (no nulls).

    lines: those that are not blank; and of them the share that ends in a mark (`ends`; `ends_ko`: or in a Korean sentence ending), is a bullet, ends
    in an ellipsis, is short (30 characters at most), was there before (`duplicate_lines`, `duplicate_line_characters`; the same of
    paragraphs). C4's: `lines_kept`, a share, and `sentences` in the lines that are kept. `newlines`: their number.

    >>> lines(pl.Series(["The end.", "- one\\n- one"]), ("lines", "ends", "bullet_lines", "duplicate_lines")).rows()
    [(1.0, 0.0, 1.0, 0.0), (0.0, 1.0, 2.0, 0.5)]
    """
    made = {name: e for name, e in (SHARES | SUMS).items() if name in wanted}
    whole = texts.str.strip_chars().to_frame("line")
    told = whole.select(pl.when(_LINE != "").then(e.cast(pl.Float64)).otherwise(0.0).alias(name) for name, e in made.items())
    twice = [name for name in DUPLICATES if name in wanted]
    if not told.width:
        told = pl.DataFrame({"": pl.Series([0.0]).new_from_index(0, len(texts))})
    told = told.with_columns(pl.lit(0.0).alias(name) for name in (*twice, *({"newlines"} & set(wanted))))
    several = texts.str.contains("\n", literal=True).arg_true()
    if len(several):
        frame = pl.DataFrame({"at": pl.int_range(len(several), dtype=pl.UInt32, eager=True), "line": texts.gather(several)})
        found = _cut(frame, made)
        for part, between in TWICE.items():
            if any(name.startswith(f"duplicate_{part}") for name in twice):
                found = found.with_columns(_twice(frame, part, between, found.height))
        found = found.with_columns(frame.get_column("line").str.count_matches("\n", literal=True).cast(pl.Float64).alias("newlines"))
        told = told.with_columns(told.get_column(name).scatter(several, found.get_column(name)) for name in told.columns if name in found.columns)
    return told.select(name for name in NAMES if name in wanted)


def _cut(frame: pl.DataFrame, made: dict[str, pl.Expr]) -> pl.DataFrame:
    """Shares and sums of texts, line by line; `at` and the measures."""
    cut = frame.with_columns(pl.col("line").str.split("\n")).explode("line").with_columns(_LINE.str.strip_chars()).filter(_LINE != "")
    cut = cut.select("at", *(e.cast(pl.Float64).alias(name) for name, e in made.items()))
    told = cut.group_by("at").agg(pl.col(name).sum() if name in SUMS else pl.col(name).mean() for name in made)
    return frame.select("at").join(told, on="at", how="left", maintain_order="left").fill_null(0.0)


def _twice(frame: pl.DataFrame, part: str, between: str, n: int) -> list[pl.Series]:
    """Both shares of what stood in the text before."""
    whole = frame.with_columns(_LINE.str.replace_all(r"\n{3,}", "\n\n").str.split(between))
    parts = whole.explode("line").with_columns(_LINE.str.strip_chars()).filter(_LINE != "")
    sizes = parts.group_by("at", "line", maintain_order=True).len().with_columns(_LINE.str.len_chars().cast(pl.Float64).alias("size"))
    again, many, size = pl.col("len") - 1, pl.col("len"), pl.col("size")
    shares = sizes.group_by("at", maintain_order=True).agg(again.sum() / many.sum(), (again * size).sum().alias("c") / (many * size).sum())
    none = pl.Series([0.0]).new_from_index(0, n)
    names = (f"duplicate_{part}s", f"duplicate_{part}_characters")
    return [none.clone().scatter(shares.get_column("at"), shares.to_series(i + 1)).alias(name) for i, name in enumerate(names)]
