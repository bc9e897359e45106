"""dedup.substring: long spans that other records had before (notices, signatures, templates, quoted articles), shown, cut or dropped.

    - dedup.substring: {min: 100}            # `repeated`: where each span is, and where it stands first
    - clean.cut: {}                          # cuts them out; the first occurrence stays
    - dedup.substring: {max: 0.5}            # or: whoever consists of them leaves

A span counts when a record that stays, further up in the input, has the same letters and digits (`steps/_key.py`: spacing, punctuation
and case don't matter) for a weight of `min` or more: Korean, Chinese and Japanese letters weigh two, all others one. So 100 are
100 letters of English, about 20 words, or 50 syllables of Korean, about 15. What is found is what comparing every pair of records
finds, no sample of it (`_spans.py`); repetition within one record is `dedup.inside`'s.

Two steps because a comparison sees sketches, not rows: it tells spans, which can be looked at first, and an Edit cuts them, with its
before and after in the ledger. What is left on both sides of a cut may be alike in other records: another pass can find more.

Memory: the compared strings as they are (1 byte a character of English, 3 of Korean), 4 bytes a letter and 1 for a mask, about 3 for
anchors: 9 to 13 bytes a character were measured. A letter that recurs costs about 200 more: merge whole copies by `dedup.exact` first.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from dataclasses import dataclass
from typing import Annotated, Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field

from dadeum.step import DECISION, Compare, TextStep
from dadeum.steps.dedup import _spans, _spans_text
from dadeum.steps.dedup._spans import Bools, Ints

SPAN: Final = pl.Struct(
    {
        "place": pl.String,  # `text` or a turn (`messages.2`)
        "start": pl.UInt32,  # characters before it
        "length": pl.UInt32,  # characters
        "first": pl.String,  # the id of the record that has it first
        "first_place": pl.String,
        "first_start": pl.UInt32,
        "first_length": pl.UInt32,  # may differ: spacing does not count
        "check": pl.UInt32,  # CRC-32 of the span, so that nothing else is cut in its place
    }
)
_WINDOW: Final = pl.Struct({"piece": pl.UInt32, "at": pl.UInt32, "size": pl.UInt32, "group": pl.UInt32})


@dataclass(frozen=True)
class Substring(TextStep, Compare):
    """Writes `repeated`, the spans of each record that an earlier one has, and `repeated_share`, the share of its letters in them."""

    writes = ("repeated", "repeated_share")
    late = ("max",)
    min: Annotated[int, Field(ge=20, le=10_000)] = 100
    """The weight from which a span counts: letters and digits, those of Korean, Chinese and Japanese twice."""
    max: Annotated[float, Field(ge=0, lt=1)] | None = None
    """The share of repeated letters above which a record leaves (reason `repeated`); null: none leaves."""

    def sketch(self, rows: pl.DataFrame) -> pl.DataFrame:
        """`row`, `id`, `letters` (how many are compared), `pieces` (PIECE: those long enough to hold a span)."""
        found = _spans_text.strings(rows, self.on)
        codes = _spans_text.letters(found.get_column("content"), self.profile)
        count = np.diff(np.flatnonzero(codes == 0), prepend=-1) - 1
        index = found.get_column("index").to_numpy()
        total = np.bincount(index, weights=count, minlength=rows.height).astype(np.uint64)
        pieces = _spans_text.prose(found.filter(pl.Series(count >= _spans.shortest(self.min))), self.profile)
        held = pieces.group_by("index", maintain_order=True).agg(pl.struct("place", "start", "string").alias("pieces"))
        made = rows.select("row", "id", pl.int_range(pl.len(), dtype=pl.UInt32).alias("index"), pl.Series("letters", total))
        held = held.cast({"pieces": pl.List(_spans_text.PIECE)})
        return made.join(held, on="index", how="left", maintain_order="left").drop("index")

    def relate(self, sketches: pl.DataFrame) -> pl.DataFrame:
        """The sketches by row, `pieces` only where a window recurs, with `windows`: `piece` of the row, `at` and `size` in its
        letters, `group` (equal windows, equal numbers). None is left where another row has none like it."""
        rows = sketches.sort("row").with_row_index("index")
        flat = rows.select("index", "pieces").filter(pl.col("pieces").list.len() > 0).explode("pieces").unnest("pieces")
        owner = flat.get_column("index").to_numpy().astype(np.int64)
        codes = _spans_text.letters(flat.get_column("string"), self.profile)
        found = _spans.recurring(codes, owner, self.min)
        ends = np.flatnonzero(codes == 0)
        del codes
        string = np.searchsorted(ends, found.at)
        start = np.concatenate([[0], ends[:-1] + 1])[string] if len(string) else string
        piece = string - np.searchsorted(owner, owner[string])
        windows = pl.DataFrame({"index": owner[string], "piece": piece, "at": found.at - start, "size": found.size, "group": found.group})
        windows = windows.select(pl.col("index").cast(pl.UInt32), pl.struct("piece", "at", "size", "group").alias("windows"))
        held = windows.group_by("index", maintain_order=True).agg("windows")
        held = held.cast({"windows": pl.List(_WINDOW)})
        made = rows.join(held, on="index", how="left", maintain_order="left").drop("index")
        return made.with_columns(pl.when(pl.col("windows").is_not_null()).then("pieces"))

    def decide(self, related: pl.DataFrame) -> pl.DataFrame:
        """`row`, `repeated` (SPANs by place), `repeated_share`; with `max` also DECISION: dropped, reason `repeated`, value the share,
        witness the row that holds the longest of its spans and stays."""
        rows = related.sort("row")
        windows, row = _flat(rows)
        stays, again = self._judged(rows, windows, row)
        share = _share(rows, windows, row, again)
        runs = _runs(windows, row, stays, again)
        spans = _shown(rows, runs, self.profile)
        told = rows.select("row", spans.alias("repeated"), pl.Series("repeated_share", share))
        if self.max is None:
            return told
        leaves = pl.Series(~stays)
        longest = runs.group_by("row").agg(pl.col("source_row").sort_by(pl.col("end") - pl.col("begin"), descending=True, maintain_order=True).first())
        witness = np.zeros(rows.height, dtype=np.uint64)
        witness[longest["row"].to_numpy()] = rows["row"].to_numpy()[longest["source_row"].to_numpy()]
        given: dict[str, pl.Expr] = {
            "state": pl.lit("dropped"), "reason": pl.lit("repeated"), "value": pl.col("repeated_share"),
            "threshold": pl.lit(self.max), "witness": pl.lit(pl.Series(witness)),
        }  # fmt: skip
        return told.with_columns(pl.when(leaves).then(e.cast(DECISION[name])).alias(name) for name, e in given.items())

    def report(self, related: pl.DataFrame) -> dict[str, Any]:
        """Records with repeated spans and those that leave, spans, letters in them and their share of all, lengths of the longest."""
        told = self.decide(related)
        spans = told.filter(pl.col("repeated").list.len() > 0).select(pl.col("repeated").explode()).to_series()
        length = spans.struct.field("length").sort(descending=True)
        letters = round(float((told["repeated_share"] * related.sort("row")["letters"]).sum()))
        return {
            "records": int((told["repeated"].list.len() > 0).sum()),
            "leaving": int(told["state"].count()) if "state" in told.columns else 0,
            "spans": len(spans),
            "letters": letters,
            "share": round(letters / max(1, int(related["letters"].sum())), 6),
            "longest": length.head(5).to_list(),
            "median": float(length.median() or 0.0),  # type: ignore[arg-type]
        }

    def _judged(self, rows: pl.DataFrame, windows: pl.DataFrame, row: Ints) -> tuple[Bools, Bools]:
        """(which rows stay, which windows a row that stays has before). In the order of rows: whoever leaves is no one's first."""
        group = windows.get_column("group").to_numpy()
        stays = np.ones(rows.height, dtype=bool)
        if self.max is None:
            first = np.full(int(group.max(initial=0)) + 1, rows.height)
            np.minimum.at(first, group, row)
            return stays, first[group] < row
        again = np.zeros(len(row), dtype=bool)
        taken = np.zeros(int(group.max(initial=0)) + 1, dtype=bool)
        piece, at, size = (windows.get_column(c).to_numpy().astype(np.int64) for c in ("piece", "at", "size"))
        letters = rows.get_column("letters").to_numpy()
        begins = np.flatnonzero(np.diff(row, prepend=-1) != 0)
        for low, high in zip(begins.tolist(), np.append(begins[1:], len(row)).tolist()):
            had = taken[group[low:high]]
            again[low:high] = had
            if had.any():
                many = _spans.covered(piece[low:high][had], at[low:high][had], size[low:high][had]).sum()
                if many > self.max * letters[row[low]]:
                    stays[row[low]] = False
                    continue
            taken[group[low:high]] = True
        return stays, again


