"""Arms in a whole run: every way of asking on the same items, an address on loopback among them, and nothing asked twice."""

from __future__ import annotations

import dataclasses
import math
import time
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest

import runs
from chat_server import completion, serving

pytest.importorskip("torch", reason="needs dadeum[train]")

from dadeum import recipe as recipes
from dadeum import run
from dadeum.errors import DadeumError, RecipeError
from dadeum.evaluate.arms import ask
from dadeum.evaluate.compare import holm
from dadeum.evaluate.items import items
from dadeum.proving import Arm, Budget, Price, Suite
from dadeum.record import records
from dadeum.settings import Prove
from dadeum.train import generate
from dadeum.tuning.suites import held, of

CHAT = {"form.chat": {"turns": [{"role": "user", "content": "별점은?\n{text}"}, {"role": "assistant", "content": "{stars}"}]}}
TRAIN = {
    "base": "tiny",
    "tiny": {"vocabulary": 300, "hidden": 32, "layers": 1, "heads": 2, "context": 256, "pretrain_tokens": 0},
    "max_length": 128,
    "rows": 60,
    "tokens": 2000,
    "batch_tokens": 512,
    "price_per_hour": {"cpu": 0.1},
}


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DADEUM_CACHE", str(tmp_path / "cache" / "remote"))


def composed(tmp_path: Path, arms: list[Any], *sets: str, **prove: Any) -> Any:
    raw = runs.recipe(runs.raw(tmp_path / "rows", files=1, rows=300), train=TRAIN, prove={"metric": "exact", "items": 20, "max_new_tokens": 2, "resamples": 199, "arms": arms, **prove})
    raw["steps"].append(CHAT)
    return recipes.compose(raw, list(sets))


def read(path: Path) -> Any:
    return orjson.loads(path.read_bytes())


def forbidden(*arguments: Any, **more: Any) -> Any:
    raise AssertionError("done a second time")


