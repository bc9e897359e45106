"""PDF files: every page is a record or quarantined with its place."""

from __future__ import annotations

import json
import tempfile
import textwrap
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dadeum import io
from dadeum.io import printed as setting
from dadeum.settings import Sections, Source

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


def printed(path: Path, pages: list[list[str]]) -> Path:
    """A PDF whose pages hold these lines, in any letters: a font that is not embedded, with the table that says what its codes mean."""
    from pypdf.generic import ArrayObject, DecodedStreamObject, DictionaryObject, NameObject, NumberObject

    def name(text: str) -> Any:
        return NameObject(f"/{text}")

    made = pypdf.PdfWriter()
    table = DecodedStreamObject()
    table.set_data(
        b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /U def /CMapType 2 def\n"
        b"1 begincodespacerange <0000> <FFFF> endcodespacerange\n1 beginbfrange <0000> <FFFF> <0000> endbfrange\nendcmap end end"
    )
    info = DictionaryObject({name("Type"): name("FontDescriptor"), name("FontName"): name("K"), name("Flags"): NumberObject(4)})
    inner = DictionaryObject(
        {name("Type"): name("Font"), name("Subtype"): name("CIDFontType2"), name("BaseFont"): name("K"), name("DW"): NumberObject(1000), name("FontDescriptor"): info}
    )
    font = DictionaryObject(
        {name("Type"): name("Font"), name("Subtype"): name("Type0"), name("BaseFont"): name("K"), name("Encoding"): name("Identity-H"),
         name("DescendantFonts"): ArrayObject([made._add_object(inner)]), name("ToUnicode"): made._add_object(table)}
    )  # fmt: skip
    for lines in pages:
        page = made.add_blank_page(600, 800)
        drawn = DecodedStreamObject()
        shown = "".join(f"<{line.encode('utf-16-be').hex()}> Tj 0 -14 Td " for line in lines)
        drawn.set_data(f"BT /F1 10 Tf 20 780 Td {shown} ET".encode())
        page[name("Resources")] = DictionaryObject({name("Font"): DictionaryObject({name("F1"): font})})
        page[name("Contents")] = made._add_object(drawn)
    made.write(path)
    return path


def read(path: Path, size: int = 100, skip: int = 0, **told: Any) -> list[io.Chunk]:
    return list(io.read(path, Source(str(path), **told), size, skip))


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


KOREAN = [
    "소유권은 러스트의 가장 유니크한 특성이며, 러스트가 가비지 콜렉터 없이 메모리 안정성 보장을 하게 해줍니다. 그러므로 소유권이 러스트에서 어떻게 동작하는지 이해하는 것은 중요합니다.",
    "이 장에서는 소유권과 관련된 특성들을 살펴볼 것입니다. 빌림과 슬라이스, 그리고 러스트가 메모리에 데이터를 저장하는지도 살펴봅니다. 모든 프로그램은 실행하는 동안 컴퓨터의 메모리를 사용하는 방법을 관리해야 합니다.",
    "몇몇 언어들은 프로그램이 실행될 때 더이상 사용하지 않는 메모리를 끊임없이 찾는 가비지 콜렉션을 갖고 있습니다. 다른 언어들에서는 프로그래머가 직접 명시적으로 메모리를 할당하고 해제해야 합니다.",
]
ENGLISH = [
    "The price-determining factors are known. Those factors change the price every day, and determining them takes the practice of many years.",
    "Good practices are written down. What is written down can be read by everybody who comes later, which is why these practices pay.",
]


def wide(c: str) -> float:
    """How wide a letter of Noto Sans is, in ems."""
    return 0.92 if "가" <= c <= "힣" else 0.22 if c == " " else 0.28 if c in ".,;" else 0.55


def wrapped(text: str, ems: float, syllables: bool) -> list[str]:
    """A paragraph as a page has it: broken at spaces, or between any two letters (a space at the end of a line is gone)."""
    lines = [""]
    for part in text if syllables else text.replace(" ", " \n").split("\n"):
        if sum(map(wide, (lines[-1] + part).rstrip())) > ems:
            lines.append("")
        lines[-1] += part
    return [line.strip() for line in lines]


