"""Faults of adapters, 4-bit bases, resuming, kept ledgers and given bases, planted one by one: each has its check, which says so."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

pytest.importorskip("trl", reason="needs dadeum[train]")

import test_train_checks as cases
from check_worlds import WORLDS, world
from dadeum import recipe as recipes
from dadeum.format.supervise import supervise
from dadeum.format.template import default
from dadeum.format.tokens import load_tokenizer
from dadeum.settings import Lora, Train
from dadeum.train import agreement, checks, probe
from dadeum.train.base import load
from dadeum.train.batches import collate, plan
from dadeum.train.checks.batched import batched
from dadeum.tuning import rendered
from dadeum.tuning.rendered import renderers_agree
from test_train_memory import passes
from train_cases import one_thread, reviews, short, tiny

one_thread()


def named(found: list[probe.Probe], name: str) -> probe.Probe:
    return next(p for p in found if p.name == name)


def test_labels_lost_and_rows_lost_on_the_way_to_the_model_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    given = cases.setup()
    examples, settings = given.sample.examples, given.settings
    assert batched(examples, settings) == {"rows": 12, "unlike": 0, "missing": 0, "row": ""}

    def everything(examples: Any, micro: Any, settings: Train, pad: int) -> dict[str, Any]:
        batch = collate(examples, micro, settings, pad)
        return batch | {"labels": batch["input_ids"].clone()}

    told = batched(examples, settings, everything)
    assert told["unlike"] == 12 and told["row"]
    assert cases.fails("batches_match", replace(given, batched=told), told["row"]).number == 1

    from dadeum.train.checks import batched as module

    def short_plan(*arguments: Any) -> Any:
        made = plan(*arguments)
        return replace(made, micros=made.micros[:-1])

    monkeypatch.setattr(module, "plan", short_plan)
    assert module.batched(examples, settings)["missing"] > 0
    assert cases.fails("batches_match", given).means.endswith("in none")


@pytest.mark.parametrize("kind", sorted(WORLDS))
def test_adapters_are_on_every_layer_or_it_is_said(kind: str) -> None:
    from peft import LoraConfig, get_peft_model

    from dadeum.train.methods import METHODS

    full = METHODS["lora"].load(world(kind), "cpu", Train(method="lora", lora=Lora(variant="dora")), None)
    assert agreement.adapters_cover(full).verdict == "pass" and agreement.adapters_cover(full).number == 1
    names = ["query_key_value"] if kind == "neox" else ["q_proj", "v_proj"]
    few = agreement.adapters_cover(get_peft_model(load(world(kind), train=True), LoraConfig(target_modules=names, task_type="CAUSAL_LM")))
    assert few.verdict == "fail" and few.number < 0.5 and "mlp" in few.means
    assert agreement.adapters_cover(load(world(kind))).verdict == "not applicable"


def test_experts_that_no_adapter_reaches_are_found() -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model(
        "mixtral", vocab_size=50, hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1, num_local_experts=4
    )
    found = agreement.adapters_cover(get_peft_model(AutoModelForCausalLM.from_config(config), LoraConfig(target_modules=["q_proj", "o_proj"], task_type="CAUSAL_LM")))
    assert found.verdict == "fail" and "experts" in found.means and found.number < 0.2


def test_an_adapter_merged_onto_the_unrounded_base_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("bitsandbytes", reason="needs dadeum[qlora]")
    from peft import PeftModel

    from dadeum.train.methods import METHODS, full, lora, qlora

    settings = replace(cases.SETTINGS, method="qlora")
    kind = tiny()

    def probed() -> probe.Probe:
        return named(probe.probes(reviews(12, 3), kind, settings), "quantised_agrees")

    right = probed()
    assert right.verdict == "pass" and right.number < 1e-6

    def unrounded(model: Any, folder: Path) -> Any:
        model.save_pretrained(folder / "adapter")
        merged = PeftModel.from_pretrained(load(kind, train=True), str(folder / "adapter")).merge_and_unload()
        merged.generation_config = model.get_base_model().generation_config
        return full.write(merged, folder)

    from dadeum.train import save

    monkeypatch.setitem(METHODS, "qlora", replace(qlora.WAY, write=unrounded))
    monkeypatch.setattr(save, "_apart", lambda *a: 0.0)  # or saving itself refuses, which is what it is for
    wrong = probed()
    assert wrong.verdict == "fail" and wrong.number > 10 * right.number, wrong
    assert named(probe.probes(cases.chats(8), world("llama"), replace(settings, method="lora")), "quantised_agrees").verdict == "not applicable"
    assert lora.WAY is METHODS["lora"]


@pytest.mark.parametrize("lost", ["_load_optimizer_and_scheduler", "_load_rng_state"])
def test_a_resume_that_begins_anew_is_found(lost: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import Trainer

    settings = short(method="lora", lora=Lora(dropout=0.2), batch_tokens=256)
    assert named(probe.probes(reviews(40, 3), tiny(), settings), "resume_agrees").number == 0
    monkeypatch.setattr(Trainer, lost, lambda *arguments: None)
    assert named(probe.probes(reviews(40, 3), tiny(), settings), "resume_agrees").verdict == "fail"


def test_an_output_layer_that_a_resume_leaves_out_is_put_back_and_else_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """transformers 5.23 writes GPT-NeoX's `lm_head` as `embed_out` and does not find it again."""
    from dadeum.train import trainer

    assert named(probe.probes(cases.chats(12), world("neox"), cases.SETTINGS), "resume_agrees").number == 0
    monkeypatch.setattr(trainer, "restore", lambda *arguments: None)
    assert named(probe.probes(cases.chats(12), world("neox"), cases.SETTINGS), "resume_agrees").verdict == "fail"


