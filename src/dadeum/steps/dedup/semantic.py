"""dedup.semantic: rows that say the same in other words are merged into one of them.

Each row becomes one vector (`dadeum.embed`: a built-in embedding, a folder, an endpoint), and rows whose cosine reaches the threshold
are alike. Whoever leaves is tied to a row that stays and is that near itself, the nearest of those that were there before it:
likeness is not carried along chains, as clusters do (SemDeDup, Abbas et al. 2023, keeps one of each).

What an embedding overlooks must not be merged away. Rows are held against each other only where they agree on

* `against` (the label: the same review as `positive` and as `negative` is a conflict for dedup.exact to tell of),
* tool calls, tools on offer, images; and what `by` leaves out by default: system and tool turns, the two answers of a pair.

Which threshold is right depends on the embedding: `hashed` knows spelling and finds typing errors, particles, endings and a changed
word; it knows no synonyms. Others have a scale of their own: look at the cosines of a run (`dadeum why`) and move the threshold,
which embeds nothing again.

Measured with `hashed` (benchmarks/embeddings.py): the share of changed copies whose cosine reaches the threshold, 1,000 of each
kind among 20,000 other Korean reviews and 7,619 other English questions, and the share of those others that leave, copies among them.

| ko / en     | .8            | .85           | .9            |
|-------------|---------------|---------------|---------------|
| spacing     | .965 / .793   | .904 / .545   | .753 / .239   |
| two typos   | .893 / 1.000  | .808 / 1.000  | .669 / .997   |
| particles   | 1.000 / 1.000 | 1.000 / 1.000 | .999 / 1.000  |
| endings     | .998 / 1.000  | .989 / 1.000  | .916 / 1.000  |
| synonyms    | .753 / .976   | .633 / .963   | .442 / .919   |
| others      | .0082 / .0062 | .0043 / .0022 | .0026 / .0011 |

100,000 reviews: 1.5 CPU-s for the vectors, 26 for approximate neighbours of recall 1.000 (127 of 127 in the sample), 1.1 GB at most.

A sketch is 20 bytes a row and two for each dimension (half precision: an error of at most .0005 in a cosine). The decision holds
them once more in single precision, and once more those that stay where neighbours are approximate.
"""

from __future__ import annotations

import hashlib
import itertools
import weakref
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field

from dadeum import embed
from dadeum.errors import Mistake, RecipeError, StepError
from dadeum.record import CHATS, ROLES, prose, put, turns
from dadeum.step import DECISION, Compare
from dadeum.steps import _key
from dadeum.steps.dedup import _neighbours

SPOKEN: Final = ("text", "user", "assistant")
TOLD: Final = 10
"""Clusters that the report tells one by one."""


