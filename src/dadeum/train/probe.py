"""Behavioural probes: what goes wrong in silence, measured on the real model, batches and loss before anything is trained.

Each is a small experiment with a number, in seconds on a CPU. They look at what reaches the model, not at what was configured: a mask
can be right in the rows and lost in the batch, positions can be right and switched off by another argument.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import polars as pl

from dadeum.errors import DadeumError
from dadeum.format.supervise import IGNORED, Example, Supervision, digest, supervise
from dadeum.format.tokens import bos_twice, load_tokenizer, need
from dadeum.settings import HEADS, Train
from dadeum.train.batches import Micro, Plan, packed, plan, unlay
from dadeum.train.machine import quiet, threads
from dadeum.train.objectives.words import prompted, whole
from dadeum.train.probed import Probe

Collate = Callable[[Sequence[Example], Micro], dict[str, Any]]
_LEAK: Final = 1e-4
_DRIFT: Final = 2e-2
"""Of beta times log-probabilities: sums in another order give below 1e-5 in 32 bits, and up to 1e-2 in bf16."""
_ROWS: Final = 64
_STEPS: Final = 30
_WEIGHTS: Final = 100_000
_SURVIVES: Final = 0.9
_SAVED: Final = 200_000_000


def probes(rows: pl.DataFrame, base: str, settings: Train, seed: int = 0) -> list[Probe]:
    """Every probe on `base` and a sample of the rows, with the very trainer that will run.

    Raises DadeumError when no row can be trained on, RecipeError, MissingExtra.
    """
    from dadeum.train import agreement
    from dadeum.train.loop import drawn, make_trainer

    need("torch", "transformers", "trl", "peft", "accelerate")
    tokenizer = load_tokenizer(base)
    picked = drawn(rows, Train(rows=_ROWS), seed)
    taught = supervise(picked, tokenizer, settings)
    if len(taught.examples) < 2:
        taught = supervise(rows, tokenizer, settings)
    if len(taught.examples) < 2:
        raise DadeumError(f"fewer than two rows can be trained on ({taught.counts})")
    steps = plan([len(e.ids) for e in taught.examples], Train(**{**vars(settings), "tokens": 0, "epochs": 1.0}), seed)
    twice = replace(settings, evaluations=2)  # a checkpoint in the middle and one at the end

    def fresh(checkpoints: Path, few: Plan) -> Any:
        return make_trainer(base, tokenizer, taught, None, few, twice, seed, checkpoints)

    with TemporaryDirectory() as folder, quiet():
        trainer = make_trainer(base, tokenizer, taught, None, steps, settings, seed, Path(folder))
        trainer.current_gradient_accumulation_steps = 1  # training sets it; a mixture's balance of experts is shared out by it
        with threads(trainer.size):
            return [
                leak(trainer.model, trainer.collate, taught.examples, settings),
                stops(taught, trainer.collate, steps),
                mask(trainer, taught.examples, steps),
                reference(trainer, taught.examples, steps),
                bos(taught, tokenizer),
                ledger(taught, trainer.collate, steps),
                accumulation(trainer, taught.examples, steps),
                moves(trainer, taught.examples, steps),
                enough(taught, rows.height, settings),
                survives(trainer.model, trainer.peak_rate),
                agreement.adapters_cover(trainer.model),
                agreement.resume_agrees(fresh, steps, trainer.size),
                *reloaded(trainer, tokenizer, taught, base, settings),  # last: saving merges the adapter
            ]


def leak(model: Any, collate: Collate, examples: Sequence[Example], settings: Train) -> Probe:
    """Change a row's first segment: the second's logits must not move."""
    import torch

    first, second = examples[0], examples[1]
    changed = replace(first, id="changed", ids=(first.ids + 7) % model.get_input_embeddings().num_embeddings)
    micro: Micro = [[0, 1]] if packed(settings) else [[0], [1]]
    said = []
    model = model.eval()
    for one in (first, changed):
        batch = _to(model, collate([one, second], micro))
        names = ("input_ids", "attention_mask") if prompted(model) else ("input_ids", "position_ids", "attention_mask")
        with torch.no_grad():
            logits = model(**{k: v for k, v in batch.items() if k in names}, use_cache=False).logits.float()
        if settings.objective in HEADS:
            said.append(logits[len(first.starts) :])
            continue
        places = torch.arange(batch["input_ids"].numel()).reshape(batch["input_ids"].shape)
        where = unlay({"input_ids": places, "labels": places}, [one, second], micro)[1][1]
        said.append(logits[:, -places.shape[1] :].flatten(0, 1)[torch.from_numpy(where)])
    moved = float((said[0] - said[1]).abs().max())
    allowed = _LEAK * max(1.0, float(said[0].abs().max()))
    if moved <= allowed:
        return Probe("packing_leak", "pass", moved, "segments that share a row do not read one another")
    remedy = "set train.packing to false, or take a base whose attention keeps positions"
    return Probe("packing_leak", "fail", moved, f"one row reads its neighbour {first.id}", second.id, remedy)


def stops(taught: Supervision, collate: Collate, steps: Plan) -> Probe:
    """Every supervised turn of the batches must end in a stop that carries loss."""
    turns, bad, row = 0, 0, ""
    for example, _, labels in _segments(taught.examples, collate, steps):
        for _, end in example.turns:
            turns += 1
            if int(labels[end - 1]) not in taught.stops:
                bad, row = bad + 1, row or example.id
    if not bad:
        return Probe("stop_trained", "pass", 0.0, f"all {turns} supervised turns end in a stop token with loss")
    return Probe("stop_trained", "fail", bad / turns, f"{bad} of {turns} turns never teach the model to stop", row, "mend the chat template (train.template)")


def mask(trainer: Any, examples: Sequence[Example], steps: Plan) -> Probe:
    """Tokens without loss must not pull on the model: changing their labels' tokens is invisible to the loss at their positions."""
    import torch

    if not trainer.likely:
        return Probe("mask_gradient", "not applicable", 0.0, "the loss is not that of single tokens; batches_match and ledger_matches look at the mask")
    batch = _to(trainer.model, trainer.collate(examples, steps.micros[0]))
    model = trainer.model.eval()
    logits = whole(model, batch).float().detach()
    logits.requires_grad_(True)
    loss = torch.nn.functional.cross_entropy(
        logits[:, :-1].reshape(-1, logits.shape[-1]), batch["labels"][:, 1:].reshape(-1), ignore_index=IGNORED, reduction="sum"
    )
    with torch.no_grad():
        real = float(trainer.compute_loss(model, dict(batch), num_items_in_batch=1))
    loss.backward()
    pull = logits.grad.abs().sum(-1)[:, :-1]
    carried = batch["labels"][:, 1:] != IGNORED
    wrong = float(pull[~carried].max()) if bool((~carried).any()) else 0.0
    silent = int((pull[carried] == 0).sum())
    apart = abs(float(loss) - real) / max(abs(real), 1e-9)
    if wrong == 0 and not silent and apart < 1e-2:
        return Probe("mask_gradient", "pass", apart, "loss comes from the supervised tokens and from no other")
    row = examples[steps.micros[0][0][0]].id
    return Probe("mask_gradient", "fail", max(wrong, apart), "the trainer's loss is not that of the supervised tokens", row, "report this with the base's name")


