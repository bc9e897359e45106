"""Orders of steps that are called equal give equal rows; the cheapest is the cheapest; `order: auto` keeps what it chose."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest
import yaml
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from dadeum import recipe as recipes
from dadeum import run, steps
from dadeum.engine import order, trial
from dadeum.engine.delta import work
from dadeum.errors import DadeumError, RecipeError, StepError
from dadeum.recipe import Recipe, compose, read_step
from dadeum.record import records
from dadeum.step import Compare, Edit, Filter, Grow, Step, TextStep, verdict
from golden import ROOT, samples
from promises import Broken, batches, shaped
from runs import dadeum, fingerprint, raw, run_json, write

ROW_WISE = [name for name in steps.names() if issubclass(steps.load(name), (Edit, Filter))]
MOVABLE = [name for name in ROW_WISE if issubclass(steps.load(name), Filter) or not issubclass(steps.load(name), TextStep)]
"""Those that few others stand in the way of: drawn more often, or three of four pipelines had one order alone."""
COMPARING = [name for name in steps.names() if issubclass(steps.load(name), Compare)]


@pytest.fixture(autouse=True)
def _from_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("DADEUM_KEY", "promises")


def step(name: str, **parameters: Any) -> Step:
    return read_step(name, parameters, name)


CHAT = [{"role": "user", "content": "{text}"}, {"role": "assistant", "content": "{label}"}]
MAP = {"1-4": "bad", "5-10": "good"}


class Liar(Filter):
    """Looks at the text, and says that it looks at the label."""

    @property
    def looks(self) -> tuple[str, ...]:
        return ("label",)

    def why(self, rows: pl.DataFrame) -> pl.DataFrame:
        return rows.select(*verdict(pl.when(pl.col("text").str.contains("  ")).then(pl.lit("spaces"))))


class Anything(Filter):
    """Says nothing of what it looks at."""

    def why(self, rows: pl.DataFrame) -> pl.DataFrame:
        return rows.select(*verdict(pl.when(pl.col("meta").is_not_null()).then(pl.lit("meta"))))


class Scores(TextStep, Edit):
    writes = ("quality",)

    def edit(self, rows: pl.DataFrame) -> pl.DataFrame:
        return rows.with_columns(pl.col("text").str.len_chars().cast(pl.Float64).alias("quality"))


class Renames(Edit):
    """Writes who a row is."""

    writes = ("source",)

    @property
    def looks(self) -> tuple[str, ...]:
        return ()

    def edit(self, rows: pl.DataFrame) -> pl.DataFrame:
        return rows.with_columns(pl.lit("x").alias("source"))


class Twins(Grow):
    def grow(self, rows: pl.DataFrame) -> pl.DataFrame:
        return rows.with_columns((pl.col("id") + "+").alias("id"), pl.concat_list("id").alias("parents"))


LABELS = step("annotate.label", column="stars", map=MAP)
PAIRS: list[tuple[Step, Step, bool]] = [
    (step("filter.length"), step("filter.repetition"), True),  # verdicts on the same row
    (step("clean.unicode"), step("filter.length"), False),  # writes what the other measures
    (step("filter.length"), step("clean.unicode"), False),
    (step("clean.unicode"), step("clean.whitespace"), False),  # both write the text
    (LABELS, step("filter.length"), True),
    (LABELS, step("clean.whitespace"), True),
    (LABELS, step("filter.label", keep=["good"]), False),  # the label is made here
    (step("filter.label", keep=["good"]), step("clean.whitespace"), True),
    (step("filter.threshold", column="stars", min=2), LABELS, True),
    (step("filter.threshold", column="text", values=["a"]), step("clean.whitespace"), False),
    (step("form.chat", turns=CHAT), LABELS, False),  # names the label
    (step("form.chat", turns=CHAT), step("filter.length"), False),  # the text goes into turns
    (step("guard.pii", mode="flag"), step("filter.threshold", column="pii", missing="drop"), False),
    (step("guard.pii", mode="flag"), Scores(), False),  # both add a column
    (Scores(), LABELS, True),
    (Scores(), step("filter.label", keep=["good"]), True),
    (Anything(), step("filter.length"), True),  # writes nothing, whatever it looks at
    (Anything(), LABELS, False),  # may look at the label
    (Renames(), step("filter.length"), False),
    (step("dedup.exact"), step("filter.label", keep=["good"]), False),  # who survives depends on who takes part
    (step("dedup.exact"), LABELS, False),
    (step("dedup.exact", by=["stars"]), step("guard.pii"), False),
    (step("mix.split"), step("filter.length"), False),
    (step("mix.split"), step("form.chat", turns=CHAT), False),
    (step("mix.cap", by=["film"], max=1), step("mix.split"), False),
    (Twins(), step("filter.length"), False),
    (Twins(), Scores(), False),
]


@pytest.mark.parametrize(("one", "other", "may"), PAIRS, ids=lambda v: v.name if isinstance(v, Step) else str(v))
def test_which_pairs_may_change_places(one: Step, other: Step, may: bool) -> None:
    assert order.commute(one, other) is may
    assert order.commute(other, one) is may


# What a step declares to look at is what it looks at.


def looks(made: Step, rows: pl.DataFrame, how: str) -> None:
    """Raises Broken where something else than the declared columns changes the step's answer."""
    if made.looks is None:
        return
    seen = order.WHO.union(made.looks, made.reads, made.writes)
    others = [c for c in rows.columns if c not in seen]
    blank = [pl.lit(None, dtype=rows.schema[c]).alias(c) if how == "null" else pl.Series(c, rows[c].reverse()) for c in others]
    if answer(made, rows) != answer(made, rows.with_columns(blank)):
        raise Broken(f"{made.name} looks at one of {others}")


