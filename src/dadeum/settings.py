"""Every key of a recipe outside its steps, with its default and what it does. `recipe` reads YAML into these.

Frozen dataclasses, and how a source is called: the docstring under a field is its documentation, its type is its check.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field

from dadeum import remote
from dadeum.errors import Mistake, RecipeError
from dadeum.proving import Arm, Arms, MetricName, Suite, Units, Worth

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]

CheckName = Literal[
    "packing_leak", "stop_trained", "mask_gradient", "double_bos", "ledger_matches", "accumulation", "all_move", "enough_steps",
    "updates_survive", "reload_agrees", "rows_accounted", "too_long", "left_out", "loss_by_role", "mask_round_trip", "seams", "history",
    "control_tokens", "template_differs", "stop_agrees", "vocabulary_fits", "stop_learned", "learning_rate", "held_out_loss", "overlap",
    "text_forms", "reference_agrees", "pairs_contradict", "pairs_length", "labels_balanced", "labels_known", "batches_match",
    "adapters_cover", "quantised_agrees", "cache_fresh", "resume_agrees", "renderers_agree", "base_fits", "data_enough", "disk_enough",
]  # fmt: skip
"""What `dadeum check` looks for: probes of the model's behaviour, and checks of rows, tokens and settings."""
CheckLevel = Literal["block", "warn", "off"]
DeviceName = Literal[
    "cpu", "rtx-3070", "rtx-3080", "t4", "rtx-4080", "rtx-3090", "rtx-4090", "l4", "a10", "a100-40", "rtx-a6000", "l40s", "a100-80", "h100", "h200",
]  # fmt: skip
"""Devices that memory and time are told for (train/devices.py), and this machine's processor."""

CONTENT_FIELDS = ("text", "id", "messages", "prompt", "completion", "system", "chosen", "rejected", "label", "score", "tools", "parents")
"""What a source's `fields` may name of the record itself; any other name becomes a column of text."""

Order = Literal["given", "auto"]
"""In which order the steps run. given: as written; auto: the cheapest of the orders that provably give the same rows, measured on a
sample at the first run and kept in the run's folder."""


@dataclass(frozen=True)
class Chat:
    """How messages that people sent each other become conversations: exports of messengers, and transcripts with speakers."""

    assistant: tuple[str, ...] = ()
    """Who speaks as the assistant: names as the export shows them, or their ids; everybody else is a user. Empty: roles that the file
    itself tells; else the bot, else the second to speak where there are two; where there are more, all are users and keep their names."""
    silence: Annotated[float, Field(ge=0)] = 60.0
    """Minutes without a message after which another conversation begins (a thread is always one); 0 never cuts. An hour is a
    choice, not a finding: raise it for rooms where people answer the next day."""
    placeholders: Literal["leave_out", "keep"] = "leave_out"
    """Messages without words of their own (photos, stickers, deleted ones): counted in the row's `left_out`, or kept as the turn
    that the export wrote for them (`사진`, `Photo`)."""
    joined: bool = True
    """Messages that one person sends in a row are one turn, joined by line breaks."""


@dataclass(frozen=True)
class Sections:
    """How long documents are cut into several records, at their headings first. A code block or a table is never cut."""

    max: Annotated[int, Field(ge=0)] = 0
    """Characters of a record at most; 0 leaves documents whole. What can't be cut (a long table) is one record and longer."""
    min: Annotated[int, Field(ge=0)] = 0
    """Sections shorter than this go together with the next ones below the same heading, as far as `max` allows."""

    def __post_init__(self) -> None:
        """Raises RecipeError where no record could satisfy both."""
        if self.min and self.min >= self.max:
            raise RecipeError(Mistake("sections.min", f"is {self.min}, and max is {self.max}", "max has to be more" if self.max else "say max as well"))


