"""annotate.defaults: values that a form, a program or a tired hand put in, found by how often they stand where values differ.

    - annotate.defaults: {columns: [address, birthday]}
    - clean.missing: {columns: [address, birthday], defaulted: true, rule: "null"}

A value of a column is suspected for one of two reasons, both only where the column has `distinct` other values and more (a rating or a
sex has few, and any of them may be frequent):

* `outstanding`: it fills `share` of the filled rows and more, at least `least` of them, and is `times` as frequent as the next one: the
  same address in every tenth row, 1900-01-01 among birthdays;
* `placeholder`: it is a way to say nothing or to get past a form (N/A, 없음, 0, 999, test, asdf, ㅁㄴㅇㄹ, 1970-01-01) and fills one row in a hundred and more, five at least.

`defaulted` names the columns of each row whose value is suspected; the report tells the values (personal data not shown), their rows
and shares. Nothing is changed here: `clean.missing` with `defaulted: true` takes such values for missing, and a person may look first.
The sketch holds the named columns themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final

import polars as pl
from pydantic import Field

from dadeum.errors import Mistake, RecipeError, nearest
from dadeum.record import RECORD
from dadeum.step import Compare
from dadeum.steps import _key
from dadeum.steps.clean.missing import EDGES, NULLS
from dadeum.steps.guard._pii.find import KINDS, find

PLACEHOLDERS: Final = frozenset(NULLS) | {
    "0", "00", "000", "0000", "00000", "-1", "99", "999", "9999", "99999", "999999", "111", "1111", "1234", "12345", "123456", "1234567890", "test", "테스트", "asdf", "qwer", "qwerty", "ㅁㄴㅇㄹ", "ㅂㅈㄷㄱ",
    "xxx", "xxxx", "aaa", "aaaa", "dummy", "sample", "default", "foo", "abc", "no_name", "noname", "이름없음", "무명", "홍길동", "임시", "기본값", "010-0000-0000", "01000000000", "000-0000-0000",
    "1900-01-01", "1970-01-01", "0000-00-00", "0001-01-01", "9999-12-31", "1900.01.01", "1970.01.01", "19000101", "19700101",
}  # fmt: skip
"""In lower case, without blanks around them."""
RARE: Final = 0.01
FEW: Final = 5
LONG: Final = 200
SHOWN: Final = 60
TOLD: Final = 10
"""Values of a column that the report names."""


@dataclass(frozen=True)
class Defaults(Compare):
    """Write which columns of a row hold a value that was never given."""

    columns: tuple[str, ...]
    """Columns of text to look at."""
    share: Annotated[float, Field(gt=0, le=1)] = 0.05
    """Of the filled rows, the share that an outstanding value has at least."""
    least: Annotated[int, Field(ge=2)] = 20
    """The rows that it has at least."""
    times: Annotated[float, Field(gt=1)] = 10.0
    """How many times as frequent as the next value it is at least."""
    distinct: Annotated[int, Field(ge=2)] = 10
    """Other values that a column has at least: with fewer it is a choice, of which none is a default."""
    writes = ("defaulted",)
    late = ("share", "least", "times", "distinct")

    def __post_init__(self) -> None:
        mistakes = [Mistake(f"columns.{i}", f"{c!r} is a part of every record", "name a field of your rows") for i, c in enumerate(self.columns) if c in RECORD and c != "label"]
        if not self.columns:
            mistakes.append(Mistake("columns", "is empty: name those to look at"))
        if mistakes:
            raise RecipeError(mistakes)

    @property
    def reads(self) -> tuple[str, ...]:
        return tuple(c for c in self.columns if c not in RECORD)

    def sketch(self, rows: pl.DataFrame) -> pl.DataFrame:
        """`row` and the columns, trimmed; of long values the beginning and a hash. Raises RecipeError for a column that is not there."""
        made = [rows.get_column("row")]
        for name in self.columns:
            if name not in rows.columns:
                raise RecipeError(Mistake(f"{self.name}.columns", f"there is no column {name!r}", nearest(name, rows.columns)))
            value = rows.get_column(name).cast(pl.String).str.strip_chars(EDGES)
            frame = pl.DataFrame([value.alias("value"), _key.marks(value).cast(pl.String).alias("mark")])
            short = pl.when(pl.col("value").str.len_chars() <= LONG).then("value").otherwise(pl.col("value").str.head(SHOWN) + "… " + pl.col("mark"))
            made.append(frame.select(pl.when(pl.col("value") != "").then(short).alias(f"value.{name}")).to_series())
        return pl.DataFrame(made)

    def relate(self, sketches: pl.DataFrame) -> pl.DataFrame:
        """The sketches: a value's share takes all rows."""
        return sketches

    def decide(self, related: pl.DataFrame) -> pl.DataFrame:
        """`row` and `defaulted`: the names of its columns with a suspected value, null where there is none."""
        flags = []
        for name in self.columns:
            suspects = self._suspects(related, name).get_column("value").implode()
            flags.append(pl.when(pl.col(f"value.{name}").is_in(suspects)).then(pl.lit(name)))
        told = pl.concat_str(flags, separator=", ", ignore_nulls=True)
        return related.select("row", pl.when(told != "").then(told).alias("defaulted"))

    def report(self, related: pl.DataFrame) -> dict[str, Any]:
        """Of each column its filled rows, its different values, and the suspected ones with their rows, share and reason."""
        told: dict[str, Any] = {}
        for name in self.columns:
            values = related.get_column(f"value.{name}").drop_nulls()
            found = self._suspects(related, name).head(TOLD)
            suspects = {_shown(value): {"rows": n, "share": round(n / len(values), 4), "why": why} for value, n, why in found.select("value", "rows", "why").rows()}
            told[name] = {"filled": len(values), "distinct": values.n_unique(), "defaults": suspects}
        return {"columns": told, "rows": self.decide(related).get_column("defaulted").count()}

    def _suspects(self, related: pl.DataFrame, name: str) -> pl.DataFrame:
        """`value`, `rows`, `why`: the suspected values of a column, the most frequent first."""
        counted = related.get_column(f"value.{name}").drop_nulls().alias("value").value_counts(name="rows").sort(["rows", "value"], descending=[True, False])
        filled = int(counted.get_column("rows").sum())
        frequent = counted.get_column("rows").head(2).to_list()
        placeholder = pl.col("value").str.to_lowercase().is_in(sorted(PLACEHOLDERS)) & (pl.col("rows") >= max(FEW, RARE * filled))
        # The next one of the most frequent value is the second; any other has the first before it and is not outstanding.
        first = len(frequent) > 1 and frequent[0] >= max(self.least, self.share * filled) and frequent[0] >= self.times * frequent[1]
        outstanding = (pl.col("rows") == (frequent[0] if frequent else 0)) & pl.lit(first)
        why = pl.when(placeholder).then(pl.lit("placeholder")).when(outstanding).then(pl.lit("outstanding"))
        return counted.with_columns(why.alias("why")).filter(pl.col("why").is_not_null() & (counted.height > self.distinct))


def _shown(value: str) -> str:
    return "(personal data)" if find(value, KINDS) else value[:SHOWN]