def answer(made: Step, rows: pl.DataFrame) -> Any:
    if isinstance(made, Filter):
        return made.why(rows).rows()
    assert isinstance(made, Edit)
    done = made.edit(rows)
    return [done[c].to_list() for c in made.writes if c in done.columns]


@pytest.mark.parametrize("name", ROW_WISE)
@given(data=st.data())
def test_a_step_looks_at_what_it_declares(name: str, data: st.DataObject) -> None:
    parameters, rows = data.draw(st.sampled_from(samples(name)))
    full = [{"label": "x", "score": 1.0, "tools": "[]", "meta": "{}", **row} for row in rows]
    looks(step(name, **parameters), data.draw(batches(full)), data.draw(st.sampled_from(["null", "reverse"])))


def test_a_step_that_looks_at_more_is_seen() -> None:
    rows = records([{"text": "a  b"}, {"text": "a b"}])
    for how in ("null", "reverse"):
        with pytest.raises(Broken):
            looks(Liar(), rows, how)


# Random pipelines of real steps over random rows: every order that is called equal is.


def pipelines(
    row_wise: Sequence[str] = ROW_WISE, movable: Sequence[str] = MOVABLE, comparing: Sequence[str] = COMPARING, most: int = 5
) -> st.SearchStrategy[tuple[list[Step], pl.DataFrame]]:
    """Two steps or more, with rows that their cases are about."""

    def rows(drawn: list[tuple[str, dict[str, Any], list[dict[str, Any]]]]) -> st.SearchStrategy[tuple[list[Step], pl.DataFrame]]:
        made = [step(name, **({**parameters, "outside": "keep_null"} if name == "annotate.label" else parameters)) for name, parameters, _ in drawn]
        return batches([row for _, _, some in drawn for row in some]).map(lambda frame: (made, frame))

    def of(names: Sequence[str]) -> st.SearchStrategy[tuple[str, dict[str, Any], list[dict[str, Any]]]]:
        return st.sampled_from(names).flatmap(lambda name: st.sampled_from([(name, *told) for told in samples(name) if fits(name, told[0])]))

    return st.lists(st.one_of(of(movable), of(movable), of(row_wise), of(comparing)), min_size=2, max_size=most).flatmap(rows)


