"""The strings of `dadeum decide`, in English and Korean side by side: the part of words.py's table whose keys begin with `decide.`."""

from __future__ import annotations

from typing import Final

DECIDE: Final[dict[str, tuple[str, str]]] = {
    "decide": ("Is tuning worth it?", "튜닝할 만한가"),
    "decide.lede": (
        "Every way of asking the same held-out items, with what a call of each takes. Prompts, examples and look-ups are what tuning has to beat.",
        "같은 문항을 묻는 모든 방법과 호출 하나에 드는 것. 튜닝은 지시문, 예시, 검색보다 나아야 합니다.",
    ),
    "decide.tune": ("Tune: better than every untuned way", "튜닝하십시오: 튜닝하지 않는 모든 방법보다 낫습니다"),
    "decide.do not tune": ("Do not tune", "튜닝하지 마십시오"),
    "decide.cannot tell": ("Cannot tell", "판단할 수 없습니다"),
    "decide.not trained": ("Nothing is trained yet", "아직 학습하지 않았습니다"),
    "decide.best": ("The best untuned way is {arm}, with {score} on {n} item{s}.", "튜닝하지 않는 방법 가운데 {arm} 쪽이 {score}로 가장 낫습니다(문항 {n}개)."),
    "decide.gain": (
        "Tuned minus {arm}: {gain} (at {level}: {low} to {high}).",
        "튜닝 모델과 {arm}의 차이: {gain} ({level} 구간 {low} ~ {high}).",
    ),
    "decide.reach": (
        "Tuning has to reach {score}, {gain} more, for these items to show it with a chance of {power}.",
        "이 문항들이 {power}의 확률로 차이를 보여 주려면 튜닝 모델이 {score}에 이르러야 합니다({gain} 더).",
    ),
    "decide.reach.none": (
        "No score could show a gain on so few items: hold out more of them.",
        "문항이 너무 적어 어떤 점수로도 나아졌음을 보일 수 없습니다. 문항을 더 떼어 두십시오.",
    ),
    "decide.reach.items": (
        "The least gain that matters needs about {n} item{s}.",
        "의미 있다고 정한 가장 작은 향상을 보려면 문항이 약 {n}개 필요합니다.",
    ),
    "decide.cost": ("Tuning costs {price} ({machine} machine, {labour} labour).", "튜닝 비용은 {price}입니다(기계 {machine}, 사람 {labour})."),
    "decide.cost.least": (
        "Tuning costs at least {price} ({machine} machine, {labour} labour).",
        "튜닝 비용은 적어도 {price}입니다(기계 {machine}, 사람 {labour}).",
    ),
    "decide.even": (
        "Against {arm} it is paid back after {n} call{s}.",
        "{arm}에 견주면 호출 {n}번 뒤에 본전입니다.",
    ),
    "decide.even.never": (
        "Against {arm} it is never paid back by price: a call of the tuned model costs no less.",
        "{arm}에 견주면 값으로는 본전을 찾지 못합니다. 튜닝 모델의 호출이 더 싸지 않습니다.",
    ),
    "decide.saves": ("With {n} call{s} it saves {price}.", "호출이 {n}번이면 {price} 아낍니다."),
    "decide.loses": ("With {n} call{s} it costs {price} more.", "호출이 {n}번이면 {price} 더 듭니다."),
    "decide.affordable": (
        "For {n} call{s} the tuning may cost {price} at most to be paid back by price.",
        "호출이 {n}번이면 튜닝에 많아야 {price}까지 들여야 값으로 본전입니다.",
    ),
    "decide.arm": ("way of asking", "방법"),
    "decide.score": ("score", "점수"),
    "decide.interval": ("interval", "구간"),
    "decide.tokens": ("tokens read + written", "읽고 쓴 토큰"),
    "decide.latency": ("one call", "호출 하나"),
    "decide.price": ("price of 1,000 calls", "호출 천 번 값"),
    "decide.break": ("paid back after", "본전까지 호출"),
    "decide.never": ("never", "없음"),
    "decide.missing": ("What is not known yet", "아직 모르는 것"),
    "decide.missing.training": ("Whether tuning gets there: train (`dadeum train`), then ask again.", "튜닝하면 거기에 이르는지: 학습(`dadeum train`)한 뒤 다시 물으십시오."),
    "decide.missing.seeds": (
        "What another training would give: train.seeds holds one. The decision is about this very model.",
        "다시 학습하면 어떨지: train.seeds가 하나뿐이라, 결론은 바로 이 모델에 관한 것입니다.",
    ),
    "decide.missing.items": (
        "Whether the largest difference is one: that takes about {needed} items, there are {have}.",
        "가장 큰 차이가 정말 차이인지: 문항이 약 {needed}개 필요한데 {have}개 있습니다.",
    ),
    "decide.missing.prices": (
        "What a call costs: {arms}. Give the arm's price, prove.worth.tuned, or train.price_per_hour of this machine.",
        "호출 값: {arms}. price나 prove.worth.tuned, 또는 이 기계의 train.price_per_hour를 적어 주십시오.",
    ),
    "decide.missing.timed": (
        "How steady the times are: {arms} are priced by the hour, from one measurement each on this machine as busy as it was.",
        "시간이 얼마나 고른지: {arms}의 값은 시간당 값에, 그때 이 기계에서 한 번씩 잰 시간을 곱한 것입니다.",
    ),
    "decide.missing.training_price": ("What the training costs: train.price_per_hour names no price for its device.", "학습 비용: train.price_per_hour에 그 장치의 값이 없습니다."),
    "decide.missing.least": ("What the training really takes: so far it is a lower bound.", "학습에 실제로 드는 것: 아직은 하한입니다."),
    "decide.missing.labour": ("What labels and people cost: prove.worth.labour is 0.", "레이블과 사람에 드는 비용: prove.worth.labour가 0입니다."),
    "decide.missing.calls": ("How many calls there will be: prove.worth.calls.", "호출이 몇 번일지: prove.worth.calls."),
    "decide.missing.address": (
        "How a large hosted model does: no arm has a url.",
        "크고 이미 차려진 모델은 어떤지: url이 있는 arm이 없습니다.",
    ),
    "decide.missing.unscored": (
        "What {arms} would score if its answers could be read: a tenth or more of them could not.",
        "{arms}의 답을 읽을 수 있었다면 몇 점일지: 답의 십분의 일 넘게 읽을 수 없었습니다.",
    ),
    "decide.missing.clusters": ("Anything: {have} groups of items are too few.", "거의 모든 것: 문항 묶음이 {have}개뿐입니다."),
    "slices": ("Slices", "부분별"),
    "slices.lede": (
        "The same two arms on parts of the items; corrected for how many parts there are. A part with few items has no verdict.",
        "문항의 부분마다 같은 두 갈래를 견준 것으로, 부분의 수만큼 보정했습니다. 문항이 적은 부분은 판정하지 않습니다.",
    ),
    "slice": ("part", "부분"),
    "slice.items": ("items", "문항"),
    "suites": ("More suites", "다른 문항 모음"),
    "suites.lede": ("Each with its own metric; all of them and the proof above are corrected for each other.", "저마다 지표가 따로 있고, 위의 증명과 함께 서로 보정했습니다."),
    "suite": ("suite", "모음"),
    "order": ("The arms in order", "갈래의 순서"),
    "order.lede": (
        "Who wins item by item. 400 points are odds of ten to one; places are those that the arm took in 95 % of the draws.",
        "문항마다 누가 이기는지로 셈합니다. 400점은 열에 하나의 승산이고, 순위는 다시 뽑은 것의 95 %에서 차지한 자리입니다.",
    ),
    "order.points": ("points", "점수"),
    "order.places": ("place", "순위"),
    "order.circle": ("They do not stand in a line: {arms}, and around again.", "한 줄로 서지 않습니다: {arms}, 그리고 다시 처음입니다."),
    "sandbox.unbounded": ("The sandbox of the unit tests could not bound here: {what}.", "이 기계에서 단위 테스트의 샌드박스가 막지 못한 것: {what}."),
    "metric.tests": ("unit tests passed", "통과한 단위 테스트"),
    "metric.spans": ("F1 of spans", "구간 F1"),
    "metric.json": ("right fields of JSON", "맞은 JSON 항목"),
    "metric.bleu": ("BLEU", "BLEU"),
    "metric.rouge_1": ("ROUGE-1", "ROUGE-1"),
    "metric.rouge_2": ("ROUGE-2", "ROUGE-2"),
    "metric.rouge_l": ("ROUGE-L", "ROUGE-L"),
    "metric.embedding": ("nearness by embedding", "임베딩 유사도"),
    "arm.zero_shot": ("the untuned model with an instruction", "튜닝 전 모델 + 지시문"),
    "arm.few_shot": ("the untuned model with examples", "튜닝 전 모델 + 예시"),
    "arm.retrieval": ("the untuned model with look-up", "튜닝 전 모델 + 검색"),
    "short.zero_shot": ("instruction", "지시문"),
    "short.few_shot": ("examples", "예시"),
    "short.retrieval": ("look-up", "검색"),
}
