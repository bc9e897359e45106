"""What the readers recognise, planted: code pages, exports of messengers, sections of documents. Lines of docs/truth.md beside those of the steps.

    io.encoding   a file of a few sentences in a code page that says nowhere what it is; found: read to the letter. Claimed: files told to be no UTF-8
    io.chatlog    an export, among texts, tables and JSON that are none; found: taken for what it is, and its conversation whole
    io.sections   a document whose sections are known; found: the section read as one record. Claimed: all records
"""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import dirt_names
import dirt_speakers
from dadeum import io
from dadeum.io.encoding import guess
from dadeum.settings import Sections, Source
from dirt import Line

PAGES: Final = {"ko": ("cp949", "johab", "utf-16-le", "utf-16-be", "utf-32-le", "iso2022_kr"), "en": ("cp1252", "utf-16-le", "utf-16-be", "utf-32-be")}
SENTENCES: Final = {
    "ko": [s.format("가온", 이="이", 과="과", 은="은", 을="을") for level in dirt_names.KOREAN.values() for s in level],
    "en": ["a café in the old town", "naïve, and it costs £5", "the señor paid €20 for crème brûlée", "plain words stand beside the façade", "a résumé of two pages", "it’s “quoted” — and dashed"],
}  # fmt: skip
NONE: Final = {
    "a.txt": "[공지] [오후 3:20] 은 대화가 아닙니다\n그 밖의 글\n", "b.txt": "저장한 날짜는 2024년입니다.\n본문\n", "c.csv": "date,user,text\n2024-01-01,가온,안녕\n", "d.json": '[{"guild": "x", "text": "안녕"}]',
    "e.jsonl": '{"text": "[Gaon] [3:20 PM] hi"}\n', "f.txt": "Date Saved : never\nplain text\n",
}  # fmt: skip
"""Files that look like an export from afar."""


def lines() -> list[Line]:
    """All of them."""
    with tempfile.TemporaryDirectory() as folder:
        return [*_encodings(Path(folder)), *_chats(Path(folder)), *_sections(Path(folder))]


def _encodings(folder: Path) -> Iterator[Line]:
    for language, pages in PAGES.items():
        draw = random.Random(f"pages/{language}")
        told = {"utf-8": 0, **dict.fromkeys(pages, 0)}
        right = dict.fromkeys(told, 0)
        for page in told:
            for _ in range(30):
                said = draw.choices(SENTENCES[language], k=5)
                path = folder / "page.txt"
                path.write_bytes("\n".join(said).encode(page))
                told[page] += (guess(path.read_bytes()) or "utf-8") not in ("utf-8", "ascii")
                right[page] += [t for chunk in io.read(path, Source(str(path)), 100) for t in chunk.rows["text"]] == ["\n".join(said)]
        for page in pages:
            yield Line("io.encoding", language, page, 30, right[page], told[page] + told["utf-8"], min(right[page], told[page]))


def _chats(folder: Path) -> Iterator[Line]:
    for name, content in NONE.items():
        (folder / name).write_text(content, encoding="utf-8")
    false = sum(io.format_of(folder / name, Source(name)) in ("kakaotalk", "slack", "discord", "zip") for name in NONE)
    every = list(dirt_speakers.exports(folder / "chats"))
    for language, (turns, _, _) in dirt_speakers.TURNS.items():
        mine = [e for e in every if e.language == language and e.kind in ("kakaotalk", "kakaotalk table", "slack", "discord")]
        told = [io.format_of(e.path, Source(str(e.path))) in ("kakaotalk", "slack", "discord", "zip") for e in mine]
        # Every word that was said stands in the conversation, in order.
        whole = [all(t in json.dumps([m["content"] for row in dirt_speakers.read(e)["messages"].to_list() for m in row], ensure_ascii=False) for _, t in turns) for e in mine]
        found = sum(a and b for a, b in zip(told, whole))
        yield Line("io.chatlog", language, "an export of a messenger", len(mine), found, sum(told) + false, found)


def _sections(folder: Path) -> Iterator[Line]:
    for language, sentences in SENTENCES.items():
        draw = random.Random(f"sections/{language}")
        n = found = claimed = 0
        for number in range(10):
            bodies = [" ".join(draw.choices(sentences, k=6)) for _ in range(5)]
            path = folder / f"doc{number}.md"
            path.write_text("\n\n".join(f"{'#' * draw.randint(1, 3)} {i}. {body[:12]}\n\n{body}" for i, body in enumerate(bodies)), encoding="utf-8")
            longest = max(map(len, bodies)) + 40
            made = [t for chunk in io.read(path, Source(str(path), sections=Sections(max=longest)), 100) for t in chunk.rows["text"]]
            n, claimed = n + len(bodies), claimed + len(made)
            found += sum(sum(body in text for text in made) == 1 and sum(other in text for text in made if body in text for other in bodies) == 1 for body in bodies)
        yield Line("io.sections", language, "a section of a document", n, found, claimed, min(found, claimed))
