"""Lines that are all alike, as columns at once: objects with the same keys and plain values.

A regular expression made of the first line (and of the first in another order of keys) proves every line of a chunk before an engine parses it with that very schema:
nothing is inferred, and nothing that the engine would read otherwise (a key more, another type, half a surrogate, a control
character, an integer beyond 64 bits) gets past. One odd line sends the chunk the way of single lines. A test holds both ways
against each other. Measured on 424,824 reviews: 0.45 CPU-s for proof and parsing, 0.95 line by line.
"""

from __future__ import annotations

import io
import itertools
import re
from typing import Final

import numpy as np
import orjson
import polars as pl

PLAIN: Final[dict[type, tuple[str, pl.DataType]]] = {
    str: (r'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u(?:[0-9a-cA-CefEF][0-9a-fA-F]{3}|[dD][0-7][0-9a-fA-F]{2}))*"', pl.String()),
    int: (r"(?:0|-?[1-9][0-9]{0,17})", pl.Int64()),
    bool: (r"(?:true|false)", pl.Boolean()),
}
KEYS: Final = 64
ORDERS: Final = 3
"""Orders of the same keys that one chunk may hold: files are often two exports, one after the other."""


def columns(whole: bytes, n: int) -> tuple[dict[str, pl.Series], list[tuple[str, ...]]] | None:
    """Every key's column, and the keys of all lines (one entry) or of each, as `frame.columns_of` gives them.

    whole: n lines, joined by newlines. Null where they are not all alike.

    >>> found = columns(b'{"a": "x", "n": 1}\\n{"a": "\\u00e9", "n": 20}', 2)
    >>> {k: s.to_list() for k, s in found[0].items()}
    {'a': ['x', 'é'], 'n': [1, 20]}
    >>> columns(b'{"a": "x"}\\n{"a": 1}', 2) is None
    True
    """
    rest = np.arange(n)
    found: list[tuple[np.ndarray, pl.DataFrame]] = []
    while len(rest):
        one = _alike(whole, len(rest)) if len(found) < ORDERS else None
        if one is None:
            return None
        mine, made = one
        if found and dict(found[0][1].schema) != dict(made.schema):
            return None
        found.append((rest[mine], made))
        rest = rest[~mine]
        if len(rest):
            whole = b"\n".join(itertools.compress(whole.split(b"\n"), (~mine).tolist()))
    if not found:
        return None
    if len(found) == 1:
        return {c: found[0][1].get_column(c) for c in found[0][1].columns}, [tuple(found[0][1].columns)]
    order = pl.Series(np.argsort(np.concatenate([where for where, _ in found]), kind="stable"))
    every = pl.concat([made.select(found[0][1].columns) for _, made in found])[order]
    keys: list[tuple[str, ...]] = [()] * n
    for where, made in found:
        for i in where.tolist():
            keys[i] = tuple(made.columns)
    return {c: every.get_column(c) for c in every.columns}, keys


def _alike(whole: bytes, n: int) -> tuple[np.ndarray, pl.DataFrame] | None:
    """(which lines are built like the first one, those lines parsed); null where the first one is not plain."""
    try:
        first = orjson.loads(whole.partition(b"\n")[0] if n > 1 else whole)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(first, dict) or not 0 < len(first) <= KEYS or any(type(v) not in PLAIN for v in first.values()):
        return None
    fields = [f"{re.escape(orjson.dumps(key).decode())}: ?{PLAIN[type(value)][0]}" for key, value in first.items()]
    pattern = r"^\{" + ", ?".join(fields) + r"\}$"
    try:
        each = pl.read_lines(io.BytesIO(whole)).to_series()
        if len(each) != n:
            return None
        mine = each.str.contains(pattern).to_numpy()
        if not mine.all():
            whole = b"\n".join(itertools.compress(whole.split(b"\n"), mine.tolist()))
        made = pl.read_ndjson(io.BytesIO(whole), schema={key: PLAIN[type(value)][1] for key, value in first.items()}).rechunk()
    except pl.exceptions.PolarsError:
        return None
    return (mine, made) if made.height == mine.sum() and mine.any() else None
