"""What a recipe may say of a proof besides its numbers: who answers the held-out items (arms), which items (suites), what answers cost.

`settings.Prove` is made of these. A name alone stands for a way of asking the untuned base:

    base        the items as they stand
    zero_shot   with an instruction before them
    few_shot    after `k` solved examples, drawn from the training rows by the seed
    retrieval   after the `k` training rows that are closest to the item, or with the closest passages of a corpus
    raw         trained on the rows before they were engineered

Any of them but `raw` may be asked of another model: `tuned`, a folder, a hub name, or a name behind an OpenAI-compatible address.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import BeforeValidator, Field

from dadeum.errors import Mistake, RecipeError

Kind = Literal["base", "zero_shot", "few_shot", "retrieval", "raw"]
MetricName = Literal[
    "exact", "label", "numeric", "chrf", "bleu", "rouge_1", "rouge_2", "rouge_l", "embedding", "spans", "json", "tests", "loss_per_byte", "preference",
]  # fmt: skip
"""Scorers: see evaluate/metrics."""
Units = Literal["auto", "words", "characters", "pairs", "morphemes"]
KEY: Final = "DADEUM_MODEL_KEY"
"""The environment variable that holds an address's key, where an arm names no other."""
Money = Annotated[float, Field(ge=0)]
Whole = Annotated[int, Field(ge=1)]


@dataclass(frozen=True)
class Price:
    """What answers cost, in whatever currency the recipe reckons in."""

    input: Money = 0.0
    """A million tokens that are read."""
    output: Money = 0.0
    """A million tokens that are written."""
    hour: Money = 0.0
    """An hour of the machine that answers, instead of tokens: the time of the answers is measured."""

    def told(self) -> bool:
        """Whether anything is told."""
        return bool(self.input or self.output or self.hour)


@dataclass(frozen=True)
class Budget:
    """What an arm's answers may cost in all, those of earlier calls that are kept included; 0 sets no limit."""

    calls: Annotated[int, Field(ge=0)] = 0
    tokens: Annotated[int, Field(ge=0)] = 0
    """Read and written together."""
    price: Money = 0.0


@dataclass(frozen=True)
class Arm:
    """One way to an answer, on the same items as all the others."""

    name: str = ""
    """As the proof calls it; empty: the kind's name, after the model's where one is named."""
    kind: Kind = "base"
    """How it is asked: see this module's first lines."""
    model: str = ""
    """Who is asked: empty is the untuned base, `tuned` the tuned model, else a folder or hub name, or with `url` a name there."""
    url: str = ""
    """An OpenAI-compatible address up to /v1."""
    key: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")] = KEY
    """The environment variable that holds the key for the address: its name, never the key. Each address gets its own alone."""
    prompt: str = ""
    """The last question's template: `{question}` is the question, `{context}` the passages, `{labels}` the labels. Without {question}
    it stands before the question. Empty: of zero_shot an instruction by metric and language, of a corpus one line, else nothing."""
    k: Whole = 4
    """Examples or passages; fewer where a model's context is too short for them."""
    balanced: bool = True
    """few_shot: one label after the other, as far as the rows go."""
    by: Literal["bm25", "embedding", "hybrid"] = "bm25"
    """retrieval: by words (of Korean by syllables and pairs of them), by embedding, or by both (the sum of reciprocal ranks)."""
    corpus: str = ""
    """retrieval: files whose records are passages; empty takes the training rows as solved examples."""
    embedding: str = "hashed"
    """retrieval by embedding or hybrid: `hashed`, a folder, or an endpoint as https://host/v1#model."""
    price: Price = field(default_factory=Price)
    budget: Budget = field(default_factory=Budget)
    at_once: Whole = 4
    """Requests to an address at a time."""
    patience: Annotated[float, Field(gt=0)] = 120.0
    """Seconds without an answer after which a request is given up."""
    tries: Whole = 5
    """How often a busy or silent address is asked before the run stops; what was answered is kept."""

    def __post_init__(self) -> None:
        """Give it a name. Raises RecipeError for keys that do not go together."""
        if not self.name:
            object.__setattr__(self, "name", "-".join(part for part in (Path(self.model).name, self.kind) if part and part != "base") or self.kind)
        if self.kind == "raw" and (self.model or self.url or self.prompt):
            raise RecipeError(Mistake(f"arms.{self.name}.kind", "raw is trained by the run, and asked the items as they stand", "leave model, url and prompt out"))
        if self.url and not self.model:
            raise RecipeError(Mistake(f"arms.{self.name}.model", f"{self.url} may serve several models", "say which one by its name there"))
        if self.url and ("@" in self.url or "?" in self.url):
            raise RecipeError(Mistake(f"arms.{self.name}.url", "holds a password or a query, which the run's folder would keep", f"put the key into ${self.key}"))
        if self.url and not self.url.startswith(("http://", "https://")):
            raise RecipeError(Mistake(f"arms.{self.name}.url", f"{self.url!r} is no address", "https://host/v1"))
        if self.corpus and self.kind != "retrieval":
            raise RecipeError(Mistake(f"arms.{self.name}.corpus", f"nothing is looked up by {self.kind}", "kind: retrieval"))
        if self.name == "tuned":
            raise RecipeError(Mistake(f"arms.{self.name}.name", "tuned is the model that the run trains", "another name"))
        if not self.url and any((self.budget.calls, self.budget.tokens, self.budget.price)):
            raise RecipeError(Mistake(f"arms.{self.name}.budget", "holds for requests to an address", "add url, or leave it out"))

    @property
    def plain(self) -> bool:
        """Whether it is one of the two arms that need no more than the run's own models."""
        return self in (Arm("base"), Arm("raw", "raw"))


