"""The built-in embedding: character n-grams hashed into signed counts. It knows spelling, not meaning.

A text is the sum of its words, a word the sum of its parts, each part a signed unit in one of `dimensions` places (feature
hashing, Weinberger et al. 2009: expected cosines are those of the counts, with an error of about 1/sqrt(dimensions)).

* Hangul, Han and kana: the syllable, the syllable with the one before it, and the same pair without final consonants, so that
  했/하 and 는/느 stay close and a typing error costs less. From the third syllable of a word on, where Korean keeps particles and
  endings, parts weigh three tenths.
* Other scripts: the word, and trigrams of its letters with its edges.
* Grammatical words (`STOP`) weigh three tenths, negations (`NOT`, and the syllables 없 않 못) and numbers twice: they turn a
  sentence round and are a small part of its letters.

Weights are whole numbers and sums of whole numbers are exact, so a vector has the same bits in any batch, on any machine.

Spearman with people's scores on the 5,749 pairs of KorSTS train: .659 in 128 dimensions, .667 in 256, .672 in 512, .682 in 1024, .683
in 4096. The same parts unhashed and unweighted reach .62, weighted by an idf fitted on the very pairs .66. The words of `STOP` were
chosen with Korean sentences like these at hand, so other text may score a little lower. 100,000 reviews take 1.5 CPU-seconds.

What it can't see: synonyms, and who does what to whom (words count, their order does not).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from dadeum.embed import Vectors

DIMENSIONS: Final = 512
MEASURED: Final = {128: 0.659, 256: 0.667, 512: 0.672, 1024: 0.682, 4096: 0.683}
"""Spearman on KorSTS train, by dimensions (benchmarks/embeddings.py)."""
BLOCK: Final = 1 << 21
"""Places of the table of counts in one pass (16 MB)."""

STOP: Final = (
    "이 그 저 것 것이 것은 것을 수 등 및 또 또는 또한 더 좀 그리고 그래서 그런데 하고 하는 하여 해서 했다 한다 합니다 했습니다 한 할 하지 있다 있는 "
    "있고 있습니다 있었다 있어요 된 되는 된다 됩니다 대한 대해 대하여 위해 위한 에서 그는 그의 그가 그녀는 나는 내가 우리 "
    "a an the this that these those of to in on at by for from with as and or but if then so is are was were be been being am do does did "
    "have has had it its he she they them his her their i we you your my our me us there which who what will would can could should"
)
"""Words of grammar, parted by spaces."""
NOT: Final = "안 못 말 아니 아닌 아닙니다 아니다 말고 no not never none nothing without dont doesnt didnt isnt arent wasnt werent cant wont cannot"
TURNING: Final = "없않못"

_EDGE: Final = np.uint64(1)
_WHOLE: Final = 20
_HEAD, _TAIL, _TRIGRAM = 10, 3, 7
_HEAD_SYLLABLES: Final = 2
_PLACES: Final = 64

Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Hashed:
    """Signed counts of hashed n-grams, as unit vectors."""

    dimensions: int = DIMENSIONS

    @property
    def name(self) -> str:
        return f"hashed ({self.dimensions} dimensions)"

    @property
    def key(self) -> str:
        return f"hashed-1-{self.dimensions}"

    @property
    def measured(self) -> dict[str, float]:
        return {"KorSTS": MEASURED[self.dimensions]} if self.dimensions in MEASURED else {}

    def vectors(self, strings: pl.Series) -> Vectors:
        """See `Embedding.vectors`. Zeros where a string holds neither letter nor digit."""
        step = max(1, BLOCK // self.dimensions)
        done = [self._counts(strings.slice(start, step)) for start in range(0, len(strings), step)]
        return np.concatenate(done) if done else np.zeros((0, self.dimensions), dtype=np.float32)

    def _counts(self, strings: pl.Series) -> Vectors:
        rows, hashes, weights = _features(_codes(strings))
        place = ((hashes & np.uint64(0xFFFFFFFF)) % np.uint64(self.dimensions)).astype(np.int64)
        signed = np.where(hashes >> np.uint64(63), weights, -weights)
        sums = np.bincount(rows * self.dimensions + place, weights=signed, minlength=len(strings) * self.dimensions)
        counts = sums.reshape(len(strings), self.dimensions)
        size = np.sqrt(np.einsum("nd,nd->n", counts, counts))
        return (counts / np.where(size, size, 1)[:, None]).astype(np.float32)


def _codes(strings: pl.Series) -> Hashes:
    """Code points in lower case, white space for all that is no letter or digit, a 0 after each string; runs cut to two."""
    text = strings.fill_null("").str.normalize("NFC").str.to_lowercase()
    text = text.str.replace_all("['’]", "").str.replace_all(r"[^\p{L}\p{N}\p{M}]+", " ")
    codes = np.frombuffer((text.str.join("\0").item() + "\0").encode("utf-32-le"), dtype="<u4")
    again = np.zeros(len(codes), dtype=bool)
    again[2:] = (codes[2:] == codes[1:-1]) & (codes[2:] == codes[:-2]) & (codes[2:] > 57)
    return codes[~again].astype(np.uint64)


def _features(codes: Hashes) -> tuple[npt.NDArray[np.int64], Hashes, npt.NDArray[np.int64]]:
    """(string, hash, weight) of every part of every word."""
    row = np.cumsum(codes == 0) - (codes == 0)
    syllabic, digit = _syllabic(codes), (codes >= 48) & (codes <= 57)
    kind = np.where(codes <= 32, 0, np.where(syllabic, 1, np.where(digit, 3, 2)))
    first = (kind > 0) & np.concatenate([[True], kind[1:] != kind[:-1]])
    starts = np.flatnonzero(first)
    if not len(starts):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.int64)
    word = np.maximum(np.cumsum(first) - 1, 0)
    place = np.arange(len(codes)) - starts[word]
    whole = _words(codes, kind, place, starts)
    stop, turned = np.isin(whole, _known(STOP)), np.isin(whole, _known(NOT))
    before = np.where(place > 0, np.concatenate([codes[:1], codes[:-1]]), _EDGE)
    after = np.concatenate([np.where(word[1:] == word[:-1], codes[1:], _EDGE), [_EDGE]])
    after = np.where(np.concatenate([kind[1:], [0]]) == 0, _EDGE, after)
    found = []
    at = np.flatnonzero(kind == 1)
    weight = np.where(place[at] < _HEAD_SYLLABLES, _HEAD, _TAIL)
    weight = np.where(stop[word[at]], np.maximum(weight * 3 // 10, 1), weight)
    strong = turned[word[at]] | np.isin(codes[at], [ord(c) for c in TURNING])
    weight = np.where(strong, 2 * _HEAD, weight)
    found.append((row[at], _mix(codes[at], np.uint64(1)), weight))
    found.append((row[at], _mix(codes[at], before[at] + np.uint64(2 << 40)), weight))
    found.append((row[at], _mix(_open(codes[at]), _open(before[at]) + np.uint64(3 << 40)), weight))
    at = np.flatnonzero(kind == 2)
    weight = np.where(stop[word[at]], 2, np.where(turned[word[at]], 2 * _TRIGRAM, _TRIGRAM))
    found.append((row[at], _mix(_mix(codes[at], before[at]), after[at] + np.uint64(4 << 40)), weight))
    at = np.flatnonzero(kind[starts] > 1)
    weight = np.where(stop[at], 6, np.where(turned[at] | (kind[starts][at] == 3), 2 * _WHOLE, _WHOLE))
    found.append((row[starts[at]], _mix(whole[at], np.uint64(5 << 40)), weight))
    rows, hashes, weights = (np.concatenate(part) for part in zip(*found))
    return rows, hashes, weights


def _syllabic(codes: Hashes) -> npt.NDArray[np.bool_]:
    """Hangul, Han and kana: scripts in which one character says as much as several letters."""
    hangul = ((codes >= 0xAC00) & (codes <= 0xD7A3)) | ((codes >= 0x1100) & (codes <= 0x11FF)) | ((codes >= 0x3131) & (codes <= 0x318E))
    return hangul | ((codes >= 0x3040) & (codes <= 0x30FF)) | ((codes >= 0x3400) & (codes <= 0x9FFF))


def _open(codes: Hashes) -> Hashes:
    """Hangul syllables without their final consonant, other characters as they are."""
    hangul = (codes >= 0xAC00) & (codes <= 0xD7A3)
    base = np.uint64(0xAC00)
    return np.where(hangul, codes - (codes - base) % np.uint64(28), codes)


def _words(codes: Hashes, kind: npt.NDArray[np.int64], place: npt.NDArray[np.int64], starts: npt.NDArray[np.int64]) -> Hashes:
    """A hash of each whole word: mixed code points times a fixed odd number of their place, added up."""
    times = _mix(np.arange(1, _PLACES + 1, dtype=np.uint64), np.uint64(7)) | np.uint64(1)
    parts = _mix(codes, np.uint64(11)) * times[np.minimum(np.maximum(place, 0), _PLACES - 1)]
    parts[kind == 0] = 0
    return np.add.reduceat(parts, starts)


def _known(words: str) -> Hashes:
    """The hashes of words that are parted by spaces."""
    codes = np.frombuffer((words + " ").encode("utf-32-le"), dtype="<u4").astype(np.uint64)
    kind = (codes > 32).astype(np.int64)
    starts = np.flatnonzero((kind > 0) & np.concatenate([[True], kind[:-1] == 0]))
    place = np.arange(len(codes)) - starts[np.cumsum(np.isin(np.arange(len(codes)), starts)) - 1]
    return _words(codes, kind, place, starts)


def _mix(one: Hashes, other: Hashes | np.uint64) -> Hashes:
    """SplitMix64's finaliser over both."""
    with np.errstate(over="ignore"):
        x = one * np.uint64(0x9E3779B97F4A7C15) + other * np.uint64(0xD1B54A32D192ED03)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
