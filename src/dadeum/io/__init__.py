"""Files to records and back: one format a file.

    sources     the files that a source names              read      a file as chunks of records
    writer      records to a file, by its ending           place     where a row came from, in words

| file         | reads                                                                      |
|--------------|----------------------------------------------------------------------------|
| jsonl.py     | JSON Lines (.jsonl, .ndjson, a .json of lines), plain, .gz or .zst         |
| array.py     | JSON arrays, and objects that hold one (.json), plain, .gz or .zst         |
| table.py     | CSV and TSV, any encoding, quoted or not                                   |
| parquet.py   | Parquet, our own and any other                                             |
| document.py  | .txt, .md, .html: a file, a record, or a section of it (sections.py)       |
| pdf.py       | .pdf: a page, a record                                                     |
| chatlog/     | exports of KakaoTalk, Slack and Discord, and zips of them: a conversation  |

A row becomes a record by its layout (layout.py, kinds.py, turns.py) as the source says (lens.py), and is built again from it
(back.py) or given another form (forms.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from dadeum import remote
from dadeum.errors import Mistake, RecipeError, nearest
from dadeum.io.chunk import Bad, Chunk
from dadeum.io.stream import suffix
from dadeum.step import files

if TYPE_CHECKING:
    from dadeum.io.writers import Writer
    from dadeum.settings import Source

__all__ = ["Bad", "Chunk", "place", "read", "sources", "unwritable", "writer"]

Kind = Literal["line", "row"]
ENDINGS: Final = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".parquet": "parquet",
    ".txt": "text",
    ".text": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".pdf": "pdf",
    ".zip": "zip",
}
"""The format that an ending tells."""
MAYBE: Final = ("text", "json", "csv")
"""Formats that exports of messengers come in too."""
BESIDE: Final = ("chat.html", "message_feedback.json", "projects.json", "users.json")
"""Files that lie beside conversations.json in an export of ChatGPT or Claude."""
EXPORTS: Final = ("kakaotalk", "slack", "discord", "zip")


def sources(source: Source) -> list[str]:
    """The files that a source's path names (paths, or urls), sorted by name; of a folder those with an ending that can be read.

    Raises RecipeError where there are none.
    """
    where = f"sources.{source.name}.path" if source.name else "sources.path"
    away = remote.is_remote(source.path)
    if not away and _is_slack(source):
        return [source.path]
    found = list(remote.find(source.path)) if away else _unpacked(source) or [str(path) for path in files(source.path)]
    if not found:
        hint = "" if away else _nearby(Path(source.path))
        raise RecipeError(Mistake(where, f"there is no file {remote.shown(source.path)}", hint))
    if source.format != "auto":
        return found
    known = [name for name in found if suffix(Path(remote.shown(name))) in ENDINGS]
    if folder(source.path, found):
        found = known
    if len(known) < max(1, len(found)):
        odd = remote.shown(next((name for name in found if name not in known), source.path))
        hint = f"say what it is with `format:`, or name files that end in {', '.join(ENDINGS)}"
        raise RecipeError(Mistake(where, f"{odd} has no ending that tells its format", hint))
    return found


def _is_slack(source: Source) -> bool:
    """Whether the path is the folder of Slack's export, which is read as a whole."""
    if source.format not in ("auto", "slack") or not Path(source.path).is_dir():
        return False
    from dadeum.io.chatlog import slack

    return source.format == "slack" or slack.is_folder(Path(source.path))


def _unpacked(source: Source) -> list[str]:
    """The conversations in the folder of an unpacked export of ChatGPT or Claude, which the other files there only repeat or list."""
    path = Path(source.path)
    if source.format != "auto" or not any((path / name).is_file() for name in BESIDE):
        return []
    return sorted(str(file) for file in path.glob("conversations*.json"))


def folder(path: str, found: list[str]) -> bool:
    """Whether a path is a folder that holds the files found (Slack's export is a file itself)."""
    if found == [path]:
        return False
    return Path(path).is_dir() or (remote.is_remote(path) and all(Path(path) in Path(name).parents for name in found))


def _nearby(path: Path) -> str:
    """The nearest name that is there."""
    folder = path.parent
    while not folder.is_dir() and folder != folder.parent:
        path, folder = folder, folder.parent
    names = [p.name for p in folder.iterdir() if not p.name.startswith(".")] if folder.is_dir() else []
    if not names:
        return f"{folder} is empty"
    return f"in {folder}: {nearest(path.name, names[:50])}"


def format_of(path: Path, source: Source) -> str:
    """How a file is read: `format` of the source, or what its ending tells, and of an export of a messenger what it holds."""
    if source.format != "auto":
        return source.format
    if path.is_dir():
        return "slack"
    kind = ENDINGS.get(suffix(path), "text")
    if kind not in MAYBE:
        return kind
    from dadeum.io import chatlog

    return chatlog.found(path, kind) or kind


def read(path: Path, source: Source, size: int, skip: int = 0) -> Iterator[Chunk]:
    """The file as chunks that cover `size` raw records each (the last one fewer), whatever was in them.

    skip: whole chunks to leave out, for work that goes on where it stopped. Blank lines are no records. Raises RecipeError for
    fields that no row of the first chunk has, and for an encoding that can't be told.
    """
    from dadeum.io.lens import Lens

    path = Path(path)
    lens = Lens(source)
    kind = format_of(path, source)
    if kind == "json":
        from dadeum.io import array
        from dadeum.io.encoding import detect

        if not array.is_lines(path, detect(path, source.encoding, json=True)):
            return array.read(path, lens, size, skip)
    if kind in ("jsonl", "json"):
        from dadeum.io import jsonl

        return jsonl.read(path, lens, size, skip)
    if kind in ("csv", "tsv"):
        from dadeum.io import table

        return table.read(path, lens, size, skip, "\t" if kind == "tsv" else ",")
    if kind == "parquet":
        from dadeum.io import parquet

        return parquet.read(path, lens, size, skip)
    if kind in EXPORTS:
        from dadeum.io import chatlog

        return chatlog.read(path, lens, size, skip, kind)
    if kind == "pdf":
        from dadeum.io import pdf

        return pdf.read(path, lens, size, skip)
    from dadeum.io import document

    return document.read(path, lens, size, skip, kind)


def place(path: Path | str, line: int, kind: Kind = "line") -> str:
    """Where a row came from, in words.

    >>> place("a.jsonl", 3), place("a.parquet", 3, "row")
    ('a.jsonl:3', 'a.parquet#3')
    """
    return f"{path}{':' if kind == 'line' else '#'}{line}"


def writer(path: Path | str, format: str = "source") -> Writer:
    """A writer that streams records to exactly this file, in a format of `Output.format`. See writers.py."""
    from dadeum.io.writers import writer as made

    return made(Path(path), format)


def unwritable(path: Path | str, format: str = "source") -> list[Mistake]:
    """Why no file can be written under this name or in this format, known before anything is read; none where it can."""
    from dadeum.io.writers import unwritable as found

    return found(Path(path), format)