def reference(trainer: Any, examples: Sequence[Example], steps: Plan) -> Probe:
    """Before the first step a model of preferences is its own reference: every pair's margin is nought.

    Behind trained vectors it is not: they change the answers from the start, and the reference is the base without them.
    """
    import torch

    if trainer.objective.settings.objective != "dpo" or prompted(trainer.model):
        return Probe("reference_agrees", "not applicable", 0.0, "nothing is compared with the untrained model here")
    model = trainer.model.eval()
    with torch.no_grad():
        margins = [float(trainer.objective.loss(model, _to(model, trainer.collate(examples, micro)))[1]["margin"].abs().max()) for micro in steps.micros[:8]]
    apart = max(margins)
    if apart <= _DRIFT:
        return Probe("reference_agrees", "pass", apart, "before the first step no pair is preferred: the reference is the model itself")
    means = f"before the first step pairs differ from their reference by up to {apart:.2g}: the reference is another model or read another way"
    row = examples[steps.micros[margins.index(apart)][0][0]].id
    return Probe("reference_agrees", "fail", apart, means, row, "report this with the base's name, or train by another objective")


def bos(taught: Supervision, tokenizer: Any) -> Probe:
    """No text may begin with two beginning-of-text tokens."""
    twice = [e.id for e in taught.examples if bos_twice(tokenizer, e.ids.tolist())]
    if not twice:
        return Probe("double_bos", "pass", 0.0, "no text begins with two beginning-of-text tokens")
    means = f"{len(twice)} of {len(taught.examples)} texts begin with two beginning-of-text tokens"
    return Probe("double_bos", "fail", float(len(twice)), means, twice[0], "take one out of the chat template (train.template)")


