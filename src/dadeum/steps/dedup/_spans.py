"""Where long runs of the same letters stand in more than one row: every one of them, by windows that are sampled, then verified.

A window is the shortest run from its first letter on that weighs `weight`, where a syllable of Korean or a Chinese or Japanese
character weighs two and any other letter one: one measure for every language, and one that the window's own letters decide. So
a span that recurs is a row of windows that recur, wherever it stands.

1. Sample. Of the n-grams in a window's first letters the one with the least hash is its anchor (minimisers, Roberts et al.
   2004; winnowing, Schleimer et al. 2003). Windows that are equal have the same anchor, so none is missed. One letter in 13 is an
   anchor at the default weight.
2. Nominate. Where an anchor stands in one row alone, so does every window around it. Most text ends here.
3. Group. The windows around the others are hashed as a whole, 64 bits, and sorted.
4. Verify. Each is compared, letter by letter, with the one before it in its group; neighbours share the comparison.

A suffix array answers the same question. For 4.4 million characters of Korean, pydivsufsort's and its table of common prefixes took
1.5 CPU-s and 31 bytes a character; this took 0.26 CPU-s and, with the strings themselves, 13. Where nearly every letter recurs it
takes more (`substring.py`). Its work is linear but for the sorts, on periodic text too.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from dadeum.steps._key import Codes

BLOCK: Final = 1 << 17
"""Letters in one pass: the working memory stays in the processor's cache."""
HEAVY: Final = 0x2E80
"""From this code point on (Chinese, Japanese, Korean) a letter weighs two."""

Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]
Bools = npt.NDArray[np.bool_]

_BASE: Final = 0x9E3779B97F4A7C15
_NONE: Final = np.uint64(2**64 - 1)


class Windows(NamedTuple):
    """Windows that recur, sorted by `at`."""

    at: Ints
    """Position of the first letter."""
    size: Ints
    """Letters."""
    group: Ints
    """Equal windows have equal numbers, from 0."""


def recurring(codes: Codes, rows: Ints, weight: int) -> Windows:
    """Every window that stands in more than one row.

    codes: the letters of all strings, a 0 after each. rows: the row of each string, ascending. weight: of a window.
    """
    ends = np.flatnonzero(codes == 0)
    n = shortest(weight) // 2
    reach = shortest(weight) - n + 1
    hashes, places = _anchors(codes, n, reach)
    order = np.argsort(hashes, kind="stable")
    place = places[order][_shared(hashes[order], rows[np.searchsorted(ends, places[order])])]
    del hashes, places, order
    edge = np.zeros(len(codes) + 1, dtype=bool)
    edge[place] = True
    hashes, at, size = _windows(codes, ends, edge, reach, weight)
    order = np.argsort(hashes, kind="stable")
    order = order[_shared(hashes[order], rows[np.searchsorted(ends, at[order])])]
    hashes, at, size = hashes[order], at[order], size[order]
    first = np.diff(hashes, prepend=~hashes[:1]) != 0
    group = np.cumsum(_differs(codes, at, size, first) | first) - 1
    # A chance equality of hashes parts a group; what then stands in one row alone recurs no more.
    still = _shared(group, rows[np.searchsorted(ends, at)])
    at, size, group = at[still], size[still], group[still]
    group = np.cumsum(np.diff(group, prepend=-1) != 0) - 1
    order = np.argsort(at, kind="stable")
    return Windows(at[order], size[order], group[order])


def shortest(weight: int) -> int:
    """The letters of the shortest window there is: all of them heavy."""
    return (weight + 1) // 2


def covered(string: Ints, at: Ints, size: Ints) -> Ints:
    """How many letters each window adds to those before it in its string; windows sorted by (string, at)."""
    end = at + size
    before = np.concatenate([[0], end[:-1]])[: len(end)]
    new = np.diff(string, prepend=-1) != 0
    return end - np.maximum(at, np.where(new, 0, before))


def _shared(keys: npt.NDArray[np.integer], rows: Ints) -> Bools:
    """Which keys (sorted, the rows of equal ones ascending) stand in more than one row."""
    if not len(keys):
        return np.zeros(0, dtype=bool)
    first = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    last = np.append(first[1:], len(keys)) - 1
    return np.repeat(rows[first] != rows[last], last - first + 1)


def _symbols(codes: Codes) -> Hashes:
    mixed = codes * np.uint64(_BASE)
    mixed ^= mixed >> np.uint64(32)
    return mixed * np.uint64(0xBF58476D1CE4E5B9)


def _powers(base: int, count: int) -> Hashes:
    made = np.full(count, base, dtype=np.uint64)
    made[:1] = 1
    return np.cumprod(made, dtype=np.uint64)


def _prefixes(codes: Codes, powers: Hashes) -> Hashes:
    """`[len(codes) + 1]`: the sum of symbol times base to its place, of all letters before each; modulo 2^64."""
    made = np.zeros(len(codes) + 1, dtype=np.uint64)
    np.cumsum(_symbols(codes) * powers[: len(codes)], out=made[1:])
    return made


