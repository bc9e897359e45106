"""Every value that the training uses, and where it comes from: the recipe, a default with its source, or something measured.

As run.json tells it after a training; before one as `dadeum check` has it in check.json.
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import Any, Final

import orjson
from markupsafe import Markup

from dadeum.report.stacked import stacked

WORDS: Final[dict[str, dict[str, str]]] = {
    "en": {
        "title": "Values in force, and where they come from", "stage": "stage {name}", "key": "key", "value": "value", "source": "from",
        "defaults": "{n} more as they are by default",
    },
    "ko": {
        "title": "적용된 값과 그 출처", "stage": "{name} 단계", "key": "키", "value": "값", "source": "출처",
        "defaults": "기본값 그대로인 나머지 {n}개",
    },
}  # fmt: skip

KOREAN: Final = (
    (r"recipe", "레시피"),
    (r"default", "기본값"),
    (r"default of transformers", "transformers의 기본값"),
    (r"what is here", "이 컴퓨터에 있는 것"),
    (r"follows from device (\S+)", r"장치 \1에서 따라 나옴"),
    (r"follows from the batches as they are drawn", "짜 놓은 배치에서 따라 나옴"),
    (r"found by a range test", "학습률 탐색으로 찾음"),
    (r"to be found by a range test", "학습률 탐색으로 찾을 값"),
    (r"default for (\S+) by (\S+), below (\d+) million parameters (.*)", r"\1을(를) \2(으)로 학습할 때의 기본값, 매개변수 \3백만 개 미만 \4"),
    (r"default for (\S+) by (\S+), (\d+) million or more parameters (.*)", r"\1을(를) \2(으)로 학습할 때의 기본값, 매개변수 \3백만 개 이상 \4"),
    (r"follows from (.*), nearly: rows are not cut to fill a step", r"\1에서 따라 나옴 (스텝을 채우려고 행을 자르지 않으므로 어림값)"),
    (r"follows from (.*)", r"\1에서 따라 나옴"),
    (r"tokens in all", "전체 토큰"),
    (r"optimiser steps", "최적화 스텝"),
    (r"passes a step", "스텝마다의 순전파"),
    (r"warm-up steps", "워밍업 스텝"),
    (r"optimiser", "최적화기"),
    (r"gradient clipping", "기울기 자르기"),
)
"""What `train.effective` says, and how a Korean reader says it."""


def _words(text: str, lang: str) -> str:
    """In the reader's language; a key of a recipe stays what it is."""
    for told, said in KOREAN if lang == "ko" else ():
        if found := re.fullmatch(told, text):
            return found.expand(said).replace("tokens in all", "전체 토큰").replace("tokens of the rows", "행의 토큰").replace("optimiser steps", "최적화 스텝")
    return text


def section(folder: Path, run: dict[str, Any], lang: str) -> Markup:
    """The section as HTML, one table for each stage; empty where nothing was trained or checked."""
    t, told = WORDS[lang], (run.get("train") or {}).get("values") or _checked(folder)
    if not told:
        return Markup("")
    told = [{"stage": one["stage"], "values": [{**v, "key": _words(v["key"], lang), "told": _words(v["source"], lang)} for v in one["values"]]} for one in told]
    tables = "".join((f"<h3>{escape(t['stage'].format(name=one['stage']))}</h3>" if one["stage"] else "") + _table(one["values"], t) for one in told)
    return Markup(f'<section id="values" aria-labelledby="values-title"><h2 id="values-title">{escape(t["title"])}</h2>{tables}</section>')


def _table(values: list[dict[str, Any]], t: dict[str, str]) -> str:
    """What somebody or something has decided, and, folded, plain defaults."""
    said = [one for one in values if one["source"] != "default"]
    rest = [one for one in values if one["source"] == "default"]
    summary = escape(t["defaults"].format(n=len(rest)))
    return _rows(said, t) + (f"<details><summary>{summary}</summary>{_rows(rest, t)}</details>" if rest else "")


def _rows(values: list[dict[str, Any]], t: dict[str, str]) -> str:
    cells = [[one["key"], _shown(one["value"]), one["told"]] for one in values]
    return stacked([t[name] for name in ("key", "value", "source")], cells, "values-title")


def _shown(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return str(value).lower() if value is not None else "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value) or "-"


def _checked(folder: Path) -> list[dict[str, Any]]:
    try:
        told = orjson.loads((folder / "check.json").read_bytes()).get("ahead") or []
    except (OSError, ValueError):
        return []
    return [{"stage": one["stage"], "values": one["values"]} for one in told]
