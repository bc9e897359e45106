"""The demo's null: without dirt, raw and engineered rows are the same data, so the verdict may differ no more often than its level."""

from __future__ import annotations

import os
from pathlib import Path

import orjson
import pytest

from dadeum.demo import show
from evaluate_worlds import EFFECTS, MATRIX, cell

SEEDS = int(os.environ.get("DADEUM_NULL_SEEDS", "20"))
ALLOWED = {20: 3, 40: 5}
"""The most calls that a level of 5 % makes with probability 0.98 or more (binomial)."""


@pytest.mark.night
def test_without_dirt_raw_and_engineered_are_called_different_no_more_often_than_the_level(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = {}
    for seed in range(1, SEEDS + 1):
        show.show(tmp_path / str(seed), ["dirt=0", f"seed={seed}", f"train.seeds=[{10 * seed}, {10 * seed + 1}, {10 * seed + 2}]"])
        told = orjson.loads((tmp_path / str(seed) / "proof.json").read_bytes())
        found[seed] = (told["verdict"], round(told["difference"], 3), round(told["low"], 3), round(told["high"], 3))
    different = [seed for seed, (verdict, *_) in found.items() if verdict != "cannot tell"]
    with capsys.disabled():
        print(f"\nnull: {len(different)} of {SEEDS} called different; {found}")
    assert len(different) <= ALLOWED.get(SEEDS, round(0.05 * SEEDS) + 3)


@pytest.mark.night
@pytest.mark.parametrize("name", MATRIX)
def test_planted_effects_are_called_as_promised(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    runs = 400
    found = {effect: cell(name, effect, runs, seed=1) for effect in EFFECTS if effect != "gain"}  # a gain is one of the nulls called
    with capsys.disabled():
        print(f"\n{name}: {found}")
    # The bounds of 400 draws: 5 % comes out above 7.9 %, and 80 % below 74.7 %, in one of two hundred nights.
    assert found["null"] <= 0.079
    assert found["promised"] >= 0.747
    assert found["large"] >= 0.9
