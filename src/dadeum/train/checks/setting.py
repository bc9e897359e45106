"""Settings that do not fit together: a learning rate copied from another method, early stopping with nothing held out."""

from __future__ import annotations

from dadeum.train.checks.found import Found, Setup

RATES = {("full", "small"): (1e-4, 1e-2), ("lora", "small"): (5e-4, 5e-2), ("full", "large"): (1e-6, 2e-4), ("lora", "large"): (3e-5, 1e-3)}
"""Learning rates within a factor of about ten of the defaults in loop.py, whose sources stand there; small: below 50 million parameters."""


def learning_rate(setup: Setup) -> Found:
    """Whether the rate is one that the method is trained with at this size."""
    from dadeum.train.loop import learning_rate as effective

    parameters = setup.model.num_parameters()
    rate = effective(setup.settings, parameters)
    low, high = RATES[setup.settings.method, "small" if parameters < 50e6 else "large"]
    said = f"{rate:g} for {setup.settings.method} training of {parameters / 1e6:,.1f} million parameters"
    if low <= rate <= high:
        return Found("learning_rate", "pass", rate, said)
    return Found("learning_rate", "fail", rate, f"{said}: usual are {low:g} to {high:g}", "", "set train.learning_rate to 0, which takes the method's default")


def held_out_loss(setup: Setup) -> Found:
    """Without held-out rows there is no early stopping and no best checkpoint, whatever train.patience says."""
    if not setup.settings.evaluations:
        return Found("held_out_loss", "not applicable", 0.0, "train.evaluations is 0: no held-out loss was asked for")
    n = setup.validation.height
    if n:
        return Found("held_out_loss", "pass", float(n), f"{n:,} held-out rows for early stopping and the best checkpoint")
    return Found("held_out_loss", "fail", 0.0, "no validation rows: no early stopping, no best checkpoint", "", "set mix.split.validation, or train.evaluations to 0")
