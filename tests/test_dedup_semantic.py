"""dedup.semantic next to a slow twin, on planted copies, and through the engine."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dadeum import embed
from dadeum.errors import MissingExtra, RecipeError
from dadeum.record import records
from dadeum.steps.dedup import _neighbours
from dadeum.steps.dedup.semantic import Semantic

KO = ["배송", "환불", "결제", "회원", "비밀번호", "주문", "영수증", "쿠폰", "교환", "예약", "취소", "문의", "가입", "탈퇴", "포인트", "상담"]
EN = ["delivery", "refund", "payment", "account", "password", "order", "receipt", "coupon", "exchange", "booking", "cancel", "support", "member", "points"]
vectors = st.integers(0, 2**32 - 1).flatmap(lambda seed: st.tuples(st.just(seed), st.integers(0, 60), st.integers(1, 4)))


def drawn(seed: int, n: int, d: int) -> np.ndarray:
    made = np.random.default_rng(seed).integers(-2, 3, (n, d)).astype(np.float32)
    made[~made.any(axis=1), 0] = 1
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def slow_leave(rows: np.ndarray, threshold: float) -> list[int]:
    """Which rows leave, one after the other."""
    staying: list[int] = []
    left = []
    for i, row in enumerate(rows):
        near = [round(float(np.dot(row.astype(float), rows[j].astype(float)) / np.linalg.norm(row.astype(float)) / np.linalg.norm(rows[j].astype(float))), 6) for j in staying]
        if near and max(near) >= threshold:
            left.append(i)
        else:
            staying.append(i)
    return left


@given(vectors, st.sampled_from([0.3, 0.5, 0.8, 1.0]), st.sampled_from([1, 3, 7, 64]))
def test_who_leaves_is_who_leaves_one_by_one(told: tuple[int, int, int], threshold: float, block: int) -> None:
    rows = drawn(*told)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_neighbours, "BLOCK", block)
        found = _neighbours.leave(rows, threshold, "exact")
    assert np.flatnonzero(found.witness >= 0).tolist() == slow_leave(rows, threshold)
    holds(rows, found, threshold)


def holds(rows: np.ndarray, found: _neighbours.Found, threshold: float) -> None:
    """Every witness stays, stands before its row and is near."""
    left = np.flatnonzero(found.witness >= 0)
    witness = found.witness[left]
    assert (witness < left).all() and (found.witness[witness] < 0).all()
    assert np.allclose((rows[left] * rows[witness]).sum(axis=1), found.cosine[left], atol=1e-5)
    assert (found.cosine[left] >= threshold).all()


def crowd(n: int, d: int, seed: int = 1) -> np.ndarray:
    """A third of the rows near another one."""
    draw = np.random.default_rng(seed)
    made = draw.standard_normal((n, d))
    third = n // 3
    made[third : 2 * third] = made[:third] + draw.standard_normal((third, d)) * draw.uniform(0.1, 0.9, (third, 1))
    made = made[draw.permutation(n)].astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def test_approximate_neighbours_and_the_recall_they_tell() -> None:
    pytest.importorskip("faiss")
    rows = crowd(6_000, 32)
    exact, found = _neighbours.leave(rows, 0.8, "exact"), _neighbours.leave(rows, 0.8, "approximate")
    holds(rows, found, 0.8)
    assert found.told["method"] == "approximate" and found.told["have_a_neighbour"] > 200
    share = (found.witness >= 0).sum() / (exact.witness >= 0).sum()
    assert found.told["recall"] == pytest.approx(share, abs=0.02)
    assert share > 0.95
    again = _neighbours.leave(rows, 0.8, "approximate")
    assert np.array_equal(again.witness, found.witness)


def test_a_poor_recall_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("faiss")
    monkeypatch.setattr(_neighbours, "PROBES", 1)
    rows = crowd(6_000, 32)
    exact, found = _neighbours.leave(rows, 0.75, "exact"), _neighbours.leave(rows, 0.75, "approximate")
    share = (found.witness >= 0).sum() / (exact.witness >= 0).sum()
    assert share < 0.95, "one cell of 309 has to overlook some"
    assert found.told["recall"] == pytest.approx(share, abs=0.05)


def test_without_faiss_many_rows_tell_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_neighbours, "EXACT", 10)
    monkeypatch.setattr(_neighbours.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r'pip install "dadeum\[embed\]", or `method: exact`'):
        _neighbours.leave(crowd(30, 4), 0.9)
    assert _neighbours.leave(crowd(30, 4), 0.9, "exact").told == {"method": "exact"}


def questions(n: int, seed: int = 4) -> list[str]:
    """Questions of which no two are alike."""
    draw = random.Random(seed)
    made = set()
    while len(made) < n:
        ko, en = draw.sample(KO, 3), draw.sample(EN, 3)
        number = draw.randrange(1000, 9999)
        made.add(f"{ko[0]} {number}번 {ko[1]} 후에 {ko[2]} 방법을 알려 주세요" if draw.random() < 0.5 else f"After {en[0]} {number} how does {en[1]} change my {en[2]}?")
    return sorted(made)


def decided(texts: list[str], **params: Any) -> pl.DataFrame:
    step = Semantic(**params)
    return step.decide(step.relate(step.sketch(records([{"text": text} for text in texts]))))


def test_planted_copies_leave_and_others_stay() -> None:
    texts = questions(300)
    assert decided(texts, threshold=0.95).height == 0
    changed = [t.replace("방법을 알려 주세요", "방법 알려주세요!").replace("how does", "how do") for t in texts[:100]]
    found = decided([*texts, *changed], threshold=0.88)
    witness = dict(found.select("row", "witness").rows())
    assert sum(witness.get(300 + i) == i for i in range(100)) >= 98
    assert sum(row < 300 for row in witness) <= 3


def test_chains_pull_nothing_out() -> None:
    words = ["하나", "두울", "세엣", "네엣", "다섯", "여섯", "일곱", "여덟", "아홉", "열한", "열둘", "열셋", "스물", "서른", "마흔", "쉬흔"]
    texts = [" ".join(words[i : i + 8]) for i in range(9)]  # each like the next, the first unlike the last
    vectors = embed.load("hashed").vectors(pl.Series(texts))
    cosines = vectors @ vectors.T
    threshold = float(np.diag(cosines, 1).min()) - 0.01
    assert cosines[0, -1] < 0.3 < threshold
    found = decided(texts, threshold=threshold)
    for row, witness in found.select("row", "witness").rows():
        assert cosines[row, witness] >= threshold - 1e-3
    staying = [i for i in range(9) if i not in found["row"].to_list()]
    assert len(staying) > 2 and max(cosines[a, b] for a in staying for b in staying if a < b) < threshold + 1e-3


def test_the_threshold_and_who_stays_are_late() -> None:
    keys = {Semantic(threshold=t, keep=k, method=m).early_key for t in (0.5, 0.9) for k in ("first", "longest") for m in ("exact", "auto")}  # type: ignore[arg-type]
    assert len(keys) == 1
    others = [Semantic(dimensions=64), Semantic(by=("user",)), Semantic(against=("source",)), Semantic(model="http://h/v1#m")]
    assert len({step.early_key for step in others} | keys) == 5
    assert Semantic(threshold=0.5).key != Semantic(threshold=0.6).key
    texts = [*questions(50), *questions(50)]
    step = Semantic(threshold=0.99)
    related = step.relate(step.sketch(records([{"text": t} for t in texts])))
    assert step.decide(related).height == 50
    last = Semantic(threshold=0.99, keep="last").decide(related)
    assert set(last["row"]) == set(range(50)) and (last["witness"] >= 50).all()


def test_the_report_tells_clusters_and_the_embedding() -> None:
    texts = ["환불 신청 방법", "환불 신청 방법!", "환불  신청 방법", "How to pay", "how to pay?", "전혀 다른 이야기"]
    step = Semantic(threshold=0.95)
    related = step.relate(step.sketch(records([{"text": t} for t in texts])))
    step.decide(related)
    told = step.report(related)
    assert told["clusters"] == 2 and told["clusters_by_size"] == {"2": 1, "3": 1} and told["merged_rows"] == 3
    assert told["largest"][0] == {"row": 0, "rows": 3, "nearest": 1.0, "farthest": 1.0}
    assert told["embedding"] == "hashed (512 dimensions)" and told["spearman"] == {"KorSTS": 0.672} and told["method"] == "exact"
    assert Semantic(threshold=0.95).report(related) == told
    assert "not measured" in Semantic(dimensions=100).report(related)["spearman"]


def test_shards_in_which_nobody_says_anything() -> None:
    step = Semantic(threshold=0.9)
    parts = [records([{"text": None}, {"text": "!!"}]), records([{"text": "같은 말"}]), records([{"text": "같은 말."}])]
    parts = [part.with_columns(pl.col("row") + 10 * i) for i, part in enumerate(parts)]
    related = step.relate(pl.concat([step.sketch(part) for part in parts], how="vertical_relaxed"))
    assert step.decide(related).select("row", "witness").rows() == [(20, 10)]
    alone = step.relate(step.sketch(parts[0]))
    assert step.decide(alone).height == 0 and step.report(alone)["clusters"] == 0


def test_many_mutual_copies_and_labels() -> None:
    rows = records([{"text": f"정말 좋은 영화{'!' * (i % 9)}", "label": str(i % 3)} for i in range(3_000)])
    step = Semantic(threshold=0.9)
    found = step.decide(step.relate(step.sketch(rows)))
    assert found.height == 2_997 and set(found["witness"]) == {0, 1, 2}


def test_a_pair_of_columns_that_can_not_be_embedded() -> None:
    with pytest.raises(RecipeError, match=r"by\.1: 'chosen' can't be compared here"):
        Semantic(by=("text", "chosen"))


@pytest.mark.parametrize("method", ["exact", "approximate"])
def test_no_rows_and_one_row(method: _neighbours.Method) -> None:
    pytest.importorskip("faiss")
    assert not len(_neighbours.leave(drawn(1, 0, 3), 0.5, method).witness)
    assert _neighbours.leave(drawn(1, 1, 3), 0.5, method).witness.tolist() == [-1]


def test_of_equals_the_first_is_the_witness() -> None:
    rows = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]], dtype=np.float32)
    rows = rows[[0, 1, 2, 3, 3]] / np.linalg.norm(rows[[0, 1, 2, 3, 3]], axis=1, keepdims=True)
    assert _neighbours.leave(rows, 0.5, "exact").witness.tolist() == [-1, -1, -1, 0, 0]
