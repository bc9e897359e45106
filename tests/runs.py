"""What tests of whole runs share: raw rows with known dirt, a recipe over them, and a folder's bytes."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import yaml

WORDS = ["배송", "환불", "결제", "영화", "정말", "좋아요", "별로", "the", "order", "late", "refund", "please", "thanks", "again", "오늘", "어제", "문의", "드립니다"]


def raw(folder: Path, files: int = 3, rows: int = 700, seed: int = 0) -> Path:
    """JSONL files with copies, spaces to collapse, short rows, broken lines and blank lines."""
    rng = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    seen: list[str] = []
    for f in range(files):
        lines = []
        for i in range(rows):
            text = " ".join(rng.choices(WORDS, k=rng.randint(1, 14)))
            kind = rng.random()
            if kind < 0.1 and seen:
                text = rng.choice(seen)
            elif kind < 0.15:
                text = text.replace(" ", "   ") + "  "
            elif kind < 0.18:
                text = "e\u0301" + text
            seen.append(text)
            line = json.dumps({"id": f"{f}-{i}", "text": text, "group": f"g{rng.randint(0, 40)}", "stars": rng.randint(1, 10)}, ensure_ascii=False)
            lines.append(line if rng.random() > 0.01 else line[: len(line) // 2])
            if rng.random() < 0.02:
                lines.append("")
        (folder / f"rows-{f}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def recipe(folder: Path, shard: int = 200, **more: Any) -> dict[str, Any]:
    return {
        "name": "test",
        "sources": [{"path": f"{folder}/*.jsonl", "name": "rows", "fields": {"text": "text", "id": "id", "group": "group", "stars": "stars"}}],
        "steps": [
            "clean.unicode",
            "clean.whitespace",
            {"filter.length": {"min": 5}},
            "dedup.exact",
            {"guard.pii": {"mode": "mask"}},
            {"mix.split": {"by": "group", "test": 0.2, "validation": 0.1}},
        ],
        "engine": {"shard": shard},
        **more,
    }


def write(path: Path, value: dict[str, Any]) -> Path:
    path.write_text(yaml.safe_dump(value, allow_unicode=True), encoding="utf-8")
    return path


def dadeum(*arguments: Any, cwd: Path | None = None, check: int | None = 0, **more: Any) -> subprocess.CompletedProcess[str]:
    """The command line, in a process of its own."""
    done = subprocess.run([sys.executable, "-m", "dadeum.cli", *map(str, arguments)], cwd=cwd, capture_output=True, text=True, **more)
    if check is not None:
        assert done.returncode == check, f"exit {done.returncode}: {done.stderr[-2000:]}{done.stdout[-2000:]}"
    return done


def run_json(folder: Path) -> dict[str, Any]:
    return orjson.loads((folder / "run.json").read_bytes())


def fingerprint(folder: Path, but: Sequence[str] = ()) -> dict[str, str]:
    """Digest of every file that must be the same for the same recipe on the same bytes."""
    paths = [*folder.glob("data/*"), *folder.glob("ledger/*"), folder / "quarantine.jsonl", folder / "recipe.yaml"]
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(paths) if p.name not in but}


def add_up(folder: Path, raw_rows: int) -> None:
    """The ledger added up from outside: files against files, never against the run's own sums alone."""
    told = run_json(folder)["counts"]
    kept = sum(pl.read_parquet(p).height for p in folder.glob("data/*.parquet"))
    lines = sum(len(p.read_bytes().splitlines()) for p in folder.glob("data/*.jsonl"))
    verdicts = pl.read_parquet(folder / "ledger/verdicts.parquet")
    by_state = dict(verdicts.group_by("state").len().iter_rows())
    assert told["read"] == raw_rows
    assert kept == lines == told["kept"]
    assert kept + verdicts.height == raw_rows + told["grown"]
    assert {s: by_state.get(s, 0) for s in ("dropped", "merged", "quarantined")} == {s: told[s] for s in ("dropped", "merged", "quarantined")}
    ids = pl.concat([verdicts.get_column("id"), *(pl.read_parquet(p).get_column("id") for p in folder.glob("data/*.parquet"))])
    assert ids.n_unique() == len(ids)
    for before, after in zip(run_json(folder)["stages"], run_json(folder)["stages"][1:]):
        assert before["rows_out"] == after["rows_in"]
        assert after["rows_in"] + after["grown"] == after["rows_out"] + sum(after["dropped"].values())
    alive = set(pl.concat([pl.read_parquet(p).select("id") for p in folder.glob("data/*.parquet")]).get_column("id"))
    dead = set(verdicts.get_column("id"))
    for witness in verdicts.filter(pl.col("state") == "merged").get_column("witness"):
        assert witness in alive | dead
