"""How a model is tuned: base, objective, method, batches, stages, and what `check` looks for."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field

from dadeum.errors import Mistake, RecipeError
from dadeum.settings.numbers import Count, Positive, Share

CheckName = Literal[
    "packing_leak", "stop_trained", "mask_gradient", "double_bos", "ledger_matches", "accumulation", "all_move", "enough_steps",
    "updates_survive", "reload_agrees", "rows_accounted", "too_long", "left_out", "loss_by_role", "mask_round_trip", "seams", "history",
    "control_tokens", "template_differs", "stop_agrees", "vocabulary_fits", "stop_learned", "learning_rate", "held_out_loss", "overlap",
    "text_forms", "reference_agrees", "pairs_contradict", "pairs_length", "labels_balanced", "labels_known", "batches_match",
    "context_fits", "adapters_cover", "quantised_agrees", "cache_fresh", "resume_agrees", "renderers_agree", "mask_proven", "content_kept", "askable", "base_finite", "base_fits", "data_enough", "disk_enough",
]  # fmt: skip
"""What `dadeum check` looks for: probes of the model's behaviour, and checks of rows, tokens and settings."""
CheckLevel = Literal["block", "warn", "off"]
DeviceName = Literal[
    "cpu", "rtx-3070", "rtx-3080", "t4", "rtx-4080", "rtx-3090", "rtx-4090", "l4", "a10", "a100-40", "rtx-a6000", "l40s", "a100-80", "h100", "h200",
]  # fmt: skip
"""Devices that memory and time are told for (train/devices.py), and this machine's processor."""


@dataclass(frozen=True)
class Tiny:
    """A model made on the spot, with its own tokenizer: for demos, tests and small machines."""

    vocabulary: Count = 2048
    """Tokens that its tokenizer learns from the training split."""
    hidden: Count = 128
    """Width; a multiple of `heads`."""
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
    """Rank: how much an adapter can say."""
    alpha: Positive = 32.0
    """What the adapters are scaled by, over r."""
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
    """What a stage must not make the model forget: held-out losses or the scores of suites before and after it, paired row by row."""

    suites: tuple[str, ...] = ()
    """Names of `prove.suites`, each scored by its own metric, or files of rows (texts or chats, in any format that can be read), by their
    held-out loss. Empty: the loss of what the stages before have held out."""
    allow: Annotated[float, Field(ge=0)] = 0.05
    """By what share of itself the loss of a suite may rise, or its score fall. Forgotten is what the whole interval says: chance alone
    stops nobody, and the more suites there are the wider each interval is."""
    items: Count = 500
    """Rows of a suite at most, drawn by the recipe's seed (of a named suite by its own `items`)."""
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
    """What the model must not forget by this stage."""
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
    """Several rows in one sequence, which cannot see each other (the probe packing_leak); off: a row by itself, padded."""
    rows: Annotated[int, Field(ge=0)] = 0
    """Train on this many rows, drawn by the seed from the training split; 0 takes all."""
    tokens: Annotated[int, Field(ge=0)] = 0
    """Train on this many tokens (padding not counted), whatever the held-out loss says; 0 goes by epochs."""
    epochs: Positive = 2.0
    """How often every row is seen, where `tokens` does not say when to stop."""
    batch_tokens: Count = 4096
    """Tokens in one optimiser step; accumulation follows from it and `micro_tokens`."""
    micro_tokens: Count = 2048
    """Tokens in one forward pass: what has to fit into memory."""
    learning_rate: Annotated[float, Field(ge=0)] | Literal["find"] = 0.0
    """0 takes the method's default; find: a range test on some hundred rows before the training (train/finder.py)."""
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    """How the rate falls after the warm-up: in a line to 0, in half a wave to 0, or not at all."""
    warmup: Share = 0.05
    """Share of the steps."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """By what share of the rate weights shrink at each step (AdamW)."""
    patience: Annotated[int, Field(ge=0)] = 3
    """Stop after so many evaluations without a better held-out loss; 0 never stops early."""
    evaluations: Annotated[int, Field(ge=0)] = 8
    """How often the held-out loss is taken on the way."""
    seeds: tuple[int, ...] = (0,)
    """One training each; more than one gives the training-seed variance. The first one's model is kept."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where it is trained here; auto: the GPU if there is one."""
    number_format: Literal["auto", "float32", "mixed", "bfloat16"] = "auto"
    """float32: everything in 32 bits. mixed: bf16 arithmetic on 32-bit weights, a frozen base in bf16. bfloat16: trained weights in bf16
    too, half the memory, and updates below 1/256 of a weight are lost to rounding (the probe updates_survive says how many). auto: mixed on
    a GPU that computes in bf16, else float32."""
    checkpointing: bool = False
    """Keep the inputs of layers alone and compute the rest anew in the backward pass: a fraction of the activations for a third more
    arithmetic. The training stays the same."""
    target: DeviceName | Literal[""] = field(default="", repr=False, hash=False)
    """The device that it is to be trained on, where that is not this machine (`rtx-4090`): check then shows every way that fits there, and
    which keys to set. Changes no training."""
    checks: dict[CheckName, CheckLevel] = field(default_factory=dict, repr=False, hash=False)
    """How serious a finding of `dadeum check` is, by its name: `{overlap: warn, text_forms: off}`. block: check fails; warn: told;
    off: not looked for. What is not named keeps its own level. Changes no training, hence not what is kept of one."""
    price_per_hour: dict[DeviceName, Positive] = field(default_factory=dict, repr=False, hash=False)
    """What an hour costs, by device (`{h100: 2.5, cpu: 0.1}`): check then tells the price of the training before its first step."""
    stages: tuple[Stage, ...] = field(default=(), repr=False, hash=False)
    """Several trainings in a row instead of one; each is kept by what it was made of, so a second call trains only what has changed."""

    def __post_init__(self) -> None:
        """Raises RecipeError for what cannot be trained together."""
        if self.number_format == "bfloat16" and self.method != "full":
            raise RecipeError(Mistake("number_format", f"is bfloat16, which saves nothing by {self.method} and loses updates", "mixed: the frozen base is in bf16"))
        if self.method == "prompt" and self.objective in ("reward", "classify"):
            raise RecipeError(Mistake("method", f"is prompt, and {self.objective} trains a head", "a head needs weights: full, lora or qlora"))
        if len(set(self.classify.labels)) < len(self.classify.labels) or len(self.classify.labels) == 1:
            raise RecipeError(Mistake("classify.labels", f"{list(self.classify.labels)}: two or more, each once"))

    def of(self, stage: Stage) -> Train:
        """The settings that are in force in one of the stages. Raises RecipeError for what cannot be trained together."""
        own = {f.name for f in dataclasses.fields(self)} - {"stages"}
        told = {f.name: getattr(stage, f.name) for f in dataclasses.fields(stage) if f.name in own and getattr(stage, f.name) is not None}
        return dataclasses.replace(self, stages=(), **told)
