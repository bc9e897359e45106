"""mix.split by time, context, stratum and likeness, next to slow obvious twins; ready-made splits of real data."""

from __future__ import annotations

import gzip
import itertools
import json
import random
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dadeum.errors import RecipeError
from dadeum.record import records
from dadeum.steps import _key
from dadeum.steps.dedup import _near
from dadeum.steps.mix._dates import instants
from dadeum.steps.mix.split import Split

DATA = Path(__file__).parents[2] / "shared/data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA} is not there")
RANK = {"test": 0, "validation": 1, "train": 2}


def run(step: Split, rows: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, Any]]:
    """(the decision in the order of `row`, the report)."""
    related = step.relate(step.sketch(rows))
    return step.decide(related).sort("row"), step.report(related)


def frame(texts: list[str], **columns: list[Any]) -> pl.DataFrame:
    return records([{"text": t, **{k: v[i] for k, v in columns.items()}} for i, t in enumerate(texts)])


DATES = [
    ("2026-03-05", datetime(2026, 3, 5)), ("2026-03-05T15:20:01.5+09:00", datetime(2026, 3, 5, 6, 20, 1, 500_000)), ("2026-03-05 15:20:00Z", datetime(2026, 3, 5, 15, 20)),
    ("2026/3/5 15:20", datetime(2026, 3, 5, 15, 20)), ("2026. 3. 5.", datetime(2026, 3, 5)), ("2026.03.05 15:20", datetime(2026, 3, 5, 15, 20)),
    ("20260305", datetime(2026, 3, 5)), ("20260305152000", datetime(2026, 3, 5, 15, 20)), ("2026-03", datetime(2026, 3, 1)), ("2026", datetime(2026, 1, 1)),
    ("2026년 3월 5일", datetime(2026, 3, 5)), ("2026년3월5일 오후 3시 20분", datetime(2026, 3, 5, 15, 20)), ("2026년 3월 5일 (목) 오전 12시", datetime(2026, 3, 5)),
    ("2026년 3월 5일 목요일 15시", datetime(2026, 3, 5, 15)), ("2026년 3월", datetime(2026, 3, 1)), ("2026. 3. 5. 오후 3:20:07", datetime(2026, 3, 5, 15, 20, 7)),
    ("Mar 5, 2026", datetime(2026, 3, 5)), ("March 5th, 2026 3:20 PM", datetime(2026, 3, 5, 15, 20)), ("5 March 2026", datetime(2026, 3, 5)),
    ("Thu, 05 Mar 2026 15:20:00 +0900", datetime(2026, 3, 5, 6, 20)), ("Thu, 05 Mar 2026 15:20:00 -0530", datetime(2026, 3, 5, 20, 50)),
    ("1772700000", datetime(2026, 3, 5, 8, 40)), ("1772700000000", datetime(2026, 3, 5, 8, 40)), ("1772700000000000", datetime(2026, 3, 5, 8, 40)),
    ("1772700000.25", datetime(2026, 3, 5, 8, 40, 0, 250_000)), ("2026-02-30", None), ("05/03/2026", None), ("26.3.5", None), ("어제", None), ("", None), ("2026-13-01", None),
    ("2026-03-05 25:00", None), ("12", None), ("Foo 5, 2026", None), ("영화 2026년 3월 5일", None),
]  # fmt: skip


@pytest.mark.parametrize("said, want", DATES, ids=[said for said, _ in DATES])
def test_dates_as_people_write_them(said: str, want: datetime | None) -> None:
    found = instants(pl.Series([said])).item()
    assert found == (None if want is None else round(want.replace(tzinfo=UTC).timestamp() * 1e6))


def test_dates_that_already_are_some() -> None:
    day = datetime(2026, 3, 5)
    want = [1_772_668_800_000_000, None]
    for dtype in (pl.Date, pl.Datetime("ms"), pl.Datetime("us", "Asia/Seoul"), pl.Datetime("ns")):
        given_ = pl.Series([day, None], dtype=pl.Datetime("us")).dt.replace_time_zone("UTC").dt.convert_time_zone("Asia/Seoul") if "Seoul" in str(dtype) else pl.Series([day, None]).cast(dtype)
        assert instants(given_).to_list() == want
    assert instants(pl.Series([1_772_668_800, None])).to_list() == want


