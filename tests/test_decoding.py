"""Answers that are drawn: by the softmax, whatever they are asked beside; and decoding's part of a difference, told apart from training's."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import polars as pl
import pytest

import runs
from chat_server import completion, serving
from dadeum import cli
from dadeum import recipe as recipes
from dadeum.errors import DadeumError, RecipeError
from dadeum.evaluate import metrics
from dadeum.evaluate.compare import Arm, compare
from dadeum.evaluate.proof import Answers, proof
from dadeum.model import Ask, Endpoint
from dadeum.report.figures import percent
from dadeum.report.terminal import summary_text
from dadeum.settings import Prove
from dadeum.train.sampling import Draw

QUICK = {"resamples": 299}
CHAT = {"form.chat": {"turns": [{"role": "user", "content": "{text}"}, {"role": "assistant", "content": "{stars}"}]}}
TRAIN = {
    "base": "tiny",
    "tiny": {"vocabulary": 300, "hidden": 32, "layers": 1, "heads": 2, "context": 128, "pretrain_tokens": 0},
    "max_length": 128, "rows": 60, "tokens": 2000, "batch_tokens": 512, "seeds": [0, 1],
}  # fmt: skip


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DADEUM_CACHE", str(tmp_path / "cache" / "remote"))


def raw(tmp_path: Path, train: dict[str, Any] | None = None, **prove: Any) -> dict[str, Any]:
    told = {"metric": "exact", "items": 30, "max_new_tokens": 4, "resamples": 199, "served": False, **prove}
    made = runs.recipe(runs.raw(tmp_path / "rows", files=1, rows=300), train={**TRAIN, **(train or {})}, prove=told)
    made["steps"].append(CHAT)
    return made


# --- the recipe


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"samples": 3}, "prove.samples"),
        ({"temperature": -0.5}, "prove.temperature"),
        ({"temperature": float("inf")}, "prove.temperature"),
        ({"temperature": 1.0, "samples": 0}, "prove.samples"),
        ({"metric": "loss_per_byte", "temperature": 0.7, "samples": 3}, "prove.temperature"),
        ({"metric": "loss_per_byte", "samples": 2}, "prove.samples"),
    ],
)
def test_what_cannot_be_drawn_is_told_when_the_recipe_is_read(more: dict[str, Any], path: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as told:
        recipes.compose(raw(tmp_path, **more), [])
    assert [m.path for m in told.value.mistakes] == [path] and told.value.mistakes[0].hint is not None


def test_a_model_that_is_not_asked_for_words_draws_none(tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as told:
        recipes.compose(raw(tmp_path, {"objective": "pretrain"}, metric="loss_per_byte", temperature=1.0), [])
    assert "prove.temperature" in [m.path for m in told.value.mistakes]
    suites = [{"name": "words", "split": "validation", "metric": "exact"}]
    assert recipes.compose(raw(tmp_path, metric="loss_per_byte", temperature=1.0, samples=2, suites=suites), []).prove


# --- the answers


def drawn(model: Any, asked: list[list[int]], draw: Draw | None) -> list[list[int]]:
    from dadeum.train import decode
    from test_decode import MOST, STOPS

    said: dict[int, list[int]] = {}
    for batch in decode.decode(model, asked, STOPS, MOST, (), draw):
        said |= batch
    return [said[i] for i in range(len(asked))]


@pytest.mark.parametrize("name", ["llama", "gpt-neox", "mistral, a window", "phi3, positions by the longest"])
def test_drawn_answers_depend_on_neither_batch_nor_order(name: str) -> None:
    pytest.importorskip("torch", reason="needs dadeum[train]")
    from test_decode import model, prompts

    made, asked = model(name), prompts()
    draw = Draw(1.0, 0, 7)
    said = drawn(made, asked, draw)
    assert said == [drawn(made, [ids], draw)[0] for ids in asked]
    assert said == drawn(made, asked[::-1], draw)[::-1]
    greedy = drawn(made, asked, None)
    for other in (Draw(1.0, 1, 7), Draw(1.0, 0, 8)):
        again = drawn(made, asked, other)
        assert sum(a != b for a, b in zip(said, again)) > len(asked) * 0.8
    assert sum(a != b for a, b in zip(said, greedy)) > len(asked) * 0.8
    assert drawn(made, asked, Draw(1e-6, 0, 7)) == greedy and drawn(made, asked, Draw(1e-40, 3, 1)) == greedy


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_tokens_are_drawn_by_the_softmax(temperature: float) -> None:
    """Chi-square of 6,000 draws of six tokens, the noise of other prompts, samples and positions; below the 0.001 tail."""
    torch = pytest.importorskip("torch", reason="needs dadeum[train]")
    stats = pytest.importorskip("scipy.stats")
    logits = torch.tensor([2.0, 1.0, 0.5, 0.0, -1.0, -2.0])
    seen: dict[str, Any] = {"prompts": [], "samples": [], "positions": []}
    one = Draw(temperature, 0, 3)
    seen["prompts"] = one.noise([one.source([5, i]) for i in range(6000)], 6)
    seen["samples"] = torch.cat([d.noise([d.source([5, 6])], 6) for d in (Draw(temperature, i, 3) for i in range(6000))])
    source = [one.source([9])]
    seen["positions"] = torch.cat([one.noise(source, 6) for _ in range(6000)])
    wanted = torch.softmax(logits / temperature, 0).double().numpy()
    for kind, noise in seen.items():
        counts = np.bincount((logits + noise).argmax(1).numpy(), minlength=6)
        assert stats.chisquare(counts, 6000 * wanted / wanted.sum()).pvalue > 0.001, (kind, counts)


def test_a_row_that_leaves_the_batch_takes_its_noise_with_it() -> None:
    torch = pytest.importorskip("torch", reason="needs dadeum[train]")
    draw = Draw(1.0, 0, 0)
    sources = [draw.source([1]), draw.source([2])]
    draw.noise([sources[0], None], 4)
    both = draw.noise(sources, 4)
    fresh = [draw.source([1]), draw.source([2])]
    draw.noise([fresh[0]], 4)
    assert torch.equal(both[0], draw.noise([fresh[0]], 4)[0]) and torch.equal(both[1], draw.noise([fresh[1]], 4)[0])


# --- an address


def test_every_sample_has_its_seed_at_an_address(tmp_path: Path) -> None:
    draws = [Draw(0.7, i, 0) for i in range(3)]
    asks = [Ask([{"role": "user", "content": "안녕"}], 4, temperature=d.temperature, seed=d.number) for d in draws]
    with serving(lambda body, n: completion(str(n))) as served:
        found = Endpoint(served.url, "m", tries=1, at_once=1).answers(asks)
        assert len({body["seed"] for body in served.bodies}) == 3 and {body["temperature"] for body in served.bodies} == {0.7}
        assert len({reply.text for reply in found}) == 3 and all(0 <= d.number < 2**31 for d in draws)
        assert Endpoint(served.url, "m", tries=1).answers(asks) == found and len(served.bodies) == 3


def test_samples_of_an_address_are_lists_of_their_own() -> None:
    pytest.importorskip("torch", reason="needs dadeum[train]")
    from dadeum.evaluate.arms import ask
    from dadeum.proving import Arm as Asked
    from dadeum.tuning.replies import draws, replies
    from test_arms_run import HELD

    wanted = Prove(metric="label", labels=("가", "나"), temperature=0.7, samples=2)
    with serving(lambda body, n: completion(f"{body['messages'][-1]['content']} {body['seed']}")) as served:
        arm = Asked("x", url=served.url, model="m", tries=1)
        told = replies(None, Path(), arm, ask(arm, HELD, None, (), wanted), 4, drawn=draws(wanted, 5))  # type: ignore[arg-type]
    one, two = (Draw(0.7, i, 5).number for i in range(2))
    assert told.replies == [[f"물음 {i} {seed}" for i in range(3)] for seed in (one, two)]
    assert told.samples == 2 and told.seeds == () and told.calls["calls"] == 6


def test_an_address_that_takes_no_temperature_is_not_asked_at_another() -> None:
    refusal = json.dumps({"error": {"message": "Unsupported value: 'temperature'"}}).encode()
    with serving(lambda body, n: (400, {}, refusal) if "temperature" in body else completion("1")) as served:
        asks = [Ask([{"role": "user", "content": str(i)}], 4, temperature=0.7) for i in range(5)]
        with pytest.raises(DadeumError, match="temperature"):
            Endpoint(served.url, "m", tries=1, at_once=1).answers(asks)
        assert Endpoint(served.url, "m", tries=1, at_once=1).answers([Ask([{"role": "user", "content": "1"}], 4)])[0].text == "1"


# --- the shares


def world(
    rng: np.random.Generator, items: float, training: float, dice: float, seeds: int, samples: int, n: int, fixed: bool, shared: bool = False, effect: float = 0.0
) -> tuple[Arm, Arm]:
    """Scores are normal. items: deviation of an item's own difference; training: of a training's luck; dice: of one drawn answer. shared:
    trainings have the noise of a sample in common."""
    arms = []
    for name, shift in (("a", effect), ("b", 0.0)):
        plain = fixed and name == "b"
        count = 1 if plain else seeds
        luck = np.zeros((count, 1, 1)) if plain else rng.normal(0, training, (count, 1, 1))
        noise = rng.normal(0, dice, (1 if shared else count, samples, n))
        scores = shift + rng.normal(0, items, n) + luck + noise
        arms.append(Arm(name, scores.mean(1), plain, scores))
    return arms[0], arms[1]


@pytest.mark.parametrize("fixed", [False, True])
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize(("items", "training", "dice"), [(1.0, 0.05, 0.5), (0.3, 0.05, 2.0), (0.5, 0.12, 1.0), (1.0, 0.0, 1.0)])
def test_planted_variances_are_told_apart(items: float, training: float, dice: float, shared: bool, fixed: bool) -> None:
    """The parts of the variance by which 40 worlds were drawn, against the mean of what was told of them."""
    seeds, samples, n = 24, 4, 300
    rng = np.random.default_rng(4)
    told = [compare(*world(rng, items, training, dice, seeds, samples, n, fixed, shared), resamples=199) for _ in range(40)]
    luck = training**2 / seeds * (1 if fixed else 2)
    # A fixed arm is one line, so its dice are not averaged over trainings.
    spread = (1 if shared else 1 / seeds) + (1 if fixed or shared else 1 / seeds)
    thrown = dice**2 / samples / n * spread
    whole = 2 * items**2 / n + luck + thrown
    dices = np.array([one.share_of_decoding for one in told], dtype=float)
    trainings = np.array([one.share_of_training for one in told])

    def errors(shares: np.ndarray) -> float:
        """Three standard errors of the mean, and a hundredth for shares that are cut at nought and one."""
        return 0.01 + 3 * float(shares.std()) / len(shares) ** 0.5

    assert max(errors(dices), errors(trainings)) < 0.06
    assert dices.mean() == pytest.approx(thrown / whole, abs=errors(dices))
    # Of what trainings differ by, a tenth is always left to training (seeds.FLOOR).
    floor = 0.0 if fixed or shared else 0.1 * dice**2 / samples / n / seeds * 2 / whole
    assert trainings.mean() == pytest.approx(max(luck / whole, floor), abs=errors(trainings))
    assert (dices + trainings <= 1 + 1e-9).all()


@pytest.mark.parametrize("fixed", [False, True])
@pytest.mark.parametrize("binary", [False, True])
def test_no_more_nulls_are_called_than_the_level(binary: bool, fixed: bool) -> None:
    """400 worlds without a difference: at level 0.05, 20 are expected at most, and 33 or more in one of 265 series."""
    rng = np.random.default_rng(1)
    called = 0
    for _ in range(400):
        a, b = world(rng, 0.8, 0.1, 1.0, 3, 3, 80, fixed)
        if binary:
            a, b = (Arm(arm.name, (arm.drawn > 0).mean(1), arm.fixed, (arm.drawn > 0).astype(float)) for arm in (a, b) if arm.drawn is not None)
        called += compare(a, b, binary=binary, resamples=299).p <= 0.05
    assert called <= 32


def test_means_of_samples_are_no_right_and_wrong_answers() -> None:
    rng = np.random.default_rng(0)
    scores = (rng.random((1, 3, 60)) < 0.5).astype(float)
    once = [Arm(name, scores[:, i], True) for i, name in enumerate("ab")]
    assert compare(*once, binary=True, resamples=299).test == "mcnemar"
    many = [Arm(name, line.mean(1), True, line) for name, line in (("a", scores), ("b", scores[:, ::-1, ::-1]))]
    assert compare(*many, binary=True, resamples=299).test == "signs"
    single = [Arm(name, line.mean(1), True, line) for name, line in (("a", scores[:, :1]), ("b", scores[:, 1:2]))]
    found = compare(*single, binary=True, resamples=299)
    assert found.test == "mcnemar" and found.share_of_decoding is None
    with pytest.raises(ValueError, match="samples"):
        compare(many[0], single[0])
    with pytest.raises(ValueError, match="drawn"):
        Arm("a", np.ones((1, 4)), True, np.ones((1, 2, 5)))


def said(rng: np.random.Generator, right: np.ndarray) -> list[str]:
    return np.where(rng.random(len(right)) < right, "긍정", "부정").tolist()


def test_a_proof_tells_the_shares_in_two_languages() -> None:
    rng = np.random.default_rng(0)
    easy = rng.random(150)
    arms = [
        Answers("base", [said(rng, 0.4 * easy) for _ in range(3)], samples=3),
        Answers("tuned", [said(rng, 0.3 + 0.7 * easy) for _ in range(6)], (0, 1), samples=3),
    ]
    wanted = Prove(metric="label", labels=("긍정", "부정"), temperature=0.8, samples=3, **QUICK)  # type: ignore[arg-type]
    told = proof(arms, ["긍정"] * 150, wanted)
    row = told["comparisons"][0]
    assert 0.1 < row["share_of_decoding"] < 1 - row["share_of_training"] and told["arms"]["tuned"]["answers"] == 900
    assert len(told["arms"]["tuned"]["by_seed"]) == 2 and sum(told["arms"]["base"]["confusion"]["긍정"].values()) == 450
    shown, korean = (summary_text({}, told, width=2000, lang=lang) for lang in ("en", "ko"))
    parts = [percent(row[f"share_of_{part}"], 0) for part in ("training", "decoding")]
    assert f"answered 3 times at temperature 0.8: of the variance of the difference {parts[0]} is the luck of training, {parts[1]} the luck of decoding" in shown
    assert f"온도 0.8에서 3번씩 답했습니다. 차이의 분산 가운데 학습의 우연이 {parts[0]}, 디코딩의 우연이 {parts[1]}" in korean
    assert told["decoding"] == {"temperature": 0.8, "samples": 3} and told["method"]["decoding"].startswith("answers drawn at temperature 0.8")
    assert json.loads(json.dumps(told, allow_nan=False)) == told

    one = [Answers(arm.name, arm.replies[::3], arm.seeds, samples=1) for arm in arms]
    told = proof(one, ["긍정"] * 150, wanted)
    assert told["comparisons"][0]["share_of_decoding"] is None
    assert any("cannot be told from the items'" in note for note in told["notes"]) and any("온도 0.8에서 한 번씩만" in note for note in told["notes_ko"])

    blind = proof([Answers("base", arms[0].replies, samples=3), Answers("tuned", arms[1].replies[:3], (0,), samples=3)], ["긍정"] * 150, wanted)
    assert "nothing tells the luck of training" in summary_text({}, blind, width=2000) and blind["comparisons"][0]["share_of_training"] == 0

    greedy = proof([Answers(arm.name, arm.replies, arm.seeds) for arm in one], ["긍정"] * 150, Prove(metric="label", labels=("긍정", "부정"), **QUICK))  # type: ignore[arg-type]
    assert greedy["comparisons"][0]["share_of_decoding"] == 0.0 and greedy["method"]["decoding"].startswith("greedy")
    assert not any("temperature" in note for note in greedy["notes"]) and "temperature" not in summary_text({}, greedy, width=2000)


# --- from the command line


def forbidden(*arguments: Any, **more: Any) -> Any:
    raise AssertionError("done a second time")


def counted(answers: pl.DataFrame, proved: dict[str, Any], row: dict[str, Any]) -> float:
    """Decoding's share by the slow way: item after item from the answers themselves; training's share as it is told."""
    gaps: dict[str, dict[int, float]] = {}
    for one in answers.iter_rows(named=True):
        score = metrics.score(Prove(metric="chrf"), [one["answer"]], [one["reference"]])[0] or 0.0
        part = score / 2 if one["arm"] == "tuned" else -score
        at = gaps.setdefault(one["id"], {})
        at[one["sample"]] = at.get(one["sample"], 0.0) + part
    n = len(gaps)
    assert proved["n"] == n and all(len(at) == 3 for at in gaps.values())
    dice = sum(statistics.variance(at.values()) / 3 for at in gaps.values()) / n**2
    means = [statistics.mean(at.values()) for at in gaps.values()]
    assert statistics.mean(means) == pytest.approx(row["difference"])
    return dice / max(dice, statistics.variance(means) / n) * (1 - row["share_of_training"])


def test_a_gate_asks_a_named_suite_as_often_as_the_proof(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch", reason="needs dadeum[train]")
    from dadeum import run
    from dadeum.train import generate
    from test_tuning_stages import suited

    told = suited(tmp_path, {"learning_rate": 1e-6, "epochs": 0.5}, strange=False)
    told["prove"] |= {"temperature": 0.7, "samples": 3}
    plain, asked = generate.answers, []
    monkeypatch.setattr(generate, "answers", lambda *a, **k: asked.append(k["draw"]) or plain(*a, **k))
    [found] = run.stages(recipes.compose(told), tmp_path / "run", "train")["train"]["gates"]
    assert [draw.sample for draw in asked] == [0, 1, 2, 0, 1, 2] and {draw.temperature for draw in asked} == {0.7}
    assert found["verdict"] == "kept" and 240 * found["before"] == pytest.approx(round(240 * found["before"]))


def test_a_proof_of_three_samples_from_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch", reason="needs dadeum[train]")
    from dadeum.train import generate

    path, out = tmp_path / "recipe.yaml", tmp_path / "run"
    told = raw(tmp_path, temperature=1.0, samples=3, metric="chrf")
    told["steps"][-1] = {"form.chat": {"turns": [{"role": "user", "content": "{text}"}, {"role": "assistant", "content": "{text}"}]}}
    told["prove"] |= {"max_new_tokens": 12, "slices": ["length"]}
    told["train"] |= {"tokens": 12_000, "rows": 180, "learning_rate": 0.01}
    path.write_text(json.dumps(told), encoding="utf-8")
    assert cli.main(["prove", str(path), "--out", str(out)]) == 0
    proved = orjson.loads((out / "proof.json").read_bytes())
    row = next(c for c in proved["comparisons"] if c["metric"] == "chrf")
    assert 0 < row["share_of_decoding"] <= 1 and proved["decoding"] == {"temperature": 1.0, "samples": 3}
    assert "Each item was answered 3 times at temperature 1: of the variance" in " ".join(capsys.readouterr().out.split())
    answers = pl.read_parquet(out / "answers.parquet")
    assert answers.group_by("arm").len().sort("arm").rows() == [("base", 90), ("tuned", 180)]
    drawn = answers.filter(pl.col("arm") == "base").group_by("id").agg(pl.col("answer").n_unique())
    assert drawn["answer"].max() == 3 and answers["sample"].unique().sort().to_list() == [0, 1, 2]
    assert row["share_of_decoding"] == pytest.approx(counted(answers, proved, row), abs=1e-6)
    calls = orjson.loads((out / "calls.json").read_bytes())
    assert calls["base"]["calls"] == 90

    before = {name: (out / name).read_bytes() for name in ("proof.json", "answers.parquet")}
    plain, losses, asked = generate.answers, generate.losses, []
    monkeypatch.setattr(generate, "losses", forbidden)
    monkeypatch.setattr(generate, "answers", lambda *a, **k: asked.append(a[6]) or plain(*a, **k))
    for name in before:
        (out / name).unlink()
    assert cli.main(["prove", str(path), "--out", str(out)]) == 0
    assert not asked and {name: (out / name).read_bytes() for name in before} == before, "drawn answers are those of the first time"
    assert cli.main(["prove", str(path), "--out", str(out), "--set", "prove.samples=4"]) == 0
    assert {draw.sample for draw in asked} == {3}, "only what is new is asked"
    had = len(asked)
    monkeypatch.setattr(generate, "losses", losses)
    assert cli.main(["prove", str(path), "--out", str(out), "--set", "prove.temperature=0.5"]) == 0
    assert len(asked) == had + 9 and {draw.temperature for draw in asked[had:]} == {0.5}
