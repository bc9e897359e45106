"""A reward model: a head that scores an answer, trained on pairs (R. Bradley, M. Terry, 1952; L. Ouyang et al., 2022).

The loss of a pair is -log sigmoid(score(chosen) - score(rejected)). Scores have no zero and no unit: only differences mean anything.

Measures: accuracy, the share of held-out pairs whose chosen end scores higher (a tie is half); margin, the mean difference; longer, the
share in which the longer end scores higher. Preference data prefer long answers, and a model that only counts tokens does well on them
(P. Singhal et al., "A Long Way to Go", 2023): `chosen_longer` is what that alone would have got.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dadeum.format.supervise import Example
from dadeum.train.batches import Micro
from dadeum.train.methods import Head
from dadeum.train.objectives.objective import Objective, Told


class Reward(Objective):
    """Mean over pairs."""

    head = Head()

    def inputs(self, examples: Sequence[Example], micro: Micro) -> dict[str, Any]:
        """How many tokens the chosen end has more than the rejected one."""
        import torch

        return {"longer": torch.tensor([2 * examples[i].starts[1] - len(examples[i].ids) for row in micro for i in row])}

    def count(self, batch: dict[str, Any]) -> Any:
        import torch

        return torch.tensor(len(batch["input_ids"]) // 2)

    def loss(self, model: Any, batch: dict[str, Any]) -> tuple[Any, Told]:
        import torch

        scores = read(model, batch)[:, 0].view(-1, 2)
        margin = scores[:, 0] - scores[:, 1]
        return -torch.nn.functional.logsigmoid(margin).sum(), {"margin": margin.detach(), "longer": batch["longer"]}

    def measures(self, told: Told) -> dict[str, float]:
        margin, longer = told["margin"].double(), told["longer"]
        apart = longer != 0
        measured = {"accuracy": float(_half(margin).mean()), "margin": float(margin.mean())}
        if bool(apart.any()):
            measured |= {"longer": float(_half(margin[apart] * longer[apart].sign()).mean()), "chosen_longer": float((longer[apart] > 0).double().mean())}
        return measured


def read(model: Any, batch: dict[str, Any]) -> Any:
    """The head's outputs at each row's last token, rows x outputs, float32: transformers' own forward pass."""
    return model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits.float()


def _half(margin: Any) -> Any:
    """1 where positive, a half where nought."""
    return (margin > 0).double() + 0.5 * (margin == 0)
