"""When two texts count as the same: the normalised key that exact copies, leaks and benchmark items are found by.

* NFC, then letters, digits and their marks alone, in lower case, full-width ASCII as ASCII: spacing, punctuation, emoji and
  invisible characters don't tell texts apart. Korean spacing is free, so a key that keeps spaces misses most Korean copies.
* What makes another number of a number counts: a point between digits, a minus before one (3.5 is not 35, -5 is not 5; a hyphen
  between digits is none: telephone numbers, dates and ranges are written with and without).
* A run of ㅋ ㅎ ㅠ ㅜ counts as two of them (one says something else than two); not where the profile told is `en`.
* Code says something by its case and punctuation: there the key is the text without the white space around it.
* A text without any letter or digit keeps its own characters, so that `.`, `!!` and emoji stay different texts.

Marks are kept because they are the vowels of Indic and Thai; variation selectors and fillers are not, nobody sees them.

Done on code points in numpy, one table look-up a character: 0.3 CPU-s for 424,824 short reviews, where lower case and a regular
expression take 0.45 and see neither NFC nor laughter. The table learns a character when it is first seen, by `folded`, which is
the definition.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
import xxhash

from dadeum.profiles import profile as profile_of
from dadeum.record import CHATS, RECORD, ROLES, put, turns

Codes = npt.NDArray[np.uint32]
Ints = npt.NDArray[np.int64]

LAUGHTER: Final = "ㅋㅎㅠㅜ"
SIGNS: Final = {".": ".", "．": ".", "-": "-", "−": "-", "－": "-"}
"""What may belong to a number, and how it is spelled then."""
BLOCK: Final = 1 << 18
"""Bytes in one pass: the working memory stays in the processor's cache, whatever the length of a column."""
PLACES: Final = 1 << 16
"""Letters up to which a text is digested from its code points."""
UNUSABLE: Final = ("parents", "row")

_POINT: Final = np.uint32(0x1FFFFF)
_SIGN: Final = np.uint32(1 << 27)
_ENDS: Final = np.uint32(1 << 28)
_LAUGHS: Final = np.uint32(1 << 29)
_COMPOSES: Final = np.uint32(1 << 30)
_UNKNOWN: Final = np.uint32(1 << 31)
_table: Codes = np.full(0x110000, _UNKNOWN, dtype=np.uint32)
"""Folded code point and flags of every character seen so far; 0 where a character contributes nothing."""
_table[0] = _ENDS


def folded(c: str) -> str:
    """What one character contributes to a key: itself in lower case, or nothing.

    >>> folded("A"), folded("Ａ"), folded("가"), folded("!"), folded("İ")
    ('a', 'a', '가', '', 'i')
    """
    if "\uff01" <= c <= "\uff5e":
        c = chr(ord(c) - 0xFEE0)
    kind = unicodedata.category(c)
    if kind[0] not in "LNM" or kind == "Me" or c in "\u034f\u115f\u1160\u3164\uffa0":
        return ""
    if "\ufe00" <= c <= "\ufe0f" or "\U000e0100" <= c <= "\U000e01ef" or "\u180b" <= c <= "\u180f":
        return ""
    small = c.casefold()
    return small if len(small) == 1 else c.lower()[0]


def letters(strings: pl.Series, laughter: bool = True) -> Codes:
    """The folded code points of all strings, `[characters + len(strings)]`, with a 0 after each string; null counts as empty.

    laughter: a run of ㅋ ㅎ ㅠ ㅜ counts as two.
    """
    strings = strings.fill_null("")
    done = [_letters(part, laughter) for part in _parts(strings)]
    return np.concatenate(done) if done else np.zeros(0, dtype=np.uint32)


def characters(strings: pl.Series) -> Codes:
    """As `letters`, but every character as it is, except white space: for code."""
    done = [_points(part.str.replace_all(r"[\s\x00]+", "")) for part in _parts(strings.fill_null(""))]
    return np.concatenate(done) if done else np.zeros(0, dtype=np.uint32)


