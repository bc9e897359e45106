"""The last question as an arm asks it: a template, and the instruction that zero_shot takes where the recipe names none.

A template knows `{question}`, `{context}` and `{labels}`; other braces stand for themselves, so JSON may be shown. What a template does
not name of the question and the context is put around it: context, template, question.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from dadeum.settings import Prove

_HANGUL: Final = re.compile("[가-힣]")
_LETTER: Final = re.compile(r"[^\W\d_]")

INSTRUCTIONS: Final[dict[str, tuple[str, str]]] = {
    "label": ("Answer with one of these alone: {labels}", "다음 가운데 하나로만 답하십시오: {labels}"),
    "exact": ("Give the answer alone, in as few words as it takes.", "답만 되도록 짧게 쓰십시오."),
    "numeric": ("Give the number alone.", "답인 수만 쓰십시오."),
    "marked": ("Work it out step by step, then write {mark} and the answer alone.", "차례로 풀고, 끝에 {mark} 다음에 답만 쓰십시오."),
    "spans": ("Answer with a JSON list alone.", "JSON 목록으로만 답하십시오."),
    "json": ("Answer with JSON alone.", "JSON으로만 답하십시오."),
    "tests": ("Answer with Python code alone.", "파이썬 코드로만 답하십시오."),
    "free": ("Answer the question.", "물음에 답하십시오."),
}
"""English, Korean."""
CONTEXT: Final = ("Use these passages:\n\n{context}", "다음 자료를 참고하십시오.\n\n{context}")


def is_korean(texts: Iterable[str]) -> bool:
    """Whether a quarter of the letters or more is Hangul.

    >>> is_korean(["LoRA가 뭔가요?"]), is_korean(["What does 김치 mean?"])
    (True, False)
    """
    said = " ".join(texts)
    return 4 * len(_HANGUL.findall(said)) >= max(1, len(_LETTER.findall(said)))


def instruction(prove: Prove, korean: bool) -> str:
    """What zero_shot says where the recipe names no prompt."""
    kind = "marked" if prove.answer_after else prove.metric if prove.metric in INSTRUCTIONS else "free"
    return INSTRUCTIONS[kind][korean].replace("{mark}", prove.answer_after)


def filled(template: str, question: str, context: str = "", labels: Iterable[str] = (), korean: bool = False) -> str:
    """The question as it is asked.

    >>> filled("한 낱말로 답하십시오.", "수도는?")
    '한 낱말로 답하십시오.\\n\\n수도는?'
    >>> filled("", "수도는?", "서울은 수도이다.", korean=True)
    '다음 자료를 참고하십시오.\\n\\n서울은 수도이다.\\n\\n수도는?'
    """
    if context and "{context}" not in template:
        template = "\n\n".join(part for part in (CONTEXT[korean], template) if part)
    if "{question}" not in template:
        template = f"{template}\n\n{{question}}" if template else "{question}"
    values = {"question": question, "context": context, "labels": ", ".join(labels)}
    # In one pass: a question that holds "{context}" is not filled in again.
    return re.sub(r"\{(question|context|labels)\}", lambda found: values[found[1]], template)