def _flat(rows: pl.DataFrame) -> tuple[pl.DataFrame, Ints]:
    """(every window, its row's position), by row, piece and place."""
    flat = rows.select("windows").with_row_index("row").filter(pl.col("windows").list.len() > 0).explode("windows").unnest("windows")
    flat = flat.sort("row", "piece", "at")
    return flat, flat.get_column("row").to_numpy().astype(np.int64)


def _share(rows: pl.DataFrame, windows: pl.DataFrame, row: Ints, again: Bools) -> npt.NDArray[np.float64]:
    piece, at, size = (windows.get_column(c).to_numpy().astype(np.int64)[again] for c in ("piece", "at", "size"))
    string = np.cumsum((np.diff(row[again], prepend=-1) != 0) | (np.diff(piece, prepend=-1) != 0))
    held = np.bincount(row[again], weights=_spans.covered(string, at, size), minlength=rows.height)
    return held / np.maximum(rows.get_column("letters").to_numpy(), 1)


def _runs(windows: pl.DataFrame, row: Ints, stays: Bools, again: Bools) -> pl.DataFrame:
    """Repeated windows one behind the other whose sources are so too, as one: `row`, `piece`, `begin`, `end`, `source_row`,
    `source_piece`, `source` (letters). Sorted; within a piece `begin` rises and `end` does not fall.

    The source of a row's k-th window of a group is the k-th one of the first row that stays: periodic text makes long runs too.
    """
    group, piece, at, size = (windows.get_column(c).to_numpy().astype(np.int64) for c in ("group", "piece", "at", "size"))
    order = np.argsort(group, kind="stable")  # rows rise within a group
    held, owner = group[order], row[order]
    begin = np.flatnonzero((np.diff(held, prepend=-1) != 0) | (np.diff(owner, prepend=-1) != 0))
    count = np.diff(np.append(begin, len(order)))
    rank = np.arange(len(order)) - np.repeat(begin, count)
    # Of each group the first stretch of one row that stays.
    open_ = np.flatnonzero(stays[owner[begin]])
    known, at_first = np.unique(held[begin[open_]], return_index=True)
    head = np.zeros(int(group.max(initial=0)) + 1, dtype=np.int64)
    head[known] = open_[at_first]
    source = np.zeros(len(order), dtype=np.int64)
    source[order] = order[begin[head[held]] + rank % count[head[held]]] if len(order) else 0
    hit = np.flatnonzero(again)
    source = source[hit]
    named = {"row": row[hit], "piece": piece[hit], "source_row": row[source], "source_piece": piece[source]}
    new = np.zeros(len(hit), dtype=bool)
    for column in named.values():
        new |= np.diff(column, prepend=-1) != 0
    new |= (np.diff(at[hit], prepend=-2) != 1) | (np.diff(at[source], prepend=-2) != 1)
    first = np.flatnonzero(new)
    last = np.append(first[1:], len(hit))[: len(first)] - 1
    runs = {name: column[first] for name, column in named.items()}
    runs |= {"begin": at[hit[first]], "end": at[hit[last]] + size[hit[last]], "source": at[source[first]]}
    return pl.DataFrame(runs).select("row", "piece", "begin", "end", "source_row", "source_piece", "source")