def test_a_stale_ledger_is_found_and_a_changed_template_makes_another(tmp_path: Path) -> None:
    given = cases.setup()
    stale = given.ledger.with_columns(labels_digest=pl.when(pl.col("id") == "r6").then(pl.lit("0" * 16)).otherwise("labels_digest"))
    assert cases.fails("cache_fresh", replace(given, ledger=stale), "r6").number == pytest.approx(1 / 12)

    from dadeum.tuning.lessons import Lesson
    from dadeum.tuning.taught import taught

    own = tmp_path / "own.jinja"
    own.write_text(WORLDS["qwen3"][0] or "")
    lesson = Lesson(0, replace(cases.SETTINGS, template=str(own)), cases.chats(6), cases.chats(0))
    before = taught(lesson, world("qwen3"), tmp_path)[1]
    own.write_text((WORLDS["qwen3"][0] or "").replace("<|im_start|>", "<|im_start|> "))
    after = taught(lesson, world("qwen3"), tmp_path)[1]
    assert before["labels_digest"].to_list() != after["labels_digest"].to_list()


def test_a_base_whose_parts_do_not_belong_together_is_found(tmp_path: Path) -> None:
    given = cases.setup("llama")
    other = load_tokenizer(world("llama"))
    other.add_tokens([f"<extra{i}>" for i in range(400)])
    assert "embeddings" in cases.fails("base_fits", replace(given, tokenizer=other)).means
    ends = load_tokenizer(world("llama"))
    ends.eos_token = "<|start_header_id|>"
    assert "ends texts" in cases.fails("base_fits", replace(given, tokenizer=ends)).means


def test_rows_for_less_than_a_step_and_a_disk_too_small_are_found() -> None:
    few = cases.setup(settings=replace(cases.SETTINGS, batch_tokens=100_000))
    assert "batch_tokens" in cases.fails("data_enough", few, "r0").remedy
    none = cases.setup(settings=replace(cases.SETTINGS, max_length=4))
    assert cases.fails("data_enough", none).number == 0
    given = cases.setup()
    assert checks.CHECKS["disk_enough"](replace(given, free=10**9)).verdict == "pass"
    assert "--out" in cases.fails("disk_enough", replace(given, free=1000)).remedy


def asking(**prove: Any) -> Any:
    raw = {"sources": [{"path": __file__, "format": "text"}], "steps": ["mix.split"], "train": {}, "prove": {"metric": "exact", "max_new_tokens": 4, **prove}}
    return recipes.compose(raw)


def test_held_out_items_that_the_template_refuses_are_told_of_and_the_rest_is_asked() -> None:
    from dadeum.record import records
    from dadeum.tuning.rendered import askable

    turns = [{"role": "user", "content": "질문"}, {"role": "assistant", "content": "답"}]
    refused = records([{"id": f"s{i}", "messages": [{"role": "system", "content": "Be kind"}, *turns]} for i in range(3)])
    test = pl.concat([cases.chats(9, "t"), refused])
    found = askable(asking(), world("gemma"), test, cases.SETTINGS)
    assert found.verdict == "fail" and found.number == 3 / 12 and found.row == "s0" and "System role not supported" in found.means and found.remedy
    assert renderers_agree(asking(), world("gemma"), test, cases.SETTINGS).means.startswith("9 held-out items")
    for kind in sorted(WORLDS):
        assert askable(asking(), world(kind), cases.chats(4), cases.SETTINGS).verdict == "pass"
    assert askable(replace(asking(), prove=None), world("gemma"), test, cases.SETTINGS).verdict == "not applicable"


