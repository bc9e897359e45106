"""What a run would do, and what it would cost: `dadeum plan`."""

from __future__ import annotations

import dataclasses
import textwrap
from pathlib import Path
from typing import Any, Final

from dadeum.engine import flow, local, trial
from dadeum.recipe import Recipe

READ_BYTES_PER_SECOND: Final = 20_000_000
"""Rough: short JSON lines read, cleaned and written on one core."""


def plan(recipe: Recipe, out: Path, measured: bool = False) -> dict[str, Any]:
    """What a run would do, step by step: shape, what it reads and writes, how much of it is in the cache. Runs nothing.

    Steps that are a mistake on these rows (an English threshold on Korean text) are refused by what they say of a sample.

    measured: every step on the first 2,000 rows of each source, in a folder that is thrown away, and the cheapest order; the steps
    are then told in the order as written, else in that which a run in `out` keeps to.
    """
    if recipe.order == "auto" and not measured:
        recipe = trial.kept(recipe, out) or recipe
    trial.fit(recipe)
    cache = Path(recipe.engine.cache) if recipe.engine.cache else out / "cache"
    size = local.size(flow.paths(recipe))
    rows: list[dict[str, Any]] = []
    for s, f in zip((None, *recipe.steps), flow.forecast(recipe, cache)):
        shape = type(s).__mro__ if s else ()
        shapes = [kind.__name__ for kind in shape if kind.__name__ in ("Edit", "Filter", "Compare", "Grow")]
        rows.append(
            {
                "step": f.step,
                "shape": shapes[0].lower() if shapes else "read",
                "key": f.key,
                "reads": list(s.reads) if s else [],
                "writes": list(s.writes) if s else [],
                "parameters": s.parameters if s else {},
                "held_out": s.held_out() if s else {},
                "units": f.units,
                "cached": f.done,
                "rows": f.rows,
            }
        )
    told: dict[str, Any] = {"name": recipe.name, "digest": recipe.digest, "bytes": size, "stages": rows}
    told["seconds"] = round(size / READ_BYTES_PER_SECOND, 1)
    for section in ("output", "train", "prove"):
        value = getattr(recipe, section)
        told[section] = dataclasses.asdict(value) if value is not None else None
    if measured:
        found = trial.trial(recipe)
        read = found.receipts[0].seconds / max(1, found.receipts[0].rows_in)
        for row, receipt, seconds in zip(rows, found.receipts, (read, *found.costs)):
            row["trial"] = {
                "rows_in": receipt.rows_in,
                "rows_out": receipt.rows_out,
                "edited": receipt.edited,
                "microseconds_per_row": round(1e6 * seconds, 2),
            }
        told["order"] = trial.told(found, recipe, size, rows[0]["rows"])
    return told


def plan_text(planned: dict[str, Any]) -> str:
    """`plan`'s answer for the terminal."""
    size = planned["bytes"] / 1e6
    lines = [f"{planned['name']}: about {size:,.{0 if size >= 10 else 1}f} MB to read, {planned['seconds']:,.{0 if size >= 200 else 1}f} CPU-seconds for the data", ""]
    measured = any("trial" in s for s in planned["stages"])
    head = f"{'step':<22}{'shape':<9}{'cached':>11}{'rows in':>12}" + (f"{'µs/row':>10}{'left':>8}{'edited':>8}" if measured else "") + "  writes"
    lines.append(head)
    for s in planned["stages"]:
        cached = f"{s['cached']}/{s['units']}" if s["units"] else "-"
        rows = f"{s['rows']:,}" if s["rows"] is not None else "?"
        line = f"{s['step']:<22}{s['shape']:<9}{cached:>11}{rows:>12}"
        if measured:
            t = s.get("trial", {"microseconds_per_row": 0.0, "rows_in": 0, "rows_out": 0, "edited": 0})
            n = max(1, t["rows_in"])
            line += f"{t['microseconds_per_row']:>10.2f}{(t['rows_in'] - t['rows_out']) / n:>8.1%}{t['edited'] / n:>8.1%}"
        lines.append(f"{line}  {', '.join(s['writes'])}".rstrip())
    for s in planned["stages"]:
        if held := s["held_out"]:
            told = f"AUC {held['auc']:.3f} [{held['low']:.3f}, {held['high']:.3f}] on {held['rows']:,} labelled rows ({held['good']:,} positive)"
            lines += ["", f"{s['step']} learns from labels: {told}, each scored by a model that has not seen it"]
    lines += ["", *trial.text(planned["order"])] if measured else []
    for section in ("train", "prove"):
        if planned[section]:
            keys = [f"{key} {_brief(value)}" for key, value in planned[section].items() if _brief(value)]
            lines += ["", f"{section}:", *textwrap.wrap(", ".join(keys), 110, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)]
    return "\n".join(lines)


def _brief(value: Any) -> str:
    """A value as YAML says it, parts with names (arms, stages) by their names alone; nothing for what is empty or a mapping of its own."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        parts = [str(part["name"] if isinstance(part, dict) and "name" in part else part) for part in value]
        return f"[{', '.join(parts)}]" if parts else ""
    return "" if value is None or isinstance(value, dict) else f"{value:g}" if isinstance(value, float) else str(value)