def normal(strings: pl.Series, profile: str = "auto") -> pl.Series:
    """The key of each string; null stays null. Keys that hold a text as it is begin with NUL, so they equal no other key.

    >>> normal(pl.Series(["굿!! 굿", "Good  good.", "...", "ㅋㅋㅋㅋ"])).to_list()
    ['굿굿', 'goodgood', '\\x00...', 'ㅋㅋ']
    """
    if profile == "code":
        return _raw(strings).alias("key")
    text = letters(strings, profile != "en").tobytes().decode("utf-32-le")
    keys = pl.Series("key", text.split("\0")[:-1], dtype=pl.String)
    verbatim = (keys == "") | is_code(strings, profile)
    if verbatim.any():
        at = verbatim.arg_true()
        keys = put(keys, at, _raw(strings.gather(at)))
    if strings.null_count():
        keys = put(keys, (gone := strings.is_null().arg_true()), pl.Series([None], dtype=pl.String).new_from_index(0, len(gone)))
    return keys


def said(rows: pl.DataFrame, by: Sequence[str] = (), profile: str = "auto") -> pl.Series:
    """The key of what each record says, one string a row; null where it says nothing of it.

    by: `text`, roles (the turns of these roles, wherever turns live), `messages`, `chosen`, `rejected` (all turns of one), all
        by their normalised keys; any other column by its exact value. Empty takes all a record says: the text and every turn,
        with tool calls and the tools on offer.
    """
    names = by or ("text", *CHATS, "tools")
    parts = []
    if "text" in names:
        parts.append(normal(rows.get_column("text"), profile))
    roles = [name for name in names if name in ROLES]
    for field in CHATS:
        if rows.get_column(field).null_count() < rows.height and (roles or field in names):
            parts.append(_spoken(rows, field, None if field in names else roles, profile))
    for name in names:
        if name != "text" and name not in ROLES and name not in CHATS:
            value = rows.get_column(name).cast(pl.String)
            if value.null_count() == rows.height:
                continue
            parts.append(value.to_frame("value").select(pl.lit(f"\x1c{name}\x1d") + pl.col("value")).to_series())
    parts = [part for part in parts if part.null_count() < len(part)]
    if not parts:
        return pl.Series("key", [None], dtype=pl.String).new_from_index(0, rows.height)
    if len(parts) == 1:
        return parts[0].alias("key")
    frame = pl.DataFrame([part.alias(str(i)) for i, part in enumerate(parts)])
    some = pl.any_horizontal(pl.all().is_not_null())
    return frame.select(pl.when(some).then(pl.concat_str(pl.all(), ignore_nulls=True)).alias("key")).to_series()


def columns(by: Sequence[str]) -> tuple[str, ...]:
    """Of the names that `said` takes, those of columns that a source or an earlier step has to make."""
    return tuple(name for name in by if name not in RECORD and name not in ROLES)


def digests(rows: pl.DataFrame, by: Sequence[str] = (), profile: str = "auto") -> tuple[pl.Series, pl.Series]:
    """128 bits of each record's key (`said`), as two UInt64 series `hi`, `lo`; null stays null.

    Among 10^9 different keys two are equal with a chance of 10^-21, so equal digests count as equal keys. Records that say a text
    and nothing else are digested by `text_digests`, the others by xxh3-128 of their key.
    """
    names = by or ("text", *CHATS, "tools")
    others = [rows.get_column(name) for name in names if name not in ROLES and name != "text"]
    others += [rows.get_column(name) for name in CHATS if any(role in names for role in ROLES)]
    if "text" in names and all(other.null_count() == rows.height for other in others):
        return text_digests(rows.get_column("text"), profile)
    keys = said(rows, by, profile)
    made = _xxh3(keys)
    if "text" in names:
        alone = pl.Series([True]).new_from_index(0, rows.height)
        for other in others:
            alone &= other.is_null()
        at = alone.arg_true()
        both = text_digests(rows.get_column("text").gather(at), profile)
        made = put(made[0], at, both[0]), put(made[1], at, both[1])
    return made