timed = st.lists(st.tuples(st.sampled_from("ABCDEFGH"), st.integers(1, 9) | st.none()), min_size=1, max_size=20).filter(lambda told: any(day for _, day in told))


@given(timed, st.sampled_from([(0.2, 0.2), (3, 2), (0.5, 0.0), (1, 0.3)]), st.booleans(), st.randoms(use_true_random=False))
def test_the_newest_are_the_test(told: list[tuple[str, int | None]], asked: tuple[float, float], grouped: bool, draw: random.Random) -> None:
    rows = frame([f"글 {i}" for i in range(len(told))], who=[g for g, _ in told], day=[None if d is None else f"2026-03-0{d}" for _, d in told])
    step = Split(time="day", by=("who",) if grouped else (), test=asked[0], validation=asked[1])
    made, report = run(step, rows)
    assert run(step, rows[draw.sample(range(len(told)), len(told))])[0].equals(made)
    side = [RANK[s] for s in made["split"]]
    age: dict[Any, int] = defaultdict(int)
    unit = [g if grouped else i for i, (g, _) in enumerate(told)]
    for u, (_, day) in zip(unit, told):
        age[u] = max(age[u], day or 0)
    for i, j in itertools.product(range(len(told)), repeat=2):
        if unit[i] == unit[j] or age[unit[i]] == age[unit[j]]:
            assert side[i] == side[j]
        elif age[unit[i]] > age[unit[j]]:
            assert side[i] <= side[j]
    assert 2 in side and report["undated"] == sum(d is None for _, d in told)
    assert all(s == 2 for s, u in zip(side, unit) if age[u] == 0)
    if asked[0] >= 1 and 1 in side:  # validation begins where the test has enough
        assert sum(d is not None for s, (_, d) in zip(side, told) if s == 0) >= asked[0]


def test_undated_rows_by_rule() -> None:
    rows = frame(["하나", "둘", "셋"], day=["2026-01-01", None, "no date"])
    assert any("2 rows have no date" in w for w in run(Split(time="day"), rows)[1]["warnings"])
    made, report = run(Split(time="day", undated="drop"), rows)
    assert made["reason"].to_list() == [None, "undated", "undated"] and report["undated"] == 2 and report["leaks"] == 0
    with pytest.raises(RecipeError, match="2 rows have no date"):
        run(Split(time="day", undated="error"), rows)


@given(st.lists(st.tuples(*[st.sampled_from([None, "a", "b", "c", "d", "e", "f"])] * 2), min_size=1, max_size=14), st.integers(0, 20))
def test_contexts_never_straddle(told: list[tuple[str | None, str | None]], seed: int) -> None:
    rows = frame([f"글 {i}" for i in range(len(told))], passage=[p for p, _ in told], image=[i for _, i in told])
    rows = rows.with_columns(pl.col("passage", "image").cast(pl.String))
    made, _ = run(Split(contexts=("passage", "image"), test=0.4, validation=0.2, seed=seed), rows)
    assert made["state"].null_count() == len(told)
    for (i, one), (j, other) in itertools.combinations(enumerate(told), 2):
        if any(x is not None and x == y for x, y in zip(one, other)):
            assert made["split"][i] == made["split"][j]


def test_contexts_unite_no_more_than_they_must() -> None:
    rows = frame([f"글 {i}" for i in range(600)], passage=[f"p{i // 3}" for i in range(600)])
    _, report = run(Split(contexts=("passage",), test=0.3, validation=0.2), rows)
    assert report["largest_group"] == 0.005
    assert sum(report[name]["groups"] for name in RANK) == 200 and abs(report["test"]["share"] - 0.3) < 0.17  # five standard deviations


