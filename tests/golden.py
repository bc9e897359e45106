"""The golden rows of `tests/cases`: one file per step, one case per line.

    {"params": {...}, "in": {record}, "out": {fields of the record}}                 Edit: all other fields stay
    {"params": {...}, "in": {record}, "reason": "too_short", "value": 2}             Filter; no reason, or null: the record stays
    {"params": {...}, "in": [records], "out": {id: reason, "kept" or what it wrote}}  Compare; "witness": {id: id} where it matters
    {"params": {...}, "in": [records], "out": {id: [parents]}}                       Grow
    {"params": {...}, "in": {record} or nothing, "error": "part of the message"}     a mistake that is told

`note` says why the case is there. Steps are made of `params` as recipes make them; files are named from the project's folder.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "cases"
ROOT = FOLDER.parent.parent


@cache
def cases(step: str) -> tuple[dict[str, Any], ...]:
    """The cases of a step. Raises AssertionError where there are none: a step without cases is not done."""
    file = FOLDER / f"{step}.jsonl"
    assert file.is_file(), f"{step} has no cases: write tests/cases/{step}.jsonl"
    made = [json.loads(line) for line in file.read_text(encoding="utf-8").split("\n") if line.strip()]
    assert made, f"tests/cases/{step}.jsonl holds no case"
    return tuple(made)


def samples(step: str) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Every set of parameters that the cases use, with the rows they use it on."""
    sets: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {}
    for case in cases(step):
        if "error" in case or "in" not in case:
            continue
        rows = case["in"] if isinstance(case["in"], list) else [case["in"]]
        sets.setdefault(json.dumps(case.get("params", {}), sort_keys=True), (case.get("params", {}), []))[1].extend(rows)
    return list(sets.values())
