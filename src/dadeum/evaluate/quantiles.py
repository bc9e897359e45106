"""The few distributions that the statistics need: normal, Student's t, binomial. Written here, so that the core needs no SciPy.

Student's t by the incomplete beta function, as a continued fraction evaluated by Lentz's method (Press et al., Numerical Recipes,
6.4); its quantile by Newton's method. Checked against tables, and against SciPy where that is installed.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

Z = 1.959964
"""The normal quantile of 97.5 %."""
LARGE = 1e6
"""Degrees of freedom from which Student's t is the normal distribution to nine digits."""


def normal_quantile(share: float) -> float:
    """The point below which a standard normal variable falls with probability `share`, 0 < share < 1.

    >>> round(normal_quantile(0.975), 4)
    1.96
    """
    return NormalDist().inv_cdf(share)


def t_tail(t: float, df: float) -> float:
    """P(|T| >= |t|) of Student's t with `df` > 0 degrees of freedom, which need not be whole (two sided).

    >>> round(t_tail(2.228, 10), 3)
    0.05
    """
    if math.isinf(t):
        return 0.0
    if df >= LARGE:
        return math.erfc(abs(t) / math.sqrt(2))
    square = t * t
    return _incomplete_beta(df / (df + square), square / (df + square), df / 2, 0.5)


def t_quantile(share: float, df: float) -> float:
    """The point below which Student's t with `df` > 0 falls with probability `share`, 0 < share < 1.

    >>> round(t_quantile(0.975, 2), 3)
    4.303
    """
    if share < 0.5:
        return -t_quantile(1 - share, df)
    if df >= LARGE:
        return normal_quantile(share)
    if share == 0.5:
        return 0.0
    tail = 2 * (1 - share)
    front = math.lgamma((df + 1) / 2) - math.lgamma(df / 2) - math.log(df * math.pi) / 2
    # Newton on logarithms of both: the tail of a t is a power, so a straight line there. It starts below the answer.
    t = normal_quantile(share)
    for _ in range(100):
        here = t_tail(t, df)
        slope = 2 * math.exp(front - (df + 1) / 2 * math.log1p(t * t / df)) * t / here
        step = (math.log(here) - math.log(tail)) / slope
        t *= math.exp(min(step, 50.0))
        if abs(step) < 1e-13:
            break
    return t


def binomial(n: int, p: float) -> np.ndarray:
    """P(X = 0 .. n) of a binomial variable: n + 1 probabilities.

    >>> binomial(2, 0.5).tolist()
    [0.25, 0.5, 0.25]
    """
    if p <= 0 or p >= 1:
        out = np.zeros(n + 1)
        out[n if p >= 1 else 0] = 1
        return out
    k = np.arange(n + 1)
    logs = np.cumsum(np.log(np.arange(1, n + 1))) if n else np.zeros(0)
    factorial = np.concatenate([[0.0], logs])
    odds = factorial[n] - factorial[k] - factorial[n - k] + k * math.log(p) + (n - k) * math.log1p(-p)
    chances = np.exp(odds)
    return chances / chances.sum()


def _incomplete_beta(x: float, rest: float, a: float, b: float) -> float:
    """Regularised incomplete beta I_x(a, b); `rest` is 1 - x, given apart because it may be lost to rounding."""
    if x <= 0:
        return 0.0
    if rest <= 0:
        return 1.0
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log(rest))
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(x, a, b) / a
    return 1 - front * _fraction(rest, b, a) / b


def _fraction(x: float, a: float, b: float) -> float:
    tiny = 1e-300
    c, d = 1.0, 1 - (a + b) * x / (a + 1)
    d = 1 / (d if abs(d) > tiny else tiny)
    value = d
    for m in range(1, 10_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for step in (even, odd):
            d = 1 + step * d
            c = 1 + step / c
            d = 1 / (d if abs(d) > tiny else tiny)
            c = c if abs(c) > tiny else tiny
            value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return value


def wilson(hits: int, n: int, z: float = Z) -> tuple[float | None, float | None]:
    """The 95 % interval of a share (Wilson 1927), or that of another `z`. Null for n = 0.

    >>> [round(x, 3) for x in wilson(10, 10)]
    [0.722, 1.0]
    """
    if not n:
        return None, None
    p, z2 = hits / n, z * z
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = z / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    return (middle - half if hits else 0.0), (middle + half if hits < n else 1.0)
