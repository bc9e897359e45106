"""proof.json: what every arm answered, scored, compared in pairs on the same items, and said in three words.

* A later arm is compared with every earlier one; p is corrected by Holm's rule over the pairs of one metric, and a verdict goes by the
  corrected p.
* An answer that cannot be made out counts as wrong for its arm and is counted apart; an item whose reference cannot be made
  out leaves, for all arms.
* Two trained arms with one training each differ by the luck of training too, and nothing in the data says by how much: with equal
  arms, items alone called them different in up to 82 % of simulated runs. Their verdict is "cannot tell"; `items_only`
  says what the items alone would. Against a fixed arm (the untuned base) one training does get a verdict: about this very model.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np

from dadeum.errors import DadeumError
from dadeum.evaluate import metrics, notes
from dadeum.evaluate.compare import Arm, Difference, compare, holm, mean, verdict
from dadeum.evaluate.metrics.label import confusion
from dadeum.evaluate.metrics.loss import Losses, per
from dadeum.settings import Prove

METHOD: Final = {
    "interval": "what neither the studentised paired bootstrap over clusters nor sign flips reject; variance between training seeds added where there are two or more",
    "test": "the larger p of the interval and of McNemar's mid-p (single right/wrong items) or sign flips of clusters",
    "correction": "Holm, over the pairs of one metric",
    "unscored": "counted as wrong in every comparison, and apart",
}
GREEDY: Final = "greedy, so the same model answers alike again and no interval holds luck of decoding; an address is asked once, at temperature 0: how far it would answer otherwise another time is not measured"
DRAWN: Final = "answers drawn at temperature {temperature:g}, a seed for each prompt and sample, the same for all local models; an item's score is the mean of its samples ({samples}). Decoding's variance lies within the error over items: share_of_decoding tells which part it is, and nothing is added for it"


@dataclass(frozen=True)
class Answers:
    """What one arm's models said to the items, in their order; a list for each training, one list alone for a fixed arm.

    A null reply is one that was refused. seeds: the trainings' seeds; () says that no training made this arm (the untuned base).
    losses: one for each training, or none at all. samples: how many answers to each item of one training were drawn, a list of replies for
    each, those of one training together; 0: the greedy answer.
    """

    name: str
    replies: Sequence[Sequence[str | None]]
    seeds: tuple[int, ...] = ()
    losses: Sequence[Losses] = ()
    samples: int = 0

    def __post_init__(self) -> None:
        trainings = max(1, len(self.seeds))
        if len(self.replies) != trainings * max(1, self.samples) or len(self.losses) not in (0, trainings):
            raise ValueError(
                f"arm {self.name}: {len(self.seeds)} seeds, {len(self.replies)} lists of replies, {len(self.losses)} of losses, {self.samples} samples"
            )


@dataclass(frozen=True)
class Scored:
    """One metric on the items that all arms share. scores: (seeds, items) of each arm; weights: of the items, None where all count alike."""

    key: str
    arms: tuple[Arm, ...]
    cluster: Sequence[Hashable | None] | None
    weights: np.ndarray | None = None


def proof(
    arms: Sequence[Answers],
    references: Sequence[str],
    prove: Prove,
    *,
    cluster: Sequence[Hashable | None] | None = None,
    task: str = "",
    seed: int = 0,
    headline: tuple[str, str] | None = None,
    beside: int = 0,
) -> dict[str, Any]:
    """The content of proof.json, ready for JSON (no number in it is infinite or NaN).

    arms: two or more, the one to be beaten first. cluster: a value for each item, equal ones belong together. headline: names (a, b)
    of the pair whose difference `a` minus `b` stands on top; by default the last arm against the first. beside: comparisons of other suites
    that these are corrected with (together.py): what can be found depends on them. Raises DadeumError
    when no item has a usable reference, ValueError when lengths disagree, RecipeError for settings that do not go together.

    >>> base, tuned = Answers("base", [["no"] * 40]), Answers("tuned", [["서울입니다"] * 40], seeds=(0,))
    >>> told = proof([base, tuned], ["서울"] * 40, Prove(resamples=999))
    >>> told["verdict"], told["difference"], told["arms"]["base"]["unscored"]
    ('better', 1.0, 0)
    """
    metrics.checked(prove)
    names = [arm.name for arm in arms]
    if len(arms) < 2 or len(set(names)) < len(names):
        raise ValueError(f"a proof needs two arms or more, each with its own name; got {names}")
    a, b = headline or (names[-1], names[0])
    if a not in names or b not in names or a == b:
        raise ValueError(f"headline: {a}, {b} are not two of the arms {names}")
    losses = _losses(arms, len(references), cluster)
    main, unscored = _main(arms, references, prove, cluster, losses)
    shared = [main, *(one for one in losses if one is not main)]
    listed = [row for metric in shared for row in _comparisons(metric, prove, seed, (a, b), beside if metric is main else 0)]
    top = next(row for row in listed if (row["a"], row["b"], row["metric"]) == (a, b, prove.metric))
    n = main.arms[0].scores.shape[1]
    samples = max(arm.samples for arm in arms)
    told: dict[str, Any] = {
        "task": task or prove.metric,
        "metric": prove.metric,
        "metric_name": metrics.METRICS[prove.metric].name,
        "n": n,
        "clusters": top["clusters"],
        "unusable_items": len(references) - n,
        "level": prove.level,
        "headline": [a, b],
        "arms": {arm.name: {} for arm in arms},
        **{k: top[k] for k in ("difference", "low", "high", "p", "p_corrected", "verdict", "items_only", "covers", "smallest_difference")},
        "seeds": list(next(arm.seeds for arm in arms if arm.name == a)),
        "comparisons": listed,
        "decoding": {"temperature": prove.temperature if samples else 0.0, "samples": max(1, samples)},
        "method": METHOD | {"decoding": DRAWN.format(temperature=prove.temperature, samples=samples) if samples else GREEDY},
    }
    for metric in shared:
        for arm in metric.arms:
            _arm(told["arms"][arm.name], arm, metric, prove, seed)
    for answers in arms:
        mine = told["arms"][answers.name]
        mine["seeds"] = list(answers.seeds)
        mine["unscored"] = sum(map(sum, unscored[answers.name]))
        mine["answers"] = len(answers.replies) * n
        if prove.metric == "label":
            said = [metrics.answer(reply) for replies in answers.replies for reply in replies]
            mine["confusion"] = confusion(said, [metrics.answer(one) or "" for one in references] * len(answers.replies), prove.labels)
    told["scored_by_both"] = _scored_by_both(main, unscored, a, b)
    told["notes"], told["notes_ko"] = notes.notes(told)
    return told


def scored(arms: Sequence[Answers], references: Sequence[str], prove: Prove, cluster: Sequence[Hashable | None] | None = None) -> Scored:
    """The arms' scores by the metric of the proof, on the items that all of them share. Raises as `proof` does."""
    metrics.checked(prove)
    losses = _losses(arms, len(references), cluster) if prove.metric in metrics.OF_LOSS else []
    return _main(arms, references, prove, cluster, losses)[0]