def fits(name: str, parameters: dict[str, Any]) -> bool:
    """Parameters under which the step refuses no row of another step's cases."""
    return not parameters.get("check") and parameters.get("leak") != "error"


def through(pipeline: Sequence[Step], rows: pl.DataFrame) -> list[str] | None:
    """What stays of the rows after the steps, byte by byte, in their order; None where a step refuses the rows."""
    try:
        for one in pipeline:
            rows = compared(one, rows) if isinstance(one, Compare) else work(one, rows, "here").put_on(rows)
    except DadeumError:
        return None
    return [json.dumps(rows.columns), *(json.dumps(row, default=str) for row in rows.to_dicts())]


def compared(one: Compare, rows: pl.DataFrame) -> pl.DataFrame:
    told = one.decide(one.relate(one.sketch(rows)))
    if one.writes:
        written = told.select("row", *(c for c in one.writes if c in told.columns))
        rows = rows.with_columns(rows.select("row").join(written, on="row", how="left", maintain_order="left").drop("row"))
    left = told.filter(pl.col("state").is_not_null()) if "state" in told.columns else told.clear()
    return rows.filter(~pl.col("row").is_in(left.get_column("row").implode()))


def orders(pipeline: Sequence[Step]) -> Iterator[list[Step]]:
    for permuted in itertools.permutations(range(len(pipeline))):
        if order.allowed(permuted, pipeline):
            yield [pipeline[i] for i in permuted]


def differing(drawn: tuple[list[Step], pl.DataFrame]) -> list[Step] | None:
    """An order that is called equal and is not."""
    pipeline, rows = drawn
    meant = through(pipeline, rows)
    if meant is None:
        return None
    every = itertools.islice(orders(pipeline), 24)
    return next((o for o in every if through(o, rows) not in (meant, None)), None)


@given(pipelines())
@settings(max_examples=settings().max_examples * 4)
def test_orders_called_equal_give_equal_rows(drawn: tuple[list[Step], pl.DataFrame]) -> None:
    other = differing(drawn)
    assert other is None, f"{[s.name for s in drawn[0]]} and {[s.name for s in other or ()]} give other rows"


