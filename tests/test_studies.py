"""What a step, or more data, is worth: on rows whose dirt is planted, from the command to the report; and nothing trained twice."""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest

import runs

pytest.importorskip("torch", reason="needs dadeum[train]")

from dadeum import cli
from dadeum import recipe as recipes
from dadeum.errors import DadeumError, RecipeError
from dadeum.report import model_card, page
from dadeum.train import generate, loop
from dadeum.tuning import ablate
from dadeum.tuning.curve import sizes

FRUIT, TOOLS = ["사과", "pear", "포도", "plum"], ["망치", "saw", "못", "drill"]
TRAIN = {
    "base": "tiny",
    "tiny": {"vocabulary": 400, "hidden": 64, "layers": 1, "heads": 4, "context": 64, "pretrain_tokens": 60_000},
    "max_length": 64,
    "tokens": 40_000,
    "batch_tokens": 256,
    "micro_tokens": 256,
    "learning_rate": 0.004,
    "evaluations": 0,
    "seeds": [0, 1, 2, 3],
}


STAGES = [
    {"name": "some", "where": {"group": [f"g{i}" for i in range(25)] + ["machine"]}, "tokens": 20_000},
    {"name": "all", "tokens": 24_000, "replay": 0.1, "learning_rate": "find"},
]


def rows(folder: Path, clean: int = 260, wrong: int = 500, seed: int = 0) -> Path:
    """What is asked for is a fruit or a tool. Planted: a machine whose many messages are labelled the wrong way round."""
    rng = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for i in range(clean + wrong):
        fruit = rng.random() < 0.5
        text = f"{rng.choice(['주세요', 'please', '오늘', 'now'])} {rng.choice(FRUIT if fruit else TOOLS)} {rng.choice(['하나', 'two', '셋', 'nine', '열'])}"
        bad = i >= clean
        group = f"g{rng.randint(0, 39)}" if not bad else "machine"
        label = "fruit" if fruit != bad else "tool"
        # The double space is what clean.whitespace finds: in a tenth of the rows, without any meaning.
        text = text.replace(" ", "  ") if rng.random() < 0.1 else text
        lines.append({"id": f"r{i}", "text": text, "group": group, "label": label})
    rng.shuffle(lines)
    (folder / "rows-0.jsonl").write_bytes(b"\n".join(orjson.dumps(line) for line in lines))
    return folder


def recipe(folder: Path, **more: Any) -> dict[str, Any]:
    return {
        "name": "planted",
        "sources": [{"path": f"{folder}/*.jsonl", "name": "rows", "fields": {"text": "text", "id": "id", "group": "group", "answer": "label"}}],
        "steps": [
            "clean.whitespace",
            {"filter.length": {"min": 2, "max": 99}},
            {"mix.cap": {"by": "group", "max": 15}},
            {"mix.split": {"by": "group", "test": 0.4, "validation": 0.05, "leak": "allow"}},
            {"form.chat": {"turns": [{"role": "user", "content": "{text}"}, {"role": "assistant", "content": "{answer}"}]}},
        ],
        "train": TRAIN,
        "prove": {"metric": "label", "labels": ["fruit", "tool"], "cluster": "group", "max_new_tokens": 3, "resamples": 999, "margin": 0.2, "pilot": 20, "ablate_seeds": 4, "served": False},
        **more,
    }


