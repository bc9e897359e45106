"""Memory: the walk on fake tensors against what torch's allocator says it gave out, and the arithmetic against published tables."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs dadeum[train]")

from transformers import AutoConfig, GPTNeoXConfig, LlamaConfig, Qwen3Config

import train_cases as cases
from dadeum.errors import DadeumError
from dadeum.format.supervise import supervise
from dadeum.format.tokens import load_tokenizer
from dadeum.settings import Lora, Train
from dadeum.train import devices, dry, memory
from dadeum.train.batches import plan

CONFIGS = {
    "llama": LlamaConfig(vocab_size=4000, hidden_size=128, intermediate_size=384, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2),
    "qwen3": Qwen3Config(
        vocab_size=8000, hidden_size=128, intermediate_size=384, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
        head_dim=32, tie_word_embeddings=True,
    ),
    "neox": GPTNeoXConfig(vocab_size=6000, hidden_size=192, intermediate_size=768, num_hidden_layers=3, num_attention_heads=6),
}  # fmt: skip
LLAMA_2_7B = LlamaConfig(vocab_size=32000, hidden_size=4096, intermediate_size=11008, num_hidden_layers=32, num_attention_heads=32)
LLAMA_2_13B = LlamaConfig(vocab_size=32000, hidden_size=5120, intermediate_size=13824, num_hidden_layers=40, num_attention_heads=40)


def held(model: Any) -> int:
    """Bytes of a model's weights and buffers, shared ones once."""
    storages = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in (*model.parameters(), *model.buffers())}
    return sum(storages.values())


def allocated(do: Callable[[], Any], before: int) -> int:
    """The most bytes that torch's own CPU allocator had given out, kernels' inner buffers too, while `do` ran."""
    import torch

    gc.collect()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        do()
    events = [e for e in profile.profiler.kineto_results.events() if e.name() == "[memory]"]
    now = peak = before
    for event in sorted(events, key=lambda e: e.start_ns()):
        now += event.nbytes()
        peak = max(peak, now)
    return peak


BY_DAY = {("llama", True, True), ("neox", False, False)}
"""(configuration, LoRA, checkpointing) that every run of the tests walks; the others take a minute, by night."""
WALKS = [
    pytest.param(name, lora, checkpointing, marks=[] if (name, lora is not None, checkpointing) in BY_DAY else pytest.mark.night)
    for name in CONFIGS
    for lora in (None, Lora())
    for checkpointing in (False, True)
]


@pytest.mark.parametrize(("name", "lora", "checkpointing"), WALKS)
def test_the_walk_is_within_a_twentieth_of_the_allocator(name: str, lora: Lora | None, checkpointing: bool) -> None:
    cases.one_thread()
    for packed in (False, True):
        shape = dry.Shape(4, 128, 200, packed, accumulate=2)
        walked = dry.walk(CONFIGS[name], shape, lora, checkpointing, agree=False)
        model = dry.bare(CONFIGS[name], lora, checkpointing, "float32")
        real = allocated(lambda model=model, shape=shape: dry.count(model, shape, agree=False), held(model))
        assert walked.peak == pytest.approx(real, rel=0.05)
        assert sum(walked.parts.values()) == walked.peak == max(walked.phases.values())


@pytest.mark.parametrize("method", ["full", "lora"])
@pytest.mark.parametrize("packing", [True, False])
def test_the_walk_is_within_a_twentieth_of_the_loop_itself(method: Any, packing: bool, tmp_path: Path) -> None:
    from dadeum.train.loop import make_trainer
    from dadeum.train.machine import quiet, threads

    settings = cases.short(method=method, packing=packing, batch_tokens=2048, micro_tokens=1024, epochs=1.0, evaluations=0)
    tokenizer = load_tokenizer(cases.tiny())
    taught = supervise(cases.reviews(150, 1), tokenizer, settings)
    lengths = [len(e.ids) for e in taught.examples]
    share = sum(int((e.labels != -100).sum()) for e in taught.examples) / sum(lengths)
    walked = dry.walk(AutoConfig.from_pretrained(cases.tiny()), dry.like(settings, lengths, share), settings.lora if method == "lora" else None)
    with quiet():
        trainer = make_trainer(cases.tiny(), tokenizer, taught, None, plan(lengths, settings, 0), settings, 0, tmp_path)
        with threads(trainer.size):
            real = allocated(trainer.train, held(trainer.model))
    assert walked.peak == pytest.approx(real, rel=0.05)


