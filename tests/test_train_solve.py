"""What fits on a device: the solver against the arithmetic it stands on, and properties that no device and no model may break."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("torch", reason="needs dadeum[train]")

from transformers import LlamaConfig

from dadeum.settings import Train
from dadeum.train import devices, forecast, memory, solve

LLAMA_2_7B = memory.sizes(
    LlamaConfig(vocab_size=32000, hidden_size=4096, intermediate_size=11008, num_hidden_layers=32, num_attention_heads=32, max_position_embeddings=4096)
)
SETTINGS = Train(batch_tokens=32_768, micro_tokens=2048)
BF16 = [device for device in devices.DEVICES if device.bf16]
ORDER = [(method, checkpointing) for method in ("full", "lora", "qlora") for checkpointing in (False, True)]


@st.composite
def models(draw: st.DrawFn) -> memory.Sizes:
    hidden, layers, heads = 64 * draw(st.integers(1, 128)), draw(st.integers(1, 80)), draw(st.sampled_from([1, 8, 32]))
    intermediate, vocabulary = hidden * draw(st.integers(2, 4)), draw(st.sampled_from([400, 32_000, 151_936]))
    linear = layers * (4 * hidden * hidden + 3 * hidden * intermediate)
    adapted = layers * (8 * hidden + 3 * (hidden + intermediate))
    return memory.Sizes(layers, hidden, intermediate, heads, heads, vocabulary, linear + vocabulary * hidden, linear, adapted, draw(st.sampled_from([0, 512, 131_072])))


KINDS = [(method, numbers) for method in ("full", "lora", "qlora", "prompt") for numbers in ("auto", "float32", "mixed", "bfloat16")]
settings_ = st.builds(
    lambda kind, **more: Train(method=kind[0], number_format=kind[1], **more),
    kind=st.sampled_from([kind for kind in KINDS if kind[1] != "bfloat16" or kind[0] == "full"]),
    objective=st.sampled_from(["sft", "dpo"]),
    checkpointing=st.booleans(),
    batch_tokens=st.integers(1, 100_000),
)
loads = st.builds(memory.Load, rows=st.integers(1, 16), length=st.integers(1, 600).map(lambda n: 8 * n), supervised=st.floats(0, 1), packed=st.booleans())


def peak(size: memory.Sizes, settings: Train, way: solve.Way, load: memory.Load, **changed: Any) -> int:
    packed = load.packed and way.how.method != "prompt"
    return memory.need(size, way.how, replace(load, loss=memory.loss_of(settings.objective), packed=packed, **changed)).peak


@given(models(), settings_, loads, st.sampled_from(devices.DEVICES))
def test_what_fits_is_below_the_limit_and_the_next_larger_is_not(size: memory.Sizes, settings: Train, load: memory.Load, device: devices.Device) -> None:
    found = solve.solve(size, settings, device, load)
    asked = max(1, settings.batch_tokens // load.length)
    for way in found.ways:
        alone = asked == 1
        if way.rows:
            assert way.need.peak <= found.room and way.rows <= asked
            assert way.need.peak == peak(size, settings, way, load, rows=way.rows, accumulate=way.rows < asked)
        if way.rows < asked:
            assert peak(size, settings, way, load, rows=way.rows + 1, accumulate=not alone and way.rows + 1 < asked) > found.room
        if way.longest:
            assert peak(size, settings, way, load, rows=1, length=way.longest) <= found.room
        if way.longest + 8 <= max(load.length, size.context or solve.MOST):
            assert peak(size, settings, way, load, rows=1, length=way.longest + 8) > found.room
    if found.choice:
        assert found.choice.fits and found.choice in found.ways
    else:
        assert found.otherwise and not any(way.fits and way.how.number_format != "bfloat16" for way in found.ways if settings.number_format != "bfloat16")


@given(models(), settings_, loads)
def test_a_larger_device_never_solves_for_less(size: memory.Sizes, settings: Train, load: memory.Load) -> None:
    before: solve.Solved | None = None
    for device in BF16:
        found = solve.solve(size, settings, device, load)
        if before:
            assert all(a.rows <= b.rows and a.longest <= b.longest for a, b in zip(before.ways, found.ways))
            if before.choice:
                assert found.choice and found.ways.index(found.choice) <= before.ways.index(before.choice)
        before = found


@given(models(), settings_, loads, st.sampled_from(devices.DEVICES))
def test_what_it_says_to_set_is_what_then_fits_as_it_stands(size: memory.Sizes, settings: Train, load: memory.Load, device: devices.Device) -> None:
    found = solve.solve(size, settings, device, load)
    if not found.choice:
        return
    own: dict[str, Any] = {name: value for name, value in found.keys.items() if name != "micro_tokens"}
    rows = found.keys.get("micro_tokens", load.rows * load.length)
    again = solve.solve(size, replace(settings, **own), device, replace(load, rows=int(str(rows)) // load.length))
    assert again.choice == found.choice and not again.keys and again.why in ("as the recipe says", found.why)


def chosen(device: str, settings: Train = SETTINGS, rows: int = 1, length: int = 2048) -> solve.Solved:
    return solve.solve(LLAMA_2_7B, settings, devices.device(device), memory.Load(rows, length))


def test_seven_billion_parameters_on_known_cards() -> None:
    """Full training of 7B takes 120 GB (LLaMA-Factory's README): one H200 and nothing smaller. QLoRA fits 16 GB, LoRA 24 GB (litgpt's tables)."""
    assert [(name, s.choice.how.method if s.choice else None, s.choice.how.checkpointing if s.choice else None)
            for name in ("rtx-3080", "rtx-4080", "rtx-4090", "a100-80", "h200") for s in [chosen(name)]] == [
        ("rtx-3080", "qlora", True), ("rtx-4080", "qlora", True), ("rtx-4090", "lora", True), ("a100-80", "lora", False), ("h200", "full", True),
    ]  # fmt: skip
    small = chosen("rtx-4090")
    assert small.keys == {"method": "lora", "checkpointing": True} and small.otherwise == ("h200 (141 GB) for full",)
    assert chosen("h200").why.startswith("without checkpointing") and not chosen("h200").otherwise


def test_when_nothing_fits_it_says_what_would() -> None:
    """On 8 GB no row of 16,384 tokens fits by any method."""
    none = chosen("rtx-3070", length=16_384)
    assert none.choice is None and none.why == "not even one row of 16,384 tokens fits"
    assert none.otherwise[0].startswith("qlora with rows of at most ") and none.otherwise[1] == "rtx-4080 (16 GB)"
    huge = memory.sizes(LlamaConfig(vocab_size=128_000, hidden_size=16_384, intermediate_size=53_248, num_hidden_layers=126, num_attention_heads=128))
    assert solve.solve(huge, SETTINGS, devices.device("h200"), memory.Load(1, 512)).otherwise == ("a smaller base: no device of the table holds this one",)


def test_a_device_without_bf16_is_solved_for_in_32_bits() -> None:
    assert {way.how.number_format for way in chosen("t4").ways} == {"float32"}
    assert {way.how.number_format for way in chosen("rtx-4090").ways if way.how.method == "full"} == {"mixed", "bfloat16"}


def test_all_in_bf16_is_shown_and_not_recommended_unless_it_is_asked_for() -> None:
    shown = chosen("a100-80")
    assert any(way.fits and way.how.number_format == "bfloat16" for way in shown.ways) and shown.choice and shown.choice.how.method == "lora"
    asked = chosen("a100-80", replace(SETTINGS, number_format="bfloat16"))
    assert asked.choice and (asked.choice.how.method, asked.choice.how.number_format) == ("full", "bfloat16")


def test_the_terminal_marks_the_way_to_take_and_says_what_to_set() -> None:
    told = forecast._device(LLAMA_2_7B, SETTINGS, devices.device("rtx-4090"), memory.Load(1, 2048), 10**7)
    lines = forecast._target(told, 2048)
    [taken] = [line for line in lines if line.startswith("  ->")]
    assert taken.split()[1:4] == ["LoRA", "mixed", "yes"] and "  set train.method=lora train.checkpointing=true" in lines
    assert lines[-1] == "  or take h200 (141 GB) for full" and sum("no row fits" in line for line in lines) >= 4
