"""`dadeum look`: statistics and pictures of any data file, glob, folder or run.

Read once, chunk by chunk; then the few texts that are shown (the most repeated ones, conflicts) are read again from where they first
stand. Everything that a row said passes through `guard.pii`'s mask before it goes anywhere: page, JSON and terminal alike.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import orjson
import polars as pl

import dadeum
from dadeum import io
from dadeum.errors import DadeumError, Mistake, RecipeError
from dadeum.ledger import read_run
from dadeum.report import look_page, look_text, sample, sides, survey
from dadeum.report.words import Words, count
from dadeum.settings import Source

CHUNK: Final = 16_384
"""Raw rows that are read at once."""
SHOWN: Final = 280
"""Characters of a text that are shown."""
REASONS: Final = 50
"""Different reasons why rows could not be read that are told apart."""


@dataclass
class File:
    """One file: how it is read, and what came of it."""

    path: Path
    number: int
    source: Source
    measured: str = ""
    """The field that is taken for the text, where no layout was found."""
    mark: str = ":"
    read: int = 0
    unreadable: int = 0
    error: str = ""
    reasons: dict[str, list[Any]] = field(default_factory=dict)
    """Reason -> [rows, the first of them]."""

    def chunks(self) -> Iterator[pl.DataFrame]:
        """The records, `row` being file number * 2^32 + line. What can't be read is counted."""
        self.read = self.unreadable = 0
        stream = io.read(self.path, self.source, CHUNK)
        first = next(stream, None)
        if first is not None and not self.source.fields and (name := survey.field_to_measure(first.rows)):
            self.measured = name
            self.source = replace(self.source, fields={"text": name})
            stream = io.read(self.path, self.source, CHUNK)
            first = next(stream, None)
        for chunk in itertools.chain([first] if first else [], stream):
            self.mark = chunk.mark
            self.read += chunk.read
            self.unreadable += len(chunk.bad)
            for bad in chunk.bad:
                reason = _reason(bad.error)
                known = self.reasons if reason in self.reasons or len(self.reasons) < REASONS else {}
                known.setdefault(reason, [0, bad.line])[0] += 1
            row = (pl.lit(self.number, dtype=pl.UInt64) * 2**32 + pl.col("line")).alias("row")
            yield chunk.rows.with_columns(row)

    def place(self, row: int) -> str:
        """Where a row stands: path:line."""
        return f"{self.path}{self.mark}{row % 2**32}"


