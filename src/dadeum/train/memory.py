"""Memory arithmetic: what a training takes on a device that is not here, the least time, and the money by the user's price.

Bytes per trained parameter with AdamW: 32-bit weights 4, gradient 4, states 8 = 16 (under bf16 autocast too, which adds a 2-byte copy of
every linear layer while a batch is on its way: the 18 of the Hugging Face documentation); all in bf16 2 + 2 + 4 = 8, at the price of the
updates that rounding loses. A frozen base: 2 in bf16. NF4 (QLoRA, Dettmers et al., 2023, arXiv 2305.14314): 4 bits and a 32-bit scale per
block of 64 = 4.5; with double quantisation an 8-bit scale and a 32-bit one per 256 of them = 4.127 bits, on linear layers alone.

Saved activations in bytes per token, layer and hidden unit (`SAVED`): fitted to what autograd saves in transformers' Llama with sdpa
attention (residual below 0.001 at head dimension 64). Other families differ: dry.py walks the real model instead. Packed rows without flash
attention hold a mask of rows x length x length in every layer, 2 bytes each in bf16 and 4 in 32 bits: measured, and the only thing here
that grows with the square of the length.

The loss. `tiles`: TRL's, which the loop runs on a GPU: one tile of 4,096 tokens x 32,768 entries whatever the vocabulary, the slice of the
output layer that meets it, and a 32-bit gradient of the hidden states. `labels`: the vocabulary where a label is (dpo): a 32-bit copy,
its log-softmax and its gradient, 12 bytes for each. `whole`: the same of every token, which is Hugging Face's own loss and that of the
published tables. `head`: nothing to speak of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from dadeum.settings import HEADS, Method, Objective, Train
from dadeum.train.devices import Device

Format = Literal["float32", "mixed", "bfloat16"]
"""Numbers. float32: everything in 32 bits. mixed: bf16 arithmetic on 32-bit weights, a frozen base in bf16. bfloat16: trained weights too."""
Loss = Literal["tiles", "labels", "whole", "head"]
NF4_BITS: Final = 4 + 32 / 64
NF4_DOUBLE_BITS: Final = 4 + 8 / 64 + 32 / (64 * 256)
LOGITS: Final = 12
TILE: Final = (4096, 32_768)
"""Tokens x entries of a tile of TRL's loss (trl.kernels)."""
SAVED: Final[dict[tuple[str, Format], tuple[float, int, int]]] = {
    ("full", "float32"): (32.1, 16, 8), ("full", "mixed"): (30.1, 8, 4), ("full", "bfloat16"): (20.1, 8, 4),
    ("lora", "float32"): (25.0, 16, 8), ("lora", "mixed"): (24.5, 8, 4),
    ("dropout", "float32"): (65.0, 20, 8), ("dropout", "mixed"): (48.5, 12, 4),
    ("prompt", "float32"): (16.1, 12, 8), ("prompt", "mixed"): (12.1, 6, 4),
}  # fmt: skip
"""(a, b, c) of a + b f + c k, with f = intermediate / hidden and k = key-value heads / heads; lora: adapters on all linear layers."""


@dataclass(frozen=True)
class Sizes:
    """Of a model. `linear`: parameters in linear layers without the head, what NF4 takes; `adapted`: in + out of each, summed; `context`: the
    longest sequence that it was made for, 0 where it does not say."""

    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    vocabulary: int
    parameters: int
    linear: int
    adapted: int
    context: int = 0


@dataclass(frozen=True)
class Manner:
    """What is trained, in which numbers, and whether activations are computed anew in the backward pass instead of kept."""

    method: Method
    number_format: Format = "mixed"
    checkpointing: bool = False
    rank: int = 16
    dropout: float = 0.0
    vectors: int = 0
    """Before every sequence, of prompt tuning."""


@dataclass(frozen=True)
class Load:
    """One forward pass: `rows` x `length` tokens, padding included; `supervised`: the share of them with loss."""

    rows: int
    length: int
    supervised: float = 1.0
    packed: bool = False
    """Several examples a row, told apart by a mask."""
    accumulate: bool = True
    """Several forward passes in one step: gradients lie in memory during the next one."""
    loss: Loss = "whole"


@dataclass(frozen=True)
class Need:
    """`parts` add up to `peak` (bytes) at the moment `phase`: loss, backward or step."""

    peak: int
    phase: str
    parts: dict[str, int]


def sizes(config: Any, head: bool = False) -> Sizes:
    """Of a transformers configuration, counted on the real model without weights. head: one that reads the last token, instead of words."""
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification
    from transformers.pytorch_utils import Conv1D

    with torch.device("meta"):
        model = (AutoModelForSequenceClassification if head else AutoModelForCausalLM).from_config(config)
    text, out = config.get_text_config(), model.get_output_embeddings()
    linear = [m for m in model.modules() if isinstance(m, (torch.nn.Linear, Conv1D)) and m is not out]
    heads = text.num_attention_heads
    return Sizes(
        text.num_hidden_layers,
        text.hidden_size,
        getattr(text, "intermediate_size", None) or getattr(text, "n_inner", None) or 4 * text.hidden_size,
        heads,
        getattr(text, "num_key_value_heads", None) or heads,
        text.vocab_size,
        sum(p.numel() for p in model.parameters()),
        sum(m.weight.numel() for m in linear),
        sum(sum(m.weight.shape) for m in linear),
        getattr(text, "max_position_embeddings", None) or 0,
    )


