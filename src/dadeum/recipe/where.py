"""Which rows a stage of a training is about: `{source: [web, wiki], quality: ">= 0.7", parents: none}`.

Every column named has to hold one of its values. A value is what the column must be; one that begins with >=, <=, >, < or != compares;
`some` and `none` ask whether anything stands there (a list that is empty holds nothing).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import reduce
from operator import and_, or_
from typing import Final

import polars as pl

Value = str | bool | float
_COMPARED: Final = re.compile(r"(>=|<=|!=|>|<)\s*(.+)", re.DOTALL)
_ORDERED: Final = (">=", "<=", ">", "<")


def miscompared(value: Value) -> str:
    """Why a value cannot be compared with; empty where it can.

    >>> miscompared(">= 0.7"), miscompared("!= web"), miscompared("> much")
    ('', '', "compares with 'much', which is no number")
    """
    found = _COMPARED.fullmatch(value) if isinstance(value, str) else None
    if found is None or found[1] not in _ORDERED or _number(found[2]) is not None:
        return ""
    return f"compares with {found[2]!r}, which is no number"


def matching(where: Mapping[str, Sequence[Value]], rows: pl.DataFrame) -> pl.DataFrame:
    """The rows that satisfy every condition, in their order. Raises polars' ColumnNotFoundError for a column that is not there.

    >>> rows = pl.DataFrame({"id": ["a", "b", "c"], "quality": [0.9, 0.2, None], "parents": [[], ["a"], []]})
    >>> matching({"quality": [">= 0.5", "none"], "parents": ["none"]}, rows)["id"].to_list()
    ['a', 'c']
    """
    if not where:
        return rows
    tests = [reduce(or_, [_test(rows, column, value) for value in values], pl.lit(False)) for column, values in where.items()]
    return rows.filter(reduce(and_, tests).fill_null(False))


def _test(rows: pl.DataFrame, name: str, value: Value) -> pl.Expr:
    column, kind = pl.col(name), rows.get_column(name).dtype
    if value in ("some", "none"):
        filled = column.is_not_null()
        if isinstance(kind, pl.List):
            filled &= column.list.len() > 0
        elif kind == pl.String:
            filled &= column != ""
        return filled.fill_null(False) if value == "some" else ~filled.fill_null(False)
    found = _COMPARED.fullmatch(value) if isinstance(value, str) else None
    sign, told = (found[1], found[2]) if found else ("==", value)
    number = _number(told)
    if sign in _ORDERED:
        ordered, limit = column.cast(pl.Float64, strict=False), pl.lit(number)
        return {">=": ordered >= limit, "<=": ordered <= limit, ">": ordered > limit, "<": ordered < limit}[sign]
    # A column of numbers is compared as numbers (1 is 1.0), any other as text.
    same = column == number if kind.is_numeric() and number is not None else column.cast(pl.String) == (str(told).lower() if isinstance(told, bool) else str(told))
    return ~same.fill_null(False) if sign == "!=" else same


def _number(told: Value) -> float | None:
    try:
        return float(told)
    except ValueError:
        return None
