"""One training step without weights or arithmetic: the real model class, loss, backward pass and optimiser on fake tensors, every storage counted.

A fake tensor (torch's FakeTensorMode) has a shape and a type and no memory, so a model of any size is walked through in seconds. Each
storage counts from the operation that makes it until nothing holds it: what autograd saves, gradients, states, the loss's own copies
of the logits. Formulas (memory.py) are for what cannot be walked through: 4-bit bases, other devices.

The walk is the loop's own on a CPU: accumulation, fused AdamW, the vocabulary computed where a label is alone, and, once, without
gradients, over the whole batch to see that both ways agree.
"""

from __future__ import annotations

import contextlib
import weakref
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from dadeum.settings import Lora, Train
from dadeum.train.machine import attention, quiet

Format = Literal["float32", "bfloat16"]
TILE: Final = 32_768
"""Vocabulary entries in a tile of TRL's loss, whatever the vocabulary; up to 4,096 tokens high."""
PARTS: Final = ("weights", "gradients", "states", "activations", "logits")


@dataclass(frozen=True)
class Shape:
    """One forward pass. `supervised`: tokens with loss among `rows` x `length`; `packed`: several examples a row, told apart by a mask."""

    rows: int
    length: int
    supervised: int
    packed: bool = False
    accumulate: int = 1
    """Forward passes in one optimiser step: gradients stay in memory from the second on."""
    first: tuple[int, int] | None = None
    """(rows, length) of the very first pass, on which both ways to the loss are compared; null is one like the others."""


@dataclass(frozen=True)
class Walked:
    """Bytes. `parts` add up to `peak`, at the moment of the peak; `phases`: the largest of each phase of the step."""

    peak: int
    phase: str
    parts: dict[str, int]
    phases: dict[str, int]
    parameters: int
    trainable: int


def walk(
    config: Any,
    shape: Shape,
    lora: Lora | None = None,
    checkpointing: bool = False,
    number_format: Format = "float32",
    compact: bool = True,
    agree: bool = True,
) -> Walked:
    """The peak of training a causal language model of this transformers `config` on a CPU.

    lora: adapters on all linear layers, the base frozen; None trains everything.
    compact: the logits where a label is, else by TRL's loss over the whole batch. agree: the first batch's comparison of both is part of it.
    Raises MissingExtra without torch, and what transformers raises for a configuration that it has no causal model for.
    """
    from dadeum.format.tokens import need

    need("torch", "transformers", "peft")
    import torch
    from torch._subclasses.fake_tensor import FakeTensorMode

    with torch.device("meta"):
        model = bare(config, lora, checkpointing, number_format)
    with FakeTensorMode(allow_non_fake_inputs=True), _segments(shape.packed):
        _fill(model)
        return count(model, shape, compact, agree)


