"""Records by source, by time and by annotator.

A field is taken for a time or an annotator by its name and by what it holds; that it was so taken is told.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, Final

import polars as pl

from dadeum.report.even import Behind
from dadeum.report.tally import Column
from dadeum.report.votes import ANNOTATOR
from dadeum.steps.mix._dates import instants

TIME: Final = re.compile(r"(?i)(?:^|[_\W])(?:date|time|datetime|timestamp|created|created_?at|updated_?at|published|year|day)(?:$|[_\W])|(?:날짜|일시|일자|시각|작성일|등록일|연도)")
SOURCE: Final = re.compile(r"(?i)^(?:source|data_?set|domain|corpus|origin|site|channel|출처|말뭉치|도메인|채널)(?:[_ -]?name)?$")
SHORT: Final = r"^\s*(?P<first>\d{2})\.(?P<month>0[1-9]|1[0-2])\.(?P<last>\d{2})\.?\s*$"
DAYS: Final = 28
MOST: Final = 20_000
"""Different values of one field that are counted."""
MONTHS: Final = 48
"""Months that are told one by one; more are told by year."""


class Slices:
    """Sums by the values of a few fields."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, str], dict[str, list[int]]] = {}
        self._dated: Counter[str] = Counter()
        self._seen: Counter[str] = Counter()
        self._behind: dict[str, Behind] = {}
        self._ends: dict[str, tuple[set[int], set[int]]] = {}

    def add(self, rows: pl.DataFrame, sizes: pl.Series, others: list[Column]) -> dict[str, pl.Series]:
        """Count one chunk. sizes: characters of each record; others: the fields that are carried.

        Gives the slice that each record is in by source, and by time and annotator where fields tell them.
        """
        row = rows.get_column("row")
        by: dict[str, pl.Series] = {}
        if "source" in rows.columns:
            by["source"] = rows.get_column("source")
            self._count("source", "source", by["source"], sizes, row)
        for name, column, _ in others:
            if len(column) != rows.height or column.dtype.is_nested():
                continue
            if SOURCE.search(name):
                by["source"] = column.cast(pl.String)  # what the rows say of themselves tells more than the file that they stand in
                self._count("source", name, by["source"], sizes, row)
            elif TIME.search(name):
                self._seen[name] += len(column) - column.null_count()
                when = instants(column).cast(pl.Datetime("us"))
                self._dated[name] += len(when) - when.null_count()
                self._count("time", name, when.dt.strftime("%Y-%m"), sizes, row)
                if when.null_count():
                    self._short(name, column, sizes, row)
                by.setdefault("time", when.dt.strftime("%Y"))
            elif ANNOTATOR.search(name):
                self._count("annotator", name, column.cast(pl.String), sizes, row)
                by.setdefault("annotator", column.cast(pl.String))
        return by

    def _short(self, name: str, column: pl.Series, sizes: pl.Series, row: pl.Series) -> None:
        """Count values like 13.04.05 by year and month, in case `tell` finds that the year comes first."""
        parts = column.cast(pl.String).str.extract_groups(SHORT).struct.unnest()
        first, month, last = (parts.get_column(part).cast(pl.Int64) for part in ("first", "month", "last"))
        kept = self._ends.setdefault(name, (set(), set()))
        for known, values in zip(kept, (first, last)):
            known.update(values.drop_nulls().unique().to_list())
        year = pl.when(pl.col("y") > 69).then(1900 + pl.col("y")).otherwise(2000 + pl.col("y"))
        told = pl.DataFrame([first.alias("y"), month.alias("m")]).select(pl.concat_str(year.cast(pl.String), pl.lit("-"), pl.col("m").cast(pl.String).str.zfill(2)).alias("value"))
        self._count("short", name, told.to_series(), sizes, row)

    def _count(self, kind: str, name: str, values: pl.Series, sizes: pl.Series, row: pl.Series) -> None:
        known = self._sums.setdefault((kind, name), {})
        frame = pl.DataFrame([values.alias("value"), sizes.alias("n")]).filter(pl.col("value").is_not_null())
        empty = pl.col("n").fill_null(0) == 0
        for value, n, chars, blank in frame.group_by("value").agg(pl.len(), pl.col("n").sum().alias("chars"), empty.sum().alias("empty")).iter_rows():
            if value in known or len(known) < MOST:
                sums = known.setdefault(value, [0, 0, 0])
                sums[0] += n
                sums[1] += chars
                sums[2] += blank
        if len(known) <= 1000:
            self._behind.setdefault(f"{kind}.{name}", Behind(2)).add(name, values, row)

    def tell(self) -> list[dict[str, Any]]:
        """[{kind, field, values: [{value, n, mean, empty, rows}], more, undated, short}]; kind is source, time or annotator.

        A source or annotator stands alone only beside others. values: by time in its order, else the most frequent first. short: years
        have two digits, and were taken to come first.
        """
        made = []
        for (kind, name), sums in self._sums.items():
            behind = self._behind.get(f"{kind}.{name}")
            short = kind == "short"
            dated = sum(part[0] for part in sums.values()) if short else self._dated[name]
            if (kind in ("time", "short") and dated < 0.5 * self._seen[name]) or (short and not self._year_first(name)):
                continue
            kind = "time" if short else kind
            rows = behind.tell(name) if behind is not None and len(sums) <= 1000 else {}
            if kind == "time" and len(sums) > MONTHS:
                sums, rows = _years(sums, rows)
            if len(sums) < 2:
                continue
            ranked = sorted(sums.items(), key=lambda v: (v[0] if kind == "time" else "", -v[1][0], v[0]))
            values = [{"value": v, "n": n, "mean": chars / n, "empty": empty, "rows": rows.get(v, [])} for v, (n, chars, empty) in ranked[: 2 * MONTHS]]
            told: dict[str, Any] = {"kind": kind, "field": name, "values": values, "more": max(0, len(ranked) - 2 * MONTHS)}
            told |= {"undated": self._seen[name] - dated if kind == "time" else 0, "short": short}
            made.append(told)
        return sorted(made, key=lambda s: ("source", "time", "annotator").index(s["kind"]))

    def _year_first(self, name: str) -> bool:
        """Whether 13.04.05 is a day of 2013: all days of a month stand at the end, and fewer years than that at the front."""
        first, last = self._ends[name]
        return len(last) >= DAYS and max(last) <= 31 and len(first) < len(last)


def _years(sums: dict[str, list[int]], rows: dict[str, list[int]]) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
    years: dict[str, list[int]] = {}
    shown: dict[str, list[int]] = {}
    for month, part in sorted(sums.items()):
        total = years.setdefault(month[:4], [0, 0, 0])
        years[month[:4]] = [a + b for a, b in zip(total, part)]
        shown.setdefault(month[:4], []).extend(rows.get(month, []))
    return years, {year: found[:3] for year, found in shown.items()}