@pytest.mark.parametrize(
    ("bold", "among"),
    [
        pytest.param(lambda one, other: True, ["dedup.exact", "filter.label"], marks=pytest.mark.night),
        pytest.param(lambda one, other: True, ["clean.whitespace", "filter.length"], marks=pytest.mark.night),
        (lambda one, other: not set(one.writes) & set(other.writes), ["annotate.label", "filter.label"]),
    ],
    ids=["who takes part", "what is looked at", "what is written alone"],
)
def test_that_search_sees_a_rule_that_is_too_bold(bold: Callable[[Step, Step], bool], among: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order, "commute", bold)
    only = settings(max_examples=1000, deadline=None, derandomize=True, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    pipeline, _ = find(pipelines(among, among, among, 3), lambda drawn: differing(drawn) is not None, settings=only)
    assert len(pipeline) >= 2


def test_that_search_sees_a_pair_that_lies() -> None:
    rows = records([{"text": "a  b"}, {"text": "ab"}])
    assert order.commute(step("clean.whitespace"), Liar())
    assert differing(([step("clean.whitespace"), Liar()], rows)) is not None


def test_that_search_sees_what_the_rule_forbids() -> None:
    rows = records([{"text": "a    b"}, {"text": "ab"}])
    written = [step("clean.whitespace"), step("filter.length", max=4)]
    assert [[s.name for s in o] for o in orders(written)] == [["clean.whitespace", "filter.length"]]
    assert through(written, rows) != through(written[::-1], rows)


def test_a_filter_stays_on_its_side_of_a_comparison() -> None:
    """The reason for it: the copy that stays is the one that the filter drops."""
    rows = records([{"text": "a", "label": "bad"}, {"text": "a", "label": "good"}])
    same = step("dedup.exact", conflicts="merge")
    keep = step("filter.label", keep=["good"])
    assert len(through([same, keep], rows) or ()) == 1  # the columns alone: nobody is left
    assert len(through([keep, same], rows) or ()) == 2


# The cheapest order, against all of them.


@st.composite
def problems(draw: st.DrawFn) -> tuple[list[int], list[float], Counter[int]]:
    n = draw(st.integers(1, 5))
    firm = [draw(st.integers(0, (1 << j) - 1)) for j in range(n)]
    costs = draw(st.lists(st.floats(0, 10), min_size=n, max_size=n))
    leaving = Counter(draw(st.dictionaries(st.integers(0, (1 << n) - 1), st.integers(1, 100), min_size=1, max_size=8)))
    return firm, costs, leaving


def lawful(firm: Sequence[int]) -> list[tuple[int, ...]]:
    n = len(firm)
    return [p for p in itertools.permutations(range(n)) if all(p.index(i) < p.index(j) for j in range(n) for i in range(j) if firm[j] >> i & 1)]


@given(problems())
def test_the_cheapest_order_is_the_cheapest(problem: tuple[list[int], list[float], Counter[int]]) -> None:
    firm, costs, leaving = problem
    alive = trial.Measured(costs, firm, leaving).alive
    price = order.PAYS * order.cost(range(len(costs)), costs, alive)

    def whole(p: Sequence[int]) -> float:
        return order.cost(p, costs, alive) + price * sum(a > b for a, b in itertools.combinations(p, 2))

    found = order.cheapest(firm, costs, alive)
    every = lawful(firm)
    assert found.orders == len(every)
    assert found.order in every
    assert whole(found.order) == pytest.approx(min(map(whole, every)))
    assert found.cost == pytest.approx(order.cost(found.order, costs, alive))
    assert found.cost <= order.cost(range(len(costs)), costs, alive)


@given(problems())
def test_rows_that_would_be_told_otherwise_are_counted(problem: tuple[list[int], list[float], Counter[int]]) -> None:
    firm, costs, leaving = problem
    for p in lawful(firm):
        first = {leaves: next((i for i in p if leaves >> i & 1), None) for leaves in leaving}
        given_ = {leaves: next((i for i in range(len(p)) if leaves >> i & 1), None) for leaves in leaving}
        assert trial.Measured(costs, firm, leaving).told_otherwise(p) == sum(n for leaves, n in leaving.items() if first[leaves] != given_[leaves])


def test_too_many_orders_to_follow_still_give_one_that_is_no_dearer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order, "WIDTH", 3)
    costs = [float(20 - i) for i in range(12)]
    alive = trial.Measured(costs, [0] * 12, Counter({0: 50, **{1 << i: 4 * i + 1 for i in range(12)}})).alive
    found = order.cheapest([0] * 12, costs, alive)
    assert sorted(found.order) == list(range(12))
    assert found.cost < order.cost(range(12), costs, alive)


# Measuring, proposing, keeping. What is measured differs from machine to machine, so the costs are told here.