@dataclass(frozen=True)
class Semantic(Compare):
    """One row of each meaning stays, those near it are merged into it."""

    model: str = embed.HASHED
    """hashed (built in); a folder with a sentence-transformers or ONNX model; or an OpenAI-compatible endpoint as
    `https://host/v1#model`, its key in $DADEUM_EMBEDDING_KEY."""
    threshold: Annotated[float, Field(gt=0, le=1)] = 0.9
    """Rows at this cosine or above are alike."""
    by: tuple[str, ...] = ()
    """What is embedded: `text`, roles (`user`, ...), other columns. Empty: text, user and assistant."""
    keep: Literal["first", "last", "longest"] = "first"
    """Which of rows that are alike stays: by its place in the input, or the one with the most characters (the first of several)."""
    against: tuple[str, ...] = ("label",)
    """What has to be the same for rows to be merged, named as in dedup.exact; rows that say nothing of it are alike among themselves."""
    dimensions: Annotated[int, Field(ge=0)] = 0
    """Reduce vectors to so many dimensions; 0: as the embedding makes them."""
    method: _neighbours.Method = "auto"
    """exact: every pair is looked at; approximate: by faiss's inverted lists (the extra `embed`), recall measured on a sample;
    auto: exact up to 50,000 rows."""
    late = ("threshold", "keep", "method")

    def __post_init__(self) -> None:
        for name in ("by", "against"):
            for i, column in enumerate(getattr(self, name)):
                if column in _key.UNUSABLE or (name == "by" and column in (*CHATS, "tools")):
                    raise RecipeError(Mistake(f"{name}.{i}", f"{column!r} can't be compared here", f"text, roles ({', '.join(ROLES)}) or a column"))
        embed.load(self.model, self.dimensions)

    @property
    def reads(self) -> tuple[str, ...]:
        return _key.columns((*self.by, *self.against))

    def key_without(self, *without: str) -> str:
        """As every step's, the model by what its vectors depend on."""
        told = [super().key_without("model", "dimensions", *without), embed.load(self.model, self.dimensions).key]
        return hashlib.blake2b("\n".join(told).encode(), digest_size=16).hexdigest()

    def sketch(self, rows: pl.DataFrame) -> pl.DataFrame:
        """`row`, `says` (what must be equal), `length`, `vector` (null: the row says nothing that can be embedded)."""
        texts = self._texts(rows)
        vectors = embed.load(self.model, self.dimensions).vectors(texts)
        # A list and no array: a shard in which nobody says anything can't know the number of dimensions.
        lists = pl.Series("vector", vectors.astype(np.float16)).cast(pl.List(pl.Float16))
        some = pl.DataFrame([lists, pl.Series("some", vectors.any(axis=1))])
        lists = some.select(pl.when("some").then("vector").alias("vector")).to_series()
        length = texts.str.len_chars().fill_null(0).alias("length")
        return pl.DataFrame([rows.get_column("row"), self._says(rows), length, lists])

    def relate(self, sketches: pl.DataFrame) -> pl.DataFrame:
        """The rows that have a vector and someone to be held against, by `row`."""
        rows = sketches.filter(pl.col("vector").is_not_null())
        if rows.get_column("vector").list.len().n_unique() > 1:
            raise StepError(f"{self.name}: {self.model} gave vectors of several lengths: it changed while it was in use. Empty its cache")
        return rows.filter(pl.len().over("says") > 1).sort("row")

    def decide(self, related: pl.DataFrame) -> pl.DataFrame:
        """DECISION: `alike` (merged; value: the cosine with the witness)."""
        return self._answer(related)[0]

    def report(self, related: pl.DataFrame) -> dict[str, Any]:
        """Which embedding and how good, how neighbours were found, clusters (a row that stays and those that left for it)."""
        decision, told = self._answer(related)
        made = embed.load(self.model, self.dimensions)
        clusters = decision.group_by("witness").agg(pl.len().alias("left"), pl.col("value").min().alias("farthest"), pl.col("value").max().alias("nearest"))
        clusters = clusters.sort(["left", "witness"], descending=[True, False])
        sizes = clusters.group_by(pl.col("left") + 1).agg(pl.len().alias("clusters")).sort("left")
        return {
            "embedding": made.name,
            "spearman": made.measured or "not measured for this embedding: benchmarks/embeddings.py --model tells",
            "compared_rows": related.height,
            **told,
            "merged_rows": decision.height,
            "clusters": clusters.height,
            "clusters_by_size": {str(size): count for size, count in sizes.rows()},
            "largest": clusters.head(TOLD).select(pl.col("witness").alias("row"), (pl.col("left") + 1).alias("rows"), "nearest", "farthest").to_dicts(),
        }

    def _answer(self, related: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, Any]]:
        """Decision and how it was found; the last one is remembered, since `report` asks for what `decide` has just found."""
        global _last
        if _last is None or _last[0]() is not related or _last[1] != self:
            _last = (weakref.ref(related), self, self._decided(related))
        return _last[2]

    def _decided(self, related: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, Any]]:
        order = {"first": [], "last": [-pl.col("row").cast(pl.Int64)], "longest": [-pl.col("length").cast(pl.Int64)]}[self.keep]
        rows = related.sort(["says", *order, "row"])
        row, says = rows.get_column("row").to_numpy(), rows.get_column("says").to_numpy()
        witness, cosine = np.full(len(row), -1, dtype=np.int64), np.full(len(row), np.nan)
        told: list[dict[str, Any]] = []
        edges = np.flatnonzero(says[1:] != says[:-1]) + 1
        for start, stop in itertools.pairwise([0, *edges.tolist(), len(row)] if len(row) else []):
            vectors = _unit(rows.get_column("vector").slice(start, stop - start))
            found = _neighbours.leave(vectors, self.threshold, self.method)
            witness[start:stop] = np.where(found.witness >= 0, found.witness + start, -1)
            cosine[start:stop] = found.cosine
            told.append(found.told)
        leaving = np.flatnonzero(witness >= 0)
        decision = pl.DataFrame({"row": row[leaving], "witness": row[witness[leaving]], "value": cosine[leaving]}).with_columns(
            state=pl.lit("merged"), reason=pl.lit("alike"), threshold=pl.lit(self.threshold)
        )
        return decision.select(DECISION.names()).cast(DECISION).sort("row"), _together(told)

    def _texts(self, rows: pl.DataFrame) -> pl.Series:
        """What is embedded of each row; null where it says nothing of it."""
        names = self.by or SPOKEN
        said = prose(rows, [name for name in names if name == "text" or name in ROLES])
        others = [rows.get_column(name).cast(pl.String) for name in names if name != "text" and name not in ROLES]
        if not others:
            return said
        frame = pl.DataFrame([part.alias(str(i)) for i, part in enumerate([said, *others])])
        return frame.select(pl.concat_str(pl.all(), separator="\n", ignore_nulls=True)).to_series()

    def _says(self, rows: pl.DataFrame) -> pl.Series:
        """A mark of all that must be equal."""
        rest = () if self.by else ("system", "developer", "tool", "chosen", "rejected", "tools")
        parts = [_key.said(rows, self.against), _key.said(rows, rest) if rest else None, None if self.by else _unspoken(rows)]
        frame = pl.DataFrame([part.alias(str(i)) for i, part in enumerate(parts) if part is not None])
        joined = frame.select(pl.concat_str(pl.all().fill_null("\x1f"), separator="\x1e").alias("says")).to_series()
        return _key.marks(joined).alias("says")


