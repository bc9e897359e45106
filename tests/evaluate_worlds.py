"""Simulated trainings with known truth: what the tests of the paired comparison draw their samples from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from dadeum.evaluate.compare import Arm, compare, holm
from dadeum.evaluate.power import smallest


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
class Planted:
    """A world of the matrix: how many comparisons are made at once (corrected by Holm), and which effects are planted in it.

    `promised` is the effect that power.smallest, or one arm's smallest difference, says is found with a chance of 80 %.
    """

    world: World | None = None
    items: int = 0
    discordant: float = 0.2
    comparisons: int = 1
    shared: bool = False
    effects: tuple[str, ...] = ("null", "large")


MATRIX = {
    "26 items, one model against the base": Planted(items=26, effects=("null", "promised", "large")),
    "60 items, one model against the base": Planted(items=60, effects=("null", "promised", "large")),
    "200 items, one model against the base": Planted(items=200, effects=("null", "promised", "large")),
    "1,000 items, one model against the base": Planted(items=1000, effects=("null", "promised", "large")),
    "200 items, 8 slices": Planted(items=200, comparisons=8, effects=("null", "large")),
    "200 items, 3 suites": Planted(items=200, comparisons=3, effects=("null", "large")),
    "60 clusters of 5, 3 seeds": Planted(World(seeds=3, clusters=60, size=5)),
    "12 uneven clusters, 3 seeds": Planted(World(seeds=3, clusters=12, size=8, uneven=True)),
    "20 uneven skewed clusters, 3 seeds": Planted(World(seeds=3, clusters=20, size=6, uneven=True, kind="skewed")),
    "100 skewed items, 3 seeds": Planted(World(seeds=3, kind="skewed")),
    "100 skewed items, 5 seeds": Planted(World(seeds=5, kind="skewed", luck=0.1)),
    "300 items, 3 seeds, much luck": Planted(World(seeds=3, clusters=300, luck=0.4)),
    "300 items, 3 seeds, 6 steps left out": Planted(World(seeds=3, clusters=300, luck=0.1), comparisons=6, shared=True),
}


def cell(name: str, effect: str, runs: int, seed: int = 0) -> float:
    """How often a difference is called (with several comparisons of a null: any of them; of an effect: the one that has it)."""
    planted, rng = MATRIX[name], np.random.default_rng(seed)
    return sum(_called(planted, effect, rng) for _ in range(runs)) / runs


def _called(planted: Planted, effect: str, rng: np.random.Generator) -> bool:
    ps = []
    if planted.world is None:
        for k in range(planted.comparisons):
            aim = _aim(planted, effect) if k == 0 else 0.0
            a, b = _answers(rng, planted.items, max(planted.discordant, aim), aim)
            ps.append(compare(Arm("a", a[None]), Arm("b", b[None], fixed=True), binary=True, resamples=399).p)
    else:
        size = {"null": 0.0, "large": 1.6}[effect]
        first, others, cluster = _worlds(replace(planted.world, effect=size), planted.comparisons, rng)
        binary = planted.world.kind == "binary"
        ps = [compare(first, other, cluster, binary=binary, alike=planted.shared, resamples=399).p for other in others]
    corrected = holm(ps)
    return (min(corrected) if effect == "null" else corrected[0]) <= 0.05


def _worlds(world: World, comparisons: int, rng: np.random.Generator) -> tuple[Arm, list[Arm], np.ndarray]:
    """One arm and those it is compared with, on the same items; the effect lies between it and the first of them alone."""
    if comparisons == 1:
        a, b, cluster = world.draw(rng)
        return a, [b], cluster
    n = world.clusters
    hard = rng.normal(0, 1, n)

    def arm(name: str, effect: float) -> Arm:
        latent = hard + effect + rng.normal(0, world.luck, (world.seeds, 1)) + rng.normal(0, 0.7, (world.seeds, n))
        return Arm(name, (latent > 0).astype(float))

    first = arm("with", world.effect)
    return first, [arm("without", 0.0), *(arm(f"without {k}", world.effect) for k in range(1, comparisons))], np.arange(n)


@cache
def _aim(planted: Planted, effect: str) -> float:
    small = smallest(planted.items, discordant=planted.discordant) or 1.0
    return {"null": 0.0, "promised": small, "large": min(1.0, 2 * small)}[effect]


def _answers(rng: np.random.Generator, n: int, discordant: float, difference: float) -> tuple[np.ndarray, np.ndarray]:
    """Right and wrong of two arms that differ on a share of the items, one of them right more often there."""
    u, right = rng.random(n), (rng.random(n) < 0.5).astype(float)
    a, b = right.copy(), right.copy()
    won, lost = u < (discordant + difference) / 2, (u >= (discordant + difference) / 2) & (u < discordant)
    a[won], b[won], a[lost], b[lost] = 1, 0, 0, 1
    return a, b