def ledger(taught: Supervision, collate: Collate, steps: Plan) -> Probe:
    """Ids and labels taken back out of the batches must have the digests of the ledger."""
    bad, n, row = 0, 0, ""
    for example, ids, labels in _segments(taught.examples, collate, steps):
        n += 1
        if digest(ids, labels) != example.digest:
            bad, row = bad + 1, row or example.id
    if not bad:
        return Probe("ledger_matches", "pass", 0.0, f"{n} rows reach the model with the ids and labels of the ledger")
    return Probe("ledger_matches", "fail", bad / n, f"{bad} of {n} rows reach the model with other ids or labels than the ledger says", row, "set train.packing to false, and report this")


def accumulation(trainer: Any, examples: Sequence[Example], steps: Plan) -> Probe:
    """Two forward passes must add up to the gradient of one."""
    rows = [row for micro in steps.micros for row in micro][:2]
    if len(rows) < 2:
        return Probe("accumulation", "warn", 0.0, "too few rows to see: one row is all there is", examples[0].id, "bring more rows")
    model = trainer.model.eval()
    whole = _to(model, trainer.collate(examples, rows))
    n = int((whole["labels"][:, 1:] != IGNORED).sum())
    one = _gradient(trainer, [whole], n)
    two = _gradient(trainer, [_to(model, trainer.collate(examples, [row])) for row in rows], n)
    apart = float(np.linalg.norm(one - two)) / max(float(np.linalg.norm(one)), 1e-12)
    if apart < 2e-2:
        return Probe("accumulation", "pass", apart, "accumulated passes give the gradient of one large pass")
    row = examples[rows[0][0]].id
    return Probe("accumulation", "fail", apart, "two passes do not add up to the gradient of one", row, "set train.micro_tokens to train.batch_tokens")


def moves(trainer: Any, examples: Sequence[Example], steps: Plan) -> Probe:
    """After two optimiser steps every trainable tensor must have changed. The weights are put back."""
    import torch

    model = trainer.model.train()
    held = {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}
    if not held:
        return Probe("all_move", "fail", 0.0, "nothing is trainable", "", "set train.method to full, lora or prompt")
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=trainer.peak_rate)
    for k in range(2):
        batch = _to(model, trainer.collate(examples, steps.micros[k % len(steps.micros)]))
        trainer.compute_loss(model, batch).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    still = [name for name, p in model.named_parameters() if name in held and torch.equal(p.detach(), held[name])]
    with torch.no_grad():
        for name, p in model.named_parameters():
            if name in held:
                p.copy_(held[name])
    if not still:
        return Probe("all_move", "pass", 0.0, f"all {len(held)} trainable tensors move within two steps")
    return Probe("all_move", "fail", len(still) / len(held), f"never trained: {', '.join(still[:5])}", "", "raise train.learning_rate, or take train.method lora, which freezes the base knowingly")


def survives(model: Any, rate: float) -> Probe:
    """Share of 32-bit movement that 20 AdamW steps leave in the largest trainable tensor's own number format.

    Same start, same random gradients: in bf16 an update below half a unit in the last place is rounded away (at 1e-5, 85 % of it).
    """
    import torch

    weights = max((p for p in model.parameters() if p.requires_grad), key=lambda p: p.numel(), default=None)
    if weights is None:
        return Probe("updates_survive", "fail", 0.0, "nothing is trainable", "", "set train.method to full, lora or prompt")
    start = weights.detach().flatten()[:_WEIGHTS].cpu()
    if not bool(start.any()):  # the second half of an adapter begins at zero, where any update survives
        start = torch.randn(start.shape, generator=torch.Generator().manual_seed(1)).mul(0.02).to(start.dtype)
    moved = []
    for dtype in (weights.dtype, torch.float32):
        made = torch.nn.Parameter(start.to(dtype, copy=True))
        draw = torch.Generator().manual_seed(0)
        optimizer = torch.optim.AdamW([made], lr=rate, weight_decay=0.0)
        for _ in range(20):
            made.grad = torch.randn(start.shape, generator=draw).to(dtype)
            optimizer.step()
        moved.append(float((made.detach().float() - start.float()).abs().sum()))
    share = moved[0] / max(moved[1], 1e-30)
    if share > _SURVIVES:
        return Probe("updates_survive", "pass", share, f"{min(share, 1):.0%} of the updates at learning rate {rate:g} survive in {weights.dtype}")
    return Probe("updates_survive", "fail", share, f"{weights.dtype} keeps {share:.0%} of the updates at {rate:g}", "", "set train.number_format to mixed or float32, or raise train.learning_rate")


