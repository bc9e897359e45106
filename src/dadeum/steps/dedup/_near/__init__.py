"""Texts that are nearly alike: sets of shingles, and the pairs of rows whose sets are at least so similar (Jaccard).

For `dedup.near`, and for whoever else has to know which rows are alike (`mix.split`, `look`):

    sets = shingled(texts)             # of each text a key and a set of shingles
    every = pairs(sets, 0.8)           # all pairs: `a`, `b` (positions, a < b) and `similarity`
    forest = links(sets, 0.8)          # of them enough to connect what is connected: stays small where thousands are alike

`shingle` makes the sets, `groups` finds rows that may be alike (by rare shingles or by MinHash), `join` verifies them, `edits`
finds pairs of texts too short for shingles, `crowd` deals with thousands of rows that are all alike, `sets` is the arithmetic that they share.
"""

from __future__ import annotations

from dadeum.steps.dedup._near.join import Method, Related, links, pairs, related
from dadeum.steps.dedup._near.sets import Sets
from dadeum.steps.dedup._near.shingle import of_records, shingled

__all__ = ["Method", "Related", "Sets", "links", "of_records", "pairs", "related", "shingled"]
