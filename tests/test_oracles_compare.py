"""The steps that hold rows against rows, or against files, next to slow obvious twins."""

from __future__ import annotations

import gzip
import json
import random
import re
import unicodedata
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import xxhash
from hypothesis import example, given
from hypothesis import strategies as st

from dadeum.errors import RecipeError
from dadeum.profiles import profile
from dadeum.record import records
from dadeum.steps import _key
from dadeum.steps.dedup.exact import Exact
from dadeum.steps.guard import _benchmark, contamination
from dadeum.steps.guard.contamination import Contamination
from dadeum.steps.mix.split import Split

DATA = Path(__file__).parents[2] / "shared/data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA} is not there")

WHITE = "\t\n\x0b\x0c\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
PIECES = [
    "굿", "정말 재미있어요", "ㅋ", "ㅋㅋㅋ", "ㅠㅠ ㅠㅠ", "ㅎㅎ", "한", "ᄒ", "ᅡ", "ᆫ", "ㅤ", "Good", "ＧＯＯＤ", "İ", "ß", "Σς", "é", "e", "\u0301", "\u0323", "\u200b",
    "\ufe0f", "👍", "👎", "1", "２", "3.5", "-5", "－", "²", "_", ".", "!!", " ", "\n", "\0", "```", "x = 1;\n", "y = a[0];\n", "हिन्दी", "ก็", "\u0958", "", "漢字", "\U0001d11e", "\U0002f800",
]  # fmt: skip
strings = st.lists(st.one_of(st.sampled_from(PIECES), st.text(st.characters(exclude_categories=["Cs"]), max_size=3)), max_size=6).map("".join)


def slow_letters(text: str, laughter: bool = True) -> str:
    out = []
    text = unicodedata.normalize("NFC", text)
    for c in text:
        if c in "−－-" or c in ".．":
            out.append("." if c in ".．" else "-")
            continue
        if 0xFF01 <= ord(c) <= 0xFF5E:
            c = chr(ord(c) - 0xFEE0)
        unseen = c in "\u034f\u115f\u1160\u3164\uffa0" or "VARIATION SELECTOR" in unicodedata.name(c, "") or "\u180b" <= c <= "\u180f"
        if unicodedata.category(c) in ("Lu", "Ll", "Lt", "Lm", "Lo", "Nd", "Nl", "No", "Mn", "Mc") and not unseen:
            out.append(c.casefold() if len(c.casefold()) == 1 else c.lower()[0])
    # One character at a time, its neighbours as they stood: whatever is no part of a number goes.
    said = ["^", *out, "$"]
    digits = [c in "0123456789" for c in said]
    wanted = {".": lambda i: digits[i - 1] and digits[i + 1], "-": lambda i: digits[i + 1] and not digits[i - 1]}
    joined = "".join(c for i, c in enumerate(said[1:-1], 1) if c not in wanted or wanted[c](i))
    return re.sub(r"([ㅋㅎㅠㅜ])\1{2,}", r"\1\1", joined) if laughter else joined


def slow_key(text: str, told: str = "auto") -> str:
    code = told == "code" or (told == "auto" and pl.select(profile(pl.lit(text))).item() == "code")
    return ("" if code else slow_letters(text, told != "en")) or "\0" + text.strip(WHITE)


@given(st.lists(strings, max_size=6), st.sampled_from(["auto", "ko", "en", "mixed", "code"]))
@example(["ㅋㅋㅋ", "\u1112\u1161\u11ab", "a\u0323\u0301", "a\u0301\u0323", "\0", "x\0y", "\U0002f800", "\u0344"], "auto")
def test_a_key_is_the_slow_key(texts: list[str], told: str) -> None:
    assert _key.normal(pl.Series(texts, dtype=pl.String), told).to_list() == [slow_key(t, told) for t in texts]


def test_every_character_folds_as_the_slow_key_does() -> None:
    every = [chr(c) for c in range(1, 0x30000) if not 0xD800 <= c <= 0xDFFF]
    found = _key.letters(pl.Series(every)).tobytes().decode("utf-32-le").split("\0")[:-1]
    assert [c for c, a in zip(every, found) if a != slow_letters(c)] == []


