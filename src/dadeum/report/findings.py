"""What the comparisons and guards of a run found, as small tables that the report draws: similarities, leaks, clusters, strata,
contamination by benchmark, the exported files looked at again, and the order of the steps; scores.py adds what concerns scores.

Everything comes from `run.json`, `order.json` and the ledger; a finding that a run does not have is left out. Values of rows that
name a line (a stratum) are concealed like any other contents; evidence names places, and shows texts that the ledger keeps.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import polars as pl

from dadeum.ledger import read_json
from dadeum.report import evidence, sample, scores, warned
from dadeum.report.facts import Facts, scan
from dadeum.report.finding import Finding, Line, Pair
from dadeum.report.words import Words, count, number, percent

SHOWN: Final = {
    "dedup.near": ("pairs", "would_leave"),
    "dedup.semantic": ("clusters_by_size", "largest"),
    "mix.split": ("train", "validation", "test", "leaks_by", "strata", "warnings"),
}
"""Entries of a step's report that have a table of their own, and are not listed again."""
LINES: Final = 24
"""Lines of a table."""
SIDES: Final = ("train", "validation", "test")


def found(facts: Facts, t: Words) -> list[Finding]:
    """All findings of a run, in the order of its steps; what concerns the run as a whole comes last."""
    made: list[Finding] = []
    makers = {"dedup.near": _near, "dedup.semantic": _semantic, "mix.split": _split}
    for i, stage in enumerate(facts.stages):
        told = stage.get("report") or {}
        if stage["step"] in makers and told:
            made += makers[stage["step"]](stage["step"], told, f"run.json: stages[{i}].report", t)
    made += scores.found(facts, t)
    made += _evidence(facts.folder, t)
    made += _recheck(facts.run, t)
    made += _order(facts.folder / "order.json", t)
    return made


def rest(stage: dict[str, Any]) -> dict[str, Any]:
    """The entries of a stage's report that no table shows."""
    return {k: v for k, v in (stage.get("report") or {}).items() if k not in (*SHOWN.get(stage["step"], ()), "held_out")}


def _near(step: str, told: dict[str, Any], where: str, t: Words) -> Iterator[Finding]:
    pairs, leave = told.get("pairs") or {}, told.get("would_leave") or {}
    if not any(pairs.values()) and not leave:
        return
    edges = sorted({*pairs, *leave}, key=float)
    most = max((*pairs.values(), 1))
    heads = (t("find.similarity"), t("find.pairs"), *([t("find.leave")] if leave else []))
    lines = []
    for low in edges:
        n = pairs.get(low, 0)
        shown = [(n, count(n)), *([(leave.get(low, 0), count(leave.get(low, 0)))] if leave else [])]
        lines.append(Line(t("find.from", x=low), tuple(shown), n / most))
    method = t.known("find.method", str(told.get("method", "")))
    lede = t("find.near", method=method, n=told.get("crowds", 0), rows=count(told.get("crowd_rows", 0)))
    yield Finding(step, t("find.near.title"), lede, heads, tuple(lines[:LINES]), f"{where}.pairs")


def _semantic(step: str, told: dict[str, Any], where: str, t: Words) -> Iterator[Finding]:
    sizes = told.get("clusters_by_size") or {}
    if not sizes:
        return
    most = max(sizes.values())
    ranked = sorted(sizes.items(), key=lambda s: int(s[0]))
    lines = tuple(Line(t("rows.n", n=int(size)), ((n, count(n)),), n / most) for size, n in ranked[:LINES])
    lede = t("find.semantic", embedding=told.get("embedding", "–"), method=t.known("find.method", str(told.get("method", ""))))
    if "recall" in told:
        lede += " " + t("find.recall", recall=percent(told["recall"]), n=told["have_a_neighbour"])
    yield Finding(step, t("find.semantic.title"), lede, (t("find.size"), t("find.clusters")), lines, f"{where}.clusters_by_size", more=max(0, len(sizes) - LINES))


def _split(step: str, told: dict[str, Any], where: str, t: Words) -> Iterator[Finding]:
    sides = {name: told[name] for name in SIDES if isinstance(told.get(name), dict)}
    dated = any("from" in side for side in sides.values())
    if sides:
        lines = [
            Line(
                t(f"split.{name}") + (f" · {side['from'][:10]} – {side['to'][:10]}" if "from" in side else ""),
                ((side["rows"], count(side["rows"])), (side["groups"], count(side["groups"])), (side["share"], percent(side["share"]))),
                side["share"],
            )
            for name, side in sides.items()
        ]
        heads: tuple[str, ...] = (t("find.side"), t("find.rows"), t("find.groups"), t("find.share"))
        lede = t("find.dated", n=told.get("undated", 0)) if dated else t("find.largest", share=percent(told.get("largest_group")))
        warnings = tuple(warned.warning(str(w), t) for w in told.get("warnings") or ())
        yield Finding(step, t("find.sides.title"), lede, heads, tuple(lines), where, warnings)
    leaks = [(kind, pair, n) for kind, pairs in (told.get("leaks_by") or {}).items() for pair, n in pairs.items()]
    if leaks:
        most = max(n for _, _, n in leaks)
        lines = [Line(f"{t.known('find.leak', kind)} · {t.known('find.pair', pair.replace('/', '_'))}", ((n, count(n)),), n / most) for kind, pair, n in leaks]
        lede = t("find.leaks", n=told.get("leaks", 0))
        yield Finding(step, t("find.leaks.title"), lede, (t("find.leak"), t("find.rows")), tuple(lines), f"{where}.leaks_by")
    strata = told.get("strata") or {}
    if strata:
        names = sample.concealed([str(name) for name in strata])
        heads = (t("find.stratum"), *(t(f"split.{name}") for name in SIDES))
        lines = [Line(name[:80] or "∅", tuple((shares[s], percent(shares[s])) for s in SIDES)) for name, shares in zip(names, strata.values())]
        yield Finding(step, t("find.strata.title"), t("find.strata"), heads, tuple(lines[:LINES]), f"{where}.strata", more=max(0, len(lines) - LINES))