@dataclass(frozen=True)
class Source:
    """Where raw rows come from."""

    path: Annotated[str, Field(min_length=1)]
    """A file, a folder or a glob, relative to the current directory, or a url (s3://, gs://, az://, https://); files are read in
    the order of their names."""
    name: str = ""
    """Goes into every record; by default the first part of the path's last name."""
    format: Literal["auto", "jsonl", "json", "csv", "tsv", "parquet", "text", "markdown", "html", "pdf", "kakaotalk", "slack", "discord", "zip"] = "auto"
    """auto: by the ending, and exports of messengers by what they hold. zip: an export as it was downloaded."""
    encoding: str = "auto"
    """auto: byte-order mark, then UTF-8, then the Korean and Western code pages by what decodes to likely text. mixed: line by line,
    UTF-8 or the code page that the other lines are in."""
    fields: dict[str, str] = field(default_factory=dict)
    """What is where: `text: review` takes the row's `review` as the text. `prompt` and `completion` make a chat of two turns.
    A name that is not the record's own becomes a column (`film: movie_id`) that steps may name."""
    layout: Literal["auto", "text", "messages", "sharegpt", "alpaca", "prompt", "dpo", "kto", "transcript", "chatgpt", "claude", "dialogue"] = "auto"
    """How rows are built; auto finds it per row. dialogue: turns with a speaker and a text under whatever names."""
    chat: Chat = field(default_factory=Chat)
    content: Literal["all", "main"] = "all"
    """main: of a web page what it is about, without menus and the like; of a PDF without the lines that stand on every page."""
    sections: Sections = field(default_factory=Sections)
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
    """Low-rank adapters on all linear layers (also those of `qlora`)."""

    r: Count = 16
    alpha: Positive = 32.0
    dropout: Share = 0.0
    """0 by default: any dropout costs 58 % more activation memory."""
    variant: Literal["lora", "rslora", "dora"] = "lora"
    """rslora: scaled by alpha/√r instead of alpha/r, so that a larger r goes on helping (D. Kalajdzievski, 2023). dora: length and
    direction of the weights apart, closer to full training at small r, for about half as much time again (S.-Y. Liu et al., 2024)."""


@dataclass(frozen=True)
class Prompt:
    """Prompt tuning: some vectors in front of every input are all that is trained."""

    length: Count = 20
    """How many. Beyond 20 to 100 little is gained (B. Lester et al., 2021)."""
    text: str = ""
    """They begin as the embeddings of this text, repeated or cut to the length; empty: of tokens drawn from the vocabulary."""


@dataclass(frozen=True)
class Dpo:
    """Direct preference optimisation."""

    beta: Positive = 0.1
    """How dear it is to move away from the base: less moves further (R. Rafailov et al., 2023: 0.1 to 0.5)."""
    label_smoothing: Annotated[float, Field(ge=0, lt=0.5)] = 0.0
    """The share of pairs that are taken to be labelled the wrong way round (conservative DPO, E. Mitchell, 2023)."""


@dataclass(frozen=True)
class Infill:
    """Fill in the middle: a document's middle is put last, between the tokenizer's own marks."""

    rate: Share = 0.5
    """Share of the documents that are rearranged; the others stay as they are (M. Bavarian et al., 2022: 0.5 to 0.9 cost nothing)."""
    spm: Share = 0.5
    """Of those, the share with the suffix first (SPM); the rest have the prefix first (PSM)."""


@dataclass(frozen=True)
class Classify:
    """A classifier's labels: the records' own (`annotate.label`, or `fields: {label: ...}` of a source)."""

    labels: tuple[str, ...] = ()
    """Which there are, in the order of the model's outputs; empty takes those of the training rows, sorted. Rows with another are left out."""
    weights: Literal["even", "balanced"] = "even"
    """balanced: every label weighs the same, however rare it is (its rows by all / (labels x its own))."""


Objective = Literal["sft", "pretrain", "infill", "dpo", "reward", "classify"]
Method = Literal["full", "lora", "qlora", "prompt"]
HEADS: Final = ("reward", "classify")
"""Objectives that train a head which reads the last token, instead of the words that follow."""


