"""Questions with answers of known truth, Korean and English: good ones, and what each rule of filter.pairs has to find.

The sentences are this file's own, written after the rules; three refusals that the first version missed have widened them (its recall of
refusals: .71 in Korean, .89 in English). Seeds are the caller's.
"""

from __future__ import annotations

import random
from typing import Final, NamedTuple


class Pair(NamedTuple):
    """A question, its answer, and the reason for which it should go (None: good)."""

    language: str
    question: str
    answer: str
    reason: str | None


ASKED: Final = {
    "ko": (
        "김치찌개를 맛있게 끓이는 방법을 알려 주세요.", "광합성이 무엇인지 초등학생에게 설명해 주세요.", "면접에서 자기소개를 어떻게 하면 좋을까요?", "세종대왕의 업적을 요약해 주세요.",
        "노트북이 자꾸 꺼지는데 왜 그런가요?", "겨울에 여행하기 좋은 도시를 추천해 주세요.", "환율이 오르면 수출 기업은 어떻게 되나요?", "강아지가 초콜릿을 먹으면 왜 위험한가요?",
    ),
    "en": (
        "How do I remove a coffee stain from a shirt?", "Explain photosynthesis to a ten year old.", "What should I bring on a winter hike?", "Summarise the plot of Romeo and Juliet.",
        "Why does my laptop keep shutting down?", "Suggest three cities that are nice in spring.", "How does inflation change the price of bread?", "Why is chocolate dangerous for dogs?",
    ),
}  # fmt: skip
SENTENCES: Final = {
    "ko": (
        "먼저 물을 끓이고 재료를 손질합니다.", "이 과정에는 보통 삼십 분쯤 걸려요.", "빛을 받은 잎은 물과 공기로 양분을 만듭니다.", "값이 오르면 사려는 사람이 줄어듭니다.", "전원 장치가 뜨거우면 보호 회로가 작동해요.",
        "미안하다는 말로 시작하면 상대가 마음을 엽니다.", "죄송하지만 이 제품은 단종되었습니다.", "무리하면 다칠 수 있으니 천천히 하세요.", "자세한 내용은 설명서 삼 장에 있습니다.", "이 방법으로 해결할 수 없는 문제도 있어요.",
    ),
    "en": (
        "First rinse the cloth with cold water.", "It usually takes about half an hour.", "Leaves use light to make sugar out of water and air.", "When prices rise, fewer people buy.", "A hot charger trips the safety circuit.",
        "Saying sorry first often helps.", "I am sorry to hear that your shirt was ruined.", "You can't see it, but the gas is there.", "Chapter three of the manual has the details.", "Not every problem can be solved this way.",
    ),
}  # fmt: skip
REFUSALS: Final = {
    "ko": (
        "죄송합니다만 해당 요청에는 답변을 드릴 수 없습니다.", "저는 AI 언어 모델이라서 개인적인 의견이 없습니다.", "인공지능으로서 실시간 정보를 확인하지 못합니다.", "죄송하지만, 그런 내용은 제공할 수 없습니다.",
        "유감스럽게도 이 질문에는 대답할 수 없어요.", "미안하지만 그건 도와줄 수 없어.", "해당 질문에는 답변이 어렵습니다.",
    ),
    "en": (
        "I'm sorry, but I cannot assist with that request.", "As a large language model, I don't have access to real-time data.", "I can't help with that.", "I apologize, but I am unable to provide this information.",
        "Unfortunately, I can't share that.", "I'm just an AI, so I have no opinion.", "Sorry, I'm not able to do that for you.", "I won't be able to answer this one.",
    ),
}  # fmt: skip
ACKNOWLEDGED: Final = {"ko": ("네, 알겠습니다!", "물론입니다.", "네, 이해했습니다.", "확인했습니다."), "en": ("Sure!", "Of course.", "Got it!", "Certainly, here you go:", "Happy to help.")}
EMPTY: Final = ("", "   ", "...", "-", "\n\n", "---")


def pairs(language: str, seed: int, n: int = 300) -> list[Pair]:
    """`n` good pairs and `n` of each kind of bad one; cut-off ones are cut at a random blank of their last sentence."""
    rng = random.Random(seed)
    made = []
    for _ in range(n):
        asked = rng.choice(ASKED[language])
        told = rng.sample(SENTENCES[language], 3)
        whole = " ".join(told)
        blanks = [i for i, c in enumerate(told[2]) if c == " "]
        cut = " ".join(told[:2]) + " " + told[2][: rng.choice(blanks)]
        code = f"{told[0]}\n```python\nprint({rng.randrange(100)})\n"
        made += [
            Pair(language, asked, rng.choice([whole, told[0], f"{code}```", f"{told[0]}\n- {told[1]}\n- {told[2][:-1]}"]), None),
            Pair(language, asked, rng.choice([cut, cut, code]), "cut_off"),
            Pair(language, asked, rng.choice(REFUSALS[language]) + rng.choice(["", " " + told[0]]), "refusal"),
            Pair(language, rng.choice([q for q in ASKED[language] if not q.endswith("?")]), rng.choice(ACKNOWLEDGED[language]), "acknowledgement"),
            Pair(language, asked, rng.choice(EMPTY), "empty_answer"),
            Pair(language, asked, rng.choice([asked, asked.rstrip(".?"), asked.replace(" ", "  ") + "!"]), "copies_question"),
            Pair(language, asked, f"{asked} {whole}", "prompt_echo"),
        ]
    return made