def bare(config: Any, lora: Lora | None, checkpointing: bool, number_format: Format) -> Any:
    """The model of a configuration, untrained, with its adapters, ready for a step; on torch's current device."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_config(config, dtype=getattr(torch, number_format), attn_implementation=attention("cpu", config))
    model.train()
    if checkpointing:
        getattr(model, "activation_checkpointing_enable", model.gradient_checkpointing_enable)()
    if lora is None:
        return model
    from peft import LoraConfig, get_peft_model

    if checkpointing:
        model.enable_input_require_grads()
    adapters = LoraConfig(r=lora.r, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules="all-linear", task_type="CAUSAL_LM")  # type: ignore[arg-type]
    with quiet():  # PEFT asks transformers by a name that is about to go, which warns
        return get_peft_model(model, adapters)


def count(model: Any, shape: Shape, compact: bool = True, agree: bool = True) -> Walked:
    """Walk two optimiser steps (the second meets the first's states) and count: with fake tensors, or with real ones."""
    import torch

    inner = model.get_base_model() if hasattr(model, "peft_config") else model
    counted = tracker(inner.config.get_text_config().vocab_size, {tuple(p.shape) for p in model.parameters()})
    for tensor in (*model.parameters(), *model.buffers()):
        counted.hold(tensor, "weights")
    trained = [p for p in model.parameters() if p.requires_grad]
    for parameter in trained:
        parameter.register_post_accumulate_grad_hook(lambda p: counted.hold(p.grad, "gradients"))
    with counted:
        optimiser = torch.optim.AdamW(trained, lr=1e-3, fused=True)
        inputs = _inputs(shape)
        if agree and compact:
            counted.enter("first batch")
            first = shape if shape.first is None else replace(shape, rows=shape.first[0], length=shape.first[1])
            first = replace(first, supervised=min(first.supervised, first.rows * first.length))
            with torch.no_grad():
                _loss(inner, _inputs(first), first, True)
                _loss(inner, _inputs(first), first, False)
        for _ in range(2):
            for _ in range(min(2, shape.accumulate)):
                counted.enter("forward")
                loss = _loss(inner, inputs, shape, compact)
                counted.enter("backward")
                loss.backward()
                del loss
            counted.enter("step")
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
    phase = max(counted.phases, key=lambda name: counted.phases[name])
    parts = {part: counted.at_peak[part] for part in PARTS}
    size = sum(p.numel() for p in model.parameters())
    return Walked(counted.peak, phase, parts, dict(counted.phases), size, sum(p.numel() for p in trained))


def like(settings: Train, lengths: list[int], supervised: float) -> Shape:
    """The largest forward pass that a training on examples of these lengths (tokens) will meet. supervised: share with loss."""
    from dadeum.train.batches import collated_length, plan

    steps = plan(lengths, settings, settings.seeds[0])
    shapes = [(len(micro), collated_length(lengths, micro)) for micro in steps.micros]
    # What is saved grows with the tokens, what a packed row's mask takes with rows x length squared.
    rows, length = max(shapes, key=lambda s: (s[0] * s[1], s[1]))
    packed = settings.packing and any(len(row) > 1 for micro in steps.micros for row in micro)
    return Shape(rows, length, max(1, round(supervised * rows * length)), packed, min(steps.accumulate, len(steps.micros)), shapes[0])


@contextlib.contextmanager
def _segments(packed: bool) -> Iterator[None]:
    """Whether rows hold several examples: transformers asks the positions, which fake tensors don't know, and would always make the
    mask of rows x length x length (up to 10 % of the peak of a small model)."""
    from transformers import masking_utils

    found = masking_utils.find_packed_sequence_indices
    if not packed:
        masking_utils.find_packed_sequence_indices = lambda position_ids: None  # type: ignore[assignment]
    try:
        yield
    finally:
        masking_utils.find_packed_sequence_indices = found


def _inputs(shape: Shape) -> dict[str, Any]:
    import torch

    size = (shape.rows, shape.length)
    inputs: dict[str, Any] = {"input_ids": torch.zeros(size, dtype=torch.long)}
    if shape.packed:
        half = torch.arange(shape.length) % max(2, shape.length // 2)
        inputs["position_ids"] = half.expand(size).contiguous()
    return inputs


def _loss(inner: Any, inputs: dict[str, Any], shape: Shape, compact: bool) -> Any:
    import torch

    hidden = inner.base_model(**inputs, use_cache=False)[0]
    head = inner.get_output_embeddings()
    if compact:
        picked = hidden.reshape(-1, hidden.shape[-1])[torch.arange(shape.supervised)]
        return torch.nn.functional.cross_entropy(head(picked).float(), torch.zeros(shape.supervised, dtype=torch.long), reduction="sum")
    from trl.kernels import ChunkedLogProbFunction

    # TRL's loss: tiles of 4,096 tokens x 32,768 entries whatever the vocabulary, the largest thing a tiny model's first batch meets.
    labels = torch.zeros(shape.rows * (shape.length - 1), dtype=torch.long)
    wanted = ("entropy", "is_top1")
    told = ChunkedLogProbFunction.apply(
        hidden[:, :-1].reshape(len(labels), -1), head.weight, head.bias, labels, 1.0, TILE, None, 1.0, wanted
    )
    return -told[0].sum()


def _fill(model: Any) -> None:
    """Put fake CPU tensors in the place of meta ones; shared weights stay shared. (PEFT can't wrap, nor torch move, fake tensors.)"""
    import torch

    made: dict[int, Any] = {}
    for module in model.modules():
        for kind in (module._parameters, module._buffers):
            for name, old in kind.items():
                if old is None:
                    continue
                if id(old) not in made:
                    new = torch.empty(old.shape, dtype=old.dtype)
                    made[id(old)] = torch.nn.Parameter(new, old.requires_grad) if isinstance(old, torch.nn.Parameter) else new
                kind[name] = made[id(old)]


def tracker(vocabulary: int, parameters: set[tuple[int, ...]]) -> Any:
    """A dispatch mode that counts every storage from the operation that makes it until it dies."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_iter

    class Tracker(TorchDispatchMode):
        def __init__(self) -> None:
            super().__init__()
            self.live: dict[int, tuple[Any, int, str]] = {}
            self.now: Counter[str] = Counter()
            self.at_peak: Counter[str] = Counter()
            self.total = self.peak = 0
            self.phases: Counter[str] = Counter()
            self.phase = "start"

        def enter(self, phase: str) -> None:
            self.phase = phase
            self.seen()

        def seen(self) -> None:
            self.phases[self.phase] = max(self.phases[self.phase], self.total)
            if self.total > self.peak:
                self.peak, self.at_peak = self.total, self.now.copy()

        def hold(self, tensor: Any, part: str) -> None:
            """Count the tensor's storage as this part from now on."""
            storage = tensor.untyped_storage()
            key, size = storage._cdata, storage.nbytes()
            if key in self.live:
                reference, size, before = self.live[key]
                self.now[before] -= size
            else:
                reference = weakref.ref(storage, lambda _: self.free(key))
                self.total += size
            self.live[key] = (reference, size, part)
            self.now[part] += size

        def free(self, key: int) -> None:
            _, size, part = self.live.pop(key)
            self.total -= size
            self.now[part] -= size

        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            made = function(*args, **(kwargs or {}))
            for tensor in tree_iter(made):
                if isinstance(tensor, torch.Tensor) and tensor.untyped_storage()._cdata not in self.live:
                    wide = tensor.dim() > 1 and tensor.shape[-1] in (vocabulary, min(vocabulary, TILE), TILE) and tuple(tensor.shape) not in parameters
                    states = self.phase == "step"
                    self.hold(tensor, "states" if states else "logits" if wide else "activations")
            self.seen()
            return made

    return Tracker()