def readable(references: Sequence[str], prove: Prove) -> list[int]:
    """The places of the items whose reference the metric can read. Raises DadeumError where there is none."""
    kept = [i for i, good in enumerate(metrics.usable(prove, references)) if good]
    if not kept:
        raise DadeumError(
            f"none of the {len(references)} held-out items has a reference that the metric {prove.metric} can read; "
            "look at prove.labels, prove.answer_after and the last assistant turns of the held-out split"
        )
    return kept


def _main(
    arms: Sequence[Answers],
    references: Sequence[str],
    prove: Prove,
    cluster: Sequence[Hashable | None] | None,
    losses: Sequence[Scored],
) -> tuple[Scored, dict[str, list[list[bool]]]]:
    if prove.metric not in metrics.OF_LOSS:
        return _scored(arms, references, prove, cluster)
    main = next((one for one in losses if one.key == prove.metric), None)
    if main is None:
        raise DadeumError(f"the metric {prove.metric} needs held-out losses of every arm, on tokens that all of them share")
    return main, {arm.name: [[False] * main.arms[0].scores.shape[1]] * len(arm.replies) for arm in arms}


def _scored(
    arms: Sequence[Answers], references: Sequence[str], prove: Prove, cluster: Sequence[Hashable | None] | None
) -> tuple[Scored, dict[str, list[list[bool]]]]:
    """Scores of the items whose reference is usable, unscored answers as wrong; and which those were, by arm and list of replies."""
    kept = readable(references, prove)
    asked = [references[i] for i in kept]
    made, unscored = [], {}
    for arm in arms:
        lines = []
        for replies in arm.replies:
            if len(replies) != len(references):
                raise ValueError(f"arm {arm.name}: {len(replies)} replies for {len(references)} items")
            lines.append(metrics.score(prove, [replies[i] for i in kept], asked))
        unscored[arm.name] = [[s is None for s in line] for line in lines]
        worst = metrics.METRICS[prove.metric].worst
        scores = np.array([[worst if s is None else s for s in line] for line in lines], dtype=np.float64)
        drawn = scores.reshape(-1, arm.samples, len(kept)) if arm.samples else None
        made.append(Arm(arm.name, scores if drawn is None else drawn.mean(1), fixed=not arm.seeds, drawn=drawn))
    chosen = None if cluster is None else [cluster[i] for i in kept]
    return Scored(prove.metric, tuple(made), chosen), unscored


