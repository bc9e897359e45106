"""Simulated trainings with known truth: what the tests of the paired comparison draw their samples from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dadeum.evaluate.compare import Arm, compare


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
