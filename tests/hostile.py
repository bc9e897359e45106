"""Long texts that make a regular expression try everything, and every regular expression of the steps: for the bench and for a test.

A pattern with an unbounded repeat inside another takes more than linear time on one of these, whatever it looks for.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

import dadeum.steps
from dadeum.steps.clean._noise import Noise
from dadeum.steps.clean._spacing import runs
from dadeum.steps.clean._terms import STANDARD, Terms

UNITS: Final = (
    "a", "A", "1", "가", " ", "\n", "\t", "<", ">", "@", "&", ".", "-", "_", "=", "?", "ㅋ", "ã", "\u200b", "\ufffd", "a.", "a@", "a-", "1-", "1 ", "1.", "a1", "Aa ", "가 ", "가나 ", "<b", "<b>", "</b>", "<a b='", "<!--", "<p a=b ",
    "&lt;", "&amp;", "&amp;amp;", "&#", "&a", "0 1 0 ", "010-", "(+1 ", "서울시 ", "가로 ", "가로1", "12가", "eyJ", "eyJa.", "sk-", "password=", "password: ", "-----BEGIN PRIVATE KEY-----", "공일공", "골뱅이 ", "카톡 아이디: ", "0:", ":", "::",
    "AB12 ", "1 Aa ", "`", "```", "```\n", "**", "[a](", "![", "|a", "# ", "> ", "- a\n", "http://a", "ㅋㅎ", "haha", "!?", "(c)", "by Aa ", "From: a\n", "--\n", "구독 ", "쿠키 ", "Ã", "â€", "ì•", "\\", "\\(", "$", "$a", "{", "\"", "'", "이름: ", "김가나", "님 ", "Mr. ", "Dear ",
)  # fmt: skip
"""What is repeated."""
ENDS: Final = ("", "!", "\x00", "@", ">", "1", "가", "\n")
"""What makes a match fail, or come, at the very end."""


def texts(size: int) -> Iterator[tuple[str, str]]:
    """(name, text) of about `size` characters."""
    for unit in UNITS:
        for end in ENDS:
            yield f"{unit!a} x n + {end!a}", unit * (size // len(unit)) + end
    yield "nested entities", "&" + "amp;" * (size // 4) + "lt;b&gt;"
    yield "nested tags", "<b>" * (size // 7) + "</b>" * (size // 7)
    yield "an open attribute", "<a href='" + "x" * size


def patterns() -> dict[str, re.Pattern[str]]:
    """Every compiled expression that a module of `dadeum.steps` holds, by where it stands; those inside tuples, mappings and objects too."""
    found: dict[re.Pattern[str], str] = {}
    for info in pkgutil.walk_packages(dadeum.steps.__path__, "dadeum.steps."):
        module = importlib.import_module(info.name)
        for name, value in vars(module).items():
            for pattern in _within(value, 3):
                found.setdefault(pattern, f"{info.name.removeprefix('dadeum.steps.')}.{name} {pattern.pattern[:40]!a}")
    for name, value in {"clean._noise.Noise": Noise(2, True), "clean._spacing.runs": runs(20), "clean._terms.Terms": Terms(STANDARD, False)}.items():
        for pattern in _within(value, 3):
            found.setdefault(pattern, f"{name} {pattern.pattern[:40]!a}")
    return {where: pattern for pattern, where in found.items()}


def _within(value: Any, depth: int) -> Iterator[re.Pattern[str]]:
    if isinstance(value, re.Pattern):
        if isinstance(value.pattern, str):
            yield value
    elif depth and isinstance(value, dict):
        yield from _each(value.values(), depth)
    elif depth and isinstance(value, list | tuple | set | frozenset):
        yield from _each(value, depth)
    elif depth and hasattr(value, "__dict__") and type(value).__module__.startswith("dadeum.steps") and not isinstance(value, type):
        computed = [getattr(value, name) for name, kind in vars(type(value)).items() if type(kind).__name__ == "cached_property"]
        yield from _each([*vars(value).values(), *computed], depth)


def _each(values: Iterable[Any], depth: int) -> Iterator[re.Pattern[str]]:
    for one in values:
        yield from _within(one, depth - 1)