@pytest.mark.parametrize("syllables", [False, True])
def test_korean_paragraphs_are_whole_again(syllables: bool, tmp_path: Path) -> None:
    """Three pages with a head and a page number, in Hangul that a Mac took apart. (24 ems would fill a paragraph's last line.)"""
    orders = [KOREAN[n:] + KOREAN[:n] for n in range(3)]
    pages = [["러스트 안내서", *(line for text in texts for line in wrapped(text, 26, syllables)), f"- {n} -"] for n, texts in enumerate(orders, 1)]
    path = printed(tmp_path / "a.pdf", [[unicodedata.normalize("NFD", line) for line in lines] for lines in pages])
    (chunk,) = read(path, content="main")
    made = [text.split("\n") for text in chunk.rows["text"]]
    assert all(unicodedata.is_normalized("NFC", text) for text in chunk.rows["text"])
    assert [["".join(line.split()) for line in lines] for lines in made] == [["".join(text.split()) for text in texts] for texts in orders]
    spaces = [sum(a != b for a, b in zip(got.split(), want.split())) for lines, texts in zip(made, orders) for got, want in zip(lines, texts) if got != want]
    assert len(spaces) <= (3 if syllables else 0), "a few spaces may be wrong where words were broken anywhere"
    (chunk,) = read(path)
    assert chunk.rows["text"][0].startswith("러스트 안내서\n") and chunk.rows["text"][0].endswith("\n- 1 -")


def test_a_hyphen_of_the_author_stays_and_one_of_the_typesetter_goes(tmp_path: Path) -> None:
    """What the peers lose: `price-determining` broken after its hyphen becomes `pricedetermining` there."""
    lines = [
        "Everybody who ever had to know it knows that the price-",
        "determining factors of any year change with the prac-",
        "tices of those who trade. Such factors come and go, as the",
        "price of a day is determining nothing; sound practices last",
        "and the soft\u00ad",
        "ware stays.",
    ]
    (chunk,) = read(printed(tmp_path / "a.pdf", [lines]))
    text = chunk.rows["text"][0]
    assert "price-determining factors" in text and "the practices of those" in text
    assert setting.Setting().join("soft\u00ad", "ware") == "software"


def test_what_is_set_line_by_line_is_not_joined(tmp_path: Path) -> None:
    body = textwrap.wrap(" ".join(ENGLISH), 60)
    lines = [*body, "fn main() {", "    let x = 5;", "    println!(\"a long line of code that fills the page {}\", x);", "}", "- one entry of a list that is as long as a line of the text", "- two", "1) three"]
    (chunk,) = read(printed(tmp_path / "a.pdf", [lines]))
    made = chunk.rows["text"][0].split("\n")
    assert made[0].startswith("The price-determining") and [line.strip() for line in made[1:]] == [line.strip() for line in lines[len(body) :]]


def test_a_document_is_cut_into_sections_over_its_pages(tmp_path: Path) -> None:
    pages = [["책 이름", "제 1 장 시작", *wrapped(KOREAN[0], 24, False), "1"], ["책 이름", *wrapped(KOREAN[1], 24, False), "2"], ["책 이름", "제 2 장 다음", *wrapped(KOREAN[2], 24, False), "3"], []]
    path = printed(tmp_path / "a.pdf", pages)
    (chunk,) = read(path, content="main", sections=Sections(max=400))
    told = [json.loads(m) for m in chunk.rows["meta"]]
    assert [(t["heading"], t["page"]) for t in told] == [("제 1 장 시작", 1), ("제 2 장 다음", 3)] and chunk.rows["line"].to_list() == [1, 2]
    assert KOREAN[0] in chunk.rows["text"][0] and KOREAN[1] in chunk.rows["text"][0] and chunk.mark == "#"
    assert [(b.line, b.error) for b in chunk.bad] == [(3, "a PDF page without text: blank or scanned (page 4)")]
    rest = read(path, 1, content="main", sections=Sections(max=400))
    assert [c.read for c in rest] == [1, 1, 1] and read(path, 1, 2, content="main", sections=Sections(max=400))[0].bad == chunk.bad


@settings(max_examples=100)
@given(st.lists(st.lists(st.text(alphabet="가나다 ab-.\u00ad1\t(", max_size=30), max_size=8), max_size=5))
def test_joining_lines_loses_no_letter(pages: list[list[str]]) -> None:
    running = setting.running(pages)
    lines = [line for page in pages for line in page]
    told = setting.Setting.of(lines)
    made = setting.paragraphs(lines, told, running)
    bare = [c for c in made if not c.isspace() and c not in "-\u00ad"]
    assert bare == [c for line in lines for c in line if not c.isspace() and c not in "-\u00ad"]
    assert made.count("-") <= sum(line.count("-") for line in lines)