def _mixed(hashes: Hashes) -> Hashes:
    hashes = (hashes ^ (hashes >> np.uint64(29))) * np.uint64(0x94D049BB133111EB)
    return hashes ^ (hashes >> np.uint64(32))


def _anchors(codes: Codes, n: int, reach: int) -> tuple[Hashes, Ints]:
    """(hash, position) of every n-gram that has the least hash among `reach` in a row within one string; all of them where several have."""
    span = BLOCK + 2 * reach + n
    up, down = _powers(_BASE, span), _powers(pow(_BASE, -1, 2**64), span)
    hashes, places = [np.zeros(0, dtype=np.uint64)], [np.zeros(0, dtype=np.int64)]
    for start in range(0, len(codes), BLOCK):
        low = max(0, start - reach + 1)  # n-grams of this block are held against windows that begin before it
        part = codes[low : start + BLOCK + reach + n - 2]
        count = len(part) - n + 1
        if count < reach:
            continue
        sums = _prefixes(part, up)
        grams = _mixed((sums[n:] - sums[:-n]) * down[:count])
        gaps = np.concatenate([[0], np.cumsum(part == 0)])
        grams[gaps[n:] != gaps[:-n]] = _NONE
        least = _sliding(grams, reach, np.minimum)
        whole = gaps[reach + n - 1 :] == gaps[: len(gaps) - reach - n + 1]
        least = np.where(whole, least, np.uint64(0))
        padding = np.zeros(reach - 1, dtype=np.uint64)
        best = _sliding(np.concatenate([padding, least, padding]), reach, np.maximum)
        found = np.flatnonzero((best == grams) & (best != 0) & (grams != _NONE))
        found = found[(found >= start - low) & (found < start - low + BLOCK)]
        hashes.append(grams[found])
        places.append(found + low)
    return np.concatenate(hashes), np.concatenate(places)


def _sliding(values: Hashes, width: int, f: np.ufunc) -> Hashes:
    """The least or the greatest of every `width` values in a row, put together by doubling."""
    have = 1
    while have * 2 <= width:
        values = f(values[:-have], values[have:])
        have *= 2
    return f(values[: len(values) - (width - have)], values[width - have :]) if have < width else values


def _windows(codes: Codes, ends: Ints, anchors: Bools, reach: int, weight: int) -> tuple[Hashes, Ints, Ints]:
    """(hash, position, letters) of every window that has an anchor among the n-grams of its first letters."""
    span = BLOCK + max(reach, weight) + 1
    up, down = _powers(_BASE, span), _powers(pow(_BASE, -1, 2**64), span)
    hashes, places, sizes = [np.zeros(0, dtype=np.uint64)], [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    for start in range(0, len(codes), BLOCK):
        near = np.concatenate([[0], np.cumsum(anchors[start : start + BLOCK + reach - 1])])
        upto = np.minimum(np.arange(min(BLOCK, len(codes) - start)) + reach, len(near) - 1)
        at = np.flatnonzero(near[upto] > near[: len(upto)])
        if not len(at):
            continue
        part = codes[start : start + span - 1]
        heavy = np.concatenate([[0], np.cumsum(1 + (part >= HEAVY))])
        end = np.searchsorted(heavy, heavy[at] + weight)
        inside = (end <= len(part)) & (ends[np.searchsorted(ends, at + start)] >= end + start)
        at, end = at[inside], end[inside]
        sums = _prefixes(part, up)
        hashes.append(_mixed((sums[end] - sums[at]) * down[at]))
        places.append(at + start)
        sizes.append(end - at)
    return np.concatenate(hashes), np.concatenate(places), np.concatenate(sizes)


def _differs(codes: Codes, at: Ints, size: Ints, first: Bools) -> Bools:
    """Which windows (sorted by group) are not, letter by letter, the one before them in their group.

    Windows one behind the other whose forerunners are so too are one stretch, compared once. A window's forerunner may stand in its
    own row, which makes a stretch of periodic text as well.
    """
    out = np.zeros(len(at), dtype=bool)
    later = np.flatnonzero(~first)
    later = later[np.argsort(at[later], kind="stable")]
    back = at[later] - at[later - 1]
    if not len(later):
        return out
    place, end = at[later], at[later] + size[later]
    new = np.concatenate([[True], (np.diff(place) != 1) | (np.diff(back) != 0)])
    begin = np.flatnonzero(new)
    length = end[np.append(begin[1:], len(later)) - 1] - place[begin]
    done = 0
    upto = np.cumsum(length)
    while done < len(begin):
        stop = max(done + 1, int(np.searchsorted(upto, (upto[done - 1] if done else 0) + 8 * BLOCK, side="right")))
        many = length[done:stop]
        offset = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
        here = np.repeat(place[begin[done:stop]], many) + offset
        wrong = np.concatenate([[0], np.cumsum(codes[here] != codes[here - np.repeat(back[begin[done:stop]], many)])])
        low, high = begin[done], begin[stop] if stop < len(begin) else len(later)
        stretch = np.cumsum(new[low:high]) - 1
        shift = (np.cumsum(many) - many)[stretch] - place[begin[done:stop]][stretch]
        out[later[low:high]] = wrong[end[low:high] + shift] != wrong[place[low:high] + shift]
        done = stop
    return out