@dataclass(frozen=True)
class Gate:
    """What a stage must not make the model forget: the held-out loss of some rows before and after it, paired row by row."""

    suites: tuple[str, ...] = ()
    """Files of rows (texts or chats, in any format that can be read). Empty: what the stages before have held out."""
    allow: Annotated[float, Field(ge=0)] = 0.05
    """By what share the loss of a suite may rise. Forgotten is what the whole interval says: chance alone stops nobody."""
    items: Count = 500
    """Rows of a suite at most, drawn by the recipe's seed."""
    otherwise: Literal["stop", "warn"] = "stop"
    """Where a suite is forgotten: stop the run (what was trained is kept), or tell it and go on."""


@dataclass(frozen=True)
class Stage:
    """One of several trainings in a row: it starts from the model that the one before made. Keys of `train` that stand here hold for
    this stage alone; those that don't are as they stand there."""

    name: Annotated[str, Field(pattern=r"^[\w-]+$")]
    where: dict[str, Annotated[tuple[str | bool | float, ...], BeforeValidator(lambda v: v if isinstance(v, (list, tuple)) else (v,))]] = field(default_factory=dict)
    """Which training rows: every column named has to hold one of its values (`{source: [web, wiki], quality: ">= 0.7", parents: none}`).
    A value that begins with >=, <=, >, < or != compares; `some` and `none` ask whether anything stands there (`parents: some`: made
    out of other rows). Empty takes all."""
    replay: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of this stage's rows that are drawn anew from the rows of the stages before: what is seen again is forgotten less."""
    gate: Gate | None = None
    objective: Objective | None = None
    method: Method | None = None
    lora: Lora | None = None
    dpo: Dpo | None = None
    infill: Infill | None = None
    supervise: Literal["last", "assistant", "all"] | None = None
    packing: bool | None = None
    max_length: Count | None = None
    rows: Annotated[int, Field(ge=0)] | None = None
    tokens: Annotated[int, Field(ge=0)] | None = None
    epochs: Positive | None = None
    batch_tokens: Count | None = None
    micro_tokens: Count | None = None
    learning_rate: Annotated[float, Field(ge=0)] | Literal["find"] | None = None
    schedule: Literal["linear", "cosine", "constant"] | None = None
    warmup: Share | None = None
    weight_decay: Annotated[float, Field(ge=0)] | None = None
    patience: Annotated[int, Field(ge=0)] | None = None
    evaluations: Annotated[int, Field(ge=0)] | None = None


@dataclass(frozen=True)
class Train:
    """How the model is tuned."""

    base: str = "tiny"
    """`tiny` (made on the spot, see `tiny`), a folder, or a hub model's name."""
    tiny: Tiny = field(default_factory=Tiny)
    objective: Objective = "sft"
    """What is learned. sft: the answers of chats; pretrain: every token of documents; infill: documents whose middle comes last; dpo:
    to prefer `chosen` to `rejected`; reward: a score for an answer, out of such pairs; classify: a record's label."""
    method: Method = "full"
    """What is trained. full: all weights; lora: adapters; qlora: adapters on a base in 4 bits; prompt: vectors before the input."""
    lora: Lora = field(default_factory=Lora)
    prompt: Prompt = field(default_factory=Prompt)
    dpo: Dpo = field(default_factory=Dpo)
    infill: Infill = field(default_factory=Infill)
    classify: Classify = field(default_factory=Classify)
    thinking: Literal["learn", "read"] = "learn"
    """A turn's thoughts (`<think>...</think>` and the like): learned with the answer, or read and not learned."""
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
    learning_rate: Annotated[float, Field(ge=0)] | Literal["find"] = 0.0
    """0 takes the method's default; find: a range test on some hundred rows before the training (train/finder.py)."""
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
    price_per_hour: dict[DeviceName, Positive] = field(default_factory=dict, repr=False, hash=False)
    """What an hour costs, by device (`{h100: 2.5, cpu: 0.1}`): check then tells the price of the training before its first step."""
    stages: tuple[Stage, ...] = field(default=(), repr=False, hash=False)
    """Several trainings in a row instead of one; each is kept by what it was made of, so a second call trains only what has changed."""

    def __post_init__(self) -> None:
        """Raises RecipeError for what cannot be trained together."""
        if self.method == "prompt" and self.objective in ("reward", "classify"):
            raise RecipeError(Mistake("method", f"is prompt, and {self.objective} trains a head", "a head needs weights: full, lora or qlora"))
        if len(set(self.classify.labels)) < len(self.classify.labels) or len(self.classify.labels) == 1:
            raise RecipeError(Mistake("classify.labels", f"{list(self.classify.labels)}: two or more, each once"))

    def of(self, stage: Stage) -> Train:
        """The settings that are in force in one of the stages. Raises RecipeError for what cannot be trained together."""
        own = {f.name for f in dataclasses.fields(self)} - {"stages"}
        told = {f.name: getattr(stage, f.name) for f in dataclasses.fields(stage) if f.name in own and getattr(stage, f.name) is not None}
        return dataclasses.replace(self, stages=(), **told)


