"""Settings that do not fit together: a learning rate copied from another method, early stopping with nothing held out."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from dadeum.train.checks.found import Found, Setup

NEAR: Final = 10
"""Learning rates within this factor of the default (train/defaults.py, whose sources stand there) are usual."""


def learning_rate(setup: Setup) -> Found:
    """Whether the rate is one that the method is trained with at this size."""
    from dadeum.train.defaults import learning_rate as effective

    settings, parameters = setup.settings, setup.model.num_parameters()
    if settings.learning_rate == "find":
        return Found("learning_rate", "not applicable", 0.0, "a range test finds it before the training")
    rate, usual = effective(settings, parameters), effective(replace(settings, learning_rate=0.0), parameters)
    said = f"{rate:g} for {settings.objective} by {settings.method} of {parameters / 1e6:,.1f} million parameters"
    if usual / NEAR <= rate <= usual * NEAR:
        return Found("learning_rate", "pass", rate, said)
    means = f"{said}: usual are {usual / NEAR:g} to {usual * NEAR:g}"
    return Found("learning_rate", "fail", rate, means, "", "set train.learning_rate to 0, which takes the method's default, or to find")


def held_out_loss(setup: Setup) -> Found:
    """Without held-out rows there is no early stopping and no best checkpoint, whatever train.patience says."""
    if not setup.settings.evaluations:
        return Found("held_out_loss", "not applicable", 0.0, "train.evaluations is 0: no held-out loss was asked for")
    n = setup.validation.height
    if n:
        return Found("held_out_loss", "pass", float(n), f"{n:,} held-out rows for early stopping and the best checkpoint")
    return Found("held_out_loss", "fail", 0.0, "no validation rows: no early stopping, no best checkpoint", "", "set mix.split.validation, or train.evaluations to 0")
