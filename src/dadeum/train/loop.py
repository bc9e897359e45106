"""Supervised fine-tuning, full or LoRA, by TRL's trainer: the only file that knows TRL.

TRL owns the loop (optimiser, schedule, precision, accumulation, checkpoints); we own the ids, the labels and which examples meet in a
batch (batches.py), so nothing is tokenised, masked, cut or dropped behind us. A checkpoint counts once a last file says that it is
whole, so a run killed at any moment continues from the last whole one and ends with the same weights (bit for bit on a CPU).

Default learning rates, by what was measured here for models below 50 million parameters (full 1e-3, LoRA 5e-3) and by common practice
above (full 2e-5 to 1e-4, LoRA 2e-4: TRL's and Axolotl's documentation; "LoRA Without Regret", 2025: LoRA about ten times full).
"""

from __future__ import annotations

import json
import math
import resource
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from dadeum.errors import DadeumError
from dadeum.format.supervise import Supervision, supervise
from dadeum.format.tokens import load_tokenizer, need
from dadeum.settings import Train
from dadeum.train.base import load
from dadeum.train.batches import Plan, collate, fill, plan
from dadeum.train.checkpoints import RECORD, Trained, claim, finished, identity, last_whole, seal, trained
from dadeum.train.machine import attention, device_of, quiet, threads
from dadeum.train.save import save

Progress = Callable[[dict[str, Any]], None]


def train(
    rows: pl.DataFrame,
    validation: pl.DataFrame | None,
    base: str,
    settings: Train,
    seed: int,
    out: Path,
    progress: Progress | None = None,
) -> Trained:
    """Tune `base` on the rows and write the model to the folder `out`; a second call continues or returns what is there.

    validation: rows for the held-out loss, early stopping and the choice of the best checkpoint; may be null or empty.
    With `settings.tokens` the whole budget is trained, so that arms stay comparable, and `patience` does not stop it.
    Raises DadeumError (no row to train on, a loss that is no number, a row whose mask cannot be proven), RecipeError, MissingExtra.
    """
    need("torch", "transformers", "trl", "peft", "accelerate")
    tokenizer = load_tokenizer(base)
    taught = supervise(drawn(rows, settings, seed), tokenizer, settings)
    if not taught.examples:
        raise DadeumError(f"no row to train on: {rows.height} came in and all were left out ({taught.counts or 'none came in'})")
    held = supervise(validation, tokenizer, settings) if validation is not None and validation.height else None
    key = identity(taught, held, base, settings, seed)
    if (done := finished(out, key, taught)) is not None:
        return done
    steps = plan([len(e.ids) for e in taught.examples], settings, seed)
    if not steps.steps:
        raise DadeumError(f"train.tokens {settings.tokens} is less than the shortest row: nothing would be trained")
    checkpoints = out.with_name(f"{out.name}.checkpoints")
    with quiet():
        started, cpu = time.monotonic(), _cpu()
        trainer = make_trainer(base, tokenizer, taught, held, steps, settings, seed, checkpoints, progress)
        with threads(trainer.size):
            last = last_whole(checkpoints, key)
            claim(checkpoints, key)
            trainer.key = key
            trainer.train(resume_from_checkpoint=str(last) if last else None)
            told = {**_told(trainer, steps), "seconds": time.monotonic() - started, "cpu_seconds": _cpu() - cpu, "resumed": last is not None}
            record = {"key": key, "seed": seed, "base": base, "settings": asdict(settings), **told}
            save(trainer.model, tokenizer, taught.stops, settings, out, {RECORD: json.dumps(record, indent=1)})
    shutil.rmtree(checkpoints, ignore_errors=True)
    return trained(out, record, taught)


def drawn(rows: pl.DataFrame, settings: Train, seed: int) -> pl.DataFrame:
    """`settings.rows` of the rows, drawn by the seed, in their order; all of them for 0."""
    if not settings.rows or settings.rows >= rows.height:
        return rows
    return rows[np.sort(np.random.default_rng(seed).choice(rows.height, settings.rows, replace=False))]


def learning_rate(settings: Train, parameters: int) -> float:
    """The recipe's, or the default for the method and size."""
    if settings.learning_rate:
        return settings.learning_rate
    if settings.method == "lora":
        return 5e-3 if parameters < 50e6 else 2e-4
    return 1e-3 if parameters < 50e6 else 1e-4 if parameters < 500e6 else 2e-5