def loss_of(objective: Objective) -> Loss:
    """Which loss the loop takes on a GPU."""
    return "head" if objective in HEADS else "labels" if objective == "dpo" else "tiles"


def manner(settings: Train, number_format: Format) -> Manner:
    """The recipe's own."""
    vectors = settings.prompt.length if settings.method == "prompt" else 0
    return Manner(settings.method, number_format, settings.checkpointing, settings.lora.r, settings.lora.dropout, vectors)


def saved(size: Sizes, how: Manner, packed: bool = False) -> float:
    """Bytes of saved activations per token, layer and hidden unit. Beside a mask, keys and values are repeated for every head."""
    kind = "lora" if how.method == "qlora" else how.method
    a, b, c = SAVED["dropout" if kind == "lora" and how.dropout else kind, how.number_format]
    return a + b * size.intermediate / size.hidden + c * (1.0 if packed else size.kv_heads / size.heads)


def trained(size: Sizes, how: Manner) -> int:
    """Parameters."""
    return {"full": size.parameters, "prompt": how.vectors * size.hidden}.get(how.method, how.rank * size.adapted)


def base_bytes(size: Sizes, how: Manner, double: bool = True) -> int:
    """Of the weights as they lie on a GPU: 32-bit where they are trained, bf16 where frozen, NF4 in the linear layers of QLoRA."""
    each = 4 if how.number_format == "float32" or (how.method == "full" and how.number_format == "mixed") else 2
    if how.method != "qlora":
        return size.parameters * each
    return round(size.linear * (NF4_DOUBLE_BITS if double else NF4_BITS) / 8) + each * (size.parameters - size.linear)


def need(size: Sizes, how: Manner, load: Load) -> Need:
    """The peak of training with AdamW."""
    tokens, n = load.rows * (load.length + how.vectors), trained(size, how)
    each = 2 if how.number_format == "bfloat16" else 4
    weights = base_bytes(size, how) + (0 if how.method == "full" else each * n)
    gradients, states = each * n, 2 * each * n
    # Autocast's bf16 copies of 32-bit linear layers, the head's too; of adapters they are small change but counted.
    copies = 0 if how.number_format != "mixed" else 2 * (size.linear + size.vocabulary * size.hidden) if how.method == "full" else 2 * n
    half = 4 if how.number_format == "float32" else 2
    mask = half * load.rows * load.length**2 if load.packed else 0
    layer = saved(size, how, load.packed) * tokens * size.hidden + mask
    stream = 4 if how.method == "full" and how.number_format == "mixed" else half
    activations = stream * tokens * size.hidden * size.layers + mask if how.checkpointing else layer * size.layers
    # NF4 is unpacked layer by layer: one layer's at a time.
    unpacked = half * size.linear // size.layers if how.method == "qlora" else 0
    held: dict[str, float] = {"weights": weights + copies + unpacked, "states": states}
    logits = _logits(size, how, load)
    moments: dict[str, dict[str, float]] = {
        "loss": held | {"gradients": gradients if load.accumulate else 0, "activations": activations, "logits": logits},
        # Where the last layer is computed anew, every layer's input is still there.
        "backward": held | {"gradients": gradients, "activations": activations + layer if how.checkpointing else layer, "logits": 0},
        "step": {"weights": weights, "states": states, "gradients": gradients, "activations": 0, "logits": 0},
    }
    phase = max(moments, key=lambda name: sum(moments[name].values()))
    parts = {part: round(moments[phase][part]) for part in ("weights", "gradients", "states", "activations", "logits")}
    return Need(sum(parts.values()), phase, parts)


def _logits(size: Sizes, how: Manner, load: Load) -> float:
    tokens = load.rows * load.length
    if load.loss in ("whole", "labels"):
        return LOGITS * size.vocabulary * tokens * (load.supervised if load.loss == "labels" else 1.0)
    if load.loss == "head":
        return 0
    half = 4 if how.number_format == "float32" else 2
    high, wide = TILE
    slice_ = half * min(wide, size.vocabulary) * size.hidden
    whole = 4 * size.vocabulary * size.hidden if how.method == "full" else 0  # the output layer's gradient of this pass, in 32 bits
    return half * min(high, tokens) * wide + slice_ + 4 * tokens * size.hidden + whole


def least_seconds(size: Sizes, how: Manner, tokens: int, device: Device) -> float:
    """No training is faster: 2 operations per parameter and token forward, 4 backward (2 where the base is frozen), 2 more forward with
    checkpointing (Kaplan et al., 2020, arXiv 2001.08361), at the device's stated rate."""
    passes = (6 if how.method == "full" else 4) + (2 if how.checkpointing else 0)
    return passes * size.parameters * tokens / device.flops


def money(seconds: float, price_per_hour: float) -> float:
    """In the currency of the user's price."""
    return seconds / 3600 * price_per_hour