def _shown(rows: pl.DataFrame, runs: pl.DataFrame, profile: str) -> pl.Series:
    """SPANs of every row. Runs overlap where their sources change; each letter is told once, with as few spans as cover it."""
    told: list[tuple[Any, ...]] = []
    ids, pieces = rows.get_column("id"), _Pieces(rows, profile)
    by: dict[tuple[int, int], list[tuple[int, int, int, int, int]]] = defaultdict(list)
    for row, piece, *run in zip(*(runs.get_column(c).to_list() for c in runs.columns)):
        by[row, piece].append((run[0], run[1], run[2], run[3], run[4]))
    for (row, piece), held in by.items():
        clipped = _told(held)
        for i, (begin, end, source_row, source_piece, source) in enumerate(clipped):
            joined = (i > 0 and clipped[i - 1][1] == begin, i + 1 < len(clipped) and clipped[i + 1][0] == end)
            place, start, stop, first, last = pieces.spelled(row, piece, begin, end, joined)
            first_place, first_start, first_stop = pieces.spoken(source_row, source_piece, source + first - begin, source + last - begin)
            shown = (place, start, stop - start, ids[source_row], first_place, first_start, first_stop - first_start)
            told.append((row, *shown, pieces.check(row, piece, start, stop)))
    frame = pl.DataFrame(told, schema={"row": pl.UInt32(), **SPAN.to_schema()}, orient="row")
    listed = frame.group_by("row", maintain_order=True).agg(pl.struct(*SPAN.to_schema()).alias("repeated"))
    every = rows.select("id").with_row_index("row").join(listed, on="row", how="left", maintain_order="left")
    return every.select(pl.col("repeated").fill_null(pl.lit([], dtype=pl.List(SPAN)))).to_series()


