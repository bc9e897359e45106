"""The training loop is TRL's (and below it transformers'): the only file that knows TRL.

TRL owns the loop (optimiser, schedule, precision, accumulation, checkpoints); we own the ids, the labels and which examples meet in a
batch (batches.py), so nothing is tokenised, masked, cut or dropped behind us. What is minimised is the objective's (objectives/), what is
trained the method's (methods/). A likelihood is held against TRL's own loss on the first batch and taken from TRL where they differ;
preferences, rewards and labels are losses over our batches, because TRL's trainers for them render, tokenise and cut pairs themselves.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from dadeum.errors import DadeumError
from dadeum.format.supervise import Example, Supervision
from dadeum.settings import Train
from dadeum.train.batches import Micro, Plan, collate, fill
from dadeum.train.checkpoints import Progress, restore, seal
from dadeum.train.defaults import learning_rate
from dadeum.train.machine import attention, device_of, threads
from dadeum.train.methods import METHODS
from dadeum.train.numbers import number_format
from dadeum.train.objectives import OBJECTIVES
from dadeum.train.objectives.likelihood import Likelihood


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
    from transformers import PrinterCallback, Trainer, TrainerCallback, set_seed
    from trl import SFTConfig, SFTTrainer

    objective = OBJECTIVES[settings.objective](settings, taught.examples)
    device = device_of(settings)
    set_seed(seed)  # before heads and adapters draw their first weights
    model = METHODS[settings.method].load(base, device, settings, objective.head)
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    if objective.head is not None:
        model.config.pad_token_id = pad  # a head finds the last token by what is no padding
    parameters = model.num_parameters()
    rate = learning_rate(settings, parameters)
    lower = min(rate / 10, learning_rate(replace(settings, learning_rate=0.0), parameters))  # what to try where a loss is no number
    flat = attention(device) == "flash_attention_2"
    asked = [e for e in held.examples if objective.usable(e)] if held and settings.evaluations else []
    exams = _exams(asked, settings, steps) if asked else []
    marks = {max(1, round(steps.steps * (i + 1) / (settings.evaluations or 8))) for i in range(settings.evaluations or 8)}

    class Clock(TrainerCallback):
        """When to evaluate and to keep a checkpoint; when to stop; what to tell."""

        def on_step_begin(self, *_: Any, **__: Any) -> None:
            trainer.last_loss = 0.0

        def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            # What the untrained model loses on the held-out rows: a training whose best is worse has done harm. Taken when the first batch
            # has shown which loss is right, and before the optimiser's states are there: it adds nothing to the peak.
            if exams and state.global_step == 0 and not _taken(state):
                trainer.evaluate()

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step in marks:
                control.should_save, control.should_evaluate = True, bool(exams)
            if progress:
                progress({"stage": "train", **_where(state, steps), "loss": trainer.last_loss})
                if state.global_step in marks and not exams:
                    progress({"stage": "mark", **_where(state, steps)})

        def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            taken = _taken(state)
            losses = [loss for step, loss in taken if step]
            if not losses:
                return
            since = len(losses) - 1 - losses.index(min(losses))
            stops = bool(settings.patience and not settings.tokens and since >= settings.patience)
            if progress:
                best = min((line for line in taken if line[0]), key=lambda line: line[1])
                told = {"eval_loss": losses[-1], "best": best[1], "best_step": best[0], "since": since, "stops": stops}
                progress({"stage": "held_out", **_where(state, steps), **told})
            control.should_training_stop = control.should_training_stop or stops

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            seal(checkpoints / f"checkpoint-{state.global_step}", trainer.key)

    loop: Any = Trainer if objective.head else SFTTrainer  # TRL's knows no head but the words'

    class Loop(loop):
        key = ""
        control: Any
        last_loss = 0.0
        """Of the step at hand: the mean over its units, as far as its passes are done."""
        peak_rate, size, device_name = rate, parameters, device
        likely = isinstance(objective, Likelihood)
        compact: bool | None = None if device == "cpu" else False

        def collate(self, examples: Any, micro: Any) -> dict[str, Any]:
            return collate(examples, micro, settings, pad, flat) | objective.inputs(examples, micro)

        def _get_train_sampler(self, train_dataset: Any = None) -> Any:
            return torch.utils.data.SequentialSampler(train_dataset or self.train_dataset)  # type: ignore[arg-type] # the plan has drawn the order

        def create_model_card(self, *args: Any, **kwargs: Any) -> None:
            """None: the run's card says more."""

        def floating_point_ops(self, inputs: Any) -> int:
            """Not counted: nobody asks, and the count walks over every parameter at every step (1 ms of 32 at 1.3 million parameters)."""
            return 0

        def _get_num_items_in_batch(self, batch_samples: list[Any], device: Any) -> Any:
            """Units of a whole optimiser step: what its loss is a mean of, however many forward passes it takes."""
            return sum(objective.count(batch) for batch in batch_samples).to(device)  # type: ignore[union-attr]

        def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None) -> Any:
            if self.likely and self.compact is None:
                # Without dropout: both ways must see the same model, and a resumed run must draw what a straight one draws.
                training = model.training
                model.eval()
                with torch.no_grad():
                    n = objective.count(inputs).clamp(min=1)
                    ours, theirs = objective.loss(model, inputs)[0] / n, super().compute_loss(model, dict(inputs))
                self.compact = bool(torch.isclose(ours, theirs, rtol=1e-4, atol=1e-5))
                self._metrics["eval"].clear()
                model.train(training)
            if self.likely and (not self.compact or return_outputs):
                return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
            n = objective.count(inputs) if num_items_in_batch is None else num_items_in_batch
            return objective.loss(model, inputs)[0] / torch.as_tensor(n).clamp(min=1)

        def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
            super()._load_from_checkpoint(resume_from_checkpoint, model)
            restore(self.model, Path(resume_from_checkpoint))

        def _load_best_model(self) -> None:
            super()._load_best_model()
            restore(self.model, Path(str(self.state.best_model_checkpoint)))

        def training_step(self, *args: Any, **kwargs: Any) -> Any:
            loss = super().training_step(*args, **kwargs)
            self.last_loss += float(loss)  # each pass gives its part of the step's mean
            if not math.isfinite(self.last_loss):
                raise DadeumError(
                    f"the loss is {float(loss)} at step {self.state.global_step + 1} of {steps.steps} (learning rate {rate:g}): "
                    f"take a smaller train.learning_rate ({lower:g}), more train.warmup, or look at the rows of the first batches"
                )
            return loss

        def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
            """The loss per unit over all held-out batches, which the trainer's mean of batch means is not, and the objective's measures."""
            model: Any = self.model
            model.eval()
            total, n, told = 0.0, 0, []
            with torch.no_grad(), self.compute_loss_context_manager():
                for micro in exams:
                    batch = self._prepare_inputs(self.collate(asked, micro))
                    n += int(objective.count(batch))
                    if self.likely:
                        total += float(self.compute_loss(model, batch, num_items_in_batch=1))
                    else:
                        loss, values = objective.loss(model, batch)
                        total += float(loss)
                        told.append(values)
            if not objective.head:
                self._metrics["eval"].clear()
            metrics = {"eval_loss": total / max(n, 1)}
            if told:
                every = {name: torch.cat([values[name] for values in told]) for name in told[0]}
                metrics |= {f"eval_{name}": value for name, value in objective.measures(every).items()}
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
        bf16=number_format(settings, device) == "mixed",
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
    trainer: Any = Loop(
        model=model,
        args=arguments,
        train_dataset=Dataset.from_dict({"micro": list(range(len(steps.micros)))}),
        eval_dataset=Dataset.from_dict({"micro": [0]}) if exams else None,
        data_collator=lambda batch: trainer.collate(taught.examples, steps.micros[batch[0]["micro"]]),
        processing_class=tokenizer,
        callbacks=[Clock()],
    )
    trainer.objective = objective
    trainer.model_accepts_loss_kwargs = True  # the loss is divided by the step's units here, for every kind of model
    for parameter in trainer.model.parameters():
        if parameter.requires_grad and settings.number_format != "bfloat16":
            parameter.data = parameter.data.float()  # TRL rounds adapters on a 4-bit base to bf16, in which small updates are lost
    trainer.remove_callback(PrinterCallback)
    with threads(parameters):
        objective.begin(trainer.model, [taught.examples, asked], trainer.collate)
    return trainer


def _taken(state: Any) -> list[tuple[int, float]]:
    """(step, held-out loss) of every evaluation so far; step 0 is the untrained model's."""
    return [(line["step"], line["eval_loss"]) for line in state.log_history if "eval_loss" in line]


def _where(state: Any, steps: Plan) -> dict[str, int]:
    """How far the training is."""
    at = min(state.global_step, steps.steps)
    return {"step": state.global_step, "of": steps.steps, "tokens": int(steps.tokens[at - 1]), "all_tokens": int(steps.tokens[-1])}


def _exams(asked: list[Example], settings: Train, steps: Plan) -> list[Micro]:
    """The held-out batches: the first rows that make up an eighth of the training's cost per evaluation, all where they are few."""
    lengths = [len(e.ids) for e in asked]
    budget = max(4096, int(steps.tokens[-1]) // (4 * settings.evaluations))
    take = int(np.searchsorted(np.cumsum(lengths), budget)) + 1
    return fill(lengths, list(range(min(take, len(lengths)))), settings)