def arm(told: Any) -> Any:
    """An arm by its name alone; anything else as it is. Raises ValueError for a name that stands for none."""
    if not isinstance(told, str):
        return told
    if told not in get_args(Kind):
        raise ValueError(f"{told!r} stands for no arm ({', '.join(get_args(Kind))}; anything else as a mapping: {{name, kind, model, url}})")
    return Arm(told, told)  # type: ignore[arg-type]


Arms = tuple[Annotated[Arm, BeforeValidator(arm)], ...]


@dataclass(frozen=True)
class Suite:
    """More held-out items, with a metric of their own. All suites are corrected for each other."""

    name: Annotated[str, Field(pattern=r"^[\w.-]+$")]
    path: str = ""
    """Files of items in any format that can be read: chats that end with the answer that is expected."""
    fields: dict[str, str] = field(default_factory=dict)
    """What is where in those files, as of a source: `{prompt: question, completion: answer}`."""
    split: Literal["test", "validation"] = "test"
    """Where no path is named: which split of the run's own rows."""
    task: str = ""
    """A task of lm-evaluation-harness instead, by name or as its YAML file: by their library (the extra `eval`), local models only."""
    metric: MetricName | None = None
    """Empty: as in `prove`, and so are the keys below."""
    labels: tuple[str, ...] | None = None
    answer_after: str | None = None
    units: Units | None = None
    schema: str | None = None
    tests: str | None = None
    cluster: str = ""
    items: Annotated[int, Field(ge=0)] = 0
    """How many items at most, drawn by the recipe's seed; 0 takes all."""
    max_new_tokens: Whole | None = None

    def __post_init__(self) -> None:
        """Raises RecipeError where the items have two origins."""
        if self.path and self.task:
            raise RecipeError(Mistake(f"suites.{self.name}.task", "the items are in path already", "one of the two"))


@dataclass(frozen=True)
class Worth:
    """What `dadeum decide` reckons with."""

    calls: Annotated[int, Field(ge=0)] = 0
    """How many answers will be wanted in all; 0: not known."""
    labour: Money = 0.0
    """What the tuning costs besides the machine: labels, people. The machine's part is the time of the trainings by `train.price_per_hour`."""
    tuned: Price = field(default_factory=Price)
    """What an answer of the tuned model costs where it will be served; empty: the time it took here by `train.price_per_hour`."""
    gain: Annotated[float, Field(ge=0)] = 0.0
    """The least gain that matters, in the unit of the metric (0.02: two points of a share); 0: any that can be seen."""
    currency: str = "USD"
