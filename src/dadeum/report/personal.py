"""How many records hold personal data, and of which kinds, by `guard.pii`'s own search. Values are never kept.

Above 50,000 records an even sample is searched (`even.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

import polars as pl

from dadeum.report.even import SAMPLE, Behind, Even
from dadeum.steps.guard.pii import Pii

CONTENT: Final = ""
"""Stands for the record's own text among the names of fields."""
FLAG: Final = Pii(mode="flag", on=("text",))


class Personal:
    """Kinds of personal data by field."""

    def __init__(self, most: int = SAMPLE) -> None:
        self._even = Even(most)
        self._hits: list[tuple[int, str, str]] = []
        self.behind = Behind()

    @property
    def marks(self) -> set[int]:
        """The marks of the rows of the sample in whose own text something was found."""
        return {mark for mark, name, _ in self._hits if name == CONTENT and mark <= self._even.limit}

    def add(self, row: pl.Series, fields: Iterable[tuple[str, pl.Series]]) -> None:
        """Search one chunk. row: UInt64; fields: names and strings of the same length (name CONTENT for the record's own text)."""
        at, marks = self._even.take(row)
        for name, strings in fields:
            kinds = FLAG.edit(pl.DataFrame({"text": strings.gather(at)})).get_column("pii")
            some = kinds.is_not_null().arg_true()
            told = kinds.gather(some).str.split(",").alias("kind")
            for mark, found in zip(marks[some.to_numpy()].tolist(), told.to_list()):
                self._hits += [(mark, name, kind) for kind in found]
            each = pl.DataFrame([told, row.gather(at.gather(some)).alias("row")]).explode("kind")
            self.behind.add("personal", each.get_column("kind"), each.get_column("row"))
        self._hits = [hit for hit in self._hits if hit[0] <= self._even.limit]

    def tell(self) -> dict[str, Any]:
        """{looked_at, of, records, kinds: {kind: records}, fields: [{field, kinds}]}; field "" is the record's own text."""
        kinds = Counter(kind for _, kind in {(mark, kind) for mark, _, kind in self._hits})
        fields: dict[str, Counter[str]] = {}
        for _, name, kind in self._hits:
            fields.setdefault(name, Counter())[kind] += 1
        return {
            "looked_at": len(self._even.marks),
            "of": self._even.of,
            "records": len({mark for mark, _, _ in self._hits}),
            "kinds": dict(sorted(kinds.items(), key=lambda k: (-k[1], k[0]))),
            "fields": [{"field": name, "kinds": dict(found.most_common())} for name, found in sorted(fields.items())],
        }
