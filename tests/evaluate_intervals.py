"""Which interval holds the truth: worlds with few, unlike, skewed clusters, rare or tied differences, and six ways to an interval (docs/proof.md)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np

from dadeum.evaluate import clusters, resample
from dadeum.evaluate.quantiles import t_quantile

DRAWS: Final = 999
Interval = tuple[float, float]


@dataclass(frozen=True)
class World:
    """Paired differences in clusters. pairs: binary, skewed and normal are two arms' scores; one-sided, exponential, rare and ties the differences
    themselves."""

    kind: str
    clusters: int
    size: int = 1

    @property
    def binary(self) -> bool:
        return self.kind in ("binary", "rare")

    def draw(self, rng: np.random.Generator) -> tuple[np.ndarray, float]:
        """(table of cluster sums, true mean)."""
        sizes = rng.geometric(1 / self.size, self.clusters)
        cluster = np.repeat(np.arange(self.clusters), sizes)
        n, shared = len(cluster), rng.normal(0, 1, self.clusters)[cluster]
        truth = 0.0
        if self.kind == "exponential":
            gap = rng.exponential(1, n) - 1
        elif self.kind == "one-sided":
            gap = np.exp(0.7 * shared + rng.normal(0, 0.7, n)) - math.exp(0.49)
        elif self.kind == "rare":
            chance, u = rng.beta(0.5, 4.5, self.clusters)[cluster], rng.random(n)
            gap, truth = (u < chance) - (u > 0.98) * 1.0, 0.08
        elif self.kind == "ties":
            gap = np.round(rng.normal(0, 0.6, n) + 0.3 * shared)
        else:
            hard = rng.normal(0, 0.8, n) + 0.6 * shared
            latents = [hard + rng.normal(0, 0.4, self.clusters)[cluster] + rng.normal(0, 0.6, n) for _ in range(2)]
            one, other = (x > 0.0 if self.binary else np.exp(x) if self.kind == "skewed" else x for x in latents)
            gap = np.subtract(one, other, dtype=np.float64)
        return clusters.sums(gap, np.ones(n), cluster), truth


WORLDS: Final = {
    "normal, 30": World("normal", 30),
    "normal, 10 uneven clusters": World("normal", 10, 6),
    "normal, 30 uneven": World("normal", 30, 6),
    **{f"skewed scores, {n} uneven": World("skewed", n, 6) for n in (12, 20, 30, 60)},
    **{f"one-sided differences, {n} uneven": World("one-sided", n, 6) for n in (12, 30, 60)},
    "exponential, 30": World("exponential", 30),
    "exponential, 100": World("exponential", 100),
    "binary, 60": World("binary", 60),
    "binary, 12 uneven": World("binary", 12, 6),
    "binary, 30 uneven": World("binary", 30, 6),
    "rare gains, 30 uneven": World("rare", 30, 6),
    "ties, 26": World("ties", 26),
    "ties, 30 uneven": World("ties", 30, 6),
}


def intervals(plain: np.ndarray, binary: bool, rng: np.random.Generator) -> dict[str, Interval]:
    """Of one sample by every method; `both` is what a comparison takes."""
    table = np.vstack([plain, [[1.0, 1.0], [-1.0, 1.0]]]) if binary else plain
    count, centre, error = len(table), clusters.ratio(table), clusters.error(table)
    drawn = table[rng.integers(0, count, (DRAWS, count))].sum(1)
    means = drawn[:, 0] / drawn[:, 1]
    made: dict[str, Interval] = {}
    for name, df in (("t", len(plain) - 1.0), ("t, freedom by moments", clusters.freedom(plain))):
        half = t_quantile(0.975, df) * error
        made[name] = (centre - half, centre + half)
    made["percentile"] = tuple(np.quantile(means, [0.025, 0.975]))
    made["BCa"] = _bca(table, means, centre)
    floor = math.sqrt(2) / table[:, 1].sum() if binary else 0.0
    made["studentised"] = resample.studentised(table, 0.05, DRAWS, int(rng.integers(1 << 30)), floor)
    made["flips"] = resample.flips(plain, 0.05, DRAWS, int(rng.integers(1 << 30)))[1:]
    made["both"] = (min(made["studentised"][0], made["flips"][0]), max(made["studentised"][1], made["flips"][1]))
    return made


def _bca(table: np.ndarray, means: np.ndarray, centre: float) -> Interval:
    """Bias-corrected and accelerated (Efron 1987)."""
    normal, total = NormalDist(), table.sum(0)
    bias = normal.inv_cdf(min(max((means < centre).mean() + (means == centre).mean() / 2, 1 / DRAWS), 1 - 1 / DRAWS))
    left = (total[0] - table[:, 0]) / (total[1] - table[:, 1])
    apart = left.mean() - left
    speed = (apart**3).sum() / 6 / (apart**2).sum() ** 1.5 if apart.any() else 0.0
    ends = [normal.cdf(bias + (bias + z) / (1 - speed * (bias + z))) for z in (-1.96, 1.96)]
    return tuple(np.quantile(means, ends))  # type: ignore[return-value]


def table(runs: int) -> str:
    """Percent of intervals at 95 % that missed, and their median width as a multiple of t's, a line a world."""
    lines: list[str] = []
    for name, world in WORLDS.items():
        rng, missed, widths = np.random.default_rng(11), dict[str, int](), dict[str, list[float]]()
        for _ in range(runs):
            sample, truth = world.draw(rng)
            for method, (low, high) in intervals(sample, world.binary, rng).items():
                missed[method] = missed.get(method, 0) + (not low <= truth <= high)
                widths.setdefault(method, []).append(high - low)
        if not lines:
            lines += ["| world | " + " | ".join(missed) + " |", "|---|" + "---|" * len(missed)]
        told = [f"{100 * missed[m] / runs:.1f} ({np.median(widths[m]) / np.median(widths['t']):.2f})" for m in missed]
        lines.append(f"| {name} | {' | '.join(told)} |")
        print(lines[-1], flush=True)
    return "\n".join(lines)