def reloaded(trainer: Any, tokenizer: Any, taught: Supervision, base: str, settings: Train) -> list[Probe]:
    """Logits of the model in memory, of what is saved and read back, and of base plus adapter: they must agree.

    The adapter's second halves begin at zero, where any loss of them would go unseen, so all of it is shaken first. Saving merges:
    the trainer is used up by it. Of a base in 4 bits the merged model is compared as what it expects (agreement.quantised_agrees).
    """
    import torch

    from dadeum.train.agreement import quantised_agrees
    from dadeum.train.base import head_of, load
    from dadeum.train.save import save

    if trainer.size > _SAVED:
        late = "measured when the model is saved: above 200 million parameters that takes long"
        return [Probe(name, "not applicable", 0.0, late) for name in ("reload_agrees", "quantised_agrees")]
    model, adapted, four_bit = trainer.model.eval(), hasattr(trainer.model, "peft_config"), settings.method == "qlora"
    asked = torch.tensor(taught.examples[0].ids[:32].astype(np.int64))[None].to(model.device)
    with torch.no_grad():
        plain = model(input_ids=asked, use_cache=False).logits.float()
        for p in model.parameters() if adapted else ():
            if p.requires_grad:
                p.add_(torch.randn(p.shape, generator=torch.Generator().manual_seed(2)).to(p) * 0.05)
        before = model(input_ids=asked, use_cache=False).logits.float()
    with TemporaryDirectory() as name:
        folder = Path(name) / "model"
        try:
            save(model, tokenizer, taught.stops, settings, folder)
        except DadeumError as error:
            return [Probe("reload_agrees", "fail", 1.0, str(error).removeprefix(f"{name}: "), "", "report this with the base's name"), quantised_agrees(before, before, False)]
        own = {"device": trainer.device_name, "half": model.dtype == torch.bfloat16, "head": head_of(model)}
        again = [load(folder, **own)]
        if (folder / "adapter").is_dir() and not four_bit:
            from peft import PeftModel

            again.append(PeftModel.from_pretrained(load(base, **own), folder / "adapter"))
        with torch.no_grad():
            said = [m.eval()(input_ids=asked, use_cache=False).logits.float() for m in again]
    apart = max(float((logits - before).abs().max()) for logits in said)
    scale = max(1.0, float(before.abs().max()))
    kept = quantised_agrees(before, said[0], four_bit)
    if adapted and torch.equal(plain, before):
        return [Probe("reload_agrees", "fail", 0.0, "the adapter does not change the answers: it hangs on nothing that is used", "", "set train.method to full, or take another base"), kept]
    if apart <= (1e-3 if again[0].dtype == torch.float32 else 0.25) * scale:
        return [Probe("reload_agrees", "pass", apart, f"saved and read back{', merged and as an adapter,' if adapted else ''} it answers the same"), kept]
    return [Probe("reload_agrees", "fail", apart, "the model that is read back answers differently", taught.examples[0].id, "report this with the base's name"), kept]


def enough(taught: Supervision, rows: int, settings: Train) -> Probe:
    """Optimiser steps in all, estimated from the sample: with few the rate has hardly risen before it falls again."""
    drawn = min(rows, settings.rows or rows) * len(taught.examples) / taught.ledger.height
    tokens = settings.tokens or settings.epochs * drawn * taught.tokens / len(taught.examples)
    count = round(tokens / settings.batch_tokens)
    if count >= _STEPS:
        return Probe("enough_steps", "pass", float(count), f"about {count} optimiser steps")
    remedy = f"set train.batch_tokens (it is {settings.batch_tokens:,}) to {max(1, round(tokens / _STEPS)):,} or less, or train more epochs"
    return Probe("enough_steps", "warn", float(count), f"about {count} optimiser steps are few", "", remedy)


def _to(model: Any, batch: dict[str, Any]) -> dict[str, Any]:
    return {name: tensor.to(model.device) for name, tensor in batch.items()}


def _segments(examples: Sequence[Example], collate: Collate, steps: Plan) -> list[tuple[Example, np.ndarray, np.ndarray]]:
    out = []
    for micro in steps.micros:
        out += unlay(collate(examples, micro), examples, micro)
    return out


def _gradient(trainer: Any, batches: list[dict[str, Any]], n: int) -> np.ndarray:
    model = trainer.model
    model.zero_grad(set_to_none=True)
    trainer.current_gradient_accumulation_steps = len(batches)
    for batch in batches:
        trainer.compute_loss(model, batch, num_items_in_batch=n).backward()
    grads = [p.grad.detach().float().flatten().cpu().numpy() for p in model.parameters() if p.grad is not None]
    model.zero_grad(set_to_none=True)
    return np.concatenate(grads)
