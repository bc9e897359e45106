"""The Jinja environment of chat templates: the sandbox, filters, globals and tags that transformers gives them.

A template then renders here, in training, exactly as it does wherever the model is served. Templates may come with a downloaded
model, so they run in the immutable sandbox. `{% generation %}` brackets what the model says: the bracket is turned into two marks
that no conversation holds, which are taken out again after rendering, so that it works inside macros and set blocks too.
Source: transformers' documentation "Chat templates: advanced usage" (behaviour compared in tests/test_format_template.py).
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any

OPEN, CLOSE = (f"\ue000{mark}{secrets.token_hex(8)}\ue000" for mark in "[]")


@lru_cache(maxsize=32)
def compiled(source: str, now: datetime | None = None) -> Any:
    """A jinja2.Template of `source`. `strftime_now` tells `now` where given, else the time of rendering.

    Raises jinja2.TemplateSyntaxError.
    """
    import jinja2
    from jinja2 import nodes
    from jinja2.ext import Extension, loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        tags = {"generation"}  # noqa: RUF012 - jinja2 declares it so

        def parse(self, parser: Any) -> Any:
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            return nodes.CallBlock(self.call_method("_mark"), [], [], body).set_lineno(line)

        def _mark(self, caller: Callable[[], str]) -> str:
            return f"{OPEN}{caller()}{CLOSE}"

    def refuse(message: str) -> None:
        raise jinja2.TemplateError(message)

    def tojson(value: Any, ensure_ascii: bool = False, indent: Any = None, separators: Any = None, sort_keys: bool = False) -> str:
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    environment.filters["tojson"] = tojson
    environment.globals["raise_exception"] = refuse
    environment.globals["strftime_now"] = lambda form: (now or datetime.now()).strftime(form)
    return environment.from_string(source)


def unmarked(text: str) -> tuple[str, list[tuple[int, int]]]:
    """The text without marks, and the bracketed spans as offsets (characters) into it.

    >>> unmarked(f"a{OPEN}bc{CLOSE}d")
    ('abcd', [(1, 3)])
    """
    if OPEN not in text:
        return text, []
    pieces, spans, length = [], [], 0
    head, *rest = text.split(OPEN)
    pieces.append(head)
    length = len(head)
    for part in rest:
        inside, _, after = part.partition(CLOSE)
        spans.append((length, length + len(inside)))
        length += len(inside) + len(after)
        pieces += [inside, after]
    return "".join(pieces), spans