def make_trainer(
    base: str,
    tokenizer: Any,
    taught: Supervision,
    held: Supervision | None,
    steps: Plan,
    settings: Train,
    seed: int,
    checkpoints: Path,
    progress: Progress | None = None,
) -> Any:
    """TRL's trainer over our batches, ready to train: what `train` runs and what the probes look into."""
    import torch
    from datasets import Dataset
    from transformers import TrainerCallback, set_seed
    from trl import SFTConfig, SFTTrainer

    device = device_of(settings)
    model = load(base, device, train=True, frozen=settings.method == "lora")
    parameters = model.num_parameters()
    rate = learning_rate(settings, parameters)
    set_seed(seed)  # before the adapter draws its first weights
    if settings.method == "lora":
        from peft import LoraConfig, get_peft_model

        lora = settings.lora
        model = get_peft_model(
            model,
            LoraConfig(
                r=lora.r,
                lora_alpha=lora.alpha,  # type: ignore[arg-type]
                lora_dropout=lora.dropout,
                target_modules="all-linear",
                task_type="CAUSAL_LM",
            ),
        )
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    flat = attention(device) == "flash_attention_2"
    exams = _exams(held, settings, steps) if held and held.examples and settings.evaluations else []
    marks = {max(1, round(steps.steps * (i + 1) / (settings.evaluations or 8))) for i in range(settings.evaluations or 8)}

    class Clock(TrainerCallback):
        """When to evaluate and to keep a checkpoint; when to stop; what to tell."""

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step in marks:
                control.should_save, control.should_evaluate = True, bool(exams)
            if progress:
                seen = int(steps.tokens[min(state.global_step, steps.steps) - 1])
                progress({"stage": "train", "step": state.global_step, "of": steps.steps, "tokens": seen, "loss": trainer.last_loss})

        def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            losses = [line["eval_loss"] for line in state.log_history if "eval_loss" in line]
            since = len(losses) - 1 - losses.index(min(losses))
            if settings.patience and not settings.tokens and since >= settings.patience:
                control.should_training_stop = True

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            seal(checkpoints / f"checkpoint-{state.global_step}", trainer.key)

    class Loop(SFTTrainer):
        key = ""
        last_loss = math.nan
        peak_rate, size, device_name = rate, parameters, device
        compact: bool | None = None if device == "cpu" else False

        def collate(self, examples: Any, micro: Any) -> dict[str, Any]:
            return collate(examples, micro, settings, pad, flat)

        def _get_train_sampler(self, train_dataset: Any = None) -> Any:
            return torch.utils.data.SequentialSampler(train_dataset or self.train_dataset)  # type: ignore[arg-type] # the plan has drawn the order

        def create_model_card(self, *args: Any, **kwargs: Any) -> None:
            """None: the run's card says more."""

        def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None) -> Any:
            if self.compact is None:
                # Without dropout: both ways must see the same model, and a resumed run must draw what a straight one draws.
                training = model.training
                model.eval()
                with torch.no_grad():
                    n = (inputs["labels"][:, 1:] != -100).sum().clamp(min=1)
                    ours, theirs = self._supervised(model, inputs) / n, super().compute_loss(model, dict(inputs))
                self.compact = bool(torch.isclose(ours, theirs, rtol=1e-4, atol=1e-5))
                self._metrics["eval"].clear()
                model.train(training)
            if not self.compact or return_outputs:
                return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
            n = (inputs["labels"][:, 1:] != -100).sum() if num_items_in_batch is None else num_items_in_batch
            return self._supervised(model, inputs) / torch.as_tensor(n).clamp(min=1)

        def _supervised(self, model: Any, inputs: Any) -> Any:
            """The summed loss with the vocabulary computed where a label is alone, which TRL does on GPUs only: on a CPU a
            chat of 40 tokens with an answer of 3 costs half. Used only where it agrees with TRL's on the first batch."""
            inner = model.get_base_model() if hasattr(model, "peft_config") else model
            hidden = inner.base_model(input_ids=inputs["input_ids"], position_ids=inputs["position_ids"], use_cache=False)[0]
            labels = inputs["labels"][:, 1:]
            where = labels != -100
            logits = inner.get_output_embeddings()(hidden[:, :-1][where]).float()
            return torch.nn.functional.cross_entropy(logits, labels[where], reduction="sum")

        def training_step(self, *args: Any, **kwargs: Any) -> Any:
            loss = super().training_step(*args, **kwargs)
            self.last_loss = float(loss)
            if not math.isfinite(self.last_loss):
                raise DadeumError(
                    f"the loss is {self.last_loss} at step {self.state.global_step + 1} of {steps.steps} (learning rate {rate:g}): "
                    f"take a smaller train.learning_rate ({rate / 10:g}), more train.warmup, or look at the rows of the first batches"
                )
            return loss

        def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
            """Nats per supervised token over all held-out batches, which the trainer's mean of batch means is not."""
            model: Any = self.model
            model.eval()
            total, n = 0.0, 0
            with torch.no_grad(), self.compute_loss_context_manager():
                for micro in exams:
                    batch = self._prepare_inputs(self.collate(held.examples if held else [], micro))
                    total += float(self.compute_loss(model, batch, num_items_in_batch=1))
                    n += int((batch["labels"][:, 1:] != -100).sum())
            self._metrics["eval"].clear()
            metrics = {"eval_loss": total / max(n, 1)}
            self.log(dict(metrics))
            self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
            return metrics

    arguments = SFTConfig(
        output_dir=str(checkpoints),
        per_device_train_batch_size=1,
        gradient_accumulation_steps=steps.accumulate,
        max_steps=steps.steps,
        learning_rate=rate,
        lr_scheduler_type="constant_with_warmup" if settings.schedule == "constant" else settings.schedule,
        warmup_steps=int(settings.warmup * steps.steps),
        weight_decay=settings.weight_decay,
        seed=seed,
        data_seed=seed,
        bf16=device == "cuda",
        fp16=False,
        use_cpu=device == "cpu",
        gradient_checkpointing=False,
        max_length=None,
        packing=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        remove_unused_columns=False,
        dataloader_pin_memory=device == "cuda",
        report_to="none",
        disable_tqdm=True,
        logging_strategy="steps",
        logging_steps=max(1, steps.steps // 100),
        logging_nan_inf_filter=False,
        save_strategy="steps",
        save_steps=10**9,
        save_total_limit=2,
        eval_strategy="steps" if exams else "no",
        eval_steps=10**9 if exams else None,
        load_best_model_at_end=bool(exams),
        metric_for_best_model="eval_loss" if exams else None,
        greater_is_better=False if exams else None,
    )
    trainer = Loop(
        model=model,
        args=arguments,
        train_dataset=Dataset.from_dict({"micro": list(range(len(steps.micros)))}),
        eval_dataset=Dataset.from_dict({"micro": [0]}) if exams else None,
        data_collator=lambda batch: collate(taught.examples, steps.micros[batch[0]["micro"]], settings, pad, flat),
        processing_class=tokenizer,
        callbacks=[Clock()],
    )
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)
    return trainer


