"""annotate.topic: what rows are about, as clusters named by their words, and what instructions ask for.

| column        | what it holds                                                                                              |
|---------------|------------------------------------------------------------------------------------------------------------|
| `topic`       | the three words that set the row's cluster apart, as "배송, 환불, 택배"; null where a row has no word that others have |
| `topic_share` | how near the row is to the middle of its cluster (cosine)                                                     |
| `verb`        | what the first user turn (or the text) asks for: 요약하다, write; null where it is no request (`_instruction.py`)  |
| `object`      | of what: 글, poem                                                                                            |

Words are letters in lower case, Korean ones without their commonest particles, at most `WORDS` of a row; those of grammar and those that fewer
than 3 or more than three in ten rows have are left out. Spherical k-means on their tf-idf, hashed into `PLACES` places: it begins with the row
nearest the middle and goes on with the one farthest from all before, so no chance is involved, and rows are put in the order of what they say, so
neither is theirs. A cluster is named by words that are frequent in it and rare elsewhere (c-TF-IDF, Grootendorst 2022). Clusters are made
of rows of the same words: no model knows that 배송 and 택배 are alike. Of more than `SAMPLE` rows the middles come from that many, chosen by hash.
A sketch is a row's words, about 100 bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final

import numpy as np
import polars as pl
from pydantic import Field

from dadeum.embed.hashed import NOT, STOP
from dadeum.record import prose, put, turns
from dadeum.step import Compare, TextStep
from dadeum.steps import _key
from dadeum.steps.annotate._instruction import parsed

WORDS: Final = 40
PLACES: Final = 1024
SAMPLE: Final = 20_000
ROUNDS: Final = 30
BLOCK: Final = 4096
NAMED: Final = 3
LETTERS: Final = r"\p{Hangul}{2,12}|\p{Latin}[\p{Latin}'’]{2,20}"
PARTICLES: Final = r"^(\p{Hangul}{2,}?)(?:에서는|에게서|으로는|이라는|이라고|에서|에게|으로|까지|부터|처럼|보다|이나|하고|은|는|을|를|의|에|도|만|로|와|과)$"
SMALL: Final = tuple(f"{STOP} {NOT} 그냥 정말 너무 진짜 많이 아주 제가 저는 어떤 이런 그런 무엇 어떻게 다음 주세요 같은 같아요 about how please not just very get got any more".split())


@dataclass(frozen=True)
class Topic(TextStep, Compare):
    """Writes each row's topic, and the verb and object of what is asked."""

    clusters: Annotated[int, Field(ge=1, le=500)] = 20
    """How many topics are looked for; fewer are made where rows are too few or too alike."""
    writes = ("topic", "topic_share", "verb", "object")
    late = ("clusters",)

    def sketch(self, rows: pl.DataFrame) -> pl.DataFrame:
        """`row`, `words`, `says` (a hash of them), `verb`, `object`."""
        asked = pl.select(pl.coalesce(_first(rows), rows.get_column("text"))).to_series()
        found = [parsed(text) if text else (None, None) for text in asked.to_list()]
        words = prose(rows, self.on).fill_null("").str.normalize("NFC").str.to_lowercase().str.extract_all(LETTERS)
        bare = pl.element().str.replace(PARTICLES, "$1")
        words = words.list.eval(bare.filter(~bare.is_in(list(SMALL))).unique(maintain_order=True).head(WORDS))
        return pl.DataFrame({
            "row": rows.get_column("row"), "words": words.cast(pl.List(pl.String)), "says": _key.marks(words.list.join(" ")),
            "verb": pl.Series([v for v, _ in found], dtype=pl.String), "object": pl.Series([o for _, o in found], dtype=pl.String),
        })  # fmt: skip

    def decide(self, related: pl.DataFrame) -> pl.DataFrame:
        """`row` and the columns of `writes`."""
        rows = related.sort("says", "row").with_row_index("at")
        flat = _weighed(rows)
        topic = pl.Series("topic", [None], dtype=pl.String).new_from_index(0, rows.height)
        near = pl.Series("topic_share", [None], dtype=pl.Float64).new_from_index(0, rows.height)
        if flat.height:
            have, back = np.unique(flat.get_column("at").to_numpy(), return_inverse=True)
            vectors = _vectors(flat, back, len(have))
            group, share = _clustered(vectors, self.clusters)
            names = _names(flat.get_column("word"), group[back])
            topic = topic.scatter(have, [names[g] for g in group.tolist()])
            near = near.scatter(have, share.round(4).tolist())
        return rows.select("row", topic, near, "verb", "object").sort("row")

    def report(self, related: pl.DataFrame) -> dict[str, Any]:
        """Rows by topic, verb and by verb with object, the most frequent first; the share of rows that ask for something."""
        told = self.decide(related)
        pairs = told.filter(pl.col("object").is_not_null()).select((pl.col("verb") + " " + pl.col("object")).alias("pair")).to_series()
        columns = {"topics": told.get_column("topic"), "verbs": told.get_column("verb"), "verb_object": pairs}
        return {**{name: _most(c) for name, c in columns.items()}, "requests": told.get_column("verb").count() / max(1, told.height)}


