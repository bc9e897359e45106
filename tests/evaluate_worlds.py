"""Simulated trainings with known truth: what the tests of the paired comparison draw their samples from."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache
from statistics import NormalDist
from typing import Literal, get_args

import numpy as np

from dadeum.evaluate import power
from dadeum.evaluate.compare import Arm, compare, holm


@dataclass(frozen=True)
class World:
    """Two arms answer the same items. An item has a difficulty, a cluster shares some of it; a training has luck of its own in
    general (`luck`), on a cluster and on an item. `effect` is the true advantage of the first arm, in deviations of difficulty."""

    seeds: int = 3
    clusters: int = 100
    size: int = 1
    uneven: bool = False
    luck: float = 0.2
    effect: float = 0.0
    kind: str = "binary"
    fixed: bool = False

    def draw(self, rng: np.random.Generator) -> tuple[Arm, Arm, np.ndarray]:
        sizes = rng.geometric(1 / self.size, self.clusters) if self.uneven else np.full(self.clusters, self.size)
        cluster = np.repeat(np.arange(self.clusters), sizes)
        n = len(cluster)
        difficulty = rng.normal(0, 0.8, n) + rng.normal(0, 0.6, self.clusters)[cluster]
        arms = []
        for name, effect in (("a", self.effect), ("b", 0.0)):
            fixed = self.fixed and name == "b"
            seeds = 1 if fixed else self.seeds
            general = 0.0 if fixed else rng.normal(0, self.luck, (seeds, 1)) if self.luck else np.zeros((seeds, 1))
            latent = difficulty + effect + general + rng.normal(0, 0.4, (seeds, self.clusters))[:, cluster] + rng.normal(0, 0.6, (seeds, n))
            scores = (latent > 0).astype(float) if self.kind == "binary" else np.exp(latent) if self.kind == "skewed" else latent
            arms.append(Arm(name, scores, fixed=fixed))
        return arms[0], arms[1], cluster

    def called(self, runs: int, seed: int = 0, resamples: int = 399) -> float:
        """The share of runs that are called different at level 0.05."""
        rng = np.random.default_rng(seed)
        hits = 0
        for _ in range(runs):
            a, b, cluster = self.draw(rng)
            hits += compare(a, b, cluster, binary=self.kind == "binary", resamples=resamples).p <= 0.05
        return hits / runs


@dataclass(frozen=True)
class Items:
    """Right and wrong answers of models and the base, as the forecast of `check` assumes them (power.smallest): so many items discordant, in
    clusters so far alike, of what a training changes a part its own luck, and one training better than another by `power.LUCK`."""

    items: int
    seeds: int = 1
    clusters: int = 0
    uneven: bool = False
    correlation: float = 0.0
    discordant: float = 0.2

    def sizes(self) -> list[int] | None:
        """Items of each cluster; uneven ones as the weights 1, 2 .. 5 in turn."""
        if not self.clusters:
            return None
        share = 1.0 + np.arange(self.clusters) % 5 if self.uneven else np.ones(self.clusters)
        ends = np.round(np.cumsum(share) / share.sum() * self.items).astype(int)
        return np.diff(ends, prepend=0).tolist()

    def smallest(self, level: float) -> float:
        """What the forecast promises."""
        found = power.smallest(self.items, discordant=self.discordant, level=level, sizes=self.sizes(), correlation=self.correlation, seeds=self.seeds)
        return 1.0 if found is None else found

    def draw(self, rng: np.random.Generator, difference: float) -> tuple[Arm, Arm, np.ndarray]:
        sizes = self.sizes()
        cluster = np.arange(self.items) if sizes is None else np.repeat(np.arange(self.clusters), sizes)
        n, apart = self.items, max(self.discordant, difference)
        own = power.OWN * apart if self.seeds > 1 else 0.0
        # Where items of a cluster go together each takes its cluster's draw with probability sqrt(correlation), two of them both with that squared.
        with_cluster = rng.random(n) < math.sqrt(self.correlation)
        common, alone = rng.random(cluster.max() + 1), rng.random(n)
        steady = np.where(with_cluster, common[cluster], alone) < apart - own
        own_share = own / (1 - apart + own)
        # Which arm wins is settled by the cluster too.
        first, second = rng.random(cluster.max() + 1), rng.random(n)
        toss = np.where(with_cluster, first[cluster], second)
        lines, base = [], (toss > (apart + difference) / 2 / apart).astype(float)
        for _ in range(self.seeds):
            luck = rng.normal(0, power.LUCK) if self.seeds > 1 else 0.0
            differs = steady | (rng.random(n) < own_share)
            line = np.where(differs, 1 - base, base)
            # Luck: a few more items are won than this, or lost.
            moved = rng.random(n) < abs(luck) / np.maximum(1e-9, np.mean(line == (0 if luck > 0 else 1)))
            lines.append(np.where(moved & (line == (0 if luck > 0 else 1)), 1 - line, line))
        return Arm("a", np.array(lines)), Arm("b", base[None], fixed=True), cluster


@dataclass(frozen=True)
class Planted:
    """A world of the matrix, and how many comparisons are made at once (corrected by Holm; `shared`: with the same first arm).

    Promised is the effect that is to be found with a chance of 80 %: of Items what `check` forecasts; of a World what `prove` tells of a first
    draw as its smallest difference, and it has to be found in a second draw.
    """

    world: World | Items
    comparisons: int = 1
    shared: bool = False


MATRIX = {
    "26 items, one model against the base": Planted(Items(26)),
    "60 items, one model against the base": Planted(Items(60)),
    "200 items, one model against the base": Planted(Items(200)),
    "1,000 items, one model against the base": Planted(Items(1000)),
    "200 items, three models against the base": Planted(Items(200, seeds=3)),
    "8 clusters of 25, one model": Planted(Items(200, clusters=8, correlation=0.1)),
    "400 items in 20 uneven clusters, one model": Planted(Items(400, clusters=20, uneven=True, correlation=0.1)),
    "400 items in 20 uneven clusters, three models": Planted(Items(400, clusters=20, uneven=True, correlation=0.1, seeds=3)),
    "8 slices of 200 items": Planted(Items(200), comparisons=8),
    "3 suites of 200 items": Planted(Items(200), comparisons=3),
    "60 clusters of 5, 3 seeds": Planted(World(seeds=3, clusters=60, size=5, luck=0.1)),
    "12 uneven clusters, 3 seeds": Planted(World(seeds=3, clusters=12, size=8, uneven=True, kind="normal")),
    "20 uneven skewed clusters, 3 seeds": Planted(World(seeds=3, clusters=20, size=6, uneven=True, kind="skewed")),
    "30 uneven skewed clusters, one model": Planted(World(seeds=1, clusters=30, size=6, uneven=True, kind="skewed", luck=0.0, fixed=True)),
    "100 skewed items, 3 seeds": Planted(World(seeds=3, kind="skewed")),
    "100 skewed items, 5 seeds": Planted(World(seeds=5, kind="skewed", luck=0.1)),
    "300 items, 3 seeds, much luck": Planted(World(seeds=3, clusters=300, luck=0.4, kind="normal")),
    "300 items, 5 seeds, 6 steps left out": Planted(World(seeds=5, clusters=300, luck=0.1), comparisons=6, shared=True),
}
Effect = Literal["gain", "null", "promised", "large"]
"""Planted is nothing (gain: how often the first arm is called better; null: how often either is), the promised effect, or a large one."""
EFFECTS: tuple[Effect, ...] = get_args(Effect)
LARGE = 2.0
"""A large effect is so many times the promised one."""


TIMES = 40
"""Of items by themselves, whose p hangs on counts alone and is kept, so many times the runs are drawn."""


def cell(name: str, effect: Effect, runs: int, seed: int = 0, resamples: int = 999) -> float:
    """How often a difference is called (with several comparisons of a null: any of them; of an effect: the one that has it)."""
    planted, rng = MATRIX[name], np.random.default_rng(seed)
    counted = isinstance(planted.world, Items) and not planted.world.clusters and planted.world.seeds == 1
    found = [_called(planted, effect, rng, resamples) for _ in range(runs * (TIMES if counted else 1))]
    told = [one for one in found if one is not None]
    return sum(told) / len(told) if told else math.nan


def _called(planted: Planted, effect: Effect, rng: np.random.Generator, resamples: int) -> bool | None:
    """None where the scale has no room for the effect: nothing was promised."""
    world, several, nothing = planted.world, planted.comparisons, effect in ("gain", "null")
    if isinstance(world, Items):
        aim = 0.0 if nothing else min(1.0, _forecast(world, 0.05 / several) * (LARGE if effect == "large" else 1))
        drawn = [world.draw(rng, aim if k == 0 else 0.0) for k in range(several)]
        ps = [_p(a, b, cluster, True, False, resamples) for a, b, cluster in drawn]
        better = [a.scores.mean() > b.scores.mean() for a, b, _ in drawn]
    else:
        binary = world.kind == "binary"
        aim = 0.0
        if not nothing:
            first, others, cluster = _worlds(world, several, rng, 0.0)
            told = compare(first, others[0], cluster, binary=binary, whole=planted.shared, resamples=resamples).promise(0.8, 0.05 / several)
            aim = told * (LARGE if effect == "large" else 1)
            if not math.isfinite(aim) or (binary and aim >= 0.5):
                return None
        first, others, cluster = _worlds(world, several, rng, aim)
        ps = [_p(first, other, cluster, binary, planted.shared, resamples) for other in others]
        better = [first.scores.mean() > other.scores.mean() for other in others]
    called = [p <= 0.05 for p in holm(ps)]
    if effect == "gain":
        return any(p and up for p, up in zip(called, better))
    return any(called) if effect == "null" else called[0]


def _p(a: Arm, b: Arm, cluster: np.ndarray, binary: bool, whole: bool, resamples: int) -> float:
    if binary and len(a.scores) == len(b.scores) == 1 and len(set(cluster.tolist())) == len(cluster):
        gap = a.scores[0] - b.scores[0]
        return power._p(len(gap), int((gap > 0).sum()), int((gap < 0).sum()))
    return compare(a, b, cluster, binary=binary, whole=whole, resamples=resamples).p


@cache
def _forecast(world: Items, level: float) -> float:
    return world.smallest(level)


def _worlds(world: World, comparisons: int, rng: np.random.Generator, difference: float) -> tuple[Arm, list[Arm], np.ndarray]:
    """One arm and those it is compared with, on the same items; the difference lies between it and the first of them alone.

    Of scores that are no right and wrong it is added; right and wrong answers have a normal latent, which is moved as far as it takes.
    """
    if comparisons == 1:
        spread = math.sqrt(0.8**2 + 0.6**2 + 0.4**2 + 0.6**2 + world.luck**2)
        moved = replace(world, effect=spread * NormalDist().inv_cdf(0.5 + difference)) if world.kind == "binary" else world
        a, b, cluster = moved.draw(rng)
        return (a if world.kind == "binary" else Arm("a", a.scores + difference)), [b], cluster
    effect = math.sqrt(1 + 0.7**2 + world.luck**2) * NormalDist().inv_cdf(0.5 + difference)
    n = world.clusters
    hard = rng.normal(0, 1, n)

    def arm(name: str, effect: float) -> Arm:
        latent = hard + effect + rng.normal(0, world.luck, (world.seeds, 1)) + rng.normal(0, 0.7, (world.seeds, n))
        return Arm(name, (latent > 0).astype(float))

    first = arm("with", effect)
    return first, [arm("without", 0.0), *(arm(f"without {k}", effect) for k in range(1, comparisons))], np.arange(n)