_last: tuple[weakref.ref[pl.DataFrame], Semantic, tuple[pl.DataFrame, dict[str, Any]]] | None = None


def _unspoken(rows: pl.DataFrame) -> pl.Series:
    """Tool calls and parts that are no text, of the turns of `messages`, as one string a row; null where there are none."""
    none = pl.Series("unspoken", [None], dtype=pl.String).new_from_index(0, rows.height)
    if rows.get_column("messages").null_count() == rows.height:
        return none
    flat = turns(rows, "messages").filter(pl.any_horizontal(pl.col("tool_calls", "parts").is_not_null()))
    joined = flat.select("index", pl.concat_str(pl.col("tool_calls", "parts").fill_null(""), separator="\x1d").alias("told"))
    joined = joined.group_by("index", maintain_order=True).agg(pl.col("told").str.join("\x1e"))
    return put(none, joined.get_column("index"), joined.get_column("told"))


def _unit(vectors: pl.Series) -> npt.NDArray[np.float32]:
    """`[n, d]` of length 1 again, after half precision."""
    made = vectors.explode().to_numpy().reshape(len(vectors), -1).astype(np.float32)
    return made / np.sqrt(np.einsum("nd,nd->n", made, made))[:, None]


def _together(told: list[dict[str, Any]]) -> dict[str, Any]:
    """What several searches told, as one."""
    sampled = [one for one in told if "recall" in one]
    if not sampled:
        return {"method": "exact"}
    had = sum(one["have_a_neighbour"] for one in sampled)
    found = sum(one["recall"] * one["have_a_neighbour"] for one in sampled)
    return {"method": "approximate", "sampled": sum(one["sampled"] for one in sampled), "have_a_neighbour": had, "recall": round(found / max(had, 1), 4)}