def text_digests(strings: pl.Series, profile: str = "auto") -> tuple[pl.Series, pl.Series]:
    """128 bits of each text's key (`normal`), as two UInt64 series `hi`, `lo`; null stays null.

    Two sums of mixed code points, each multiplied by a fixed random number of its place (multilinear hashing, Carter and Wegman
    1979): straight from the code points, half the time of making the keys and hashing them. Texts of more than `PLACES` letters
    and those whose key is the text as it is get xxh3-128 of their key.
    """
    if profile == "code":
        return _xxh3(_raw(strings))
    done = [_sums(_letters(part, profile != "en")) for part in _parts(strings.fill_null(""))]
    sums = [np.concatenate(part) for part in zip(*done)] if done else [np.zeros(0, dtype=np.uint64)] * 3
    hi, lo, sizes = pl.Series("hi", sums[0]), pl.Series("lo", sums[1]), sums[2]
    other = pl.Series((sizes == 0) | (sizes >= PLACES)) | is_code(strings, profile)
    if other.any() or strings.null_count():
        at = (other | strings.is_null()).arg_true()
        both = _xxh3(normal(strings.gather(at), profile))
        hi, lo = put(hi, at, both[0]), put(lo, at, both[1])
    return hi, lo


def _sums(codes: Codes) -> tuple[npt.NDArray[np.uint64], ...]:
    """Both sums of each string, and its number of letters."""
    ends = np.flatnonzero(codes == 0)
    starts = np.append(0, ends[:-1] + 1)
    sizes = (ends - starts).astype(np.uint64)
    place = np.arange(len(codes)) - np.repeat(starts, ends - starts + 1)
    np.minimum(place, PLACES - 1, out=place)
    mixed = codes * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(32)
    return *(np.add.reduceat(mixed * np.take(w, place), starts) for w in _weights()), sizes


@lru_cache(maxsize=1)
def _weights() -> npt.NDArray[np.uint64]:
    """`[2, PLACES]`: SplitMix64 of the numbers from 1, the same on every machine."""
    x = np.arange(1, 2 * PLACES + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (x ^ (x >> np.uint64(31))).reshape(2, PLACES)


def _xxh3(keys: pl.Series) -> tuple[pl.Series, pl.Series]:
    made = b"".join(map(xxhash.xxh3_128_digest, keys.fill_null("").cast(pl.Binary).to_list()))
    both = np.frombuffer(made, dtype=">u8").astype(np.uint64).reshape(-1, 2)
    frame = pl.DataFrame({"hi": both[:, 0], "lo": both[:, 1]})
    if keys.null_count():
        frame = frame.with_columns(pl.when(keys.is_not_null()).then(pl.all()))
    return frame.get_column("hi"), frame.get_column("lo")


def marks(keys: pl.Series, seed: int = 0) -> pl.Series:
    """xxh3-64 of each string's UTF-8, UInt64; null stays null. For columns of few values: each is hashed once."""
    if keys.null_count() == len(keys):
        return pl.Series("mark", [None], dtype=pl.UInt64).new_from_index(0, len(keys))
    frame = keys.to_frame("key")
    known = frame.unique().drop_nulls()
    made = [xxhash.xxh3_64_intdigest(v.encode(), seed) for v in known.get_column("key").to_list()]
    known = known.with_columns(pl.Series("mark", made, dtype=pl.UInt64))
    return frame.join(known, on="key", how="left", maintain_order="left").get_column("mark")


def _spoken(rows: pl.DataFrame, field: str, roles: list[str] | None, profile: str) -> pl.Series:
    """The keys of a field's turns with their roles, as one string a record; of all turns, tool calls too, where roles is None."""
    flat = turns(rows, field)
    told = [pl.col("role").fill_null(""), pl.col("key").fill_null("")]
    if roles is None:
        told += [pl.col(c).fill_null("") for c in ("name", "parts", "tool_calls")]
    else:
        flat = flat.filter(pl.col("role").is_in(roles))
    flat = flat.with_columns(normal(flat.get_column("content"), profile))
    joined = flat.select("index", pl.concat_str(told, separator="\x1f").alias("turn")).group_by("index", maintain_order=True)
    whole = joined.agg((pl.lit(f"\x1c{field}\x1d") + pl.col("turn").str.join("\x1e")).alias("turn"))
    none = pl.Series("turn", [None], dtype=pl.String).new_from_index(0, rows.height)
    return put(none, whole.get_column("index"), whole.get_column("turn"))


def _raw(strings: pl.Series) -> pl.Series:
    return strings.to_frame("text").select(pl.lit("\0") + pl.col("text").str.strip_chars()).to_series()


def is_code(strings: pl.Series, profile: str) -> pl.Series:
    """Which strings are code. Only a fence or a second line can make one, and most rows have neither."""
    if profile != "auto":
        return pl.Series([False]).new_from_index(0, len(strings))
    may = strings.str.contains("```|\n").fill_null(False)
    at = may.arg_true()
    if at.is_empty():
        return may
    found = strings.gather(at).to_frame("text").select(profile_of(pl.col("text")) == "code").to_series()
    return put(may, at, found)


def _parts(strings: pl.Series) -> Iterator[pl.Series]:
    """Runs of strings of about BLOCK bytes."""
    if strings.is_empty():
        return
    ends = strings.str.len_bytes().to_numpy().cumsum(dtype=np.int64)
    start = 0
    while start < len(strings):
        done = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, done + BLOCK, side="right")))
        yield strings.slice(start, stop - start)
        start = stop


