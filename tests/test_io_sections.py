"""Sections of long documents, front matter, and the main content of pages."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pages_gold
from dadeum import io
from dadeum.errors import RecipeError
from dadeum.io import front, sections
from dadeum.io.html import text_of
from dadeum.settings import Sections, Source

DATA = Path(__file__).parent.parent.parent / "shared/data"
here = pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is absent")

GUIDE = """\
머리말입니다.

# 안내

여는 말.

## 설치

```sh
# 이것은 제목이 아닙니다
pip install dadeum

pip check
```

| 이름 | 뜻 |
|------|----|
| a    | 가 |
| b    | 나 |

## 쓰기 ##

첫째 문장입니다. 둘째 문장입니다. 셋째 문장은 조금 더 깁니다.

$$
x = 1

y = 2
$$

둘째 장
=======

끝.
"""


def rows(path: Path, **told: Any) -> list[dict[str, Any]]:
    made = []
    for chunk in io.read(path, Source(str(path), **told), 100):
        assert not chunk.bad
        made += [{"line": n, "text": t, **json.loads(m or "{}")} for n, t, m in zip(chunk.rows["line"], chunk.rows["text"], chunk.rows["meta"])]
    return made


def test_a_long_document_becomes_its_sections(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(f"---\ntitle: 길잡이\nlicense: MIT\n---\n{GUIDE}", encoding="utf-8")
    made = rows(tmp_path / "a.md", sections=Sections(max=100), licence="CC-BY-4.0")
    assert [(r["line"], r.get("heading")) for r in made] == [
        (1, None), (2, "안내"), (3, "안내 > 설치"), (4, "안내 > 설치"), (5, "안내 > 쓰기"), (6, "둘째 장"),
    ]  # fmt: skip
    assert made[2]["text"].startswith("## 설치") and made[2]["text"].endswith("```") and made[3]["text"].count("\n") == 3
    assert {(r["title"], r["licence"]) for r in made} == {("길잡이", "MIT")}, "the document's own licence goes before the source's"
    (tmp_path / "b.md").write_text(GUIDE, encoding="utf-8")
    assert rows(tmp_path / "b.md", sections=Sections(max=100), licence="CC-BY-4.0")[0]["licence"] == "CC-BY-4.0"
    (whole,) = rows(tmp_path / "b.md", licence="CC-BY-4.0")
    assert whole == {"line": 1, "text": GUIDE}, "off by default, and then nothing is added"
    chunk = next(io.read(tmp_path / "b.md", Source("x", sections=Sections(max=100)), 100))
    assert chunk.mark == "#"


def test_short_sections_go_together_below_their_heading() -> None:
    text = "# A\n\na\n\n## B\n\nb\n\n## C\n\nc\n\n# D\n\nd\n"
    made = sections.pieces(text, Sections(max=24, min=12))
    assert [p.headings for p in made] == [("A",), ("A", "C"), ("D",)] and made[0].text == "# A\n\na\n\n## B\n\nb"


@pytest.mark.parametrize("max", [10, 40, 90, 200])
def test_nothing_that_belongs_together_is_cut(max: int) -> None:
    made = sections.pieces(GUIDE, Sections(max=max))
    for whole in (re.search(r"```sh.*?```", GUIDE, re.S), re.search(r"\| 이름.*?나 \|", GUIDE, re.S), re.search(r"\$\$.*?\$\$", GUIDE, re.S)):
        assert whole and sum(whole[0] in p.text for p in made) == 1, whole
    for p in made:
        assert len(p.text) <= max or any(mark in p.text for mark in ("```", "|", "$$", "\n==="))


MARKS = st.sampled_from(["# 가", "## b c", "\n\n", "\n", "```\n", "~~~", "| a | b |\n", "|---|---|\n", "문장입니다. ", "word ", "===\n", "---\n", "$$\n", "\r\n", "\u2028", "\x0c", "a | b\n", "-|-\n", "제 3 장 총칙", "1.2 Scope", "> ```\n"])  # fmt: skip


@given(st.lists(MARKS | st.text(max_size=8), max_size=40), st.integers(1, 60), st.integers(0, 59), st.booleans())
def test_the_pieces_are_the_document(parts: list[str], most: int, least: int, marked: bool) -> None:
    text = "".join(parts)
    made = sections.pieces(text, Sections(max=most, min=min(least, most - 1)), marked)
    assert "".join("".join(p.text for p in made).split()) == "".join(text.split())
    assert all(p.text.strip() for p in made)
    if marked is False:
        assert all(len(p.text) <= most for p in made), "plain text holds nothing that must not be cut"


def test_a_paragraph_is_cut_where_it_hurts_least() -> None:
    text = "가나다라. " * 30 + "마" * 100
    made = sections.pieces(text, Sections(max=50))
    assert all(len(p.text) <= 50 for p in made) and all(p.text.rstrip().endswith((".", "마")) for p in made)
    assert sections.pieces("한국어" * 100, Sections(max=100))[0].text == ("한국어" * 100)[:100]


def test_plain_text_has_headings_by_what_they_are_called(tmp_path: Path) -> None:
    text = "제 1 장 총칙\n\n글이 여기에 있습니다.\n\n제 1 절 목적\n\n두 번째 글입니다.\n\n제 2 장 적용\n\n세 번째 글입니다.\n\nChapter 3 On ships\n\nLast."
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    assert [r["heading"] for r in rows(tmp_path / "a.txt", sections=Sections(max=40))] == ["제 1 장 총칙", "제 1 장 총칙 > 제 1 절 목적", "제 2 장 적용", "Chapter 3 On ships"]


def test_hostile_documents_take_no_longer_than_long_ones() -> None:
    for text in ("# " + " " * 200_000 + "x", "- | " + " " * 200_000 + "x", "a" * 300_000, "\n" * 200_000, "```\n" * 50_000, "|" * 200_000, "-|" * 100_000 + "x", "가 " * 200_000):
        assert "".join("".join(p.text for p in sections.pieces(text, Sections(max=1000))).split()) == "".join(text.split())
        front.split("---\n" + text)


def test_sizes_that_make_no_sense_are_a_mistake() -> None:
    with pytest.raises(RecipeError, match=r"sections.min: is 5, and max is 5 .max has to be more"):
        Sections(max=5, min=5)
    from dadeum.recipe import compose

    for key, value, what in (("sections", {"min": 5}, "sources.0.sections.min: is 5, and max is 0"), ("sections", {"mx": 5}, "sources.0.sections.mx: unknown key"),
                             ("chat", {"silence": -1}, "sources.0.chat.silence: "), ("chat", {"assistent": "x"}, "did you mean assistant"), ("content", "man", "sources.0.content: ")):  # fmt: skip
        with pytest.raises(RecipeError, match=what):
            compose({"name": "x", "sources": [{"path": "a.md", key: value}], "steps": []})
    made = compose({"name": "x", "sources": [{"path": __file__, "format": "text", "chat": {"assistant": "a"}, "sections": {"max": 9}}], "steps": []})
    assert made.sources[0].chat.assistant == ("a",) and made.sources[0].sections.max == 9
    with pytest.raises(RecipeError, match="say max as well"):
        Sections(min=5)


@pytest.mark.parametrize(
    ("head", "told"),
    [
        ("---\ntitle: 'a: b'\ntags: [x, y]\ndate: 2024-03-01\nlanguage: ko\n---\n", {"title": "a: b", "tags": ["x", "y"], "date": "2024-03-01", "lang": "ko"}),
        ("---\r\nlicense: MIT\r\n...\r\n", {"licence": "MIT"}),
        ('+++\ntitle = "t"\n[extra]\nn = 1\n+++\n', {"title": "t", "extra": {"n": 1}}),
        ("---\nprompt: p\nanswer: a\n1: one\n---\n", {"front_prompt": "p", "front_answer": "a", "1": "one"}),
    ],
)
def test_front_matter_becomes_fields(head: str, told: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "a.md").write_bytes(f"{head}\n글\n".encode())
    (row,) = rows(tmp_path / "a.md")
    assert {k: v for k, v in row.items() if k not in ("line", "text")} == told and row["text"].strip() == "글"
    chunk = next(io.read(tmp_path / "a.md", Source("x", fields={"licence": "licence"}), 10))
    assert chunk.rows["licence"].to_list() == [told.get("licence")], "a field that a document lacks is empty, no mistake"


@pytest.mark.parametrize("text", ["---\na line\n---\nb", "---\nx: [\n---\nb", "--- \n\nb", "---\nx: &a [1]\ny: [*a, *a]\n---\nb", "---\nx: 1\n", "a\n---\nx: 1\n---\n", "----\nx: 1\n---\n"])
def test_what_is_no_front_matter_stays_text(text: str, tmp_path: Path) -> None:
    assert front.split(text) == ({}, text)
    (tmp_path / "a.md").write_text(text)
    assert rows(tmp_path / "a.md")[0]["text"] == text


def test_a_page_tells_its_licence_and_its_formulas_survive() -> None:
    page = (
        '<html lang=ko><head><title>제목</title><link rel="license" href="https://creativecommons.org/licenses/by/4.0/"><meta property="article:published_time" content="2024-03-01"></head>'
        '<body><p>a <math alttext="x"><semantics><mi>x</mi><annotation encoding="application/x-tex">{\\displaystyle x^2}</annotation></semantics></math></p></body></html>'
    )
    assert text_of(page) == ("a $x^2$", {"title": "제목", "lang": "ko", "date": "2024-03-01", "licence": "CC-BY-4.0"})


PAGE = """<body><header>사이트 이름</header><nav><a href=1>메뉴</a></nav><div class="breadcrumb"><a href=2>위로</a></div>
<div id=wrap><article><h1>제목</h1><p>첫 문단은 글의 내용입니다. 여러 문장이 있습니다.</p><pre>code()</pre>
<p>둘째 문단에는 <a href=3>링크</a>가 하나 있습니다.</p><table><tr><td>표</td><td>값</td></tr></table><ul><li>목록 하나</li></ul></article>
<div class="related-posts"><ul><li><a href=4>다른 글</a></li></ul></div><ul><li><a href=5>또 다른 글</a></li></ul></div><footer>저작권</footer></body>"""


def test_main_content_of_a_page(tmp_path: Path) -> None:
    everything, main = text_of(PAGE)[0], text_of(PAGE, True)[0]
    assert main == "# 제목\n\n첫 문단은 글의 내용입니다. 여러 문장이 있습니다.\n\n```\ncode()\n```\n\n둘째 문단에는 링크가 하나 있습니다.\n\n| 표 | 값 |\n\n- 목록 하나"
    assert all(word in everything for word in ("사이트 이름", "다른 글", "저작권"))
    (tmp_path / "a.html").write_text(PAGE, encoding="utf-8")
    assert rows(tmp_path / "a.html", content="main")[0]["text"] == main and rows(tmp_path / "a.html")[0]["text"] == everything
    for odd in ("", "<nav>only</nav>", "<p>x", "<div>" * 3000 + "deep" + "</div>" * 3000, "<div class=menu>" * 2000, "plain"):
        assert ("deep" in odd, "only" in odd, "x" in odd) == tuple(word in text_of(odd, True)[0] for word in ("deep", "only", "x"))
    assert text_of("<body class=sidebar><div class=comments><p>the whole page is a list of comments</p></div></body>", True)[0].startswith("the whole")


TAGS = st.sampled_from(["<p>", "</p>", "<div class=menu>", "<div>", "</div>", "<ul><li><a href=x>", "</a></li></ul>", "<nav>", "</nav>", "<article>", "</article>", "<table><tr><td>", "</table>",
                        "<pre>", "</pre>", "<math alttext='a'>", "</math>", "<!-- ", " -->", "<script>", "</script>", "&lt;", "<", "글 ", "word. ", "\x00", "\u202e", "<svg>", "<body>", "<a>"])  # fmt: skip


@given(st.lists(TAGS | st.text(max_size=6), max_size=40))
def test_main_content_is_part_of_the_page(pieces: list[str]) -> None:
    """Whatever the page: nothing is invented, and a page with words outside of what is called navigation keeps some."""
    page = "".join(pieces)
    everything, main = text_of(page)[0], text_of(page, True)[0]
    assert not Counter("".join(main.split())) - Counter("".join(everything.split()))
    if "<" not in page.replace("<p>", "").replace("</p>", ""):
        assert "".join(main.split()) == "".join(everything.split())


@here
def test_main_content_of_real_pages() -> None:
    """As stated in article.py: six real English pages, formulas left out, and every Korean chapter against its Markdown."""
    found: dict[str, list[tuple[float, float, float]]] = {"en": [], "ko": []}
    for language, html, want in pages_gold.pages():
        got = text_of(html, True)[0]
        found[language].append(pages_gold.measure(re.sub(r"\$\$?[^$]+\$\$?", "", got) if language == "en" else got, want))
    assert {language: len(each) for language, each in found.items()} == {"en": 6, "ko": 51}
    assert {language: pages_gold.mean(each) for language, each in found.items()} == {"en": [0.943, 0.9, 0.918], "ko": [0.966, 0.973, 0.97]}
