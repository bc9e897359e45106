"""What makes an answer no answer: refusals, acknowledgements, cut-off ends, copies of the question. Expressions, Korean and English.

A refusal is told by how it opens: the first `OPENING` characters say, of the writer, that it can't or won't, or that it is a model and
therefore something is not to be had. An apology alone is none (죄송하지만 품절입니다), nor is a thing that can't be done (the file can't be opened), nor is
a model's name where somebody asks for it ("I am a language model trained by ...": 259 of 500 dialogues of such questions left by that).

An end is cut off where a fence of code stays open, or where prose that closes its earlier sentences ends in a letter or comma: in Korean
after a particle or a connecting ending, in English after a word that can't end a sentence; if two sentences before it were closed, after
any English word and any Korean syllable that ends no sentence. So lists of nouns and chat without full stops pass. Lists, tables, headings, addresses, hashtags,
greetings and signatures are left alone.
"""

from __future__ import annotations

from typing import Final

import polars as pl

OPENING: Final = 200
"""Characters of the opening in which a refusal is looked for."""
CUT: Final = 40
"""Answers with fewer characters are not looked at for their end: short ones often lack a full stop."""

_SELF_EN: Final = (
    r"(?:i am|i'm|i’m|as) (?:just |only )?an? (?:ai|artificial intelligence|large language model|language model|virtual assistant|ai assistant)\b"
    r"[^.!?\n]{0,100}?(?:n['’]t\b|\b(?:not|cannot|unable|no|never|nor|without|lack|beyond|incapable)\b)"
)
_CANT_EN: Final = (
    r"(?:i(?:'m| am|’m) (?:very |so |really )?sorry|sorry|i apologi[sz]e|unfortunately)[^.!?\n]{0,60}\bi(?: can(?:no|')t|can’t| cannot|'m unable| am unable| am not able|'m not able| won't| will not)\b|"
    r"^\W*i (?:can(?:no|')t|can’t|cannot|am unable to|am not able to|won't|will not) (?:help|assist|provide|answer|fulfil|comply|create|write|generate|engage|support|discuss|do that|be able to)|"
    r"^\W*i(?:'m|’m| am) (?:unable|not able) to |^\W*i must (?:decline|refuse)|my (?:programming|guidelines) (?:does|do)(?:n't| not) allow"
)
_SELF_KO: Final = (
    r"(?:(?:저는|나는|전) ?(?:단지 |그저 )?(?:인공지능|ai|에이아이|언어 ?모델|대규모 언어|챗봇)|(?:인공지능|ai|언어 ?모델)(?: 언어 ?모델)?(?:으?로서|이기 때문에|이므로|이라서|이라))"
    r"[^.!?\n]{0,80}?(?:없|못|않|어렵|불가|힘들|\b안 )"
)
_CANT_KO: Final = (
    r"(?:죄송|미안|유감)[^.!?\n]{0,60}(?:도와 ?드릴|도움을 드릴|도움 드릴|답변(?:을|해)? ?드릴|답해 ?드릴|대답(?:을|해)? ?드릴|답변할|대답할|제공(?:해 ?드릴|할)|알려 ?드릴|수행할|작성(?:해 ?드릴|할)|응답할|들어드릴|도와 ?줄|알려 ?줄|말해 ?줄) ?수(?:가|는)? ?없|"
    r"^[^.!?\n]{0,80}(?:도와 ?드릴|답변(?:을|해)? ?드릴|답변할|제공할|응답할) 수(?:가|는)? ?없(?:습니다|어요|음)|"
    r"(?:요청|질문|내용)[^.!?\n]{0,30}(?:답변|응답|응할|도와)[^.!?\n]{0,12}(?:수 ?없습니다|어렵습니다)"
)
REFUSAL: Final = f"(?i){_SELF_EN}|{_CANT_EN}|{_SELF_KO}|{_CANT_KO}"

