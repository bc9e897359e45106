"""What the quality rules measure on words and characters, for all texts of a batch at once (`_lines.py`: on lines).

The code points of all texts lie end to end in one array. A word is what stands between white space (in Korean an eojeol), a run is a
stretch of letters. N-gram shares are those of filter.repetition (`filter/_grams.py`), and only texts in which two words follow
each other twice are asked for them: the others have none.

Arrays of a number per character are what costs (7 ns a character each with its page faults), so there are few: what is counted per text is
added up from places that are found once, and whose they are is searched for those places alone.
"""

from __future__ import annotations

import unicodedata
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from dadeum.steps.annotate._words import WORDS
from dadeum.steps.filter import _grams

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Points = npt.NDArray[np.uint32]
Part = Literal["letters", "signs", "shares", "runs", "stops_en", "stops_ko", "grams"]

BLOCK: Final = 1 << 17
"""Characters in one pass, so that the working memory stays in the processor's cache."""
LETTER, BEYOND, UNSPACED, HANGUL, JAMO, DIGIT, MARK, SPACE, _UNKNOWN = range(9)
"""Kinds of characters: ASCII letters, other letters of scripts that part words, letters of scripts that don't (Han, kana, Thai, ...), ..."""
STOPS_EN: Final = ("the", "be", "to", "of", "and", "that", "have", "with")
"""Gopher's stop words."""
FUNCTION: Final = tuple(sorted({w for words in WORDS.values() for w in words.split() if w.isascii() and w.isalpha() and len(w) <= 5}))
"""Short words of grammar of the languages in Latin letters that `_words.py` knows."""
STOPS_KO: Final = "의다이는에을한년은를했고서가있인월로되"
"""FineWeb-2's Korean stop words as the syllables that their words end in (에서 by 서, 으로 by 로): without an analyser, ends of runs."""
FUNCTION_KO: Final = "은는이가을를의에로도다요까죠고서면지게며만와과나어아해니자야네음함임됨"
"""Syllables that particles and endings end in."""


def _table() -> npt.NDArray[np.uint8]:
    table = np.full(0x110000, _UNKNOWN, dtype=np.uint8)
    table[0xAC00:0xD7A4] = HANGUL
    table[0x3131:0x3164] = JAMO
    return table


_KINDS: Final = _table()


def _kinds(points: Points) -> npt.NDArray[np.uint8]:
    found = np.take(_KINDS, points)
    if found.size and found.max() == _UNKNOWN:
        for code in np.unique(points[found == _UNKNOWN]).tolist():
            _KINDS[code] = _kind(code)
        found = np.take(_KINDS, points)
    return found


def _kind(code: int) -> int:
    c = chr(code)
    if c.isspace():
        return SPACE
    group = unicodedata.category(c)[0]
    if group == "N":
        return DIGIT
    if group not in "LM":
        return MARK
    return LETTER if code < 128 else UNSPACED if code >= 0x3040 or 0xE00 <= code < 0xF00 else BEYOND


def _packed(words: tuple[str, ...]) -> npt.NDArray[np.uint64]:
    return np.unique(np.array([sum(ord(c) << 7 * i for i, c in enumerate(word)) for word in words], dtype=np.uint64))


_EN_STOPS: Final = _packed(STOPS_EN)
_LATIN_FUNCTION: Final = _packed(FUNCTION)
_KO_STOPS: Final = np.sort(np.array([ord(c) for c in STOPS_KO], dtype=np.uint32))
_KO_FUNCTION: Final = np.zeros(0x110000, dtype=bool)
_KO_FUNCTION[[ord(c) for c in FUNCTION_KO]] = True


def words(texts: pl.Series, *wanted: Part) -> dict[str, Floats]:
    """By name one number a text: words, characters (in words), longest_word; and of the parts that are wanted

    letters   alphabetic (words with a letter)
    signs     hashes and ellipses (their number)
    shares    visible, letters (and digits), jamo, in_runs (characters in runs of four or more equal ones), beyond (letters that are
              neither ASCII nor Hangul), unspaced (those of scripts that part no words: Han, kana, Thai, ...)
    runs      runs, run_letters (letters in them), longest_run (of letters without a break), function (runs that end like a particle or ending, or are short words of
              grammar in Latin letters)
    stops_en, stops_ko   how many different stop words
    grams     the shares of word n-grams
    """
    parts: list[dict[str, Floats]] = []
    sizes = texts.str.len_chars().to_numpy().astype(np.int64)
    ends, start = np.cumsum(sizes), 0
    while start < len(texts) or not parts:
        before = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + BLOCK, side="right")))
        parts.append(_measured(_Block(texts.slice(start, stop - start), sizes[start:stop]), wanted))
        start = stop
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


