"""The score against run folders whose errors are known, because the test made them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dadeum.demo import raw, truth
from dadeum.evaluate import quantiles
from dadeum.ledger import EDITS, VERDICTS

CAP = 30
STEPS = ("read", "clean.markup", "clean.unicode", "clean.whitespace", "filter.label", "filter.length", "filter.repetition", "dedup.exact",
         "guard.contamination", "guard.pii", "mix.cap")  # fmt: skip


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> raw.Raw:
    return raw.write(tmp_path_factory.mktemp("planted"), 0, 1.0, 600)


def _step(kinds: list[str]) -> str | None:
    """Where a perfect recipe takes a row out."""
    leaving = {"read", "filter.label", "filter.length", "filter.repetition", "dedup.exact", "guard.contamination", "mix.cap"}
    return next((step for step in STEPS if step in leaving and set(truth.SOUGHT[step]) & set(kinds)), None)


def _run(folder: Path, told: pl.DataFrame, missed: set[str] = frozenset(), wrongly: dict[str, str] | None = None) -> Path:  # type: ignore[assignment]
    """A finished run that did everything right, but for the ids in `missed` (nothing happened) and `wrongly` (id -> step it left at)."""
    verdicts: list[dict[str, Any]] = []
    edits: list[dict[str, Any]] = []
    kept: list[dict[str, Any]] = []
    here: dict[str, int] = {}
    for row in told.sort("file", "line").iter_rows(named=True):
        place = f"somewhere/raw/{row['file']}:{row['line']}"
        step = (wrongly or {}).get(row["id"]) or (None if row["id"] in missed else _step(row["kinds"]))
        if step == "mix.cap" and "flood" in row["kinds"]:
            here[row["customer"]] = here.get(row["customer"], 0) + 1
            step = None if here[row["customer"]] <= CAP else step
        for editing in ("clean.markup", "clean.unicode", "guard.pii"):
            if set(truth.SOUGHT[editing]) & set(row["kinds"]) and row["id"] not in missed:
                after = "nothing of it" if editing == "guard.pii" else row["clean"]
                edits.append({"id": row["id"], "step": editing, "before": "", "after": after})
        if step is None:
            kept.append({"id": row["id"], "place": place})
            continue
        state = "quarantined" if step == "read" else "merged" if step == "dedup.exact" and "conflict" not in row["kinds"] else "dropped"
        witness = row["origin"] if state == "merged" else None
        threshold = float(CAP) if step == "mix.cap" else None
        verdicts.append({"id": row["id"], "source": "", "place": place, "state": state, "step": step, "reason": "", "value": None,
                         "threshold": threshold, "witness": witness})  # fmt: skip
    (folder / "ledger").mkdir(parents=True)
    (folder / "data").mkdir()
    pl.DataFrame(verdicts, schema=VERDICTS).write_parquet(folder / "ledger/verdicts.parquet")
    pl.DataFrame(edits, schema=EDITS).write_parquet(folder / "ledger/edits.parquet")
    pl.DataFrame(kept).write_parquet(folder / "data/train.parquet")
    (folder / "run.json").write_bytes(orjson.dumps({"stages": [{"step": step} for step in STEPS]}))
    return folder


def _by(scores: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(entry["step"], entry["kind"]): entry for entry in scores}


def _ids(made: raw.Raw, kind: str, n: int) -> set[str]:
    return set(made.truth.filter(pl.col("kinds").list.contains(kind)).get_column("id").head(n))


def test_a_perfect_run_finds_all_and_nothing_else(tmp_path: Path, planted: raw.Raw) -> None:
    scores = _by(truth.score(_run(tmp_path / "run", planted.truth), planted.folder.parent / "truth.parquet"))
    sought = {key for key in scores if key[0] != truth.NOT_LOOKED_FOR}
    assert sought == {(step, kind) for step in STEPS for kind in truth.SOUGHT.get(step, ())}
    for key in sought:
        assert scores[key]["recall"] == scores[key]["precision"] == 1, key
        planted_here = planted.planted[key[1]]
        assert scores[key]["planted"] == (planted_here - 4 * CAP if key[1] == "flood" else planted_here), key
    rest = {kind for step, kind in scores if step == truth.NOT_LOOKED_FOR}
    assert rest == {"mojibake", "near_typo", "wrong_label"}
    assert all(scores[truth.NOT_LOOKED_FOR, kind]["recall"] is None for kind in rest)


@pytest.mark.parametrize(
    ("step", "kind", "n"),
    [("clean.markup", "markup", 7), ("clean.unicode", "nfd", 3), ("filter.repetition", "runaway", 9), ("dedup.exact", "near_case", 4),
     ("dedup.exact", "conflict", 11), ("guard.pii", "pii_rrn", 5), ("guard.contamination", "leak", 6), ("read", "truncated", 2)],
)  # fmt: skip
def test_what_was_missed_is_missing_from_recall_alone(tmp_path: Path, planted: raw.Raw, step: str, kind: str, n: int) -> None:
    run = _run(tmp_path / "run", planted.truth, missed=_ids(planted, kind, n))
    scores = _by(truth.score(run, planted.folder.parent / "truth.parquet"))
    entry = scores[step, kind]
    assert (entry["planted"], entry["found"]) == (planted.planted[kind], planted.planted[kind] - n)
    assert entry["low"] < entry["recall"] < entry["high"] and entry["precision"] == 1
    assert all(other["recall"] == 1 for key, other in scores.items() if key != (step, kind) and key[0] != truth.NOT_LOOKED_FOR)


def test_what_was_taken_wrongly_lowers_the_precision_of_that_step_alone(tmp_path: Path, planted: raw.Raw) -> None:
    copied = set(planted.truth.filter(pl.col("kinds").list.len() > 0).get_column("origin"))
    clean = planted.truth.filter(pl.col("kinds").list.len() == 0, ~pl.col("origin").is_in(copied)).get_column("id").head(8).to_list()
    run = _run(tmp_path / "run", planted.truth, wrongly={**dict.fromkeys(clean[:5], "filter.length"), **dict.fromkeys(clean[5:], "mix.cap")})
    scores = _by(truth.score(run, planted.folder.parent / "truth.parquet"))
    empty, flood = scores["filter.length", "empty"], scores["mix.cap", "flood"]
    assert (empty["claimed"], empty["correct"]) == (planted.planted["empty"] + 5, planted.planted["empty"])
    assert flood["claimed"] - flood["correct"] == 3
    assert empty["recall"] == flood["recall"] == 1 and scores["dedup.exact", "exact_copy"]["precision"] == 1


def test_an_edit_that_leaves_some_of_the_dirt_has_not_found_it(tmp_path: Path, planted: raw.Raw) -> None:
    run = _run(tmp_path / "run", planted.truth)
    edits = pl.read_parquet(run / "ledger/edits.parquet")
    left = planted.truth.filter(pl.col("kinds").list.contains("markup")).head(3).select("id", mark=pl.col("marks").list.last())
    edits = edits.join(left, on="id", how="left").with_columns(after=pl.concat_str("after", "mark", ignore_nulls=True)).drop("mark")
    edits.write_parquet(run / "ledger/edits.parquet")
    scores = _by(truth.score(run, planted.folder.parent / "truth.parquet"))
    assert scores["clean.markup", "markup"]["found"] == planted.planted["markup"] - 3


def test_a_merge_into_another_text_is_not_correct(tmp_path: Path, planted: raw.Raw) -> None:
    run = _run(tmp_path / "run", planted.truth)
    verdicts = pl.read_parquet(run / "ledger/verdicts.parquet")
    stranger = planted.truth.filter(pl.col("outcome") == "kept").get_column("id").last()
    merged = verdicts.filter(pl.col("state") == "merged").get_column("id").head(6)
    wrong = pl.when(pl.col("id").is_in(merged.implode())).then(pl.lit(stranger)).otherwise("witness").alias("witness")
    verdicts.with_columns(wrong).write_parquet(run / "ledger/verdicts.parquet")
    entry = _by(truth.score(run, planted.folder.parent / "truth.parquet"))["dedup.exact", "exact_copy"]
    assert entry["claimed"] - entry["correct"] == 6


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_where_the_score_test_no_longer_rejects(counts: tuple[int, int]) -> None:
    hits, n = counts
    low, high = quantiles.wilson(hits, n)
    assert low is not None and high is not None and 0 <= low <= hits / n <= high <= 1
    for bound in (low, high):
        if 0 < bound < 1:
            assert math.isclose(abs(hits / n - bound), quantiles.Z * math.sqrt(bound * (1 - bound) / n), rel_tol=1e-6)
