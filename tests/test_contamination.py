"""guard.contamination beyond covered shares: saved indexes, tagged sentences, other words, exported files, counts by benchmark, gold."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dadeum import embed, run
from dadeum.errors import DadeumError, RecipeError
from dadeum.recipe import compose
from dadeum.record import records
from dadeum.report import terminal
from dadeum.report.evidence import by_benchmark
from dadeum.run import apply
from dadeum.steps import _key, _saved
from dadeum.steps.guard import _benchmark, _conll, _items, _paraphrase, _recheck, contamination
from dadeum.steps.guard.contamination import Contamination

DATA = Path(__file__).parent.parent.parent / "shared/data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is absent")
KO = [f"{n}번 손님은 {what} 저녁 무렵에 강가의 오래된 식당에서 먹었다고 말했다" for n, what in enumerate(["국수를", "만두를", "냉면을", "김밥을", "비빔밥을"], 11)]
EN = [f"Guest {n} ordered {what} at the old place by the river" for n, what in enumerate(["noodles", "dumplings", "cold soup", "rice", "bread"], 11)]


def lines(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def texts(values: list[str]) -> pl.DataFrame:
    return records([{"text": value} for value in values])


ASKED = texts([*(t.replace(" ", "") for t in KO), *(f"They say: {t.upper()}!" for t in EN), "아무 상관이 없는 긴 문장이 여기에 하나 있습니다", "정말 재미있는 영화였어요"])


def test_a_saved_index_answers_as_its_files_do(tmp_path: Path) -> None:
    file = lines(tmp_path / "bench.jsonl", [{"question": k, "answer": e} for k, e in zip(KO, EN)] + [{"question": "정말 재미있는 영화였어요", "answer": "네"}])
    raw = Contamination(against=(file,))
    want = raw.why(ASKED)
    assert want["reason"].null_count() == 1
    assert contamination.save(tmp_path / "bench.index", (file,)) == 11
    Path(file).rename(tmp_path / "away.jsonl")
    saved = Contamination(against=(str(tmp_path / "bench.index"),))
    assert saved.why(ASKED).equals(want)
    for other in ({"n": 12}, {"fields": ("question",)}, {"profile": "code"}):
        with pytest.raises(RecipeError, match="an index made with"):
            Contamination(against=(str(tmp_path / "bench.index"),), **other).why(ASKED)
    with pytest.raises(RecipeError, match="an index already"):
        contamination.save(tmp_path / "again.index", (str(tmp_path / "bench.index"),))
    whole = (tmp_path / "bench.index").read_bytes()
    (tmp_path / "bench.index").write_bytes(whole[:-9] + b"x" + whole[-8:])
    with pytest.raises(DadeumError, match="damaged"):
        saved.why(ASKED)


def test_indexes_and_files_are_asked_together(tmp_path: Path) -> None:
    one, two = lines(tmp_path / "ko.jsonl", [{"text": t} for t in KO]), lines(tmp_path / "en.jsonl", [{"text": t} for t in EN])
    contamination.save(tmp_path / "ko.index", (one,))
    both = Contamination(against=(str(tmp_path / "ko.index"), two)).why(ASKED)
    assert both["witness"].to_list() == [*(f"{one}:{i}" for i in range(1, 6)), *(f"{two}:{i}" for i in range(1, 6)), None, None]


def test_the_index_is_made_once_and_again_when_the_benchmark_changes(tmp_path: Path) -> None:
    file, kept = lines(tmp_path / "bench.jsonl", [{"text": t} for t in KO]), tmp_path / "kept.index"
    step = Contamination(against=(file,), index=str(kept))
    want = Contamination(against=(file,)).why(ASKED)
    assert step.why(ASKED).equals(want)
    written = kept.stat().st_mtime_ns
    assert step.why(ASKED).equals(want) and kept.stat().st_mtime_ns == written
    lines(tmp_path / "bench.jsonl", [{"text": t} for t in EN])
    assert step.why(ASKED)["reason"].to_list() == [None] * 5 + ["contaminated"] * 5 + [None] * 2
    assert kept.stat().st_mtime_ns != written
    (tmp_path / "mine").write_text("precious")
    with pytest.raises(RecipeError, match="is no index"):
        Contamination(against=(file,), index=str(tmp_path / "mine")).why(ASKED)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=9), min_size=1, max_size=6))
def test_strings_come_back_from_bytes(values: list[str]) -> None:
    assert _benchmark._unpacked(*_benchmark._packed(values)) == values


TAGGED = """-DOCSTART- -X- O

