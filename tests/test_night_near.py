"""dedup.near on planted near-copies of real texts, Korean and English: by kind of edit, what is found, with intervals (Wilson, 95 %)."""

from __future__ import annotations

import gzip
import itertools
import json
import math
import random
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from dadeum.record import records
from dadeum.steps.dedup.near import Near
from test_dedup_near import slow_similarity

DATA = Path(__file__).parents[2] / "shared/data"
Edit = Callable[[str, random.Random], str]
PARTICLES = ("은", "는", "이", "가", "을", "를", "도", "에", "의")


def words(text: str, change: Callable[[list[str]], list[str]]) -> str:
    return " ".join(change(text.split()))


def typos(text: str, draw: random.Random) -> str:
    made = list(text)
    for at in draw.sample([i for i, c in enumerate(made) if c.isalpha()], 2):
        made[at] = "ㅇ" if made[at] > "\u1100" else "q"
    return "".join(made)


def ending(text: str, draw: random.Random) -> str:
    return text.rstrip(".!? ") + ("습니다" if any(c > "\u1100" for c in text) else " indeed")


def shuffled(text: str, draw: random.Random) -> str:
    def change(all_: list[str]) -> list[str]:
        third = len(all_) // 3
        return all_[third:] + all_[:third]

    return words(text, change)


KINDS: dict[str, Edit] = {
    "spacing": lambda t, d: t.replace(" ", ""),
    "punctuation": lambda t, d: "".join(c + ("!" if c == " " else "") for c in t) + " !!",
    "case": lambda t, d: t.upper(),
    "two typos": typos,
    "particles": lambda t, d: words(t, lambda ws: [w[:-1] if len(w) > 2 and w.endswith(PARTICLES) else w for w in ws]),
    "ending": ending,
    "order": shuffled,
    "every word": lambda t, d: words(t, lambda ws: [w[::-1] for w in ws]),
}


def originals(name: str) -> list[str]:
    if name == "ko":
        lines = gzip.decompress(sorted((DATA / "nsmc_raw").glob("*.jsonl.gz"))[0].read_bytes()).splitlines()
        texts = [json.loads(line)["review"] for line in lines]
    else:
        texts = [json.loads(line)["question"] for line in (DATA / "gsm8k/test.jsonl").read_text(encoding="utf-8").splitlines()]
    return [t for t in dict.fromkeys(texts) if 60 <= sum(c.isalnum() for c in t) <= 400][:600]


def wilson(k: int, n: int) -> str:
    if not n:
        return "-"
    z, p = 1.96, k / n
    middle, half = (p + z * z / (2 * n)) / (1 + z * z / n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return f"{p:.3f} [{middle - half:.3f}, {min(middle + half, 1):.3f}]"


@pytest.mark.night
@pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA} is not there")
@pytest.mark.parametrize("method", ["exact", "minhash"])
def test_planted_copies_leave_where_they_are_so_similar_and_nowhere_else(method: str, capsys: pytest.CaptureFixture[str]) -> None:
    lines = []
    for language, (kind, edit) in itertools.product(("ko", "en"), KINDS.items()):
        draw = random.Random(kind)
        texts = originals(language)
        assert len(texts) > 300
        planted = [edit(t, draw) for t in texts]
        rows = records([{"text": t} for t in [*texts, *planted]])
        step = Near(keep="first", method=method)  # type: ignore[arg-type]
        told = step.decide(step.relate(step.sketch(rows)))
        left = {r: (w, v) for r, w, v in told.select("row", "witness", "value").rows()}
        truth = [slow_similarity(a, b) for a, b in zip(texts, planted)]
        should = [i for i, s in enumerate(truth) if s >= 0.8 and i not in left]
        found = sum(len(texts) + i in left for i in should)
        right = sum(slow_similarity(rows["text"][r], rows["text"][w]) == v >= 0.8 for r, (w, v) in left.items())
        lines.append(f"| {language} | {kind} | {pl.Series(truth).median():.2f} | {len(should)} of {len(texts)} | {wilson(found, len(should))} | {wilson(right, len(left))} |")
        assert found >= (1 if method == "exact" else 0.999) * len(should)
        assert right == len(left)
    with capsys.disabled():
        print(f"\n| {method} | kind | median similarity | planted at 0.8 and more | recall | precision |\n|---|---|---|---|---|---|", *lines, sep="\n")
