"""Adapters, 4-bit bases and trained vectors: they learn, move only what they say, and what is written answers as what was trained."""

from __future__ import annotations

import importlib.util
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("trl", reason="needs dadeum[train]")

from dadeum.errors import MissingExtra, RecipeError
from dadeum.format.tokens import load_tokenizer
from dadeum.settings import Lora, Prompt, Train
from dadeum.train.defaults import RATES, learning_rate
from dadeum.train.generate import answers, losses
from dadeum.train.loop import ready, train
from dadeum.train.methods import METHODS, Head, of
from train_cases import SETTINGS, labelled, one_thread, preferences, reviews, short, tiny

one_thread()
TRAIN, HELD = reviews(240, 1), reviews(40, 2)
bitsandbytes = pytest.mark.skipif(importlib.util.find_spec("bitsandbytes") is None, reason="needs dadeum[qlora]")


def nll(folder) -> float:
    told = losses(folder, HELD, SETTINGS)
    return told["nll"].sum() / told["tokens"].sum()


@pytest.mark.parametrize("variant", ["lora", "rslora", "dora"])
def test_adapters_of_every_kind_learn_and_are_merged(tmp_path, variant):
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    settings = short(method="lora", lora=Lora(r=8, alpha=16, variant=variant), epochs=1.0)
    made = train(TRAIN, HELD, tiny(), settings, 0, tmp_path / "model")
    assert nll(made.folder) < nll(tiny()) - 0.15
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny()), made.folder / "adapter")
    config = model.peft_config["default"]
    assert (config.use_rslora, config.use_dora) == (variant == "rslora", variant == "dora")
    scale = {m.scaling["default"] for m in model.modules() if isinstance(getattr(m, "scaling", None), dict)}
    assert scale == {16 / math.sqrt(8) if variant == "rslora" else 2.0}
    assert any("magnitude" in name for name, _ in model.named_parameters()) == (variant == "dora")
    ids = torch.arange(20)[None]
    with torch.no_grad():
        assert torch.allclose(model(input_ids=ids).logits, AutoModelForCausalLM.from_pretrained(made.folder)(input_ids=ids).logits, atol=1e-3)


def test_only_what_a_method_trains_is_trainable():
    found = {}
    for method in ("full", "lora", "prompt"):
        model = METHODS[method].load(tiny(), "cpu", short(method=method, prompt=Prompt(length=7)), None)
        found[method] = {name for name, p in model.named_parameters() if p.requires_grad}
        assert of(model) is METHODS[method]
    assert all("lora_" in name for name in found["lora"]) and len(found["lora"]) == 2 * 7 * 2  # two halves, seven linear layers, two blocks
    assert len(found["prompt"]) == 1 and len(found["full"]) > 15


@pytest.mark.parametrize("text", [pytest.param("", marks=pytest.mark.night), "영화 평의 감정"])
def test_vectors_before_the_input_begin_as_words_and_learn(tmp_path, text):
    settings = short(method="prompt", prompt=Prompt(length=6, text=text), epochs=2.0)
    model = METHODS["prompt"].load(tiny(), "cpu", settings, None)
    words = model.get_input_embeddings().weight.detach().numpy()
    began = model.prompt_encoder["default"].embedding.weight.detach().numpy()
    ids = [int(np.flatnonzero((words == row).all(1))[0]) for row in began]
    if text:
        told = load_tokenizer(tiny())(text)["input_ids"]
        assert ids == (told * 6)[:6]
    made = train(TRAIN, HELD, tiny(), settings, 0, tmp_path / "model")
    assert made.trainable == 6 * words.shape[1] and nll(made.folder) < nll(tiny()) - 0.08


def test_a_trained_prompt_is_a_small_plain_adapter_that_names_its_base(tmp_path):
    import torch
    from peft import AutoPeftModelForCausalLM
    from safetensors.numpy import load_file

    made = train(TRAIN, HELD, tiny(), short(method="prompt", epochs=1.0), 0, tmp_path / "model")
    weights = load_file(made.folder / "adapter_model.safetensors")
    assert not (made.folder / "model.safetensors").exists() and sum(w.size for w in weights.values()) == made.trainable
    model, tokenizer = AutoPeftModelForCausalLM.from_pretrained(made.folder), load_tokenizer(made.folder)
    said = answers(made.folder, HELD[:4], SETTINGS, 6)
    for turns, answer in zip(HELD["messages"][:4].to_list(), said):
        asked = tokenizer.apply_chat_template([{k: turns[0][k] for k in ("role", "content")}], add_generation_prompt=True, return_tensors="pt", return_dict=True)
        with torch.no_grad():
            ids = model.generate(**asked, do_sample=False, max_new_tokens=6, eos_token_id=tokenizer.eos_token_id)[0, asked["input_ids"].shape[1] :]
        assert tokenizer.decode(ids, skip_special_tokens=True) == answer