def test_several_strata_with_and_without_groups() -> None:
    n = 2000
    rows = frame([f"글 {i}" for i in range(n)], lang=["ko" if i % 3 else "en" for i in range(n)], label=["긍정" if i % 4 else None for i in range(n)], who=[f"w{i // 12}" for i in range(n)])
    made, report = run(Split(stratify=("lang", "label"), test=0.2, validation=0.1), rows)
    assert set(report["strata"]) == {"ko · 긍정", "en · 긍정", "ko · -", "en · -"}
    for value, shares in report["strata"].items():
        lang, label = value.split(" · ")
        mine = rows.filter((pl.col("lang") == lang) & (pl.col("label").fill_null("-") == label))["row"]
        sides = made.filter(pl.col("row").is_in(mine.implode()))["split"]
        assert (sides == "test").sum() == pytest.approx(0.2 * len(mine), abs=1) and (sides == "validation").sum() == pytest.approx(0.1 * len(mine), abs=1)
        assert shares["test"] == pytest.approx(len(mine) / n, abs=0.01)
    made, report = run(Split(stratify=("lang", "label"), by=("who",), test=0.2, validation=0.1), rows)
    assert made.with_columns(rows["who"]).group_by("who").agg(pl.col("split").n_unique())["split"].max() == 1
    assert report["test"]["share"] == pytest.approx(0.2, abs=0.01) and report["warnings"] == []
    lumps = frame([f"글 {i}" for i in range(40)], label=["a"] * 30 + ["b"] * 10, who=["x"] * 15 + ["y"] * 15 + ["z"] * 10)
    assert any("too large for equal shares" in w for w in run(Split(stratify=("label",), by=("who",), test=0.3, validation=0), lumps)[1]["warnings"])


KO = ("오늘", "어제", "영화", "배우", "연기", "음악", "정말", "조금", "아주", "좋았다", "나빴다", "길었다", "극장", "친구", "가족", "결말", "반전", "화면", "감독", "작품", "이야기", "바다")
EN = ("today", "yesterday", "movie", "actor", "music", "really", "slightly", "good", "bad", "long", "short", "theatre", "friend", "family", "ending", "twist", "screen")


def world(seed: int, n: int = 150) -> list[str]:
    """Korean and English sentences, of every third one to four copies with a word changed, dropped or added, and a crowd."""
    draw = random.Random(seed)
    out = []
    for i in range(n):
        words = draw.choices(KO if i % 2 else EN, k=draw.randrange(8, 16))
        out.append(" ".join(words))
        for _ in range(draw.randrange(1, 5) if i % 3 == 0 else 0):
            copy = list(words)
            at = draw.randrange(len(copy))
            copy[at : at + draw.randrange(2)] = draw.choices(KO + EN, k=draw.randrange(2))
            out.append("  ".join(copy) + draw.choice(["", "!", "."]))
    notice = "고객님의 주문이 접수되었습니다 주문 번호는 다음과 같으며 배송은 내일 시작됩니다 감사합니다"
    out += [f"{notice} {i:04d}" for i in range(60)]
    draw.shuffle(out)
    return out


def similarity(texts: list[str]) -> Callable[[int, int], float]:
    sets = _near.shingled(pl.Series(texts))
    members = [set(sets.values[a:b].tolist()) for a, b in itertools.pairwise(sets.offsets)]
    keys = _key.normal(pl.Series(texts)).to_list()

    def of(i: int, j: int) -> float:
        if keys[i] == keys[j]:
            return 1.0
        return len(members[i] & members[j]) / len(members[i] | members[j]) if members[i] and members[j] else 0.0

    return of


