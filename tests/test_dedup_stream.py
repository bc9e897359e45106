"""dedup.stream against the set it stands for: nothing missed, strangers taken for members as often as told, saved and opened again."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dadeum.errors import DadeumError, RecipeError
from dadeum.record import records
from dadeum.run import apply
from dadeum.steps import _key, _saved
from dadeum.steps.dedup import _bloom, stream
from dadeum.steps.dedup._bloom import Bloom, Layer
from dadeum.steps.dedup.stream import Stream

DATA = Path(__file__).parent.parent.parent / "shared/data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is absent")


def keys(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    return draw.integers(0, 2**64, n, dtype=np.uint64), draw.integers(0, 2**64, n, dtype=np.uint64)


def texts(values: list[str | None]) -> pl.DataFrame:
    return records([{"text": value} for value in values])


def release(path: Path, values: list[str]) -> str:
    path.write_text("".join(json.dumps({"text": value}, ensure_ascii=False) + "\n" for value in values), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("error", [0.1, 0.01, 0.001])
@pytest.mark.parametrize("waiting", [1 << 20, 1000])
def test_nothing_is_missed_and_strangers_pass_as_often_as_told(error: float, waiting: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_bloom, "WAITING", waiting)
    monkeypatch.setattr(_bloom, "BLOCK", 700)
    members, strangers = keys(20_000, 1), keys(400_000, 2)
    made = Bloom(error)
    for start in range(0, 20_000, 3000):
        made.add(*(part[start : start + 3000] for part in members))
    made.settle()
    assert made.has(*members).all()
    rate = made.has(*strangers).mean()
    noise = 4 * np.sqrt(error / 400_000)
    assert rate <= error * 1.05 + noise
    assert abs(rate - made.error) <= noise, "the error that is told is the one that is measured"
    assert (len(made.layers) == 1) == (waiting > 20_000)
    # Keys that the filter takes for others are not counted: at most the error's share of them.
    assert 20_000 * (1 - 2 * error) <= made.keys <= 20_000


def test_a_set_takes_the_bits_that_the_formula_says() -> None:
    made = Bloom(1e-6)
    made.add(*keys(10_000, 3))
    assert made.settle().layers[0].size / 10_000 == pytest.approx(28.76, abs=0.01)
    assert made.layers[0].probes == 20


@given(st.lists(st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1)), max_size=40), st.lists(st.integers(0, 40), max_size=4), st.booleans())
def test_a_layer_holds_what_a_set_holds(told: list[tuple[int, int]], cuts: list[int], grown: bool) -> None:
    hi, lo = (np.array([pair[i] for pair in told], dtype=np.uint64) for i in (0, 1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_bloom, "WAITING", 4 if grown else 1 << 20)
        made = Bloom(1e-9)
        for a, b in zip([0, *sorted(cuts)], [*sorted(cuts), len(told)]):
            made.add(hi[a:b], lo[a:b])
        made.settle()
    assert made.has(hi, lo).all() and made.keys == len(set(told))
    other = (hi ^ np.uint64(0x5555), lo + np.uint64(77))
    assert made.has(*other).tolist() == [pair in set(told) for pair in zip(*(part.tolist() for part in other))]


def test_an_empty_layer_holds_nothing() -> None:
    assert not Layer.of(0, 0.01).has(*keys(100, 4)).any()
    assert not Bloom(0.01).settle().has(*keys(100, 4)).any()


def test_it_is_the_set_of_keys(tmp_path: Path) -> None:
    old = [f"리뷰 {i}번: 정말 좋아요!" for i in range(500)] + [f"Review {i}, quite good." for i in range(500)]
    file = release(tmp_path / "old.jsonl", old)
    new = [f"리뷰 {i}번 정말좋아요" for i in range(0, 1000, 7)] + [f"REVIEW {i} quite good" for i in range(0, 1000, 7)] + ["", "...", None]
    known = set(_key.normal(pl.Series(old)).to_list())
    told = Stream(against=(file,)).why(texts(new))
    assert [reason == "seen_before" for reason in told["reason"]] == [key in known for key in _key.normal(pl.Series(new, dtype=pl.String)).to_list()]
    hit = told.filter(pl.col("reason").is_not_null())
    assert set(hit["witness"]) == {f"one of 1,000 records of {file}"}, "a Bloom filter knows no record, and names none"
    assert 0 < hit["value"][0] <= 1.5e-6 and set(hit["threshold"]) == {1e-6}


def test_it_reads_what_sources_read(tmp_path: Path) -> None:
    pl.DataFrame({"text": ["첫째 글입니다"], "film": ["7"]}).write_csv(tmp_path / "a.csv")
    pl.DataFrame({"text": ["the second text"], "film": ["8"]}).write_parquet(tmp_path / "b.parquet")
    with gzip.open(tmp_path / "c.jsonl.gz", "wt", encoding="utf-8") as file:
        file.write('{"messages": [{"role": "user", "content": "셋째"}, {"role": "assistant", "content": "third"}]}\n')
    rows = records([{"text": "첫째글입니다"}, {"text": "The second text!"}, {"messages": [{"role": "user", "content": "셋째!"}, {"role": "assistant", "content": "Third"}]}, {"text": "넷째"}])
    told = Stream(against=(str(tmp_path),)).why(rows)
    assert told["reason"].to_list() == ["seen_before"] * 3 + [None]
    assert told["witness"][0] == f"one of 3 records of {tmp_path / 'a.csv'} and 2 more files"
    by_film = Stream(against=(str(tmp_path / "a.csv"), str(tmp_path / "b.parquet")), by=("text", "film"))
    assert by_film.why(rows.with_columns(film=pl.Series(["7", "7", None, None])))["reason"].to_list() == ["seen_before", None, None, None]


def test_a_saved_set_answers_as_its_files_do(tmp_path: Path) -> None:
    file = release(tmp_path / "old.jsonl", [f"문장 {i}" for i in range(300)])
    index = tmp_path / "sub/old.index"
    error = stream.save(index, (file,), error=0.001)
    rows = texts([f"문장{i}!" for i in range(0, 600, 3)])
    raw, saved = Stream(against=(file,), error=0.001), Stream(against=(str(index),), error=0.001)
    assert saved.why(rows).equals(raw.why(rows)) and 0 < error < 0.0015
    assert [p.name for p in index.parent.iterdir()] == ["old.index"], "no draft stays behind"
    Path(file).unlink()
    assert saved.why(rows)["reason"].count() == 100
    other = release(tmp_path / "new.jsonl", ["문장 900"])
    both = Stream(against=(str(index), other), error=0.001).why(texts(["문장 5", "문장 900", "문장 901"]))
    assert both["reason"].to_list() == ["seen_before", "seen_before", None]
    with pytest.raises(RecipeError, match="made with by"):
        Stream(against=(str(index),), by=("text",), error=0.001).why(rows)
    with pytest.raises(RecipeError, match=r"error of 0\.001"):
        Stream(against=(str(index),)).why(rows)
    with pytest.raises(RecipeError, match="an index already"):
        stream.save(tmp_path / "x", (str(index),))


def test_the_index_is_made_once_and_again_when_the_release_changes(tmp_path: Path) -> None:
    file = release(tmp_path / "old.jsonl", ["하나", "둘"])
    step = Stream(against=(file,), index=str(tmp_path / "kept.index"))
    before = step.key
    assert step.why(texts(["하나", "셋"]))["reason"].to_list() == ["seen_before", None]
    assert step.key == before, "what the step itself keeps is no input of it"
    written = (tmp_path / "kept.index").stat().st_mtime_ns
    stream._of.cache_clear()
    assert step.why(texts(["하나", "셋"]))["reason"].to_list() == ["seen_before", None]
    assert (tmp_path / "kept.index").stat().st_mtime_ns == written
    release(tmp_path / "old.jsonl", ["하나", "둘", "셋 "])
    assert step.why(texts(["하나", "셋"]))["reason"].to_list() == ["seen_before", "seen_before"]
    assert step.key != before and (tmp_path / "kept.index").stat().st_mtime_ns != written
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(RecipeError, match="is no index"):
        Stream(against=(file,), index=str(tmp_path / "mine.txt")).why(texts(["하나"]))
    assert (tmp_path / "mine.txt").read_text() == "precious"


def test_a_damaged_index_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.index"
    arrays = {"a": np.arange(1000, dtype=np.uint64), "none": np.zeros((0, 2), dtype=np.float32)}
    _saved.write(path, "kind", {"n": 1}, arrays)
    whole = path.read_bytes()
    made, back = _saved.read(path, "kind")
    assert made == {"n": 1} and all(np.array_equal(back[k], arrays[k]) and back[k].dtype == arrays[k].dtype for k in arrays)
    places = [3, 13, 14, 20, 60, 150, whole.index(b"\n", 20), len(whole) - 1, len(whole) - 4000]
    for n, broken in enumerate([whole[:-1], whole + b"x", whole[:20], whole[:400], *(whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :] for i in places)]):
        other = tmp_path / f"{n}.index"
        other.write_bytes(broken)
        with pytest.raises(DadeumError, match=r"damaged|version"):
            _saved.read(other, "kind")
    with pytest.raises(DadeumError, match="an index of kind"):
        _saved.read(path, "other")


def test_an_index_of_other_keys_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_saved, "_probe", lambda: "of another release")
    _saved.write(tmp_path / "a.index", "kind", {}, {})
    monkeypatch.undo()
    with pytest.raises(DadeumError, match="another definition"):
        _saved.read(tmp_path / "a.index", "kind")


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.index"
    _saved.write(path, "kind", {"n": 1}, {})
    monkeypatch.setattr(_saved.os, "fsync", lambda file: (_ for _ in ()).throw(OSError("no space left")))
    with pytest.raises(OSError, match="no space"):
        _saved.write(path, "kind", {"n": 2}, {})
    assert _saved.read(path, "kind")[0] == {"n": 1} and [p.name for p in tmp_path.iterdir()] == ["a.index"]


def test_mistakes(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("")
    for against, by, told in (("none-*.jsonl", (), "no file matches"), ("empty.jsonl", (), "holds no record")):
        with pytest.raises(RecipeError, match=told):
            Stream(against=(str(tmp_path / against),), by=by).why(texts(["a"]))
    file = release(tmp_path / "a.jsonl", ["a"])
    with pytest.raises(RecipeError, match="director"):
        Stream(against=(file,), by=("director",)).why(texts(["a"]).with_columns(director=pl.lit("x")))


def test_apply_tells_it_in_the_ledger(tmp_path: Path) -> None:
    old = release(tmp_path / "old.jsonl", ["지난번에 나간 글", "sent before"])
    new = release(tmp_path / "new.jsonl", ["지난번에 나간글!", "처음 보는 글", "Sent before", "never sent"])
    counts = apply(["dedup.stream"], new, tmp_path / "out.jsonl", [f"dedup.stream.against=[{old}]"])
    assert (counts["read"], counts["kept"], counts["dropped"]) == (4, 2, 2)
    ledger = pl.read_parquet(tmp_path / "out.jsonl.ledger.parquet")
    assert ledger["reason"].to_list() == ["seen_before"] * 2 and ledger["witness"].unique().to_list() == [f"one of 2 records of {old}"]


@needs_data
def test_reviews_that_were_in_another_file() -> None:
    files = [str(DATA / f"nsmc_raw/reviews-0{i}.jsonl.gz") for i in (0, 1)]
    found = []
    for file in files:
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            found.append([json.loads(line)["review"] for line in lines][:20_000])
    pl_old = set(_key.normal(pl.Series(found[0], dtype=pl.String)).to_list())
    hi, lo = _key.text_digests(pl.Series(found[0], dtype=pl.String))
    made = Bloom(1e-6)
    made.add(hi.to_numpy(), lo.to_numpy())
    a, b = _key.text_digests(pl.Series(found[1], dtype=pl.String))
    got = made.settle().has(a.to_numpy(), b.to_numpy()).tolist()
    want = [key in pl_old for key in _key.normal(pl.Series(found[1], dtype=pl.String)).to_list()]
    assert got == want and sum(want) > 100


def test_lines_of_an_earlier_release_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    (tmp_path / "old.jsonl").write_text('{"text": "an old row"}\n{"text": "half a ro\n', encoding="utf-8")
    step = Stream(against=(str(tmp_path / "old.jsonl"),), index=str(tmp_path / "old.index"))
    told = [f"1 lines of the earlier release can't be read, so that what they hold stays; the first is {tmp_path / 'old.jsonl'}:2"]
    assert step.remarks() == told
    assert Stream(against=(str(tmp_path / "old.index"),)).remarks() == told
    (tmp_path / "whole.jsonl").write_text('{"text": "an old row"}\n', encoding="utf-8")
    assert Stream(against=(str(tmp_path / "whole.jsonl"),)).remarks() == []


def test_an_index_that_was_made_before_unread_lines_were_kept_still_opens(tmp_path: Path) -> None:
    (tmp_path / "old.jsonl").write_text('{"text": "an old row"}\n', encoding="utf-8")
    path = tmp_path / "old.index"
    stream.save(path, (str(tmp_path / "old.jsonl"),))
    made, arrays = _saved.read(path, stream.KIND)
    assert made.pop("unread") == []
    _saved.write(tmp_path / "older.index", stream.KIND, {k: v for k, v in made.items() if k not in ("kind", "format")}, {k: np.array(v) for k, v in arrays.items()})
    step = Stream(against=(str(tmp_path / "older.index"),))
    assert step.remarks() == []
    assert step.why(records([{"text": "an old row"}, {"text": "a new one"}]))["reason"].is_not_null().to_list() == [True, False]