# a comment
EU NNP B-ORG
rejects VBZ O
the DT O
German JJ B-MISC
call NN O
to TO O
boycott VB O
British JJ B-MISC
lamb NN O

Nothing NN O
else RB O
"""


def test_tagged_sentences_are_read_as_sentences(tmp_path: Path) -> None:
    file = tmp_path / "eng.txt"
    file.write_text(TAGGED)
    assert _conll.is_tagged(file)
    assert list(_items.values(str(file), ())) == [(f"{file}:4", "EU rejects the German call to boycott British lamb"), (f"{file}:14", "Nothing else")]
    told = Contamination(against=(str(file),)).why(texts(["EU rejects the German call to boycott British lamb.", "EU lamb"]))
    assert told["witness"].to_list() == [f"{file}:4", None]
    korean = tmp_path / "ko.tsv"
    korean.write_bytes("## 안내\t<서울:LC>\n나\tO\n는\tO\n \tO\n서\tB-LC\n울\tI-LC\n".encode("cp949"))
    assert _conll.is_tagged(korean) and list(_conll.sentences(korean)) == [(f"{korean}:2", "나는 서울")]


@pytest.mark.parametrize(
    "name, content",
    [("a.tsv", "text\tlabel\n좋아요\tO\n별로\tB\n"), ("a.txt", "Grade: O\nA line of prose that goes on\nAnd another\n"), ("a.jsonl", '{"text": "x"}\n'), ("a.tsv", "")],
)
def test_other_files_are_not_taken_for_tagged_ones(name: str, content: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert not _conll.is_tagged(tmp_path / name)


def test_tags_inside_a_text_are_no_part_of_it() -> None:
    assert _items.untagged("<한강:LC> 옆에서 <세 시:TI>에") == "한강 옆에서 세 시에"
    for other in ("List<User> a: b", "<a href='http://x'>", "<p>Note: THIS</p>", "1 < 2 : A>"):
        assert _items.untagged(other) == other


def test_paraphrases_are_the_nearest_items(tmp_path: Path) -> None:
    items = [*KO, *EN, "짧아요"]
    file = lines(tmp_path / "bench.jsonl", [{"text": t} for t in items])
    asked = ["저녁 무렵에 오래된 강가의 식당에서 13번 손님은 냉면을 먹었다고 했다", "By the river, at the old place, guest 12 was ordering some dumplings", "오늘은 비가 많이 내렸다", "짧아요!"]
    threshold = 0.6
    told = Contamination(against=(file,), paraphrase=threshold, threshold=0.99).why(texts(asked))
    vectors, known = (embed.load("hashed").vectors(pl.Series(t)).astype(np.float64) for t in (asked, items[:-1]))
    for i, (reason, value, witness) in enumerate(told.select("reason", "value", "witness").rows()):
        cosines = [float(sum(a * b for a, b in zip(vectors[i], other))) for other in known]
        best = max(range(len(cosines)), key=lambda j: (round(cosines[j], 6), -j))
        want = ("paraphrased", pytest.approx(cosines[best], abs=1e-6), f"{file}:{best + 1}") if cosines[best] >= threshold else (None, None, None)
        assert (reason, value, witness) == want
    assert told["reason"].to_list() == ["paraphrased", "paraphrased", None, None], "what is compared as a whole is never a paraphrase"


def test_a_paraphrase_does_not_depend_on_the_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = lines(tmp_path / "bench.jsonl", [{"text": t} for t in [*KO, *EN]])
    step = Contamination(against=(file,), paraphrase=0.3, threshold=0.99)
    rows = texts([t[k:] + t[:k] for t in [*KO, *EN] for k in (5, 9, 14)])
    whole = step.why(rows)
    assert whole["reason"].count() > 10
    monkeypatch.setattr(_paraphrase, "BLOCK", 7)
    assert step.why(rows).equals(whole)
    assert pl.concat([step.why(rows[i : i + 1]) for i in range(rows.height)]).equals(whole)


def test_the_exported_file_is_asked_again(tmp_path: Path) -> None:
    step = Contamination(against=(lines(tmp_path / "bench.jsonl", [{"question": t} for t in KO]),))
    chats = [
        {"messages": [{"role": "user", "content": f"다음 글을 요약하세요.\n\n{text}"}, {"role": "assistant", "content": answer}]}
        for text, answer in (("처음 보는 글", "요약"), (KO[2], "요약"), ("다른 글", KO[4]))
    ]
    told = _recheck.exported(step, lines(tmp_path / "train.jsonl", chats))
    assert told.rows() == [
        (f"{tmp_path}/train.jsonl:2", "contaminated", 1.0, f"{tmp_path}/bench.jsonl:3"),
        (f"{tmp_path}/train.jsonl:3", "contaminated", 1.0, f"{tmp_path}/bench.jsonl:5"),
    ]
    assert _recheck.exported(step, lines(tmp_path / "clean.jsonl", chats[:1])).is_empty()
    (tmp_path / "none.jsonl").write_text("")
    assert dict(_recheck.exported(step, tmp_path / "none.jsonl").schema) == dict(_recheck.HITS)


def test_the_report_counts_by_benchmark(tmp_path: Path) -> None:
    ko, en = lines(tmp_path / "ko.jsonl", [{"text": t} for t in KO]), str(tmp_path / "en.parquet")
    pl.DataFrame({"text": EN}).write_parquet(en)
    given = [*KO, KO[0], *EN[:2], "아무 상관이 없는 긴 문장이 여기에 하나 있습니다"]
    source = lines(tmp_path / "rows.jsonl", [{"id": f"r{i}", "text": t} for i, t in enumerate(given)])
    apply(["guard.contamination"], source, tmp_path / "out.jsonl", [f"guard.contamination.against=[{ko}, {en}]"])
    (tmp_path / "run/ledger").mkdir(parents=True)
    (tmp_path / "out.jsonl.ledger.parquet").rename(tmp_path / "run/ledger/verdicts.parquet")
    told = by_benchmark(tmp_path / "run")
    assert told.select("step", "benchmark", "reason", "rows", "items").rows() == [
        ("guard.contamination", ko, "contaminated", 6, 5), ("guard.contamination", en, "contaminated", 2, 2),
    ]  # fmt: skip
    assert told["pairs"][1].to_list() == [
        {"id": "r6", "place": f"{source}:7", "value": 1.0, "item": f"{en}#1"}, {"id": "r7", "place": f"{source}:8", "value": 1.0, "item": f"{en}#2"},
    ]  # fmt: skip
    assert len(told["pairs"][0]) == 5


def reviews() -> pl.DataFrame:
    found = []
    for path in sorted((DATA / "nsmc_raw").glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            found += [json.loads(line)["review"] for line in file]
    rows = pl.DataFrame({"row": pl.int_range(len(found), dtype=pl.UInt64, eager=True), "text": found})
    return pl.concat([rows.with_columns(pl.col("row").cast(pl.String).alias("id")), records([])], how="diagonal").select(records([]).columns)


@needs_data
def test_it_finds_every_tagged_sentence_that_was_cut_from_the_reviews() -> None:
    file, rows = DATA / "klue_ner/klue-ner-v1.1_dev.tsv.gz", reviews()
    told = pl.concat([Contamination(against=(str(file),), threshold=1.0).why(rows[i : i + 65_536]) for i in range(0, rows.height, 65_536)])
    with gzip.open(file, "rt", encoding="utf-8") as tagged:
        origins = ["-nsmc" in line.partition("\t")[0] for line in tagged if line.startswith("## klue-ner")]
    keys = _key.normal(pl.Series([sentence for _, sentence in _conll.sentences(file)])).to_list()

    def held(part: pl.DataFrame) -> set[str]:
        """The sentences that stand in a review, by Polars' own search."""
        return set(_key.normal(part["text"]).str.extract_many(keys, overlapping=True).explode().drop_nulls())

    assert len(keys) == 3000 and sum(origins) == 1500
    known = held(rows)
    assert len(known) == len([key for key in keys if key in known]) == 823
    assert not [key for key, origin in zip(keys, origins, strict=True) if key in known and not origin], "no news sentence stands in a review"
    hits = rows.filter(told["reason"].is_not_null())
    assert held(hits) == known, "every one is found"
    # Two more reviews hold all that tells of a sentence, what many sentences have in common left out.
    whole = _key.normal(hits["text"]).str.extract_many(keys, overlapping=True).list.len()
    assert (hits.height, (whole == 0).sum()) == (833, 2)


