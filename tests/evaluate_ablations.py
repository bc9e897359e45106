"""The study behind the p of an ablation: six steps left out once each, and the four ways in which the luck of training may enter (docs/proof.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from dadeum.evaluate import clusters, seeds
from dadeum.evaluate.compare import Arm
from dadeum.evaluate.compare import _reach as reach
from dadeum.evaluate.seeds import Component

STEPS: Final = 6
RULES: Final = ("welch", "student", "all", "few", "whole welch", "whole student", "whole all")


@dataclass(frozen=True)
class Study:
    """One arm with all steps and STEPS arms without one each. wider: which arms have three times the luck; effect: of the first step alone,
    in deviations of the latent score."""

    seeds: int = 3
    clusters: int = 300
    size: int = 1
    luck: float = 0.1
    wider: str = ""
    effect: float = 0.0

    def draw(self, rng: np.random.Generator) -> tuple[list[Arm], np.ndarray]:
        cluster = np.repeat(np.arange(self.clusters), self.size)
        n = len(cluster)
        hard = rng.normal(0, 0.8, n) + rng.normal(0, 0.6, self.clusters)[cluster]
        arms = []
        for k in range(STEPS + 1):
            more = {"one": k == STEPS, "without": k > 0, "with": k == 0}.get(self.wider, False)
            luck = rng.normal(0, self.luck * (3 if more else 1), (self.seeds, 1))
            own = rng.normal(0, 0.4, (self.seeds, self.clusters))[:, cluster] + rng.normal(0, 0.6, (self.seeds, n))
            arms.append(Arm(str(k), (hard - (self.effect if k == 1 else 0) + luck + own > 0).astype(float)))
        return arms, cluster


def called(study: Study, runs: int, seed: int = 0) -> dict[str, float]:
    """For each rule how often a step is called: any of a null's, the one that has the effect."""
    rng, hits = np.random.default_rng(seed), dict.fromkeys(RULES, 0)
    for _ in range(runs):
        arms, cluster = study.draw(rng)
        for rule, told in _called(arms, cluster).items():
            hits[rule] += told[0] if study.effect else any(told)
    return {rule: n / runs for rule, n in hits.items()}


def _called(arms: list[Arm], cluster: np.ndarray) -> dict[str, list[bool]]:
    """Whether each step is called by each rule, at a level of 5 % over all steps (Holm's first step)."""
    ones, code = np.ones(len(cluster)), clusters.codes(cluster.tolist(), len(cluster))
    count = len(arms[0].scores)
    lucks, wholes = [], []
    for arm in arms:
        whole, own = seeds.between(arm.scores, ones, code)
        lucks.append(max(whole - own, seeds.FLOOR * whole) / count)
        wholes.append(whole / count)
    found: dict[str, list[bool]] = {rule: [] for rule in RULES}
    for k in range(1, len(arms)):
        # The items by Student's t: `compare` adds the bootstrap and sign flips, which call less.
        table = clusters.sums(arms[0].scores.mean(0) - arms[k].scores.mean(0), ones, code)
        gap, error, df = abs(clusters.ratio(table)), clusters.error(table), len(table) - 1
        parts = {"few": Component(lucks[0] + lucks[k], count - 1)}
        for prefix, own_luck in (("", lucks), ("whole ", wholes)):
            pair = own_luck[0] + own_luck[k]
            parts[f"{prefix}welch"] = Component(pair, pair**2 / sum(v**2 / (count - 1) for v in (own_luck[0], own_luck[k])) if pair else 1.0)
            parts[f"{prefix}student"] = Component(pair, 2 * (count - 1))
            parts[f"{prefix}all"] = Component(2 * float(np.mean(own_luck)), len(arms) * (count - 1))
        for rule, luck in parts.items():
            found[rule].append(gap > reach(error, df, luck, 0.05 / STEPS))
    return found


STUDIES: Final = {
    **{
        f"{luck} luck, {shape}, {count} seeds{', ' + name if name else ''}": Study(count, clusters=n, size=m, luck=luck, wider=wider)
        for luck in (0.1, 0.4)
        for shape, n, m, count in (("300 items", 300, 1, 3), ("60 clusters of 5", 60, 5, 3), ("300 items", 300, 1, 5))
        for wider, name in (("", ""), ("one", "wider in one"), ("without", "wider without"), ("with", "wider with"))
        if wider in ("", "one") or (n, count) == (300, 3)
    },
    "an effect of 0.6, 3 seeds": Study(3, effect=0.6),
    "an effect of 0.6, 5 seeds": Study(5, effect=0.6),
}


def table(runs: int) -> str:
    """How often each rule calls, in percent, a line a world."""
    lines = ["| world | " + " | ".join(RULES) + " |", "|---|" + "---|" * len(RULES)]
    for name, study in STUDIES.items():
        told = called(study, runs)
        lines.append(f"| {name} | " + " | ".join(f"{100 * told[rule]:.1f}" for rule in RULES) + " |")
        print(lines[-1], flush=True)
    return "\n".join(lines)
