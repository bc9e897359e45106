"""A classifier: a head that reads the last token (of BERT's kind: the first) and names the label.

Cross entropy; with `classify.weights: balanced` every label weighs the same (its rows by all / (labels x its own), G. King, L. Zeng, 2001),
which costs calibration: the probabilities are then those of a world in which labels are equally common.

Measures on held-out rows: accuracy; macro_f1, the mean over labels of the harmonic mean of precision and recall; calibration_error, the
mean distance between how sure the model is and how often it is right, in 10 bins of its certainty (C. Guo et al., 2017).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from dadeum.errors import DadeumError
from dadeum.format.supervise import Example
from dadeum.settings import Train
from dadeum.train.batches import Micro
from dadeum.train.methods import Head
from dadeum.train.objectives.objective import Objective, Told
from dadeum.train.objectives.reward import read

BINS: Final = 10


class Classify(Objective):
    """Mean over rows."""

    def __init__(self, settings: Train, examples: Sequence[Example]):
        super().__init__(settings, examples)
        had = Counter(e.label for e in examples)
        labels = settings.classify.labels or tuple(sorted(had))
        if len(had) < 2:
            raise DadeumError(f"all {len(examples)} training rows have the label {next(iter(had), '')!r}: there is nothing to tell apart")
        if missing := [label for label in labels if label not in had]:
            raise DadeumError(f"no training row has the label {missing[0]!r}: take it out of train.classify.labels, or bring rows with it")
        self.head = Head(labels)
        self.place = {label: i for i, label in enumerate(labels)}
        even = settings.classify.weights == "even"
        self.weights = [1.0 if even else len(examples) / (len(labels) * had[label]) for label in labels]

    def usable(self, example: Example) -> bool:
        return example.label in self.place

    def inputs(self, examples: Sequence[Example], micro: Micro) -> dict[str, Any]:
        import torch

        return {"target": torch.tensor([self.place.get(examples[i].label, -100) for row in micro for i in row])}

    def count(self, batch: dict[str, Any]) -> Any:
        import torch

        return torch.tensor(len(batch["target"]))

    def loss(self, model: Any, batch: dict[str, Any]) -> tuple[Any, Told]:
        import torch

        logits = read(model, batch)
        weights = torch.tensor(self.weights, device=logits.device)
        loss = torch.nn.functional.cross_entropy(logits, batch["target"], weight=weights, reduction="sum")
        return loss, {"logits": logits.detach(), "target": batch["target"]}

    def measures(self, told: Told) -> dict[str, float]:
        sure, said = told["logits"].double().softmax(-1).max(-1)
        target = told["target"]
        right = said == target
        f1 = []
        for k in range(len(self.place)):
            hit, named, had = int(((said == k) & right).sum()), int((said == k).sum()), int((target == k).sum())
            if named + had:
                f1.append(2 * hit / (named + had))
        bins = (sure * BINS).long().clamp(max=BINS - 1)
        apart = 0.0
        for k in range(BINS):
            inside = bins == k
            if bool(inside.any()):
                apart += float(inside.double().mean() * (sure[inside].mean() - right[inside].double().mean()).abs())
        return {"accuracy": float(right.double().mean()), "macro_f1": sum(f1) / max(1, len(f1)), "calibration_error": apart}
