"""Named pieces of a text: precision, recall and F1 of what an answer lists, against what was to be listed.

Answers and references are JSON lists of objects, `{"type": "PERSON", "start": 3, "end": 6}` or `{"type": "PERSON", "text": "홍길동"}`
(also `label`, `entity`, `tag` for the type), or of lists [start, end, type] or [text, type]; objects one a line do as well. By place
where both sides give places, else by text. A piece counts when its type and its place or text are right; twice listed counts once unless
it is to be listed twice. An answer that is no such list is unscored: null, and so are one that broke off, two that differ, and one of texts
where places are asked for. Nothing to find and nothing found scores 1.

The score is the item's F1, whose mean is compared; precision, recall and F1 over all pieces, by type too, stand beside it.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from dadeum.evaluate.metrics.structured import values

TYPES: Final = ("type", "label", "entity", "tag", "entity_type", "entity_group")
TEXTS: Final = ("text", "value", "word", "span", "form")

Piece = tuple[str, int | None, int | None, str | None]
"""(type, start, end, text)."""


def score(reply: str, reference: str) -> float | None:
    """The item's F1, 0 to 1; null where the reply is no list of pieces.

    >>> score('[{"type": "LOC", "text": "서울"}]', '[{"type": "LOC", "text": "서울"}, {"type": "PER", "text": "철수"}]')
    0.6666666666666666
    """
    said, asked = find(reply), find(reference)
    if said is None:
        return None
    if _apart(said, asked or []):
        return None
    ours, theirs = _keys(said, asked or [])
    shared = sum((ours & theirs).values())
    whole = sum(ours.values()) + sum(theirs.values())
    return 2 * shared / whole if whole else 1.0


def find(text: str) -> list[Piece] | None:
    """The pieces that a text lists, or null."""
    given = values(text)
    if len(given) > 1 and all(isinstance(one, dict) for one in given):
        given = [given]  # one piece a line
    if not given or any(one != given[0] for one in given):
        return None
    told = given[0]
    if not isinstance(told, dict | list):
        return None
    if isinstance(told, dict):
        lists = [value for value in told.values() if isinstance(value, list)]
        told = lists[0] if len(told) == len(lists) == 1 else [told]
    made = [_piece(one) for one in told]
    return None if any(piece is None for piece in made) else [piece for piece in made if piece is not None]


def tally(replies: Sequence[str | None], references: Sequence[str]) -> dict[str, dict[str, float]]:
    """{type: {precision, recall, f1, said, asked, right}} over all items, and under `all`; what was not readable has said nothing."""
    said: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for reply, reference in zip(replies, references):
        ours, theirs = _keys((find(reply) if reply is not None else None) or [], find(reference) or [])
        for counts, into in ((ours, said), (theirs, asked), (ours & theirs, right)):
            for key, n in counts.items():
                into[key[0]] += n
                into["all"] += n
    return {kind: _rates(right[kind], said[kind], asked[kind]) for kind in ("all", *sorted((said.keys() | asked.keys()) - {"all"}))}


def _rates(right: int, said: int, asked: int) -> dict[str, float]:
    rates = {"precision": right / said if said else 0.0, "recall": right / asked if asked else 0.0, "f1": 2 * right / (said + asked) if said + asked else 1.0}
    return {**rates, "said": said, "asked": asked, "right": right}


def _keys(said: list[Piece], asked: list[Piece]) -> tuple[Counter[tuple[Any, ...]], Counter[tuple[Any, ...]]]:
    placed = all(piece[1] is not None for piece in (*said, *asked))
    return tuple(Counter((p[0], p[1], p[2]) if placed else (p[0], p[3]) for p in pieces) for pieces in (said, asked))  # type: ignore[return-value]


def _apart(said: list[Piece], asked: list[Piece]) -> bool:
    """Whether one side gives places alone and the other texts alone: they can't be held against each other."""
    places, texts = ([any(piece[at] is not None for piece in side) for side in (said, asked)] for at in (1, 3))
    return bool(said and asked) and not all(places) and not all(texts)


def _piece(told: Any) -> Piece | None:
    start: Any = None
    end: Any = None
    text: Any = None
    if isinstance(told, dict):
        kind = next((told[key] for key in TYPES if key in told), "")
        text = next((told[key] for key in TEXTS if key in told), None)
        start, end = told.get("start"), told.get("end")
    elif isinstance(told, list) and len(told) == 3:
        start, end, kind = told
    elif isinstance(told, list) and len(told) == 2:
        text, kind = told
    else:
        return None
    places = all(isinstance(x, int) and not isinstance(x, bool) for x in (start, end))
    if not isinstance(kind, str) or not (places or isinstance(text, str)):
        return None
    said = unicodedata.normalize("NFC", text).strip() if isinstance(text, str) else None
    return unicodedata.normalize("NFC", kind).strip().lower(), start if places else None, end if places else None, said
