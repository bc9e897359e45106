"""One training step without weights or arithmetic: the real model class, loss, backward pass and optimiser on fake tensors, every storage counted.

A fake tensor (torch's FakeTensorMode) has a shape and a type and no memory, so a model of any size is walked through in seconds. Each
storage counts from the operation that makes it until nothing holds it: what autograd saves, gradients, states, the loss's own copies
of the logits. The batch is real, as long and as labelled as the training's own: what looks into it (masks of packed rows, which
tokens carry loss, whose answer a token is) needs numbers, which fake tensors have none of. So the objectives' own code runs.

The walk is the loop's own on a CPU: accumulation, fused AdamW, the vocabulary computed where a label is alone, and, once, without
gradients, over the whole first batch to see that both ways agree. A base in 4 bits is walked as one that is frozen, and its linear layers
counted by formula (memory.py). Devices that are not here are memory.py's as well.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dadeum.format.supervise import IGNORED, Example
from dadeum.settings import HEADS, Train
from dadeum.train.batches import Micro, Plan, collate, packed, plan
from dadeum.train.machine import attention, quiet
from dadeum.train.memory import NF4_DOUBLE_BITS, TILE
from dadeum.train.methods import Head
from dadeum.train.methods.way import thrifty
from dadeum.train.tracked import PARTS, tracker


@dataclass(frozen=True)
class Pass:
    """One forward pass: of every example in each row, the (tokens, tokens with loss) of its sequences."""

    rows: tuple[tuple[tuple[tuple[int, int], ...], ...], ...]

    def examples(self) -> tuple[list[Example], Micro]:
        """Examples of these shapes."""
        made: list[Example] = []
        micro: Micro = []
        for row in self.rows:
            micro.append(list(range(len(made), len(made) + len(row))))
            made += [_example(str(len(made) + i), one) for i, one in enumerate(row)]
        return made, micro


@dataclass(frozen=True)
class Passes:
    """The passes of a plan that can be the largest moment of its training. `first`: the very first. `steps`: of the first optimiser step
    and of all later ones (which meet the first's states), the largest first pass and the largest later one (which meets its gradients)."""

    first: Pass
    steps: tuple[tuple[Pass, ...], ...]
    planned: int = 0
    """Optimiser steps of the whole plan."""

    @property
    def all(self) -> list[Pass]:
        return [self.first, *(one for step in self.steps for one in step)]

    def largest(self, settings: Train) -> dict[str, Any]:
        """{rows, length, supervised, packed} of the pass with the most tokens, as it is collated."""
        batches = [batch_of(one, settings) for one in self.all]
        labels = max(batches, key=lambda batch: batch["labels"].numel())["labels"]
        shared = packed(settings) and any(len(row) > 1 or len(row[0]) > 1 for one in self.all for row in one.rows)
        return {"rows": labels.shape[0], "length": labels.shape[1], "supervised": int((labels != IGNORED).sum()), "packed": shared}


def read(told: dict[str, Any]) -> Passes:
    """Out of what `dataclasses.asdict` made, and JSON."""
    return Passes(_read(told["first"]), tuple(tuple(_read(one) for one in step) for step in told["steps"]), told["planned"])


def _read(told: dict[str, Any]) -> Pass:
    return Pass(tuple(tuple(tuple((n, k) for n, k in one) for one in row) for row in told["rows"]))


@dataclass(frozen=True)
class Walked:
    """Bytes. `parts` add up to `peak`, at the moment of the peak; `phases`: the largest of each phase of the step."""

    peak: int
    phase: str
    parts: dict[str, int]
    phases: dict[str, int]
    parameters: int
    trainable: int


def passes(examples: Sequence[Example], settings: Train) -> Passes:
    """Of the plan that a training on these examples will follow."""
    drawn = plan([len(e.ids) for e in examples], settings, settings.seeds[0])
    micros, groups = drawn.micros, moments(examples, drawn, settings)
    steps = [[groups[kind] for kind in ((late, False), (late, True)) if kind in groups] for late in (False, True)]
    return Passes(_pass(examples, micros[0]), tuple(tuple(_pass(examples, micros[k]) for k in step) for step in steps if step), drawn.steps)


def moments(examples: Sequence[Example], drawn: Plan, settings: Train) -> dict[tuple[bool, bool], int]:
    """Which pass of a plan is the largest of its kind: (whether it meets the states of a step before, the gradients of a pass before)."""
    # What is saved grows with the tokens, what a packed row's mask takes with rows x length squared.
    sizes = [_size(examples, micro, settings) for micro in drawn.micros]
    found: dict[tuple[bool, bool], int] = {}
    for k in range(len(sizes)):
        kind = (k >= drawn.accumulate, k % drawn.accumulate > 0)
        if kind not in found or sizes[k] > sizes[found[kind]]:
            found[kind] = k
    return found


def batch_of(one: Pass, settings: Train) -> dict[str, Any]:
    """The tensors of a pass, as the loop collates them: real ones."""
    from torch._subclasses.fake_tensor import unset_fake_temporarily

    examples, micro = one.examples()
    with unset_fake_temporarily():
        return collate(examples, micro, settings, 0)


def walk(config: Any, given: Passes, settings: Train, compact: bool = True, agree: bool = True) -> Walked:
    """The peak of training a model of this transformers `config` on a CPU.

    compact: likelihoods take the logits where a label is, else TRL's loss over the whole batch. agree: what is compared or measured on the
    first batch before the first step is part of it. A classifier whose labels the settings do not name has two.
    Raises MissingExtra without torch, and what transformers raises for a configuration that it has no such model for.
    """
    from dadeum.format.tokens import need

    need("torch", "transformers", "peft")
    import torch
    from torch._subclasses.fake_tensor import FakeTensorMode

    with torch.device("meta"):
        model = bare(config, settings)
    with FakeTensorMode(allow_non_fake_inputs=True), _own_positions(), quiet():
        _fill(model)
        walked = count(model, given, settings, compact, agree)
    return _four_bit(model, walked) if settings.method == "qlora" else walked


def bare(config: Any, settings: Train) -> Any:
    """The model of a configuration, untrained, with what is trained of it, ready for a step; on torch's current device."""
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

    wide = torch.bfloat16 if settings.number_format == "bfloat16" or (settings.number_format == "mixed" and settings.method != "full") else torch.float32
    head, config = head_for(settings), copy.deepcopy(config)
    kind = AutoModelForSequenceClassification if head else AutoModelForCausalLM
    if head:
        config.num_labels = head.outputs
    model = kind.from_config(config, dtype=wide, attn_implementation=attention("cpu", config))
    if head:
        model.config.pad_token_id = 0
    model.train()
    with quiet():  # PEFT asks transformers by a name that is about to go, which warns
        if settings.method == "full":
            return thrifty(model, settings)
        if settings.method == "prompt":
            return _prompted(thrifty(model, settings), settings)
        from dadeum.train.methods.lora import adapted

        made = adapted(model, settings, head)
    for p in made.parameters():
        if p.requires_grad and settings.number_format != "bfloat16":
            p.data = p.data.float()
    return made


def head_for(settings: Train) -> Head | None:
    """The head that an objective trains."""
    return Head(settings.classify.labels or ("0", "1") if settings.objective == "classify" else ()) if settings.objective in HEADS else None


def count(model: Any, given: Passes, settings: Train, compact: bool = True, agree: bool = True) -> Walked:
    """Walk the optimiser steps and count: with fake tensors, or with real ones."""
    import torch

    counted = tracker(_vocabulary(model), {tuple(p.shape) for p in model.parameters()})
    for tensor in (*model.parameters(), *model.buffers()):
        counted.hold(tensor, "weights")
    trained = [p for p in model.parameters() if p.requires_grad]
    for parameter in trained:
        parameter.register_post_accumulate_grad_hook(lambda p: counted.hold(p.grad, "gradients"))
    objective = _objective(settings, given)
    with counted, torch.autocast("cpu", torch.bfloat16, enabled=settings.number_format == "mixed"):
        optimiser = torch.optim.AdamW(trained, lr=1e-3, fused=True)
        if agree:
            counted.enter("first batch")
            _before(model, objective, given.first, settings, compact)
        for step in given.steps:
            for one in step:
                examples, micro = one.examples()
                batch = batch_of(one, settings) | objective.inputs(examples, micro)
                counted.enter("forward")
                loss = _loss(model, objective, batch, compact)
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


def _before(model: Any, objective: Any, first: Pass, settings: Train, compact: bool) -> None:
    """What the loop does with the untrained model: dpo takes the reference, a likelihood is held against TRL's."""
    import torch

    from dadeum.train.objectives.dpo import Dpo, both
    from dadeum.train.objectives.likelihood import Likelihood
    from dadeum.train.objectives.words import bare as inner
    from dadeum.train.objectives.words import prompted

    batch = batch_of(first, settings)
    model.eval()
    with torch.no_grad():
        if isinstance(objective, Dpo):
            both(objective.words, inner(model) if prompted(model) else model, batch)
        elif isinstance(objective, Likelihood) and compact:
            ours = objective.loss(model, batch)[0]
            theirs = _theirs(model, batch)
            del ours, theirs
    model.train()


def _loss(model: Any, objective: Any, batch: dict[str, Any], compact: bool) -> Any:
    from dadeum.train.objectives.likelihood import Likelihood

    if isinstance(objective, Likelihood) and not compact:
        return _theirs(model, batch)
    return objective.loss(model, batch)[0] / objective.count(batch).clamp(min=1)


def _theirs(model: Any, batch: dict[str, Any]) -> Any:
    """TRL's loss: tiles of 4,096 tokens x 32,768 entries whatever the vocabulary, the largest thing a tiny model's first batch meets. It
    counts the vectors of prompt tuning as tokens."""
    import torch
    from trl.kernels import ChunkedLogProbFunction

    from dadeum.train.objectives.words import bare as inner
    from dadeum.train.objectives.words import hidden, prompted

    head, states = inner(model).get_output_embeddings(), hidden(model, batch)
    if prompted(model):
        states = torch.cat([states.new_zeros(len(states), model.active_peft_config.num_virtual_tokens, states.shape[-1]), states], dim=1)
    labels = torch.zeros(states.shape[0] * (states.shape[1] - 1), dtype=torch.long)
    told = ChunkedLogProbFunction.apply(
        states[:, :-1].reshape(len(labels), -1), head.weight, head.bias, labels, 1.0, TILE[1], None, 1.0, ("entropy", "is_top1")
    )
    return -told[0].sum()


def _objective(settings: Train, given: Passes) -> Any:
    """The objective with what it would know after its beginning."""
    from dadeum.train.objectives import OBJECTIVES
    from dadeum.train.objectives.dpo import Dpo

    examples = [e for one in given.all for e in one.examples()[0]]
    if settings.objective == "classify":
        settings = replace(settings, classify=replace(settings.classify, labels=settings.classify.labels or ("0", "1")))
        examples = [replace(examples[0], label=label) for label in settings.classify.labels]
    made = OBJECTIVES[settings.objective](settings, examples)
    if isinstance(made, Dpo):
        made.reference = {e.digest: (0.0, 0.0) for e in examples}
    return made


def _prompted(model: Any, settings: Train) -> Any:
    import torch
    from peft import PromptTuningConfig, get_peft_model

    made: Any = get_peft_model(model, PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=settings.prompt.length, prompt_tuning_init="RANDOM"))
    made.prompt_tokens["default"] = torch.arange(settings.prompt.length, device="cpu")
    return made


