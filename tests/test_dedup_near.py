"""dedup.near and the pairs below it next to brute force: every pair's Jaccard similarity, counted with Python's own sets."""

from __future__ import annotations

import csv
import itertools
import random
import unicodedata
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dadeum.record import records
from dadeum.steps import _key
from dadeum.steps.dedup import _near
from dadeum.steps.dedup._near import crowd, groups, join, shingle
from dadeum.steps.dedup._near.edits import close
from dadeum.steps.dedup._near.lists import flat, listed
from dadeum.steps.dedup.near import Near

DATA = Path(__file__).parents[2] / "shared/data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA} is not there")
SYLLABLES = "가나다라마바사아자차카타파하거너더러머버서어저처커터퍼허"


@cache
def slow_shingles(text: str) -> set[str]:
    """Runs of letters: 3 from a Korean one on, 5 from another one on; none of a short text."""
    letters = _key.letters(pl.Series([text])).tobytes().decode("utf-32-le").rstrip("\0")
    if len(letters) < shingle.SHORT:
        return set()
    runs = [letters[i : i + (3 if "\u1100" <= c <= "\u11ff" or c >= "\u2e80" else 5)] for i, c in enumerate(letters)]
    return {run for run in runs if len(run) == (3 if "\u1100" <= run[0] <= "\u11ff" or run[0] >= "\u2e80" else 5)}


def jaccard(a: set[str], b: set[str]) -> float:
    return len(a & b) / len(a | b) if a | b else 0.0


@cache
def slow_key(text: str) -> str:
    return str(_key.normal(pl.Series([text])).item())


def slow_similarity(x: str, y: str) -> float:
    return 1.0 if slow_key(x) == slow_key(y) else jaccard(slow_shingles(x), slow_shingles(y))


def copies(seed: int, families: int, most: int, edits: int = 6, length: int = 60) -> list[str]:
    """Families of texts, each with up to `most` copies in which up to `edits` letters are others; short and mixed ones among them."""
    draw = random.Random(seed)
    texts = []
    for i in range(families):
        base = draw.choices(SYLLABLES if i % 3 else "abcdefghij klmnopqrstuvw", k=draw.randrange(10, length))
        for _ in range(draw.randrange(1, most + 1)):
            made = list(base)
            for _ in range(draw.randrange(edits + 1)):
                made[draw.randrange(len(made))] = draw.choice("고노도로xyz")
            texts.append("".join(made))
    draw.shuffle(texts)
    return texts


def slow_choice(texts: list[str], order: list[int], threshold: float) -> dict[int, tuple[int, float]]:
    """row -> (witness, similarity), row by row in `order`."""
    stays: list[int] = []
    left = {}
    for i in order:
        witness = next((j for j in stays if slow_similarity(texts[i], texts[j]) >= threshold), None)
        if witness is None:
            stays.append(i)
        else:
            left[i] = (witness, slow_similarity(texts[i], texts[witness]))
    return left


def decided(step: Near, texts: list[str]) -> dict[int, tuple[int, float]]:
    told = step.decide(step.relate(step.sketch(records([{"text": t} for t in texts]))))
    return {row: (witness, value) for row, witness, value in told.select("row", "witness", "value").rows()}


@given(st.lists(st.text(st.sampled_from("가나 다aB!ㅋ漢"), min_size=15, max_size=40), min_size=2, max_size=6))
def test_similarity_is_that_of_the_slow_shingles(texts: list[str]) -> None:
    sets = _near.shingled(pl.Series(texts))
    of = [set(sets.values[a:b].tolist()) for a, b in itertools.pairwise(sets.offsets)]
    assert [len(s) for s in of] == [len(slow_shingles(t)) for t in texts]
    for (a, x), (b, y) in itertools.combinations(zip(of, texts), 2):
        assert len(a & b) == len(slow_shingles(x) & slow_shingles(y))


@pytest.mark.parametrize("letters", [2, 3, 5, 13])
def test_a_length_that_is_asked_for_counts_for_every_script_and_length(letters: int) -> None:
    texts = [*copies(1, 25, 12), "가나", "ab", "가나다", "가나다라", "ab cd", "abcde f", ""]
    spelled = [str(key).removeprefix("\0") for key in map(slow_key, texts)]
    slow = [{key[i : i + letters] for i in range(len(key) - letters + 1)} for key in spelled]
    sets = _near.shingled(pl.Series(texts), letters=letters)
    assert sets.sizes.tolist() == [len(s) for s in slow]
    found = {(a, b): s for a, b, s in _near.pairs(sets, 0.6, "exact").rows()}
    equal = {(i, j) for i, j in itertools.combinations(range(len(texts)), 2) if spelled[i] == spelled[j] and spelled[i]}
    alike = {(i, j): s for i, j in itertools.combinations(range(len(texts)), 2) if (s := jaccard(slow[i], slow[j])) >= 0.6}
    assert found == {**dict.fromkeys(equal, 1.0), **alike} and len(alike) > 10


