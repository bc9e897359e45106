"""What is learned: a loss over the project's own batches, and what is measured on held-out rows. One module each.

    likelihood  sft, pretrain, infill   the tokens that carry loss become likelier
    dpo         dpo                     chosen answers gain on rejected ones, held back by the base
    reward      reward                  a head scores chosen answers above rejected ones (Bradley-Terry)
    classify    classify                a head names the label

Which tokens and sequences those are is the format room's (format/supervise.py: ROWS). A further objective is one module, one line here,
one line in ROWS that says how rows become examples, and its name in settings.Objective.
"""

from __future__ import annotations

from typing import Final

from dadeum import settings
from dadeum.train.objectives.classify import Classify
from dadeum.train.objectives.dpo import Dpo
from dadeum.train.objectives.likelihood import Likelihood
from dadeum.train.objectives.objective import Objective
from dadeum.train.objectives.reward import Reward

__all__ = ["OBJECTIVES", "Objective"]

OBJECTIVES: Final[dict[settings.Objective, type[Objective]]] = {
    "sft": Likelihood,
    "pretrain": Likelihood,
    "infill": Likelihood,
    "dpo": Dpo,
    "reward": Reward,
    "classify": Classify,
}
