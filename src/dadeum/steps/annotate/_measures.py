"""What the quality rules measure, for all texts of a batch at once.

Words and characters are counted on the code points of all texts, which lie end to end in one array; lines, on a column of lines.
A word is what stands between white space (in Korean an eojeol), a run is a stretch of letters. N-gram shares are those of
filter.repetition (`filter/_grams.py`), and only texts in which two words follow each other twice are asked for them: the
others have none.
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
Part = Literal["shares", "runs", "grams"]

BLOCK: Final = 1 << 18
"""Characters in one pass, so that the working memory stays in the processor's cache."""
MARK, LETTER, HANGUL, JAMO, DIGIT, SPACE, NEWLINE, _UNKNOWN = range(8)
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


def _kinds(points: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint8]:
    found = np.take(_KINDS, points)
    if found.size and found.max() == _UNKNOWN:
        for code in np.unique(points[found == _UNKNOWN]).tolist():
            c = chr(code)
            kind = unicodedata.category(c)
            _KINDS[code] = NEWLINE if c == "\n" else SPACE if c.isspace() else LETTER if kind[0] in "LM" else DIGIT if kind[0] == "N" else MARK
        found = np.take(_KINDS, points)
    return found


def _packed(words: tuple[str, ...]) -> npt.NDArray[np.uint64]:
    return np.unique(np.array([sum(ord(c) << 7 * i for i, c in enumerate(word)) for word in words], dtype=np.uint64))


_EN_STOPS: Final = _packed(STOPS_EN)
_LATIN_FUNCTION: Final = _packed(FUNCTION)
_KO_STOPS: Final = np.sort(np.array([ord(c) for c in STOPS_KO], dtype=np.uint32))
_KO_FUNCTION: Final = np.zeros(0x110000, dtype=bool)
_KO_FUNCTION[[ord(c) for c in FUNCTION_KO]] = True


