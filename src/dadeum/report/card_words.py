"""The strings of card.md, in English and Korean side by side: the part of words.py's table whose keys begin with `card.`, `duty.` and `term.`."""

from __future__ import annotations

from typing import Final

CARD: Final[dict[str, tuple[str, str]]] = {
    "card.title": ("Dataset card of {name}", "{name} 데이터셋 카드"),
    "card.lede": (
        "Made by dadeum {version} from the recipe `{recipe}`; the dataset's digest is `{dataset}`.",
        "dadeum {version}에서 레시피 `{recipe}`로 만들었습니다. 데이터셋 다이제스트는 `{dataset}`입니다.",
    ),
    "card.counts": ("Counts", "건수"),
    "card.steps": ("Steps", "단계"),
    "card.sources": ("Sources and licences", "출처와 라이선스"),
    "card.duties": ("Duties of whoever uses or shares it", "쓰거나 공유하는 사람의 의무"),
    "card.uses": ("What the licences allow", "라이선스가 허락하는 것"),
    "card.uses.lede": (
        "By the licences' names alone: a first reading, no legal advice.",
        "라이선스 이름만 보고 가린 것으로, 법률 자문이 아니라 첫 검토입니다.",
    ),
    "card.rows.of": ("The licences that the rows themselves name: {told}.", "행마다 적힌 라이선스: {told}."),
    "card.use.commercial": ("commercial product", "상업적 이용"),
    "card.use.research": ("published research", "연구 공개"),
    "card.use.internal": ("inside the house", "조직 내부"),
    "card.yes": ("yes", "가능"),
    "card.no": ("no: {terms}", "불가: {terms}"),
    "term.nc": ("non-commercial", "비영리"),
    "term.nd": ("no derivatives", "변경 금지"),
    "term.closed": ("must not be passed on", "제3자 제공 금지"),
    "term.competing": ("provider's terms", "사업자 약관"),
    "term.unknown": ("unknown licence", "라이선스 미상"),
    "term.read": ("licence not known here", "알지 못하는 라이선스"),
    "card.rows": ("Rows", "행"),
    "card.reasons": ("Left because of", "나간 까닭"),
    "duty.unknown": (
        "`{source}`: the licence is unknown. Find it out before you share the data or a model made of them.",
        "`{source}`: 라이선스를 알 수 없습니다. 자료나 그것으로 만든 모델을 공유하기 전에 확인하십시오.",
    ),
    "duty.by": ("`{source}` ({licence}): name the authors, and say that the data were changed.", "`{source}` ({licence}): 저작자를 밝히고, 자료를 고쳤음을 알리십시오."),
    "duty.sa": ("`{source}` ({licence}): share what you make of it under the same licence.", "`{source}` ({licence}): 이것으로 만든 것을 공유할 때는 같은 라이선스를 적용하십시오."),
    "duty.nc": ("`{source}` ({licence}): no commercial use.", "`{source}` ({licence}): 상업적으로 쓸 수 없습니다."),
    "duty.nd": ("`{source}` ({licence}): changed versions may not be shared.", "`{source}` ({licence}): 고친 것을 공유할 수 없습니다."),
    "duty.notice": ("`{source}` ({licence}): keep the copyright and licence notice.", "`{source}` ({licence}): 저작권과 라이선스 고지를 함께 두십시오."),
    "duty.free": ("`{source}` ({licence}): no conditions.", "`{source}` ({licence}): 조건이 없습니다."),
    "duty.read": ("`{source}` ({licence}): read the licence; its conditions are not known here.", "`{source}` ({licence}): 조건을 알지 못하는 라이선스입니다. 직접 읽고 확인하십시오."),
    "duty.closed": ("`{source}` ({licence}): do not pass it on, changed or unchanged.", "`{source}` ({licence}): 고쳤든 아니든 남에게 넘길 수 없습니다."),
    "duty.competing": (
        "`{source}` ({licence}): output of a provider's model. Do not train models with it that compete with the provider's.",
        "`{source}` ({licence}): 사업자의 모델이 만든 글입니다. 그 사업자와 경쟁하는 모델을 학습시키는 데 쓸 수 없습니다.",
    ),
    "duty.named": (
        "`{source}` ({licence}): a model made with it carries the licence's name and comes with its terms of use.",
        "`{source}` ({licence}): 이것으로 만든 모델에는 라이선스가 정한 이름을 붙이고 이용 약관을 함께 두십시오.",
    ),
    "duty.apart": (
        "`{a}` and `{b}` can't go out in one set: share-alike licences ask for different things. Leave one of them out.",
        "`{a}`, `{b}`: 한 자료로 함께 내보낼 수 없습니다. 동일조건 라이선스가 서로 다른 것을 요구합니다. 하나를 빼십시오.",
    ),
    "duty.pii": (
        "Personal data were searched for and replaced in {n} row{s}. No search finds everything: review a sample before you share the data.",
        "개인정보를 찾아 {n}행에서 바꾸었습니다. 모두 찾아낸다는 보장은 없으니, 공유하기 전에 표본을 살펴보십시오.",
    ),
    "duty.pii_marked": (
        "Personal data were searched for and only marked (`guard.pii` in mode flag): the values are still there.",
        "개인정보를 찾아 표시만 했습니다(`guard.pii`의 flag 모드). 값은 그대로 남아 있습니다.",
    ),
    "duty.no_pii": (
        "Personal data were not searched for in this run (`guard.pii`). Treat the data as if they held some.",
        "이 실행에서는 개인정보를 찾지 않았습니다(`guard.pii`). 들어 있다고 여기고 다루십시오.",
    ),
    "duty.grown": ("{n} row{s} were made by a model or a rule, and name their parents.", "{n}행은 모델이나 규칙으로 만든 것이며, 바탕이 된 행을 밝혀 두었습니다."),
}  # fmt: skip
