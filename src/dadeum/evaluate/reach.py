"""What a true difference has to be for a comparison to find it: as far as the interval will reach, and a bit more for bad luck.

A difference is called where it exceeds the reach of its interval. Both vary: the difference by chance, the reach because the next comparison
estimates its spread anew, with few clusters or trainings badly. The smallest difference that is found with a chance of 80 % is
therefore the 80 % point of `reach + noise`, drawn DRAWS times: the noncentral t for one source of chance, and what has no closed form for
two. Where the spread itself is an estimate (after a proof) it is drawn too, as its sampling distribution has it (a fiducial draw: what true
spread would have given this estimate?). With the normal quantiles alone, 1.96 + 0.84 errors, 12 clusters found the promised
effect in 6 of 10 worlds and three trainings in 4 of 10.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

DRAWS: Final = 20_000
"""The 80 % point is then sure to 1 % of an error."""


@dataclass(frozen=True)
class Part:
    """One source of chance in a difference, items or trainings.

    deviation: of the difference by it. reach: half the width of the interval by it alone. df: degrees of freedom of its estimate.
    """

    deviation: float
    reach: float
    df: float


def promised(parts: Sequence[Part], power: float, *, known: bool) -> float:
    """The smallest true difference that such a comparison finds with chance `power`; squares of reaches add.

    known: the deviations are the true ones (an assumption before anything is measured), not estimates.

    >>> round(promised([Part(1.0, 1.96, 1e9)], 0.8, known=True), 1)
    2.8
    >>> round(promised([Part(1.0, 2.2, 11)], 0.8, known=True), 1), round(promised([Part(1.0, 2.2, 11)], 0.8, known=False), 1)
    (3.1, 3.3)
    """
    reach, noise = np.zeros(DRAWS), np.zeros(DRAWS)
    for i, part in enumerate(parts):
        truth = 1.0 if known else 1 / _spread(part.df, 2 * i)
        reach += part.reach**2 * truth * _spread(part.df, 2 * i + 1)
        noise += part.deviation**2 * truth
    # "higher": between two draws without a limit nothing can be interpolated.
    return float(np.quantile(np.sqrt(reach) + np.sqrt(noise) * _normal(), power, method="higher"))


@cache
def _normal() -> np.ndarray:
    return np.random.Generator(np.random.PCG64(0)).standard_normal(DRAWS)


@cache
def _spread(df: float, which: int) -> np.ndarray:
    """Estimates of a variance of one with so many degrees of freedom."""
    return np.random.Generator(np.random.PCG64([1, which])).chisquare(df, DRAWS) / df
