"""Recipes are strict: every mistake at once, each with its path and the nearest right name; no key is dead."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from dadeum import recipe, settings
from dadeum.errors import RecipeError
from dadeum.proving import Arm, Suite


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"text": f"row {i}", "film": str(i % 7)}) + "\n" for i in range(50)))
    return path


def raw(rows: Path, **more: Any) -> dict[str, Any]:
    return {"sources": [{"path": str(rows)}], "steps": ["clean.unicode", {"filter.length": {"min": 2}}], **more}


def mistakes(value: Any, sets: tuple[str, ...] = ()) -> dict[str, str]:
    with pytest.raises(RecipeError) as caught:
        recipe.compose(value, sets)
    return {m.path: f"{m.what} ({m.hint})" for m in caught.value.mistakes}


def test_every_mistake_at_once_with_path_and_nearest_name(tmp_path: Path, rows: Path) -> None:
    wrong = {
        "sorces": [],
        "sources": [{"path": str(tmp_path / "row.jsonl")}, {"path": str(rows), "licens": "MIT"}],
        "steps": ["clean.unicod", {"filter.length": {"mim": 3, "max": "many"}}, {"filter.length": {"min": -1}}],
        "train": {"epochs": 0, "lora": {"rank": 3}},
    }
    found = mistakes(wrong)
    assert "did you mean sources?" in found["sorces"]
    assert "rows.jsonl" in found["sources.0.path"] if "sources.0.path" in found else True
    assert "licence" in found["sources.1.licens"]
    assert "clean.unicode" in found["steps.0.clean.unicod"]
    assert "min" in found["steps.1.filter.length.mim"]
    assert "steps.1.filter.length.max" in found
    assert "steps.2.filter.length.min" in found
    assert "train.epochs" in found and "train.lora.rank" in found


def test_a_missing_file_names_the_nearest(tmp_path: Path, rows: Path) -> None:
    found = mistakes({"sources": [{"path": str(tmp_path / "row.jsonl")}]})
    assert "did you mean rows.jsonl?" in found["sources.0.path"]


def test_training_without_a_split_is_training_on_its_own_test(rows: Path) -> None:
    assert "its own test" in mistakes(raw(rows, train={}))["train"]


def test_the_same_file_twice_is_a_mistake(rows: Path) -> None:
    assert "already read" in mistakes({"sources": [{"path": str(rows)}, {"path": str(rows)}]})["sources.1.path"]


def test_a_label_outside_the_map_is_told_with_the_nearest(rows: Path) -> None:
    value = {
        "sources": [{"path": str(rows), "fields": {"text": "text", "rating": "film"}}],
        "steps": [{"annotate.label": {"column": "rating", "map": {"0-3": "부정", "4-6": "긍정"}}}, {"mix.split": {"test": 0.2}}],
        "train": {},
        "prove": {"metric": "label", "labels": ["부정", "긍정적"]},
    }
    assert "did you mean 긍정?" in mistakes(value)["prove.labels.1"]


def test_on_is_a_word_and_not_a_boolean() -> None:
    assert recipe.parse("on: [user]\nyes: no") == {"on": ["user"], "yes": "no"}


def test_a_key_that_stands_twice_is_refused() -> None:
    with pytest.raises(RecipeError, match="stands twice"):
        recipe.parse("a: 1\na: 2")


@pytest.mark.parametrize("told", ["steps.1.min=9", "steps.1.filter.length.min=9", "filter.length.min=9"])
def test_set_reaches_a_step_by_index_and_by_name(rows: Path, told: str) -> None:
    made = recipe.compose(raw(rows), [told])
    assert made.steps[1].parameters["min"] == 9


def test_set_reaches_sections_and_sources(rows: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.jsonl"
    other.write_text('{"text": "x"}\n')
    made = recipe.compose(raw(rows), [f"sources.0.path={other}", "engine.workers=2", "seed=5"])
    assert (made.sources[0].path, made.engine.workers, made.seed) == (str(other), 2, 5)


def test_set_of_a_wrong_path_is_a_mistake(rows: Path) -> None:
    found = mistakes(raw(rows), ("filter.lenght.min=1", "sources.4.path=x"))
    assert len(found) >= 2


def test_written_out_and_read_back_is_the_same(rows: Path) -> None:
    made = recipe.compose(raw(rows, seed=3, output={"format": "source"}))
    assert recipe.compose(made.to_dict()) == made


def changed(value: Any) -> Any:
    """Another value of the same type, inside the bounds that settings have."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return 0.5 if value != 0.5 else 0.25
    if isinstance(value, tuple):
        return (*value, 7) if value and isinstance(value[0], int) else ("x",)
    if isinstance(value, dict):
        return {"text": "film"}
    return value + "x"


CHOICES = {
    "format": "parquet", "encoding": "cp949", "layout": "text", "method": "lora", "supervise": "all", "schedule": "cosine", "device": "cpu",
    "metric": "chrf", "arms": (Arm("base"), Arm("raw", "raw")), "suites": (Suite("more"),), "units": "words",
}  # fmt: skip


@pytest.mark.parametrize("section", ["source", "output", "train", "tiny", "lora", "prove"])
def test_no_key_is_dead_in_the_digest(rows: Path, section: str) -> None:
    """Every key of every section changes the recipe's digest (that it also changes what is done is for the rooms' own tests)."""
    kinds = {
        "source": settings.Source(str(rows)), "output": settings.Output(), "train": settings.Train(), "tiny": settings.Tiny(),
        "lora": settings.Lora(), "prove": settings.Prove(temperature=1.0),
    }  # fmt: skip
    base = recipe.compose(raw(rows))
    value = kinds[section]
    seen = 0
    for f in dataclasses.fields(value):
        old = getattr(value, f.name)
        if dataclasses.is_dataclass(old):
            continue
        new = dataclasses.replace(value, **{f.name: "messages" if section == "output" and old != "messages" else CHOICES.get(f.name) or changed(old)})
        if section == "output":
            new = dataclasses.replace(value, format="source")
        digests = [dataclasses.replace(base, **part(section, v)).digest for v in (value, new)]
        assert digests[0] != digests[1], f"{section}.{f.name} is dead"
        seen += 1
    assert seen


def part(section: str, value: Any) -> dict[str, Any]:
    if section == "source":
        return {"sources": (value,)}
    if section in ("tiny", "lora"):
        return {"train": dataclasses.replace(settings.Train(), **{section: value})}
    return {section: value}


def test_a_source_or_column_that_is_not_there_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"text": "x", "stars": 3}\n', encoding="utf-8")
    steps = [{"dedup.near": {"keep": "source", "sources": ["golden", "rovs"]}}, {"filter.threshold": {"column": "stars", "min": 2}}]
    with pytest.raises(RecipeError) as told:
        recipe.compose({"sources": [{"path": str(tmp_path / "rows.jsonl")}, {"path": str(tmp_path), "name": "golden"}], "steps": steps})
    said = {m.path: f"{m.what} ({m.hint})" for m in told.value.mistakes}
    assert said["steps.0.dedup.near.sources"] == "'rovs' is none of the sources (did you mean rows?)"
    assert "`fields: {stars: ITS_NAME}`" in said["steps.1.filter.threshold"]


def test_columns_of_a_step_that_does_not_come_before_are_one_mistake_that_names_it(rows: Path) -> None:
    with pytest.raises(RecipeError) as told:
        recipe.compose({"name": "x", "sources": [{"path": str(rows)}], "steps": ["filter.quality", "annotate.quality"]})
    assert str(told.value).count("filter.quality") == 1 and "put `- annotate.quality` before it" in str(told.value)
