"""What the training takes, as a picture: weights, gradients, states, activations and logits as stacked bars, here and on each device.

Drawn from check.json, which `dadeum check` writes, and from what run.json tells of the training afterwards. On a device the bar is the
way that was solved for (method, number format, checkpointing, micro-batch) out of the whole of its memory, by formula; on this machine's
processor the walk on fake tensors, and what was really taken. Of the device that the recipe names (`train.target`), every way.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any, Final

import orjson
from markupsafe import Markup

from dadeum.report import chart, courses, in_force
from dadeum.train.solve import gigabytes as size

PARTS: Final = ("weights", "gradients", "states", "activations", "logits")
WORDS: Final[dict[str, dict[str, str]]] = {
    "en": {
        "title": "Memory of the training",
        "lede": "The most that lies in memory at once. Devices by formula, not measured: the way that changes the training least, of the whole device.",
        "weights": "weights", "gradients": "gradients", "states": "optimiser states", "activations": "activations", "logits": "logits",
        "cpu": "this processor", "nothing": "nothing fits", "rows": "{n} x {length} tokens a pass", "checkpointing": "with checkpointing",
        "every": "Every way on {name}", "longest": "longest row {n}", "none": "not one row fits", "chosen": "to be taken",
        "off": "said {said}, took {took} ({by})",
        "grew": "{off}; the process grew by {grew}: its allocator keeps part of what was freed",
    },
    "ko": {
        "title": "학습에 드는 메모리",
        "lede": "한순간에 가장 많이 차지하는 양. 장치는 실측이 아니라 공식이며, 학습을 가장 적게 바꾸는 방식을 장치 전체에 견주어 그렸다.",
        "weights": "가중치", "gradients": "기울기", "states": "최적화 상태", "activations": "활성값", "logits": "로짓",
        "cpu": "이 컴퓨터의 CPU", "nothing": "들어가는 방식 없음", "rows": "한 번에 {n} x {length}토큰", "checkpointing": "체크포인팅 사용",
        "every": "{name}에서 가능한 모든 방식", "longest": "가장 긴 행 {n}", "none": "한 행도 안 들어감", "chosen": "권하는 방식",
        "off": "예상 {said}, 실제 {took} ({by})",
        "grew": "{off}. 프로세스는 {grew} 커졌습니다. 할당기가 해제된 메모리 일부를 쥐고 있기 때문입니다",
    },
}  # fmt: skip


def section(folder: Path, run: dict[str, Any], lang: str) -> Markup:
    """The section as HTML, between what was kept of each training and the values in force; empty where the run was never checked, or trained."""
    return courses.section(folder, run, lang) + _memory(folder, run, WORDS[lang]) + in_force.section(folder, run, lang)


def _memory(folder: Path, run: dict[str, Any], t: dict[str, str]) -> Markup:
    told = _checked(folder)
    if not told:
        return Markup("")
    rows = [_row(t["cpu"], _cpu_said(run, t) or size(told["cpu"]["plain"]["peak"]), told["cpu"]["plain"]["parts"], told["cpu"]["plain"]["peak"], t)]
    length = told["shape"]["length"]
    for device in told["devices"]:
        way, name = device["choice"], f"{device['device']} ({size(device['memory'])})"
        rows.append(_row(name, _said(way, length, t), way["need"]["parts"], device["memory"], t) if way else _row(name, t["nothing"], {}, device["memory"], t))
    for device in (d for d in told["devices"] if d["device"] == told["target"]):
        rows.append(f"<h3>{escape(t['every'].format(name=device['device']))}</h3>")
        for way in device["ways"]:
            chosen = f", {t['chosen']}" if way == device["choice"] else ""
            said = (_said(way, length, t) if way["fits"] else f"{t['none']}, {size(way['need']['peak'])}") + f", {t['longest'].format(n=format(way['longest'], ','))}{chosen}"
            rows.append(_row(f"{way['method']}, {way['number_format']}", said, way["need"]["parts"], max(device["memory"], way["need"]["peak"]), t))
    legend = "".join(f'<span><i class="key memory-{part}"></i>{escape(t[part])}</span>' for part in PARTS)
    return Markup(
        f'<section id="memory" aria-labelledby="memory-title"><h2 id="memory-title">{escape(t["title"])}</h2><p class="lede">{escape(t["lede"])}</p>'
        f'<figure><figcaption><span class="legend">{legend}</span></figcaption>{"".join(rows)}</figure></section>'
    )


def _said(way: dict[str, Any], length: int, t: dict[str, str]) -> str:
    how = way["method"] + (f" {t['checkpointing']}" if way["checkpointing"] else "")
    return f"{how}, {t['rows'].format(n=format(way['rows'], ','), length=format(length, ','))}, {size(way['need']['peak'])}"


def _row(name: str, said: str, parts: dict[str, int], whole: float, t: dict[str, str]) -> str:
    title = f"{name}: {said}" + "".join(f", {t[part]} {size(parts[part])}" for part in PARTS if parts.get(part))
    drawn = [(f"memory-{part}", float(parts[part])) for part in PARTS if parts.get(part)]
    return f'<div class="memory"><p><b>{escape(name)}</b> <span class="quiet">{escape(said)}</span></p>{chart.bar(drawn, whole, title, height=12)}</div>'


def _cpu_said(run: dict[str, Any], t: dict[str, str]) -> str:
    """What was said of the training here and what it took, where both are known: of several stages the one that took most."""
    told = (run.get("train") or {}).get("forecast") or []
    if not told:
        return ""
    most = max(told, key=lambda one: one["took"]["peak"])
    said, took = most["said"]["peak"], most["took"]["peak"]
    off, grew = t["off"].format(said=size(said), took=size(took), by=f"{100 * (said / took - 1):+.1f} %"), most["took"].get("grew") or 0
    return t["grew"].format(off=off, grew=size(grew)) if grew > took else off


def _checked(folder: Path) -> dict[str, Any] | None:
    """What `check` has told of memory; null where it was not asked, or asked before ways were solved for."""
    try:
        told = orjson.loads((folder / "check.json").read_bytes()).get("memory")
    except (OSError, ValueError):
        return None
    return told if told and "target" in told else None
