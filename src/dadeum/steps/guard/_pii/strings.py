"""The strings inside JSON: tool calls and their arguments, which are JSON in a string of JSON.

Only the string values change, each in its place: keys, numbers, order, spacing and the rest of the bytes stay, so what was valid
stays valid. A key tells what its value is (`"phone": "0311234567"`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Final

STRING: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_KEY: Final = re.compile(r"(?<!\s)\s*:")
DEEPEST: Final = 4
"""Strings of JSON in strings of JSON are followed so far."""


def inside(text: str, change: Callable[[str, str], str], depth: int = 0) -> str:
    """JSON with `change(value, key)` in place of every string value. What is no JSON is one value without a key.

    >>> inside('{"to": "a@b.kr", "n": 1}', lambda value, key: value.upper())
    '{"to": "A@B.KR", "n": 1}'
    """
    if depth >= DEEPEST or not _is_json(text):
        return change(text, "")
    out, end, key = [], 0, ""
    for found in STRING.finditer(text):
        value = json.loads(found[0], strict=False)
        if _KEY.match(text, found.end()):
            key = value
            continue
        if _is_json(value):
            made = inside(value, change, depth + 1)
        else:
            made = change(value, key)
        if made != value:
            ascii_only = found[0].isascii() and not value.isascii()
            out += [text[end : found.start()], json.dumps(made, ensure_ascii=ascii_only)]
            end = found.end()
    return "".join(out) + text[end:]


def _is_json(text: str) -> bool:
    if text.lstrip()[:1] not in ("{", "[", '"'):
        return False
    try:
        json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return False
    return True
