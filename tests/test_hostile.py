"""Bad input from a terminal: one message that names every mistake, the exit code of the contract, and nothing half-written."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

import runs
from dadeum import ledger
from dadeum.cli import main
from dadeum.record import records, recut, rewrite
from dadeum.steps.guard.pii import Pii
from runs import write

MAIL, PHONE = "minsu.kim77@naver.com", "010-9348-2716"


def ask(*arguments: Any, code: int = 0) -> SimpleNamespace:
    """The command line in this process: exit code as asked, and no traceback."""
    out, err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            got = main([str(a) for a in arguments])
        except SystemExit as exit:
            got = int(exit.code or 0)
    said = SimpleNamespace(out=out.buffer.getvalue().decode(), err=err.getvalue())  # type: ignore[attr-defined]
    assert got == code, f"exit {got}: {said.err[-1500:]}{said.out[-500:]}"
    assert "Traceback" not in said.err
    return said


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    rows = [{"id": "a", "text": "one   row", "k": 1}, {"id": "b", "text": "another  row", "k": 2}, {"id": "c", "text": "last row", "k": 3}]
    lines(tmp_path / "good.jsonl", rows)
    yield tmp_path


def lines(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def recipe(here: Path, steps: list[Any] = [], **more: Any) -> Path:  # noqa: B006 (never changed)
    return write(here / "r.yaml", {"sources": [{"path": "good.jsonl"}], "steps": steps, **more})


def test_apply_says_how_many_rows_left_and_where_it_is_told(here: Path) -> None:
    (here / "bad.jsonl").write_bytes(b'{"text": "ok  row"}\n{"text": \n\n[1]\n{"text": "br\xffoken"}\n{"text": ""}\n')
    said = ask("apply", "clean.whitespace", "filter.length", "bad.jsonl", "-o", "out.jsonl")
    assert "5 read" in said.out and "1 kept" in said.out and "1 dropped" in said.out and "3 quarantined" in said.out
    assert "out.jsonl.quarantine.jsonl" in said.out
    told = [json.loads(line) for line in (here / "out.jsonl.quarantine.jsonl").read_text().splitlines()]
    assert [(t["file"], t["line"]) for t in told] == [("bad.jsonl", 2), ("bad.jsonl", 4), ("bad.jsonl", 5)]
    assert all(t["error"] and t["raw"] for t in told)


@pytest.mark.parametrize(("out", "what"), [("o.xyz", "ending .xyz"), ("o", "ending (none)"), ("no/o.jsonl", "folder no does not exist")])
def test_an_out_that_cannot_be_is_told_before_anything_is_read(here: Path, out: str, what: str) -> None:
    (here / "good.jsonl").write_bytes(b"\x1f\x8b no gzip")
    said = ask("apply", "clean.whitespac", "good.jsonl", "-o", out, code=2)
    assert what in said.err and f"  {out}: " in said.err and "did you mean clean.whitespace?" in said.err and "2 mistakes" in said.err
    assert [p.name for p in here.iterdir()] == ["good.jsonl"]


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_an_out_that_is_a_folder_is_refused_and_nothing_lies_beside_it(here: Path, force: list[str]) -> None:
    (here / "dir.jsonl").mkdir()
    assert "is a folder" in ask("apply", "clean.whitespace", "good.jsonl", "-o", "dir.jsonl", *force, code=2).err
    assert sorted(p.name for p in here.iterdir()) == ["dir.jsonl", "good.jsonl"]


@pytest.mark.parametrize("ending", ["jsonl", "json", "csv", "tsv", "parquet", "txt", "csv.gz"])
def test_nothing_left_gives_an_empty_file_with_the_columns_of_its_rows(here: Path, ending: str) -> None:
    out = here / f"out.{ending}"
    ask("apply", "filter.length", "good.jsonl", "-o", out, "--set", "filter.length.min=1000")
    data = out.read_bytes()
    expected = {"jsonl": b"", "txt": b"", "json": b"[]\n", "csv": b"id,text,k\n", "tsv": b"id\ttext\tk\n"}
    if ending == "parquet":
        assert pl.read_parquet(out).schema == {"id": pl.String, "text": pl.String, "k": pl.Int64} and pl.read_parquet(out).is_empty()
    else:
        assert (gzip.decompress(data) if ending.endswith(".gz") else data) == expected[ending.removesuffix(".gz")]


def test_every_mistake_is_told_at_once_with_its_path_and_the_nearest_name(here: Path) -> None:
    made = recipe(here, ["clean.unicod", {"filter.length": {"mni": 3}}], seed=True, name="a/b", train={"epohcs": 1}, stpes=[])
    said = ask("run", made, "--set", "filter.lenth.min=5", "--set", "nokey=1", code=2).err
    for told in (
        "stpes: unknown key (did you mean steps?)",
        "seed: has to be a whole number",
        "name: has to be a name without slashes, not 'a/b'",
        "steps.0.clean.unicod: there is no such step (did you mean clean.unicode?)",
        "steps.1.filter.length.mni: unknown key (did you mean min?)",
        "train.epohcs: unknown key (did you mean epochs?)",
        "filter.lenth.min: unknown key (did you mean filter.length.min?)",
        "nokey: unknown key",
    ):
        assert told in said
    assert not (here / "runs").exists()


@pytest.mark.parametrize(
    ("steps", "more", "told"),
    [
        ([], {"sources": [{"path": ""}]}, "sources.0.path"),
        ([], {"sources": [{"path": "hollow"}]}, "sources.0.path: no file matches 'hollow' (the folder is empty)"),
        ([], {"sources": [{"path": "good.jsonl", "fields": {"text": "txet"}}]}, "sources.0.fields.text: no row of good.jsonl has a field 'txet'"),
        ([], {"sources": [{"path": "good.jsonl", "encoding": "klingon"}]}, "sources.0.encoding"),
        ([], {"sources": [{"path": "odd"}]}, "sources.0.path: odd has no ending"),
        ([], {"sources": [{"path": "good.jsonl", "name": "a/b"}]}, "sources.0.name: 'a/b' holds a slash"),
        ([], {"sources": [{"path": "blank.jsonl"}]}, "sources.0.path: blank.jsonl holds no records"),
        ([{"guard.contamination": {"against": ["blank.jsonl"]}}], {}, "steps.0.guard.contamination.against: blank.jsonl holds no text"),
        ([{"guard.contamination": {"against": ["good.jsonl"]}}], {}, "is also a source: the recipe would train on its own test"),
        (["mix.split", "mix.split"], {}, "steps.1.mix.split: the rows are already split by steps.0.mix.split"),
        ([{"filter.length": {"min": "x"}}], {}, "steps.0.filter.length.min: has to be a whole number of characters"),
    ],
)
def test_mistakes_have_their_path_in_the_recipe(here: Path, steps: list[Any], more: dict[str, Any], told: str) -> None:
    (here / "hollow").mkdir()
    (here / "odd").mkdir()
    (here / "odd/x.xyz").write_text("a")
    (here / "blank.jsonl").write_bytes(b"\n  \n\r\n")
    assert told in ask("run", recipe(here, steps, **more), "--until", "split", code=2).err


LABELS: list[Any] = [{"annotate.label": {"column": "k", "map": {"1-2": "긍정", "3": "부정"}}}]


@pytest.mark.parametrize(
    ("steps", "more", "told"),
    [
        ([*LABELS, {"filter.label": {"keep": ["긍졍"]}}], {}, "steps.1.filter.label.keep.0: '긍졍' is outside the label map (did you mean 긍정?)"),
        (
            [*LABELS, {"mix.split": {"test": 0.3}}],
            {"train": {}, "prove": {"metric": "label", "labels": ["긍정", "부졍"]}},
            "prove.labels.1: '부졍' is outside the label map (did you mean 부정?)",
        ),
        ([{"annotate.label": {"column": "k", "map": {"1-2": "x"}}}], {}, "steps.0.annotate.label.map: does not know '3' (1 rows)"),
    ],
)
def test_a_label_outside_the_map_is_refused(here: Path, steps: list[Any], more: dict[str, Any], told: str) -> None:
    sources = [{"path": "good.jsonl", "fields": {"k": "k"}}]
    assert told in ask("run", recipe(here, steps, sources=sources, **more), "--until", "split", code=2).err


def test_a_message_about_a_wrong_column_shows_no_personal_data(here: Path) -> None:
    lines(here / "good.jsonl", [{"text": "a b c", "who": MAIL}])
    made = recipe(here, [{"annotate.label": {"column": "who", "map": {"x": "y"}}}], sources=[{"path": "good.jsonl", "fields": {"who": "who"}}])
    assert MAIL not in ask("run", made, "--until", "split", code=2).err


def test_what_only_later_stages_need_is_checked_before_anything_runs(here: Path) -> None:
    more = {"train": {"template": "no.jinja"}, "prove": {"cluster": "flim"}}
    said = ask("run", recipe(here, [{"mix.split": {"test": 0.3}}], sources=[{"path": "good.jsonl", "fields": {"film": "k"}}], **more), code=2).err
    assert "train.template: there is no file no.jinja" in said
    assert "prove.cluster: names the column 'flim', which nothing makes (did you mean film?)" in said


def test_the_records_alone_need_no_step_that_the_format_needs(here: Path) -> None:
    turns = [{"role": "user", "content": "{text}"}, {"role": "assistant", "content": "{id}"}]
    made = recipe(here, [{"form.chat": {"turns": turns}}, {"mix.split": {"test": 0.3}}], output={"format": "messages"})
    for stage, key in (("records", "text"), ("steps", "messages"), ("split", "messages")):
        ask("run", made, "--out", "run", "--until", stage)
        said = [json.loads(line) for p in (here / "run/data").glob("*.jsonl") for line in p.read_text().splitlines()]
        assert len(said) == 3 and all(list(row) == [key] for row in said)


def test_a_benchmark_is_guarded_by_the_names_that_its_file_uses(here: Path) -> None:
    question = "Which planet has the strongest winds in the solar system?"
    lines(here / "benchmark.jsonl", [{"question": question, "answer": "It is Neptune, far away from the sun."}])
    lines(here / "good.jsonl", [{"id": "q", "text": question}, {"id": "a", "text": "It is Neptune, far away from the sun."}])
    for field, left in (("question", "q"), ("answer", "a")):
        steps = [{"guard.contamination": {"against": ["benchmark.jsonl"], "fields": [field]}}]
        ask("run", recipe(here, steps), "--out", field, "--until", "split")
        assert pl.read_parquet(f"{field}/ledger/verdicts.parquet")["id"].to_list() == [left]
    steps = [{"guard.contamination": {"against": ["benchmark.jsonl"], "fields": ["qestion"]}}]
    assert "against: benchmark.jsonl holds no text" in ask("run", recipe(here, steps), "--until", "split", code=2).err


def test_a_misspelt_key_of_the_demo_is_told_with_the_nearest(here: Path) -> None:
    assert "drit: unknown key (did you mean dirt?)" in ask("demo", "--out", "demo", "--set", "drit=0", code=2).err


@pytest.mark.parametrize("option", ["--workers", "--sample"])
def test_a_count_below_nothing_is_refused(here: Path, option: str) -> None:
    assert "whole number of 0 or more" in ask("run", recipe(here), option, "-3", code=2).err


def test_a_recipe_or_a_run_that_is_not_there_is_told_in_words(here: Path) -> None:
    write(here / "chats.yaml", {"sources": [{"path": "rows.jsonl"}]})
    (here / "empty").mkdir()
    for words, what in (
        (["run", "chat.yaml"], "chat.yaml: there is no such recipe (did you mean chats.yaml?)"),
        (["curve", "nowhere/chats.yaml"], "there is no such recipe (there is no folder nowhere)"),
        (["prove", "empty"], "empty: is a folder without a run (no recipe.yaml)"),
    ):
        done = runs.dadeum(*words, cwd=here, check=2)
        assert what in done.stderr and "Errno" not in done.stderr


def test_a_report_is_written_again_where_the_sources_have_gone(here: Path) -> None:
    ask("run", recipe(here, ["clean.whitespace"]), "--out", "run", "--until", "split")
    (here / "good.jsonl").unlink()
    (here / "run/report.html").unlink()
    assert ask("report", "run", "--lang", "ko").out.strip() == "run/report.html"
    assert (here / "run/report.html").exists()
    assert "holds no finished run" in ask("report", ".", code=1).err


def test_a_plan_tells_its_settings_as_yaml_says_them(here: Path) -> None:
    (here / "rows.jsonl").write_text('{"text": "안녕하세요"}\n', encoding="utf-8")
    train = {"seeds": [0, 1], "stages": [{"name": "a"}, {"name": "b"}]}
    path = write(here / "r.yaml", {"sources": [{"path": "rows.jsonl"}], "steps": ["mix.split"], "train": train, "prove": {"arms": ["base", "raw"]}})
    told = runs.dadeum("plan", path, cwd=here).stdout
    words = " ".join(told.split())
    assert "seeds [0, 1]" in words and "stages [a, b]" in words and "arms [base, raw]" in words and "packing true" in words
    assert max(map(len, told.splitlines())) <= 112 and "(" not in told.partition("train:")[2] and "template" not in told


def test_own_ids_that_read_like_made_ones_stay_unique(here: Path) -> None:
    lines(here / "good.jsonl", [{"text": "first row"}, {"id": "good/good.jsonl:1", "text": "second row"}, {"id": "other/x:1", "text": "third"}])
    ask("run", recipe(here), "--out", "run", "--until", "split")
    assert pl.read_parquet("run/data/train.parquet")["id"].to_list() == ["good/good.jsonl:1", "good/good.jsonl:2", "other/x:1"]
    assert ask("why", "run", "good/good.jsonl:2", "--json").out.startswith("{")


@pytest.mark.parametrize("damage", [b"", b"{", b"null", b"[]", b'{"name": 1}', b"\xff"])
def test_a_damaged_run_json_is_told_and_made_again(here: Path, damage: bytes) -> None:
    made = recipe(here, ["clean.whitespace"])
    ask("run", made, "--out", "run", "--until", "split")
    before = {p.name: p.read_bytes() for p in (here / "run/data").iterdir()}
    (here / "run/run.json").write_bytes(damage)
    for command in (["funnel", "run"], ["why", "run", "a"], ["look", "run"], ["report", "run"]):
        assert "is damaged" in ask(*command, code=1).err
    ask("run", made, "--out", "run", "--until", "split")
    assert {p.name: p.read_bytes() for p in (here / "run/data").iterdir()} == before
    assert ledger.read_run(here / "run")["counts"]["kept"] == 3


def test_why_masks_what_steps_before_guard_pii_have_seen(here: Path) -> None:
    lines(here / "good.jsonl", [{"id": "a", "text": f"mail  {MAIL}, call  {PHONE} please"}])
    ask("run", recipe(here, ["clean.whitespace", "guard.pii"]), "--out", "run", "--until", "split")
    for json_too in ([], ["--json"]):
        said = ask("why", "run", "a", *json_too)
        assert MAIL not in said.out and PHONE not in said.out and "clean.whitespace" in said.out and "guard.pii" in said.out
    edits = pl.read_parquet("run/ledger/edits.parquet").filter(pl.col("step") == "guard.pii")
    assert edits.height == 1 and not edits.select(pl.any_horizontal(pl.col("before", "after").str.contains(MAIL, literal=True))).item()


def parted(*texts: str) -> list[dict[str, Any]]:
    """A message whose content is these texts with a picture after each."""
    content: list[dict[str, Any]] = []
    for text in texts:
        content += [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": "x"}}]
    return [{"role": "user", "content": content}, {"role": "assistant", "content": "네"}]


def test_edited_parts_stay_on_their_side_of_the_picture(here: Path) -> None:
    rows = [{"messages": parted(f"첫째   {MAIL} 그림", f"둘째  {PHONE}", f"셋째   {MAIL}", "")}, {"messages": parted("as  it ", " was  ")}]
    lines(here / "i.jsonl", rows)
    ask("apply", "clean.whitespace", "guard.pii", "i.jsonl", "-o", "o.jsonl")
    first, second = [json.loads(line)["messages"][0]["content"] for line in (here / "o.jsonl").read_text().splitlines()]
    assert [p["type"] for p in first] == ["text", "image_url"] * 4 and all(p["image_url"] == {"url": "x"} for p in first[1::2])
    one, two, three, four = (p["text"] for p in first[::2])
    assert one.startswith("첫째 ") and one.endswith(" 그림") and two.startswith("둘째 010-") and three.startswith("셋째 ") and four == ""
    assert MAIL not in str(first) and PHONE not in str(first)
    assert [p["text"].strip() for p in second[::2]] == ["as it", "was"]


def test_parts_keep_their_cuts_however_often_the_words_recur() -> None:
    text, more = "전화  010-9348-2716 ip 211.45.33.9", "둘째  전화  010-9348-2716 ip 211.45.33.9"
    parts = json.dumps([{"type": "text", "text": len(text)}, {"type": "i"}, {"type": "text", "text": len(more)}])
    rows = records([{"messages": [{"role": "user", "content": text + more, "parts": parts}]}])
    rows = rewrite(rows, ["user"], lambda e: e.str.replace_all("  +", " "))
    for step in (None, Pii()):
        rows = rows if step is None else step.edit(rows)
        message = rows["messages"].to_list()[0][0]
        lengths = [p["text"] for p in json.loads(message["parts"]) if "text" in p]
        assert sum(lengths) == len(message["content"]) and message["content"][lengths[0] :].startswith("둘째 전화")


def test_parts_whose_lengths_do_not_add_up_are_left_alone() -> None:
    assert recut('[{"type":"text","text":99}]', "abc", "ab") == '[{"type":"text","text":99}]'


def test_json_alone_on_standard_output(here: Path) -> None:
    made = recipe(here, ["clean.whitespace", "dedup.exact", {"mix.split": {"test": 0.3}}])
    ask("run", made, "--out", "run", "--until", "split")
    for command in (["plan", made], ["why", "run", "a"], ["funnel", "run"], ["look", "run"]):
        assert json.loads(ask(*command, "--json").out)


def test_an_interrupt_that_a_generators_tidying_swallows_is_heard_all_the_same() -> None:
    import gc
    import signal
    import time

    from dadeum.cli import _listening

    def kept():
        try:
            yield
        finally:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt), _listening():
        held = kept()
        next(held)
        del held
        gc.collect()
        time.sleep(1)


def test_rows_in_which_nothing_is_known_as_text_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("Q,A\n안녕,반가워\n안녕,반가워\n", encoding="utf-8")
    silent = runs.dadeum("apply", "dedup.exact", tmp_path / "a.csv", "-o", tmp_path / "b.jsonl")
    assert "a.csv: no field of its rows is known as text" in silent.stderr and "fields: {text: ITS_NAME}" in silent.stderr
    named = runs.dadeum("apply", "dedup.exact", tmp_path / "a.csv", "-o", tmp_path / "c.jsonl", "--set", "source.fields={text: Q}")
    assert "known as text" not in named.stderr and "1 merged" in named.stdout