@pytest.mark.parametrize("leak", ["drop", "unite"])
@pytest.mark.parametrize("near", [0.6, 0.8])
def test_no_near_pair_straddles(leak: Any, near: float) -> None:
    texts = world(7)
    rows = frame(texts)
    alike = similarity(texts)
    step = Split(near=near, leak=leak, test=0.25, validation=0.15, seed=3)
    made, report = run(step, rows)
    side = made["split"].to_list()
    pairs = [(i, j) for i, j in itertools.combinations(range(len(texts)), 2) if alike(i, j) >= near]
    assert len(pairs) > 100
    assert all(side[i] is None or side[j] is None or side[i] == side[j] for i, j in pairs)
    assert set(side) >= {"train", "test", "validation"}
    bare, _ = run(Split(leak="allow", test=0.25, validation=0.15, seed=3), rows)
    straddling = {j if RANK[bare["split"][i]] < RANK[bare["split"][j]] else i for i, j in pairs if bare["split"][i] != bare["split"][j]}
    assert len(straddling) > 30
    if leak == "unite":
        assert None not in side
    else:
        assert {i for i, s in enumerate(side) if s is None} == straddling
        assert all(s is None or s == b for s, b in zip(side, bare["split"]))
        for row, value, threshold, witness in made.filter(pl.col("state").is_not_null()).select("row", "value", "threshold", "witness").rows():
            if witness is not None:
                assert alike(row, witness) == pytest.approx(value) and value >= near and side[witness] is not None
                assert threshold == (near if value < 1 else None)
        assert report["leaks"] == len(straddling) == sum(s is None for s in side)
    draw = random.Random(1)
    order = draw.sample(range(len(texts)), len(texts))
    cut = pl.concat([step.sketch(rows[a : a + 37]) for a in range(0, len(texts), 37)])
    assert step.decide(step.relate(cut[order])).sort("row").equals(made)
    again = run(step, rows.filter(made["state"].is_null()))[0]
    assert again.select("row", "split").equals(made.filter(pl.col("state").is_null()).select("row", "split"))


def slow_leaks(told: list[tuple[str, dict[str, Any]]], kinds: dict[str, Callable[[int, int], bool]]) -> dict[str, dict[str, int]]:
    """Of each kind the rows by pair of sides, every row against every other. told: (side, anything) of each row."""
    out: dict[str, dict[str, int]] = {}
    for kind, same in kinds.items():
        hits: dict[str, set[int]] = defaultdict(set)
        for i, j in itertools.permutations(range(len(told)), 2):
            if RANK[told[i][0]] > RANK[told[j][0]] and same(i, j):
                hits[f"{told[i][0]}/{told[j][0]}"].add(i)
        if hits:
            out[kind] = {pair: len(rows) for pair, rows in hits.items()}
    return out


@pytest.mark.parametrize("leak", ["drop", "allow"])
def test_a_ready_made_split_is_told_of_by_kind(leak: Any) -> None:
    texts = world(11, 60)
    draw = random.Random(2)
    parts = [draw.choice(["train", "train", "test", "validation"]) for _ in texts]
    films, passages = ([draw.choice([None, *range(80)]) for _ in texts] for _ in range(2))
    rows = frame(texts, part=parts, film=films, passage=passages)
    alike, keys = similarity(texts), _key.normal(pl.Series(texts)).to_list()
    step = Split(check="part", by=("film",), contexts=("passage",), near=0.8, leak=leak)
    made, report = run(step, rows)
    want = slow_leaks([(p, {}) for p in parts], {
        "prompt": lambda i, j: keys[i] == keys[j],
        "context": lambda i, j: passages[i] is not None and passages[i] == passages[j],
        "group": lambda i, j: films[i] is not None and films[i] == films[j],
    })  # fmt: skip
    near: dict[str, set[int]] = defaultdict(set)
    for i, j in itertools.permutations(range(len(texts)), 2):
        if RANK[parts[i]] > RANK[parts[j]] and alike(i, j) >= 0.8 and not any(keys[i] == keys[k] and parts[k] == parts[j] for k in range(len(texts))):
            near[f"{parts[i]}/{parts[j]}"].add(i)
    want["near"] = {pair: len(found) for pair, found in near.items()}
    assert report["leaks_by"] == want and len(want["near"]) == 3
    assert (made["state"] == "dropped").sum() == (report["leaks"] if leak == "drop" else 0) and report["leaks"] > 20
    assert (made.filter(pl.col("state").is_null())["split"] == "test").sum() == parts.count("test"), "a test row was lost"


def published(rows: list[dict[str, Any]], seed: int = 0) -> pl.DataFrame:
    """The rows dealt out one by one, whatever they share, as these data sets were."""
    draw = random.Random(seed)
    return records([{**row, "part": draw.choices(["train", "dev", "test"], [0.8, 0.1, 0.1])[0]} for row in rows])


