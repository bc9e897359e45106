"""The demo's raw data: the same arguments give the same bytes, the files are what they claim to be, and the truth adds up."""

from __future__ import annotations

import csv
import html.parser
import io
import re
from pathlib import Path

import orjson
import polars as pl
import pytest

from dadeum.demo import dirt, identity, raw
from dadeum.demo.messages import PAGES, QUESTIONS
from dadeum.errors import RecipeError
from dadeum.steps.guard._pii.find import find

ROWS = 1200
TEXT = {"chat.jsonl": "message", "crm.csv": "내용"}


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> raw.Raw:
    return raw.write(tmp_path_factory.mktemp("dirty"), 0, 1.0, ROWS)


@pytest.fixture(scope="module")
def pure(tmp_path_factory: pytest.TempPathFactory) -> raw.Raw:
    return raw.write(tmp_path_factory.mktemp("pure"), 0, 0.0, ROWS)


def _bytes(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def _chat(made: raw.Raw) -> list[bytes]:
    return (made.folder / "chat.jsonl").read_bytes().splitlines()


def _crm(made: raw.Raw) -> list[bytes]:
    return (made.folder / "crm.csv").read_bytes().split(b"\r\n")[:-1]


def _texts(made: raw.Raw) -> pl.DataFrame:
    """Every message that can be read, beside its truth."""
    found = []
    for line, told in enumerate(_chat(made), 1):
        try:
            found.append(("chat.jsonl", line, orjson.loads(told)["message"]))
        except orjson.JSONDecodeError:
            continue
    for line, told in enumerate(_crm(made), 1):
        try:
            found.append(("crm.csv", line, next(csv.reader([told.decode("cp949")]))[-1]))
        except UnicodeDecodeError:
            continue
    texts = pl.DataFrame(found, schema={"file": pl.String, "line": pl.UInt32, "text": pl.String}, orient="row")
    return made.truth.join(texts, on=["file", "line"], how="inner", maintain_order="left")


def _like(text: str) -> str:
    return re.sub(r"[\W_]", "", text).lower()


def test_same_arguments_same_bytes_and_another_seed_others(tmp_path: Path, dirty: raw.Raw) -> None:
    raw.write(tmp_path / "again", 0, 1.0, ROWS)
    raw.write(tmp_path / "other", 1, 1.0, ROWS)
    first, again, other = (_bytes(p) for p in (dirty.folder.parent, tmp_path / "again", tmp_path / "other"))
    assert first == again
    assert first.keys() == other.keys()
    assert all(first[name] != other[name] for name in ("raw/chat.jsonl", "raw/crm.csv", "held_out.jsonl"))


def test_the_truth_has_one_line_for_every_raw_row(dirty: raw.Raw) -> None:
    counts = dict(dirty.truth.get_column("file").str.split("/").list.first().value_counts().iter_rows())
    assert counts == {"chat.jsonl": len(_chat(dirty)), "crm.csv": len(_crm(dirty)) - 1, "forms": len(list(dirty.folder.glob("forms/*.html")))}
    assert dirty.truth.select("file", "line").is_unique().all()
    assert dirty.truth.filter(~pl.col("file").str.starts_with("forms")).get_column("id").is_unique().all()


def test_every_kind_is_planted_as_often_as_it_says(dirty: raw.Raw) -> None:
    assert set(dirty.planted) == {*dirt.KINDS, *dirt.ALWAYS}
    for kind, (share, _) in {**dirt.IN_PLACE, **dirt.COPIES, **dirt.NOWHERE}.items():
        extra = round(dirt.COPIES["conflict"][0] * ROWS) // 2 if kind == "exact_copy" else 0
        assert dirty.planted[kind] == round(share * ROWS) + extra, kind
    assert dirty.planted["flood"] == dirt.FLOOD_SHARE * ROWS
    assert dirty.planted["leak"] == dirt.LEAK_SHARE * QUESTIONS
    assert dirty.planted["unlabelled"] == PAGES


def test_without_dirt_there_is_none_and_the_messages_are_the_same(dirty: raw.Raw, pure: raw.Raw) -> None:
    messages = pure.truth.filter(~pl.col("file").str.starts_with("forms"))
    assert messages.height == ROWS
    assert set(pure.planted) == set(dirt.ALWAYS)
    assert (messages.get_column("outcome") == "kept").all()
    assert (messages.get_column("told") == messages.get_column("label")).all()
    read = _texts(pure)
    assert read.height == ROWS and (read.get_column("text") == read.get_column("clean")).all()
    assert read.get_column("text").map_elements(_like, return_dtype=pl.String).is_unique().all()
    kept = dirty.truth.filter(pl.col("outcome") == "kept").get_column("clean")
    assert set(kept) <= set(read.get_column("text"))


def test_half_the_dirt_is_half_of_it(tmp_path: Path, dirty: raw.Raw) -> None:
    half = raw.write(tmp_path, 0, 0.5, ROWS).planted
    assert all(abs(half[kind] - dirty.planted[kind] / 2) <= 1 for kind in dirt.KINDS)


def test_languages_and_categories_are_even(pure: raw.Raw) -> None:
    messages = pure.truth.filter(~pl.col("file").str.starts_with("forms"))
    assert set(messages.get_column("language").value_counts().get_column("count")) == {ROWS // 2}
    assert set(messages.get_column("label").value_counts().get_column("count")) == {ROWS // 5}


def test_the_chat_export_is_utf8_jsonl_but_for_the_broken_lines(dirty: raw.Raw) -> None:
    broken = {}
    for number, line in enumerate(_chat(dirty), 1):
        try:
            line.decode("utf-8")
        except UnicodeDecodeError:
            broken[number] = "bad_bytes"
            continue
        try:
            orjson.loads(line)
        except orjson.JSONDecodeError:
            broken[number] = "truncated"
    told = dirty.truth.filter(pl.col("file") == "chat.jsonl", pl.col("outcome") == "quarantined")
    assert broken == {line: kinds[0] for line, kinds in told.select("line", "kinds").iter_rows()}
    assert set(broken.values()) == {"bad_bytes", "truncated"}


def test_the_crm_export_is_cp949_csv_but_for_the_broken_rows(dirty: raw.Raw) -> None:
    lines = _crm(dirty)
    broken = set()
    for number, line in enumerate(lines, 1):
        try:
            [row] = csv.reader(io.StringIO(line.decode("cp949")))
            assert len(row) == len(raw.HEADINGS)
        except UnicodeDecodeError:
            broken.add(number)
    told = dirty.truth.filter(pl.col("file") == "crm.csv", pl.col("outcome") == "quarantined").get_column("line")
    assert broken == set(told) and broken
    with pytest.raises(UnicodeDecodeError):
        lines[0].decode("utf-8")


def test_the_pages_are_html_with_the_message_in_it(dirty: raw.Raw) -> None:
    truth = dict(dirty.truth.filter(pl.col("file").str.starts_with("forms")).select("file", "clean").iter_rows())
    for path in (dirty.folder / "forms").iterdir():
        said: list[str] = []
        parser = html.parser.HTMLParser()
        parser.handle_data = said.append  # type: ignore[method-assign]
        parser.feed(path.read_text(encoding="utf-8"))
        assert " ".join("".join(said).split()) == truth[f"forms/{path.name}"]


def test_the_benchmark_is_in_the_raw_data_only_where_it_was_leaked(dirty: raw.Raw, pure: raw.Raw) -> None:
    items = [orjson.loads(line) for line in (dirty.folder.parent / "held_out.jsonl").read_bytes().splitlines()]
    assert len(items) == QUESTIONS == len({_like(item["text"]) for item in items})
    assert not {item["customer"] for item in items} & set(dirty.truth.get_column("customer"))
    questions = [(item["id"], _like(item["text"])) for item in items]
    for made in (dirty, pure):
        for origin, kinds, text in _texts(made).select("origin", "kinds", "text").iter_rows():
            like = _like(text)
            inside = {id for id, question in questions if question in like}
            assert inside == ({origin} if "leak" in kinds else set())


def test_personal_data_is_found_where_it_was_planted_and_is_nobodys(dirty: raw.Raw) -> None:
    for kinds, marks, text in _texts(dirty).select("kinds", "marks", "text").iter_rows():
        if not any(kind.startswith("pii_") for kind in kinds):
            assert not find(text), text
            continue
        [value] = marks
        assert value in text
        bare = re.sub(r"\D", "", value)
        if kinds == ["pii_email"]:
            assert value.rpartition("@")[2].rpartition(".")[2] in ("internal", "alt")
        elif kinds == ["pii_phone"]:
            assert bare[:3] in identity.MOBILE and len(bare) in (10, 11)
        elif kinds == ["pii_rrn"]:
            assert len(bare) == 13 and bare[6] in "90" and bare[:2] < "60"
        else:
            assert bare in identity.CARDS


def test_ids_and_dates_do_not_give_the_dirt_away(dirty: raw.Raw) -> None:
    rows = dirty.truth.filter(~pl.col("file").str.starts_with("forms"))
    assert rows.get_column("id").str.contains(r"^T-\d{5}$").all()


@pytest.mark.parametrize(("level", "rows", "paths"), [(1.5, ROWS, ["dirt"]), (-0.1, 10, ["dirt", "rows"])])
def test_wrong_numbers_are_told_together(tmp_path: Path, level: float, rows: int, paths: list[str]) -> None:
    with pytest.raises(RecipeError) as caught:
        raw.write(tmp_path, 0, level, rows)
    assert [mistake.path for mistake in caught.value.mistakes] == paths
    assert not list(tmp_path.iterdir())
