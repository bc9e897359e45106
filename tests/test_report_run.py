"""A run's folder made by code, Korean and English, for the tests of the report: every file of the contract, and one lie each on demand."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest

from dadeum.ledger import EDITS, VERDICTS, read_run
from dadeum.record import records

HOSTILE = "<script>alert('행')</script><img src=http://evil.example/x.png onerror=alert(1)>"
STEPS = ("read", "clean.unicode", "clean.markup", "filter.length", "dedup.exact", "dedup.near", "guard.pii", "guard.contamination", "mix.split")
ASKED = ("배송이 언제쯤 도착하나요?", "환불은 며칠 걸리나요?", "비밀번호를 잊어버렸어요.", "Where is my parcel?", "How do I change my password?", "I was charged twice.")
ANSWERS = ("배송", "환불", "계정", "delivery", "account", "billing")


def make(folder: Path, *, trained: bool = True, verdict: str = "better", scale: int = 1, text: str = "") -> Path:
    """Write a whole run below `folder`; `text` goes into every place where a row's contents may stand."""
    draw = random.Random(7)
    for name in ("data", "ledger"):
        (folder / name).mkdir(parents=True)
    splits = {"train": 820 * scale, "validation": 96 * scale, "test": 100 * scale}
    start = 0
    for name, n in splits.items():
        pl.DataFrame(_kept(start, n, text)).write_parquet(folder / f"data/{name}.parquet")
        start += n
    left = _left(scale, text)
    verdicts = pl.DataFrame([v for v, _ in left], schema=VERDICTS)
    verdicts.write_parquet(folder / "ledger/verdicts.parquet")
    lost = pl.DataFrame([{"id": v["id"], "step": v["step"], "reason": v["reason"], "text": said} for v, said in left if v["state"] != "quarantined"])
    lost.group_by("step", "reason", maintain_order=True).head(20).write_parquet(folder / "ledger/lost.parquet")
    edits = _edits(scale, text)
    pl.DataFrame(edits, schema=EDITS).write_parquet(folder / "ledger/edits.parquet")
    totals = {"before": sum(splits.values()) + sum(v["state"] != "quarantined" for v, _ in left), "after": sum(splits.values())}
    _lengths(totals).write_parquet(folder / "ledger/lengths.parquet")
    bad = [v for v, _ in left if v["state"] == "quarantined"]
    raws = [{"file": "raw/messages.jsonl", "line": i + 17, "error": v["reason"], "raw": text or '{"text": "끝나지 않은 글, "label": "환불"'} for i, v in enumerate(bad)]
    (folder / "quarantine.jsonl").write_bytes(b"".join(orjson.dumps(r) + b"\n" for r in raws))
    (folder / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    run = _run(left, edits, splits)
    if trained:
        _model(folder, draw, verdict, text)
        run["verdict"] = verdict
    (folder / "run.json").write_bytes(orjson.dumps(run))
    return folder


def _kept(start: int, n: int, text: str) -> pl.DataFrame:
    rows = [
        {
            "id": f"messages/{start + i}",
            "row": start + i,
            "source": "messages" if i % 3 else "faq",
            "place": f"raw/messages.jsonl:{start + i}",
            "messages": [{"role": "user", "content": text or ASKED[i % 6]}, {"role": "assistant", "content": ANSWERS[i % 6]}],
        }
        for i in range(n)
    ]
    return records(rows)


def _left(scale: int, text: str) -> list[tuple[dict[str, Any], str]]:
    """(verdict, what the row said) of every row that left."""
    kinds = (
        ("read", "quarantined", "not JSON: unexpected character", 3, None, None, None, ""),
        ("filter.length", "dropped", "empty", 14, 0.0, 1.0, None, ""),
        ("filter.length", "dropped", "too_long", 9, 8123.0, 4000.0, None, "같은 말을 자꾸 되풀이합니다. " * 300),
        ("dedup.exact", "merged", "duplicate", 120, 1.0, None, "messages/0", "배송이 언제쯤 도착하나요?\n배송"),
        ("dedup.exact", "dropped", "conflict", 8, 2.0, None, None, "환불은 며칠 걸리나요?\n계정"),
        ("dedup.near", "merged", "near_duplicate", 61, 0.91, 0.8, "messages/3", "Where is my parcel please??\ndelivery"),
        ("guard.contamination", "dropped", "contaminated", 24, 0.87, 0.5, "test/questions.jsonl:12", "How do I reset my password on the old app? 010-2345-6789"),
    )
    out = []
    for step, state, reason, n, value, threshold, witness, said in kinds:
        for i in range(n * scale):
            verdict = {"id": f"{step}/{reason}/{i}", "source": "messages", "place": f"raw/messages.jsonl:{5000 + i}", "state": state, "step": step}
            out.append(({**verdict, "reason": reason, "value": value, "threshold": threshold, "witness": witness}, text or said))
    return out


def _edits(scale: int, text: str) -> list[dict[str, Any]]:
    kinds = (
        ("clean.unicode", 70, "배\u200b송이 어\u1102\u1161요? 확인\u3164부탁드려요", "배송이 어나요? 확인부탁드려요"),
        ("clean.unicode", 20, "I can\u00ad\u00adnot log in\ufeff", "I cannot log in"),
        ("clean.markup", 90, "<p>환불 규정이 <b>궁금</b>합니다&nbsp;&amp; 절차도요.</p>", "환불 규정이 궁금합니다 & 절차도요."),
        ("clean.markup", 40, '<div class="msg">My order <br/>has not arrived.</div>', "My order\nhas not arrived."),
        ("guard.pii", 33, "연락처는 ⟨phone:3f9a1c⟩ 입니다. 저녁에 전화 주세요.", "연락처는 010-0000-4821 입니다. 저녁에 전화 주세요."),
        ("guard.pii", 12, "Please write to ⟨email:b7720e⟩, thank you.", "Please write to user-4821@example.com, thank you."),
    )
    out = []
    for step, n, before, after in kinds:
        for i in range(n * scale):
            before_i, after_i = (text + before, text + after) if text else (before, after)
            out.append({"id": f"messages/{i}" if step == "guard.pii" else f"messages/{i + 300}", "step": step, "before": before_i, "after": after_i})
    return out


def _lengths(totals: dict[str, int]) -> pl.DataFrame:
    edges = [0, 1, 2, 3, 5, 7, 10, 15, 22, 31, 44, 63, 90, 127, 180, 255, 361, 511, 723, 1023, 1447, 2047, None]
    shape = (14, 0, 2, 9, 20, 41, 90, 160, 230, 250, 190, 120, 60, 30, 14, 6, 3, 2, 1, 1, 0, 9)
    rows = []
    for unit, shift in (("characters", 0), ("tokens", 1)):
        for when in ("before", "after"):
            for i, (low, high) in enumerate(pairwise(edges)):
                n = shape[min(len(shape) - 1, i + shift)]
                rows.append({"when": when, "unit": unit, "low": low, "high": high, "n": n if when == "before" else 0 if i in (0, 21) else int(n * 0.8)})
            short = totals[when] - sum(r["n"] for r in rows[1 - len(edges) :])
            rows[-12]["n"] += short
    return pl.DataFrame(rows, schema={"when": pl.String, "unit": pl.String, "low": pl.Int64, "high": pl.Int64, "n": pl.Int64})


def _run(left: list[tuple[dict[str, Any], str]], edits: list[dict[str, Any]], splits: dict[str, int]) -> dict[str, Any]:
    kept = sum(splits.values())
    counts = {"read": kept + len(left), "kept": kept, "dropped": 0, "merged": 0, "quarantined": 0, "grown": 0}
    stages = []
    rows = counts["read"]
    for i, step in enumerate(STEPS):
        dropped: dict[str, int] = {}
        states: dict[str, int] = {}
        for v, _ in left:
            if v["step"] == step:
                dropped[v["reason"]] = dropped.get(v["reason"], 0) + 1
                states[v["state"]] = states.get(v["state"], 0) + 1
                counts[v["state"]] += 1
        out = rows - sum(dropped.values())
        edited = sum(e["step"] == step for e in edits)
        report = REPORTS.get(step, {})
        stage = {"step": step, "key": f"{i:032x}", "rows_in": rows, "rows_out": out, "edited": edited, "grown": 0, "dropped": dropped}
        stages.append({**stage, "states": states, "seconds": 0.07 * (i + 1), "cached": i == 1, "report": report})
        rows = out
    return {
        "name": "상담 support",
        "version": "0.1.0",
        "recipe_digest": "9f2c4be1a07d5538c6e1f0a4429be713",
        "dataset_digest": "41d0c2aa93be77f0145e6b8c0d9f3a52",
        "seed": 7,
        "counts": counts,
        "splits": splits,
        "recheck": dict.fromkeys(splits, 0),
        "stages": stages,
        "verdict": None,
        "seconds": 143.2,
        "peak_rss_mb": 612.4,
    }


def _model(folder: Path, draw: random.Random, verdict: str, text: str) -> None:
    n = 820
    table = {"id": [f"messages/{i}" for i in range(n)], "n_tokens": [34 + i % 30 for i in range(n)], "n_supervised": [3 + i % 4 for i in range(n)]}
    table |= {"cut": [0] * n, "reason": [None if i % 160 else "too_long" for i in range(n)], "labels_digest": ["0"] * n}
    pl.DataFrame(table, schema_overrides={"reason": pl.String}).write_parquet(folder / "supervision.parquet")
    pieces = [("<|user|>", "user", False), ("\n", "user", False)]
    pieces += [(w, "user", False) for w in (text or "배송이| 언제|쯤| 도착|하나|요|?").split("|")]
    pieces += [("<|assistant|>", "assistant", False), ("\n", "assistant", False), ("배", "assistant", True), ("송", "assistant", True), ("<|end|>", "assistant", True)]
    english = [("<|user|>\n", "user", False), *((w, "user", False) for w in ("I", " was", " charged", " twice", "."))]
    english += [("<|assistant|>\n", "assistant", False), ("bill", "assistant", True), ("ing", "assistant", True), ("<|end|>", "assistant", True)]
    told = [{"id": f"messages/{i}", "tokens": [dict(zip(("text", "role", "supervised"), p)) for p in ps]} for i, ps in enumerate((pieces, english))]
    (folder / "supervision_sample.json").write_bytes(orjson.dumps(told))
    curve = []
    for arm, floor in (("tuned", 0.42), ("raw", 0.78)):
        for seed in (0, 1):
            for step in range(1, 61):
                loss = floor + 3.1 * 0.93**step + draw.gauss(0, 0.05)
                held = floor + 0.08 + 3.0 * 0.93**step + 0.01 * seed if step % 8 == 0 or step == 60 else None
                curve.append({"arm": arm, "seed": seed, "step": step, "tokens": step * 2048, "loss": loss, "eval_loss": held})
    (folder / "curve.json").write_bytes(orjson.dumps(curve))
    gaps = {"better": (0.19, 0.142, 0.239, 0.0001), "worse": (-0.081, -0.12, -0.043, 0.0004), "cannot tell": (0.006, -0.021, 0.034, 0.61)}
    names = ("difference", "low", "high", "p")
    head = dict(zip(names, gaps[verdict]))
    second = dict(zip(names, (0.467, 0.421, 0.512, 0.0001)))
    arms = {"base": (0.343, 0.3, 0.389, 41), "raw": (0.62, 0.571, 0.668, 6), "tuned": (0.62 + head["difference"], 0.62 + head["low"], 0.62 + head["high"], 2)}
    proof = {
        "task": "intent",
        "n": 400,
        "groups": 80,
        "arms": {k: dict(zip(("score", "low", "high", "unscored"), v)) for k, v in arms.items()},
        **head,
        "verdict": verdict,
        "seeds": [0, 1],
        "smallest_difference": 0.041,
        "comparisons": [
            {"a": "tuned", "b": "raw", "metric": "label", **head, "p_corrected": min(1.0, head["p"] * 3), "verdict": verdict},
            {"a": "tuned", "b": "base", "metric": "label", **second, "p_corrected": 0.0003, "verdict": "better"},
            {"a": "tuned", "b": "raw", "metric": "loss per byte", "difference": -0.21, "low": -0.25, "high": -0.17, "p": 0.0001, "p_corrected": 0.0003, "verdict": "better"},
        ],
        "notes": ["Both arms saw 122,880 training tokens."],
    }
    (folder / "proof.json").write_bytes(orjson.dumps(proof))
    truth: list[dict[str, Any]] = [
        {"step": "clean.markup", "kind": "markup", "planted": 130, "found": 130, "claimed": 130, "correct": 130, "note": "a page counts as one"},
        {"step": "dedup.exact", "kind": "exact_copy", "planted": 118, "found": 118, "claimed": 128, "correct": 126},
        {"step": "dedup.exact", "kind": "near_spacing", "planted": 30, "found": 8, "claimed": 128, "correct": 126},
        {"step": "dedup.near", "kind": "near_typo", "planted": 70, "found": 59, "claimed": 61, "correct": 59},
        {"step": "guard.pii", "kind": "pii_phone", "planted": 46, "found": 44, "claimed": 45, "correct": 44},
        {"step": "guard.contamination", "kind": "leak", "planted": 24, "found": 24, "claimed": 24, "correct": 24},
    ]
    for t in truth:
        recall = t["found"] / t["planted"]
        t |= {"recall": recall, "precision": t["correct"] / t["claimed"], "low": max(0, recall - 0.06), "high": min(1, recall + 0.02)}
    truth.append({"step": "not looked for", "kind": "mojibake", "planted": 12, "found": None, "recall": None, "precision": None})
    (folder / "truth.json").write_bytes(orjson.dumps({"steps": truth}))


REPORTS: dict[str, dict[str, Any]] = {
    "dedup.exact": {"repeated_keys": 51, "repeated_rows": 190, "conflicts": 4, "conflicting_rows": 9},
    "dedup.near": {"method": "exact", "pairs": {"0.70": 41, "0.80": 30, "0.90": 31, "1.00": 0}, "crowds": 1, "crowd_rows": 12, "would_leave": {"0.70": 95, "0.80": 61, "0.90": 33, "1.00": 0}},
    "mix.split": {
        "leaks": 3, "leaks_by": {"prompt": {"train/test": 2}, "near": {"train/validation": 1}}, "train": {"rows": 820, "groups": 400, "share": 0.81},
        "validation": {"rows": 96, "groups": 1, "share": 0.09}, "test": {"rows": 100, "groups": 50, "share": 0.1}, "largest_group": 0.2,
        "strata": {"배송": {"train": 0.5, "validation": 0.48, "test": 0.51}, "010-2345-6789": {"train": 0.5, "validation": 0.52, "test": 0.49}},
        "warnings": ["validation has 1 groups: nothing can be said of unseen ones"],
    },
}  # fmt: skip

RECIPE = """name: 상담 support
seed: 7
sources:
- {path: raw/messages.jsonl, name: messages, licence: CC-BY-SA-4.0}
- {path: raw/faq, name: faq, licence: unknown}
steps:
- clean.unicode: {on: [text, user, assistant]}
- filter.length: {min: 1, max: 4000}
train: {method: full, seeds: [0, 1]}
"""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make(tmp_path / "support")


def test_the_made_run_balances(run: Path) -> None:
    """The fixture itself keeps the ledger's promise, else the tests of the report would prove nothing."""
    counts = read_run(run)["counts"]
    assert counts["read"] + counts["grown"] == sum(counts[k] for k in ("kept", "dropped", "merged", "quarantined"))
    assert counts["kept"] == sum(pl.read_parquet(p).height for p in (run / "data").glob("*.parquet"))
