"""Is tuning worth it: the arithmetic against worlds whose answer is known, and the command before and after a training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

import runs
from chat_server import completion, serving
from dadeum.errors import DadeumError
from dadeum.evaluate.decision import Cost, decide
from dadeum.evaluate.proof import Answers, proof
from dadeum.proving import Price, Worth
from dadeum.report import decide as words
from dadeum.report.words import Words
from dadeum.settings import Prove
from dadeum.tuning.replies import priced

N = 200


def replies(right: float, seed: int, n: int = N) -> list[str]:
    return np.where(np.random.default_rng(seed).random(n) < right, "긍정", "부정").tolist()


def calls(**prices: float | None) -> dict[str, dict[str, Any]]:
    return {name: {"price": price, "read": 10.0, "written": 2.0, "seconds": 0.1, "priced": "tokens", "device": "address" if name == "away" else "cpu"} for name, price in prices.items()}


def world(rates: dict[str, float], metric: str = "label", n: int = N) -> dict[str, Any]:
    arms = [Answers(name, [replies(rate, i, n)], (0,) if name == "tuned" else ()) for i, (name, rate) in enumerate(rates.items())]
    return proof(arms, ["긍정"] * n, Prove(metric="label", labels=("긍정", "부정"), resamples=299))


TOOK, PLAIN = Cost(60.0, 1.0), Worth()


def told(rates: dict[str, float], cost: Cost = TOOK, worth: Worth = PLAIN, n: int = N, **prices: float | None) -> dict[str, Any]:
    made = decide(world(rates, n=n), calls(**{**dict.fromkeys(rates, 0.001), **prices}), cost, worth)
    assert orjson.loads(orjson.dumps(made)) == made
    for lang in ("en", "ko"):
        text = words.text({**made, "notes": [], "notes_ko": []}, lang)
        assert "{" not in text and words.title(made, Words(lang)) in text
        assert len(words.missing(made, Words(lang))) == len(made["missing"])
    return made


def test_better_than_everything_is_worth_it() -> None:
    made = told({"base": 0.5, "few_shot": 0.6, "away": 0.65, "tuned": 0.9}, away=0.01)
    assert made["verdict"] == "tune" and made["best"] == "away"
    even = made["break_even"]
    assert even["away"] == {"calls": 112, "saves": None, "why": "calls"}, "1.00 over 0.009 a call is 111.1: the 112th pays it back"
    assert even["base"]["why"] == "never"
    assert made["against"]["away"]["gain"] == pytest.approx(made["arms"]["tuned"]["score"] - made["arms"]["away"]["score"])


def test_one_better_prompt_is_enough_to_say_no() -> None:
    assert told({"base": 0.4, "few_shot": 0.95, "tuned": 0.7})["verdict"] == "do not tune"
    assert told({"base": 0.4, "few_shot": 0.72, "tuned": 0.74})["verdict"] == "cannot tell"


def test_a_gain_that_does_not_matter_is_no_reason() -> None:
    rates = {"base": 0.4, "few_shot": 0.7, "tuned": 0.84}
    assert told(rates)["verdict"] == "tune"
    assert told(rates, worth=Worth(gain=0.10))["verdict"] == "cannot tell"
    assert told(rates, worth=Worth(gain=0.5))["verdict"] == "do not tune"


def test_as_good_and_cheaper_in_all_is_a_reason() -> None:
    """A large address answers as well as the tuned model at a hundred times its price: then the number of calls decides."""
    same = replies(0.9, 5)
    arms = [Answers("base", [replies(0.3, 1)]), Answers("away", [same]), Answers("tuned", [same], (0,))]
    made = proof(arms, ["긍정"] * N, Prove(metric="label", labels=("긍정", "부정"), resamples=299))
    prices = calls(base=0.0001, away=0.01, tuned=0.0001)

    def verdict(**worth: Any) -> str:
        return str(decide(made, prices, Cost(60.0, 1.0, 50.0), Worth(**worth))["verdict"])

    assert verdict(gain=0.05, calls=1_000_000) == "tune"
    assert verdict(gain=0.05, calls=1000) == "do not tune", "51.00 are not paid back by 1,000 calls"
    assert verdict(gain=0.05) == "do not tune", "nobody said how many calls there will be"
    assert verdict(calls=1_000_000) == "cannot tell", "without a margin nothing is as good as another"
    prices["away"]["price"] = None
    assert verdict(gain=0.05, calls=1_000_000) == "do not tune"


def test_equal_arms_are_seldom_called() -> None:
    """Four equal arms, one of them called tuned: `tune` or `do not tune` are both mistakes, and the level holds for each."""
    rng = np.random.default_rng(0)
    verdicts = []
    for _ in range(60):
        arms = [Answers(name, [np.where(rng.random(80) < 0.6, "긍정", "부정").tolist()], (0,) if name == "tuned" else ()) for name in ("base", "a", "b", "tuned")]
        made = proof(arms, ["긍정"] * 80, Prove(metric="label", labels=("긍정", "부정"), resamples=199))
        verdicts.append(decide(made, {}, Cost(), Worth())["verdict"])
    assert verdicts.count("tune") <= 3 and verdicts.count("do not tune") <= 8, verdicts


def test_before_training_it_says_what_to_reach() -> None:
    made = told({"base": 0.5, "few_shot": 0.6}, worth=Worth(gain=0.04, calls=100_000), base=0.0001, few_shot=0.0004)
    assert made["verdict"] == "not trained" and made["break_even"] == {} and made["against"] == {}
    reach = made["to_reach"]
    assert reach["score"] == pytest.approx(made["arms"]["few_shot"]["score"] + reach["gain"]) and 0.05 < reach["gain"] < 0.12 and 900 < reach["items"] < 1100
    assert made["affordable"] == pytest.approx(30.0)
    assert {"training"} <= {one["what"] for one in made["missing"]}
    few = told({"base": 0.5, "few_shot": 0.6}, n=4)
    assert few["to_reach"]["score"] is None


def test_what_is_missing_is_named() -> None:
    made = told({"base": 0.5, "tuned": 0.52}, cost=Cost(60.0, None), base=None, tuned=None)
    assert {"seeds", "items", "prices", "training_price", "labour", "calls", "address"} <= {one["what"] for one in made["missing"]}
    full = told({"base": 0.1, "away": 0.2, "tuned": 0.9}, cost=Cost(60.0, 1.0, 5.0), worth=Worth(calls=10, labour=5.0))
    assert {one["what"] for one in full["missing"]} == {"seeds"}
    assert full["tuning"]["price"] == 6.0
    clocked = decide(world({"base": 0.1, "tuned": 0.9}), {name: {"price": 1.0, "priced": "cpu", "seconds": 1.0, "device": "cpu"} for name in ("base", "tuned")}, TOOK, PLAIN)
    assert {"what": "timed", "arms": ["base", "tuned"]} in clocked["missing"]
    won = told({"base": 0.1, "away": 0.2, "tuned": 0.9}, worth=Worth(currency="KRW"))
    assert "1.00 KRW" in words.text({**won, "notes": [], "notes_ko": []})


def test_the_price_of_serving_the_tuned_model_is_the_recipes() -> None:
    took = calls(tuned=0.5)["tuned"]
    assert priced(took, Worth(tuned=Price(input=100.0)).tuned)["price"] == pytest.approx(0.001) and priced(took, Price())["price"] == 0.5


CHAT = {"form.chat": {"turns": [{"role": "user", "content": "별점은?\n{text}"}, {"role": "assistant", "content": "{stars}"}]}}
TRAIN = {
    "base": "tiny",
    "tiny": {"vocabulary": 300, "hidden": 32, "layers": 1, "heads": 2, "context": 256, "pretrain_tokens": 0},
    "max_length": 128, "rows": 60, "tokens": 2000, "batch_tokens": 512, "price_per_hour": {"cpu": 0.1, "l4": 0.5},
}  # fmt: skip


def test_the_command_before_and_after_a_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    pytest.importorskip("torch", reason="needs dadeum[train]")
    from dadeum import cli

    monkeypatch.setenv("DADEUM_CACHE", str(tmp_path / "cache" / "remote"))
    with serving(lambda body, n: completion(str(n % 10), read=30, written=1)) as served:
        away = {"name": "away", "url": served.url, "model": "big", "price": {"input": 1.0, "output": 2.0}}
        raw = runs.recipe(
            runs.raw(tmp_path / "rows", files=1, rows=300),
            train=TRAIN,
            prove={"metric": "exact", "items": 20, "max_new_tokens": 2, "resamples": 199, "arms": ["base", away], "worth": {"calls": 1000}},
        )
        raw["steps"].append(CHAT)
        path = runs.write(tmp_path / "recipe.yaml", raw)
        assert cli.main(["decide", str(path), "--out", str(tmp_path / "run"), "--json"]) == 0
        first = orjson.loads(capsysbinary.readouterr().out)
        assert first["verdict"] == "not trained" and list(first["arms"]) == ["base", "away", "zero_shot", "few_shot", "retrieval"]
        assert first["tuning"]["least"] and first["tuning"]["machine"] > 0 and first["to_reach"]["score"] is not None
        assert not (tmp_path / "run/model").exists() and len(served.bodies) == 20
        assert all(arm["latency"]["median"] > 0 and arm["price"] is not None for arm in first["arms"].values())
        assert first["arms"]["few_shot"]["read"] > first["arms"]["base"]["read"]

        assert cli.main(["train", str(path), "--out", str(tmp_path / "run")]) == 0
        capsysbinary.readouterr()
        assert cli.main(["decide", str(tmp_path / "run"), "--lang", "ko"]) == 0
        said = capsysbinary.readouterr().out.decode()
        after = orjson.loads((tmp_path / "run/decision.json").read_bytes())
        assert after["verdict"] in ("tune", "do not tune", "cannot tell") and "tuned" in after["arms"] and not after["tuning"]["least"]
        assert after["tuning"]["machine"] == pytest.approx(0.1 * after["tuning"]["seconds"] / 3600) and len(served.bodies) == 20
        assert words.title(after, Words("ko")) in said and "아직 모르는 것" in said
        page = (tmp_path / "run/report.html").read_text(encoding="utf-8")
        assert 'id="decide"' in page and "Is tuning worth it?" in page
        told = orjson.loads((tmp_path / "run/run.json").read_bytes())
        assert told["train"]["arms"], "what the training took is still told"

        assert cli.main(["decide", str(path), "--out", str(tmp_path / "other"), "--set", "prove.metric=loss_per_byte"]) == 1


def test_a_loss_is_no_metric_of_replies(tmp_path: Path) -> None:
    from dadeum import recipe as recipes
    from dadeum import tuning

    raw = runs.recipe(runs.raw(tmp_path / "rows", files=1, rows=50), train=TRAIN, prove={"metric": "loss_per_byte"})
    with pytest.raises(DadeumError, match="scores no replies"):
        tuning.decide(recipes.compose(raw, []), tmp_path)


@pytest.mark.parametrize(("objective", "metric"), [("classify", "label"), ("dpo", "preference")])
def test_a_model_that_is_asked_for_no_words_is_not_weighed_against_prompts(tmp_path: Path, objective: str, metric: str) -> None:
    from dadeum import recipe as recipes
    from dadeum import tuning

    raw = runs.recipe(runs.raw(tmp_path / "rows", files=1, rows=50), train={**TRAIN, "objective": objective}, prove={"metric": metric, "labels": ["a", "b"]})
    with pytest.raises(DadeumError, match=r"asked for no words.*dadeum prove"):
        tuning.decide(recipes.compose(raw, []), tmp_path)


def test_the_items_that_are_missing_are_those_of_the_nearest_arm() -> None:
    """What beats the base by far has to be told from few_shot still: that takes items, not the base."""
    made = told({"base": 0.2, "few_shot": 0.72, "tuned": 0.74})
    [items] = [one for one in made["missing"] if one["what"] == "items"]
    assert made["verdict"] == "cannot tell" and items["needed"] > 3 * items["have"]