class _Block:
    """Texts end to end, a newline behind each, and where their words begin and stop."""

    def __init__(self, texts: pl.Series, sizes: Ints) -> None:
        self.texts, self.sizes, self.n = texts, sizes, len(texts)
        self.points: Points = np.frombuffer("\n".join([*texts.to_list(), ""]).encode("utf-32-le", "surrogatepass"), dtype="<u4")
        self.kinds = _kinds(self.points)
        self.last: Ints = np.cumsum(sizes + 1)
        self.begins, self.stops = _edges(self.kinds < SPACE)
        self.lengths = self.stops - self.begins
        self.words: Ints = np.diff(np.searchsorted(self.begins, self.last), prepend=0)
        self.of = np.repeat(np.arange(self.n), self.words)

    def owners(self, at: Ints) -> Ints:
        """The texts in which places lie."""
        return np.searchsorted(self.last, at, side="right")

    def count(self, at: Ints) -> Floats:
        """How many of the places lie in each text."""
        return np.bincount(self.owners(at), minlength=self.n).astype(np.float64)


def _measured(block: _Block, wanted: tuple[Part, ...]) -> dict[str, Floats]:
    points, kinds, n = block.points, block.kinds, block.n
    out: dict[str, Any] = {
        "words": block.words.astype(np.float64),
        "characters": np.bincount(block.of, block.lengths, minlength=n),
        "longest_word": _most(block.lengths, block.of, n),
    }
    if "signs" in wanted:
        dots, ends = _edges(points == ord("."))
        out["hashes"] = block.count(np.flatnonzero(points == ord("#")))
        out["ellipses"] = block.count(np.flatnonzero(points == ord("…"))) + block.count(dots[ends - dots >= 3])
    if "shares" in wanted:
        out |= _shares(block)
    if {"letters", "runs", "stops_en", "stops_ko"} & set(wanted):
        letter = kinds <= JAMO
        if "letters" in wanted:
            some = np.maximum.reduceat(letter, block.begins) if len(block.begins) else np.zeros(0, bool)
            out["alphabetic"] = np.bincount(block.of[some], minlength=n).astype(np.float64)
        out |= _runs(block, letter, wanted)
    if "grams" in wanted:
        out |= _gram_shares(block)
    return out


