"""Memory arithmetic: what a training takes on a device that is not here, what fits, the least time, and the money by the user's price.

Bytes per trained parameter with AdamW: 32-bit weights 4, gradient 4, states 8 = 16 (also under bf16 autocast, which adds a 2-byte copy of
every linear layer while a batch is on its way: the 18 of the Hugging Face documentation). A frozen bf16 base: 2. NF4 (QLoRA, Dettmers et
al., 2023, arXiv 2305.14314): 4 bits and a 32-bit scale per block of 64 = 4.5; with double quantisation an 8-bit scale and a 32-bit one
per 256 of them = 4.127 bits, on linear layers alone.

Saved activations in bytes per token, layer and hidden unit, f = intermediate / hidden, k = key-value heads / heads: fitted to what
autograd saves in transformers' Llama with sdpa attention (residual below 0.001 at head dimensions 64 to 128). Other families differ:
dry.py walks the real model instead. The logits: a 32-bit copy, its log-softmax and its gradient, 12 bytes per token and vocabulary entry,
which is Hugging Face's own loss. TRL's on a GPU takes tiles of at most 4,096 x 32,768 instead (268 MB in bf16): large vocabularies are
told too high here, and a tiny one too low.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from dadeum.train.devices import Device

Method = Literal["full", "lora", "qlora"]
RESERVE: Final = 0.1
"""Share of a device left free: the driver's context, cuBLAS's workspace and fragmentation. A choice, not a measurement."""
NF4_BITS: Final = 4 + 32 / 64
NF4_DOUBLE_BITS: Final = 4 + 8 / 64 + 32 / (64 * 256)
LOGITS: Final = 12


@dataclass(frozen=True)
class Sizes:
    """Of a model. `linear`: parameters in linear layers without the head, what NF4 takes; `adapted`: in + out of each, summed."""

    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    vocabulary: int
    parameters: int
    linear: int
    adapted: int


@dataclass(frozen=True)
class Need:
    """`parts` add up to `peak` (bytes) at the moment `phase`: loss, backward or step."""

    peak: int
    phase: str
    parts: dict[str, int]


@dataclass(frozen=True)
class Way:
    """One way of training on a device: the peak with the tokens asked for in a forward pass, and the most tokens that fit (0: none)."""

    method: Method
    checkpointing: bool
    need: Need
    fits: bool
    most_tokens: int


def sizes(config: Any) -> Sizes:
    """Of a transformers configuration, counted on the real model without weights."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    text, head = config.get_text_config(), model.get_output_embeddings()
    linear = [m for m in model.modules() if isinstance(m, torch.nn.Linear) and m is not head]
    return Sizes(
        text.num_hidden_layers,
        text.hidden_size,
        text.intermediate_size,
        text.num_attention_heads,
        getattr(text, "num_key_value_heads", None) or text.num_attention_heads,
        text.vocab_size,
        sum(p.numel() for p in model.parameters()),
        sum(m.weight.numel() for m in linear),
        sum(m.in_features + m.out_features for m in linear),
    )


def saved(size: Sizes, lora: bool, dropout: float = 0.0) -> float:
    """Bytes of saved activations per token, layer and hidden unit under bf16; LoRA on all linear layers."""
    f, k = size.intermediate / size.hidden, size.kv_heads / size.heads
    if not lora:
        return 20.1 + 8 * f + 4 * k
    return 38.1 + 10 * f + 4 * k if dropout else 18.1 + 8 * f + 4 * k


def base_bytes(size: Sizes, method: Method, double: bool = True) -> int:
    """Of the weights as they lie on a GPU: 32-bit where they are trained, bf16 where frozen, NF4 in the linear layers of QLoRA."""
    if method != "qlora":
        return size.parameters * (4 if method == "full" else 2)
    return round(size.linear * (NF4_DOUBLE_BITS if double else NF4_BITS) / 8) + 2 * (size.parameters - size.linear)