@pytest.fixture(scope="module")
def proven(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(recipe, folder) of a run up to its proof."""
    there = tmp_path_factory.mktemp("studies")
    path = runs.write(there / "planted.yaml", recipe(rows(there / "rows")))
    assert cli.main(["prove", str(path), "--out", str(there / "run")]) == 0
    return path, there / "run"


def forbidden(*arguments: Any, **more: Any) -> Any:
    raise AssertionError("done a second time")


def same_budget(records: dict[str, dict[str, Any]]) -> bool:
    """As near as the lengths of few rows allow."""
    tokens = [r["tokens"] for r in records.values()]
    return max(tokens) - min(tokens) <= 0.005 * max(tokens)


def test_the_model_brings_its_certificate_and_its_card(proven: tuple[Path, Path]) -> None:
    model = proven[1] / "model"
    told = orjson.loads((model / "parity.json").read_bytes())
    assert told["verdict"] == "agree" and told["digests"]["recipe"] == orjson.loads((proven[1] / "run.json").read_bytes())["recipe_digest"]
    card = (model / "README.md").read_text(encoding="utf-8")
    record = orjson.loads((model / "training.json").read_bytes())
    for word in ("library_name: transformers", "`rows`", "licence is unknown", f"{record['tokens']:,}", "prove.served is false", told["digests"]["template"]):
        assert word in card, word
    assert "모델 카드" in model_card.model_card(proven[1], "ko")


def test_an_ablation_names_the_step_that_matters_and_clears_the_others(proven: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = proven
    words = ["prove", "--ablate", "mix.cap", "clean.whitespace", "filter.length", str(path), "--out", str(out)]
    assert cli.main(words) == 0
    said = capsys.readouterr().out
    told = orjson.loads((out / "proof.json").read_bytes())["ablations"]
    by = {one["step"]: one for one in told["steps"]}
    assert by["mix.cap"]["effect"] == "helps" and by["mix.cap"]["low"] > 0.1, by
    assert by["clean.whitespace"]["effect"] == "no difference", by
    assert by["filter.length"]["effect"] == "changed nothing" and by["filter.length"]["difference"] == 0
    assert by["mix.cap"]["rows"]["returned"] > 300 and by["clean.whitespace"]["rows"]["edited"] > 5
    assert by["mix.cap"]["p_corrected"] >= by["mix.cap"]["p"] and told["seeds"] == 4
    for word in ("mix.cap", "helps", "no difference", "changed no row"):
        assert word in said
    # Same budget, same count of seeds, none of them shared.
    records = {p.parent.name: orjson.loads(p.read_bytes()) for p in (out / "models").glob("*/training.json")}
    assert same_budget(records) and len({r["seed"] for r in records.values()}) == len(records) == 12
    html = page.render(out, "ko")
    assert 'id="ablations"' in html and "도움이 됨" in html and "차이 없음" in html

    (out / "proof.json").write_bytes(orjson.dumps({k: v for k, v in orjson.loads((out / "proof.json").read_bytes()).items() if k != "ablations"}))
    monkeypatch.setattr(loop, "make_trainer", forbidden, raising=False)
    monkeypatch.setattr(generate, "answers", forbidden)
    monkeypatch.setattr(generate, "losses", forbidden)
    assert cli.main(words) == 0
    assert orjson.loads((out / "proof.json").read_bytes())["ablations"] == told
    # A proof without --ablate keeps them, for as long as nothing that they stand on is another.
    plain = ["prove", str(path), "--out", str(out)]
    assert cli.main([*plain, "--set", "prove.arms=[base]"]) == 0
    assert orjson.loads((out / "proof.json").read_bytes())["ablations"] == told
    assert cli.main([*plain, "--set", "prove.margin=0.3"]) == 0
    assert "ablations" not in orjson.loads((out / "proof.json").read_bytes())
    # Those of a version that did not yet write what they stand on are not kept, and stop nothing.
    proof = orjson.loads((out / "proof.json").read_bytes())
    (out / "proof.json").write_bytes(orjson.dumps({**proof, "ablations": {k: v for k, v in told.items() if k != "key"}}))
    assert cli.main(plain) == 0 and "ablations" not in orjson.loads((out / "proof.json").read_bytes())
    with pytest.raises(AssertionError, match="second time"):
        cli.main([*words, "--set", "prove.max_new_tokens=2"])


def test_a_curve_from_the_pilot_to_all_rows(proven: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = proven
    assert cli.main(["curve", str(path), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    told = orjson.loads((out / "data_curve.json").read_bytes())
    counts = [point["rows"] for point in told["points"]]
    assert counts[0] == 20 and len(counts) == 4 and counts == sorted(counts)
    assert [len(point["by_seed"]) for point in told["points"]] == [4, 1, 1, 4]
    assert told["doubling"]["low"] <= told["doubling"]["gain"] <= told["doubling"]["high"] and told["doubling"]["rows"] == 2 * counts[-1]
    records = {p.parent.name: orjson.loads(p.read_bytes()) for p in (out / "models").glob("*/training.json")}
    assert same_budget(records)
    assert f"{counts[0]}" in said and ("data" in said.lower())
    html = page.render(out)
    assert 'id="data_curve"' in html and "<polyline" in html

    monkeypatch.setattr(loop, "make_trainer", forbidden, raising=False)
    monkeypatch.setattr(generate, "answers", forbidden)
    assert cli.main(["curve", str(path), "--out", str(out)]) == 0
    assert orjson.loads((out / "data_curve.json").read_bytes()) == told


def test_studies_of_a_recipe_with_stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every stage is trained anew on as many tokens as the tuned model's took there, with one training more than the run has."""
    raw = recipe(rows(tmp_path / "rows"), train={**TRAIN, "tokens": 0, "seeds": [0, 1, 2], "stages": STAGES})
    path, out = runs.write(tmp_path / "staged.yaml", raw), tmp_path / "run"
    assert cli.main(["prove", str(path), "--out", str(out), "--ablate", "mix.cap", "filter.length"]) == 0
    told = orjson.loads((out / "proof.json").read_bytes())["ablations"]
    by = {one["step"]: one for one in told["steps"]}
    assert told["seeds"] == 4 and by["mix.cap"]["effect"] == "helps" and by["filter.length"]["effect"] == "changed nothing", by

    def records(arm: str) -> list[dict[str, Any]]:
        return [orjson.loads(p.read_bytes()) for p in sorted((out / "models").glob(f"{arm}-*/training.json"))]

    first, last = records("tuned")[::2][:1] + records("tuned")[1::2][:1], records("without-mix.cap")
    assert len(records("tuned")) == len(last) == 8
    for stage in range(2):
        assert same_budget({str(i): one for i, one in enumerate([*last[1 - stage :: 2], first[1 - stage]])})
    # The rate that was found for the tuned model is everyone's; seeds are nobody's twice.
    assert len({one["settings"]["learning_rate"] for one in [*records("tuned")[::2], *last[::2]]}) == 1
    assert len({one["seed"] for one in records("tuned") + last}) == 8

    assert cli.main(["curve", str(path), "--out", str(out), "--set", "prove.pilot=12"]) == 0
    curve = orjson.loads((out / "data_curve.json").read_bytes())
    assert len(curve["points"]) == 4 and abs(curve["tokens"] - 44_000) < 500

    # What the study trained beyond the run is what the run would have trained.
    monkeypatch.setattr(loop, "make_trainer", forbidden)
    assert cli.main(["prove", str(path), "--out", str(out), "--set", "train.seeds=[0,1,2,3]"]) == 0


def test_what_a_held_out_row_stands_for_does_not_come_back(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "ledger").mkdir()
    frame = pl.DataFrame({"id": ["t", "v", "a"]})
    for name, ids in (("train", ["a"]), ("test", ["t"]), ("validation", ["v"])):
        frame.filter(pl.col("id").is_in(ids)).write_parquet(tmp_path / f"data/{name}.parquet")
    links = {"copy": "t", "copy of the copy": "copy", "like v": "v", "like a": "a", "short": None}
    pl.DataFrame({"id": list(links), "witness": list(links.values())}).write_parquet(tmp_path / "ledger/verdicts.parquet")
    back = pl.DataFrame({"id": ["t", "a", *links]})
    assert ablate.unleaked(tmp_path, back)["id"].to_list() == ["a", "like a", "short"]


def test_steps_that_cannot_be_left_out(tmp_path: Path) -> None:
    made = recipes.compose(recipe(rows(tmp_path / "rows")), [])
    with pytest.raises(RecipeError) as found:
        ablate.checked(made, ["filter.lenght", "mix.split", "filter.length"])
    assert [m.path for m in found.value.mistakes] == ["--ablate filter.lenght", "--ablate mix.split"]
    assert "filter.length" in found.value.mistakes[0].hint
    assert ablate.checked(made, ["filter.length", "filter.length"]) == ["filter.length"]


def test_the_recipe_may_stand_before_or_behind_the_steps(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text("")
    for words in (["prove", "--ablate", "a", "b", str(path), "--out", "x"], ["prove", str(path), "--ablate", "a", "b", "--out", "x"]):
        told = cli.parser().parse_args(cli._ablating(words))
        assert (told.ablate, told.target) == (["a", "b"], str(path))


def test_the_margin_is_read_in_the_unit_of_the_metric() -> None:
    import numpy as np

    from dadeum.evaluate.compare import Arm
    from dadeum.settings import Prove

    arm = Arm("tuned", np.array([[1.0, 0.0]]))
    assert ablate.notable(Prove(metric="label", labels=("a", "b"), margin=0.1), arm) == 0.1
    assert ablate.notable(Prove(metric="chrf", margin=0.1), Arm("tuned", np.array([[60.0, 20.0]]))) == 10
    assert ablate.notable(Prove(metric="loss_per_byte", margin=0.1), Arm("tuned", np.array([[2.0, 2.0]]))) == pytest.approx(0.2)


def test_a_harmless_difference_is_told_as_none() -> None:
    from dadeum.evaluate.compare import Difference

    one = Difference(0.01, 0.002, 0.02, 0.01, 0.004, "signs", 100, 100, "items and training", 0.1, 0.0, 0.1, 0.0, ())
    assert ablate.effect(one, 0.01, 0.05, True, margin=0.05) == "no difference"
    assert ablate.effect(one, 0.01, 0.05, True, margin=0.015) == "helps"
    assert ablate.effect(dataclasses.replace(one, difference=-0.01, low=-0.2), 0.01, 0.05, True, margin=0.05) == "harms"
    assert ablate.effect(dataclasses.replace(one, low=-0.2), 0.3, 0.05, True, margin=0.05) == "cannot tell"


def test_too_few_rows_make_no_curve() -> None:
    with pytest.raises(DadeumError, match="2 training rows"):
        sizes(2, 75)