def test_every_arm_answers_the_same_items(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = tmp_path / "docs.md"
    corpus.write_text("# 환불\n\n환불은 사흘 뒤에 들어온다.\n\n# 배송\n\n배송은 이틀 걸린다. 영화는 좋아요.\n", encoding="utf-8")
    with serving(lambda body, n: (400, {}, b"too long") if n == 3 else completion(str(n % 10), read=30, written=1)) as served:
        arms = [
            "zero_shot",
            {"kind": "few_shot", "k": 3},
            {"name": "looked up", "kind": "retrieval", "by": "hybrid", "k": 3},
            {"name": "passages", "kind": "retrieval", "corpus": str(corpus), "k": 1},
            {"name": "tuned-few", "kind": "few_shot", "model": "tuned", "k": 2},
            {"name": "away", "url": served.url, "model": "big", "price": {"input": 1.0, "output": 2.0}, "at_once": 1},
        ]
        made = composed(tmp_path, arms)
        run.stages(made, tmp_path / "run", until="prove")
        proof, calls = read(tmp_path / "run/proof.json"), read(tmp_path / "run/calls.json")
        names = ["base", "zero_shot", "few_shot", "looked up", "passages", "tuned-few", "away", "tuned"]
        assert list(proof["arms"]) == names == list(calls)
        assert len(proof["comparisons"]) >= len(names) * (len(names) - 1) // 2
        answers = pl.read_parquet(tmp_path / "run/answers.parquet")
        by = {name: part["id"].to_list() for (name,), part in answers.group_by("arm")}
        assert all(ids == by["base"] for ids in by.values()) and len(by["base"]) == 20
        assert answers.filter(pl.col("answer").is_null())["arm"].to_list() == ["away"]
        assert proof["arms"]["away"]["unscored"] == 1 and calls["away"]["refused"] == 1
        assert calls["away"]["price"] == pytest.approx(32 / 1e6) and calls["away"]["priced"] == "tokens" and calls["away"]["latency"]["p95"] > 0
        assert calls["base"]["priced"] == "cpu" and calls["base"]["price"] == pytest.approx(0.1 * calls["base"]["seconds"] / 3600)
        assert calls["base"]["read"] < calls["zero_shot"]["read"] < calls["few_shot"]["read"] and calls["few_shot"]["examples"] == 3
        assert calls["base"]["examples"] == 0 and calls["passages"]["examples"] <= 1
        before = len(served.bodies)
        assert before == 20
        lost = proof["arms"]["tuned"]
        assert lost["perplexity_per_byte"]["score"] == pytest.approx(math.exp(lost["loss_per_byte"]["score"])) and "perplexity_per_byte" not in proof["arms"]["away"]
        assert {c["metric"] for c in proof["comparisons"] if {c["a"], c["b"]} == {"base", "tuned"}} == {"exact", "loss_per_token", "loss_per_byte"}

        bytes_before = (tmp_path / "run/proof.json").read_bytes()
        monkeypatch.setattr(generate, "answers", forbidden)
        monkeypatch.setattr(generate, "losses", forbidden)
        run.stages(made, tmp_path / "run", until="prove")
        assert len(served.bodies) == before + 1, "only who was refused"
        assert (tmp_path / "run/proof.json").read_bytes() != bytes_before and read(tmp_path / "run/proof.json")["arms"]["away"]["unscored"] == 0
        assert "few_shot" in read(tmp_path / "run/calls.json")


def test_a_context_that_is_full_is_shown_fewer_examples(tmp_path: Path) -> None:
    made = composed(tmp_path, [{"kind": "few_shot", "k": 12}])
    run.stages(made, tmp_path / "run", until="prove")
    assert 1 <= read(tmp_path / "run/calls.json")["few_shot"]["examples"] < 12


def test_an_address_that_is_down_stops_before_the_training_is_paid_for(tmp_path: Path) -> None:
    made = composed(tmp_path, [{"name": "away", "url": "http://127.0.0.1:9/v1", "model": "m", "tries": 1}])
    with pytest.raises(DadeumError, match=r"127\.0\.0\.1:9/v1/models can't be reached"):
        run.stages(made, tmp_path / "run", until="prove")
    assert not list((tmp_path / "run").glob("models/tuned-*"))


@pytest.mark.parametrize(
    ("prove", "match"),
    [
        ({"metric": "label", "labels": ["긍정", "부정"]}, "none of the 20 held-out items has a reference"),
        ({"slices": ["nothing"]}, "prove.slices: the held-out rows have no column 'nothing'"),
        ({"suites": [{"name": "code", "path": "code.jsonl", "fields": {"prompt": "q", "completion": "a"}, "metric": "tests", "tests": "test"}]}, r"fields: \{test: test\}"),
        ({"suites": [{"name": "lm", "task": "no.yaml"}]}, "there is no file no.yaml"),
    ],
)
def test_a_proof_that_cannot_be_made_stops_before_the_training_is_paid_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prove: dict[str, Any], match: str
) -> None:
    if "task" in str(prove):
        pytest.importorskip("lm_eval", reason="needs dadeum[eval]")
    monkeypatch.chdir(tmp_path)
    Path("code.jsonl").write_text('{"q": "f", "a": "def f(): return 1", "test": "assert f() == 1"}\n', encoding="utf-8")
    with pytest.raises(DadeumError, match=match):
        run.stages(composed(tmp_path, ["base"], **prove), tmp_path / "run", until="prove")
    assert not list((tmp_path / "run").glob("models/tuned-*"))


def test_suites_slices_and_an_order_in_one_proof(tmp_path: Path) -> None:
    more = tmp_path / "more.jsonl"
    more.write_text("".join(f'{{"question": "{i}번?", "answer": "답 {i}", "kind": "k{i % 2}"}}\n' for i in range(30)), encoding="utf-8")
    made = composed(
        tmp_path,
        ["base", "zero_shot", "few_shot"],
        slices=["length", "group"],
        suites=[
            {"name": "more", "path": str(more), "fields": {"prompt": "question", "completion": "answer"}, "metric": "rouge_l", "max_new_tokens": 4},
            {"name": "validation", "split": "validation", "metric": "chrf"},
        ],
    )
    run.stages(made, tmp_path / "run", until="report")
    proof = read(tmp_path / "run/proof.json")
    assert list(proof["suites"]) == ["more", "validation"] and proof["suites"]["more"]["n"] == 30
    assert "pairs of characters" in proof["suites"]["more"]["metric_name"] and proof["suites"]["validation"]["metric"] == "chrf"
    told = [proof, *proof["suites"].values()]
    ps = [row["p"] for one in told for row in one["comparisons"] if row["metric"] == one["metric"]]
    corrected = [row["p_corrected"] for one in told for row in one["comparisons"] if row["metric"] == one["metric"]]
    assert len(ps) == 18 and corrected == pytest.approx(holm(ps))
    assert {row["column"] for row in proof["slices"]} == {"length", "group"} and "slices" not in proof["suites"]["more"]
    assert [one["name"] for one in proof["ranking"]["arms"]] and len(proof["ranking"]["arms"]) == 4
    answers = pl.read_parquet(tmp_path / "run/answers.parquet")
    assert set(answers["suite"]) == {"", "more", "validation"}
    for lang, words in (("en", "More suites"), ("ko", "다른 문항 모음")):
        run.report(tmp_path / "run", lang)
        page = (tmp_path / "run/report.html").read_text(encoding="utf-8")
        assert words in page and "Bradley" in page and "ROUGE-L" in page


