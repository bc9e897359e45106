"""Steps asked for what a sensible user does not ask: too few rows, broken ones, contradictory keys, no room, no time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from dadeum import steps
from dadeum.engine import delta
from dadeum.errors import DadeumError, RecipeError
from dadeum.record import records
from dadeum.settings import Source
from dadeum.steps.dedup import stream
from dadeum.steps.dedup._bloom import Bloom


def build(name: str, **params: Any) -> Any:
    """The step as a recipe builds it: its parameters checked by their types."""
    return TypeAdapter(steps.load(name)).validate_python(params)


@pytest.mark.parametrize("n", [1, 2, 3, 10, 300])
@pytest.mark.parametrize("error", [1e-3, 1e-6])
def test_a_small_release_takes_no_more_strangers_than_a_large_one(n: int, error: float) -> None:
    numbers = np.random.default_rng(n)
    made, members, strangers = Bloom(error), numbers.integers(0, 2**64, (2, n), dtype=np.uint64), numbers.integers(0, 2**64, (2, 1_000_000), dtype=np.uint64)
    made.add(*members)
    assert made.settle().has(*members).all()
    taken = int(made.has(*strangers).sum())
    assert taken <= 1_000_000 * error + 5 * np.sqrt(1_000_000 * error), "with 64 bits for one key 260 in a million were members"


def test_a_bare_null_of_yaml_is_the_rule_of_that_name() -> None:
    made = build("clean.missing", rule=None)
    assert made == build("clean.missing", rule="null") and made.edit(records([{"text": "N/A"}]))["text"].to_list() == [None]


@pytest.mark.parametrize(
    ("name", "params", "told"),
    [
        ("guard.pii", {"kinds": []}, "kinds: is empty: the step would find nothing"),
        ("guard.policy", {"patterns": ["("]}, "patterns.0: '(' is no regular expression of the Rust engine: unclosed group"),
        ("guard.policy", {"patterns": ["a{99999999}"]}, "Compiled regex exceeds size limit"),
        ("dedup.inside", {"unit": "turn", "on": ["text"]}, "on: names no role whose turns could repeat"),
    ],
)
def test_a_step_that_could_find_nothing_is_refused_in_words(name: str, params: dict[str, Any], told: str) -> None:
    with pytest.raises(RecipeError) as error:
        build(name, **params)
    assert told in str(error.value) and 'col("")' not in str(error.value)


def test_one_wrong_role_is_one_mistake() -> None:
    with pytest.raises(ValidationError) as error:
        build("guard.pii", on=["usr"])
    assert error.value.error_count() == 1 and "tool_calls" in str(error.value)


@pytest.mark.parametrize("undated", ["train", "drop", "error"])
def test_a_split_by_time_that_reads_no_date_is_no_split(undated: str) -> None:
    rows = records([{"text": f"row {i}", "day": f"15.08.{i:02}"} for i in range(1, 20)])
    split = build("mix.split", time="day", undated=undated)
    with pytest.raises(RecipeError, match=r"mix\.split\.time: none of 19 rows has a date that can be read"):
        split.relate(split.sketch(rows))


def test_a_wrong_name_of_a_side_is_told_with_its_step() -> None:
    with pytest.raises(RecipeError, match=r"mix\.split\.check: the column 'part' holds 'odd'"):
        build("mix.split", check="part").sketch(records([{"text": "a", "part": "odd"}]))


def test_no_parameter_has_the_words_of_the_next_one() -> None:
    from dadeum.docs import documented

    told = [documented(steps.load(name)) for name in steps.names()]
    assert all(len(set(words.values())) == len(words) for words in told)
    assert documented(Source)["encoding"].startswith("auto: byte-order mark") and "byte-order" not in documented(Source).get("format", "")


def test_a_damaged_index_is_told_once_and_no_row_is_blamed(tmp_path: Path) -> None:
    released = tmp_path / "old.jsonl"
    released.write_text("".join(f'{{"text": "released row {i}"}}\n' for i in range(40)), encoding="utf-8")
    index = tmp_path / "old.idx"
    stream.save(index, (str(released),))
    index.write_bytes(index.read_bytes()[:600])
    step = build("dedup.stream", against=[str(index)])
    rows = records([{"text": f"row {i}"} for i in range(40)])
    with pytest.raises(DadeumError, match="damaged or cut short") as error:
        delta.work(step, rows, "old.jsonl part 0")
    assert "rows of" not in str(error.value)
