"""Each kind of dirt: a small function that spoils a row and writes down what it did.

    in place     (rng, row) -> the row with other contents: markup, entities, invisible characters, NFD, mojibake, personal data,
                 a wrong or an unknown label, a line that breaks
    as a copy    (rng, row) -> one more row that says the same: exactly, nearly, or under another label
    out of nowhere   rows that no customer wrote as a message: empty, runaway, machine-made

A row knows its truth: `kinds` of dirt it carries, `clean` (its text without them), `marks` (the strings that were put in, for
edits), `origin` (the row that it copies) and `outcome`, what a perfect recipe would do with it.
"""

from __future__ import annotations

import dataclasses
import random
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from dadeum.demo.grammar import LABELS, Language, grammar
from dadeum.demo.identity import invent

Outcome = Literal["kept", "cleaned", "merged", "dropped", "capped", "quarantined"]
INVISIBLE: Final = ("\u200b", "\ufeff", "\u00ad", "\u2060")
UNKNOWN_LABELS: Final = ("etc", "기타", "?", "test", "미분류")
CARELESS: Final = "intern"
"""Who labelled the conflicting copies and the wrong rows."""


@dataclass(frozen=True)
class Row:
    """One raw row and its truth."""

    id: str
    customer: str
    language: Language
    channel: str
    date: str
    annotator: str
    label: str
    """The right category."""
    told: str
    """The category that the export gives."""
    text: str
    clean: str
    kinds: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    origin: str = ""
    outcome: Outcome = "kept"

    def spoilt(self, kind: str, outcome: Outcome, **changes: object) -> Row:
        """The row with one more kind of dirt."""
        return dataclasses.replace(self, kinds=(*self.kinds, kind), outcome=outcome, **changes)  # type: ignore[arg-type]


def markup(rng: random.Random, row: Row) -> Row:
    """Tags of a web editor: paragraphs, a line break, an emphasised word, a link."""
    words = row.text.split(" ")
    at = rng.randrange(len(words))
    opening, closing = rng.choice((("<b>", "</b>"), ('<span style="color:#333">', "</span>"), ('<a href="https://shop.example/help">', "</a>")))
    words[at] = f"{opening}{words[at]}{closing}"
    text = f"<p>{' '.join(words)}</p>"
    if ". " in text:
        text = text.replace(". ", ".<br> ", 1)
    return row.spoilt("markup", "cleaned", text=text, marks=("<p>", "</p>", opening, closing))


def entity(rng: random.Random, row: Row) -> Row:
    """Entities that were escaped once too often."""
    words = row.text.split(" ")
    at = rng.randrange(len(words))
    clean = " ".join([*words[:at], f'"{words[at]}"', *words[at + 1 :]])
    text = " ".join([*words[:at], f"&quot;{words[at]}&quot;", *words[at + 1 :]]).replace(" ", "&nbsp;", 2)
    return row.spoilt("entity", "cleaned", text=text, clean=clean, marks=("&quot;", "&nbsp;"))


def invisible(rng: random.Random, row: Row) -> Row:
    """Zero-width characters and soft hyphens, from copying out of other programs."""
    text, marks = row.text, rng.sample(INVISIBLE, 2)
    for mark in marks:
        at = rng.randrange(1, len(text))
        text = text[:at] + mark + text[at:]
    return row.spoilt("invisible", "cleaned", text=text, marks=tuple(marks))


def nfd(rng: random.Random, row: Row) -> Row:
    """Hangul taken apart into jamo, as file names of one desktop system are."""
    text = unicodedata.normalize("NFD", row.text)
    return row.spoilt("nfd", "cleaned", text=text, marks=(text,))


def mojibake(rng: random.Random, row: Row) -> Row:
    """UTF-8 read as Latin-1; English gets a dash and an ellipsis first, or nothing would show."""
    clean = row.text if row.language == "ko" else row.text.replace(". ", " – ", 1).rstrip(".") + "…"
    return row.spoilt("mojibake", "cleaned", text=clean.encode("utf-8").decode("latin-1"), clean=clean)


def personal(kind: str) -> Callable[[random.Random, Row], Row]:
    """A sentence that gives invented personal data away (kinds: see identity.KINDS)."""

    def spoil(rng: random.Random, row: Row) -> Row:
        value = invent(rng, kind)
        told = rng.choice(grammar(row.language).personal[kind]).replace("{value}", value)
        text = f"{row.text} {told}" if rng.random() < 0.5 else f"{told} {row.text}"
        return row.spoilt(f"pii_{kind}", "cleaned", text=text, clean=text, marks=(value,))

    return spoil


def wrong_label(rng: random.Random, row: Row) -> Row:
    """Another category than the right one."""
    return row.spoilt("wrong_label", "dropped", told=other(rng, row.label), annotator=CARELESS)


def unknown_label(rng: random.Random, row: Row) -> Row:
    """A category that nobody agreed on."""
    return row.spoilt("unknown_label", "dropped", told=rng.choice(UNKNOWN_LABELS))


def truncated(rng: random.Random, row: Row) -> Row:
    """The line ends in the middle (raw.py cuts it)."""
    return row.spoilt("truncated", "quarantined")


def bad_bytes(rng: random.Random, row: Row) -> Row:
    """The line holds bytes that its encoding has not (raw.py puts them in)."""
    return row.spoilt("bad_bytes", "quarantined")


def copied(row: Row, id: str, **changes: object) -> Row:
    """One more row with the contents of another, of the same customer."""
    return dataclasses.replace(row, id=id, origin=row.origin or row.id, **changes)  # type: ignore[arg-type]


