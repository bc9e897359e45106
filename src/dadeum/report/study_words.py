"""What is said of ablations, learning curves and finished models, in English and Korean side by side (see words.py)."""

from __future__ import annotations

from typing import Final

STUDY: Final[dict[str, tuple[str, str]]] = {
    "ablations": ("What each step did for the model", "단계마다 모델에 준 도움"),
    "ablate.lede": (
        "Each step was left out and the model trained anew, {n} time{s}, on the same number of tokens. Above nought: the model is better with the step.",
        "단계를 하나씩 빼고 같은 토큰 수로 {n}번 다시 학습했습니다. 0보다 크면 그 단계가 있을 때 모델이 더 낫습니다.",
    ),
    "ablate.step": ("Step left out", "뺀 단계"),
    "ablate.changed": ("Training rows without it", "그 단계가 없을 때의 학습 행"),
    "ablate.returned": ("{n} back", "{n}행 돌아옴"),
    "ablate.missing": ("{n} gone", "{n}행 사라짐"),
    "ablate.edited": ("{n} read otherwise", "{n}행 내용이 다름"),
    "ablate.effect": ("What it does", "하는 일"),
    "ablate.helps": ("helps", "도움이 됨"),
    "ablate.harms": ("harms", "해가 됨"),
    "ablate.no difference": ("no difference", "차이 없음"),
    "ablate.cannot tell": ("cannot tell", "판단 불가"),
    "ablate.changed nothing": ("changed no row", "바꾼 행 없음"),
    "ablate.note": (
        "p is corrected for the number of steps (Holm). No difference: the whole interval lies within {margin}.",
        "p는 단계 수에 맞춰 보정했습니다(Holm). 차이 없음: 구간 전체가 {margin} 안에 있습니다.",
    ),
    "ablate.seeds": (
        "{n} trainings of each tell little about the luck of training. Five find with near certainty what three find half of the time: set prove.ablate_seeds to 5.",
        "{n}번씩 학습해서는 학습의 우연을 잘 알 수 없습니다. 세 번이면 절반쯤 찾아내는 차이를 다섯 번이면 거의 확실히 찾아냅니다. prove.ablate_seeds를 5로 두십시오.",
    ),
    "ablate.axis": ("Difference with the step minus without it", "단계가 있을 때와 없을 때의 차이"),
    "gates": ("What each stage forgot", "단계마다 잊은 것"),
    "gates.lede": (
        "The same rows before and after a stage. Forgotten: the whole interval lies beyond what the recipe allows.",
        "단계 앞뒤로 같은 행을 물었습니다. 구간 전체가 레시피가 허용한 것을 넘으면 잊은 것입니다.",
    ),
    "gates.stage": ("Stage", "단계"),
    "gates.suite": ("Suite", "문항 묶음"),
    "gates.metric": ("Metric", "지표"),
    "gates.before": ("Before", "이전"),
    "gates.after": ("After", "이후"),
    "gates.change": ("Change", "변화"),
    "gates.allowed": ("Allowed", "허용"),
    "gates.verdict": ("Verdict", "판정"),
    "gates.kept": ("kept", "유지"),
    "gates.forgotten": ("forgotten", "잊음"),
    "gates.cannot tell": ("cannot tell", "판단 불가"),
    "data_curve": ("Would more data help?", "데이터가 더 있으면 나아질까"),
    "data.lede": (
        "Nested parts of the training rows, each trained on the same number of tokens: what differs is the data, not the steps.",
        "학습 행을 차례로 늘려 가며 같은 토큰 수로 학습했습니다. 다른 것은 데이터뿐이고 학습량은 같습니다.",
    ),
    "data.picture": ("Scores by training rows, with the fitted curve up to twice the data", "학습 행 수에 따른 점수, 데이터 두 배까지 맞춘 곡선"),
    "data.axis": ("training rows", "학습 행"),
    "data.more data helps": (
        "Twice the data ({rows} rows) buys {low} to {high}.",
        "데이터를 두 배({rows}행)로 늘리면 {low} ~ {high} 나아집니다.",
    ),
    "data.data is not what is missing": (
        "Data is not what is missing: twice as much ({rows} rows) would bring less than {margin} ({low} to {high}).",
        "모자란 것은 데이터가 아닙니다. 두 배({rows}행)로 늘려도 {margin}에 못 미칩니다({low} ~ {high}).",
    ),
    "data.cannot tell": (
        "Cannot tell whether more data helps: twice as much ({rows} rows) brings between {low} and {high}.",
        "데이터를 늘리면 나아질지 알 수 없습니다. 두 배({rows}행)로 늘리면 {low}에서 {high} 사이입니다.",
    ),
    "data.unknown": (
        "The curve promises {gain} for twice the data ({rows} rows), but every size was trained once: give train.seeds two values or more for an interval.",
        "곡선대로라면 두 배({rows}행)에 {gain}이지만 크기마다 한 번씩만 학습했습니다. 구간을 얻으려면 train.seeds에 값을 둘 이상 주십시오.",
    ),
    "data.misfit": (
        "The sizes follow no power law ({x} standard errors off): read the interval with care.",
        "크기들이 거듭제곱 법칙을 따르지 않습니다(표준오차의 {x}배). 구간을 조심해서 읽으십시오.",
    ),
    "data.ways.adapter_adapter": (
        "An adapter of this rank ({numbers} numbers) holds what these rows teach ({tokens} learned tokens), and twice as much.",
        "이 랭크의 어댑터(수 {numbers}개)는 이 행들이 가르치는 것(학습 토큰 {tokens}개)과 그 두 배까지 담습니다.",
    ),
    "data.ways.adapter_full": (
        "An adapter of this rank ({numbers} numbers) holds what these rows teach ({tokens} learned tokens), not twice as much: "
        "take a larger train.lora.r or full training then.",
        "이 랭크의 어댑터(수 {numbers}개)는 이 행들이 가르치는 것(학습 토큰 {tokens}개)은 담지만 두 배는 담지 못합니다. "
        "그때는 train.lora.r을 늘리거나 전체를 학습하십시오.",
    ),
    "data.ways.full_full": (
        "These rows teach more ({tokens} learned tokens) than an adapter of this rank holds ({numbers} numbers): train in full, or with a larger train.lora.r.",
        "이 행들이 가르치는 것(학습 토큰 {tokens}개)이 이 랭크의 어댑터(수 {numbers}개)보다 많습니다. 전체를 학습하거나 train.lora.r을 늘리십시오.",
    ),
    "data.few": (
        "So few rows may serve better as examples in the prompt: compare with prove.arms: [few_shot, retrieval].",
        "이렇게 적은 행은 프롬프트의 예시로 쓰는 편이 나을 수 있습니다. prove.arms: [few_shot, retrieval]과 비교하십시오.",
    ),
    # model/README.md
    "model.title": ("Model card of {name}", "{name} 모델 카드"),
    "model.lede": (
        "Tuned by dadeum {version} from the recipe `{recipe}` on the dataset `{dataset}`.",
        "dadeum {version}에서 레시피 `{recipe}`, 데이터셋 `{dataset}`으로 튜닝했습니다.",
    ),
    "model.proof": ("What it was shown to do", "확인된 것"),
    "model.arm": ("Arm", "갈래"),
    "model.interval": ("Interval", "구간"),
    "model.training": ("How it was trained", "학습 방법"),
    "model.base": ("base", "기반 모델"),
    "model.setting": ("Setting", "설정"),
    "model.tokens": ("tokens seen", "학습한 토큰"),
    "model.steps": ("steps", "스텝"),
    "model.parameters": ("parameters", "매개변수"),
    "model.trainable": ("of these trained", "그중 학습한 것"),
    "model.device": ("device", "장치"),
    "model.rows": ("training rows", "학습 행"),
    "model.loss": ("held-out loss", "검증 손실"),
    "model.data": ("What it learned from", "학습한 자료"),
    "model.base.duty": (
        "The base `{base}` has a licence of its own, which binds this model too: read its card.",
        "기반 모델 `{base}`의 라이선스가 이 모델에도 적용됩니다. 그 카드를 읽으십시오.",
    ),
    "model.base.tiny": (
        "The base was made on the spot from these rows: no licence but theirs binds it.",
        "기반 모델은 이 행들로 그 자리에서 만든 것이므로, 이 행들의 라이선스만 적용됩니다.",
    ),
    "model.parity": ("Is it the model that was trained?", "학습한 그 모델인가"),
    "model.parity.none": (
        "No certificate: it is made for models that write text, at the end of a training.",
        "증명서가 없습니다. 글을 쓰는 모델에 한해 학습이 끝날 때 만듭니다.",
    ),
    "model.parity.agree": (
        "{n} prompts give the same tokens in training, in transformers and from the exported files.",
        "프롬프트 {n}개가 학습, transformers, 내보낸 파일에서 같은 토큰이 됩니다.",
    ),
    "model.parity.differ": ("These prompts do not give the same tokens everywhere: {prompts}.", "다음 프롬프트는 곳에 따라 토큰이 다릅니다: {prompts}."),
    "model.parity.server": (
        "`transformers serve` was started and asked: the tokens that reached its model were compared, and its answers.",
        "`transformers serve`를 띄워 물었습니다. 모델에 닿은 토큰과 답을 비교했습니다.",
    ),
    "model.parity.unserved": ("No server was asked: {why}.", "서버에는 묻지 않았습니다: {why}."),
    "model.parity.logits": (
        "Adapter on its base against merged weights: logits at most {apart} apart (the largest is {largest}).",
        "어댑터와 병합한 가중치의 로짓 차이는 최대 {apart}입니다(가장 큰 로짓은 {largest}).",
    ),
    "model.parity.digests": ("Chat template `{template}`, tokenizer `{tokenizer}`.", "대화 템플릿 `{template}`, 토크나이저 `{tokenizer}`."),
    "model.limits": ("Limits", "한계"),
    "model.limit.scope": (
        "The proof speaks of held-out items of the same sources as the training rows. Elsewhere nothing was measured.",
        "증명은 학습 행과 같은 출처에서 떼어 둔 문항에 관한 것입니다. 그 밖의 것은 재지 않았습니다.",
    ),
    "model.limit.unproven": ("Whether it is better than its base was not measured.", "기반 모델보다 나은지 재지 않았습니다."),
    "model.limit.few": ("Only {n} items were held out: small differences cannot be seen.", "떼어 둔 문항이 {n}개뿐이라 작은 차이는 보이지 않습니다."),
    "model.limit.safety": (
        "Refusals, bias and harmful answers were not tested.",
        "거절, 편향, 해로운 답은 시험하지 않았습니다.",
    ),
}