def need(
    size: Sizes, method: Method, tokens: int, checkpointing: bool = False, rank: int = 16, dropout: float = 0.0, accumulate: bool = True
) -> Need:
    """The peak of training under bf16 autocast with AdamW. tokens: in one forward pass, padding included; their logits are all computed.

    accumulate: several forward passes in one step, so that gradients lie in memory during the next one.
    """
    trained = size.parameters if method == "full" else rank * size.adapted
    adapters = 0 if method == "full" else 4 * trained
    weights, gradients, states = base_bytes(size, method) + adapters, 4 * trained, 8 * trained
    # Autocast's bf16 copies of 32-bit linear layers, the head's too; of adapters they are small change but counted.
    copies = 2 * (size.linear + size.vocabulary * size.hidden) if method == "full" else 2 * trained
    layer = saved(size, method != "full", dropout) * tokens * size.hidden
    activations = 2.0 * tokens * size.hidden * size.layers if checkpointing else layer * size.layers
    # NF4 is unpacked layer by layer into bf16: one layer's at a time.
    unpacked = 2 * size.linear // size.layers if method == "qlora" else 0
    held: dict[str, float] = {"weights": weights + copies + unpacked, "states": states}
    moments: dict[str, dict[str, float]] = {
        "loss": held | {"gradients": gradients if accumulate else 0, "activations": activations, "logits": LOGITS * tokens * size.vocabulary},
        "backward": held | {"gradients": gradients, "activations": layer, "logits": 0},
        "step": {"weights": weights, "states": states, "gradients": gradients, "activations": 0, "logits": 0},
    }
    if checkpointing:
        # Where the last layer is computed anew, every layer's input is still there.
        moments["backward"]["activations"] = activations + layer
    phase = max(moments, key=lambda name: sum(moments[name].values()))
    parts = {part: round(moments[phase][part]) for part in ("weights", "gradients", "states", "activations", "logits")}
    return Need(sum(parts.values()), phase, parts)


def ways(size: Sizes, device: Device, tokens: int, rank: int = 16, dropout: float = 0.0) -> Iterator[Way]:
    """Every way of training on a device, the one that changes the training least first: full before LoRA before QLoRA, and
    checkpointing, which costs a second forward pass, before a smaller method."""
    room = round(device.memory * (1 - RESERVE))
    methods: tuple[Method, ...] = ("full", "lora", "qlora")
    for method in methods:
        for checkpointing in (False, True):
            asked = need(size, method, tokens, checkpointing, rank, dropout)
            yield Way(method, checkpointing, asked, asked.peak <= room, _most(size, method, checkpointing, rank, dropout, room))


def _most(size: Sizes, method: Method, checkpointing: bool, rank: int, dropout: float, room: int) -> int:
    """The most tokens of a forward pass, a multiple of 8, whose peak is within `room`: by halving, the peak never falls with tokens."""

    def fits(eights: int) -> bool:
        return need(size, method, 8 * eights, checkpointing, rank, dropout).peak <= room

    low, high = 0, 1 << 24
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return 8 * low


def least_seconds(size: Sizes, method: Method, checkpointing: bool, tokens: int, device: Device) -> float:
    """No training is faster: 2 operations per parameter and token forward, 4 backward (2 where the base is frozen), 2 more forward with
    checkpointing (Kaplan et al., 2020, arXiv 2001.08361), at the device's stated rate."""
    passes = (6 if method == "full" else 4) + (2 if checkpointing else 0)
    return passes * size.parameters * tokens / device.flops


def seconds(tokens: int, tokens_per_second: float) -> float:
    """At a measured or stated throughput. Raises ValueError where that is not above 0."""
    if not tokens_per_second > 0:
        raise ValueError(f"a throughput is above 0 tokens a second, not {tokens_per_second}")
    return tokens / tokens_per_second


def money(seconds: float, price_per_hour: float) -> float:
    """In the currency of the user's price."""
    return seconds / 3600 * price_per_hour
