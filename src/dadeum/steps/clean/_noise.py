"""Runs of laughter, marks and emoji, shortened; and, for a formal style, taken away.

Korean laughter and tears are runs of jamo (ㅋㅋㅋ, ㅠㅠ, ㅋㅎㅋㅎ), English laughter repeats a syllable (hahaha, lolol). ★★★★ is a
rating, `...` an ellipsis, `---` a rule, 1000000 a number, 깔깔 a word, ㅇㅋ an answer: none of them is a run. Nor is anything within
addresses and code.
"""

from __future__ import annotations

import re
from typing import Final

from dadeum.steps.clean._code import FENCE

MARKS: Final = "!?~^;,♡♥❤。！？～…"
"""Marks that say no more for being repeated. Stars and dashes do."""
PICTURE: Final = "[\u2600-\u2604\u2607-\u26ff\u2702-\u27bf\U0001f300-\U0001faff]"
LAUGHS: Final = "ㅋㅎㅠㅜㅡ"
KEPT: Final = re.compile(rf"{FENCE.pattern}|`[^`\n]{{1,500}}`|(?:https?://|www\.)\S+|\S{{1,64}}@\S{{1,200}}", re.MULTILINE | re.IGNORECASE)
_ASKS: Final = re.compile(r"(?:!\?){2,}!?|(?:\?!){2,}\??")
_WORD: Final = re.compile(r"(?<![\w/.])[A-Za-z]++(?![\w/])")
_LETTER: Final = re.compile(r"([a-z])\1{3,}")
_FORMAL: Final = (
    re.compile(r"(?<![ㄱ-ㅣ])[ㅋㅎㅠㅜ]+(?![ㄱ-ㅣ])"),
    re.compile(rf"{PICTURE}[\ufe0f\U0001f3fb-\U0001f3ff]?(?:\u200d{PICTURE}\ufe0f?)*|[♡♥❤]\ufe0f?"),
    re.compile(r"\^[_.-]?\^;*|(?<![A-Za-z0-9])[;:=]-?[)(DPp](?![A-Za-z0-9])|(?<=[가-힣A-Za-z.!?])~+(?=[\s.!?]|\Z)"),
    re.compile(r"(?<![A-Za-z])(?:(?:ha){2,}h?|(?:he){2,}|(?:hi){3,}|lol|lmf?ao|rofl)(?![A-Za-z])", re.IGNORECASE),
)
_SPACES: Final = re.compile(r"(?<=\S) {2,}(?=\S)| +(?=[.,!?](?:\s|\Z))|(?<=\S) +$|\A +", re.MULTILINE)


class Noise:
    """The rule for how many repeats stay, as a function on strings."""

    def __init__(self, keep: int, formal: bool) -> None:
        self.keep = keep
        self.formal = formal
        marks = 1 if formal else keep
        self.runs = (
            (re.compile(rf"([ㄱ-ㅣ])\1{{{keep},}}"), keep),
            (re.compile(rf"([{re.escape(MARKS)}]|{PICTURE}\ufe0f?)\1{{{marks},}}"), marks),
            (re.compile(rf"((?!(.)\2)[{LAUGHS}]{{2}})\1{{{max(1, keep // 2)},}}"), max(1, keep // 2)),
            (re.compile(rf"(?<![A-Za-z])(ha|he|hi|ah)\1{{{max(2, keep)},}}(?=h?(?![A-Za-z]))", re.IGNORECASE), max(2, keep)),
            (re.compile(rf"([가-힣])\1{{{max(3, keep)},}}"), max(3, keep)),
            (re.compile(r"(?<![./\\])(\.)\1{3,}(?![./\\])"), 3),
        )
        self.lol = re.compile(r"(?<![A-Za-z])(?:lo(?:lo)+l|lo{2,}l+|lol{2,}|l{2,}ol+)(?![A-Za-z])", re.IGNORECASE)

    def __call__(self, text: str) -> str:
        """The text by the rule; once more until nothing changes, for what goes may bring a run together."""
        while (done := self._once(text)) != text:
            text = done
        return text

    def _once(self, text: str) -> str:
        pieces, end = [], 0
        for found in KEPT.finditer(text):
            pieces += [self._short(text[end : found.start()]), found[0]]
            end = found.end()
        return "".join([*pieces, self._short(text[end:])])

    def _short(self, text: str) -> str:
        text = _calm(text) if self.formal else text
        for run, keep in self.runs:
            text = run.sub(lambda m, keep=keep: m[1] * keep, text)  # type: ignore[misc]
        text = _ASKS.sub(lambda m: m[0][:2], text)
        text = self.lol.sub(lambda m: f"{m[0][0]}o{m[0][-1]}", text)
        return _WORD.sub(lambda m: m[0] if len(set(m[0].lower())) < 2 else _LETTER.sub(lambda r: r[1] * 2, m[0]), text)


def _calm(text: str) -> str:
    """The text without laughter, emoticons and emoji, and without the blanks that stood around them."""
    calm = text
    for gone in _FORMAL:
        calm = gone.sub("", calm)
    if calm == text:
        return text
    return _SPACES.sub(lambda m: " " if m[0].startswith("  ") and calm[m.end() : m.end() + 1] not in (".", ",", "!", "?") else "", calm)
