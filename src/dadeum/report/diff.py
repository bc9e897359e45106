"""What changed between two strings, as segments that a template can mark.

Latin words and numbers are compared whole, everything else character by character: a Korean particle that goes is seen as
the particle, not as the whole word. Removed or added characters that cannot be seen (zero-width space, no-break space,
decomposed jamo) are told by name, else a reader would look at two equal lines; a concealed value (⟨phone:3f9a⟩) is one piece. difflib's matcher, without its junk rule,
which would call frequent Korean syllables junk in texts over 200 characters.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from dataclasses import dataclass
from typing import Final, Literal

PIECE: Final = re.compile(r"⟨[^⟨⟩\s]{1,60}⟩|[A-Za-z\u00c0-\u024f]+|[0-9]+|.", re.DOTALL)
LIMIT: Final = 1500
"""Characters of either side that are compared: the matcher is quadratic at worst."""
CONTEXT: Final = 48
"""Characters of unchanged text that stay visible on each side of a change."""


@dataclass(frozen=True)
class Segment:
    """`same` in both, `gone` from the first, `new` in the second, or a `gap` of unchanged text that is not shown."""

    kind: Literal["same", "gone", "new", "gap"]
    text: str


def segments(before: str, after: str) -> list[Segment]:
    """The difference in reading order. `same` and `gone` joined give `before`, `same` and `new` joined give `after`.

    >>> [(s.kind, s.text) for s in segments("the old cat", "the cat")]
    [('same', 'the '), ('gone', 'old '), ('same', 'cat')]
    """
    a, b = PIECE.findall(before), PIECE.findall(after)
    made: list[Segment] = []
    for what, a_low, a_high, b_low, b_high in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        old, new = "".join(a[a_low:a_high]), "".join(b[b_low:b_high])
        if what == "equal":
            made.append(Segment("same", old))
        elif what == "replace" and _letters(old) == _letters(new) != "" and _nfc(old) != _nfc(new):
            made += _inside(old, new)
        else:
            made += [Segment("gone", old)] if old else []
            made += [Segment("new", new)] if new else []
    return made


def _inside(old: str, new: str) -> list[Segment]:
    """A word that kept its letters and lost or got something between them: character by character."""
    made: list[Segment] = []
    for what, low, high, new_low, new_high in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if what == "equal":
            made.append(Segment("same", old[low:high]))
            continue
        made += [Segment("gone", old[low:high])] if high > low else []
        made += [Segment("new", new[new_low:new_high])] if new_high > new_low else []
    return made


def _letters(text: str) -> str:
    return "".join(c for c in text if c.isalnum())


def shown(before: str, after: str) -> list[Segment]:
    """The difference as a person can read it: cut to LIMIT, far unchanged text left out, invisible characters named."""
    cut = max(len(before), len(after)) > LIMIT
    made = segments(before[:LIMIT], after[:LIMIT])
    out: list[Segment] = []
    for i, s in enumerate(made):
        if s.kind != "same":
            other = made[i + 1] if s.kind == "gone" and i + 1 < len(made) else made[i - 1] if s.kind == "new" and i else None
            alike = other is not None and other.kind not in ("same", s.kind) and _nfc(other.text) == _nfc(s.text)
            out.append(Segment(s.kind, codes(s.text) if alike and s.kind == "gone" else visible(s.text)))
            continue
        head = CONTEXT if i else 0
        tail = CONTEXT if i + 1 < len(made) else 0
        if len(s.text) <= head + tail + CONTEXT:
            out.append(s)
            continue
        out += [Segment("same", s.text[:head])] if head else []
        out.append(Segment("gap", " … "))
        out += [Segment("same", s.text[-tail:])] if tail else []
    if cut:
        out.append(Segment("gap", " …"))
    return out


def visible(text: str) -> str:
    """`text` with characters that cannot be seen replaced by their names.

    >>> visible("a\\u200bb c\\n")
    'a⟨U+200B⟩b c↵'
    """
    if text.isspace() and text.strip("\n") == "":
        return "↵" * len(text)
    only = not text.strip(" ")
    return "".join(_seen(c, only) for c in text)


def codes(text: str) -> str:
    """The code points of `text`, eight at most: for strings that look the same and are not.

    >>> codes("\\u1100\\u1161")
    'U+1100 U+1161'
    """
    return " ".join(f"U+{ord(c):04X}" for c in text[:8]) + (" …" if len(text) > 8 else "")


def _seen(c: str, only: bool) -> str:
    if c == "\n":
        return "↵"
    if c == "\t":
        return "⇥"
    if c == " ":
        return "␣" if only else c
    category = unicodedata.category(c)
    # Conjoining jamo look like the syllable that they spell; U+3164 and its kin are letters by category and blank on every screen.
    if category in ("Cc", "Cf", "Co", "Cn", "Cs", "Zs", "Zl", "Zp") or "\u1100" <= c <= "\u11ff" or c in "\u3164\uffa0":
        return f"⟨U+{ord(c):04X}⟩"
    return c


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)