ACKNOWLEDGED: Final = (
    r"(?i)^[\s\p{P}\p{S}]*(?:(?:네|넵|예|yes|ok|okay|알겠습니다|알겠어요|알았어요?|물론(?:입니다|이죠|이에요)?|그럼요|당연하죠|이해했습니다|확인했습니다|sure(?: thing)?|certainly|of course|"
    r"absolutely|got it|understood|no problem|i understand|will do|happy to help|(?:here (?:it is|you go)))[\s\p{P}\p{S}]*){1,3}$"
)
_BARE: Final = r"(?i)^[\s\p{P}\p{S}]*(?:네|넵|예|yes|ok|okay)[\s\p{P}\p{S}]*$"
"""A yes is an answer."""
_YES: Final = r"(?i)^[\s\p{P}\p{S}]*(?:(?:네|넵|예|yes|ok|okay|물론(?:입니다|이죠|이에요)?|그럼요|당연하죠|sure|certainly|of course|absolutely)[\s\p{P}\p{S}]*)+$"
_REQUEST: Final = (
    r"(?i)줘|주세요|주십시오|하시오|해라|하라|줄래|주실|주시|부탁|써 ?봐|해 ?봐|\b(?:can|could|would|will) you\b|\bplease\b|"
    r"^\W*(?:write|create|make|give|list|explain|describe|summari[sz]e|translate|generate|tell|design|find|rewrite|edit|draft|compose|provide|suggest|identify|classify|convert|calculate|compare)\b"
)
"""Of course! is an answer to a question or a remark, and none to a request."""

_LINE: Final = r"^\s*(?:[-–—―*+•·|>#]|\d{1,3}[.)]|[가-하][.)]|[a-zA-Z][.)]|```|\$|https?:)|\s\|\s|[|:`]$|https?://\S+$|#[\p{L}\p{N}_]+$|(?i)\b(?:sincerely|regards|yours|love|cheers|wishes|thanks),?\s+\S+(?:\s\S+)?$"
_GREETING: Final = r"\n[ \t]*\n[ \t]*\p{L}[^\n.!?]{1,50},$"
"""How a letter ends: a short line of its own, with a comma ("Looking forward to seeing you,")."""
_HANGING_KO: Final = (
    r"[가-힣]{1,}(?:하고|이고|으며|하며|이며|지만|는데|은데|인데|면서|아서|어서|해서|하여|되어|니까|려고|도록|에서|에게|으로|부터|까지|보다|처럼|을|를|의|와|과|은|는|및|등을|하는|되는|있는|없는|위한|대한|위해|대해|통해|때문에)$|,$"
)
_HANGING_EN: Final = r"(?i)\b(?:the|a|an|of|and|or|but|to|in|on|at|by|for|from|with|as|is|are|was|were|be|that|which|because|if|when|than|their|its|his|her|your|our|my|into|about|such)$|,$"
_OPEN_KO: Final = r"[가-힣]*[가-힣--[다요죠까음임됨함것기오네지군라자야어아해]]$"
"""Ends in a syllable that closes no sentence; counts only after two sentences that were closed."""
_OPEN_EN: Final = r"[A-Za-z]$"
_CLOSED: Final = r"[.!?。…][\"'”’)\]]*(?:\s|$)"


def refused(answer: pl.Expr) -> pl.Expr:
    """Whether an answer opens with a refusal."""
    return answer.str.strip_chars_start().str.slice(0, OPENING).str.contains(REFUSAL)


def acknowledged(asked: pl.Expr, answer: pl.Expr) -> pl.Expr:
    """Whether an answer is nothing but an acknowledgement; a bare yes is none, nor is "Of course!" where nothing was requested."""
    said = (answer.str.len_chars() <= 60) & answer.str.contains(ACKNOWLEDGED) & ~answer.str.contains(_BARE)
    return said & (~answer.str.contains(_YES) | asked.str.contains(_REQUEST).fill_null(False))


def cut_off(answer: pl.Expr) -> pl.Expr:
    """Whether an answer ends before its end."""
    text = answer.str.strip_chars_end()
    last = text.str.extract(r"([^\n]*)$")
    fences = text.str.count_matches(r"(?m)^[ \t>]*```")
    prose = (text.str.len_chars() >= CUT) & ~text.str.contains(_GREETING) & ~last.str.contains(_LINE) & (fences == 0)
    closed = text.str.count_matches(_CLOSED)
    korean = ((closed >= 1) & last.str.contains(_HANGING_KO)) | ((closed >= 2) & last.str.contains(_OPEN_KO) & (last.str.count_matches(r"\s") >= 3))
    english = ((closed >= 1) & last.str.contains(_HANGING_EN)) | ((closed >= 2) & last.str.contains(_OPEN_EN) & (last.str.count_matches(r"\s") >= 5))
    return (fences % 2 == 1) | (prose & (korean | english))


def alike(question: str, answer: str, n: int = 3) -> float:
    """Twice the n-grams two keys share over the n-grams of both (Dice); 1 for equal keys.

    >>> alike("whatisthecapital", "whatisthecapital"), round(alike("whatisthecapital", "parisisthecapital"), 2)
    (1.0, 0.69)
    """
    one, other = ({text[i : i + n] for i in range(max(1, len(text) - n + 1))} for text in (question, answer))
    return 2 * len(one & other) / (len(one) + len(other))