def test_checkpointing_saves_activations_and_lora_saves_states() -> None:
    shape = dry.Shape(4, 128, 200)
    full, thrifty = (dry.walk(CONFIGS["llama"], shape, None, c, agree=False) for c in (False, True))
    lora = dry.walk(CONFIGS["llama"], shape, Lora(), agree=False)
    assert thrifty.parts["activations"] < full.parts["activations"] / 2
    for walked in (full, lora):
        # A first and a second moment of 4 bytes each, and a 4-byte step count per tensor (fewer than 100 of them).
        assert 8 * walked.trainable <= walked.parts["states"] <= 8 * walked.trainable + 400
    assert lora.parameters - lora.trainable == full.parameters


def test_bf16_weights_take_half() -> None:
    shape = dry.Shape(2, 64, 60)
    wide, half = (dry.walk(CONFIGS["llama"], shape, number_format=f, agree=False) for f in ("float32", "bfloat16"))
    assert half.parts["weights"] == pytest.approx(wide.parts["weights"] / 2, rel=0.01)


def test_an_eight_billion_model_is_walked_without_its_memory() -> None:
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    walked = dry.walk(LLAMA_2_7B, dry.Shape(1, 512, 512), Lora(), True, "bfloat16", agree=False)
    assert walked.parameters - walked.trainable == 6_738_415_616
    assert walked.peak > 2 * 6_738_415_616 and resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1_000_000


def test_lora_parameters_as_counted_by_hand() -> None:
    """r x (in + out) over all linear layers of Llama-2-7B: 39,976,960 at r = 16 (0.593 %), 159,907,840 at r = 64 (QLoRA's)."""
    size = memory.sizes(LLAMA_2_7B)
    assert (size.parameters, 16 * size.adapted, 64 * size.adapted) == (6_738_415_616, 39_976_960, 159_907_840)


def test_double_quantisation_saves_what_was_published() -> None:
    """QLoRA paper, section 3: 0.373 bits a parameter. litgpt's table on an A100: 14.14 to 13.84 GB for 7B, 23.14 to 22.55 for 13B."""
    assert pytest.approx(0.373, abs=5e-4) == memory.NF4_BITS - memory.NF4_DOUBLE_BITS
    for config, published in ((LLAMA_2_7B, 14.14 - 13.84), (LLAMA_2_13B, 23.14 - 22.55)):
        size = memory.sizes(config)
        saved = memory.base_bytes(size, "qlora", double=False) - memory.base_bytes(size, "qlora")
        assert saved / 1e9 == pytest.approx(published, abs=0.01)


def test_bases_as_published() -> None:
    """QLoRA paper, 7B: the base takes 5,048 MB there with 32-bit embeddings and head; by hand 3.34 GB in NF4 and 0.52 GB in bf16.
    LLaMA-Factory's README, 7B full AMP: 120 GB = 18 bytes a parameter (rounded down from 121)."""
    size = memory.sizes(LLAMA_2_7B)
    assert size.linear * memory.NF4_DOUBLE_BITS / 8 / 1e9 == pytest.approx(3.34, abs=0.01)
    assert memory.base_bytes(size, "qlora") / 1e9 == pytest.approx(3.34 + 0.52, abs=0.02)
    full = memory.need(size, "full", 8, accumulate=True)
    assert full.peak / size.parameters == pytest.approx(18, rel=0.03)


def test_what_fits_grows_with_the_device_and_is_just_what_fits() -> None:
    size = memory.sizes(LLAMA_2_7B)
    before: dict[tuple[str, bool], int] = {}
    for device in devices.DEVICES:
        room = device.memory * (1 - memory.RESERVE)
        for way in memory.ways(size, device, 2048):
            kind = (way.method, way.checkpointing)
            if device.memory > 24e9:
                assert way.most_tokens >= before.get(kind, 0)
            before[kind] = way.most_tokens
            if way.most_tokens:
                assert memory.need(size, way.method, way.most_tokens, way.checkpointing).peak <= room
            assert memory.need(size, way.method, way.most_tokens + 8, way.checkpointing).peak > room
            assert way.fits == (way.most_tokens >= 2048)
    on_24 = {(w.method, w.checkpointing): w.fits for w in memory.ways(size, devices.device("rtx-4090"), 2048)}
    assert on_24[("qlora", True)] and not on_24[("full", True)] and not on_24[("lora", False)]


