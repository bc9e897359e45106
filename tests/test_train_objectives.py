"""Every objective learns something, by a loss that a slow twin confirms; what is finished loads with plain transformers."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

pytest.importorskip("trl", reason="needs dadeum[train]")

from dadeum.errors import DadeumError
from dadeum.format.supervise import IGNORED, supervise
from dadeum.format.tokens import load_tokenizer
from dadeum.settings import Classify, Dpo, Infill
from dadeum.train import measure
from dadeum.train.base import base
from dadeum.train.batches import plan, unlay
from dadeum.train.generate import losses
from dadeum.train.loop import make_trainer, train
from train_cases import documents, folder, labelled, one_thread, preferences, reviews, short, texts, tiny

one_thread()
PAIRS, HELD_PAIRS = preferences(160, 1), preferences(40, 2)
LABELLED, HELD_LABELLED = labelled(300, 1), labelled(80, 2)
PAGES, HELD_PAGES = documents(200, 1), documents(40, 2)


def trainer_of(settings, rows, where, held=None):
    tokenizer = load_tokenizer(tiny())
    taught = supervise(rows, tokenizer, settings)
    steps = plan([len(e.ids) for e in taught.examples], settings, 0)
    asked = supervise(held, tokenizer, settings) if held is not None else None
    return make_trainer(tiny(), tokenizer, taught, asked, steps, settings, 0, where), taught, steps


def alone(model, ids):
    """The slow twin's forward pass: one sequence, nothing beside it. Log-probability of each next token."""
    import torch

    with torch.no_grad():
        logits = model(input_ids=torch.tensor(np.asarray(ids, dtype=np.int64))[None], use_cache=False).logits[0, :-1].double()
    return logits.log_softmax(-1)[torch.arange(len(ids) - 1), torch.tensor(np.asarray(ids[1:], dtype=np.int64))].numpy()


def summed(model, ids, labels):
    return float(alone(model, ids)[labels[1:] != IGNORED].sum())


@pytest.mark.parametrize(("packing", "smoothing", "beta"), [(True, 0.0, 0.1), (False, 0.2, 0.5)])
def test_the_preference_loss_is_that_of_its_formula(tmp_path, packing, smoothing, beta):
    import torch

    settings = short(objective="dpo", packing=packing, dpo=Dpo(beta=beta, label_smoothing=smoothing), micro_tokens=200)
    trainer, taught, steps = trainer_of(settings, PAIRS[:30], tmp_path)
    from dadeum.train.base import load

    reference = load(tiny())
    with torch.no_grad():
        for p in trainer.model.parameters():
            p.add_(torch.randn(p.shape, generator=torch.Generator().manual_seed(1)) * 0.02)
    trainer.model.eval()
    for micro in steps.micros[:3]:
        wanted = []
        for example in (taught.examples[i] for row in micro for i in row):
            (ids, labels), (other, other_labels) = example.sequences
            s, s0 = (summed(m, ids, labels) - summed(m, other, other_labels) for m in (trainer.model, reference))
            z = beta * (s - s0)
            wanted.append(-(1 - smoothing) * math.log(1 / (1 + math.exp(-z))) - smoothing * math.log(1 / (1 + math.exp(z))))
        with torch.no_grad():
            got = float(trainer.compute_loss(trainer.model, trainer.collate(taught.examples, micro)))
        assert got == pytest.approx(np.mean(wanted), rel=1e-4)


@pytest.mark.parametrize("method", ["full", "lora", "prompt"])
def test_before_the_first_step_the_reference_is_the_model_itself(tmp_path, method):
    """log 2 a pair; with vectors before the input the model already answers otherwise, and the reference must not."""
    import torch

    trainer, taught, steps = trainer_of(short(objective="dpo", method=method), PAIRS[:30], tmp_path)
    with torch.no_grad():
        loss = float(trainer.compute_loss(trainer.model.eval(), trainer.collate(taught.examples, steps.micros[0])))
    if method != "prompt":
        assert loss == pytest.approx(math.log(2), abs=1e-5)
    from dadeum.train.base import load

    example = taught.examples[steps.micros[0][0][0]]
    batch = trainer.collate(taught.examples, [[steps.micros[0][0][0]]])
    assert batch["reference"][0].tolist() == pytest.approx([summed(load(tiny()), *one) for one in example.sequences], rel=1e-4)