def _most(values: pl.Series) -> dict[str, int]:
    """The thirty most frequent values of those that three rows or more have."""
    counts = values.drop_nulls().rename("value").value_counts().sort(["count", "value"], descending=[True, False])
    return dict(counts.filter(pl.col("count") > 2).head(30).rows())


def _first(rows: pl.DataFrame) -> pl.Series:
    """The first user turn of each row."""
    flat = turns(rows, "messages").filter((pl.col("role") == "user") & pl.col("content").is_not_null())
    flat = flat.unique("index", keep="first", maintain_order=True)
    none = pl.Series("asked", [None], dtype=pl.String).new_from_index(0, rows.height)
    return put(none, flat.get_column("index"), flat.get_column("content"))


def _weighed(rows: pl.DataFrame) -> pl.DataFrame:
    """`at`, `word`, `weight` of every word that neither too few rows have nor too many."""
    flat = rows.select("at", "words").explode("words", empty_as_null=True, keep_nulls=True).drop_nulls().rename({"words": "word"})
    flat = flat.with_columns(rows=pl.len().over("word"))
    flat = flat.filter(pl.col("rows").is_between(3, max(3, 0.3 * rows.height)))
    return flat.select("at", "word", (rows.height / pl.col("rows")).log().alias("weight")).sort("at", "word")


def _vectors(flat: pl.DataFrame, at: np.ndarray, n: int) -> np.ndarray:
    """`[n, PLACES]` unit vectors, float32: the weights of words, hashed with a sign."""
    marks = _key.marks(flat.get_column("word")).to_numpy()
    signed = np.where(marks >> np.uint64(63), 1.0, -1.0) * flat.get_column("weight").to_numpy()
    out = np.zeros((n, PLACES), dtype=np.float32)
    np.add.at(out, (at, (marks % np.uint64(PLACES)).astype(np.int64)), signed.astype(np.float32))
    return out / np.maximum(np.sqrt((out * out).sum(1, keepdims=True)), 1e-9)


def _clustered(vectors: np.ndarray, clusters: int) -> tuple[np.ndarray, np.ndarray]:
    """(cluster, cosine with its middle) of each row. The first rows, ordered by a hash, are the sample that makes the middles."""
    sample = vectors[:SAMPLE]
    middles = _begun(sample, clusters)
    group = np.full(len(sample), -1)
    for _ in range(ROUNDS):
        new = (sample @ middles.T).argmax(1)
        if (new == group).all():
            break
        group = new
        sums = np.stack([sample[group == g].sum(0) for g in range(len(middles))])
        size = np.sqrt((sums * sums).sum(1, keepdims=True))
        middles = np.where(size > 0, sums / np.maximum(size, 1e-9), middles)
    parts = [vectors[start : start + BLOCK] @ middles.T for start in range(0, len(vectors), BLOCK)]
    every = np.concatenate(parts)
    return every.argmax(1), every.max(1).astype(np.float64)


def _begun(sample: np.ndarray, clusters: int) -> np.ndarray:
    """The first middles: the row nearest the middle of all, then the one that is farthest from all before, until none is any distance away."""
    chosen = [int((sample @ sample.sum(0)).argmax())]
    nearest = sample @ sample[chosen[0]]
    while len(chosen) < clusters and nearest.min() < 0.999:
        chosen.append(int(nearest.argmin()))
        nearest = np.maximum(nearest, sample @ sample[chosen[-1]])
    return sample[chosen]


def _names(words: pl.Series, group: np.ndarray) -> dict[int, str]:
    """The name of each cluster that has rows."""
    flat = pl.DataFrame({"group": group, "word": words}).group_by("group", "word").agg(pl.len().alias("n"))
    mean = flat.get_column("n").sum() / max(1, flat.get_column("group").n_unique())
    weight = pl.col("n") / pl.col("n").sum().over("group") * (1 + mean / pl.col("n").sum().over("word")).log()
    best = flat.with_columns(weight.alias("weight")).sort(["group", "weight", "word"], descending=[False, True, False])
    named = best.group_by("group", maintain_order=True).agg(pl.col("word").head(NAMED).str.join(", "))
    return dict(named.rows())