def test_a_tokenizer_with_more_tokens_than_embeddings_is_told_of_and_no_crash(tmp_path: Path) -> None:
    from dadeum.train.save import save

    shutil.copytree(world("llama"), tmp_path / "base")
    tokenizer = load_tokenizer(world("llama"))
    tokenizer.add_tokens([f"<x{i}>" for i in range(50)])
    tokenizer.save_pretrained(tmp_path / "base")
    found = probe.probes(cases.chats(12), str(tmp_path / "base"), cases.SETTINGS)
    assert [p for p in found if p.verdict == "fail"] == []
    assert save(load(tmp_path / "base"), tokenizer, [], cases.SETTINGS, tmp_path / "model") < 1e-3


def test_a_base_with_a_weight_that_is_no_number_is_found_and_its_loss_is_not_nought(tmp_path: Path) -> None:
    import torch

    from dadeum.train.generate import losses

    given = cases.setup("llama")
    with torch.no_grad():
        given.model.model.layers[1].mlp.up_proj.weight[0, 0] = float("nan")
    found = cases.fails("base_finite", given)
    assert found.number == 1 and "model.layers.1.mlp.up_proj" in found.means
    given.model.save_pretrained(tmp_path)
    given.tokenizer.save_pretrained(tmp_path)
    assert losses(tmp_path, cases.chats(3), cases.SETTINGS)["nll"].to_list() == [None] * 3


def test_a_base_whose_file_breaks_off_is_a_mistake_in_the_recipe(tmp_path: Path) -> None:
    from dadeum.errors import RecipeError

    shutil.copytree(world("llama"), tmp_path / "base")
    weights = tmp_path / "base/model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(RecipeError, match=r"train\.base.*no model in"):
        load(tmp_path / "base")


def test_what_a_bf16_training_saves_is_read_back_as_bf16() -> None:
    settings = replace(cases.SETTINGS, number_format="bfloat16", learning_rate=2e-3)
    read = named(probe.probes(cases.chats(12), world("llama"), settings), "reload_agrees")
    assert read.verdict == "pass" and read.number == 0


SMALL: dict[str, Any] = {"vocab_size": 420, "hidden_size": 32, "num_hidden_layers": 2}
HEADED: dict[str, Any] = {**SMALL, "num_attention_heads": 2, "max_position_embeddings": 256}


