"""The vocabulary of the search: kinds, spans, patterns, and the words next to a number that say what it is.

A pattern's `judge` gives its confidence from 0 (it is not) to 1 (it can't be anything else):

| confidence   | what speaks for it                                                                   |
|--------------|--------------------------------------------------------------------------------------|
| .95 and more | a shape and a check digit that fits, or a shape that is nobody else's and a word     |
| .8 to .9     | a shape that is nobody else's, or a loose one with a word next to it                 |
| .5 to .75    | a shape that others may have, or a check digit alone                                 |
| below .5     | a bare run of digits that passes one check: for a review, not for the default        |

The steps are the author's judgement of the false alarms measured on clean text (see tests/test_guard_pii.py), not probabilities.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal[
    "email", "resident", "card", "phone", "business", "ip", "corporate", "driver", "passport", "account", "plate", "address", "customs",
    "messenger", "iban", "ssn", "mac", "secret", "speaker", "hotline", "name",
]  # fmt: skip
KINDS: Final[tuple[Kind, ...]] = (
    "email", "resident", "card", "phone", "business", "ip", "corporate", "driver", "passport", "account", "plate", "address", "customs",
    "messenger", "iban", "ssn", "mac", "secret", "speaker",
)  # fmt: skip
"""`speaker` is who a conversation's structure names (speakers.py): no pattern finds it. All but `hotline` (1588-1234 and 080 numbers are published by companies and are nobody's) and `name`, which is less sure and slow (names.py)."""
ALL: Final[tuple[Kind, ...]] = (*KINDS, "hotline", "name")

CONTEXT: Final = 32
"""How many characters before a number may hold the word that says what it is."""
L: Final = r"(?<!\d)(?<!\d[-.])"
R: Final = r"(?!\d)(?!-\d)"
_MASKS: Final = re.compile(r"\[[A-Z]{2,12}\d{0,4}\]")


@dataclass(frozen=True)
class Span:
    """One value found: positions in the text, the value as it compares (digits alone, or lower case), and how sure that is."""

    start: int
    end: int
    kind: Kind
    value: str
    confidence: float = 1.0


Judge = Callable[[re.Match[str], str], float]


@dataclass(frozen=True)
class Pattern:
    """`judge` gets the match and the folded text. Texts (in lower case) that hold none of `needs`, and those of fewer digits, are not searched.

    kind: empty for what claims a stretch because it is known to be something else (a date stamp, a book's number). A group `v` in
    the regex is the value, where the match holds more.
    """

    kind: Kind | Literal[""]
    regex: re.Pattern[str]
    judge: Judge
    needs: frozenset[str]
    """Empty: it asks for no word."""
    digits: int
    """So many digits has a match at least. Most texts that may hold something hold four digits; most numbers have more."""


def pattern(
    kind: Kind | Literal[""], regex: str, judge: Judge | float, needs: tuple[str, ...] = (), flags: re.RegexFlag = re.IGNORECASE, digits: int = 0
) -> Pattern:
    """judge: a function, or the confidence that every match has."""
    if callable(judge):
        return Pattern(kind, re.compile(regex, re.ASCII | flags), judge, frozenset(needs), digits)
    always = judge
    return Pattern(kind, re.compile(regex, re.ASCII | flags), lambda match, text: always, frozenset(needs), digits)


def words(regex: str) -> re.Pattern[str]:
    """A pattern for `near`."""
    return re.compile(regex, re.IGNORECASE)


def near(match: re.Match[str], text: str, told: re.Pattern[str], after: int = 0, before: int = CONTEXT) -> bool:
    """Does one of the words stand before the match, or within `after` characters behind it? Masks ([CARD]) are no words."""
    ahead = text[max(0, match.start() - before) : match.start()]
    if told.search(_MASKS.sub("", ahead) if "[" in ahead else ahead):
        return True
    return bool(after and told.search(_MASKS.sub("", text[match.end() : match.end() + after])))


def digits(text: str) -> str:
    """The ASCII digits of a text."""
    return "".join(c for c in text if c in "0123456789")
