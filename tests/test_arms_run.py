"""Arms in a whole run: every way of asking on the same items, an address on loopback among them, and nothing asked twice."""

from __future__ import annotations

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
from dadeum.evaluate.compare import holm
from dadeum.proving import Arm
from dadeum.train import generate

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


def test_an_address_that_is_down_stops_the_proof_with_a_word(tmp_path: Path) -> None:
    made = composed(tmp_path, [{"name": "away", "url": "http://127.0.0.1:9/v1", "model": "m", "tries": 1}])
    with pytest.raises(DadeumError, match=r"m at http://127.0.0.1:9/v1.*no answer.*are kept"):
        run.stages(made, tmp_path / "run", until="prove")


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
    from dadeum.settings import Prove

    for wrong, path in (
        ({"metric": "tests"}, "prove.tests"), ({"metric": "bleu", "schema": "x"}, "prove.schema"), ({"units": "words"}, "prove.units"),
        ({"embedding": "x"}, "prove.embedding"), ({"metric": "loss_per_byte", "arms": (Arm("few_shot", "few_shot"),)}, "prove.arms.0"),
    ):  # fmt: skip
        assert [m.path for m in metrics.check(Prove(**wrong))] == [path]