def test_files_and_columns_that_are_not_there_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as told:
        composed(tmp_path, [{"kind": "retrieval", "corpus": "no/such.md"}], suites=[{"name": "s", "path": "no/rows.jsonl", "schema": "no.json"}])
    assert {m.path for m in told.value.mistakes} == {"prove.arms.0.corpus", "prove.suites.0.path", "prove.suites.0.schema"}
    with pytest.raises(RecipeError, match=r"arms: 'base' is the name of two"):
        composed(tmp_path, ["base", "base"])
    from dadeum.evaluate import metrics

    for wrong, path in (
        ({"metric": "tests"}, "prove.tests"), ({"metric": "bleu", "schema": "x"}, "prove.schema"), ({"units": "words"}, "prove.units"),
        ({"embedding": "x"}, "prove.embedding"), ({"metric": "loss_per_byte", "arms": (Arm("few_shot", "few_shot"),)}, "prove.arms.0"),
    ):  # fmt: skip
        assert [m.path for m in metrics.check(Prove(**wrong))] == [path]


TASK = """task: tiny_local
dataset_path: json
dataset_kwargs: {{data_files: {{test: {rows}}}}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{{{q}}}}"
doc_to_target: gold
doc_to_choice: choices
metric_list: [{{metric: acc, aggregation: mean, higher_is_better: true}}]
metadata: {{version: 1.0}}
"""


@pytest.mark.night
def test_a_task_of_the_harness_is_a_suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("lm_eval", reason="needs dadeum[eval]")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "hf"))
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(orjson.dumps({"q": f"{i} 다음은?", "choices": [str(i + 1), "배송"], "gold": i % 2}).decode() + "\n" for i in range(24)), encoding="utf-8")
    task = tmp_path / "tiny.yaml"
    task.write_text(TASK.format(rows=rows), encoding="utf-8")
    made = composed(tmp_path, ["base", "zero_shot"], suites=[{"name": "tiny", "task": str(task), "items": 20}])
    run.stages(made, tmp_path / "run", until="prove")
    proof = read(tmp_path / "run/proof.json")
    told = proof["suites"]["tiny"]
    assert told["metric"] == "acc" and told["n"] == 20 and list(told["arms"]) == ["base", "tuned"] and told["left_out"] == ["zero_shot"]
    assert told["headline"] == ["tuned", "base"] and all(0 < arm["score"] < 1 for arm in told["arms"].values())

    # Held against the library's own number for the same model.
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    model = HFLM(pretrained=str((tmp_path / "run/model").resolve()), device="cpu", batch_size=4)
    theirs = simple_evaluate(model=model, tasks=["tiny_local"], task_manager=TaskManager(include_path=str(tmp_path), include_defaults=False), limit=20, bootstrap_iters=0)
    assert told["arms"]["tuned"]["score"] == pytest.approx(theirs["results"]["tiny_local"]["acc,none"])

    from dadeum.tuning import harness

    monkeypatch.setattr(harness, "_run", forbidden)
    run.stages(made, tmp_path / "run", until="prove")
    task.write_text("tusk: x", encoding="utf-8")
    monkeypatch.undo()
    with pytest.raises(RecipeError, match=r"no task of lm-evaluation-harness"):
        run.stages(made, tmp_path / "run", until="prove")