def test_preferences_are_learned_and_the_folder_answers(tmp_path):
    from transformers import AutoModelForCausalLM

    made = train(PAIRS, HELD_PAIRS, tiny(), short(objective="dpo"), 0, tmp_path / "model")
    assert made.eval_loss < 0.3 and made.measures["accuracy"] > 0.9 and made.measures["margin"] > 1
    tuned, before = (AutoModelForCausalLM.from_pretrained(f) for f in (made.folder, tiny()))
    taught = supervise(HELD_PAIRS, load_tokenizer(made.folder), short(objective="dpo"))
    gained = []
    for example in taught.examples:
        one, other = example.sequences
        gained.append((summed(tuned, *one) - summed(tuned, *other)) - (summed(before, *one) - summed(before, *other)))
    assert np.mean(np.array(gained) > 0) == made.measures["accuracy"]
    assert 0.1 * np.mean(gained) == pytest.approx(made.measures["margin"], rel=1e-3)


def test_pairs_turned_round_are_learned_the_wrong_way_round(tmp_path):
    turned = PAIRS.rename({"chosen": "rejected", "rejected": "chosen"}).select(PAIRS.columns)
    made = train(turned, HELD_PAIRS, tiny(), short(objective="dpo", patience=0), 0, tmp_path / "model")
    worst = made.curve.drop_nulls("eval_loss")["eval_loss"].to_list()
    assert worst[-1] > worst[1] > worst[0] == pytest.approx(math.log(2)), "held-out pairs as they should be must lose"


@pytest.mark.parametrize("method", ["full", pytest.param("lora", marks=pytest.mark.night)])
def test_a_reward_is_higher_for_what_was_chosen(tmp_path, method):
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    settings = short(objective="reward", method=method, epochs=1.0)
    made = train(PAIRS, HELD_PAIRS, tiny(), settings, 0, tmp_path / "model")
    assert made.measures["accuracy"] > 0.9 and set(made.measures) == {"accuracy", "margin", "longer", "chosen_longer"}
    told = measure.scores(made.folder, HELD_PAIRS, settings)
    assert (told["chosen"] > told["rejected"]).mean() == made.measures["accuracy"]
    tokenizer, model = AutoTokenizer.from_pretrained(made.folder), AutoModelForSequenceClassification.from_pretrained(made.folder)
    row = HELD_PAIRS.row(0, named=True)
    turns = [{"role": t["role"], "content": t["content"]} for t in (*row["messages"], *row["chosen"])]
    asked = tokenizer.apply_chat_template(turns, return_tensors="pt", return_dict=True)
    assert float(model(**asked).logits[0, 0]) == pytest.approx(told["chosen"][0], abs=1e-4)


def test_the_reward_loss_is_bradley_terrys(tmp_path):
    import torch

    trainer, taught, steps = trainer_of(short(objective="reward"), PAIRS[:20], tmp_path)
    model = trainer.model.eval()
    wanted = []
    with torch.no_grad():
        for example in (taught.examples[i] for row in steps.micros[0] for i in row):
            good, bad = (float(model(input_ids=torch.tensor(ids.astype(np.int64))[None]).logits[0, 0]) for ids, _ in example.sequences)
            wanted.append(math.log(1 + math.exp(bad - good)))
        got = float(trainer.compute_loss(model, trainer.collate(taught.examples, steps.micros[0])))
    assert got == pytest.approx(np.mean(wanted), rel=1e-4)


def test_a_reward_that_counts_tokens_is_told(tmp_path):
    """Every chosen end is the longer one: the measures say that length alone would do as well."""
    longer = [[{"role": "assistant", "content": turns[0]["content"] + " 아주 아주 길게"}] for turns in PAIRS["rejected"].to_list()]
    biased = PAIRS.with_columns(pl.Series("chosen", [[dict.fromkeys(PAIRS.schema["chosen"].inner.to_schema()) | t[0]] for t in longer], dtype=PAIRS.schema["chosen"]))
    made = train(biased[:120], biased[120:], tiny(), short(objective="reward", epochs=1.0), 0, tmp_path / "model")
    assert made.measures["chosen_longer"] == 1.0 and made.measures["longer"] == made.measures["accuracy"] > 0.9