@dataclass(frozen=True)
class Prove:
    """How the gain is measured."""

    metric: MetricName = "exact"
    """Right or wrong (exact, label, numeric; tests: the unit tests pass), a share (spans, json), n-grams in common (chrf, bleu, rouge_1,
    rouge_2, rouge_l), nearness (embedding), or how well the references are expected (loss_per_byte: nats, lower is better);
    of pairs, which end the model prefers (preference: needs objective reward or dpo)."""
    labels: tuple[str, ...] = ()
    """For `label`: the answers that count; an answer that begins with none of them is unscored, counted apart."""
    answer_after: str = ""
    """The answer is what follows this mark (`####`) in the reference and in the reply."""
    items: Annotated[int, Field(ge=0)] = 0
    """How many held-out items, drawn by the seed; 0 takes all."""
    cluster: str = ""
    """Column whose equal values belong together (a film, a customer): intervals are taken over those."""
    arms: Arms = (Arm("base"),)
    """What the tuned model is compared with, by name or as a mapping: base, the untuned model; raw, the same training on the rows before
    they were engineered (the recipe's labels, form and split alone) at the same number of training tokens; zero_shot, few_shot,
    retrieval; any other model or address (proving.Arm)."""
    suites: tuple[Suite, ...] = ()
    """More held-out items, each with a metric of its own. All of them are corrected for each other."""
    slices: tuple[str, ...] = ()
    """Parts of the items that are compared by themselves: `language`, `length`, or any column (topic, source). Corrected for each other."""
    units: Units = "auto"
    """What bleu and rouge count: words, characters, pairs (of characters within a word) or morphemes (the extra `ko`). auto: characters
    for bleu, pairs for rouge, which do for Korean and English alike. The metric's name tells it."""
    embedding: str = "hashed"
    """For the metric `embedding`: `hashed`, a folder, or an endpoint as https://host/v1#model."""
    schema: str = ""
    """For `json`: a file with a JSON schema that answers have to keep (the extra `eval`)."""
    tests: str = ""
    """For `tests`: the column with Python that is run after the answer's code, in a sandbox; an error in it is a failed test."""
    worth: Worth = field(default_factory=Worth)
    level: Share = 0.05
    power: Share = 0.8
    margin: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """The smallest difference that anybody would care for: a share of the scale (0.05 is five points), of the loss where that is the
    metric. A step, or twice the data, whose whole interval lies below it makes no difference."""
    pilot: Count = 75
    """Rows of the smallest training of `dadeum curve`; 50 to 100 show whether a model learns the task at all."""
    served: bool = True
    """Start a server on the finished model and hold its prompts and answers against the trainer's (the extra `serve`)."""
    resamples: Count = 10_000
    max_new_tokens: Count = 64

    def __post_init__(self) -> None:
        """Raises RecipeError for two arms or suites of one name."""
        for key, names in (("arms", [arm.name for arm in self.arms]), ("suites", [suite.name for suite in self.suites])):
            if twice := [name for i, name in enumerate(names) if name in names[:i]]:
                raise RecipeError(Mistake(key, f"{twice[0]!r} is the name of two", "give each a name of its own"))


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
