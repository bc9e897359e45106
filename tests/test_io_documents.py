"""PDF files: every page is a record or quarantined with its place."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dadeum import io
from dadeum.settings import Source

pypdf = pytest.importorskip("pypdf")


def pdf(path: Path, texts: list[str], password: str = "") -> Path:
    """A PDF with a page for each text; an empty one is a page without text."""
    from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

    made = pypdf.PdfWriter()
    kind = {"Type": "Font", "Subtype": "Type1", "BaseFont": "Helvetica"}
    font = DictionaryObject({NameObject(f"/{k}"): NameObject(f"/{v}") for k, v in kind.items()})
    for text in texts:
        page = made.add_blank_page(300, 300)
        if text:
            drawn = DecodedStreamObject()
            drawn.set_data(f"BT /F1 12 Tf 20 200 Td ({text}) Tj ET".encode())
            fonts = DictionaryObject({NameObject("/F1"): font})
            page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
            page[NameObject("/Contents")] = made._add_object(drawn)
    if password:
        made.encrypt(password, algorithm="RC4-128")
    made.write(path)
    return path


def read(path: Path, size: int = 100, skip: int = 0) -> list[io.Chunk]:
    return list(io.read(path, Source(str(path)), size, skip))


def test_a_page_is_a_record_and_a_scan_is_quarantined(tmp_path: Path) -> None:
    (chunk,) = read(pdf(tmp_path / "a.pdf", ["first page", "", "third page"]))
    assert chunk.rows["text"].to_list() == ["first page", "third page"]
    assert chunk.rows["line"].to_list() == [1, 3] and chunk.mark == "#"
    assert [(b.line, b.error) for b in chunk.bad] == [(2, "a PDF page without text: blank or scanned")]


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_chunks_cover_each_page_once_and_can_be_skipped(tmp_path: Path, size: int) -> None:
    path = pdf(tmp_path / "a.pdf", ["one", "", "three", "four"])
    chunks = read(path, size)
    assert [n for c in chunks for n in c.rows["line"]] == [1, 3, 4] and sum(c.read for c in chunks) == 4
    assert [c.rows.rows() for c in read(path, size, 1)] == [c.rows.rows() for c in chunks[1:]]


def test_encrypted_and_broken_files_are_quarantined(tmp_path: Path) -> None:
    (locked,) = read(pdf(tmp_path / "a.pdf", ["secret"], "word"))
    assert locked.rows.is_empty() and [b.error for b in locked.bad] == ["an encrypted PDF"]
    (tmp_path / "b.pdf").write_bytes(b"%PDF-1.7 nothing more")
    (broken,) = read(tmp_path / "b.pdf")
    assert broken.rows.is_empty() and broken.bad[0].error.startswith("a broken PDF")


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2000), st.binary(max_size=30))
def test_damage_never_stops_a_run(at: int, noise: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = pdf(Path(folder) / "a.pdf", ["one", "two"])
        raw = path.read_bytes()
        path.write_bytes(raw[:at] + noise + raw[at + len(noise) :])
        assert sum(c.read for c in read(path)) >= 1
