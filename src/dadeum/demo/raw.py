"""The raw folder as a team would hand it over: exports of three tools, and beside it what is true about every row.

    OUT/raw/chat.jsonl      a chat tool, UTF-8
    OUT/raw/crm.csv         a CRM, cp949, Korean headings
    OUT/raw/forms/*.html    pages of a web form
    OUT/held_out.jsonl      a benchmark that must not be trained on: other customers
    OUT/truth.parquet       TRUTH, one line per raw row
"""

from __future__ import annotations

import csv
import html
import io
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson
import polars as pl

from dadeum.demo.dirt import Row
from dadeum.demo.messages import messages, pages, questions, spoil
from dadeum.errors import Mistake, RecipeError

ROWS: Final = 2400
TRUTH: Final = pl.Schema(
    {
        "id": pl.String(),
        "file": pl.String(),  # below raw/
        "line": pl.UInt32(),  # physical line of the file, from 1; 1 for a page
        "customer": pl.String(),
        "language": pl.String(),
        "kinds": pl.List(pl.String()),  # the dirt it carries; [] for a clean row
        "outcome": pl.String(),  # what a perfect recipe does: kept, cleaned, merged, dropped, capped, quarantined
        "label": pl.String(),  # the right category
        "told": pl.String(),  # what the export says
        "clean": pl.String(),  # the text without its dirt
        "marks": pl.List(pl.String()),  # strings that dirt put in and that an edit has to take out
        "origin": pl.String(),  # the row that it copies, or its own id
    }
)
SPELLINGS: Final = {
    "delivery": ("delivery", "Delivery", "shipping", "배송"),
    "refund": ("refund", "Refund", "return", "환불"),
    "payment": ("payment", "Payment", "billing", "결제"),
    "account": ("account", "Account", "login", "계정"),
    "fault": ("fault", "Fault", "defect", "고장"),
}
"""How the tools spell the categories; the last is the CRM's. The recipe's map knows them all."""
HEADINGS: Final = ("접수번호", "고객사", "일자", "담당자", "분류", "내용")


@dataclass(frozen=True)
class Raw:
    """What was written."""

    folder: Path
    truth: pl.DataFrame

    @property
    def planted(self) -> dict[str, int]:
        """kind -> rows."""
        counts = self.truth.select(pl.col("kinds").explode(empty_as_null=False, keep_nulls=False)).to_series().value_counts()
        return dict(sorted(counts.iter_rows()))


def write(out: Path, seed: int = 0, dirt: float = 1.0, rows: int = ROWS) -> Raw:
    """Write `out`/raw, `out`/held_out.jsonl and `out`/truth.parquet; the same arguments give the same bytes.

    rows: clean messages (the dirt comes on top). Raises RecipeError where `dirt` is outside 0..1 or `rows` below 600.
    """
    mistakes = []
    if not 0 <= dirt <= 1:
        mistakes.append(Mistake("dirt", f"has to be a number from 0 to 1, not {dirt!r}"))
    if rows < 600:
        mistakes.append(Mistake("rows", f"has to be at least 600 (five messages a customer), not {rows!r}"))
    if mistakes:
        raise RecipeError(mistakes)
    clean = messages(seed, rows)
    benchmark = questions(seed, clean)
    raw = out / "raw"
    (raw / "forms").mkdir(parents=True, exist_ok=True)
    made = spoil(clean, benchmark, seed, dirt)
    rng = random.Random(f"{seed}/spelling")
    told = [_chat(raw / "chat.jsonl", [row for row in made if row.channel == "chat"], rng)]
    told.append(_crm(raw / "crm.csv", [row for row in made if row.channel == "crm"]))
    told.append(_forms(raw / "forms", pages(seed)))
    truth = pl.concat(told)
    truth.write_parquet(out / "truth.parquet")
    lines = [orjson.dumps({"id": q.id, "customer": q.customer, "text": q.text, "label": q.label}) for q in benchmark]
    (out / "held_out.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    return Raw(raw, truth)


def _chat(path: Path, rows: list[Row], rng: random.Random) -> pl.DataFrame:
    """One JSON object a line; a truncated row's line ends early, a broken one holds bytes that are no UTF-8."""
    lines = []
    for row in rows:
        category = rng.choice(SPELLINGS[row.told][:3]) if row.told in SPELLINGS else row.told
        fields = {"ticket": row.id, "customer": row.customer, "date": row.date, "agent": row.annotator, "category": category}
        line = orjson.dumps({**fields, "message": row.text})
        if "truncated" in row.kinds:
            line = line[: -rng.randint(3, 20)].decode("utf-8", "ignore").encode()
        if "bad_bytes" in row.kinds:
            line = line[:-4] + b"\xff\xfe\x80" + line[-4:]
        lines.append(line)
    path.write_bytes(b"\n".join(lines) + b"\n")
    return _truth("chat.jsonl", rows, range(1, len(rows) + 1))


def _crm(path: Path, rows: list[Row]) -> pl.DataFrame:
    """CSV in cp949 with Windows line ends; a broken row holds a byte that cp949 has not."""
    lines = [_csv(HEADINGS)]
    for row in rows:
        category = SPELLINGS[row.told][3] if row.told in SPELLINGS else row.told
        line = _csv((row.id, row.customer, row.date, row.annotator, category, row.text))
        lines.append(line[:-4] + b"\xff" + line[-4:] if "bad_bytes" in row.kinds else line)
    path.write_bytes(b"".join(lines))
    return _truth("crm.csv", rows, range(2, len(rows) + 2))


def _csv(values: tuple[str, ...]) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(values)
    return buffer.getvalue().encode("cp949")


def _forms(folder: Path, rows: list[Row]) -> pl.DataFrame:
    for old in folder.glob("*.html"):
        old.unlink()
    told = []
    for i, row in enumerate(rows):
        head = f'<meta charset="utf-8"><meta name="customer" content="{row.customer}"><meta name="date" content="{row.date}">'
        body = html.escape(row.text).replace(". ", ".<br>\n")
        page = f'<!doctype html>\n<html lang="{row.language}"><head>{head}</head>\n<body><p>{body}</p></body></html>\n'
        (folder / f"{i:04d}.html").write_text(page, encoding="utf-8")
        told.append(_truth(f"forms/{i:04d}.html", [row], range(1, 2)))
    return pl.concat(told)


def _truth(file: str, rows: list[Row], lines: range) -> pl.DataFrame:
    names = ("id", "customer", "language", "kinds", "outcome", "label", "told", "clean", "marks")
    columns = {name: [getattr(row, name) for row in rows] for name in names}
    return pl.DataFrame(
        {**columns, "kinds": [list(r.kinds) for r in rows], "marks": [list(r.marks) for r in rows]}
        | {"file": [file] * len(rows), "line": list(lines), "origin": [row.origin or row.id for row in rows]},
        schema_overrides=dict(TRUTH),
    ).select(*TRUTH)
