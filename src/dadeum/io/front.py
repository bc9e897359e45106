"""Front matter: what stands before a Markdown document between two lines of ---, as YAML, or of +++, as TOML.

    ---
    title: 시작하기
    lang: ko
    licence: CC-BY-4.0
    date: 2024-03-01
    ---

It becomes the row's fields (`language` is lang, `license` is licence), which `fields` of a source may make columns. What is no mapping,
or uses YAML's references, with which a line can grow to gigabytes, is text like any other.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any, Final

import yaml

_FRONT: Final = re.compile(
    r"\A(?:(?P<yaml>---)|(?P<toml>\+\+\+))[ \t]*\r?\n(?P<inner>.*?)(?:^(?(yaml)(?:---|\.\.\.)|\+\+\+))[ \t]*(?:\r?\n|\Z)",
    re.DOTALL | re.MULTILINE,
)
_NAMES: Final = {"language": "lang", "license": "licence"}
LONGEST: Final = 1 << 16
"""Characters that are looked at."""


def split(text: str) -> tuple[dict[str, Any], str]:
    """(what the front matter says, the text after it); nothing and the whole text where there is none.

    >>> split("---\\ntitle: 제목\\nlicense: MIT\\n---\\n\\n# Head\\n")
    ({'title': '제목', 'licence': 'MIT'}, '\\n# Head\\n')
    >>> split("---\\nonly a line\\n---\\ntext")
    ({}, '---\\nonly a line\\n---\\ntext')
    """
    found = _FRONT.match(text, 0, LONGEST) if text.startswith(("---", "+++")) else None
    if found is None:
        return {}, text
    try:
        told = tomllib.loads(found["inner"].replace("\r\n", "\n")) if found["toml"] else _yaml(found["inner"])
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}, text
    if not isinstance(told, dict) or not told:
        return {}, text
    return {_NAMES.get(str(key).lower(), str(key)): value for key, value in told.items()}, text[found.end() :]


def _yaml(inner: str) -> Any:
    if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(inner, yaml.SafeLoader)):
        return None
    return yaml.safe_load(inner)
