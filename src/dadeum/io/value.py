"""JSON values, exactly: what is read is what can be written again.

orjson is four times faster than the standard library but reads an integer beyond 64 bits as a float; such values (a run of 19
digits tells) are read again by the standard library. Order of keys, 1 against 1.0, and null against absent are all kept.
"""

from __future__ import annotations

import json
from typing import Any, Final

import orjson

WIDE: Final = 19
"""Digits of the smallest integer that may not fit into 64 bits."""
_DIGITS: Final = bytes.maketrans(b"123456789", b"000000000")
_RUN: Final = b"0" * WIDE


def wide(raw: bytes) -> bool:
    """Whether the JSON text may hold an integer beyond 64 bits."""
    return len(raw) >= WIDE and _RUN in raw.translate(_DIGITS)


def loads(raw: bytes | str) -> Any:
    """Parse JSON text, integers of any size exact. Raises ValueError that says what is wrong and where.

    >>> loads('{"n": 123456789012345678901234567890, "x": 1.0}')
    {'n': 123456789012345678901234567890, 'x': 1.0}
    """
    value = orjson.loads(raw)
    if wide(raw.encode() if isinstance(raw, str) else raw):
        return json.loads(raw)
    return value


def forgiving(raw: bytes | str) -> tuple[Any, bool]:
    """(a whole file's JSON, whether it is sound): also where a string in it holds half a surrogate pair or a number is NaN.

    The strict parser refuses all of such a file for one bad letter; `fault` tells which part of it is meant. Raises ValueError
    where it is no JSON at all.
    """
    try:
        return loads(raw), True
    except ValueError:
        return json.loads(raw), False


def fault(value: Any) -> str:
    r"""What of a value that `forgiving` gave is no JSON; an empty string where nothing is.

    >>> fault({"a": "\ud800"}), fault([float("nan")]), fault({"a": 2**70})
    ('not JSON: half a surrogate pair in a string', 'not JSON: NaN or an infinity', '')
    """
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:
        return "not JSON: half a surrogate pair in a string"
    except ValueError:
        return "not JSON: NaN or an infinity"
    return ""


def dumps(value: Any) -> str:
    """Compact JSON text of a value, integers of any size exact.

    >>> dumps({"a": 2**70, "b": [1.0, None, "글"]})
    '{"a":1180591620717411303424,"b":[1.0,null,"글"]}'
    """
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def as_text(value: Any) -> str | None:
    """A value as a column of text holds it: strings as they are, null as null, anything else as JSON text."""
    return value if value is None or isinstance(value, str) else dumps(value)
