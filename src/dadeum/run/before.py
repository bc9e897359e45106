"""Everything that can be known before training: `dadeum check`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dadeum import tuning
from dadeum.engine import folder
from dadeum.recipe import Recipe
from dadeum.run.staged import data, json_bytes, say


def check(recipe: Recipe, out: Path, workers: int = 0) -> dict[str, Any]:
    """What can be known before training: {verdict, supervision, probes, memory, power}; also written to check.json."""
    with folder.locked(out):
        data(recipe, out, "split", 0, workers)
        found = tuning.check(recipe, out, say)
        folder.publish(out / "check.json", json_bytes(found))
    return found


def check_text(found: dict[str, Any]) -> str:
    """`check`'s answer for the terminal."""
    told = found["supervision"]
    share = told["supervised_tokens"] / max(1, told["tokens"])
    lines = [f"{told['trained']:,} of {told['rows']:,} training rows fit: {told['tokens']:,} tokens, {share:.0%} of them carry loss"]
    lines += [f"  left out, {reason}: {n:,}" for reason, n in told["left_out"].items()]
    lines += [f"  {role['role']:<10} {role['n_tokens']:>12,} tokens, {role['n_supervised']:>12,} with loss" for role in told["roles"]]
    lines.append("")
    for one in found["probes"]:
        if one["verdict"] in ("fail", "warn"):
            stage = f"[{one['stage']}] " if one.get("stage") else ""
            lines.append(f"{one['verdict']:<5} {one['name']:<18} {one['number']:<10.4g} {stage}{one['means']}")
            lines += [f"      row     {one['row']}"] if one["row"] else []
            lines += [f"      remedy  {one['remedy']}"] if one["remedy"] else []
    for verdict in ("pass", "not applicable"):
        names = list(dict.fromkeys(one["name"] for one in found["probes"] if one["verdict"] == verdict))
        lines += [f"{verdict} ({len(names)}): {', '.join(names)}"] if names else []
    if found.get("memory"):
        from dadeum.train import forecast

        lines += ["", *forecast.text(found["memory"])]
    lines += ["", found["unmeasured"]] if found.get("unmeasured") else []
    if found.get("ahead"):
        from dadeum.tuning import forecast as ahead

        lines += ahead.text(found["ahead"])
    lines += ["", found["power"]["means"]] if found["power"] else []
    return "\n".join([*lines, "", f"check: {found['verdict']}"])
