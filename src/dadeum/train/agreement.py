"""Probes of adapters, merging and resuming: what is adapted, what 4 bits leave of it, and whether a stopped training goes on as if it had not.

    adapters_cover     PEFT's own default adapts two matrices of seven, and names that a model has not are passed over in silence; a
                       mixture's experts are no linear layers and get nothing (tuning a twentieth of what one thinks)
    quantised_agrees   an adapter belongs to the base in 4 bits that it was trained on: merged onto the unrounded one it answers
                       otherwise (peft #2321), rounded again most of it is gone
    resume_agrees      a resume that begins optimiser, schedule or data order anew trains another model (peft #859)
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from dadeum.train.batches import Plan
from dadeum.train.probed import Probe

RESUMED: Final = 4
"""Optimiser steps of the straight training; the other stops in the middle."""
LARGE: Final = 200_000_000
"""Parameters beyond which a probe that saves the model takes longer than it is worth."""
DIVERGENCE: Final = {"cpu": 1e-4, "cuda": 2e-3}
"""Nats by which the merged model may expect something else than the trained one. 32-bit sums in another order: below 1e-6; the unrounded
base instead of what NF4 made of it: 4e-4 in a model of two layers and more in deeper ones. bf16 on a GPU is itself coarser."""


def adapters_cover(model: Any) -> Probe:
    """Share of the weights in layers (embeddings, also those of positions, and output aside) that an adapter changes."""
    if not hasattr(model, "peft_config") or any(c.peft_type != "LORA" for c in model.peft_config.values()):
        return Probe("adapters_cover", "not applicable", 0.0, "no adapters are trained")
    from torch.nn import Embedding

    inner = model.get_base_model()
    ends = [inner.get_output_embeddings(), *(m for m in inner.modules() if isinstance(m, Embedding))]
    aside = {id(p) for end in ends if end is not None for p in end.parameters()}
    adapted = {id(p) for m in model.modules() if hasattr(m, "lora_A") and len(m.lora_A) for p in m.base_layer.parameters()}
    whole, covered, bare = 0, 0, []
    for name, p in inner.named_parameters():
        head = any(part in name for part in ("modules_to_save", "score.", "classifier."))
        if "lora_" in name or id(p) in aside or head or not (p.dim() > 1 or type(p).__name__ == "Params4bit"):
            continue
        whole += p.numel()
        if id(p) in adapted:
            covered += p.numel()
        else:
            bare.append(name.replace(".base_layer", ""))
    share = covered / max(1, whole)
    if not bare:
        return Probe("adapters_cover", "pass", share, f"adapters on all {len(adapted)} matrices of the layers")
    kinds = list(dict.fromkeys(".".join(part for part in name.split(".") if not part.isdigit()) for name in bare))
    means = f"adapters change {share:.0%} of the layers' weights; none on {', '.join(kinds[:5])}"
    return Probe("adapters_cover", "fail", share, means, "", "set train.method to full, or take a base whose layers are linear")


def quantised_agrees(trained: Any, merged: Any, four_bit: bool) -> Probe:
    """Divergence (nats) of what the merged model expects from what the trained one on its base in 4 bits did. Logits of the same tokens."""
    import torch

    if not four_bit:
        return Probe("quantised_agrees", "not applicable", 0.0, "the base is not in 4 bits")
    was, now = (torch.log_softmax(logits.double(), -1) for logits in (trained, merged))
    apart = float((was.exp() * (was - now)).sum(-1).mean())
    if apart <= DIVERGENCE.get(trained.device.type, DIVERGENCE["cuda"]):
        return Probe("quantised_agrees", "pass", apart, f"merged onto the rounded base the model expects the same ({apart:.1g} nats apart)")
    return Probe("quantised_agrees", "fail", apart, f"merged, the model expects something else ({apart:.2g} nats apart)", "", "serve the adapter on the base in 4 bits, as it was trained, and report this")


def resume_agrees(make: Callable[[Path, Plan], Any], steps: Plan, size: int) -> Probe:
    """Weights after some steps straight through, and after a stop in the middle: bit for bit the same on a CPU.

    make: (folder of checkpoints, plan) to a fresh trainer that keeps a checkpoint after every step.
    """
    import torch

    if size > LARGE:
        return Probe("resume_agrees", "not applicable", 0.0, "above 200 million parameters the probe would take long")
    count = min(RESUMED, steps.steps)
    if count < 2:
        return Probe("resume_agrees", "not applicable", 0.0, "one step is all there is: nothing can stop in its middle")
    few = replace(steps, micros=steps.micros[: count * steps.accumulate], tokens=steps.tokens[:count])
    with TemporaryDirectory() as name:
        straight = make(Path(name) / "straight", few)
        straight.train()
        half = Path(name) / f"straight/checkpoint-{max(1, round(count / 2))}"
        kept = Path(name) / "resumed" / half.name
        shutil.copytree(half, kept)
        resumed = make(kept.parent, few)
        resumed.train(resume_from_checkpoint=str(kept))
        pairs = [(a, b) for a, b in zip(_trained(straight.model), _trained(resumed.model))]
        apart = max(float((a - b).abs().max()) for a, b in pairs)
        exact = all(torch.equal(a, b) for a, b in pairs)
    on_cpu = pairs[0][0].device.type == "cpu"
    if exact or (not on_cpu and apart < 1e-4):
        return Probe("resume_agrees", "pass", apart, f"{count} steps, and again with a stop in the middle, give the same weights")
    return Probe("resume_agrees", "fail", apart, "a stopped training goes on as another one", "", "don't rely on resuming with this base; report it with the base's name")


def _trained(model: Any) -> list[Any]:
    return [p.detach() for p in model.parameters() if p.requires_grad]
