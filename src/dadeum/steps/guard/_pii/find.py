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

import polars as pl

from dadeum.record import put
from dadeum.steps.guard._pii import korean, names, numbers, secrets
from dadeum.steps.guard._pii.fold import FOLD, ZERO_WIDTH, fold
from dadeum.steps.guard._pii.numbers import PROVIDER
from dadeum.steps.guard._pii.spans import ALL, KINDS, Kind, Pattern, Span, digits

__all__ = ["ALL", "FOLD", "KINDS", "MAYBE", "SUSPECT", "THRESHOLD", "TIME", "Kind", "Span", "digits", "fields", "find", "suspect", "tellable"]

THRESHOLD: Final = 0.5
"""The confidence from which a claim counts (see spans.py)."""
PATTERNS: Final[tuple[Pattern, ...]] = (*numbers.PATTERNS, *korean.PATTERNS, *secrets.PATTERNS)
_NEEDS: Final = frozenset().union(*(pattern.needs for pattern in PATTERNS))
PLAIN: Final = re.compile(r"[\s\-.,()]")
SPOKEN: Final = frozenset({"email", "ip", "mac", "iban", "secret", "messenger", "address", "plate", "passport", "customs", "name"})
"""Kinds whose letters count."""


def find(text: str, kinds: Iterable[str] = KINDS, threshold: float = THRESHOLD) -> list[Span]:
    """The values of these kinds of at least this confidence, left to right, none overlapping another."""
    folded = fold(text)
    lower = folded.text.lower()
    claims: list[tuple[float, int, int, int]] = []
    held = {need for need in _NEEDS if need in lower}
    numerals = sum(map(folded.text.count, "0123456789"))
    for order, pattern in enumerate(PATTERNS):
        if numerals < pattern.digits or (pattern.needs and held.isdisjoint(pattern.needs)):
            continue
        group = "v" if "v" in pattern.regex.groupindex else 0
        for match in pattern.regex.finditer(folded.text):
            confidence = pattern.judge(match, folded.text)
            if confidence >= threshold or (confidence and not pattern.kind):
                claims.append((-confidence, order, *match.span(group)))
    wanted = set(kinds)
    if "name" in wanted:
        claims += [(-claim.confidence, len(PATTERNS), claim.start, claim.end) for claim in names.claims(folded.text, threshold)]
    if not claims:
        return []
    won: list[tuple[int, int]] = []
    spans = []
    for minus, order, start, end in sorted(claims, key=lambda c: (c[0], c[2] - c[3], c[1], c[2])):
        at = bisect.bisect_left(won, (start, end))
        if (at < len(won) and won[at][0] < end) or (at and won[at - 1][1] > start):
            continue
        won.insert(at, (start, end))
        kind = PATTERNS[order].kind if order < len(PATTERNS) else "name"
        if kind and kind in wanted:
            spans.append(Span(*folded.original(start, end), kind, _value(kind, folded.text[start:end]), -minus))
    return sorted(spans, key=lambda span: span.start)


def tellable(value: str) -> str:
    """A value of a row as an error or a reason may quote it."""
    return "(personal data)" if find(value) else value


def _value(kind: Kind, found: str) -> str:
    if kind == "secret":
        return found
    plain = found.lower() if kind in ("email", "ip") else PLAIN.sub("", found).lower()
    return plain if kind in SPOKEN else digits(found) or plain


def suspect(strings: pl.Series) -> pl.Series:
    """Which strings may hold a value: what `SUSPECT` says, asked of those alone that hold a letter or digit of ASCII or an odd character.

    Of 424,824 Korean reviews those are 16 %; and one expression with all in it is three times slower than its halves.
    """
    may = strings.str.contains(_ODD).fill_null(False)
    at = may.arg_true()
    if at.is_empty():
        return may
    few = strings.gather(at)
    return put(may, at, few.str.contains(_NUMBERS) | few.str.contains(_WORDS))


def fields(words: str, values: pl.Expr) -> pl.Expr:
    """Which values of a field may be one, at a threshold of .5 or more, by a test cheaper than `suspect`; words: its name, as they stand in front. Not times, digests, and numbers of which nothing says what they are.

    A bare number counts without a word only as a mobile telephone, which begins with 0, or as the 13 digits of a resident. Of the
    fields of 424,824 reviews that spares a search of every id.
    """
    if any(told.search(words) for told in (*numbers.TOLD, *korean.TOLD, _ASSIGNED)):
        return pl.lit(True)
    return ~values.str.contains(_NOTHING)


