"""Direct preference optimisation (R. Rafailov et al., 2023): chosen answers become likelier than rejected ones, relative to the base.

With s = log p(chosen) - log p(rejected) under the model, and s0 the same under the base, the loss of a pair is
-log sigmoid(beta (s - s0)); with label smoothing e, (1-e) of that and e of the same for the pair turned round (conservative DPO,
E. Mitchell, 2023). The reference is the base itself, and its log-probabilities are taken once, before the first step: no second
model in memory. At the first step every pair's loss is log 2 exactly, which the probe `reference_agrees` measures.

Measures: accuracy, the share of held-out pairs with s > s0 (a tie is half), and margin, the mean of beta (s - s0).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

from dadeum.format.supervise import Example
from dadeum.settings import Train
from dadeum.train.batches import Micro, fill
from dadeum.train.objectives.objective import Objective, Told
from dadeum.train.objectives.words import Words, bare, carried, prompted


class Dpo(Objective):
    """Mean over pairs."""

    def __init__(self, settings: Train, examples: Sequence[Example]):
        super().__init__(settings, examples)
        self.words = Words()
        self.reference: dict[str, tuple[float, float]] = {}

    def begin(self, model: Any, groups: Sequence[Sequence[Example]], collate: Callable[[Sequence[Example], Micro], Any]) -> None:
        """The base's log-probabilities of both ends of every pair, by the pair's digest."""
        import torch

        training = model.training
        model.eval()
        base = bare(model) if prompted(model) else model
        with torch.no_grad(), _untouched(model):
            for examples in groups:
                for micro in fill([len(e.ids) for e in examples], list(range(len(examples))), self.settings):
                    found = both(self.words, base, collate(examples, micro)).cpu().tolist()
                    for (chosen, rejected), i in zip(found, (i for row in micro for i in row)):
                        self.reference[examples[i].digest] = (chosen, rejected)
        model.train(training)

    def inputs(self, examples: Sequence[Example], micro: Micro) -> dict[str, Any]:
        import torch

        unknown = (float("nan"), float("nan"))
        return {"reference": torch.tensor([self.reference.get(examples[i].digest, unknown) for row in micro for i in row])}

    def count(self, batch: dict[str, Any]) -> Any:
        import torch

        return torch.tensor(len(batch["reference"]))

    def loss(self, model: Any, batch: dict[str, Any]) -> tuple[Any, Told]:
        import torch

        given, e = self.settings.dpo, self.settings.dpo.label_smoothing
        gained = both(self.words, model, batch) - batch["reference"]
        margin = given.beta * (gained[:, 0] - gained[:, 1])
        sigmoid = torch.nn.functional.logsigmoid
        each = -(1 - e) * sigmoid(margin) - e * sigmoid(-margin)
        return each.sum(), {"margin": margin.detach()}

    def measures(self, told: Told) -> dict[str, float]:
        margin = told["margin"].double()
        right = (margin > 0).double() + 0.5 * (margin == 0)
        return {"accuracy": float(right.mean()), "margin": float(margin.mean())}


def both(words: Words, model: Any, batch: dict[str, Any]) -> Any:
    """Summed log-probabilities of the answers, pairs x (chosen, rejected)."""
    import torch

    said = words.logprobs(model, batch)
    _, where = carried(batch)
    owner = batch["sequence"][:, 1:][where]
    summed = torch.zeros(int(batch["sequence"].max()) + 1, dtype=said.dtype, device=said.device)
    return summed.index_add(0, owner, said).view(-1, 2)


def _untouched(model: Any) -> Any:
    """The base alone, where adapters hang on it: they begin at zero, but a base with one already merged in would not show it."""
    return model.disable_adapter() if hasattr(model, "get_base_model") and not prompted(model) else contextlib.nullcontext()