@pytest.mark.parametrize("method", ["full", pytest.param("lora", marks=pytest.mark.night)])
def test_labels_are_learned_and_a_plain_pipeline_tells_them(tmp_path, method):
    from transformers import pipeline

    settings = short(objective="classify", method=method, epochs=5.0)
    made = train(LABELLED, HELD_LABELLED, tiny(), settings, 0, tmp_path / "model")
    assert made.measures["accuracy"] > 0.85 and made.measures["macro_f1"] > 0.85 and 0 <= made.measures["calibration_error"] < 0.3
    told = measure.labels(made.folder, HELD_LABELLED, settings)
    assert (told["label"] == told["said"]).mean() == made.measures["accuracy"]
    plain = pipeline("text-classification", model=str(made.folder), device="cpu")(HELD_LABELLED["text"].to_list(), batch_size=1)
    assert [one["label"] for one in plain] == told["said"].to_list()
    assert [one["score"] for one in plain] == pytest.approx(told["probability"].to_list(), abs=1e-4)


def test_the_measures_of_labels_are_those_of_their_definitions():
    import torch

    from dadeum.format.supervise import Example
    from dadeum.train.objectives.classify import Classify as Objective

    rng = np.random.default_rng(0)
    examples = [Example(str(i), i, np.ones(2, np.int32), np.ones(2, np.int32), label="abc"[i % 3]) for i in range(9)]
    logits, target = rng.normal(size=(500, 3)) * 2, rng.integers(0, 3, 500)
    measured = Objective(short(objective="classify"), examples).measures({"logits": torch.tensor(logits), "target": torch.tensor(target)})
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    said, sure = p.argmax(1), p.max(1)
    f1 = []
    for k in range(3):
        precision, recall = np.mean(target[said == k] == k), np.mean(said[target == k] == k)
        f1.append(2 * precision * recall / (precision + recall))
    bins = [(sure >= k / 10) & (sure < (k + 1) / 10 if k < 9 else sure <= 1) for k in range(10)]
    apart = sum(b.mean() * abs(sure[b].mean() - (said == target)[b].mean()) for b in bins if b.any())
    assert measured == pytest.approx({"accuracy": np.mean(said == target), "macro_f1": np.mean(f1), "calibration_error": apart})


def test_a_rare_label_weighs_more_where_it_is_asked_for(tmp_path):
    import torch

    rare = pl.concat([LABELLED.filter(pl.col("label") == "긍정")[:60], LABELLED.filter(pl.col("label") == "부정")[:20]])
    found = {}
    for weights in ("even", "balanced"):
        trainer, taught, steps = trainer_of(short(objective="classify", classify=Classify(weights=weights)), rare, tmp_path / weights)
        batch, model = trainer.collate(taught.examples, steps.micros[0]), trainer.model.eval()
        with torch.no_grad():
            each = torch.nn.functional.cross_entropy(model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits, batch["target"], reduction="none")
            found[weights] = float(trainer.compute_loss(model, batch))
        weight = torch.tensor([80 / (2 * 60), 80 / (2 * 20)]) if weights == "balanced" else torch.ones(2)
        assert found[weights] == pytest.approx(float((each * weight[batch["target"]]).mean()), rel=1e-5)


def test_labels_that_cannot_be_told_apart_are_refused(tmp_path):
    one = LABELLED.filter(pl.col("label") == "긍정")
    with pytest.raises(DadeumError, match="nothing to tell apart"):
        train(one, None, tiny(), short(objective="classify"), 0, tmp_path / "model")
    with pytest.raises(DadeumError, match="중립"):
        train(LABELLED, None, tiny(), short(objective="classify", classify=Classify(labels=("긍정", "부정", "중립"))), 0, tmp_path / "model")
    ledger = supervise(LABELLED, load_tokenizer(tiny()), short(objective="classify", classify=Classify(labels=("긍정", "중립")))).ledger
    assert set(ledger["reason"].to_list()) == {None, "label_outside"}


def test_documents_are_learned_and_every_token_counts(tmp_path):
    settings = short(objective="pretrain")
    made = train(PAGES, HELD_PAGES, tiny(), settings, 0, tmp_path / "model")
    before, after = (losses(f, HELD_PAGES, settings) for f in (tiny(), made.folder))
    assert after["nll"].sum() < 0.75 * before["nll"].sum()
    tokenizer = load_tokenizer(tiny())
    assert before["tokens"].to_list() == [len(tokenizer(text)["input_ids"]) for text in HELD_PAGES["text"]], "all but the first, and the end"