def _told(runs: list[tuple[int, int, int, int, int]]) -> list[tuple[int, int, int, int, int]]:
    """The runs of a piece, clipped: each begins where the one before it ends, and those that others cover are left out."""
    out: list[tuple[int, int, int, int, int]] = []
    done = 0
    for i, (begin, end, row, piece, source) in enumerate(runs):
        low = max(begin, done)
        if end <= low or (i + 1 < len(runs) and runs[i + 1][0] <= low):
            continue  # nothing is new in it, or the next one begins no later than needed and ends no earlier
        out.append((low, end, row, piece, source + low - begin))
        done = end
    return out


class _Pieces:
    """The pieces of rows, and where their letters stand in them: each is looked up once."""

    def __init__(self, rows: pl.DataFrame, profile: str) -> None:
        self._pieces = rows.get_column("pieces")
        self._profile = profile
        self._known: dict[tuple[int, int], tuple[dict[str, Any], Ints, Ints]] = {}

    def _at(self, row: int, piece: int) -> tuple[dict[str, Any], Ints, Ints]:
        if (row, piece) not in self._known:
            held = self._pieces[row][piece]
            self._known[row, piece] = (held, *_spans_text.places(held["string"], self._profile))
        return self._known[row, piece]

    def spelled(self, row: int, piece: int, begin: int, end: int, joined: tuple[bool, bool]) -> tuple[str, int, int, int, int]:
        """(place, start, stop, first letter, past the last letter) of letters, without halves of words at its ends."""
        held, starts, ends = self._at(row, piece)
        start, stop = _spans_text.spelled(held["string"], starts, ends, begin, end, joined)
        first, last = int(np.searchsorted(starts, start)), int(np.searchsorted(starts, stop))
        return held["place"], held["start"] + start, held["start"] + stop, first, last

    def check(self, row: int, piece: int, start: int, stop: int) -> int:
        """CRC-32 of characters of the string that the piece is part of."""
        held, _, _ = self._at(row, piece)
        return zlib.crc32(held["string"][start - held["start"] : stop - held["start"]].encode())

    def spoken(self, row: int, piece: int, begin: int, end: int) -> tuple[str, int, int]:
        """(place, start, stop) of letters, just these."""
        held, starts, ends = self._at(row, piece)
        return held["place"], held["start"] + int(starts[begin]), held["start"] + int(ends[end - 1])
