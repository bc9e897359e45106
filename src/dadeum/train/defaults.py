"""Learning rates where a recipe names none: by what is learned, what is trained, and the size of the base.

Below 50 million parameters: measured here on tiny bases of .1 to 1.3 million. Above, common practice:

    sft       full 1e-5 to 1e-4, LoRA 2e-4 (TRL's and Axolotl's documentation; "LoRA Without Regret", 2025: LoRA about ten times full)
    pretrain  the same as sft; a rate as high as the base was trained with forgets more (A. Ibrahim et al., 2024: re-warm, then decay)
    dpo       full 5e-7 (Zephyr, L. Tunstall et al., 2023), LoRA 5e-6 (TRL's documentation): a tenth to a fortieth of sft
    reward    full 1e-5 (L. Ouyang et al., 2022: 9e-6), LoRA 1e-4 (TRL's default)
    classify  full 2e-5 (J. Devlin et al., 2019: 2e-5 to 5e-5), LoRA 2e-4
    qlora     as LoRA (T. Dettmers et al., 2023: 2e-4)
    prompt    3e-2 (PEFT's examples; B. Lester et al., 2021, took 0.3 with another optimiser), a tenth of that for dpo
"""

from __future__ import annotations

from typing import Final

from dadeum.settings import Method, Objective, Train

SMALL, LARGE = 50e6, 500e6
"""Parameters: below the first a base is small, from the second on it is large."""
RATES: Final[dict[tuple[Objective, Method], tuple[float, float, float]]] = {
    ("sft", "full"): (1e-3, 1e-4, 2e-5),
    ("sft", "lora"): (5e-3, 2e-4, 2e-4),
    ("sft", "prompt"): (3e-2, 3e-2, 3e-2),
    ("dpo", "full"): (2e-4, 1e-6, 5e-7),
    ("dpo", "lora"): (1e-3, 5e-6, 5e-6),
    ("dpo", "prompt"): (1e-2, 3e-3, 3e-3),
    ("reward", "full"): (1e-3, 2e-5, 1e-5),
    ("reward", "lora"): (5e-3, 1e-4, 1e-4),
    ("classify", "full"): (1e-3, 5e-5, 2e-5),
    ("classify", "lora"): (5e-3, 2e-4, 2e-4),
}
"""(small, middle, large). What learns words as sft does has sft's; qlora has lora's."""


def learning_rate(settings: Train, parameters: int) -> float:
    """The recipe's, or the default for objective, method and size (where one is still to be found, too)."""
    if settings.learning_rate and settings.learning_rate != "find":
        return settings.learning_rate
    objective: Objective = "sft" if settings.objective in ("pretrain", "infill") else settings.objective
    method: Method = "lora" if settings.method == "qlora" else settings.method
    small, middle, large = RATES[objective, method]
    return small if parameters < SMALL else middle if parameters < LARGE else large
