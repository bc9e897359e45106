"""What the training takes, as a picture: weights, gradients, states, activations and logits as stacked bars, here and on each device.

Drawn from check.json, which `dadeum check` writes, and from what run.json tells of the training afterwards. On a device the bar is the
way that was solved for (the first that fits: method, checkpointing, tokens in a pass) out of the whole of its memory, by formula; on this
machine's processor the walk on fake tensors, and what was really taken.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any, Final

import orjson
from markupsafe import Markup

from dadeum.report import chart

PARTS: Final = ("weights", "gradients", "states", "activations", "logits")
WORDS: Final[dict[str, dict[str, str]]] = {
    "en": {
        "title": "Memory of the training",
        "lede": "The most that lies in memory at once. Devices by formula, not measured: the first way that fits, of the whole device.",
        "weights": "weights", "gradients": "gradients", "states": "optimiser states", "activations": "activations", "logits": "logits",
        "cpu": "this processor", "nothing": "nothing fits", "tokens": "up to {n} tokens a pass", "checkpointing": "with checkpointing",
        "off": "said {said}, took {took} ({by})", "of": "{peak} of {whole}",
    },
    "ko": {
        "title": "학습에 드는 메모리",
        "lede": "한순간에 가장 많이 차지하는 양. 장치는 실측이 아니라 공식이며, 처음으로 들어가는 방식을 장치 전체에 견주어 그렸다.",
        "weights": "가중치", "gradients": "기울기", "states": "최적화 상태", "activations": "활성값", "logits": "로짓",
        "cpu": "이 컴퓨터의 CPU", "nothing": "들어가는 방식 없음", "tokens": "한 번에 최대 {n}토큰", "checkpointing": "체크포인팅 사용",
        "off": "예상 {said}, 실제 {took} ({by})", "of": "{whole} 중 {peak}",
    },
}  # fmt: skip


def section(folder: Path, run: dict[str, Any], lang: str) -> Markup:
    """The section as HTML; empty where the run was never checked."""
    told = _checked(folder)
    if not told:
        return Markup("")
    t = WORDS[lang]
    rows = [_row(t["cpu"], _cpu_said(run, t) or size(told["cpu"]["plain"]["peak"]), told["cpu"]["plain"]["parts"], told["cpu"]["plain"]["peak"], t)]
    for device in told["devices"]:
        way = device["choice"]
        whole = size(device["memory"])
        if way is None:
            rows.append(_row(f"{device['device']} ({whole})", t["nothing"], {}, device["memory"], t))
            continue
        how = way["method"] + (f" {t['checkpointing']}" if way["checkpointing"] else "")
        of = t["of"].format(peak=size(way["need"]["peak"]), whole=whole)
        rows.append(_row(device["device"], f"{how}, {of}, {t['tokens'].format(n=format(way['most_tokens'], ','))}", way["need"]["parts"], device["memory"], t))
    legend = "".join(f'<span><i class="key memory-{part}"></i>{escape(t[part])}</span>' for part in PARTS)
    return Markup(
        f'<section id="memory" aria-labelledby="memory-title"><h2 id="memory-title">{escape(t["title"])}</h2><p class="lede">{escape(t["lede"])}</p>'
        f'<figure><figcaption><span class="legend">{legend}</span></figcaption>{"".join(rows)}</figure></section>'
    )


def size(n: float) -> str:
    """Bytes, by the thousand.

    >>> size(24e9), size(1_900_000)
    ('24 GB', '1.9 MB')
    """
    return f"{n / 1e9:.3g} GB" if n >= 1e9 else f"{n / 1e6:.2g} MB" if n < 1e8 else f"{n / 1e6:.0f} MB"


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
    return t["off"].format(said=size(said), took=size(took), by=f"{100 * (said / took - 1):+.1f} %")


def _checked(folder: Path) -> dict[str, Any] | None:
    try:
        return orjson.loads((folder / "check.json").read_bytes()).get("memory")
    except (OSError, ValueError):
        return None
