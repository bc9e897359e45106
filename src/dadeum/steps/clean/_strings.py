"""The strings that a step looks at, one a line, and the columns that it writes of them, one value a record."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from dadeum.record import CHATS, turns


def strings(rows: pl.DataFrame, on: Sequence[str], where: pl.Expr | None = None) -> pl.DataFrame:
    """`index` (position of the record), `role` (`text` for the text) and `content` of every string that `on` names.

    where: an expression on `content`; only strings for which it is true. Nulls are left out.
    """
    roles = [role for role in on if role != "text"]
    parts = []
    if "text" in on:
        column = rows.get_column("text")
        parts.append(pl.DataFrame({"index": pl.int_range(rows.height, dtype=pl.UInt32, eager=True), "content": column}))
        parts[0] = parts[0].select("index", pl.lit("text").alias("role"), "content")
    for field in CHATS if roles else ():
        parts.append(turns(rows, field).filter(pl.col("role").is_in(roles)).select("index", "role", "content"))
    chosen = pl.col("content").is_not_null() if where is None else where.fill_null(False)
    return pl.concat([part.filter(chosen) for part in parts]) if parts else _none()


def _none() -> pl.DataFrame:
    return pl.DataFrame(schema={"index": pl.UInt32(), "role": pl.String(), "content": pl.String()})


def by_row(rows: pl.DataFrame, told: pl.DataFrame, *columns: pl.Expr) -> pl.DataFrame:
    """The columns, one line for each of `rows`: aggregates over the lines of `told` with its `index`, null where it has none."""
    every = pl.DataFrame({"index": pl.int_range(rows.height, dtype=pl.UInt32, eager=True)})
    made = told.group_by("index", maintain_order=True).agg(*columns)
    return every.join(made, on="index", how="left", maintain_order="left").drop("index")


def earlier(rows: pl.DataFrame, columns: pl.DataFrame) -> list[pl.Series]:
    """The columns, but what stands in `rows` already stays: what a step found is still told when it has been mended and the step
    comes again."""
    made = []
    for column in columns:
        if column.name in rows.columns:
            before = rows.get_column(column.name).cast(column.dtype)
            column = before.fill_null(column)
        made.append(column)
    return made
