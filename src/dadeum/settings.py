"""Every key of a recipe outside its steps, with its default and what it does. `recipe` reads YAML into these.

Frozen dataclasses, and how a source is called: the docstring under a field is its documentation, its type is its check.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from dadeum import remote

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]

CheckName = Literal[
    "packing_leak", "stop_trained", "mask_gradient", "double_bos", "ledger_matches", "accumulation", "all_move", "enough_steps",
    "updates_survive", "reload_agrees", "rows_accounted", "too_long", "left_out", "loss_by_role", "mask_round_trip", "seams", "history",
    "control_tokens", "template_differs", "stop_agrees", "vocabulary_fits", "stop_learned", "learning_rate", "held_out_loss", "overlap",
    "text_forms",
]  # fmt: skip
"""What `dadeum check` looks for: probes of the model's behaviour, and checks of rows, tokens and settings."""
CheckLevel = Literal["block", "warn", "off"]

CONTENT_FIELDS = ("text", "id", "messages", "prompt", "completion", "system", "chosen", "rejected", "label", "score", "tools", "parents")
"""What a source's `fields` may name of the record itself; any other name becomes a column of text."""

Order = Literal["given", "auto"]
"""In which order the steps run. given: as written; auto: the cheapest of the orders that provably give the same rows, measured on a
sample at the first run and kept in the run's folder."""


@dataclass(frozen=True)
class Source:
    """Where raw rows come from."""

    path: Annotated[str, Field(min_length=1)]
    """A file, a folder or a glob, relative to the current directory, or a url (s3://, gs://, az://, https://); files are read in
    the order of their names."""
    name: str = ""
    """Goes into every record; by default the first part of the path's last name."""
    format: Literal["auto", "jsonl", "json", "csv", "tsv", "parquet", "text", "markdown", "html", "pdf"] = "auto"
    encoding: str = "auto"
    """auto: byte-order mark, then UTF-8, then the Korean and Western code pages by what decodes to likely text."""
    fields: dict[str, str] = field(default_factory=dict)
    """What is where: `text: review` takes the row's `review` as the text. `prompt` and `completion` make a chat of two turns.
    A name that is not the record's own becomes a column (`film: movie_id`) that steps may name."""
    layout: Literal["auto", "text", "messages", "sharegpt", "alpaca", "prompt", "dpo", "kto", "transcript"] = "auto"
    """How rows are built; auto finds it per row."""
    licence: str = "unknown"
    """SPDX name; goes into the card."""


def named(sources: Iterable[Source]) -> list[Source]:
    """The sources with a name each: their own, else one made of the path, numbered where two would be the same."""
    made: list[Source] = []
    for source in sources:
        path = remote.shown(source.path)
        stem = re.split(r"[*?\[.]", Path(path).name)[0].rstrip("-_ 0")
        name = source.name or stem or Path(path).parent.name.strip("*") or "source"
        taken = {s.name for s in made}
        made.append(dataclasses.replace(source, name=name if name not in taken else f"{name}-{len(made)}"))
    return made


@dataclass(frozen=True)
class Output:
    """How data/*.jsonl is written."""

    format: Literal["auto", "source", "messages", "sharegpt", "alpaca", "prompt", "dpo", "kto", "text"] = "auto"
    """auto: turns as OpenAI messages, pairs as prompt, chosen and rejected, documents as text. source: as the row came in."""
    to: str = ""
    """A url (s3://bucket/folder) that a finished run's data/ and run.json are copied to; a sample, or a run that stops before the
    split, is not."""


@dataclass(frozen=True)
class Tiny:
    """A model made on the spot, with its own tokenizer: for demos, tests and small machines."""

    vocabulary: Count = 2048
    hidden: Count = 128
    layers: Count = 2
    heads: Count = 4
    context: Count = 512
    """Longest sequence in tokens."""
    pretrain_tokens: Annotated[int, Field(ge=0)] = 300_000
    """Tokens of the training split's own text that it reads before fine-tuning; 0 leaves it random."""


@dataclass(frozen=True)
class Lora:
    """Low-rank adapters on all linear layers."""

    r: Count = 16
    alpha: Positive = 32
    dropout: Share = 0.0
    """0 by default: any dropout costs 58 % more activation memory."""


