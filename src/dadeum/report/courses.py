"""Every training of a run in a line: how far it went, what it lost on held-out rows before its first step, and which step's weights were kept.

Read from `models/*/training.json`, which lies beside each model's weights. A training that ended early, or did harm, says so.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any, Final

from markupsafe import Markup

from dadeum.ledger import read_json
from dadeum.report.stacked import stacked

STUDIES: Final = ("without-", "rows-")
"""How the arms of an ablation and of a learning curve begin: they have tables of their own."""
MOST: Final = 24
"""Lines that are shown."""
WORDS: Final[dict[str, dict[str, str]]] = {
    "en": {
        "title": "What was kept of each training",
        "lede": "In the picture above a line begins with the model before its first step; the ring is at the weights that were kept.",
        "training": "training", "seed": "{arm}, seed {seed}", "stage": "stage {name}", "steps": "steps", "rate": "learning rate",
        "of": "{steps} of {planned}, ended early", "before": "held-out loss before", "kept": "kept: held-out loss", "at": "{loss}, step {step}",
        "worse": "worse than before the training", "last": "the last step", "more": "{n} more", "time": "seconds",
    },
    "ko": {
        "title": "학습마다 남긴 것",
        "lede": "위 그림에서 선은 첫 스텝 전의 모델에서 시작하고, 고리는 남긴 가중치의 자리다.",
        "training": "학습", "seed": "{arm}, 시드 {seed}", "stage": "{name} 단계", "steps": "스텝", "rate": "학습률",
        "of": "{planned} 가운데 {steps}, 일찍 멈춤", "before": "학습 전 검증 손실", "kept": "남긴 것: 검증 손실", "at": "{loss}, {step}스텝",
        "worse": "학습 전보다 나빠짐", "last": "마지막 스텝", "more": "{n}개 더", "time": "초",
    },
}  # fmt: skip


def section(folder: Path, run: dict[str, Any], lang: str) -> Markup:
    """The table as HTML; empty where no training lies in the run's folder."""
    t, found = WORDS[lang], trainings(folder, run)
    if not found:
        return Markup("")
    columns = [t[name] for name in ("training", "steps", "rate", "before", "kept", "time")]
    table = stacked(columns, [_cells(name, told, t) for name, told in found[:MOST]], "courses-title", numbers=1)
    more = f"<p>{escape(t['more'].format(n=len(found) - MOST))}</p>" if len(found) > MOST else ""
    return Markup(
        f'<section id="courses" aria-labelledby="courses-title"><h2 id="courses-title">{escape(t["title"])}</h2><p class="lede">{escape(t["lede"])}</p>{table}{more}</section>'
    )


def trainings(folder: Path, run: dict[str, Any]) -> list[tuple[tuple[str, str, str], dict[str, Any]]]:
    """((arm, seed, stage), what its training.json tells) of every training of the run's arms, stage after stage."""
    found = []
    for path in folder.glob("models/*/training.json"):
        whole, _, stage = path.parent.name.partition(".")
        arm, _, seed = whole.rpartition("-")
        if not arm or not seed.isdigit() or path.parent.name.startswith(STUDIES):
            continue
        number, _, name = stage.partition("-")
        if not stage:  # the last stage's model has the arm's own name
            stages = (run.get("train") or {}).get("arms", {}).get(whole, {}).get("stages") or [{"stage": ""}]
            number, name = "10000", stages[-1]["stage"]
        found.append(((arm != "tuned", arm, int(seed), int(number)), (arm, seed, name), read_json(path)))
    return [(name, told) for _, name, told in sorted(found, key=lambda one: one[0])]


def _cells(name: tuple[str, str, str], told: dict[str, Any], t: dict[str, str]) -> list[str]:
    arm, seed, stage = name
    before, kept = told.get("before"), told["eval_loss"]
    early = told["steps"] < told["planned_steps"]
    at = t["last"] if kept is None else t["at"].format(loss=f"{kept:.3f}", step=f"{told['best_step']:,}")
    worse = before is not None and kept is not None and kept >= before
    return [
        t["seed"].format(arm=arm, seed=seed) + (f", {t['stage'].format(name=stage)}" if stage else ""),
        t["of"].format(steps=f"{told['steps']:,}", planned=f"{told['planned_steps']:,}") if early else f"{told['steps']:,}",
        f"{told['learning_rate']:g}",
        "–" if before is None else f"{before:.3f}",
        at + (f" ({t['worse']})" if worse else ""),
        f"{told['seconds']:,.0f}",
    ]
