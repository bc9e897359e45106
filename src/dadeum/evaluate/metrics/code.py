"""Code answers: do the unit tests pass?

The program is the answer's Python (what stands in its first fence, else all of it), then the item's tests; it passes when it comes to
its end. An answer that is no Python at all is unscored: null. It runs in the sandbox alone (sandbox.py).
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Sequence
from typing import Final

from dadeum.evaluate.metrics import sandbox

_RAN: Final[dict[str, bool]] = {}
"""What was run in this process: several arms answer alike, and every part of a proof asks for the same scores."""
_FENCE: Final = re.compile(r"```[ \t]*(?:python|py)?[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL | re.IGNORECASE)


def scores(replies: Sequence[str], tests: Sequence[str]) -> list[float | None]:
    """1.0 where an answer passes its tests, 0.0 where it doesn't, null where it is no Python.

    >>> scores(["```python\\ndef f(x): return x + 1\\n```", "def f(x): return x", "답은 x + 1 입니다"], ["assert f(1) == 2"] * 3)
    [1.0, 0.0, None]
    """
    codes = [code(reply) for reply in replies]
    programs = [None if found is None else f"{found}\n\n{test}\n" for found, test in zip(codes, tests)]
    missing = [program for program in dict.fromkeys(programs) if program is not None and program not in _RAN]
    _RAN.update((program, ran.passed) for program, ran in zip(missing, sandbox.run_all(missing)))
    return [None if program is None else float(_RAN[program]) for program in programs]


def code(reply: str) -> str | None:
    """The Python of an answer, or null."""
    found = _FENCE.search(reply)
    text = found[1] if found else reply
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(text, "answer", "exec", dont_inherit=True)
            tree = ast.parse(text)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    # A word (모르겠습니다) or a number alone is an expression of Python, and no program: it defines and does nothing.
    does = any(isinstance(part, ast.Call) or (isinstance(part, ast.stmt) and not isinstance(part, ast.Expr)) for part in ast.walk(tree))
    return text if does else None