_ASSIGNED: Final = re.compile(secrets.ASSIGNED, re.IGNORECASE)
TIME: Final = r"(?:19|20)\d\d-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?"
"""A time and nothing else."""
_NOTHING: Final = rf"^(?:[1-9][0-9]{{0,11}}|[1-9][0-9]{{13,18}}|{TIME}|[0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}|[0-9a-f]{{32}}|[0-9a-f]{{40}}|[0-9a-f]{{64}})$"
_DIGIT, _HEX, _DOT = "[0-9０-９\U0001d7ce-\U0001d7ff]", "[0-9A-Fa-f０-９Ａ-Ｆａ-ｆ]", "[.．。]"
_ODD: Final = rf"[0-9A-Za-z@０-９Ａ-Ｚａ-ｚ＠\u1100-\u1112{ZERO_WIDTH}\U0001d7ce-\U0001d7ff]|[공영빵]\s?일|골뱅이"
_NUMBERS: Final = (
    rf"[@＠\u1100-\u1112{ZERO_WIDTH}]|(?:{_DIGIT}[^0-9０-９]{{0,6}}){{6}}{_DIGIT}|{_DIGIT}{_DOT}{_DIGIT}{{1,3}}{_DOT}{_DIGIT}{{1,3}}{_DOT}{_DIGIT}"
    rf"|{_HEX}[:：](?:{_HEX}|[:：])*[:：]{_HEX}|[공영빵0０]\s?일\s?[공영빵일육칠팔구]"
)
_WORDS: Final = (
    r"골뱅이|[Ａ-Ｚａ-ｚ]{2}"
    rf"|(?i:[(\[（［]at[)\]）］]|\sat\s+{PROVIDER})"
    rf"|[가-힣0-9·.](?:로|길)\s?(?:지하\s?)?{_DIGIT}|[시군구]\s{{1,2}}(?:[가-힣]{{1,6}}[읍면]\s{{1,2}})?[가-힣]{{1,6}}{_DIGIT}{{0,2}}(?:[동리]|{_DIGIT}가)\s(?:산\s?)?{_DIGIT}|{_DIGIT}{{2}}[가-힣]\s?{_DIGIT}{{4}}"
    r"|[0-9][0-9A-Za-z]* (?:[A-Z][A-Za-z.'-]* ){1,5}(?:St|Av|R[do]|Dr|L[an]|B[ol]|C[otilr]|Wa|P[lka]|Te|Sq|H[iw]|Tr)"
    r"|(?i:카톡|카카오톡|kakao|라인|line|텔레|telegram|인스타|insta|위챗|wechat|디스코드|discord|스카이프|skype)[^\n]{0,12}[A-Za-z0-9]{3}"
    r"|(?i:pass|pw|secret|token|key|비밀|비번|암호|패스|인증|시크릿)[^\n]{0,24}[!-~]{4}|PRIVATE KEY"
    r"|A[KS]IA|gh[pousr]_|github_pat_|glpat-|sk-|xox[abeprs]-|AIza|[sr]k_(?:live|test)|hf_|npm_|SG\.|eyJ|hooks\.slack|[0-9]:AA|[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.|whsec_|SK[0-9a-f]{32}|dapi|shp(?:at|ca|pa|ss)_|dop_v1_|pypi-AgE|ya29\.|gsk_|r8_|ntn_|lin_api_|dckr_pat_|sntrys_"
    r"|xai-|NRAK-|ATATT3x|hvs\.|:APA91b|[a-z]://[^\s:@/]{0,64}:[^\s:@/]{3,128}@|(?i:bearer|basic)\s|[?&]sig="
    rf"|[0-9A-Fa-f]{{2}}-[0-9A-Fa-f]{{2}}-[0-9A-Fa-f]{{2}}-"
)
SUSPECT: Final = rf"{_NUMBERS}|{_WORDS}"
MAYBE: Final = re.compile(SUSPECT)
"""What every value holds, as a cheap test for Polars, and for one string: seven digits close together, an @, dots or colons between numbers, words."""
