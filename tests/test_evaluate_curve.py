"""The learning curve's law: worlds whose law is known, and what must always hold."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np
import pytest

from dadeum.evaluate.compare import Arm
from dadeum.evaluate.curve import Size, law, outlook

ROWS = (75, 500, 1000, 2000)
LAWS: dict[str, Callable[[float], float]] = {
    "power": lambda n: 0.95 - 0.9 * n**-0.3,
    "steep power": lambda n: 0.9 - 4 * n**-0.6,
    "hungry power": lambda n: 0.95 - 2.5 * n**-0.3,
    "logarithm": lambda n: 0.3 + 0.07 * math.log(n),
    "plateau": lambda n: 0.85 - 0.4 * math.exp(-n / 150),
    "noise": lambda n: 0.7,
}


def world(
    rng: np.random.Generator, truth: Callable[[float], float], seeds: tuple[int, ...] = (3, 1, 1, 3), luck: float = 0.02, pilot: float = 1.0, items: int = 300
) -> tuple[list[Size], np.ndarray]:
    """Sizes of a world where so many rows score `truth` on average. Items have a difficulty, half of it their cluster's; a training has
    luck (`pilot` times as much at the smallest size)."""
    cluster = rng.integers(0, items // 5, items)
    hard = rng.normal(0, 0.8, items) + rng.normal(0, 0.6, items)[cluster]
    spread = math.sqrt(0.8**2 + 0.6**2 + 0.5**2)
    made = []
    for rows, count in zip(ROWS, seeds):
        aims = truth(rows) + rng.normal(0, luck * (pilot if rows == ROWS[0] else 1), count)
        levels = [spread * NormalDist().inv_cdf(min(max(aim, 0.002), 0.998)) for aim in aims]
        made.append(Size(rows, Arm(str(rows), np.array([(hard + rng.normal(0, 0.5, items) + level > 0).astype(float) for level in levels]))))
    return made, cluster


def coverage(truth: Callable[[float], float], runs: int, seed: int, **more: object) -> tuple[float, float, float]:
    """(share of intervals that hold the true gain of the next doubling, share called "more data helps", share "not what is missing")."""
    rng, gain = np.random.default_rng(seed), truth(2 * ROWS[-1]) - truth(ROWS[-1])
    hits, words = 0, []
    for _ in range(runs):
        sizes, cluster = world(rng, truth, **more)  # type: ignore[arg-type]
        told = law(sizes, cluster)
        # A curve that has ended gains nothing; a power law gains less than anybody could see.
        hits += told.low - 0.0025 <= gain <= told.high
        words.append(outlook(told, 0.05))
    return hits / runs, words.count("more data helps") / runs, words.count("data is not what is missing") / runs


@pytest.mark.parametrize("name", ["power", "noise"])
def test_the_interval_holds_the_true_gain(name: str) -> None:
    held, _, _ = coverage(LAWS[name], 60, seed=5)
    assert held >= 0.88  # 95 % of 60 runs fall below once in 60 worlds


@pytest.mark.night
@pytest.mark.parametrize("more", [{}, {"luck": 0.0}, {"pilot": 3.0}, {"seeds": (2, 1, 1, 2)}, {"seeds": (3, 3, 3, 3)}, {"luck": 0.05, "seeds": (5, 1, 1, 5)}], ids=str)
@pytest.mark.parametrize("name", LAWS)
def test_the_interval_holds_the_true_gain_at_night(name: str, more: dict[str, object]) -> None:
    held, helps, missing = coverage(LAWS[name], 300, seed=6, **more)
    print(f"{name} {more}: held {held:.3f}, more data helps {helps:.2f}, not what is missing {missing:.2f}")
    assert held >= 0.91
    if name == "noise":
        assert helps <= 0.05


def test_the_law_is_found_where_there_is_no_noise() -> None:
    items = np.tile([0.0, 1.0], 50)[None]
    sizes = [Size(n, Arm(str(n), items + 0.4 - 4 * n**-0.6)) for n in ROWS]
    told = law(sizes)
    # The exponents tried lie 8 % apart.
    assert told.gain == pytest.approx(4 * 2000**-0.6 * (1 - 2**-0.6), rel=0.08)
    assert told.exponent == pytest.approx(0.6, rel=0.1) and told.at(1000) == pytest.approx(0.9 - 4 * 1000**-0.6, abs=0.002)


def test_losses_fall_as_scores_rise() -> None:
    rng = np.random.default_rng(0)
    sizes, cluster = world(rng, LAWS["power"])
    up = law(sizes, cluster)
    down = law([Size(s.rows, Arm(s.arm.name, 1 - s.arm.scores)) for s in sizes], cluster, higher_is_better=False)
    assert (down.gain, down.low, down.high) == pytest.approx((up.gain, up.low, up.high))
    assert 1 - down.at(700, False) == pytest.approx(up.at(700))


def test_order_of_sizes_and_items_is_of_no_account() -> None:
    sizes, cluster = world(np.random.default_rng(1), LAWS["logarithm"])
    told = law(sizes, cluster)
    order = np.random.default_rng(2).permutation(len(cluster))
    mixed = law([Size(s.rows, Arm(s.arm.name, s.arm.scores[:, order])) for s in reversed(sizes)], cluster[order])
    assert (mixed.gain, mixed.low, mixed.high) == pytest.approx((told.gain, told.low, told.high))


def test_items_drawn_again_vary_as_the_jackknife_says() -> None:
    """The slow twin: clusters drawn with replacement, the means of the sizes taken anew."""
    from dadeum.evaluate.curve import _items

    rng = np.random.default_rng(3)
    sizes, cluster = world(rng, LAWS["power"])
    means = np.stack([s.arm.scores.mean(0) for s in sizes])
    told = _items(means, np.ones(len(cluster)), np.unique(cluster, return_inverse=True)[1])
    members = [np.flatnonzero(cluster == c) for c in np.unique(cluster)]
    drawn = np.array([means[:, np.concatenate([members[i] for i in rng.integers(0, len(members), len(members))])].mean(1) for _ in range(4000)])
    assert told == pytest.approx(np.cov(drawn.T), rel=0.12)


def test_one_training_each_says_nothing_of_luck() -> None:
    sizes, cluster = world(np.random.default_rng(4), LAWS["noise"], seeds=(1, 1, 1, 1))
    assert not law(sizes, cluster).known and outlook(law(sizes, cluster), 0.05) == "cannot tell"


def test_two_sizes_are_no_curve() -> None:
    sizes, cluster = world(np.random.default_rng(4), LAWS["noise"])
    with pytest.raises(ValueError, match="3 sizes or more"):
        law(sizes[:2], cluster)
    with pytest.raises(ValueError, match="all different"):
        law([*sizes[:3], sizes[0]], cluster)
