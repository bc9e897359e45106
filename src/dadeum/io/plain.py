"""Lines that are all alike, as columns at once: objects with the same keys and plain values.

A regular expression made of the first line (and of the first in another order of keys) proves every line of a chunk before an
engine parses all of them with that very schema: nothing is inferred, and nothing that the engine would read otherwise (a key more,
another type, half a surrogate, a control character, an integer beyond 64 bits) gets past. One odd line sends the chunk the way of
single lines. A test holds both ways against each other. Measured on 424,824 reviews: 0.45 CPU-s for proof and parsing, 0.95 line by line.
"""

from __future__ import annotations

import re
from typing import Final

import orjson
import polars as pl

from dadeum.io.frame import Shapes

PLAIN: Final[dict[type, tuple[str, pl.DataType]]] = {
    str: (r'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u(?:[0-9a-cA-CefEF][0-9a-fA-F]{3}|[dD][0-7][0-9a-fA-F]{2}))*"', pl.String()),
    int: (r"(?:0|-?[1-9][0-9]{0,17})", pl.Int64()),
    bool: (r"(?:true|false)", pl.Boolean()),
}
KEYS: Final = 64
ORDERS: Final = 3
"""Orders of the same keys that one chunk may hold: files are often two exports, one after the other."""


class _Odd(Exception):
    """A line that is no flat object of plain values."""


def columns(whole: bytes, n: int) -> tuple[dict[str, pl.Series], Shapes] | None:
    """Every key's column, and the keys of the lines, as `frame.columns_of` gives them.

    whole: n lines, joined by newlines. Null where they are not all alike.

    >>> found = columns(b'{"a": "x", "n": 1}\\n{"n": 20, "a": "\\u00e9"}', 2)
    >>> {k: s.to_list() for k, s in found[0].items()}
    {'a': ['x', 'é'], 'n': [1, 20]}
    >>> found[1].keys, found[1].of.to_list()
    ([('a', 'n'), ('n', 'a')], [0, 1])
    >>> columns(b'{"a": "x"}\\n{"a": 1}', 2) is None
    True
    """
    try:
        each = pl.read_lines(whole).to_series()
        if len(each) != n or not n:
            return None
        schema, pattern = _described(each[0])
        orders = [tuple(schema)]
        of = (~each.str.contains(pattern)).cast(pl.UInt8)
        while (at := (of == len(orders)).arg_true()).len():
            if len(orders) == ORDERS:
                return None
            other, pattern = _described(each[at[0]])
            if other != schema:
                return None
            orders.append(tuple(other))
            rest = at.filter(~each.gather(at).str.contains(pattern))
            of = of.scatter(rest, len(orders))
        made = pl.read_ndjson(whole, schema=schema).rechunk()
    except (_Odd, pl.exceptions.PolarsError):
        return None
    if made.height != n:
        return None
    return {c: made.get_column(c) for c in made.columns}, Shapes(orders, of if len(orders) > 1 else None)


def _described(line: str) -> tuple[dict[str, pl.DataType], str]:
    """A line's schema, and the pattern of lines that are built like it. Raises _Odd where it is not plain."""
    try:
        first = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise _Odd from error
    if not isinstance(first, dict) or not 0 < len(first) <= KEYS or any(type(v) not in PLAIN for v in first.values()):
        raise _Odd
    fields = [f"{re.escape(orjson.dumps(key).decode())}: ?{PLAIN[type(value)][0]}" for key, value in first.items()]
    return {key: PLAIN[type(value)][1] for key, value in first.items()}, r"^\{" + ", ?".join(fields) + r"\}$"