def _evidence(folder: Path, t: Words) -> Iterator[Finding]:
    """A finding for each benchmark and reason: how many rows, how many items, and the strongest pairs."""
    if not (folder / "ledger/verdicts.parquet").exists():
        return
    told = evidence.by_benchmark(folder)
    if told.is_empty():
        return
    texts = _texts(folder, [pair["id"] for pairs in told.get_column("pairs").to_list() for pair in pairs])
    most = int(told.get_column("rows").max() or 1)  # type: ignore[arg-type]
    heads = (t("find.benchmark"), t("find.rows"), t("find.items"))
    for step in told.get_column("step").unique(maintain_order=True):
        mine = told.filter(pl.col("step") == step)
        lines = []
        pairs = []
        for row in mine.head(LINES).to_dicts():
            name = f"{_short(row['benchmark'])} · {t.reason(row['reason'])}"
            lines.append(Line(name, ((row["rows"], count(row["rows"])), (row["items"], count(row["items"]))), row["rows"] / most))
            pairs += [Pair(p["place"] or "", _short(p["item"]), p["value"], texts.get(p["id"], "")) for p in row["pairs"]]
        where = f"ledger/verdicts.parquet: step = {step}"
        yield Finding(step, t("find.evidence.title"), t("find.evidence"), heads, tuple(lines), where, pairs=tuple(pairs[: 2 * LINES]), more=max(0, mine.height - LINES))


def _recheck(run: dict[str, Any], t: Words) -> Iterator[Finding]:
    told = run.get("recheck")
    if not isinstance(told, dict) or not told:
        return
    hits = sum(told.values())
    lines = tuple(Line(t.known("split", name.removesuffix(".jsonl")), ((n, count(n)),)) for name, n in told.items())
    warnings = (t("find.recheck.bad", n=hits),) if hits else ()
    yield Finding("guard.contamination", t("find.recheck.title"), t("find.recheck"), (t("find.file"), t("find.hits")), lines, "run.json: recheck", warnings)


def _order(path: Path, t: Words) -> Iterator[Finding]:
    told = read_json(path)
    if told is None:
        return
    steps, order = told["steps"], told["order"]
    moved = sum(a != b for a, b in enumerate(order))
    lines = tuple(Line(steps[was], ((was + 1, count(was + 1)), (now + 1, count(now + 1)))) for now, was in enumerate(order))
    lede = t("find.order", n=moved) if moved else t("find.order.same")
    yield Finding("order", t("find.order.title"), lede, (t("step"), t("find.given"), t("find.taken")), lines[: 2 * LINES], "order.json")


def _texts(folder: Path, ids: list[str]) -> dict[str, str]:
    """What rows that left said, concealed and cut, of those that ledger/lost.parquet keeps."""
    lost = scan(folder, "ledger/lost.parquet")
    if lost is None or not ids:
        return {}
    rows = lost.filter(pl.col("id").is_in(ids)).select("id", "text").collect()
    said = sample.concealed(rows.get_column("text").fill_null("").to_list())
    return {id: text[: sample.LENGTH] for id, text in zip(rows.get_column("id").to_list(), said)}


def _short(place: str) -> str:
    return "/".join(str(place).split("/")[-2:])[-120:]


def told(report: dict[str, Any], t: Words, most: int = 24) -> list[tuple[str, str]]:
    """What a comparison tells of the whole, as flat (name, value) pairs in words: `{"train": {"rows": 8}}` gives ("training rows", "8")."""
    flat: list[tuple[str, str]] = []
    for key, value in report.items():
        name = t.known("finding", str(key)).replace("_", " ")
        if isinstance(value, dict):
            flat += [(f"{name} {k}", v) for k, v in told(value, t)]
        elif isinstance(value, list):
            flat += [(name, (", ".join(f"{k} {w}" for k, w in told(v, t)) if isinstance(v, dict) else str(v))[:300]) for v in value[:6]]
        elif value is None or isinstance(value, (int, float)):
            flat.append((name, number(value)))
        else:
            flat.append((name, t.known("find.method", str(value))[:300]))
    return flat[:most]
