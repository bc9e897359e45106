"""`dadeum look`: statistics and pictures of any data file, glob, folder or run.

Read once, chunk by chunk; then the few texts that are shown (the most repeated ones, conflicts, the rows behind a bar) are read again
from where they stand. Everything that a row said passes through `guard.pii`'s mask before it goes anywhere: page, JSON and terminal alike.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

import dadeum
from dadeum.errors import DadeumError, Mistake, RecipeError
from dadeum.report import coverage, look_page, look_text, shown, sides, survey
from dadeum.report.files import File, batches, opened, unreadable
from dadeum.report.words import Words, count


@dataclass(frozen=True)
class Asked:
    """What a look is asked for beside the data."""

    against: Path | None = None
    """Another file, folder or run that is put beside it."""
    target: Path | None = None
    """Rows that the data should cover: a test set, users' questions."""
    tokenizer: str = ""
    """As `annotate.tokens` takes it; without one, tokens are estimated by language."""
    sets: Sequence[str] = ()
    """`source.KEY=VALUE`: how the data are read."""


def run(path: Path, out: Path | None, lang: str, as_json: bool, asked: Asked = Asked()) -> None:
    """Look at `path`, write a page (look.html, or `out`) and print a summary; as JSON, print that alone and write only what is asked for.

    Raises RecipeError for a path that names nothing that can be read, an unusable `out`, an unknown language or tokenizer; MissingExtra
    for a tokenizer without `tokenizers`; DadeumError where no row could be read.
    """
    t = Words(lang)
    files, made = opened(path, asked.sets)
    page = out or (None if as_json else Path("look.html"))
    others = [opened(other)[0] for other in (asked.against, asked.target) if other is not None]
    if page is not None:
        _writable(page, [*files, *(file for piles in others for file in piles)])
    told = look(path, files, made, asked)
    if page is not None:
        _write(page, look_page.render(told, lang))
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(told, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        return
    print(look_text.summary(told, lang, shutil.get_terminal_size((100, 24)).columns))
    print(f"\n{t('look.page')}: {page}")


def look(path: Path, files: list[File], made: dict[str, Any] | None = None, asked: Asked = Asked()) -> dict[str, Any]:
    """All statistics as plain JSON, the strings of rows concealed and cut. made: run.json, where the files are a run's.

    Raises RecipeError where the files hold no rows, DadeumError where none of them could be read.
    """
    found = survey.Survey(asked.tokenizer, sampled=asked.target is not None)
    for rows, text in batches(files):
        found.add(rows, text)
    counts = {"read": sum(f.read for f in files), "records": found.records, "unreadable": sum(f.unreadable for f in files)}
    reasons = unreadable(files)
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
    beside: list[File] = []
    told["coverage"] = None
    if asked.target is not None and found.sample is not None:
        beside = _numbered(opened(asked.target)[0], len(files))
        told["coverage"] = covered(found.sample, asked.target, beside)
    told = shown.finished(told, [*files, *beside])
    told["against"] = side_by_side(path, files, asked.against, opened(asked.against)[0]) if asked.against is not None else None
    return told


def covered(data: coverage.Pile, target: Path, files: list[File]) -> dict[str, Any]:
    """What `coverage.compare` tells of the data and a target set, rows as numbers; `near` is None where there is nothing to compare.

    Raises DadeumError where none of the target can be read.
    """
    wanted = survey.targets(rows for rows, _ in batches(files))
    _readable(files)
    told = coverage.compare(data, wanted)
    return {"path": str(target), **(told or {"near": None, "gaps": [], "far": [], "target": {"looked_at": 0, "of": wanted.of}})}


def side_by_side(path: Path, files: list[File], against: Path, beside: list[File]) -> dict[str, Any]:
    """What `sides.compare` tells of two piles of files, the strings of rows concealed and cut. Raises DadeumError where none can be read."""
    two = (sides.Side(), sides.Side())
    every = [*_numbered(files, 0), *_numbered(beside, len(files))]
    for side, part in zip(two, (every[: len(files)], every[len(files) :])):
        for rows, _ in batches(part):
            side.add(rows)
        _readable(part)
    told = sides.compare(*two)
    lists = [*told["gone"].values(), *(line["rows"] for line in told["slices"])]
    wanted = {row for pair in told["shown"] for row in pair.values()} | {row for rows in lists for row in rows}
    entry = shown.again(wanted, every, exchanges=told["of"] == "answers")
    told["shown"] = [{side: entry[row] for side, row in pair.items()} for pair in told["shown"]]
    told["gone"] = {side: [entry[row] for row in rows] for side, rows in told["gone"].items()}
    for line in told["slices"]:
        line["rows"] = [entry[row] for row in line["rows"]]
    shown.hide([(line, "value") for line in told["slices"] if line["by"] == "source"])
    return {"a": str(path), "b": str(against), **told}


def _numbered(files: list[File], first: int) -> list[File]:
    """The same files, to be read afresh, as others than those that were read before."""
    return [replace(file, number=first + i, measured="", reasons={}) for i, file in enumerate(files)]


def _readable(files: list[File]) -> None:
    if broken := [file.error for file in files if file.error and not file.read]:
        raise DadeumError("\n".join(broken[:5]))


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