def test_the_loss_behind_trained_vectors_is_pefts_own(tmp_path):
    import torch

    from dadeum.format.supervise import supervise
    from dadeum.train.batches import plan
    from dadeum.train.loop import make_trainer

    settings = short(method="prompt")
    tokenizer = load_tokenizer(tiny())
    taught = supervise(TRAIN[:30], tokenizer, settings)
    steps = plan([len(e.ids) for e in taught.examples], settings, 0)
    trainer = make_trainer(tiny(), tokenizer, taught, None, steps, settings, 0, tmp_path)
    batch = trainer.collate(taught.examples, steps.micros[0])
    with torch.no_grad():
        wanted = float(trainer.model.eval()(input_ids=batch["input_ids"], labels=batch["labels"]).loss)
        got = float(trainer.compute_loss(trainer.model, batch))
    assert got == pytest.approx(wanted, rel=1e-4)


@bitsandbytes
def test_adapters_on_a_base_in_four_bits_learn_and_are_written_in_whole_floats(tmp_path):
    import torch
    from bitsandbytes.functional import dequantize_4bit, quantize_4bit
    from safetensors.numpy import load_file
    from transformers import AutoModelForCausalLM

    made = train(TRAIN, HELD, tiny(), short(method="qlora", epochs=1.0), 0, tmp_path / "model")
    assert nll(made.folder) < nll(tiny()) - 0.15
    before, after = (load_file(Path(f) / "model.safetensors") for f in (tiny(), made.folder))
    adapter = load_file(made.folder / "adapter/adapter_model.safetensors")
    name = "model.layers.0.self_attn.q_proj"
    packed, state = quantize_4bit(torch.tensor(before[f"{name}.weight"]), quant_type="nf4", compress_statistics=True)
    rounded = dequantize_4bit(packed, state).numpy()
    a, b = (adapter[f"base_model.model.{name}.lora_{half}.weight"] for half in "AB")
    assert np.allclose(after[f"{name}.weight"], rounded + 2.0 * b @ a, atol=1e-5)
    assert not np.allclose(rounded, before[f"{name}.weight"], atol=1e-3), "four bits round"
    assert AutoModelForCausalLM.from_pretrained(made.folder).dtype == torch.float32
    assert "quantization_config" not in (made.folder / "config.json").read_text()


@bitsandbytes
@pytest.mark.night
def test_a_head_on_a_base_in_four_bits_is_whole(tmp_path):
    made = train(labelled(200, 1), labelled(40, 2), tiny(), short(objective="classify", method="qlora", epochs=8.0), 0, tmp_path / "model")
    assert made.measures["accuracy"] > 0.8
    model = METHODS["qlora"].load(tiny(), "cpu", short(method="qlora"), Head(("a", "b")))
    assert [name for name, p in model.named_parameters() if p.requires_grad and "lora_" not in name] == ["base_model.model.score.modules_to_save.default.weight"]


@bitsandbytes
@pytest.mark.parametrize("packing", [True, pytest.param(False, marks=pytest.mark.night)])
def test_preferences_on_a_base_in_four_bits(tmp_path, packing):
    made = train(preferences(120, 1), preferences(30, 2), tiny(), short(objective="dpo", method="qlora", epochs=1.0, packing=packing), 0, tmp_path / "model")
    assert made.measures["accuracy"] > 0.9


def test_what_a_method_needs_is_said_before_anything_is_spent(monkeypatch, tmp_path):
    found = importlib.util.find_spec
    monkeypatch.setattr("dadeum.train.loop.find_spec", lambda name: None if name == "bitsandbytes" else found(name))
    with pytest.raises(MissingExtra, match=r'bitsandbytes not installed.*pip install "dadeum\[qlora\]"'):
        train(TRAIN, None, tiny(), short(method="qlora"), 0, tmp_path / "model")
    assert not list(tmp_path.iterdir())
    for method in ("full", "lora", "prompt"):
        ready(short(method=method))


def test_a_head_cannot_be_trained_by_vectors():
    with pytest.raises(RecipeError, match="a head needs weights"):
        Train(objective="classify", method="prompt")


def test_every_objective_and_method_has_a_learning_rate_within_reach_of_its_kind():
    for objective in ("sft", "pretrain", "infill", "dpo", "reward", "classify"):
        for method in METHODS:
            if method == "prompt" and objective in ("reward", "classify"):
                continue
            rates = [learning_rate(Train(objective=objective, method=method), size) for size in (10**6, 10**8, 7 * 10**9)]
            assert rates == sorted(rates, reverse=True) and all(1e-7 < r < 0.1 for r in rates)
    assert learning_rate(replace(SETTINGS, learning_rate=0.5, objective="dpo"), 1) == 0.5
    assert all(RATES[o, "lora"][2] >= RATES[o, "full"][2] for o in ("sft", "dpo", "reward", "classify"))
