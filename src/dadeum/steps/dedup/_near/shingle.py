"""The shingles of a text: overlapping runs of the letters of its key (`steps/_key.py`), as 32-bit numbers.

A shingle begins at every letter. It is 3 letters long where that letter is Hangul, Kana or Han, 5 where it is any other: what a
syllable tells takes two or three Latin letters. The letter decides, not the profile of the text, so that a text which is half
English has no side to fall on, and every two texts can be compared. There are no spaces in it: Korean spacing is free, and word
shingles lose every copy that is spaced otherwise (median similarity 0; letters: 1).

A text with fewer than SHORT letters has no set: one letter more or less changes what a short answer says, and tools that shingle
them all the same lose whole data sets (245 of 2,000 chat answers left). They are alike by key. With 20 letters two distinct chat
answers would merge at 0.8, which differ in their first word, with 8 letters 14 pairs; with 22 all stay. (Shingles that reach beyond
the text's ends, so that its first word counts as much as any other, keep them apart as well; but then similarity is not what
others measure: of the long documents' pairs at 0.8, 1 % were below it.)

Whoever wants what other tools measure says how long a run is (`letters`): then it is so long in every script, and every text with as
many letters has a set. Of 418,641 reviews that finds every pair, and none else; distinct short answers of one sentence merge then.

A pair of sets of n shingles shares one by accident with a chance of n^2 / 2^32: 1 in 7 million for n = 25, where it would
change a similarity by 1/40; 1 in 1,000 for n = 2,000, where it would change it by 1/4,000.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from dadeum.record import CHATS, ROLES, put
from dadeum.steps import _key
from dadeum.steps.dedup._near.sets import U32, U64, Bools, Ints, Sets, blocks, mixed, ragged

SHORT: Final = 22
"""Letters below which a text has no shingles."""
LETTERS: Final = 3
"""Letters of a shingle that begins with Hangul, Kana or Han."""
LONGEST: Final = 13
"""Letters of a shingle at most: the n-grams that benchmarks are looked for by."""
FACTORS: Final = mixed(np.arange(1, LONGEST + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)) | np.uint64(1)
"""Multilinear hashing (Carter and Wegman 1979): the upper half of the sum of letters times random numbers of their places."""


def shingled(texts: pl.Series, profile: str = "auto", letters: int = 0) -> Sets:
    """The sets of these texts; a null says nothing and is like nothing. letters: of a shingle, in every script; 0: by script.

    >>> sets = shingled(pl.Series(["짧은 글", "짧은글!", "이 글은 스물두 글자가 넘기 때문에 조각이 있는 글이다"]))
    >>> sets.sizes.tolist(), bool(sets.keys[0] == sets.keys[1])
    ([0, 0, 20], True)
    """
    keys = _key.text_digests(texts, profile)[0]
    return _sets(_spelled(texts, profile), keys, letters)


def of_records(rows: pl.DataFrame, by: tuple[str, ...] = (), profile: str = "auto", letters: int = 0) -> Sets:
    """The sets of what the records say (`_key.said`): all of it, or what `by` names. Records that say nothing of it are as nulls."""
    names = by or ("text", *CHATS, "tools")
    others = [c for c in names if c != "text" and c not in ROLES] + [c for c in CHATS if any(role in names for role in ROLES)]
    keys = _key.digests(rows, by, profile)[0]
    if "text" in names and all(rows.get_column(c).null_count() == rows.height for c in others):
        return _sets(_spelled(rows.get_column("text"), profile), keys, letters)
    return _sets(_key.characters(_key.said(rows, by, profile)), keys, letters)


def _spelled(texts: pl.Series, profile: str) -> U32:
    """The code points that are compared, a 0 after each text: letters, of code all characters but white space."""
    if profile == "code":
        return _key.characters(texts)
    code = _key.is_code(texts, profile)
    if not code.any():
        return _key.letters(texts, profile != "en")
    keys = _key.normal(texts, profile)
    return _key.characters(put(keys, (at := code.arg_true()), texts.gather(at)))


def _sets(codes: U32, keys: pl.Series, letters: int) -> Sets:
    """codes: code points with a 0 after each text; keys: UInt64, null where there is nothing to compare."""
    ends = np.flatnonzero(codes == 0)
    lengths = np.diff(ends, prepend=-1) - 1
    starts = ends - lengths
    made = [_block(codes, starts[part], lengths[part], letters) for part in blocks(lengths, 1 << 18)]
    values = np.concatenate([v for v, _ in made]) if made else np.zeros(0, dtype=np.uint32)
    sizes = np.concatenate([s for _, s in made]) if made else np.zeros(0, dtype=np.int64)
    return Sets(values, np.append(0, np.cumsum(sizes)), keys.fill_null(0).to_numpy())


def _block(codes: U32, starts: Ints, lengths: Ints, letters: int) -> tuple[U32, Ints]:
    """(sorted shingles of these texts one after the other, how many each has)."""
    long = np.flatnonzero(lengths >= (letters or SHORT))
    begin, length = starts[long], lengths[long] - (letters or LETTERS) + 1
    at, text = ragged(begin, length), np.repeat(long.astype(np.uint64) << np.uint64(32), length)
    if letters:
        packed = text | _runs(codes, at, letters) >> np.uint64(32)
    else:
        packed, whole = _hashed(codes, at)
        packed = (packed | text)[whole]
    packed.sort()
    new = np.ones(len(packed), dtype=bool)
    np.not_equal(packed[1:], packed[:-1], out=new[1:])
    packed = packed[new]
    sizes = np.bincount((packed >> np.uint64(32)).astype(np.int64), minlength=len(starts))
    return packed.astype(np.uint32), sizes


def _hashed(codes: U32, at: Ints) -> tuple[U64, Bools]:
    """(the shingles that begin at these letters, below 2^32; which of them end within their text). Two letters follow each."""
    begin = codes[at]
    total = _runs(codes, at, LETTERS)
    whole = np.ones(len(at), dtype=bool)
    longer = np.flatnonzero((begin < 0x2E80) & ((begin < 0x1100) | (begin > 0x11FF)))
    place = at[longer] + LETTERS
    fourth, fifth = codes[place], codes[np.minimum(place + 1, len(codes) - 1)]
    whole[longer] = (fourth > 0) & (fifth > 0)
    total[longer] += fourth * FACTORS[3] + fifth * FACTORS[4]
    return total >> np.uint64(32), whole


def _runs(codes: U32, at: Ints, letters: int) -> U64:
    """The hashes of so many letters from each of these on: the upper half of 64 bits counts."""
    total = codes[at] * FACTORS[0]
    for i in range(1, letters):
        total += codes[at + i] * FACTORS[i]
    return total
