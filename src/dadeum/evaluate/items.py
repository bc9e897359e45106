"""Held-out items out of a dataset's rows: what is asked, what is expected, and what belongs together.

An item is a record whose chat ends with the assistant turn that is expected: the prompt is everything before it, the reference is its
text. What came after it is left off. A preference pair asks its prompt and expects `chosen`. A row without a prompt or
without an assistant turn makes no item.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import polars as pl

from dadeum.errors import Mistake, RecipeError, nearest
from dadeum.record import RECORD, TURNS, chats, put, turns


def items(rows: pl.DataFrame, cluster: str = "", count: int = 0, seed: int = 0, carry: Sequence[str] = ()) -> pl.DataFrame:
    """The items of a frame with RECORD's columns, in the order of its rows: RECORD, then `reference` and `cluster` (strings).

    cluster: the column whose equal values belong together; '' gives null, each item by itself. count: draw so many by `seed` (0
    takes all); the draw goes by ids alone, so neither the order of rows nor other rows change an item's luck. carry: columns to keep as well
    (null where `rows` has none of the name). Raises RecipeError when the column of `cluster` does not exist.

    >>> from dadeum.record import records
    >>> said = [{"role": "user", "content": "1+1"}, {"role": "assistant", "content": "2"}, {"role": "user", "content": "Thanks"}]
    >>> items(records([{"messages": said}, {"text": "no chat"}])).select("id", "reference", pl.col("messages").list.len()).rows()
    [('0', '2', 2)]
    """
    if cluster and cluster not in rows.columns:
        raise RecipeError(Mistake("prove.cluster", f"the held-out rows have no column {cluster}", nearest(cluster, rows.columns)))
    flat = pl.concat([turns(rows, "messages"), turns(rows, "chosen")]).sort("index", maintain_order=True)
    flat = flat.with_columns(pl.int_range(pl.len()).over("index").alias("turn"))
    last = flat.filter(pl.col("role") == "assistant").group_by("index").agg(pl.col("turn").max().alias("last"))
    flat = flat.join(last.filter(pl.col("last") > 0), on="index", how="inner", maintain_order="left")
    answers = flat.filter(pl.col("turn") == pl.col("last"))
    index, said = chats(rows, flat.filter(pl.col("turn") <= pl.col("last")).drop("turn", "last"))
    nothing = pl.Series([None], dtype=pl.String).new_from_index(0, rows.height)
    made = rows.select(*RECORD).with_columns(
        put(pl.Series([None], dtype=TURNS).new_from_index(0, rows.height), index, said).alias("messages"),
        *(pl.lit(None, dtype=TURNS).alias(field) for field in ("chosen", "rejected")),
        put(nothing, answers.get_column("index"), answers.get_column("content")).alias("reference"),
        (rows.get_column(cluster).cast(pl.String) if cluster else nothing).alias("cluster"),
        *((rows.get_column(c) if c in rows.columns else nothing).alias(c) for c in carry if c not in RECORD),
    )
    made = made.filter(pl.col("reference").is_not_null())
    if not count or made.height <= count:
        return made
    ids = made.get_column("id").to_list()
    order = sorted(range(len(ids)), key=lambda i: (_rank(seed, ids[i]), ids[i]))
    return made[sorted(order[:count])]


def _rank(seed: int, name: str) -> bytes:
    return hashlib.blake2b(f"{seed}\0{name}".encode("utf-8", "surrogatepass"), digest_size=16).digest()