def test_a_middle_is_filled_in(tmp_path):
    """Trained on documents with their middle last, the model expects the right middle more than before, and more than a wrong one."""
    from transformers import AutoModelForCausalLM

    settings = short(objective="infill", epochs=4.0, infill=Infill(rate=1.0, spm=0.5))
    start = base(settings, [*texts(reviews(300, 1)), *PAGES["text"]], folder())
    made = train(PAGES, HELD_PAGES, start, settings, 0, tmp_path / "model")
    tokenizer = load_tokenizer(made.folder)
    taught = supervise(HELD_PAGES, tokenizer, settings)
    middle = tokenizer.convert_tokens_to_ids("<|fim_middle|>")
    gained = []
    models = [AutoModelForCausalLM.from_pretrained(f) for f in (start, made.folder)]
    for example in taught.examples:
        at = int(np.flatnonzero(example.ids == middle)[0])
        gained.append([float(alone(m, example.ids)[at:].mean()) for m in models])
    assert np.mean(gained, axis=0)[1] > np.mean(gained, axis=0)[0] + 0.5


@pytest.mark.parametrize("objective", ["dpo", "reward", "classify", "pretrain"])
@pytest.mark.parametrize("packing", [True, False])
def test_what_reaches_the_model_is_the_ledger(tmp_path, objective, packing):
    from dadeum.format.supervise import digest

    rows = {"dpo": PAIRS, "reward": PAIRS, "classify": LABELLED, "pretrain": PAGES}[objective][:40]
    trainer, taught, steps = trainer_of(short(objective=objective, packing=packing), rows, tmp_path)
    seen = [one for micro in steps.micros for one in unlay(trainer.collate(taught.examples, micro), taught.examples, micro)]
    assert len(seen) == 2 * len(taught.examples) and all(digest(ids, labels) == example.digest for example, ids, labels in seen)


def test_accumulated_passes_are_one_large_one(tmp_path):
    """The gradient of an optimiser step is that of all its pairs, however many forward passes it takes."""
    import torch

    trainer, taught, steps = trainer_of(short(objective="dpo", micro_tokens=150, batch_tokens=600), PAIRS[:30], tmp_path)
    rows = [row for micro in steps.micros for row in micro][:4]
    model = trainer.model.train()
    gradients = []
    for parts in ([rows], [[row] for row in rows]):
        batches = [trainer.collate(taught.examples, micro) for micro in parts]
        n = trainer._get_num_items_in_batch(batches, torch.device("cpu"))
        model.zero_grad()
        for batch in batches:
            trainer.compute_loss(model, batch, num_items_in_batch=n).backward()
        gradients.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]))
    assert torch.allclose(*gradients, rtol=1e-3, atol=1e-6)


RESUMED = {
    "dpo": (replace(short(objective="dpo", epochs=1.0, evaluations=4)), PAIRS),
    "reward": (short(objective="reward", epochs=1.0, evaluations=4, method="lora"), PAIRS),
    "classify": (short(objective="classify", epochs=2.0, evaluations=4), LABELLED),
    "prompt": (short(method="prompt", epochs=0.5, evaluations=4), reviews(200, 1)),
}


@pytest.mark.parametrize("name", [pytest.param(n, marks=[] if n in ("dpo", "classify") else pytest.mark.night) for n in sorted(RESUMED)])
def test_a_training_cut_short_goes_on_to_the_same_weights(tmp_path, name):
    from safetensors.numpy import load_file

    settings, rows = RESUMED[name]
    held = rows[:20]
    straight = train(rows, held, tiny(), settings, 3, tmp_path / "straight")

    class Cut(Exception):
        pass

    def progress(told):
        if told.get("step") == straight.steps * 5 // 8:
            raise Cut

    with pytest.raises(Cut):
        train(rows, held, tiny(), settings, 3, tmp_path / "cut", progress)
    resumed = train(rows, held, tiny(), settings, 3, tmp_path / "cut")
    assert resumed.resumed and not straight.resumed and resumed.measures == straight.measures
    files = [next(p for p in sorted(Path(m.folder).glob("*.safetensors"))) for m in (straight, resumed)]
    a, b = map(load_file, files)
    assert a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)
