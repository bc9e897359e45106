"""The verb and the object of an instruction, by its form: Korean endings of request, English imperatives.

Korean: the last verb with an ending of request (-어 줘, -어 주세요, -(으)시오, -어라, -(하)세요, -어 줄래) gives the verb in its dictionary form (요약해 주세요: 요약하다, 써 줘: 쓰다);
the object is the nearest word before it that ends in 을/를, or the bare noun beside a 하다 verb. English: the first word of a sentence, after
please, can you and the like, that is one of `VERBS`; the object is the last word of the noun phrase behind it. What has no such form has neither.
"""

from __future__ import annotations

import re
from typing import Final

STEMS: Final = {
    "써": "쓰다", "적어": "적다", "만들어": "만들다", "알려": "알리다", "골라": "고르다", "찾아": "찾다", "바꿔": "바꾸다", "바꾸어": "바꾸다", "고쳐": "고치다", "들어": "들다", "말해": "말하다",
    "보여": "보이다", "풀어": "풀다", "나눠": "나누다", "나누어": "나누다", "지어": "짓다", "뽑아": "뽑다", "그려": "그리다", "읽어": "읽다", "채워": "채우다", "묶어": "묶다", "줄여": "줄이다", "늘려": "늘리다",
    "옮겨": "옮기다", "가르쳐": "가르치다", "짜": "짜다", "세워": "세우다", "붙여": "붙이다", "이어": "잇다", "도와": "돕다", "봐": "보다", "불러": "부르다", "매겨": "매기다", "정해": "정하다", "구해": "구하다",
    "쓰": "쓰다", "적으": "적다", "만드": "만들다", "고르": "고르다", "찾으": "찾다", "바꾸": "바꾸다", "고치": "고치다", "나열하": "나열하다", "답하": "답하다", "풀": "풀다", "구하": "구하다", "보이": "보이다", "대답해": "대답하다",
}  # fmt: skip
_GIVE: Final = r"\s?(?:보고 ?)?(?:줘요?|주세요|주십시오|주시겠어요|주시겠습니까|주실 ?(?:수 ?있(?:나요|을까요|습니까|어요)|래요)|줄래요?|줄 ?수 ?있(?:어요?|니|나요|을까요?|습니까)|주라|주렴|다오|주시기 바랍니다|봐요?|보세요|보십시오|보아라|보시오)"
_KO: Final = re.compile(
    rf"(?P<give>[가-힣]{{1,12}}?){_GIVE}(?=[\s.!?~,:;)\]\"'”’]|$)|(?P<do>[가-힣]{{1,12}}?)(?:하시오|하십시오|하세요|하라|해라|하여라|하기 바랍니다)(?=[\s.!?~,:;)]|$)|"
    r"(?P<bare>쓰|적으|만드|고르|찾으|바꾸|고치|풀|구하|보이)(?:시오|십시오|세요)(?=[\s.!?~,:;)]|$)"
)
_OBJECT: Final = re.compile(r"(?<![가-힣A-Za-z0-9])([가-힣A-Za-z0-9]{1,40})(?:을|를)(?:\s|$)")
_LOOKED: Final = 2000