@needs_data
def test_it_finds_every_question_in_the_solution_file() -> None:
    gold = str(DATA / "gsm8k/test.jsonl")
    with gzip.open(DATA / "gsm8k/example_model_solutions.jsonl.gz", "rt", encoding="utf-8") as file:
        solutions = [json.loads(line) for line in file]
    asked = texts([row["question"] for row in solutions])
    told = Contamination(against=(gold,), fields=("question",)).why(asked)
    assert told["witness"].to_list() == [f"{gold}:{i + 1}" for i in range(660)] and set(told["value"]) == {1.0}
    # The answers alone: the same solutions, ending `A: 18` where the benchmark has `#### 18`.
    answers = Contamination(against=(gold,), fields=("answer",)).why(texts([row["ground_truth"] for row in solutions]))
    assert answers["witness"].to_list() == [f"{gold}:{i + 1}" for i in range(660)]
    with gzip.open(DATA / "gsm8k/train.jsonl.gz", "rt", encoding="utf-8") as file:
        train = texts([json.loads(line)["question"] for line in file])
    assert Contamination(against=(gold,), fields=("question",)).why(train)["reason"].count() / train.height < 0.01


def test_no_index_is_taken_for_a_benchmark_of_text(tmp_path: Path) -> None:
    _saved.write(tmp_path / "a.index", "dedup.stream", {}, {})
    with pytest.raises(DadeumError, match=r"an index of dedup\.stream"):
        Contamination(against=(str(tmp_path / "a.index"),)).why(ASKED)