@pytest.fixture
def told_costs(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    costs = {"filter.repetition": 9.0, "clean.unicode": 2.0}
    monkeypatch.setattr(trial, "_cost", lambda made, rows: costs.get(made.name, 1.0))
    return costs


@pytest.fixture
def told(tmp_path: Path, told_costs: dict[str, float]) -> dict[str, Any]:
    raw(tmp_path / "raw", files=2, rows=150)
    return {
        "name": "test",
        "order": "auto",
        "sources": [{"path": f"{tmp_path}/raw/*.jsonl", "name": "rows", "fields": {"text": "text", "id": "id", "group": "group", "stars": "stars"}}],
        "steps": [
            "clean.unicode",
            "clean.whitespace",
            {"filter.length": {"min": 12}},
            "filter.repetition",
            {"annotate.label": {"column": "stars", "map": MAP}},
            {"filter.label": {"keep": ["good"]}},
            "dedup.exact",
            {"guard.pii": {"mode": "mask"}},
            {"mix.split": {"by": "group", "test": 0.2, "validation": 0.1}},
        ],
        "engine": {"shard": 100, "workers": 1},
    }


FIRST = ("annotate.label", "filter.label", "clean.unicode", "clean.whitespace", "filter.length", "filter.repetition")


def names(recipe: Recipe) -> tuple[str, ...]:
    return tuple(s.name for s in recipe.steps)


def test_measured_rows_are_those_that_leave(told: dict[str, Any]) -> None:
    recipe = compose(told)
    found = trial.trial(recipe)
    assert tuple(recipe.steps[i].name for i in found.order)[:6] == FIRST
    assert found.orders == len([o for o in itertools.permutations(range(6)) if order.allowed(o, recipe.steps[:6])])
    assert found.proposed < found.given
    # What each order costs, from a run of it over the same rows: told costs times the rows that came to each step.
    for steps_, meant in ((recipe.steps, found.given), (trial.reordered(recipe, found.order).steps, found.proposed)):
        made = trial.trial(dataclasses.replace(recipe, steps=steps_))
        alone = [(s, r) for s, r in zip(steps_, made.receipts[1:]) if not isinstance(s, Compare)]
        assert meant == sum({"filter.repetition": 9.0, "clean.unicode": 2.0}.get(s.name, 1.0) * r.rows_in for s, r in alone)
    assert found.told_otherwise == otherwise(recipe, found.order) > 0


def otherwise(recipe: Recipe, proposed: Sequence[int]) -> int:
    """Rows that the ledgers of both orders tell under different steps."""
    ledgers = []
    for number, one in enumerate((recipe, trial.reordered(recipe, proposed))):
        out = Path(recipe.sources[0].path).parent.parent / f"run-{number}"
        out.mkdir()
        run.data(dataclasses.replace(one, order="given"), out, "split")
        ledgers.append(dict(pl.read_parquet(out / "ledger/verdicts.parquet").select("id", "step").iter_rows()))
    assert ledgers[0].keys() == ledgers[1].keys()
    return sum(ledgers[0][id] != ledgers[1][id] for id in ledgers[0])


def test_auto_gives_the_bytes_of_the_order_as_written(told: dict[str, Any], tmp_path: Path) -> None:
    run.data(compose({**told, "order": "given"}), mkdir(tmp_path / "given"), "split")
    run.data(compose(told), mkdir(tmp_path / "auto"), "split")
    for file in (tmp_path / "given/data").iterdir():
        assert file.read_bytes() == (tmp_path / "auto/data" / file.name).read_bytes(), file.name
    assert (tmp_path / "given/quarantine.jsonl").read_bytes() == (tmp_path / "auto/quarantine.jsonl").read_bytes()
    made = yaml.safe_load((tmp_path / "auto/recipe.yaml").read_text(encoding="utf-8"))
    assert made["order"] == "given"
    assert tuple(next(iter(s)) for s in made["steps"])[:6] == FIRST
    told_ = run_json(tmp_path / "auto")
    assert [s["step"] for s in told_["stages"][1:7]] == list(FIRST)
    assert told_["dataset_digest"] == run_json(tmp_path / "given")["dataset_digest"]
    assert told_["counts"] == {**run_json(tmp_path / "given")["counts"]}


def mkdir(path: Path) -> Path:
    path.mkdir()
    return path


def test_the_choice_is_kept_and_not_measured_again(
    told: dict[str, Any], told_costs: dict[str, float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = mkdir(tmp_path / "out")
    run.data(compose(told), out, "steps")  # a part of the way: the choice is the whole recipe's
    before = fingerprint(out)
    measured: list[str] = []
    real = trial.trial
    monkeypatch.setattr(trial, "trial", lambda *a: measured.append("again") or real(*a))
    told_costs["filter.label"] = 1000.0
    again = run.data(compose(told), out, "steps")
    assert fingerprint(out) == before
    assert all(stage["cached"] for stage in again["stages"])
    whole = run.data(compose(told), out, "split")
    assert all(stage["cached"] for stage in whole["stages"][:8])
    own = run.data(recipes.load(out / "recipe.yaml"), out, "split")  # as `dadeum train RUN` does
    assert own["recipe_digest"] == whole["recipe_digest"]
    assert all(stage["cached"] for stage in own["stages"])
    other = json.loads(json.dumps(told))
    other["steps"][2]["filter.length"]["min"] = 13  # another threshold: the same order, and what comes before it is in the cache
    assert all(stage["cached"] for stage in run.data(compose(other), out, "split")["stages"][:5])
    planned = run.plan(compose(told), out)
    assert tuple(s["step"] for s in planned["stages"][1:7]) == FIRST
    assert planned["stages"][1]["cached"] == planned["stages"][1]["units"] > 0
    assert not measured
    other["steps"].insert(0, "clean.markup")  # other steps: measured anew
    run.data(compose(other), out, "split")
    assert measured == ["again"]
    told_ = orjson.loads((out / trial.FILE).read_bytes())
    assert len(told_["order"]) == 10


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"steps": null}', '{"steps": NAMES, "order": [0, 0, 1]}', '{"steps": NAMES, "order": [5, 4, 3, 2, 1, 0, 6, 7, 8]}',
                                     '{"steps": NAMES, "order": "x"}'])  # fmt: skip
