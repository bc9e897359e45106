"""How the gain is measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field

from dadeum.errors import Mistake, RecipeError
from dadeum.proving import Arm, Arms, MetricName, Suite, Units, Worth
from dadeum.settings.numbers import Count, Share


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
    """What `dadeum decide` reckons with."""
    level: Share = 0.05
    """How often, at most, a difference is called where there is none; intervals cover one minus it."""
    power: Share = 0.8
    """How often the smallest difference that is promised has to be found."""
    margin: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """The smallest difference that anybody would care for: a share of the scale (0.05 is five points), of the loss where that is the
    metric. A step, or twice the data, whose whole interval lies below it makes no difference."""
    ablate_seeds: Count = 5
    """Trainings of each arm of `prove --ablate`, where `train.seeds` names fewer: five find nearly every difference of which three find
    half, and one cannot tell a step from the luck of training."""
    pilot: Count = 75
    """Rows of the smallest training of `dadeum curve`; 50 to 100 show whether a model learns the task at all."""
    served: bool = True
    """Start a server on the finished model and hold its prompts and answers against the trainer's (the extra `serve`)."""
    resamples: Count = 10_000
    """Draws of bootstrap and permutation."""
    max_new_tokens: Count = 64
    """Tokens of an answer at most."""
    temperature: Annotated[float, Field(ge=0, le=100)] = 0.0
    """0: every answer is the greedy one. Above: answers are drawn at this temperature (without top-p or top-k), of suites too, with a seed for
    each prompt and sample."""
    samples: Count = 1
    """How many answers to every item are drawn of each training; an item's score is their mean. Two or more tell decoding's part of the
    variance apart (`share_of_decoding` beside `share_of_training`); needs a temperature above 0."""

    def __post_init__(self) -> None:
        """Raises RecipeError for two arms or suites of one name, and for samples that could only be alike."""
        if self.samples > 1 and not self.temperature:
            raise RecipeError(Mistake("samples", f"is {self.samples}, and at temperature 0 all answers to an item are alike", "set temperature, or leave samples out"))
        for key, names in (("arms", [arm.name for arm in self.arms]), ("suites", [suite.name for suite in self.suites])):
            if twice := [name for i, name in enumerate(names) if name in names[:i]]:
                raise RecipeError(Mistake(key, f"{twice[0]!r} is the name of two", "give each a name of its own"))
