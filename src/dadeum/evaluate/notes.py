"""What a reader of a proof has to know besides its numbers, in English and Korean: what the interval covers, what was not readable."""

from __future__ import annotations

from typing import Any, Final

FEW: Final = 10
"""Clusters below which intervals are rough: with 6 of unlike size a 95 % interval covered 93 %."""
SKEWED: Final = 1.5
"""Skewness of the clusters' differences from which on so few as MANY are told as a weakness: 30 normal ones of one size never reach it."""
MANY: Final = 60


def notes(told: dict[str, Any]) -> tuple[list[str], list[str]]:
    """(English, Korean) sentences about a proof, as `proof.proof` builds it."""
    a, b = told["headline"]
    seeds = {name: len(arm["seeds"]) for name, arm in told["arms"].items()}
    pairs: list[tuple[str, str]] = []
    blind = [c for c in told["comparisons"] if c["metric"] == told["metric"] and c["covers"] == "items" and seeds[c["a"]] and seeds[c["b"]]]
    for c in blind:
        pairs.append(
            (
                f"{c['a']} and {c['b']} were trained once each: the interval covers items only, and a difference between two trainings "
                "cannot be told from the luck of training. Give train.seeds two or more values, better three.",
                f"{c['a']}, {c['b']}: 한 번씩만 학습했습니다. 구간에는 문항의 우연만 담기므로, 두 학습의 차이와 학습의 우연을 가려낼 수 없습니다. "
                "train.seeds에 값을 둘 이상, 되도록 셋을 주십시오.",
            )
        )
    if told["covers"] == "items" and bool(seeds[a]) != bool(seeds[b]):
        pairs.append(
            (
                "One training: the interval covers items only. The verdict is about this very model, not about training it again.",
                "한 번만 학습했습니다. 구간에는 문항의 우연만 담깁니다. 판정은 바로 이 모델에 관한 것이며, 다시 학습한 모델에 관한 것이 아닙니다.",
            )
        )
    elif told["covers"] != "items" and min(n for n in seeds.values() if n) == 2:
        pairs.append(
            (
                "Two trainings tell little about the luck of training: intervals are wide. Three make them much shorter.",
                "학습 두 번으로는 학습의 우연을 거의 알 수 없어 구간이 넓습니다. 세 번이면 훨씬 좁아집니다.",
            )
        )
    if told["decoding"]["temperature"] and told["decoding"]["samples"] == 1:
        heat = told["decoding"]["temperature"]
        pairs.append(
            (
                f"Each item was answered once at temperature {heat:g}: decoding's part of the variance cannot be told from the items'. "
                "Set prove.samples to two or more to tell them apart.",
                f"문항마다 온도 {heat:g}에서 한 번씩만 답했습니다. 분산에서 디코딩의 몫과 문항의 몫을 가려낼 수 없습니다. "
                "가려내려면 prove.samples를 둘 이상으로 하십시오.",
            )
        )
    if told["clusters"] < min(FEW, told["n"]):
        pairs.append(
            (
                f"{told['clusters']} clusters are few: intervals are rough, and below 6 no difference can be called.",
                f"그룹이 {told['clusters']}개뿐이라 구간이 거칠고, 6개 미만이면 어떤 차이도 판정할 수 없습니다.",
            )
        )
    skewed = next((c.get("skewness") or 0.0 for c in told["comparisons"] if (c["a"], c["b"], c["metric"]) == (a, b, told["metric"])), 0.0)
    if told["clusters"] < MANY and abs(skewed) > SKEWED:
        pairs.append(
            (
                f"{told['clusters']} groups whose differences are strongly skewed: the interval may be too narrow. In simulated worlds like this 6 to 7 of "
                "100 intervals missed the truth instead of 5.",
                f"그룹이 {told['clusters']}개뿐이고 차이가 크게 치우쳐 있어 구간이 너무 좁을 수 있습니다. 이런 모의실험에서는 구간 100개 가운데 5개가 아니라 "
                "6~7개가 참값을 벗어났습니다.",
            )
        )
    for name, arm in told["arms"].items():
        if arm["unscored"]:
            pairs.append(
                (
                    f"{name}: {arm['unscored']} of {arm['answers']} answers could not be read. They count as wrong.",
                    f"{name}: 답 {arm['answers']}개 가운데 {arm['unscored']}개는 읽을 수 없었습니다. 틀린 것으로 셉니다.",
                )
            )
    if told["unusable_items"]:
        pairs.append(
            (
                f"{told['unusable_items']} held-out items have no reference that the metric can read. They were left out for all arms.",
                f"지표가 정답을 읽을 수 없는 문항 {told['unusable_items']}개는 모든 갈래에서 뺐습니다.",
            )
        )
    return [en for en, _ in pairs], [ko for _, ko in pairs]