def test_time_and_money_follow_from_what_is_given() -> None:
    size, h100 = memory.sizes(LLAMA_2_7B), devices.device("h100")
    assert memory.least_seconds(size, "full", False, 1_000_000, h100) == pytest.approx(6 * 6_738_415_616 * 1e6 / 989.4e12)
    assert memory.money(memory.seconds(7_200_000, 1000), 2.5) == pytest.approx(5.0)
    with pytest.raises(ValueError, match="above 0"):
        memory.seconds(1, 0)


def test_a_device_that_is_not_in_the_table() -> None:
    with pytest.raises(DadeumError, match="h100"):
        devices.device("h10")


def test_the_largest_pass_is_that_of_the_plan() -> None:
    shape = dry.like(Train(packing=False, micro_tokens=64, batch_tokens=128), [30, 10, 9, 8], 0.5)
    assert (shape.rows * shape.length, shape.packed) == (48, False) and shape.supervised == 24


TABLE = {
    "7B": ((4096, 11008, 32, 32, 32), (120, 16, 6)),
    "13B": ((5120, 13824, 40, 40, 40), (240, 32, 12)),
    "30B": ((6656, 17920, 60, 52, 52), (600, 64, 24)),
    "70B": ((8192, 28672, 80, 64, 8), (1200, 160, 48)),
}
"""LLaMA-Factory's README: GB for full training (AMP), LoRA on a 16-bit base, QLoRA in 4 bits, of Llama shapes (hidden, intermediate, layers,
heads, key-value heads) at 32,000 tokens of vocabulary."""


@pytest.mark.parametrize("name", TABLE)
def test_a_published_table_is_reproduced_on_paper(name: str) -> None:
    """Full within 5 %. The adapters' numbers, round ones (64 for "30B", which has 32.5 billion parameters), within 15 %."""
    (hidden, intermediate, layers, heads, kv), published = TABLE[name]
    size = memory.sizes(
        LlamaConfig(
            vocab_size=32000, hidden_size=hidden, intermediate_size=intermediate, num_hidden_layers=layers, num_attention_heads=heads, num_key_value_heads=kv
        )
    )
    told = [memory.need(size, method, 512, checkpointing=True).peak / 1e9 for method in ("full", "lora", "qlora")]
    assert told[0] == pytest.approx(published[0], rel=0.05)
    for ours, theirs in zip(told[1:], published[1:]):
        assert ours == pytest.approx(theirs, rel=0.15 if theirs > 12 else 0.25), "6 and 12 GB leave room for longer batches"


def test_a_65b_model_fits_48_gb_by_qlora_and_takes_780_in_16_bits() -> None:
    """QLoRA paper, abstract and section 1: more than 780 GB to below 48 GB (12 bytes a parameter: weights, gradients, two moments)."""
    config = LlamaConfig(vocab_size=32000, hidden_size=8192, intermediate_size=22016, num_hidden_layers=80, num_attention_heads=64)
    size = memory.sizes(config)
    assert 12 * size.parameters / 1e9 == pytest.approx(780, rel=0.01)
    assert memory.need(size, "qlora", 512, checkpointing=True).peak < 48e9


def test_a_price_makes_a_range_of_costs_and_none_makes_none() -> None:
    from dadeum.train import forecast

    priced = forecast.forecast(CONFIGS["llama"], [100] * 50, 0.3, Train(price_per_hour={"h100": 2.5}))
    costs = {d["device"]: d["cost"] for d in priced["devices"]}
    h100 = next(d for d in priced["devices"] if d["device"] == "h100")
    assert costs["h100"] == pytest.approx([h100["least_seconds"] / 3600 * 2.5, 3 * h100["least_seconds"] / 3600 * 2.5])
    assert costs["a100-80"] is None and any("by your price" in line for line in forecast.text(priced))


def test_devices_have_the_names_that_prices_may_have() -> None:
    import typing

    from dadeum.settings import DeviceName

    assert ["cpu", *(d.name for d in devices.DEVICES)] == list(typing.get_args(DeviceName))