def _kosbi() -> list[dict[str, Any]]:
    with gzip.open(DATA / "kosbi/kosbi_valid.json.gz", "rt", encoding="utf-8") as file:
        return [{"text": row["sentence"], "passage": row["context"]} for row in json.load(file)]


def _kornlu() -> list[dict[str, Any]]:
    lines = (DATA / "kornlu/KorNLI/xnli.dev.ko.tsv").read_text(encoding="utf-8").splitlines()[1:]
    return [{"text": line.split("\t")[1], "passage": line.split("\t")[0]} for line in lines]


def _dktc() -> list[dict[str, Any]]:
    with gzip.open(DATA / "dktc_NC/train.csv.gz", "rb") as file:
        told = pl.read_csv(file.read(), infer_schema=False)
    return [{"text": text, "passage": None} for text in told["conversation"]]


@needs_data
@pytest.mark.parametrize("read", [_kosbi, _kornlu, pytest.param(_dktc, marks=pytest.mark.night)], ids=["kosbi", "kornlu", "dktc"])
def test_real_data_dealt_by_row_leaks_as_counted_slowly(read: Callable[[], list[dict[str, Any]]]) -> None:
    rows = published(read()).with_columns(pl.col("passage").cast(pl.String))
    step = Split(check="part", contexts=("passage",), near=0.8)
    made, report = run(step, rows)
    side = ["validation" if p == "dev" else p for p in rows["part"]]
    keys = _key.normal(rows["text"]).to_list()
    held: dict[str, dict[str, set[Any]]] = {"prompt": defaultdict(set), "context": defaultdict(set)}
    for s, key, passage in zip(side, keys, rows["passage"]):
        held["prompt"][s].add(key)
        held["context"][s] |= {passage} - {None}
    want: dict[str, dict[str, int]] = defaultdict(dict)
    for pair in ("validation/test", "train/test", "train/validation"):
        own, other = pair.split("/")
        for kind, values in (("prompt", keys), ("context", rows["passage"].to_list())):
            if n := sum(s == own and v in held[kind][other] for s, v in zip(side, values)):
                want[kind][pair] = n
    assert {k: v for k, v in report["leaks_by"].items() if k != "near"} == want
    assert sum(want["prompt"].values()) + sum(want["context"].values()) > 5, "the data is known to leak"
    # Near-duplicates: every row of the test against every training row whose number of shingles allows it.
    sets = _near.shingled(rows["text"])
    members = [frozenset(sets.values[a:b].tolist()) for a, b in itertools.pairwise(sets.offsets)]
    near = set()
    for i in (i for i, s in enumerate(side) if s == "test" and members[i]):
        one = members[i]
        fits = [j for j, m in enumerate(members) if side[j] == "train" and 0.8 * len(one) <= len(m) <= len(one) / 0.8 + 1e-9]
        near |= {j for j in fits if len(members[j] & one) >= 0.8 * len(members[j] | one) and keys[j] not in held["prompt"]["test"]}
    assert report["leaks_by"].get("near", {}).get("train/test", 0) == len(near)
    assert set(near) <= set(made.filter(pl.col("state") == "dropped")["row"])


@needs_data
def test_the_published_parts_of_kobest_as_sources() -> None:
    said = []
    for part in ("train", "dev"):
        for line in (DATA / f"kobest/COPA/{part}.tsv").read_text(encoding="utf-8").splitlines()[1:]:
            said.append({"text": line.split("\t")[1], "source": f"copa_{part}"})
    rows = records(said)
    _, report = run(Split(check="source", leak="allow"), rows)
    keys = _key.normal(rows["text"]).to_list()
    dev = {k for k, row in zip(keys, said) if row["source"] == "copa_dev"}
    want = sum(k in dev and row["source"] == "copa_train" for k, row in zip(keys, said))
    assert report["leaks"] == want > 0 and report["leaks_by"] == {"prompt": {"train/validation": want}}