def _points(strings: pl.Series) -> Codes:
    """The code points of all strings, a 0 after each and nowhere else."""
    points = np.frombuffer((strings.str.join("\0").item() + "\0").encode("utf-32-le"), dtype="<u4")
    if np.count_nonzero(points) != len(points) - len(strings):
        return _points(strings.str.replace_all("\0", "", literal=True))
    return points


def _letters(strings: pl.Series, laughter: bool) -> Codes:
    points = _points(strings)
    table = _looked_up(points)
    if table.max() >= _COMPOSES:
        ends = np.flatnonzero(points == 0)
        at = pl.Series(np.unique(np.searchsorted(ends, np.flatnonzero(table >= _COMPOSES))))
        composed = pl.Series([unicodedata.normalize("NFC", s) for s in strings.gather(at).to_list()], dtype=pl.String)
        table = _looked_up(_points(put(strings, at, composed))) & ~_COMPOSES
    out = np.compress(table != 0, table)  # a quarter of the time of a mask
    for rule in (_signs, _laughs)[: 1 + laughter]:
        if len(drop := rule(out)):
            out = np.delete(out, drop)
    out &= _POINT
    return out


def kept(text: str, laughter: bool = True) -> Ints:
    """The places of the characters that `letters` keeps of a text in NFC."""
    table = _looked_up(_points(pl.Series([text], dtype=pl.String)))
    at = np.flatnonzero(table)
    for rule in (_signs, _laughs)[: 1 + laughter]:
        at = np.delete(at, rule(table[at]))
    return at[:-1]


def _signs(out: Codes) -> Ints:
    """Points and hyphens that are no part of a number, by the letters, digits and signs beside them."""
    signs = np.flatnonzero((out & _SIGN) != 0)  # truth values: half the time of numbers
    before, after = (((out[at] & _POINT) - np.uint32(48)) < 10 for at in (np.maximum(signs - 1, 0), signs + 1))
    return signs[~after | (before != ((out[signs] & _POINT) == ord(".")))]


def _laughs(out: Codes) -> Ints:
    """What makes a run of laughter longer than two."""
    third = np.flatnonzero(out >= _LAUGHS)
    third = third[third >= 2]
    return third[(out[third] == out[third - 1]) & (out[third] == out[third - 2])]


def _looked_up(points: Codes) -> Codes:
    table = np.take(_table, points)
    if table.max() < _UNKNOWN:
        return table
    for code in np.unique(points[table == _UNKNOWN]).tolist():
        _table[code] = _learned(chr(code))
    return np.take(_table, points)


def _learned(c: str) -> int:
    small = folded(c)
    value = ord(small) if small else 0
    if c in SIGNS:
        value = ord(SIGNS[c]) | int(_SIGN)
    if small and small in LAUGHTER:
        value |= int(_LAUGHS)
    # Marks, and the vowels and finals of conjoining jamo, may join what stands before them.
    jamo = "\u1160" <= c <= "\u11ff" or "\ud7b0" <= c <= "\ud7ff"
    if jamo or unicodedata.category(c)[0] == "M" or not unicodedata.is_normalized("NFC", c):
        value |= int(_COMPOSES)
    return value