def _losses(arms: Sequence[Answers], n: int, cluster: Sequence[Hashable | None] | None) -> list[Scored]:
    """Held-out loss per byte, and per token where all arms have the same tokens, of the items that every model could read."""
    arms = [arm for arm in arms if arm.losses]  # an address, or a model asked with examples, tells none
    if len(arms) < 2:
        return []
    runs = [losses for arm in arms for losses in arm.losses]
    if any(len(losses.nats) != n for losses in runs):
        raise ValueError(f"losses of {sorted({len(losses.nats) for losses in runs})} items for {n}")
    made = []
    for unit in ("token", "byte"):
        weights = per(runs[0], unit)[1]
        if unit == "token" and any((per(losses, unit)[1] != weights).any() for losses in runs):
            continue
        nats = [np.asarray(losses.nats, dtype=np.float64) for losses in runs]
        kept = np.flatnonzero((weights > 0) & np.isfinite(nats).all(axis=0))
        if not len(kept):
            continue
        # The text is the same for all, so are its bytes: a tokenizer that loses characters must not gain by it.
        lines = [[np.asarray(losses.nats, dtype=np.float64)[kept] / weights[kept] for losses in arm.losses] for arm in arms]
        scored = tuple(Arm(arm.name, np.array(line), fixed=not arm.seeds) for arm, line in zip(arms, lines))
        made.append(Scored(f"loss_per_{unit}", scored, None if cluster is None else [cluster[i] for i in kept.tolist()], weights[kept]))
    return made


def _comparisons(scored: Scored, prove: Prove, seed: int, headline: tuple[str, str], beside: int) -> list[dict[str, Any]]:
    """Every pair of one metric, the later arm minus the earlier one (the headline's pair as it asks), p corrected."""
    metric = metrics.METRICS[scored.key]
    pairs = [(a, b) if (b.name, a.name) != headline else (b, a) for b, a in combinations(scored.arms, 2)]
    found = [
        compare(a, b, scored.cluster, scored.weights, binary=metric.binary, level=prove.level, resamples=prove.resamples, seed=seed)
        for a, b in pairs
    ]
    rows = []
    for (a, b), one, corrected in zip(pairs, found, holm([one.p for one in found])):
        called = verdict(one.difference, corrected, prove.level, metric.higher_is_better)
        blind = one.covers == "items" and not (a.fixed or b.fixed)
        rows.append(
            {
                "a": a.name,
                "b": b.name,
                "metric": scored.key,
                "difference": one.difference,
                "low": _finite(one.low),
                "high": _finite(one.high),
                "p": one.p,
                "p_corrected": corrected,
                "verdict": "cannot tell" if blind else called,
                "items_only": called if blind else None,
                "covers": one.covers,
                "n": one.items,
                "clusters": one.clusters,
                "discordant": one.discordant,
                "share_of_training": one.share_of_training,
                "share_of_decoding": one.share_of_decoding,
                "skewness": one.skewness,
                "smallest_difference": None if blind else _smallest(one, prove.power, prove.level / (len(pairs) + beside), metric.binary),
            }
        )
    return rows


def _smallest(one: Difference, power: float, level: float, binary: bool) -> float | None:
    """The true difference that a comparison like this one would have called with chance `power`; null where it lies beyond the scale."""
    if one.clusters < 2:
        return None  # nothing says how far one group alone may lie off
    found = _finite(one.promise(power, level))
    return None if binary and found is not None and found > 1 else found


def _arm(told: dict[str, Any], arm: Arm, scored: Scored, prove: Prove, seed: int) -> None:
    """Write one arm's score with its own interval: on top for the metric of the proof, by name for losses."""
    binary = metrics.METRICS[scored.key].binary
    score, low, high = mean(arm, scored.cluster, scored.weights, binary=binary, level=prove.level, resamples=prove.resamples, seed=seed)
    weights = np.ones(arm.scores.shape[1]) if scored.weights is None else scored.weights
    each = [float(line @ weights / weights.sum()) for line in arm.scores]
    values = {"score": score, "low": _finite(low), "high": _finite(high), "by_seed": each}
    told.update(values if scored.key == prove.metric else {scored.key: values})


def _scored_by_both(scored: Scored, unscored: dict[str, list[list[bool]]], a: str, b: str) -> dict[str, Any]:
    """The headline's difference on the items that every training of both arms answered readably: what is left without format."""
    bad = np.array([*unscored[a], *unscored[b]]).any(axis=0)
    scores = {arm.name: arm.scores for arm in scored.arms}
    kept = ~bad
    gap = float(scores[a][:, kept].mean() - scores[b][:, kept].mean()) if kept.any() else None
    return {"n": int(kept.sum()), "difference": gap}


def _finite(x: float) -> float | None:
    return x if math.isfinite(x) else None