def _edges(inside: npt.NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """Where stretches begin and end; the last character is never inside (a separator)."""
    if not len(inside):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    changed = np.flatnonzero(inside[1:] != inside[:-1]) + 1
    if inside[0]:
        changed = np.concatenate([[0], changed])
    return changed[::2], changed[1::2]


def _most(values: Ints, of: Ints, n: int) -> Floats:
    """The largest value of each text; 0 for texts without one. `of` is sorted."""
    out = np.zeros(n)
    if len(values):
        first = np.flatnonzero(np.concatenate([[True], of[1:] != of[:-1]]))
        out[of[first]] = np.maximum.reduceat(values, first)
    return out


def _shares(block: _Block) -> dict[str, Floats]:
    """Characters of each kind, and in runs of one."""
    owner = np.repeat(np.arange(block.n) * _UNKNOWN, block.sizes + 1)
    counts = np.bincount(owner + block.kinds, minlength=_UNKNOWN * block.n).reshape(-1, _UNKNOWN).astype(np.float64)
    # A run of four begins where three characters are like the next one: few places.
    same = block.points[1:] == block.points[:-1]
    at, stops = _edges(np.append(same, False)) if len(same) else _edges(same)
    lengths = stops - at + 1
    long = (lengths >= 4) & (block.kinds[at] < SPACE)
    return {
        "visible": counts[:, :SPACE].sum(1),
        "letters": counts[:, : DIGIT + 1].sum(1),
        "jamo": counts[:, JAMO],
        "beyond": counts[:, BEYOND] + counts[:, UNSPACED],
        "unspaced": counts[:, UNSPACED],
        "in_runs": np.bincount(block.owners(at[long]), lengths[long], minlength=block.n),
    }


def _runs(block: _Block, letter: npt.NDArray[np.bool_], wanted: tuple[Part, ...]) -> dict[str, Floats]:
    """What stretches of letters tell."""
    out: dict[str, Floats] = {}
    if not {"runs", "stops_en", "stops_ko"} & set(wanted):
        return out
    points, n = block.points, block.n
    begins, stops = _edges(letter)
    lengths = stops - begins
    if "runs" in wanted:
        of = block.owners(begins)
        out |= {"longest_run": _most(lengths, of, n), "runs": np.bincount(of, minlength=n).astype(np.float64), "run_letters": np.bincount(of, lengths, minlength=n).astype(np.float64)}
    function = []
    if "runs" in wanted or "stops_en" in wanted:
        short = np.flatnonzero((lengths <= 5) & (points[begins] < 128))
        code = np.zeros(len(short), dtype=np.uint64)
        for i in range(5):
            c = points[np.minimum(begins[short] + i, stops[short] - 1)].astype(np.uint64)
            c |= np.where((c >= 65) & (c <= 90), 32, 0).astype(np.uint64)
            code |= np.where(i < lengths[short], np.minimum(c, 127) << np.uint64(7 * i), 0).astype(np.uint64)
        function.append(begins[short[_among(code, _LATIN_FUNCTION)]])
        english = _among(code, _EN_STOPS)
        if "stops_en" in wanted:
            out["stops_en"] = _different(np.searchsorted(_EN_STOPS, code[english]), block.owners(begins[short[english]]), n)
    if "runs" in wanted or "stops_ko" in wanted:
        korean = np.flatnonzero(block.kinds[begins] == HANGUL)
        ends = points[stops[korean] - 1]
        function.append(begins[korean[_KO_FUNCTION[ends]]])
        particles = _among(ends, _KO_STOPS)
        if "stops_ko" in wanted:
            out["stops_ko"] = _different(np.searchsorted(_KO_STOPS, ends[particles]), block.owners(begins[korean[particles]]), n)
    if "runs" in wanted:
        out["function"] = block.count(np.concatenate(function))
    return out


def _among(values: npt.NDArray[Any], known: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Which values are known. known: sorted, few."""
    at = np.minimum(np.searchsorted(known, values), len(known) - 1)
    return known[at] == values


def _different(which: Ints, of: Ints, n: int) -> Floats:
    """How many different values each text has. which: below 32."""
    return np.bincount(np.unique(of * 32 + which) // 32, minlength=n).astype(np.float64)


def _gram_shares(block: _Block) -> dict[str, Floats]:
    """top_2gram to top_4gram and duplicate_5gram to duplicate_10gram: shares of a text's characters in words."""
    n = block.n
    out = {f"top_{k}gram": np.zeros(n) for k in (2, 3, 4)} | {f"duplicate_{k}gram": np.zeros(n) for k in range(5, 11)}
    # Words as their length and edges: where no two of these follow each other twice, no words do. Of 100 film reviews it leaves 5.
    maybe = _grams.repeated(_edged(block), block.words, 2) > 0
    if not maybe.any():
        return out
    some = _Block(block.texts.filter(pl.Series(maybe)), block.sizes[maybe])
    symbols = _symbols(some.points, some.begins, some.stops)
    again = _grams.repeated(symbols, some.words, 2) > 0
    at, inside = np.flatnonzero(maybe)[again], again[some.of]
    symbols, sizes, counts = symbols[inside], some.lengths[inside], some.words[again]
    for k in (2, 3, 4):
        out[f"top_{k}gram"][at] = _grams.top_share(symbols, sizes, counts, k)
    for k in range(5, 11):
        out[f"duplicate_{k}gram"][at] = _grams.covered(symbols, sizes, counts, k)
    return out


def _small(points: Points) -> Points:
    """Capitals of ASCII as small letters."""
    return points + np.where((points >= 65) & (points <= 90), np.uint32(32), np.uint32(0))


def _edged(block: _Block) -> npt.NDArray[np.uint32]:
    """A 32-bit hash of each word's length, first and last character, capitals as small letters: equal words, equal hashes."""
    first, last = _small(block.points[block.begins]), _small(block.points[block.stops - 1])
    return first * np.uint32(0x9E3779B1) ^ last * np.uint32(0x85EBCA77) ^ block.lengths.astype(np.uint32) * np.uint32(0xC2B2AE3D)


def _symbols(points: Points, begins: Ints, stops: Ints) -> npt.NDArray[np.uint32]:
    """A 32-bit hash of each word, capitals as small letters: sums of mixed code points, each turned by its place in the word."""
    if not len(begins):
        return np.zeros(0, np.uint32)
    small = _small(points)
    turned = np.uint64(0x9E3779B97F4A7C15) ^ (_places(begins, len(points)) * np.uint64(0xD6E8FEB86659FD93))
    mixed = (small.astype(np.uint64) + np.uint64(1)) * turned
    mixed ^= mixed >> np.uint64(32)
    mixed[~_inside(begins, stops, len(points))] = 0
    return (np.add.reduceat(mixed, begins) >> np.uint64(16)).astype(np.uint32)


def _places(begins: Ints, size: int) -> npt.NDArray[np.uint64]:
    """The place of each character behind the begin before it."""
    place = np.arange(size, dtype=np.uint64)
    place[begins[0] :] -= np.repeat(begins, np.diff(np.append(begins, size))).astype(np.uint64)
    return place


def _inside(begins: Ints, stops: Ints, size: int) -> npt.NDArray[np.bool_]:
    edge = np.zeros(size + 1, dtype=np.int8)
    edge[begins] += 1
    edge[stops] -= 1
    return np.cumsum(edge[:-1], dtype=np.int8) > 0