@pytest.mark.parametrize("method", ["exact", "minhash"])
@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.8, 1.0])
def test_pairs_are_those_of_brute_force(method: _near.Method, threshold: float) -> None:
    texts = copies(1, 25, 40)
    sets = _near.shingled(pl.Series(texts))
    truth = {(i, j): s for i, j in itertools.combinations(range(len(texts)), 2) if (s := slow_similarity(texts[i], texts[j])) >= threshold}
    found = {(a, b): s for a, b, s in _near.pairs(sets, threshold, method).rows()}
    assert found.items() <= truth.items()
    assert len(found) >= (1 if method == "exact" else 0.98 if threshold < 0.8 else 0.999) * len(truth) > 50
    assert joined(len(texts), _near.links(sets, threshold, "exact").rows()) == joined(len(texts), [(*p, 1) for p in truth])


def joined(n: int, edges: list[tuple[int, int, float]]) -> set[frozenset[int]]:
    part = [{i} for i in range(n)]
    for a, b, _ in edges:
        if part[a] is not part[b]:
            part[a] |= part[b]
            for i in part[a]:
                part[i] = part[a]
    return {frozenset(p) for p in part}


def test_the_same_pairs_however_work_is_cut_and_whoever_is_a_crowd(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = copies(2, 6, 60)
    sets = _near.shingled(pl.Series(texts))
    plain = _near.pairs(sets, 0.7, "exact")
    assert (join.related(sets, 0.7, "exact").crowd > 0).any()
    monkeypatch.setattr(crowd, "LARGE", (10_000,))
    assert not join.related(sets, 0.7, "exact").crowd.any()
    assert _near.pairs(sets, 0.7, "exact").equals(plain)
    for module, name in ((groups, "FEW"), (join, "BLOCK")):
        monkeypatch.setattr(module, name, 64)
    assert _near.pairs(sets, 0.7, "exact").equals(plain)


def test_auto_takes_minhash_where_candidates_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    sets = _near.shingled(pl.Series(copies(3, 20, 10)))
    assert join.related(sets, 0.7).method == "exact"
    monkeypatch.setattr(join, "ALWAYS", 0)
    monkeypatch.setattr(join, "MOST", 0)
    assert join.related(sets, 0.7).method == "minhash"


@pytest.mark.parametrize("threshold", [0.6, 0.8, 0.95])
@pytest.mark.parametrize("keep", ["first", "last", "longest"])
def test_who_stays_is_who_stays_row_by_row(keep: str, threshold: float) -> None:
    texts = copies(4, 20, 30)
    order = {
        "first": list(range(len(texts))),
        "last": list(range(len(texts)))[::-1],
        "longest": sorted(range(len(texts)), key=lambda i: (-len(texts[i]), i)),
    }[keep]
    want = slow_choice(texts, order, threshold)
    assert decided(Near(threshold=threshold, keep=keep, method="exact"), texts) == want  # type: ignore[arg-type]
    assert len(want) > 10


def test_another_threshold_and_keep_need_no_other_relation() -> None:
    texts = copies(5, 12, 30)
    rows = records([{"text": t} for t in texts])
    first = Near(floor=0.6)
    related = first.relate(first.sketch(rows))
    for threshold, keep in itertools.product((0.6, 0.75, 0.9), ("first", "last", "longest")):
        other = Near(threshold=threshold, keep=keep, floor=0.6)  # type: ignore[arg-type]
        assert other.early_key == first.early_key != other.key
        assert other.decide(related).equals(other.decide(other.relate(other.sketch(rows))))
    assert Near(threshold=0.9).early_key == Near(threshold=0.7).early_key != Near(threshold=0.65).early_key
    told = first.report(related)
    for threshold, leave in told["would_leave"].items():
        assert leave == Near(threshold=float(threshold), floor=0.6).decide(related).height


@pytest.mark.parametrize("method", ["exact", "minhash"])
def test_any_order_and_cut_give_the_same_and_twice_is_once(method: _near.Method) -> None:
    texts = copies(6, 20, 25)
    rows = records([{"text": t} for t in texts])
    step = Near(method=method)
    told = step.decide(step.relate(step.sketch(rows)))
    cut = pl.concat([step.sketch(rows[i : i + 37]) for i in range(0, rows.height, 37)])
    assert step.decide(step.relate(cut.sample(fraction=1, shuffle=True, seed=5))).equals(told)
    stays = rows.filter(~pl.col("row").is_in(told["row"].implode()))
    assert set(told["witness"]) <= set(stays["row"])
    assert step.decide(step.relate(step.sketch(stays))).is_empty()
    assert all(slow_similarity(texts[r], texts[w]) == v >= 0.8 for r, w, v in told.select("row", "witness", "value").rows())


@pytest.mark.parametrize("keep", ["first", "longest"])
@pytest.mark.parametrize("threshold", [0.7, 0.8])
def test_whoever_deduplicates_again_loses_nobody(keep: str, threshold: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """auto takes buckets for all rows, and the exact join for those who stay; two buckets overlook many."""
    monkeypatch.setattr(groups, "BANDS", 2)
    monkeypatch.setattr(join, "MOST", 0)
    monkeypatch.setattr(join, "ALWAYS", 600)
    texts = copies(7, 60, 12)
    rows = records([{"text": t} for t in texts])
    step = Near(keep=keep, threshold=threshold, method="auto")  # type: ignore[arg-type]
    found = step.relate(step.sketch(rows))
    assert found["method"][0] == "minhash"
    told = step.decide(found)
    stays = rows.filter(~pl.col("row").is_in(told["row"].implode()))
    again = step.relate(step.sketch(stays))
    assert again.is_empty() or again["method"][0] == "exact"
    assert step.decide(again).is_empty()
    assert all(slow_similarity(texts[r], texts[w]) == v >= threshold for r, w, v in told.select("row", "witness", "value").rows())
    assert set(told["witness"]) <= set(stays["row"])


@pytest.mark.parametrize("threshold", [0.7, 0.8, 0.95])
def test_a_crowd_at_the_floor_is_decided_as_row_by_row(threshold: float) -> None:
    """Texts that share a long opening and differ in what follows: all are alike at the floor, few at the threshold."""
    draw = random.Random(9)
    opening = "".join(draw.choices(SYLLABLES, k=60))
    texts = [opening + "".join(draw.choices(SYLLABLES, k=draw.randrange(4, 20))) for _ in range(120)]
    texts += [t[:-1] + "뷁" for t in texts[:20]]
    step = Near(keep="first", threshold=threshold, floor=0.6)
    related = step.relate(step.sketch(records([{"text": t} for t in texts])))
    assert (related["crowd"] > 0).sum() > 100
    told = {r: (w, v) for r, w, v in step.decide(related).select("row", "witness", "value").rows()}
    assert told == slow_choice(texts, list(range(len(texts))), threshold)


def test_neighbours_in_a_chain_stay_unless_they_are_like_one_that_stays() -> None:
    draw = random.Random(8)
    text = draw.choices(SYLLABLES, k=50)
    chain = []
    for i in range(16):
        chain.append("".join(text))
        text[3 * i + 1] = "뷁"
    left = decided(Near(keep="first", method="exact"), chain)
    assert left == slow_choice(chain, list(range(16)), 0.8)
    assert 3 < len(left) < 14 and slow_similarity(chain[0], chain[-1]) < 0.3


@needs_data
def test_every_distinct_chat_answer_stays() -> None:
    with open(DATA / "chatbot_ko/ChatbotData.csv", encoding="utf-8", newline="") as file:
        answers = [row["A"] for row in csv.DictReader(file)]
    for texts in (answers, answers[:2000]):
        keys = _key.normal(pl.Series(texts)).to_list()
        left = decided(Near(), texts)
        assert len(texts) - len(left) == len(set(keys))
        assert all(keys[row] == keys[witness] for row, (witness, _) in left.items())


def slow_distance(x: str, y: str) -> int:
    row = list(range(len(y) + 1))
    for i, c in enumerate(x, 1):
        row, before = [i], row
        for j, d in enumerate(y, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (c != d)))
    return row[-1]


@given(st.lists(st.text(st.sampled_from("가각나간ab12"), min_size=1, max_size=9), min_size=2, max_size=25, unique=True), st.integers(1, 2))
def test_short_texts_are_close_by_the_slow_distance(texts: list[str], most: int) -> None:
    spelled = [unicodedata.normalize("NFD", t) for t in texts]
    want = {}
    for (i, x), (j, y) in itertools.combinations(enumerate(spelled), 2):
        similarity = 1 - slow_distance(x, y) / max(len(x), len(y))
        if slow_distance(x, y) <= most and similarity >= 0.5 and [c for c in x if c.isdigit()] == [c for c in y if c.isdigit()]:
            want[i, j] = similarity
    assert {(a, b): s for a, b, s in zip(*(part.tolist() for part in close(pl.Series(texts), most, 0.5)))} == want


def test_lists_and_back() -> None:
    draw = np.random.default_rng(1)
    sizes = draw.integers(0, 4, 200)
    values = draw.integers(0, 2**32, sizes.sum(), dtype=np.uint32)
    offsets = np.append(0, np.cumsum(sizes))
    made = listed("x", values, offsets)
    assert made.to_list() == [values[a:b].tolist() for a, b in itertools.pairwise(offsets)]
    back = flat(pl.concat([made[50:120], made[:50]]))
    assert back[0].tolist() == [*values[offsets[50] : offsets[120]], *values[: offsets[50]]]
    assert listed("x", values[:0], np.zeros(3, dtype=np.int64)).to_list() == [[], []]


def test_texts_that_say_nothing_are_like_nothing() -> None:
    rows = records([{"text": None}, {"text": None}, {"text": ""}, {"text": " "}])
    step = Near(keep="first")
    assert step.decide(step.relate(step.sketch(rows))).select("row", "witness").rows() == [(3, 2)]
    assert step.report(step.relate(step.sketch(rows[:1])))["pairs"] == {}