def _exams(held: Supervision, settings: Train, steps: Plan) -> list[list[list[int]]]:
    """The held-out batches: the first rows that make up an eighth of the training's cost per evaluation, all where they are few."""
    lengths = [len(e.ids) for e in held.examples]
    budget = max(4096, int(steps.tokens[-1]) // (4 * settings.evaluations))
    take = int(np.searchsorted(np.cumsum(lengths), budget)) + 1
    return fill(lengths, list(range(min(take, len(lengths)))), settings)


def _told(trainer: Any, steps: Plan) -> dict[str, Any]:
    state = trainer.state
    lines: dict[int, dict[str, float]] = {}
    for line in state.log_history:
        lines.setdefault(line["step"], {}).update({k: line[k] for k in ("loss", "eval_loss") if k in line})
    curve: list[dict[str, Any]] = [
        {"step": s, "tokens": int(steps.tokens[s - 1]), "loss": v.get("loss"), "eval_loss": v.get("eval_loss")}
        for s, v in sorted(lines.items())
        if v and s
    ]
    taken = [(line["eval_loss"], line["step"]) for line in curve if line["eval_loss"] is not None]
    best, at = min(taken) if taken else (None, state.global_step)
    return {
        "curve": curve,
        "tokens": int(steps.tokens[state.global_step - 1]),
        "steps": state.global_step,
        "planned_steps": steps.steps,
        "best_step": at,
        "eval_loss": best,
        "learning_rate": trainer.peak_rate,
        "parameters": trainer.size,
        "trainable": sum(p.numel() for p in trainer.model.parameters() if p.requires_grad),
        "device": trainer.device_name,
    }


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