def test_a_key_does_not_depend_on_its_neighbours_nor_on_the_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(3)
    texts = ["".join(draw.choices(PIECES, k=draw.randrange(6))) for _ in range(500)]
    whole = _key.letters(pl.Series(texts))
    monkeypatch.setattr(_key, "BLOCK", 40)
    assert np.array_equal(_key.letters(pl.Series(texts)), whole)
    assert np.array_equal(np.concatenate([_key.letters(pl.Series([t])) for t in texts]), whole)


def test_nulls_and_nothing() -> None:
    assert _key.normal(pl.Series([None, "", "a"], dtype=pl.String)).to_list() == [None, "\0", "a"]
    assert _key.normal(pl.Series([], dtype=pl.String)).to_list() == []
    hi, lo = _key.text_digests(pl.Series(["", None], dtype=pl.String))
    assert hi[1] is None and lo[1] is None
    assert (hi[0] << 64) | lo[0] == xxhash.xxh3_128_intdigest(b"\0")
    assert [len(s) for s in _key.text_digests(pl.Series([], dtype=pl.String))] == [0, 0]


def slow_digest(key: str) -> tuple[int, int]:
    """Two multilinear sums modulo 2^64, number by number."""

    def random(n: int) -> int:
        x = n * 0x9E3779B97F4A7C15 % 2**64
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB % 2**64
        return x ^ (x >> 31)

    mixed = [ord(c) * 0x9E3779B97F4A7C15 % 2**64 for c in key]
    mixed = [m ^ (m >> 32) for m in mixed]
    hi, lo = (sum(m * random(1 + i + at) for i, m in enumerate(mixed)) % 2**64 for at in (0, _key.PLACES))
    return hi, lo


