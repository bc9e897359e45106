"""Where personal data stands in a text.

Every pattern of numbers.py, korean.py and secrets.py puts its claims, each with a confidence; the surest claim on a stretch of text
wins, also over the kinds that were not asked for: a telephone number is no bank account because only accounts are looked for. Claims
of kind "" (a date stamp, a book's number, a reserved e-mail address) win in the same way and are then forgotten. No pattern claims
what surrogate.py writes.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterable
from typing import Final

from dadeum.steps.guard._pii import korean, numbers, secrets
from dadeum.steps.guard._pii.fold import FOLD, ZERO_WIDTH, fold
from dadeum.steps.guard._pii.numbers import PROVIDER
from dadeum.steps.guard._pii.spans import ALL, KINDS, Kind, Pattern, Span, digits

__all__ = ["ALL", "FOLD", "KINDS", "SUSPECT", "THRESHOLD", "Kind", "Span", "digits", "find"]

THRESHOLD: Final = 0.5
"""The confidence from which a claim counts (see spans.py)."""
PATTERNS: Final[tuple[Pattern, ...]] = (*numbers.PATTERNS, *korean.PATTERNS, *secrets.PATTERNS)
PLAIN: Final = re.compile(r"[\s\-.,()]")
SPOKEN: Final = frozenset({"email", "ip", "mac", "iban", "secret", "messenger", "address", "plate", "passport", "customs"})
"""Kinds whose letters count."""


def find(text: str, kinds: Iterable[str] = KINDS, threshold: float = THRESHOLD) -> list[Span]:
    """The values of these kinds of at least this confidence, left to right, none overlapping another."""
    folded = fold(text)
    lower = folded.text.lower()
    claims: list[tuple[float, int, int, int]] = []
    for order, pattern in enumerate(PATTERNS):
        if not any(need in lower for need in pattern.needs):
            continue
        group = "v" if "v" in pattern.regex.groupindex else 0
        for match in pattern.regex.finditer(folded.text):
            confidence = pattern.judge(match, folded.text)
            if confidence >= threshold or (confidence and not pattern.kind):
                claims.append((-confidence, order, *match.span(group)))
    if not claims:
        return []
    wanted = set(kinds)
    won: list[tuple[int, int]] = []
    spans = []
    for minus, order, start, end in sorted(claims, key=lambda c: (c[0], c[2] - c[3], c[1], c[2])):
        at = bisect.bisect_left(won, (start, end))
        if (at < len(won) and won[at][0] < end) or (at and won[at - 1][1] > start):
            continue
        won.insert(at, (start, end))
        kind = PATTERNS[order].kind
        if kind and kind in wanted:
            spans.append(Span(*folded.original(start, end), kind, _value(kind, folded.text[start:end]), -minus))
    return sorted(spans, key=lambda span: span.start)


def _value(kind: Kind, found: str) -> str:
    if kind == "secret":
        return found
    plain = found.lower() if kind in ("email", "ip") else PLAIN.sub("", found).lower()
    return plain if kind in SPOKEN else digits(found) or plain


_DIGIT, _HEX, _DOT = "[0-9０-９\U0001d7ce-\U0001d7ff]", "[0-9A-Fa-f０-９Ａ-Ｆａ-ｆ]", "[.．。]"
SUSPECT: Final = (
    rf"[@＠\u1100-\u1112{ZERO_WIDTH}]|(?:{_DIGIT}[^0-9０-９]{{0,6}}){{6}}{_DIGIT}|{_DIGIT}{_DOT}{_DIGIT}{{1,3}}{_DOT}{_DIGIT}{{1,3}}{_DOT}{_DIGIT}"
    rf"|{_HEX}[:：](?:{_HEX}|[:：])*[:：]{_HEX}|[공영빵0０]\s?일\s?[공영빵일육칠팔구]|골뱅이|[Ａ-Ｚａ-ｚ]{{2}}"
    rf"|(?i:[(\[（［]at[)\]）］]|\sat\s+{PROVIDER})"
    rf"|(?:로|길)\s?(?:지하\s?)?{_DIGIT}|[동리가]\s(?:산\s?)?{_DIGIT}|{_DIGIT}{{2}}[가-힣]\s?{_DIGIT}{{4}}"
    r"|[0-9][0-9A-Za-z]* (?:[A-Z][A-Za-z.'-]* ){1,5}(?:St|Av|R[do]|Dr|L[an]|B[ol]|C[otilr]|Wa|P[lka]|Te|Sq|H[iw]|Tr)"
    r"|(?i:카톡|카카오톡|kakao|라인|line|텔레|telegram|인스타|insta|위챗|wechat|디스코드|discord|스카이프|skype)[^\n]{0,12}[A-Za-z0-9]{3}"
    r"|(?i:pass|pw|secret|token|key|비밀|비번|암호|패스|인증|시크릿)[^\n]{0,24}[!-~]{4}|PRIVATE KEY"
    r"|A[KS]IA|gh[pousr]_|github_pat_|glpat-|sk-|xox[abeprs]-|AIza|[sr]k_(?:live|test)|hf_|npm_|SG\.|eyJ"
    rf"|[0-9A-Fa-f]{{2}}-[0-9A-Fa-f]{{2}}-[0-9A-Fa-f]{{2}}-"
)
"""What every value holds, as a cheap test for Polars: seven digits close together, an @, dots or colons between numbers, words."""
