"""A table for people and their machines: on a narrow screen each row is a small card, its cells labelled by the columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape


def stacked(columns: Sequence[str], rows: Iterable[Sequence[str]], title: str, numbers: int | None = None) -> str:
    """The table as HTML. title: the id of the element that names it; numbers: from which column on cells stand to the right, None: nowhere."""
    right = ["" if numbers is None or i < numbers else " class=r" for i in range(len(columns))]
    head = "".join(f'<th scope="col" role="columnheader"{side}>{escape(name)}</th>' for name, side in zip(columns, right))
    body = "".join(
        '<tr role="row">'
        + "".join(f'<td role="cell"{side} data-label="{escape(name)}"><span>{escape(text)}</span></td>' for name, side, text in zip(columns, right, row))
        + "</tr>"
        for row in rows
    )
    return f'<table class="stack" role="table" aria-labelledby="{title}"><thead role="rowgroup"><tr role="row">{head}</tr></thead><tbody role="rowgroup">{body}</tbody></table>'