def test_digests_of_texts_are_the_slow_digests(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(4)
    texts = ["".join(draw.choices(PIECES, k=draw.randrange(1, 7))) for _ in range(500)]
    keys = [k for k in _key.normal(pl.Series(texts)).to_list()]
    hi, lo = _key.text_digests(pl.Series(texts))
    told = list(zip(hi.to_list(), lo.to_list()))
    assert all(one == slow_digest(key) for one, key in zip(told, keys) if key[0] != "\0")
    assert len(set(told)) == len(set(keys)) > 100
    assert all((a == b) == (x == y) for a, x in zip(told[:80], keys) for b, y in zip(told[:80], keys))
    long = ["가" * (_key.PLACES - 1), "가" * _key.PLACES, "가 " * _key.PLACES, "가" * (_key.PLACES + 1)]
    hi, lo = _key.text_digests(pl.Series(long))
    assert hi[1] == hi[2] and len(set(hi)) == 3
    monkeypatch.setattr(_key, "BLOCK", 40)
    assert list(zip(*(part.to_list() for part in _key.text_digests(pl.Series(texts))))) == told


def test_digests_of_records_do_not_depend_on_their_neighbours() -> None:
    told = [{"role": "user", "content": "안녕"}]
    rows = records([{"text": "a b"}, {"text": "A-B"}, {"messages": told}, {"text": "a b", "messages": told}, {"text": None}, {"text": "ab", "label": "x"}])
    for by in ((), ("text",), ("text", "label"), ("user",), ("messages",), ("label",)):
        whole = [part.to_list() for part in _key.digests(rows, by)]
        alone = [_key.digests(rows[i : i + 1], by) for i in range(rows.height)]
        assert whole == [[one[k][0] for one in alone] for k in (0, 1)]
        keys = _key.said(rows, by).to_list()
        assert all((keys[i] == keys[j]) == (whole[0][i] == whole[0][j]) for i in range(6) for j in range(6))


def frame(texts: list[Any], **columns: list[Any]) -> pl.DataFrame:
    return records([{"text": t, **{k: v[i] for k, v in columns.items()}} for i, t in enumerate(texts)])


def slow_exact(rows: list[tuple[int, str, str | None]], keep: str, conflicts: str) -> dict[int, tuple[str, int | None]]:
    """row -> (reason, witness) of the rows that leave."""
    out: dict[int, tuple[str, int | None]] = {}
    keys: dict[str, list[tuple[int, str, str | None]]] = defaultdict(list)
    for line in sorted(rows):
        keys[slow_key(line[1])].append(line)
    for members in keys.values():
        votes = Counter(label for _, _, label in members if label is not None)
        clash = len(votes) > 1
        groups: dict[Any, list[tuple[int, str, str | None]]] = defaultdict(list)
        best = [label for label, n in votes.items() if n == max(votes.values())]
        for row, text, label in members:
            against = [m for m in members if m[2] not in (None, label)]
            rival = min(against, key=lambda m: (-votes[m[2]], m[0]))[0] if clash else None
            if clash and (conflicts in ("drop", "review") or (conflicts == "majority" and len(best) > 1)):
                out[row] = ("review" if conflicts == "review" else "conflict", rival)
            elif clash and conflicts == "majority" and label not in (None, best[0]):
                out[row] = ("conflict_minority", rival)
            else:
                groups[label if clash and conflicts == "keep" else ""].append((row, text, label))
        for group in groups.values():
            group = [m for m in group if m[2] is not None] or group
            rule = {"first": lambda m: m[0], "last": lambda m: -m[0], "longest": lambda m: (-len(m[1]), m[0])}[keep]
            stays = min(group, key=rule)[0]
            label_groups = [m for g in groups.values() if any(x[0] == stays for x in g) for m in g]
            out |= {m[0]: ("duplicate", stays) for m in label_groups if m[0] != stays}
    return out


@given(
    st.lists(st.tuples(strings, st.sampled_from([None, "a", "b", "c"])), min_size=1, max_size=14),
    st.sampled_from(["first", "last", "longest"]),
    st.sampled_from(["keep", "drop", "majority", "review", "merge"]),
    st.randoms(use_true_random=False),
)
def test_exact_is_the_slow_exact_in_any_order(told: list[tuple[str, str | None]], keep: str, conflicts: str, draw: random.Random) -> None:
    told = told + draw.choices(told, k=len(told))  # without twins there is nothing to decide
    rows = frame([t for t, _ in told], label=[label for _, label in told])
    step = Exact(keep=keep, conflicts=conflicts)  # type: ignore[arg-type]
    want = slow_exact([(i, t, label) for i, (t, label) in enumerate(told)], keep, conflicts)
    order = draw.sample(range(len(told)), len(told))
    made = step.decide(step.relate(step.sketch(rows)[order]))
    assert {row: (reason, witness) for row, reason, witness in made.select("row", "reason", "witness").rows()} == want
    left = rows.filter(~pl.col("row").is_in(list(want)))
    assert step.decide(step.relate(step.sketch(left))).is_empty()


def test_exact_tells_of_conflicts_and_shares() -> None:
    rows = frame(["좋아", "좋아!", "좋아", "싫어", "싫어", "혼자"], label=["p", "p", "n", "n", "n", "p"])
    step = Exact(conflicts="majority")
    related = step.relate(step.sketch(rows))
    assert step.report(related) == {"repeated_keys": 2, "repeated_rows": 5, "conflicts": 1, "conflicting_rows": 3}
    dropped = step.decide(related).filter(pl.col("state") == "dropped")
    assert dropped["value"].to_list() == [pytest.approx(1 / 3)]
    assert set(step.sketch(rows).columns) == {"row", "hi", "lo", "says"}


PARTS = st.sampled_from(["가", "나", "가!", "b", "B", "1:b", '["가", "나"]', '["나","가"]', "[", None])


@given(st.lists(st.tuples(PARTS, PARTS), min_size=1, max_size=8))
def test_unordered_pairs_are_bags(pairs: list[tuple[str | None, str | None]]) -> None:
    def bag(pair: tuple[str | None, str | None]) -> Counter[str]:
        found: Counter[str] = Counter()
        for value in pair:
            if value is not None:
                found.update([f"{e!r}" for e in json.loads(value)] if value.startswith('["') else [value])
        return found

    rows = records([{"a": a, "b": b} for a, b in pairs]).with_columns(pl.Series("a", [a for a, _ in pairs], dtype=pl.String), pl.Series("b", [b for _, b in pairs], dtype=pl.String))
    step = Exact(by=("a", "b"), unordered=True)
    made = step.decide(step.relate(step.sketch(rows)))
    bags = [bag(pair) for pair in pairs]
    want = {i: next(j for j, other in enumerate(bags) if other == mine) for i, mine in enumerate(bags) if mine}
    assert dict(made.select("row", "witness").rows()) == {i: j for i, j in want.items() if i != j}


def test_exact_mistakes() -> None:
    with pytest.raises(RecipeError, match=r"by\.0"):
        Exact(by=("parents",))
    with pytest.raises(RecipeError, match="against"):
        Exact(against=())
    assert Exact(by=("film", "user", "text"), against=("mood",)).reads == ("film", "mood")


def slow_point(seed: int, group: str) -> float:
    x = (xxhash.xxh3_64_intdigest(group.encode(), seed) + 0x9E3779B97F4A7C15) % 2**64
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    x = (x ^ x >> 27) * 0x94D049BB133111EB % 2**64
    return (x ^ x >> 31) / 2**64


def slow_split(rows: list[tuple[str, str]], test: float, validation: float, seed: int) -> list[str | None]:
    """The side of each (group, text); None for a leak. Only for data where training keeps something."""
    sides = []
    for group, _ in rows:
        point = slow_point(seed, group)
        sides.append("test" if point < test else "validation" if point < test + validation else "train")
    if "train" not in sides:
        last = max((slow_point(seed, g), g) for g, _ in rows)[1]
        sides = ["train" if g == last else side for (g, _), side in zip(rows, sides)]
    held: dict[str, set[str]] = {side: {slow_key(t) for (_, t), s in zip(rows, sides) if s == side} for side in ("test", "validation")}
    out: list[str | None] = []
    for (_, text), side in zip(rows, sides):
        key = slow_key(text)
        late = (side != "test" and key in held["test"]) or (side == "train" and key in held["validation"])
        out.append(None if late else side)
    return out


grouped = st.lists(st.tuples(st.sampled_from("ABCDEFGHIJ"), st.sampled_from(["굿", "굿!", "good", ".", "!", "하나", "둘", "셋", "넷", "다섯"])), min_size=1, max_size=24)


@given(grouped, st.sampled_from([(0.1, 0.1), (0.3, 0.2), (0.5, 0.0), (0.0, 0.4)]), st.integers(0, 50), st.randoms(use_true_random=False))
def test_split_is_the_slow_split(told: list[tuple[str, str]], shares: tuple[float, float], seed: int, draw: random.Random) -> None:
    rows = frame([t for _, t in told], film=[g for g, _ in told])
    step = Split(by=("film",), test=shares[0], validation=shares[1], seed=seed)
    sketch = step.sketch(rows)
    made = step.decide(step.relate(sketch[draw.sample(range(len(told)), len(told))])).sort("row")
    want = slow_split(told, *shares, seed)
    if "train" in want:
        assert made["split"].to_list() == want
    safe(made, told)


def safe(made: pl.DataFrame, told: list[tuple[str, str]]) -> None:
    """Groups stand on one side, prompts too, training keeps something, and whoever leaves repeats its witness."""
    stay = made.filter(pl.col("state").is_null())
    assert (stay["split"] == "train").any()
    for value in (lambda r: told[r][0], lambda r: slow_key(told[r][1])):
        sides = defaultdict(set)
        for row, side in stay.select("row", "split").rows():
            sides[value(row)].add(side)
        assert all(len(s) == 1 for s in sides.values())
    for row, split, state, reason, witness in made.filter(pl.col("state").is_not_null()).select("row", "split", "state", "reason", "witness").rows():
        assert (split, state, reason) == (None, "dropped", "leak")
        assert witness in stay["row"] and slow_key(told[witness][1]) == slow_key(told[row][1])


@given(
    grouped,
    st.sampled_from([(2, 3), (5, 0.2), (0.3, 4), (0.25, 0.25)]),
    st.sampled_from([(), ("mood",)]),
    st.sampled_from(["drop", "unite"]),
    st.integers(0, 9),
)
def test_counts_and_strata_are_safe_stable_and_blind_to_order(told: list, asked: tuple, stratify: tuple, leak: str, seed: int) -> None:
    rows = frame([t for _, t in told], film=[g for g, _ in told], mood=["ab"[len(t) % 2] for _, t in told])
    step = Split(by=("film",), test=asked[0], validation=asked[1], stratify=stratify, leak=leak, seed=seed)  # type: ignore[arg-type]
    made = step.decide(step.relate(step.sketch(rows))).sort("row")
    assert step.decide(step.relate(step.sketch(rows.reverse()))).sort("row").equals(made)
    safe(made, told)
    if leak == "unite":
        assert made["state"].null_count() == len(told)
    stay = made.filter(pl.col("state").is_null())
    again = step.decide(step.relate(step.sketch(rows.filter(pl.col("row").is_in(stay["row"].to_list())))))
    assert again.sort("row").select("row", "split").equals(stay.select("row", "split"))


def test_more_groups_move_nobody() -> None:
    few = frame([f"글 {i}" for i in range(300)], film=[f"f{i // 3}" for i in range(300)])
    more = frame([f"글 {i}" for i in range(900)], film=[f"f{i // 3}" for i in range(900)])
    step = Split(by=("film",), test=0.2, validation=0.1)
    one, two = (step.decide(step.relate(step.sketch(rows))).sort("row")["split"] for rows in (few, more))
    assert one.to_list() == two.head(300).to_list()
    assert set(one) == {"train", "validation", "test"}


def test_the_seed_moves_groups_and_shares_are_met() -> None:
    rows = frame([f"글 {i}" for i in range(4000)])
    splits = []
    for seed in (0, 1):
        step = Split(test=0.1, validation=0.05, seed=seed)
        splits.append(step.decide(step.relate(step.sketch(rows))).sort("row")["split"])
        told = step.report(step.relate(step.sketch(rows)))
        # Five standard deviations of 4,000 draws.
        assert abs(told["test"]["share"] - 0.1) < 0.024 and abs(told["validation"]["share"] - 0.05) < 0.018
        assert told["leaks"] == 0 and told["warnings"] == []
    both = ((splits[0] == "test") & (splits[1] == "test")).mean()
    assert both == pytest.approx(0.01, abs=0.008)


def test_counts_are_met_and_strata_too() -> None:
    rows = frame([f"글 {i}" for i in range(1000)], mood=["rare" if i % 20 == 0 else "plenty" for i in range(1000)])
    step = Split(test=100, validation=50)
    counts = Counter(step.decide(step.relate(step.sketch(rows)))["split"])
    assert counts == {"test": 100, "validation": 50, "train": 850}
    step = Split(test=0.2, validation=0.1, stratify=("mood",))
    made = step.decide(step.relate(step.sketch(rows))).sort("row")
    assert Counter(zip(rows["mood"], made["split"])) == {
        ("rare", "test"): 10, ("rare", "validation"): 5, ("rare", "train"): 35,
        ("plenty", "test"): 190, ("plenty", "validation"): 95, ("plenty", "train"): 665,
    }  # fmt: skip


def test_rows_without_a_group_are_their_own_groups_by_id() -> None:
    rows = frame([f"글 {i}" for i in range(200)], film=[None] * 200)
    made = Split(by=("film",), test=0.3).decide(Split(by=("film",), test=0.3).relate(Split(by=("film",), test=0.3).sketch(rows))).sort("row")
    alone = Split(test=0.3).decide(Split(test=0.3).relate(Split(test=0.3).sketch(rows))).sort("row")
    assert made["split"].equals(alone["split"]) and made["split"].n_unique() == 3


def test_groups_that_share_prompts_are_united_as_a_search_finds_them() -> None:
    draw = random.Random(5)
    told = [(f"g{draw.randrange(60)}", f"글 {draw.randrange(140)}") for _ in range(150)]
    rows = frame([t for _, t in told], film=[g for g, _ in told])
    step = Split(by=("film",), test=0.3, validation=0.3, leak="unite")
    made = step.decide(step.relate(step.sketch(rows))).sort("row")
    component: dict[str, int] = {}
    for start in sorted({g for g, _ in told}):
        queue = [start]
        while queue:
            group = queue.pop()
            if group not in component:
                component[group] = component.get(start, len(component)) if group != start else len(component)
                prompts = {t for g, t in told if g == group}
                queue += [g for g, t in told if t in prompts]
    sides = defaultdict(set)
    for (group, _), side in zip(told, made["split"]):
        sides[component[group]].add(side)
    assert len(sides) > 5 and all(len(s) == 1 for s in sides.values())
    assert {side for s in sides.values() for side in s} == {"train", "validation", "test"}


def test_split_mistakes() -> None:
    for wrong, path in (
        ({"test": 0.6, "validation": 0.4}, "test"), ({"test": 1.5}, "test"), ({"validation": 2.5}, "validation"),
        ({"check": "part", "leak": "unite"}, "leak"), ({"check": "part", "stratify": ("x",)}, "stratify"), ({"by": ("parents",)}, "by"),
    ):  # fmt: skip
        with pytest.raises(RecipeError, match=path):
            Split(**wrong)  # type: ignore[arg-type]
    with pytest.raises(RecipeError, match="known: test"):
        Split(check="part").sketch(frame(["a"], part=["practice"]))
    leaking = frame(["굿", "굿!"], part=["train", "test"])
    with pytest.raises(RecipeError, match="1 rows repeat"):
        Split(check="part", leak="error").relate(Split(check="part", leak="error").sketch(leaking))
    assert Split(by=("film",), stratify=("label",), check="").reads == ("film",)


def judge(monkeypatch: pytest.MonkeyPatch, values: list[str], rows: pl.DataFrame, **parameters: Any) -> pl.DataFrame:
    """The verdicts against an index of `values`, whose places are their numbers."""
    step = Contamination(against=("x",), **parameters)
    index = _benchmark.build(values, [str(i) for i in range(len(values))], step.n)
    monkeypatch.setattr(contamination, "_indexes", lambda step: [index])
    return step.why(rows)


def slow_share(item: str, text: str, n: int, others: list[str]) -> float:
    """The covered share of an item, by its definition."""
    item, text = slow_letters(item), slow_letters(text)

    def holders(gram: str) -> int:
        return sum(gram in slow_letters(other) for other in {slow_letters(o): o for o in others}.values())

    windows = [i for i in range(len(item) - n + 1) if holders(item[i : i + n]) < _benchmark.COMMON]
    reach = {p for i in windows for p in range(i, i + n)}
    covered = {p for i in windows if item[i : i + n] in text for p in range(i, i + n)}
    return len(covered) / len(reach) if reach else float(item == text)


WORDS = ["오늘", "영화", "정말", "재미있게", "봤어요", "배우", "연기가", "좋았고", "음악도", "좋은", "movie", "was", "really", "good", "today", "ㅋㅋㅋ", "12"]
sentences = st.lists(st.sampled_from(WORDS), min_size=1, max_size=9).map(" ".join)


@given(st.lists(sentences, min_size=1, max_size=14), st.lists(sentences, min_size=1, max_size=6), st.sampled_from([5, 8, 13]))
def test_contamination_is_the_covered_share(items: list[str], texts: list[str], n: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        told = judge(patch, items, frame(texts), n=n, threshold=0.3)
    for text, reason, value, witness in zip(texts, told["reason"], told["value"], told["witness"]):
        best, at = 0.0, -1
        for i, item in enumerate(items):
            key = slow_letters(item)
            weight = sum(0 if c in "0123456789" else 2 if c >= "\u1100" else 1 for c in key)
            first = [slow_letters(x) for x in items].index(key) == i
            if first and weight >= (n if len(key) >= n else _benchmark.WEIGHT) and slow_share(item, text, n, items) > best:
                best, at = slow_share(item, text, n, items), i
        assert (reason, value, witness) == (("contaminated", pytest.approx(best), str(at)) if best >= 0.3 else (None, None, None))


def test_hashes_of_runs_are_equal_where_the_runs_are() -> None:
    draw = np.random.default_rng(0)
    codes = draw.integers(1, 3, 4000).astype(np.uint32)
    for n in (5, 6, 7, 8, 13, 16, 31):
        made = _benchmark.grams(codes, n)
        runs = [codes[i : i + n].tobytes() for i in range(len(codes) - n + 1)]
        assert len(made) == len(runs)
        assert len(set(made.tolist())) == len(set(runs)) == len(set(zip(made.tolist(), runs)))


def test_blocks_make_no_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = frame([f"앞말 {i} 세종대왕이 훈민정음을 반포한 해는 서기 몇 년 뒷말" for i in range(40)])
    whole = judge(monkeypatch, ["세종대왕이 훈민정음을 반포한 해는 서기 몇 년인가요"], rows)
    monkeypatch.setattr(contamination, "BLOCK", 7)
    cut = judge(monkeypatch, ["세종대왕이 훈민정음을 반포한 해는 서기 몇 년인가요"], rows)
    assert cut.equals(whole) and whole["reason"].null_count() == 0


def test_a_template_in_common_convicts_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(1)
    lines = ["".join(draw.choices("가나다라마바사아자차카타파하", k=20)) for _ in range(40)]
    template = "다음 리뷰를 읽고 감정이 긍정인지 부정인지 한 단어로만 대답하세요: "
    told = judge(monkeypatch, [template + line for line in lines[:20]], frame([template + line for line in lines]))
    assert [reason is not None for reason in told["reason"]] == [True] * 20 + [False] * 20


def test_what_of_a_benchmark_convicts(tmp_path: Path) -> None:
    file = tmp_path / "bench.jsonl"
    told = [
        {"premise": f"{i}번 손님은 저녁에 따뜻한 국수를 먹었다고 합니다", "label": "not an entailment", "guid": f"klue-nli-v1-dev-{i:05d}", "when": f"2015-08-25 10:00:{i:02d}"}
        for i in range(10, 40)
    ]
    lines = [json.dumps(row, ensure_ascii=False) for row in told] + ['{"premise": "읽을 수 없는 줄에도 문제가 하나 들어 있습니다"']
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    texts = [
        "12번 손님은 저녁에 따뜻한 국수를 먹었다고 합니다", "it is not an entailment", "klue-nli-v1-dev-00012", "2015-08-25 10:00:12",
        "읽을 수 없는 줄에도 문제가 하나 들어 있습니다",
    ]  # fmt: skip
    step = Contamination(against=(str(file),))
    made = step.why(frame(texts))
    assert made["reason"].to_list() == ["contaminated", None, None, None, "contaminated"]
    assert made["witness"].to_list()[0] == f"{file}:3" and made["witness"].to_list()[4] == f"{file}:31"
    file.write_text("\n".join(lines[5:]) + "\n", encoding="utf-8")
    assert step.why(frame(texts))["witness"].to_list()[4] == f"{file}:26", "a changed file has to be read again"
    with pytest.raises(RecipeError, match="no file matches"):
        Contamination(against=(str(tmp_path / "none.jsonl"),)).why(frame(texts))
    with pytest.raises(RecipeError, match="against"):
        Contamination(against=())


@pytest.fixture(scope="module")
def reviews() -> pl.DataFrame:
    found = []
    for file in sorted((DATA / "nsmc_raw").glob("*.jsonl.gz")):
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            found += [json.loads(line)["review"] for line in lines]
    return frame_of(found)


def frame_of(texts: list[str]) -> pl.DataFrame:
    """`frame`, for many rows."""
    rows = pl.DataFrame({"row": pl.int_range(len(texts), dtype=pl.UInt64, eager=True), "text": texts})
    return pl.concat([rows.with_columns(pl.col("row").cast(pl.String).alias("id")), records([])], how="diagonal").select(records([]).columns)


@needs_data
def test_it_finds_the_premises_that_were_cut_from_the_reviews(reviews: pl.DataFrame) -> None:
    file = DATA / "klue_nli/klue-nli-v1.1_dev.json.gz"
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        items = json.load(lines)
    keys = {slow_letters(i["premise"]) for i in items if i["source"] == "NSMC"}
    assert len(keys) == 200
    # A hypothesis is a premise said otherwise, none stands in a review. One is its premise with words left out: both parts stand there.
    for fields, threshold, want in (((), 0.5, 123), (("premise",), 1.0, 123), (("hypothesis",), 1.0, 1)):
        step = Contamination(against=(str(file),), fields=fields, threshold=threshold)
        told = step.why(reviews)
        hit = [slow_letters(t) for t in reviews.filter(told.get_column("reason") == "contaminated")["text"]]
        assert len({key for key in keys for text in hit if key in text}) == want
        assert all(any(key in text for key in keys) for text in hit)


@needs_data
def test_it_finds_every_question_of_the_socratic_twin() -> None:
    questions = [json.loads(line) for line in (DATA / "gsm8k/test_socratic.jsonl").read_text(encoding="utf-8").splitlines()]
    rows = records([{"messages": [{"role": "user", "content": q["question"]}, {"role": "assistant", "content": q["answer"]}]} for q in questions])
    step = Contamination(against=(str(DATA / "gsm8k/test.jsonl"),), on=("user",))
    told = step.why(rows)
    assert told["value"].to_list() == [1.0] * 660
    assert told["witness"].to_list() == [f"{DATA / 'gsm8k/test.jsonl'}:{i + 1}" for i in range(660)]


@needs_data
def test_exact_on_real_reviews_is_the_slow_exact(reviews: pl.DataFrame) -> None:
    step = Exact()
    some = reviews[:80_000]
    made = step.decide(step.relate(pl.concat([step.sketch(some[i : i + 32_768]) for i in range(0, some.height, 32_768)])))
    first: dict[str, int] = {}
    want = {}
    for row, text in enumerate(some["text"]):
        key = slow_key(text, "auto" if "```" in text or "\n" in text else "ko")
        if (stays := first.setdefault(key, row)) != row:
            want[row] = stays
    assert len(want) > 1000
    assert dict(made.select("row", "witness").rows()) == want
