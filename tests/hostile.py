"""Long texts that make a regular expression try everything, and every regular expression of the project: for the bench and for a test.

A pattern with an unbounded repeat inside another takes more than linear time on one of these, whatever it looks for.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import dadeum
from dadeum.steps.clean._noise import Noise
from dadeum.steps.clean._spacing import runs
from dadeum.steps.clean._terms import STANDARD, Terms
from dadeum.steps.guard._pii.speakers import People

ANCHORED: Final = ("evaluate.metrics.label._DENIED", "io.chatlog.archive.CONVERSATIONS", "io.chatlog.kakao.KINDS", "io.chatlog.slack.DAYS", "io.sections._TABLE", "steps.dedup._spans_text._AFTER")
"""Expressions of a module that are only asked whether a text begins with them or is one."""
MATCHED: Final = " (match)"
"""Marks those that a function writes for that."""
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
    """Every expression that a module of dadeum holds, by where it stands: those at its top, inside tuples, mappings and objects too,
    and those that a function writes where it needs them."""
    found: dict[re.Pattern[str], str] = {}
    for info in pkgutil.walk_packages(dadeum.__path__, "dadeum."):
        module = importlib.import_module(info.name)
        where = info.name.removeprefix("dadeum.")
        for name, value in vars(module).items():
            for pattern in _within(value, 3):
                found.setdefault(pattern, f"{where}.{name} {pattern.pattern[:40]!a}")
        for line, how, pattern in _written(module):
            found.setdefault(pattern, f"{where}:{line} {pattern.pattern[:40]!a}" + (MATCHED if how in ("match", "fullmatch") else ""))
    made: dict[str, Any] = {"steps.clean._noise.Noise": Noise(2, True), "steps.clean._spacing.runs": runs(20), "steps.clean._terms.Terms": Terms(STANDARD, False)}
    made["steps.guard._pii.speakers.People"] = People(("김민수", "박도윤", "가온", "나래 상담", "Priya Raman", "Will Smith", "gaon", "happy_dev92"))
    for name, value in made.items():
        for pattern in _within(value, 3):
            found.setdefault(pattern, f"{name} {pattern.pattern[:40]!a}")
    return {where: pattern for pattern, where in found.items()}


def tried(where: str, pattern: re.Pattern[str], text: str) -> int:
    """How many times an expression that stands there is found in a text, asked as the project asks it."""
    if where.startswith(ANCHORED) or where.endswith(MATCHED):
        return (pattern.match(text) is not None) + (pattern.fullmatch(text) is not None)
    return sum(1 for _ in pattern.finditer(text))


def _written(module: Any) -> Iterator[tuple[int, str, re.Pattern[str]]]:
    """(line, function of `re`, expression) of every call of `re` whose expression the module itself can tell."""
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name) and node.func.value.id == "re" and node.args:
            given = [node.args[0], *(k.value for k in node.keywords if k.arg == "flags")]
            try:
                told, *flags = (eval(compile(ast.Expression(part), "re", "eval"), vars(module)) for part in given)
            except NameError:  # made of what a function is given
                continue
            if isinstance(told, str):
                yield node.lineno, node.func.attr, re.compile(told, *flags)


def _within(value: Any, depth: int) -> Iterator[re.Pattern[str]]:
    if isinstance(value, re.Pattern):
        if isinstance(value.pattern, str):
            yield value
    elif depth and isinstance(value, dict):
        yield from _each(value.values(), depth)
    elif depth and isinstance(value, list | tuple | set | frozenset):
        yield from _each(value, depth)
    elif depth and hasattr(value, "__dict__") and type(value).__module__.startswith("dadeum.") and not isinstance(value, type):
        computed = [getattr(value, name) for name, kind in vars(type(value)).items() if type(kind).__name__ == "cached_property"]
        yield from _each([*vars(value).values(), *computed], depth)


def _each(values: Iterable[Any], depth: int) -> Iterator[re.Pattern[str]]:
    for one in values:
        yield from _within(one, depth - 1)
