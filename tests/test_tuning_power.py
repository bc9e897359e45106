"""What `check` says that the held-out items can show: as strict as the proof will be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

import runs
from dadeum import recipe as recipes
from dadeum.evaluate import power as powers
from dadeum.record import records
from dadeum.tuning.before import power


def held_out(folder: Path, items: int, groups: int) -> Path:
    """A run's folder with so many held-out chats of so many groups."""
    rows = [{"messages": [{"role": "user", "content": f"q{i}"}, {"role": "assistant", "content": "a"}]} for i in range(items)]
    frame = records(rows).with_columns(pl.Series("group", [f"c{i % groups}" for i in range(items)]))
    (folder / "data").mkdir(parents=True)
    for name in ("train", "test"):
        frame.write_parquet(folder / f"data/{name}.parquet")
    return folder


def told(tmp_path: Path, out: Path, seeds: list[int], **prove: Any) -> dict[str, Any]:
    raw = runs.recipe(runs.raw(tmp_path / f"rows-{len(list(tmp_path.iterdir()))}", files=1, rows=40), train={"base": "tiny", "seeds": seeds}, prove=prove)
    found = power(recipes.compose(raw), out)
    assert found is not None
    return found


def test_one_training_on_items_by_themselves(tmp_path: Path) -> None:
    out = held_out(tmp_path / "run", 200, 200)
    found = told(tmp_path, out, [0], metric="exact")
    assert found["comparisons"] == 1 and found["smallest"] == powers.smallest(200) and "from 9 points on (" in found["means"]


def test_groups_trainings_arms_and_suites_cost(tmp_path: Path) -> None:
    out = held_out(tmp_path / "run", 200, 20)
    one = told(tmp_path, out, [0], metric="exact")["smallest"]
    several = told(tmp_path, out, [0, 1, 2], metric="exact", cluster="group")
    assert several["smallest"] > one and "go together" in several["means"] and "3 trainings" in several["means"]
    suite = {"name": "more", "split": "validation"}
    corrected = told(tmp_path, out, [0], metric="exact", arms=["base", "zero_shot"], suites=[suite])
    assert corrected["comparisons"] == 6 and corrected["smallest"] > one


def test_scores_that_are_no_right_and_wrong_are_told_in_deviations(tmp_path: Path) -> None:
    found = told(tmp_path, held_out(tmp_path / "run", 200, 200), [0], metric="chrf")
    assert found["smallest"] is None and "0.20 of the deviation" in found["means"]


def test_too_few_groups_show_nothing(tmp_path: Path) -> None:
    found = told(tmp_path, held_out(tmp_path / "run", 100, 4), [0], metric="exact", cluster="group")
    assert found["smallest"] is None and "no difference at all" in found["means"]