def test_lines_of_a_benchmark_that_cannot_be_read_are_told_and_guarded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    item = "한국의 수도는 어디이며 그 도시의 인구는 몇 명입니까 라는 문항입니다"
    (tmp_path / "bench.jsonl").write_text(f'{{"question": "{item}"}}\n{{"question": "The lighthouse keeper counts seventeen ships\n', encoding="utf-8")
    rows = [{"text": "오늘은 날씨가 맑아서 산책을 다녀왔습니다"}, {"text": 'so {"question": "The lighthouse keeper counts seventeen ships'}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    raw = {
        "sources": [{"path": str(tmp_path / "in.jsonl")}],
        "steps": [{"guard.contamination": {"against": str(tmp_path / "bench.jsonl")}}, {"mix.split": {"test": 0.5, "by": "id"}}],
    }
    told = run.run(compose(raw), tmp_path / "run", "split")
    [guard] = [s for s in told["stages"] if s["step"] == "guard.contamination"]
    assert guard["dropped"] == {"contaminated": 1}
    assert guard["report"]["warnings"] == [
        f"1 lines of the benchmark can't be read and are held against as they stand; the first is {tmp_path / 'bench.jsonl'}:2"
    ]
    for lang, said in (("en", "1 line of the benchmark can't be read"), ("ko", "벤치마크에서 읽을 수 없는 줄 1개")):
        text = " ".join(terminal.funnel_text(told, 200, lang).split())
        assert said in text
    monkeypatch.setattr(_benchmark, "load", lambda *_: pytest.fail("a run that finds all done opens no benchmark"))
    again = run.run(compose(raw), tmp_path / "run", "split")
    [cached] = [s for s in again["stages"] if s["step"] == "guard.contamination"]
    assert cached["cached"] and cached["report"] == guard["report"]