HELD = items(
    records(
        [
            {"id": str(i), "messages": [{"role": "system", "content": "짧게"}, {"role": "user", "content": f"물음 {i}"}, {"role": "assistant", "content": "답"}]}
            for i in range(3)
        ]
    )
)


def away(url: str, max_new_tokens: int = 4, **more: Any) -> Any:
    from dadeum.tuning import replies

    arm = Arm(**{"name": "x", "model": "m", "url": url, "tries": 1, **more})
    return replies.replies(None, Path(), arm, ask(arm, HELD, None, (), Prove(metric="label", labels=("가", "나"))), max_new_tokens)  # type: ignore[arg-type]


def test_every_key_of_an_arm_reaches_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sk-mine")
    busy, most = 0, 0

    def slow(body: dict[str, Any], number: int) -> Any:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        time.sleep(0.2)
        busy -= 1
        return completion("가", read=30, written=1)

    with serving(slow) as served:
        told = away(served.url, key="MY_KEY", prompt="{question} 가운데 {labels}?", at_once=3, price=Price(input=2.0, output=4.0))
        assert most > 1 and {headers["Authorization"] for headers in served.headers} == {"Bearer sk-mine"}
        assert sorted(body["messages"][1]["content"] for body in served.bodies) == [f"물음 {i} 가운데 가, 나?" for i in range(3)]
        assert all(body["messages"][0] == {"role": "system", "content": "짧게"} and body["max_tokens"] == 4 for body in served.bodies)
        assert told.calls["price"] == pytest.approx((30 * 2 + 4) / 1e6) and told.replies == [["가"] * 3]
        assert away(served.url, key="MY_KEY", prompt="{question} 가운데 {labels}?", price=Price(hour=3600.0)).calls["price"] == pytest.approx(told.calls["seconds"], rel=0.01)
        assert len(served.bodies) == 3
        most = 0
        away(served.url, at_once=1)
        assert most == 1
        with pytest.raises(DadeumError, match=r"budget of 1 calls is spent"):
            away(served.url, kind="zero_shot", budget=Budget(calls=1))
        with pytest.raises(DadeumError, match=r"nothing within 0\.05 seconds"):
            away(served.url, max_new_tokens=5, patience=0.05)


def test_a_suite_has_settings_of_its_own() -> None:
    whole = Prove(metric="label", labels=("a", "b"), slices=("length",), cluster="film", items=9)
    assert of(whole, Suite("x")).metric == "label" and of(whole, Suite("x")).labels == ("a", "b") and of(whole, Suite("x")).slices == ("length",)
    assert of(whole, Suite("x", metric="exact")).labels == () and of(whole, Suite("x", path="f")).slices == ()
    keys = {"metric": "chrf", "labels": ("c", "d"), "answer_after": "##", "units": "words", "schema": "s", "tests": "t", "max_new_tokens": 9, "cluster": "c", "items": 5}
    for key, value in keys.items():
        assert getattr(of(whole, Suite("x", **{key: value})), key) == value != getattr(of(whole, Suite("x")), key)  # type: ignore[arg-type]


def test_items_know_what_they_are_scored_by(tmp_path: Path) -> None:
    """The columns that slices, groups and unit tests need come with the items; one that is not there is named before anybody is asked."""
    made = composed(tmp_path, ["base"], slices=["stars", "length"], metric="tests", tests="group")
    run.stages(made, tmp_path / "run", until="split")
    [own] = held(made, tmp_path / "run", made.prove)
    assert own.references == own.items["group"].to_list() and {"stars", "group"} <= set(own.items.columns) and own.cluster is None
    for wrong, path in (({"slices": ("stras",)}, "prove.slices"), ({"tests": "x"}, "prove.tests"), ({"cluster": "x"}, "prove.cluster")):
        with pytest.raises(RecipeError) as told:
            held(made, tmp_path / "run", dataclasses.replace(made.prove, **wrong))
        assert [m.path for m in told.value.mistakes] == [path]
    with pytest.raises(RecipeError) as told:
        held(made, tmp_path / "run", dataclasses.replace(made.prove, suites=(Suite("s", metric="label"),)))
    assert [m.path for m in told.value.mistakes] == ["prove.suites.0.labels"]
