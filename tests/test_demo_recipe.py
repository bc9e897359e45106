"""The demo's recipe: it composes, reads what was written, and its numbers fit the data."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from dadeum.demo import dirt, raw
from dadeum.demo.grammar import LABELS
from dadeum.demo.prepare import prepare
from dadeum.errors import RecipeError


def _step(recipe, name: str):  # type: ignore[no-untyped-def]
    return next(step for step in recipe.steps if step.name == name)


def test_it_composes_with_the_files_that_were_written(tmp_path: Path) -> None:
    recipe, made = prepare(tmp_path, ["rows=600", "dirt=0.5", "seed=4", "train.tokens=9"])
    assert [Path(source.path).relative_to(tmp_path).as_posix() for source in recipe.sources] == ["raw/chat.jsonl", "raw/crm.csv", "raw/forms"]
    assert all(Path(source.path).exists() for source in recipe.sources)
    assert _step(recipe, "guard.contamination").parameters["against"] == [str(tmp_path / "held_out.jsonl")]
    assert (recipe.seed, recipe.train.tokens) == (4, 9)  # type: ignore[union-attr]
    assert made.planted["runaway"] == dirt.NOWHERE["runaway"][0] * 0.5 * 600


def test_wrong_keys_are_told(tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        prepare(tmp_path, ["dirt=much", "rows=2.5", "seed=x"])
    assert [mistake.path for mistake in caught.value.mistakes] == ["dirt", "rows", "seed"]
    with pytest.raises(RecipeError, match="did you mean tokens"):
        prepare(tmp_path, ["rows=600", "train.token=5"])


def test_the_map_knows_every_spelling_and_no_unknown_label(tmp_path: Path) -> None:
    recipe, _ = prepare(tmp_path, ["rows=600"])
    known = _step(recipe, "annotate.label").parameters["map"]
    assert known == {spelling: label for label, spellings in raw.SPELLINGS.items() for spelling in spellings}
    assert not set(dirt.UNKNOWN_LABELS) & set(known)
    assert recipe.prove.labels == LABELS  # type: ignore[union-attr]


def test_the_cap_spares_every_customer_who_writes_by_hand(tmp_path: Path) -> None:
    for rows in (600, 2400):
        recipe, made = prepare(tmp_path / str(rows), [f"rows={rows}"])
        by_hand = made.truth.filter(~pl.col("kinds").list.contains("flood"))
        machines = made.truth.filter(pl.col("kinds").list.contains("flood"))
        cap = _step(recipe, "mix.cap").max
        assert by_hand.group_by("customer").len().get_column("len").max() <= cap  # type: ignore[operator]
        assert machines.group_by("customer").len().get_column("len").min() > cap  # type: ignore[operator]


def test_the_split_tests_on_customers_and_leaves_the_machines_to_training(tmp_path: Path) -> None:
    from dadeum.record import records

    recipe, made = prepare(tmp_path, ["rows=600"])
    customers = sorted(set(made.truth.filter(~pl.col("file").str.starts_with("forms")).get_column("customer")))
    rows = records({"text": f"only {c}", "customer": c} for c in customers)
    split = _step(recipe, "mix.split")
    sides = rows.join(split.decide(split.relate(split.sketch(rows))), on="row").select("customer", "split")
    machines = sides.filter(pl.col("customer").str.starts_with("m"))
    assert set(machines.get_column("split")) == {"train"} and machines.height == 4
    assert sides.filter(pl.col("split") == "test").height >= 20