def family(folder: Path, kind: str, **shape: Any) -> str:
    """A random model of another family with the tokenizer of `neox`."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    tokenizer = load_tokenizer(world("neox"))
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **shape))
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize("kind", ["bloom", "opt", "mamba"])
def test_families_that_read_their_neighbours_are_found(kind: str, tmp_path: Path) -> None:
    shape = {"bloom": {**SMALL, "n_head": 2}, "opt": {**HEADED, "ffn_dim": 64, "word_embed_proj_dim": 32}, "mamba": SMALL}[kind]
    model = load(family(tmp_path, kind, **shape), train=True)
    made = supervise(cases.chats(2), load_tokenizer(tmp_path), cases.SETTINGS)

    def collated(examples: Any, micro: Any) -> Any:
        return collate(examples, micro, cases.SETTINGS, 0)

    assert probe.leak(model, collated, made.examples, cases.SETTINGS).verdict == "fail"
    if kind != "mamba":
        alone = replace(cases.SETTINGS, packing=False)
        assert probe.leak(model, lambda e, m: collate(e, m, alone, 0), made.examples, alone).verdict == "pass"


def test_positions_are_no_layer_that_adapters_should_cover(tmp_path: Path) -> None:
    from dadeum.train.methods import METHODS

    found = agreement.adapters_cover(METHODS["lora"].load(family(tmp_path, "gpt2", vocab_size=420, n_embd=32, n_layer=2, n_head=2), "cpu", Train(method="lora"), None))
    assert found.verdict == "pass" and found.number == 1


def test_a_family_without_layers_to_adapt_is_said_before_anything_is_trained(tmp_path: Path) -> None:
    from dadeum.errors import RecipeError
    from dadeum.train.methods import METHODS

    with pytest.raises(RecipeError, match=r"(?s)train\.method.*Mamba.*full, or another base"):
        METHODS["lora"].load(family(tmp_path, "mamba", **SMALL), "cpu", Train(method="lora"), None)


@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_mixture_of_experts_is_checked_as_it_is_trained_with_its_balance_of_experts(method: str, tmp_path: Path) -> None:
    base = family(tmp_path, "mixtral", **HEADED, intermediate_size=64, num_key_value_heads=1, num_local_experts=4)
    found = probe.probes(cases.chats(12), base, replace(cases.SETTINGS, method=method))
    assert {p.name: p.means for p in found if p.verdict == "fail"} == {}
    assert named(found, "accumulation").verdict == "pass"


def test_a_base_that_torch_cannot_walk_is_checked_all_the_same_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dadeum.run.before import check_text
    from dadeum.tuning import before

    def unknown(*_: Any) -> Any:
        raise AttributeError("'MambaConfig' object has no attribute 'num_attention_heads'")

    monkeypatch.setattr(before, "memory", unknown)
    known, why = before._memory(None, tmp_path)  # type: ignore[arg-type]
    assert known is None and "not measured" in why and "MambaConfig" in why
    told = {"supervision": {"trained": 0, "rows": 0, "tokens": 0, "supervised_tokens": 0, "left_out": {}, "roles": []}, "probes": [], "power": None, "verdict": "pass"}
    assert why in check_text({**told, "memory": known, "unmeasured": why, "ahead": []})


def test_a_base_that_knows_the_task_but_not_the_template_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from dadeum.train.loop import train

    bare, marked = tmp_path / "bare.jinja", tmp_path / "marked.jinja"
    bare.write_text(rendered.BARE)
    marked.write_text(default())
    settings = short(template=str(bare), epochs=4.0, learning_rate=5e-3, batch_tokens=128, micro_tokens=128, evaluations=0)
    base = str(train(reviews(160, 1), None, tiny(), settings, 0, tmp_path / "knows").folder)
    assert renderers_agree(asking(), base, reviews(60, 2), short()).verdict == "pass"
    found = renderers_agree(asking(), base, reviews(60, 2), short(template=str(marked)))
    assert found.verdict == "fail" and found.number > 0.1 and "template" in found.means
    for kind in sorted(WORLDS):
        assert renderers_agree(asking(), world(kind), cases.chats(20), cases.SETTINGS).verdict == "pass"
    assert renderers_agree(asking(), world("llama"), cases.chats(4), cases.SETTINGS).verdict == "not applicable"

    from dadeum.train import generate

    monkeypatch.setattr(generate, "answers", lambda base, rows, *more: [f"The answer is: {r}, I think" for r in rows["reference"]])
    wordy = renderers_agree(asking(), world("llama"), cases.chats(20), cases.SETTINGS)
    assert wordy.verdict == "fail" and wordy.number == 1 and wordy.row and "answer_after" in wordy.remedy


def test_a_family_without_torchs_attention_is_trained_by_the_plain_formula(tmp_path: Path) -> None:
    """Gemma 2 caps its attention scores; transformers refuses sdpa for it."""
    from transformers import AutoConfig, AutoModelForCausalLM

    from dadeum.train import dry

    config = AutoConfig.for_model(
        "gemma2", vocab_size=len(load_tokenizer(world("gemma"))), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, head_dim=16, max_position_embeddings=256, query_pre_attn_scalar=16,
    )  # fmt: skip
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    for path in Path(world("gemma")).glob("*token*"):
        shutil.copy(path, tmp_path)
    shutil.copy(Path(world("gemma")) / "chat_template.jinja", tmp_path)
    assert load(tmp_path).config._attn_implementation == "eager" and load(world("gemma")).config._attn_implementation == "sdpa"
    found = probe.probes(cases.chats(12), str(tmp_path), cases.SETTINGS)
    assert [p for p in found if p.verdict == "fail"] == []
    assert dry.walk(config, passes(2, 32, 10), cases.SETTINGS, agree=False).peak > 0


def test_the_batches_of_every_objective_hold_what_the_ledger_says() -> None:
    rows = reviews(20, 4).filter(pl.col("messages").list.last().struct.field("content") != pl.col("messages").shift(1).list.last().struct.field("content"))
    pairs = rows.with_columns(chosen=pl.col("messages").list.tail(1), rejected=pl.col("messages").shift(1).list.tail(1), messages=pl.col("messages").list.head(1))
    tokenizer = load_tokenizer(tiny())
    for settings, given in ((short(objective="dpo"), pairs), (short(supervise="all"), rows), (short(packing=False), rows)):
        made = supervise(given, tokenizer, settings)
        told = batched(made.examples, settings)
        assert told["rows"] == len(made.examples) > 0 and told["unlike"] == told["missing"] == 0