@dataclass(frozen=True)
class Train:
    """How the model is tuned."""

    base: str = "tiny"
    """`tiny` (made on the spot, see `tiny`), a folder, or a hub model's name."""
    tiny: Tiny = field(default_factory=Tiny)
    method: Literal["full", "lora"] = "full"
    lora: Lora = field(default_factory=Lora)
    supervise: Literal["last", "assistant", "all"] = "assistant"
    """Which tokens carry loss: the last assistant turn, every assistant turn, or every token."""
    template: str = ""
    """A chat template file (Jinja); empty takes the base model's own, or the project's where it has none."""
    max_length: Count = 512
    """Rows that are longer are left out and counted, never cut."""
    packing: bool = True
    rows: Annotated[int, Field(ge=0)] = 0
    """Train on this many rows, drawn by the seed from the training split; 0 takes all."""
    tokens: Annotated[int, Field(ge=0)] = 0
    """Train on this many tokens (padding not counted), whatever the held-out loss says; 0 goes by epochs."""
    epochs: Positive = 2.0
    batch_tokens: Count = 4096
    """Tokens in one optimiser step; accumulation follows from it and `micro_tokens`."""
    micro_tokens: Count = 2048
    """Tokens in one forward pass: what has to fit into memory."""
    learning_rate: Annotated[float, Field(ge=0)] = 0.0
    """0 takes the method's default."""
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    warmup: Share = 0.05
    """Share of the steps."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    patience: Annotated[int, Field(ge=0)] = 3
    """Stop after so many evaluations without a better held-out loss; 0 never stops early."""
    evaluations: Annotated[int, Field(ge=0)] = 8
    """How often the held-out loss is taken on the way."""
    seeds: tuple[int, ...] = (0,)
    """One training each; more than one gives the training-seed variance. The first one's model is kept."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    checks: dict[CheckName, CheckLevel] = field(default_factory=dict, repr=False, hash=False)
    """How serious a finding of `dadeum check` is, by its name: `{overlap: warn, text_forms: off}`. block: check fails; warn: told;
    off: not looked for. What is not named keeps its own level. Changes no training, hence not what is kept of one."""


@dataclass(frozen=True)
class Prove:
    """How the gain is measured."""

    metric: Literal["exact", "label", "numeric", "chrf", "loss_per_byte"] = "exact"
    """Right or wrong (exact, label, numeric), character n-grams in common (chrf), or how well the references are expected
    (loss_per_byte: nats, lower is better)."""
    labels: tuple[str, ...] = ()
    """For `label`: the answers that count; an answer that begins with none of them is unscored, counted apart."""
    answer_after: str = ""
    """The answer is what follows this mark (`####`) in the reference and in the reply."""
    items: Annotated[int, Field(ge=0)] = 0
    """How many held-out items, drawn by the seed; 0 takes all."""
    cluster: str = ""
    """Column whose equal values belong together (a film, a customer): intervals are taken over those."""
    arms: tuple[Literal["base", "raw"], ...] = ("base",)
    """What the tuned model is compared with: the untuned base, and the same training on the rows before they were engineered
    (the recipe's labels, form and split alone), at the same number of training tokens."""
    level: Share = 0.05
    power: Share = 0.8
    resamples: Count = 10_000
    max_new_tokens: Count = 64


@dataclass(frozen=True)
class Engine:
    """How the work is cut, and where it is done. Nothing here changes the data that comes out."""

    kind: Literal["local", "ray"] = "local"
    """ray: as tasks on a Ray cluster (the extra `ray`), which has to share the run's folder among its nodes."""
    address: str = ""
    """Of a Ray cluster that runs already (host:port, or auto); else $RAY_ADDRESS, and without either one is started on this
    machine, which costs some CPU-seconds, and ended with the run."""
    shard: Count = 32_768
    """Raw rows in one unit of work: what is resumed, and about what a worker holds in memory."""
    workers: Annotated[int, Field(ge=0)] = 0
    """Processes; 0 takes one per core, and none where the input is small. On a running Ray cluster: tasks at once, 0 as many as fit."""
    cache: str = ""
    """Folder of finished units; empty is the run's own `cache/`."""