def test_a_kept_order_that_is_not_allowed_is_not_taken(told: dict[str, Any], tmp_path: Path, content: str) -> None:
    recipe = compose(told)
    (tmp_path / trial.FILE).write_text(content.replace("NAMES", json.dumps([s.name for s in recipe.steps])), encoding="utf-8")
    assert trial.kept(recipe, tmp_path) is None
    assert names(trial.chosen(recipe, tmp_path, tmp_path / "cache"))[:6] == FIRST


def test_a_step_that_refuses_rows_which_others_drop_stays_behind_them(told: dict[str, Any]) -> None:
    told["steps"][4]["annotate.label"]["map"] = {"3-4": "bad", "5-10": "good"}  # 1 and 2 are outside
    told["steps"].insert(4, {"filter.threshold": {"column": "stars", "min": 3}})
    recipe = compose(told)
    assert order.commute(recipe.steps[4], recipe.steps[5])
    found = trial.trial(recipe)
    assert found.order.index(4) < found.order.index(5)


def test_a_refusal_that_the_sample_did_not_show_is_no_failure(told: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The label's map lacks a value that only a short row has, behind the sample: as written the filter drops it before."""
    with open(tmp_path / "raw/rows-1.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps({"id": "late", "text": "짧다", "group": "g", "stars": 99}) + "\n")
    monkeypatch.setattr(trial, "SAMPLE", 100)
    out = mkdir(tmp_path / "out")
    assert names(trial.chosen(compose(told), out, out / "cache"))[:6] == FIRST
    run.data(compose(told), out, "split")
    assert names(recipes.load(out / "recipe.yaml")) == names(compose(told))
    assert orjson.loads((out / trial.FILE).read_bytes())["order"] == list(range(9))
    assert "late" in pl.read_parquet(out / "ledger/verdicts.parquet").filter(pl.col("step") == "filter.length")["id"]
    del told["steps"][2]  # nothing drops it: the mistake is told, with its place in the recipe as written
    with pytest.raises(RecipeError, match=r"steps\.3\.annotate\.label"):
        run.data(compose(told), mkdir(tmp_path / "other"), "split")


class Fails(Filter):
    """Raises on some rows."""

    @property
    def looks(self) -> tuple[str, ...]:
        return ("text",)

    def why(self, rows: pl.DataFrame) -> pl.DataFrame:
        if rows["text"].str.contains("환불 배송").any():
            raise ValueError("this row")
        return rows.select(*verdict(pl.when(pl.col("text") == "").then(pl.lit("nothing"))))


def test_rows_on_which_a_step_fails_are_gone_in_every_order(told: dict[str, Any]) -> None:
    recipe = compose(told)
    pipeline = [recipe.steps[2], recipe.steps[4], Fails(), recipe.steps[5]]
    rows = records([{"text": "환불 배송 문의드립니다 정말", "stars": str(i % 10 + 1)} for i in range(5)] + [{"text": "좋아요 정말 좋아요 정말", "stars": str(i % 10 + 1)} for i in range(50)])
    every = list(orders(pipeline))
    assert len(every) > 3
    meant = through(pipeline, rows)
    assert meant is not None
    assert not any("환불" in line for line in meant)
    assert all(through(one, rows) == meant for one in every)


def test_a_sample_on_which_a_step_breaks_leaves_the_order_as_written(told: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: Any) -> trial.Trial:
        raise StepError("fails on more than 10 of the 100 rows")

    monkeypatch.setattr(trial, "trial", breaks)
    recipe = compose(told)
    assert names(trial.chosen(recipe, tmp_path, tmp_path / "cache")) == names(recipe)


def test_a_proposal_that_a_lie_makes_is_refuted_on_the_sample(told: dict[str, Any], told_costs: dict[str, float]) -> None:
    told_costs[Liar().name] = 0.01
    recipe = compose(told)
    lying = dataclasses.replace(recipe, steps=(*recipe.steps[:2], Liar(), *recipe.steps[2:]))
    found = trial.trial(lying)
    assert found.refuted
    assert found.order == tuple(range(10))
    assert "looks at more than it declares" in trial.text(trial.told(found, lying, 1000, 10))[0]


def test_the_order_as_written_may_be_the_cheapest(told: dict[str, Any]) -> None:
    told["steps"] = [*(told["steps"][i] for i in (4, 5, 0, 1, 2, 3)), *told["steps"][6:]]
    recipe = compose(told)
    found = trial.trial(recipe)
    assert found.order == tuple(range(9))
    [line] = trial.text(trial.told(found, recipe, 1000, None))
    assert line == f"order: the order as written is the cheapest of {found.orders:,} that provably give the same rows"


def test_costs_are_measured_and_positive() -> None:
    rows = shaped([{"text": "정말  재미있어요 " * 5}] * 300, [{}])
    for made in (step("clean.whitespace"), step("filter.repetition")):
        assert trial._cost(made, rows) > 0
    assert trial._cost(step("clean.whitespace"), rows.clear()) == 0.0


def test_plan_tells_the_proposal(tmp_path: Path) -> None:
    data = raw(tmp_path / "raw", files=1, rows=300)
    path = write(
        tmp_path / "r.yaml",
        {
            "sources": [{"path": f"{data}/*.jsonl", "fields": {"text": "text", "stars": "stars"}}],
            "steps": ["filter.repetition", {"filter.threshold": {"column": "stars", "min": 10}}],
        },
    )
    planned = json.loads(dadeum("plan", path, "--trial", "--json").stdout)
    told = planned["order"]
    assert sorted(told["order"]) == [0, 1]
    assert told["orders"] == 2
    assert told["sample"] == 300
    assert told["rows"] == pytest.approx(300, rel=0.2)  # told from the bytes
    assert 0 <= told["seconds_proposed"] <= told["seconds_given"]
    assert "that provably give the same rows" in dadeum("plan", path, "--trial").stdout
    assert not (tmp_path / "runs").exists()


def test_another_word_for_the_order_is_a_mistake(tmp_path: Path) -> None:
    data = raw(tmp_path / "raw", files=1, rows=5)
    with pytest.raises(RecipeError, match="order: has to be given or auto, not 'fast'"):
        compose({"sources": [{"path": f"{data}/*.jsonl"}], "order": "fast"})


def test_the_word_changes_no_digest(told: dict[str, Any]) -> None:
    assert compose(told).digest == compose({**told, "order": "given"}).digest
    build: Callable[[Any], Recipe] = compose
    assert build(compose(told).to_dict()).order == "auto"