def words(texts: pl.Series, *wanted: Part) -> dict[str, Floats]:
    """By name one number a text: words, characters (in words), longest_word, hashes and ellipses (their number), alphabetic (words with a
    letter); and of the parts that are wanted

    shares  visible, letters (and digits), jamo, in_runs (characters in runs of four or more equal ones), beyond (letters that are
            neither ASCII nor Hangul), unspaced (those of scripts that part no words: Han, kana, Thai, ...)
    runs    longest_run (letters without a break), runs, function (runs that end like a particle or ending, or are short words of
            grammar in Latin letters), stops_en and stops_ko (how many different ones)
    grams   the shares of word n-grams
    """
    parts: list[dict[str, Floats]] = []
    sizes = texts.str.len_chars().to_numpy().astype(np.int64)
    ends, start = np.cumsum(sizes), 0
    while start < len(texts):
        before = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + BLOCK, side="right")))
        parts.append(_measured(texts.slice(start, stop - start), sizes[start:stop], wanted))
        start = stop
    if not parts:
        parts = [_measured(texts, sizes, wanted)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _measured(texts: pl.Series, sizes: Ints, wanted: tuple[Part, ...]) -> dict[str, Floats]:
    n = len(texts)
    points = np.frombuffer(("\n".join(texts.to_list()) + "\n").encode("utf-32-le", "surrogatepass"), dtype="<u4") if n else np.zeros(0, np.uint32)
    kinds = _kinds(points)
    owner = np.repeat(np.arange(n), sizes + 1)

    last = np.cumsum(sizes + 1)

    def total(at: npt.NDArray[np.bool_]) -> Floats:
        return np.diff(np.concatenate([[0], np.cumsum(at, dtype=np.int64)])[np.concatenate([[0], last])]).astype(np.float64)

    letter = (kinds >= LETTER) & (kinds <= JAMO)
    visible = kinds < SPACE
    begins, stops = _edges(visible)
    lengths, of = stops - begins, owner[begins]
    letters_before = np.concatenate([[0], np.cumsum(letter)])
    alphabetic = letters_before[stops] > letters_before[begins]
    out: dict[str, Any] = {
        "words": np.bincount(of, minlength=n).astype(np.float64),
        "characters": np.bincount(of, lengths, minlength=n),
        "longest_word": _most(lengths, of, n),
        "alphabetic": np.bincount(of[alphabetic], minlength=n).astype(np.float64),
        "hashes": total(points == ord("#")),
        "ellipses": total(points == ord("…")) + np.bincount(owner[_dots(points)], minlength=n),
    }
    if "shares" in wanted:
        out |= {"visible": total(visible), "letters": total(letter | (kinds == DIGIT)), "jamo": total(kinds == JAMO)}
        beyond = (kinds == LETTER) & (points > 127)
        out |= {"beyond": total(beyond), "unspaced": total(beyond & ((points >= 0x3040) | ((points >= 0xE00) & (points < 0xF00))))}
        same = np.concatenate([[False], (points[1:] == points[:-1]) & visible[1:]]) if n else np.zeros(0, bool)
        changes = np.flatnonzero(~same)
        repeats = np.diff(np.append(changes, len(points)))
        long = repeats >= 4
        out["in_runs"] = np.bincount(owner[changes[long]], repeats[long] * visible[changes[long]], minlength=n)
    if "runs" in wanted:
        out |= _runs(points, kinds, letter, owner, n)
    if "grams" in wanted:
        out |= _gram_shares(points, begins, stops, of, out["words"].astype(np.int64))
    return out


def _edges(inside: npt.NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """Where stretches begin and end; the last character is never inside (a separator)."""
    if not len(inside):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    changed = np.flatnonzero(inside[1:] != inside[:-1]) + 1
    if inside[0]:
        changed = np.concatenate([[0], changed])
    return changed[::2], changed[1::2]


def _dots(points: npt.NDArray[np.uint32]) -> Ints:
    """Where three dots or more begin."""
    begins, stops = _edges(points == ord("."))
    return begins[stops - begins >= 3]


def _most(values: Ints, of: Ints, n: int) -> Floats:
    """The largest value of each text; 0 for texts without one. `of` is sorted."""
    out = np.zeros(n)
    if len(values):
        first = np.flatnonzero(np.concatenate([[True], of[1:] != of[:-1]]))
        out[of[first]] = np.maximum.reduceat(values, first)
    return out


def _runs(points: npt.NDArray[np.uint32], kinds: npt.NDArray[np.uint8], letter: npt.NDArray[np.bool_], owner: Ints, n: int) -> dict[str, Floats]:
    """What stretches of letters tell."""
    begins, stops = _edges(letter)
    of, lengths = owner[begins], stops - begins
    korean = kinds[begins] == HANGUL if len(begins) else np.zeros(0, bool)
    last = points[stops - 1] if len(begins) else np.zeros(0, np.uint32)
    short = np.flatnonzero((lengths <= 5) & ~korean)
    code = np.zeros(len(short), dtype=np.uint64)
    for i in range(5):
        c = points[np.minimum(begins[short] + i, stops[short] - 1)].astype(np.uint64)
        c |= np.where((c >= 65) & (c <= 90), 32, 0).astype(np.uint64)
        code |= np.where(i < lengths[short], np.minimum(c, 127) << np.uint64(7 * i), 0).astype(np.uint64)
    ends = np.flatnonzero(korean)
    function = np.concatenate([ends[_KO_FUNCTION[last[ends]]], short[_among(code, _LATIN_FUNCTION)]])
    english, particles = _among(code, _EN_STOPS), _among(last[ends], _KO_STOPS)
    return {
        "longest_run": _most(lengths, of, n),
        "runs": np.bincount(of, minlength=n).astype(np.float64),
        "function": np.bincount(of[function], minlength=n).astype(np.float64),
        "stops_en": _different(np.searchsorted(_EN_STOPS, code[english]), of[short[english]], n),
        "stops_ko": _different(np.searchsorted(_KO_STOPS, last[ends][particles]), of[ends[particles]], n),
    }


def _among(values: npt.NDArray[Any], known: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Which values are known. known: sorted, few."""
    at = np.minimum(np.searchsorted(known, values), len(known) - 1)
    return known[at] == values


def _different(which: Ints, of: Ints, n: int) -> Floats:
    """How many different values each text has. which: below 32."""
    return np.bincount(np.unique(of * 32 + which) // 32, minlength=n).astype(np.float64)


def _gram_shares(points: npt.NDArray[np.uint32], begins: Ints, stops: Ints, of: Ints, counts: Ints) -> dict[str, Floats]:
    """top_2gram to top_4gram and duplicate_5gram to duplicate_10gram: shares of a text's characters in words."""
    n = len(counts)
    out = {f"top_{k}gram": np.zeros(n) for k in (2, 3, 4)} | {f"duplicate_{k}gram": np.zeros(n) for k in range(5, 11)}
    symbols = _symbols(points, begins, stops)
    again = _grams.repeated(symbols, counts, 2) > 0
    if again.any():
        inside = again[of]
        some, sizes, lengths = symbols[inside], (stops - begins)[inside], counts[again]
        for k in (2, 3, 4):
            out[f"top_{k}gram"][again] = _grams.top_share(some, sizes, lengths, k)
        for k in range(5, 11):
            out[f"duplicate_{k}gram"][again] = _grams.covered(some, sizes, lengths, k)
    return out


def _symbols(points: npt.NDArray[np.uint32], begins: Ints, stops: Ints) -> npt.NDArray[np.uint32]:
    """A 32-bit hash of each word, capitals as small letters: sums of mixed code points, each turned by its place in the word."""
    if not len(begins):
        return np.zeros(0, np.uint32)
    small = points + np.where((points >= 65) & (points <= 90), 32, 0).astype(np.uint32)
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


C4_LINE: Final = r"(?i)javascript|terms of use|privacy policy|cookie policy|uses cookies|use of cookies|use cookies"
BULLET: Final = r"^[-*•●▪◦○■□➢→‣⁃]"
ENDS: Final = r"[.!?。！？…~]['\"”’)\]」』]*$|['\"”’]$"
ENDS_KO: Final = r"(?:[.!?。！？…~]['\"”’)\]」』]*|['\"”’]|다|요|죠|음|함|임|됨|것|까|네)$"


def lines(texts: pl.Series) -> pl.DataFrame:
    """Of each text: `lines` (those that are not blank), the share of them that is bullets, ends in an ellipsis, ends in a mark
    (`ends`; `ends_ko`: or in a Korean sentence ending), is short (30 characters at most), was there before (`duplicate_lines`,
    `duplicate_line_characters`; the same of paragraphs), and C4's: `lines_kept`, `sentences` in the lines that are kept; `newlines`."""
    frame = pl.DataFrame({"at": pl.int_range(len(texts), dtype=pl.UInt32, eager=True), "line": texts})
    several = texts.str.contains("\n", literal=True)
    cut = pl.concat([frame.filter(~several), frame.filter(several).with_columns(pl.col("line").str.split("\n")).explode("line")])
    cut = cut.with_columns(pl.col("line").str.strip_chars()).filter(pl.col("line") != "")
    line = pl.col("line")
    cut = cut.with_columns(line.str.len_chars().alias("size"), line.str.contains(ENDS).alias("ends"))
    cut = cut.with_columns((pl.col("ends") | line.str.contains(ENDS_KO)).alias("ends_ko"))
    kept = line.str.contains(r"[.?!\"']$") & ~line.str.ends_with("...") & line.str.contains(r"\S+\s+\S+\s+\S+") & ~line.str.contains(C4_LINE)
    told = cut.group_by("at").agg(
        pl.len().cast(pl.Float64).alias("lines"),
        pl.col("ends").mean(),
        pl.col("ends_ko").mean(),
        line.str.contains(BULLET).mean().alias("bullet_lines"),
        line.str.contains(r"(?:\.\.\.|…)$").mean().alias("ellipsis_lines"),
        (pl.col("size") <= 30).mean().alias("short_lines"),
        kept.mean().alias("lines_kept"),
        pl.when(kept).then(line.str.count_matches(r"[.!?]+[\"']*(?:\s|$)")).otherwise(0).sum().cast(pl.Float64).alias("sentences"),
    )
    told = frame.select("at").join(told, on="at", how="left", maintain_order="left").fill_null(0.0)
    # One line can't be there twice.
    at = several.arg_true()
    for name, pattern in (("line", "\n"), ("paragraph", "\n\n")):
        told = told.with_columns(pl.lit(0.0).alias(f"duplicate_{name}s"), pl.lit(0.0).alias(f"duplicate_{name}_characters"))
        if len(at):
            told = told.with_columns(_twice(frame[at], name, pattern, told))
    newlines = texts.str.count_matches("\n", literal=True).cast(pl.Float64).alias("newlines")
    return told.drop("at").with_columns(newlines)


def _twice(frame: pl.DataFrame, name: str, pattern: str, told: pl.DataFrame) -> list[pl.Series]:
    """Both shares of what stood in the text before, put into the columns of `told`."""
    whole = frame.with_columns(pl.col("line").str.replace_all(r"\n{3,}", "\n\n").str.split(pattern))
    parts = whole.explode("line").with_columns(pl.col("line").str.strip_chars()).filter(pl.col("line") != "")
    sizes = parts.group_by("at", "line", maintain_order=True).len().with_columns(pl.col("line").str.len_chars().cast(pl.Float64).alias("size"))
    again, n, size = pl.col("len") - 1, pl.col("len"), pl.col("size")
    shares = sizes.group_by("at", maintain_order=True).agg(again.sum() / n.sum(), (again * size).sum().alias("c") / (n * size).sum())
    columns = (f"duplicate_{name}s", f"duplicate_{name}_characters")
    return [told.get_column(c).scatter(shares.get_column("at"), shares.to_series(i + 1)) for i, c in enumerate(columns)]