def run(path: Path, out: Path | None, lang: str, as_json: bool, against: Path | None = None) -> None:
    """Look at `path`, write a page (look.html, or `out`) and print a summary; as JSON, print that alone and write only what is asked for.

    against: another file, folder or run that is put beside it.

    Raises RecipeError for a path that names nothing that can be read, an unusable `out` and an unknown language; DadeumError
    where no row could be read.
    """
    t = Words(lang)
    files, made = opened(path)
    page = out or (None if as_json else Path("look.html"))
    beside = opened(against)[0] if against is not None else []
    if page is not None:
        _writable(page, [*files, *beside])
    told = look(path, files, made)
    told["against"] = side_by_side(path, files, against, beside) if against is not None else None
    if page is not None:
        _write(page, look_page.render(told, lang))
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(told, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        return
    print(look_text.summary(told, lang, shutil.get_terminal_size((100, 24)).columns))
    print(f"\n{t('look.page')}: {page}")


def opened(path: Path) -> tuple[list[File], dict[str, Any] | None]:
    """The files that a path names, and run.json where it is a run's folder: then its files are those of data/, together."""
    made = read_run(path) if (path / "run.json").is_file() else None
    where = Source(path=str(path / "data/*.parquet" if made else path))
    try:
        paths = io.sources(where)
    except RecipeError as error:
        raise RecipeError(Mistake(str(path), m.what, m.hint) for m in error.mistakes) from None
    return [File(Path(p), number, Source(path=p)) for number, p in enumerate(paths)], made


def look(path: Path, files: list[File], made: dict[str, Any] | None = None) -> dict[str, Any]:
    """All statistics as plain JSON, the strings of rows concealed and cut. made: run.json, where the files are a run's.

    Raises RecipeError where the files hold no rows, DadeumError where none of them could be read.
    """
    found = survey.Survey()
    for rows, text in _batches(files):
        found.add(rows, text)
    counts = {"read": sum(f.read for f in files), "records": found.records, "unreadable": sum(f.unreadable for f in files)}
    reasons = _reasons(files)
    broken = [f.error for f in files if f.error]
    if not counts["read"] and broken:
        raise DadeumError("\n".join(broken[:5]))
    if not counts["read"]:
        raise RecipeError(Mistake(str(path), "holds no records", "the file is empty" if len(files) == 1 else f"all {len(files)} files are empty"))
    if not counts["records"]:
        why = "; ".join(f"{r['reason']} ({count(r['n'])}, first at {r['first']})" for r in reasons[:3])
        raise DadeumError(f"{path}: none of its {count(counts['read'])} rows could be read: {why}")
    told = {
        "path": str(path),
        "version": dadeum.__version__,
        "run": {k: made.get(k) for k in ("name", "seed", "counts", "splits", "dataset_digest")} if made else None,
        "counts": counts,
        "unreadable": reasons,
        "measured": sorted({f.measured for f in files if f.measured}),
        **found.tell(),
    }
    sizes = told.pop("sizes")
    told["files"] = [
        {"path": str(f.path), "read": f.read, "records": f.read - f.unreadable, "unreadable": f.unreadable}
        | {"length": sizes.get(f.number), "measured": f.measured, "error": f.error}
        for f in files
    ]
    return _finished(told, files)


def side_by_side(path: Path, files: list[File], against: Path, beside: list[File]) -> dict[str, Any]:
    """What `sides.compare` tells of two piles of files, the strings of rows concealed and cut. Raises DadeumError where none can be read."""
    two = (sides.Side(), sides.Side())
    every = [replace(file, number=number, measured="", reasons={}, source=Source(path=str(file.path))) for number, file in enumerate([*files, *beside])]
    for side, part in zip(two, (every[: len(files)], every[len(files) :])):
        for rows, _ in _batches(part):
            side.add(rows)
        if broken := [file.error for file in part if file.error and not file.read]:
            raise DadeumError("\n".join(broken[:5]))
    told = sides.compare(*two)
    wanted = {row for pair in told["shown"] for row in pair.values()} | {row for rows in told["gone"].values() for row in rows}
    texts = dict(_again(wanted, every))
    shown = {row: (texts[row][0] or "") for row in wanted}
    concealed = dict(zip(shown, sample.concealed(list(shown.values()))))
    entry = {row: {"text": text[:SHOWN] + (" …" if len(text) > SHOWN else ""), "place": every[row // 2**32].place(row)} for row, text in concealed.items()}
    told["shown"] = [{side: entry[row] for side, row in pair.items()} for pair in told["shown"]]
    told["gone"] = {side: [entry[row] for row in rows] for side, rows in told["gone"].items()}
    return {"a": str(path), "b": str(against), **told}


def _batches(files: list[File]) -> Iterator[tuple[pl.DataFrame, str]]:
    """Chunks of all files and the name of their text; those of small files together, a file at a time would cost more than its rows."""
    held: list[pl.DataFrame] = []
    text = "text"
    for file in files:
        try:
            for rows in file.chunks():
                name = file.measured or "text"
                if held and (name != text or held[0].schema != rows.schema or sum(h.height for h in held) + rows.height > CHUNK):
                    yield pl.concat(held), text
                    held = []
                held.append(rows)
                text = name
        except DadeumError as error:
            # One damaged file of many must not hide the others; alone, it is the answer.
            if len(files) == 1:
                raise
            file.error = str(error).strip()
        _progress(file, len(files))
    if held:
        yield pl.concat(held), text
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr)


def _progress(file: File, of: int) -> None:
    if sys.stderr.isatty() and of > 1:
        print(f"\r{file.number + 1:,} / {of:,}", end="", file=sys.stderr, flush=True)


def _reasons(files: list[File]) -> list[dict[str, Any]]:
    """Why rows could not be read, the most frequent reason first."""
    told: dict[str, dict[str, Any]] = {}
    for file in files:
        for reason, (n, line) in file.reasons.items():
            told.setdefault(reason, {"reason": reason, "n": 0, "first": file.place(line)})["n"] += n
    return sorted(told.values(), key=lambda r: -r["n"])[:REASONS]


def _reason(error: str) -> str:
    """An error without what differs from row to row: positions, bytes, and what the row itself says.

    >>> _reason("not JSON: unexpected end of data: line 1 column 9 (char 8)"), _reason("score is no number: 'a@b.kr'")
    ('not JSON: unexpected end of data', 'score is no number: …')
    """
    error = re.sub(r"(['\"]).*\1", "…", error.split("\n")[0])
    error = re.sub(r":? (?:at )?(?:line|position|byte) \S+.*$", "", error)
    return sample.concealed([error])[0][:160]


def _finished(told: dict[str, Any], files: list[File]) -> dict[str, Any]:
    """`told` with the texts that are shown in place of their rows, everything concealed and cut."""
    repeated = [*told["texts"], *told["conflicts"]["shown"]]
    behind = _behind(told)
    wanted = {e["row"] for e in (*repeated, *told["answers"])} | {row for holder, key in behind for row in holder[key]}
    wanted |= {row for pair in told["near"]["shown"] for row in (pair["row"], pair["other"])}
    texts = dict(_again(wanted, files))
    for holder, key in behind:
        holder[key] = [{"row": row, "text": texts[row][0]} for row in holder[key]]
    for pair in told["near"]["shown"]:
        pair["rows"] = [{"row": row, "text": texts[row][0]} for row in (pair.pop("row"), pair.pop("other"))]
    for entry in repeated:
        entry["text"] = texts[entry["row"]][0]
    for entry in told["answers"]:
        entry["text"] = texts[entry["row"]][1]
    shown = [*repeated, *told["answers"], *told["longest"], *told["shortest"], *(e for holder, key in behind for e in holder[key])]
    shown += [e for pair in told["near"]["shown"] for e in pair["rows"]]
    for entry, text in zip(shown, sample.concealed([e["text"] or "" for e in shown])):
        entry["text"] = text[:SHOWN] + (" …" if len(text) > SHOWN else "")
    for entry in shown:
        row = entry.pop("row")
        entry["place"] = files[row // 2**32].place(row)
    for entry in told["conflicts"]["shown"]:
        entry["labels"] = _named(entry["labels"])
    if told["labels"]:
        told["labels"]["values"] = _named(told["labels"]["values"])
    told["behind"]["label"] = _merged(told["behind"]["label"])
    for one in told["fields"]:
        one["name"] = _name(one["name"])
        one["values"] = _named(one["values"])
    for one in (*told["personal"]["fields"], *told["differing"]):
        one["field"] = _name(one["field"])
    for one in (*told["topics"], *told["verbs"]):
        one["name"] = _name(one["name"])
    for one in told["slices"]:
        one["field"] = _name(one["field"])
        for value, name in zip(one["values"], sample.concealed([v["value"] for v in one["values"]])):
            value["value"] = name[:120]
    for one in told["layouts"]:
        one["fields"] = {_name(k): v for k, v in one["fields"].items()}
    if told["chats"]:
        for key in ("roles", "last"):
            told["chats"][key] = dict(_named(list(told["chats"][key].items())))
    told["lengths"] = {_name(k): v for k, v in told["lengths"].items()}
    told["measured"] = [_name(name) for name in told["measured"]]
    for one in told["files"]:
        one["measured"] = _name(one["measured"])
    return told


def _behind(told: dict[str, Any]) -> list[tuple[Any, str]]:
    """(holder, key) of every list of rows that stands behind a bar."""
    bars = [check for quality in told["qualities"].values() for check in quality["checks"]]
    bars += [*told["outliers"], *told["topics"], *told["verbs"], *told["languages"].values(), *told["registers"].values(), *(v for s in told["slices"] for v in s["values"])]
    return [(bar, "rows") for bar in bars] + [(found, value) for found in told["behind"].values() for value in found]


def _merged(behind: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """The bars under their concealed names; those that become the same are put together."""
    made: dict[str, list[Any]] = {}
    for name, rows in zip(sample.concealed(list(behind)), behind.values()):
        made[name[:120]] = [*made.get(name[:120], []), *rows][:3]
    return made


def _again(wanted: set[int], files: list[File]) -> Iterator[tuple[int, tuple[str | None, str | None]]]:
    """(row, (all that it says, what its assistant says)) of some rows, read no further than the last of them."""
    for file in files:
        mine = {row for row in wanted if row // 2**32 == file.number}
        copy = replace(file, reasons={})
        for rows in copy.chunks() if mine else ():
            few = rows.filter(pl.col("row").is_in(list(mine)))
            row = few.get_column("row").to_list()
            yield from zip(row, zip(*(s.str.slice(0, survey.CUT).to_list() for s in (survey.whole(few), survey.answered(few)))))
            mine -= set(row)
            if not mine:
                break


def _named(values: list[Any]) -> list[list[Any]]:
    """[value, n] pairs, the values concealed; those that become the same are added up."""
    sums: Counter[str] = Counter()
    for (_, n), value in zip(values, sample.concealed([str(v) for v, _ in values])):
        sums[value[:120]] += n
    return [[value, n] for value, n in sums.most_common()]


def _name(name: str) -> str:
    return sample.concealed([name])[0][:120]


def _writable(out: Path, files: list[File]) -> None:
    if out.is_dir() or not out.parent.is_dir():
        raise RecipeError(Mistake("--out", f"{out} is a folder" if out.is_dir() else f"the folder {out.parent} does not exist"))
    if out.exists() and any(out.samefile(f.path) for f in files):
        raise RecipeError(Mistake("--out", f"{out} is one of the files that are looked at"))


def _write(out: Path, text: str) -> None:
    """Whole or not at all, readable by its owner alone: it shows rows."""
    draft = out.with_name(f".{out.name}.draft")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(out)