def exact_copy(rng: random.Random, row: Row, id: str) -> Row:
    """Sent again."""
    return copied(row, id).spoilt("exact_copy", "merged")


def conflict(rng: random.Random, row: Row, id: str) -> Row:
    """The same text, labelled otherwise by somebody careless."""
    return copied(row, id, told=other(rng, row.label), annotator=CARELESS).spoilt("conflict", "dropped")


def near_spacing(rng: random.Random, row: Row, id: str) -> Row:
    """Two spaces lost, two put in."""
    text = row.text
    for old, new in ((" ", ""), (" ", ""), (" ", "  "), (" ", "  ")):
        places = [i for i, c in enumerate(text) if c == old]
        if places:
            at = rng.choice(places)
            text = text[:at] + new + text[at + 1 :]
    return copied(row, id, text=text).spoilt("near_spacing", "merged")


def near_punctuation(rng: random.Random, row: Row, id: str) -> Row:
    """Full stops become other marks."""
    text = row.text.rstrip(".?") + rng.choice(("!!", "..", "~", "!", "?!"))
    return copied(row, id, text=text.replace(". ", rng.choice((" ", "! ", ", ")), 1)).spoilt("near_punctuation", "merged")


def near_case(rng: random.Random, row: Row, id: str) -> Row:
    """English in capitals or without any."""
    return copied(row, id, text=row.text.upper() if rng.random() < 0.5 else row.text.lower()).spoilt("near_case", "merged")


def near_typo(rng: random.Random, row: Row, id: str) -> Row:
    """Two slips: a Hangul vowel next to the right one, or two letters that changed places."""
    text = row.text
    for _ in range(2):
        at = rng.choice([i for i, c in enumerate(text[:-1]) if c.isalpha() and text[i + 1].isalpha() and c != text[i + 1]])
        if "가" <= text[at] <= "힣":
            code = ord(text[at]) - 0xAC00
            vowel = (code // 28 + rng.choice((1, 2))) % 21
            text = text[:at] + chr(0xAC00 + (code // 588 * 21 + vowel) * 28 + code % 28) + text[at + 1 :]
        else:
            text = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return copied(row, id, text=text).spoilt("near_typo", "merged")


def empty(rng: random.Random, row: Row) -> Row:
    """Nothing to read."""
    return dataclasses.replace(row, text=(text := rng.choice(grammar(row.language).empty)), clean=text).spoilt("empty", "dropped")


def runaway(rng: random.Random, row: Row) -> Row:
    """A phrase in a loop, half the time behind a message. Mostly hundreds of characters (it still fits into a context and eats
    its tokens), sometimes thousands."""
    phrase = rng.choice(grammar(row.language).runaway)
    length = rng.randint(500, 1100) if rng.random() < 0.9 else rng.randint(2000, 6000)
    head = f"{row.text} " if rng.random() < 0.5 else ""
    text = head + " ".join([phrase] * (length // (len(phrase) + 1)))
    return dataclasses.replace(row, text=text, clean=text).spoilt("runaway", "dropped")


def flood(rng: random.Random, row: Row) -> Row:
    """What a machine writes: one template, other numbers."""
    made = grammar(row.language)
    text = made.fill(rng, made.flood[row.label])
    return dataclasses.replace(row, text=text, clean=text).spoilt("flood", "capped")


def other(rng: random.Random, label: str) -> str:
    """A category that is not `label`."""
    return rng.choice([name for name in LABELS if name != label])


IN_PLACE: Final[dict[str, tuple[float, Callable[[random.Random, Row], Row]]]] = {
    "markup": (0.08, markup),
    "entity": (0.04, entity),
    "invisible": (0.04, invisible),
    "nfd": (0.03, nfd),
    "mojibake": (0.03, mojibake),
    "pii_email": (0.03, personal("email")),
    "pii_phone": (0.03, personal("phone")),
    "pii_rrn": (0.02, personal("rrn")),
    "pii_card": (0.02, personal("card")),
    "wrong_label": (0.04, wrong_label),
    "unknown_label": (0.03, unknown_label),
    "truncated": (0.01, truncated),
    "bad_bytes": (0.01, bad_bytes),
}
"""kind -> (share of the messages, function) at dirt = 1."""
COPIES: Final[dict[str, tuple[float, Callable[[random.Random, Row, str], Row]]]] = {
    "exact_copy": (0.10, exact_copy),
    "near_spacing": (0.03, near_spacing),
    "near_punctuation": (0.03, near_punctuation),
    "near_case": (0.02, near_case),
    "near_typo": (0.03, near_typo),
    "conflict": (0.24, conflict),
}
NOWHERE: Final[dict[str, tuple[float, Callable[[random.Random, Row], Row]]]] = {
    "empty": (0.03, empty),
    "runaway": (0.10, runaway),
}
FLOOD_SHARE: Final = 0.6
LEAK_SHARE: Final = 0.3
"""Of the benchmark's questions."""
OUTVOTED: Final = 0.5
"""Share of the conflicting copies whose text also stands there a second time under the right label."""
CHAT_ONLY: Final = ("invisible", "nfd", "mojibake", "truncated")
"""What the other export can't hold: cp949 has neither jamo nor zero-width characters, and a CSV row has no end to miss."""
LANGUAGE: Final = {"nfd": "ko", "near_case": "en"}
"""Kinds that only one language knows."""
KINDS: Final = (*IN_PLACE, *COPIES, *NOWHERE, "flood", "leak")
ALWAYS: Final = ("unlabelled",)
"""What the pages of the web form are at every level of dirt: sorted by nobody, and so trained on by nobody."""
