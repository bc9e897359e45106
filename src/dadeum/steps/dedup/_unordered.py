"""Keys that don't tell orders apart: what a record says as a bag of parts.

A part is a text, a turn with its role, a column's value, or an element where that value is a list in JSON. Parts of columns do
not say which column they stand in, so the sentence pairs (a, b) and (b, a) are one; a question and its answer that changed roles
are not. Every part counts as often as it is said: (a, a) is not (a).
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson
import polars as pl

from dadeum.record import CHATS, ROLES, turns
from dadeum.steps import _key

BAG = "bag"


def digests(rows: pl.DataFrame, by: Sequence[str] = (), profile: str = "auto") -> tuple[pl.Series, pl.Series]:
    """As `_key.digests`, whatever order the parts stand in."""
    return _key.digests(rows.with_columns(bags(rows, by, profile)), (BAG,), profile)


def bags(rows: pl.DataFrame, by: Sequence[str] = (), profile: str = "auto") -> pl.Series:
    """The sorted parts of each record as one string; null where it says nothing of `by` (all that it says, where that is empty)."""
    names = by or ("text", *CHATS, "tools")
    roles = [name for name in names if name in ROLES]
    parts = []
    if "text" in names:
        parts.append(_parts(_key.normal(rows.get_column("text"), profile)))
    for field in CHATS:
        if rows.get_column(field).null_count() < rows.height and (roles or field in names):
            parts.append(_turns(rows, field, None if field in names else roles, profile))
    for name in names:
        if name != "text" and name not in ROLES and name not in CHATS:
            found = _parts(rows.get_column(name).cast(pl.String))
            parts.append(_elements(found))
    every = pl.concat([part.drop_nulls("part") for part in parts]) if parts else pl.DataFrame(schema={"index": pl.UInt32, "part": pl.String})
    # Each part with its length in front: no two bags are joined to the same string.
    measured = pl.concat_str(pl.col("part").str.len_bytes(), pl.lit(":"), pl.col("part"))
    joined = every.sort("index", "part").group_by("index", maintain_order=True).agg(measured.str.join("").alias(BAG))
    index = pl.DataFrame({"index": pl.int_range(rows.height, dtype=pl.UInt32, eager=True)})
    return index.join(joined, on="index", how="left", maintain_order="left").get_column(BAG)


def _parts(values: pl.Series) -> pl.DataFrame:
    return pl.DataFrame({"index": pl.int_range(len(values), dtype=pl.UInt32, eager=True), "part": values})


def _turns(rows: pl.DataFrame, field: str, roles: list[str] | None, profile: str) -> pl.DataFrame:
    """A part a turn: of these roles, or of all of them with names and tool calls."""
    flat = turns(rows, field)
    told = [pl.lit(field), pl.col("role").fill_null(""), pl.col("key").fill_null("")]
    if roles is None:
        told += [pl.col(c).fill_null("") for c in ("name", "parts", "tool_calls")]
    else:
        flat = flat.filter(pl.col("role").is_in(roles))
    flat = flat.with_columns(_key.normal(flat.get_column("content"), profile).alias("key"))
    return flat.select(pl.col("index").cast(pl.UInt32), pl.concat_str(told, separator="\x1f").alias("part"))


def _elements(found: pl.DataFrame) -> pl.DataFrame:
    """A part an element where a value is a list."""
    lists = found.get_column("part").str.starts_with("[").fill_null(False)
    if not lists.any():
        return found
    some = found.filter(lists)
    split = pl.Series("part", [_split(value) for value in some.get_column("part").to_list()], dtype=pl.List(pl.String))
    return pl.concat([found.filter(~lists), some.with_columns(split).explode("part")])


def _split(value: str) -> list[str]:
    try:
        return [orjson.dumps(element, option=orjson.OPT_SORT_KEYS).decode() for element in orjson.loads(value)] or [value]
    except orjson.JSONDecodeError:
        return [value]