def _four_bit(model: Any, walked: Walked) -> Walked:
    """With the adapted layers' weights in NF4."""
    linear = sum(m.base_layer.weight.numel() * m.base_layer.weight.element_size() for m in model.modules() if hasattr(m, "lora_A"))
    layers = sum(m.base_layer.weight.numel() for m in model.modules() if hasattr(m, "lora_A"))
    less = linear - round(layers * NF4_DOUBLE_BITS / 8)
    parts = walked.parts | {"weights": walked.parts["weights"] - less}
    return replace(walked, peak=walked.peak - less, parts=parts, phases={name: n - less for name, n in walked.phases.items()})


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


@contextlib.contextmanager
def _own_positions() -> Iterator[None]:
    """Positions that a model makes itself are fake and hold one sequence a row: asked of them, transformers would always make the mask of
    rows x length x length that packed rows need."""
    from torch._subclasses.fake_tensor import FakeTensor
    from transformers import masking_utils

    found = masking_utils.find_packed_sequence_indices
    masking_utils.find_packed_sequence_indices = lambda position_ids: None if isinstance(position_ids, FakeTensor) else found(position_ids)  # type: ignore[assignment]
    try:
        yield
    finally:
        masking_utils.find_packed_sequence_indices = found


def _vocabulary(model: Any) -> int:
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    return int(inner.config.get_text_config().vocab_size)


def _example(name: str, sequences: Sequence[tuple[int, int]]) -> Example:
    ids = np.arange(sum(n for n, _ in sequences), dtype=np.int32) % 7 + 1
    labels, starts, at = np.full(len(ids), IGNORED, dtype=np.int32), [], 0
    for n, carried in sequences:
        starts.append(at)
        at += n
        labels[at - carried : at] = 1
    ids[0] = int(name) % 7 + 1
    return Example(name, int(name), ids, labels, starts=tuple(starts))


def _pass(examples: Sequence[Example], micro: Micro) -> Pass:
    return Pass(tuple(tuple(tuple((len(ids), int((labels != IGNORED).sum())) for ids, labels in examples[i].sequences) for i in row) for row in micro))


def _size(examples: Sequence[Example], micro: Micro, settings: Train) -> tuple[int, int]:
    """(tokens with padding, length) of a pass: sequences share a row, or have one each."""
    rows = [[len(examples[i].ids) for i in row] for row in micro]
    if not packed(settings):
        rows = [[len(ids)] for row in micro for i in row for ids, _ in examples[i].sequences]
    longest = -(-max(sum(row) for row in rows) // 8) * 8
    return len(rows) * longest, longest