VERBS: Final = frozenset(
    ["add", "analyze", "analyse", "answer", "arrange", "ask", "assess", "brainstorm", "build", "calculate", "change", "check", "choose", "classify", "come", "compare", "compile", "complete", "compose", "compute", "conclude", "construct", "continue", "convert", "correct", "create", "critique", "debug", "decide", "deduce", "define", "delete", "derive", "describe", "design", "detect", "determine", "develop", "diagnose", "discuss", "draft", "draw", "edit", "elaborate", "estimate", "evaluate", "examine", "expand", "explain", "explore", "express", "extract", "figure", "fill", "filter", "find", "fix", "follow", "formulate", "gather", "generate", "give", "go", "guess", "help", "identify", "illustrate", "imagine", "implement", "improve", "infer", "insert", "interpret", "invent", "invert", "join", "judge", "label", "let", "list", "look", "make", "match", "measure", "merge", "modify", "name", "normalize", "offer", "optimize", "order", "organize", "outline", "output", "paraphrase", "parse", "pick", "plan", "predict", "prepare", "present", "print", "produce", "proofread", "propose", "prove", "provide", "put", "rank", "rate", "read", "rearrange", "recommend", "reconstruct", "reduce", "refactor", "remove", "reorder", "replace", "rephrase", "reply", "report", "research", "respond", "return", "reverse", "review", "revise", "reword", "rewrite", "role", "say", "score", "select", "send", "separate", "set", "share", "show", "simplify", "simulate", "solve", "sort", "specify", "split", "start", "state", "structure", "suggest", "summarize", "summarise", "synthesize", "tag", "take", "teach", "tell", "think", "transform", "translate", "try", "turn", "unscramble", "update", "use", "verify", "visualize", "watch", "work", "write"]
)  # fmt: skip
_LEAD: Final = (
    r"(?:(?:please|kindly|now|then|first|next|also|hi|hello|hey),?\s+|(?:can|could|would|will) you (?:please |kindly |also )?|i(?:'d| would) like you to |i want you to |i need you to |"
    r"your task is to |you (?:need|have|are asked|are required) to |help me (?:to )?|let's )*"
)
_EN: Final = re.compile(rf"(?:^|[.!?:\n]|,)[-*\d.)\s]{{0,12}}{_LEAD}([a-z]+)\b(?!')(?=([^.!?\n;:]*))", re.IGNORECASE)
_STOP: Final = frozenset(
    ["of", "for", "to", "from", "in", "on", "at", "by", "with", "about", "that", "which", "who", "whose", "when", "where", "if", "because", "as", "so", "and", "or", "but", "into", "between", "using", "than", "without", "within", "based", "given", "while", "like"]
)
_SKIP: Final = frozenset(["me", "us", "him", "her", "them", "it", "you", "a", "an", "the", "this", "that", "these", "those", "my", "your", "our", "their", "his", "its", "some", "any", "each", "every", "all", "following", "given", "up", "out", "off", "down"])


def parsed(text: str) -> tuple[str | None, str | None]:
    """(verb, object) of an instruction.

    >>> parsed("다음 글을 세 문장으로 요약해 주세요."), parsed("Please write me a short poem about spring.")
    (('요약하다', '글'), ('write', 'poem'))
    """
    text = text[:_LOOKED]
    return _korean(text) if re.search("[가-힣]", text) else _english(text)


def _korean(text: str) -> tuple[str | None, str | None]:
    found = None
    for found in _KO.finditer(text):  # noqa: B007 (the last one counts)
        pass
    if found is None:
        return None, None
    before = text[: found.start()]
    if found["give"]:
        stem = found["give"]
        verb = STEMS.get(stem) or (f"{stem[:-1]}하다" if stem.endswith("해") else f"{stem[:-2]}하다" if stem.endswith("하여") else None)
    else:
        verb = STEMS[found["bare"]] if found["bare"] else f"{found['do']}하다"
    if verb is None:
        return None, None
    if verb == "하다":
        # 요약을 해 주세요: the noun is the verb.
        noun = _OBJECT.search(before.rsplit(maxsplit=1)[-1] + " ") if before.split() else None
        verb, before = (f"{noun[1]}하다", before.rsplit(maxsplit=1)[0] if len(before.split()) > 1 else "") if noun else ("하다", before)
    clause = re.split(r"[.!?\n]", before)[-1] + " "
    objects = _OBJECT.findall(clause)
    return verb, objects[-1] if objects else None


def _english(text: str) -> tuple[str | None, str | None]:
    for found in _EN.finditer(text):
        verb = found[1].lower()
        if verb in VERBS:
            return verb, _noun(found[2])
    return None, None


def _noun(rest: str) -> str | None:
    """The last word of the noun phrase that `rest` begins with."""
    noun = None
    for word in rest.split()[:12]:
        plain = word.strip("\"'“”‘’()[]").lower()
        bare = plain.rstrip(",")
        if bare in _STOP and noun:
            break
        if bare in _SKIP or bare in _STOP or not re.fullmatch(r"[a-z][a-z'’-]*", bare):
            if noun:
                break
            continue
        noun = bare
        if plain.endswith(","):
            break
    return noun
