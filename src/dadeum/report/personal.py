"""How many records hold personal data, and of which kinds, by `guard.pii`'s own search. Values are never kept.

Above 50,000 records a sample is searched: records whose mixed row number lies below a limit, which is halved whenever the sample
grows beyond that. So it is spread evenly over the files, holds 25,000 to 50,000 records, and is the same at every look.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from dadeum.steps.guard.pii import Pii

SAMPLE: Final = 50_000
CONTENT: Final = ""
"""Stands for the record's own text among the names of fields."""
FLAG: Final = Pii(mode="flag", on=("text",))


class Personal:
    """Kinds of personal data by field."""

    def __init__(self, most: int = SAMPLE) -> None:
        self._most = most
        self._limit = np.uint64(2**64 - 1)
        self._looked = np.zeros(0, dtype=np.uint64)
        self._records = 0
        self._hits: list[tuple[int, str, str]] = []

    def add(self, row: pl.Series, fields: Iterable[tuple[str, pl.Series]]) -> None:
        """Search one chunk. row: UInt64; fields: names and strings of the same length (name CONTENT for the record's own text)."""
        self._records += len(row)
        marks = mixed(row.to_numpy())
        at = pl.Series(np.flatnonzero(marks <= self._limit))
        marks = marks[at.to_numpy()]
        self._looked = np.concatenate([self._looked, marks])
        for name, strings in fields:
            kinds = FLAG.edit(pl.DataFrame({"text": strings.gather(at)})).get_column("pii")
            some = kinds.is_not_null().arg_true()
            for mark, found in zip(marks[some.to_numpy()].tolist(), kinds.gather(some).to_list()):
                self._hits += [(mark, name, kind) for kind in found.split(",")]
        while len(self._looked) > self._most:
            self._limit >>= np.uint64(1)
            self._looked = self._looked[self._looked <= self._limit]
            self._hits = [hit for hit in self._hits if hit[0] <= self._limit]

    def tell(self) -> dict[str, Any]:
        """{looked_at, of, records, kinds: {kind: records}, fields: [{field, kinds}]}; field "" is the record's own text."""
        kinds = Counter(kind for _, kind in {(mark, kind) for mark, _, kind in self._hits})
        fields: dict[str, Counter[str]] = {}
        for _, name, kind in self._hits:
            fields.setdefault(name, Counter())[kind] += 1
        return {
            "looked_at": len(self._looked),
            "of": self._records,
            "records": len({mark for mark, _, _ in self._hits}),
            "kinds": dict(sorted(kinds.items(), key=lambda k: (-k[1], k[0]))),
            "fields": [{"field": name, "kinds": dict(found.most_common())} for name, found in sorted(fields.items())],
        }


def mixed(row: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Row numbers spread over all 64 bits, one to one (the finaliser of SplitMix64; Steele, Lea and Flood 2014)."""
    x = row.astype(np.uint64)
    with np.errstate(over="ignore"):
        x = x + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
