"""Lines of printed pages, on chapters that a browser prints with the system's fonts: the numbers that printed.py states."""

from __future__ import annotations

import gzip
import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import pages_gold
from dadeum.io import printed

pytestmark = pytest.mark.night
CHROMIUM = Path("/usr/bin/chromium")
CHAPTERS = ("ch00-00-introduction", "ch01-01-installation", "ch03-01-variables-and-mutability", "ch04-01-what-is-ownership")
SETTINGS = {"syllables": "word-break: normal; text-align: justify", "spaces": "word-break: keep-all"}
HEAD, FOOT = "<div style='font-size: 9px; margin-left: 40px'>{}</div>", "<div style='font-size: 9px; margin-left: 40px'>- <span class=pageNumber></span> -</div>"


def press(body: str, style: str, head: str, out: Path, browser: Any) -> None:
    page = browser.new_page()
    page.set_content(f"<html lang=ko><body style='font-family: Noto Sans CJK KR; font-size: 14px; {style}'>{body}</body></html>")
    edges = dict.fromkeys(("top", "bottom", "left", "right"), "2cm")
    page.pdf(path=str(out), format="A5", display_header_footer=True, header_template=HEAD.format(head), footer_template=FOOT, margin=edges)


def joints(out: Path, paragraphs: list[str]) -> tuple[int, int, int]:
    """(line ends inside paragraphs, of these joined, of these with their space right) of a printed document."""
    import pypdf

    pages = [page.extract_text().split("\n") for page in pypdf.PdfReader(out).pages]
    running = printed.running(pages)
    lines = [line for page in pages for line in page if printed.form(line) not in running]
    told = printed.Setting.of(lines)
    whole = " ".join(paragraphs)
    bare = "\n".join("".join(text.split()) for text in paragraphs)
    n = found = right = 0
    for a, b in pairwise(lines):
        last, first = "".join(a.split())[-6:], "".join(b.split())[:6]
        if len(last) < 4 or len(first) < 4 or last + first not in bare:
            continue
        n += 1
        place = re.search(r"\s*".join(map(re.escape, last)) + r"(\s*)" + r"\s*".join(map(re.escape, first)), whole)
        if place and told.wrapped(a, b):
            found += 1
            right += (told.join(a, b) == f"{a.rstrip()} {b.lstrip()}") == bool(place[1])
    return n, found, right


@pytest.mark.skipif(not pages_gold.DATA.is_dir(), reason="../shared/data is absent")
def test_lines_of_a_printed_book(tmp_path: Path) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not there: nothing prints a page")
    from selectolax.lexbor import LexborHTMLParser

    raw = gzip.decompress((pages_gold.DATA / "html_ko_rustbook/pages.jsonl.gz").read_bytes())
    pages = {Path(row["path"]).stem: row["html"] for row in map(json.loads, raw.splitlines())}
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        shares = {}
        for setting, style in SETTINGS.items():
            total = [0, 0, 0]
            for chapter in CHAPTERS:
                main = LexborHTMLParser(pages[chapter]).css_first("main")
                assert main is not None
                out = tmp_path / f"{chapter}-{setting}.pdf"
                press(main.html or "", style, "러스트 프로그래밍 언어", out, browser)
                total = [x + y for x, y in zip(total, joints(out, [" ".join(p.text().split()) for p in main.css("p")]))]
            shares[setting] = (total[1] / total[0], total[2] / total[1])
        browser.close()
    assert shares["spaces"][0] > 0.94 and shares["spaces"][1] > 0.98, shares
    assert shares["syllables"][0] > 0.91 and shares["syllables"][1] > 0.92, shares
