"""Who labelled what: annotators' votes found in the rows by their names and shapes, and how far they agree by `annotate.agreement`.

    a row a vote      a field `annotator`, `worker_id`, `작업자` beside `label`; rows that say the same are one item
    a column each     `label1`, `label2`, ... or `annotator_kim`, `annotator_lee`: fields with few values in common
    a list a row      `annotations: [{workerID: 7, vote: yes}, ...]`

The first that is found counts, and that it was so taken is told. Names that are personal data become numbers (`_annotators.py`).
"""

from __future__ import annotations

import re
from typing import Any, Final

import polars as pl

from dadeum.errors import RecipeError
from dadeum.io.value import loads
from dadeum.report.even import SAMPLE, Even
from dadeum.report.tally import Column
from dadeum.steps.annotate.agreement import Agreement

PEOPLE: Final = r"annotator|worker|rater|labell?er|coder|judge|assessor|작업자|평가자|라벨러|검수자"
ANNOTATOR: Final = re.compile(rf"(?i)^(?:{PEOPLE})s?[_ -]?(?:id|name|no)?$")
"""Names of fields that say who voted; `author` is who wrote a text, not who judged it."""
NUMBERED: Final = re.compile(rf"(?i)^((?:gold[_ -]?)?(?:label|vote|rating|annotation|{PEOPLE}|라벨|투표|평가))[_ .-]?(?:\d{{1,2}}|[a-e])$")
NAMED: Final = re.compile(rf"(?i)^({PEOPLE})[_:.-](?!id$|name$|no$|count$)\w{{1,40}}$")
LISTS: Final = re.compile(r"(?i)annotations?|votes?|ratings?|labels?|투표|평가|라벨")
MOST: Final = 30
"""Different votes: with more of them the fields hold no votes."""
ASKED: Final = 6
"""Items to ask again that are shown."""


class Votes:
    """Votes of many chunks."""

    def __init__(self) -> None:
        self._how: tuple[str, tuple[str, ...]] | None = None
        self._step: Agreement | None = None
        self._parts: list[pl.DataFrame] = []
        self._even = Even(SAMPLE)

    def add(self, rows: pl.DataFrame, others: list[Column]) -> None:
        """Take one chunk's votes. others: the fields that are carried."""
        columns = {name: column for name, column, _ in others if len(column) == rows.height}
        if self._step is None:
            self._find(rows, columns)
        if self._step is None or self._how is None:
            return
        kind, names = self._how
        # Where every row is an item, an even sample tells as much; where rows share items, none may be missing.
        at = pl.Series(range(rows.height), dtype=pl.UInt32) if kind == "rows" else self._even.take(rows.get_column("row"))[0]
        few = rows[at].with_columns(pl.col("row").cast(pl.String).alias("id"))
        gone = pl.Series([None], dtype=pl.String).new_from_index(0, len(at))
        given = {name: columns[name].gather(at) if name in columns else gone for name in names}
        held = {name: column if column.dtype.is_nested() else column.cast(pl.String) for name, column in given.items()}
        self._parts.append(self._step.sketch(few.drop(*held, strict=False).with_columns(column.alias(name) for name, column in held.items())))

    def _find(self, rows: pl.DataFrame, columns: dict[str, pl.Series]) -> None:
        who = next((name for name in columns if ANNOTATOR.search(name) and not columns[name].dtype.is_nested()), "")
        if who and rows.get_column("label").null_count() < rows.height:
            self._how, self._step = ("rows", (who,)), Agreement(votes=("label",), item=("text", "messages"), annotator=who)
            return
        for pattern in (NUMBERED, NAMED):
            stems: dict[str, list[str]] = {}
            for name, column in columns.items():
                if (found := pattern.search(name)) and not column.dtype.is_nested():
                    stems.setdefault(found[1].lower(), []).append(name)
            for mine in stems.values():
                if len(mine) > 1 and _votes([columns[name] for name in mine]):
                    self._how, self._step = ("columns", tuple(mine)), Agreement(votes=tuple(mine))
                    return
        for name, column in columns.items():
            keys = _keys(column) if LISTS.search(name) else []
            people = [key for key in keys if ANNOTATOR.search(key)]
            said = [key for key in keys if key not in people]
            if people and said:
                self._how, self._step = ("lists", (name,)), Agreement(votes=(name,), annotator=people[0], value=said[0])
                return

    def tell(self) -> dict[str, Any] | None:
        """{how, fields, items, votes, alpha, low, high, observed, prevalence, by, ask, first}, or None where no votes were found.

        by: [{annotator, votes, agrees, low, high, accuracy, why}], who should be asked again first. ask: why -> items that should be
        asked again. first: [{why, rows: [row]}] of the most urgent of them.
        """
        if self._step is None or self._how is None or not self._parts:
            return None
        rows = pl.concat(self._parts)
        if self._how[0] != "rows":
            rows = rows.filter(self._even.inside(rows.get_column("row")))
        try:
            told = self._step.report(self._step.relate(rows))
        except RecipeError:  # so many different votes that they are none
            return None
        if told["votes"] <= told["items"] or len(told["classes"]) > MOST:
            return None  # nobody voted on what another voted on
        alpha = told["alpha"]
        by = [{key: line.get(key) for key in ("annotator", "votes", "agrees", "low", "high", "accuracy", "why")} for line in told["by_annotator"]]
        first = [{"why": why, "rows": [int(row)]} for row, why in list(told["ask_first"].items())[:ASKED] if why != "one_vote"]
        made = {"how": self._how[0], "fields": list(self._how[1]), "items": told["items"], "votes": told["votes"], "prevalence": told["prevalence"]}
        made |= {"alpha": alpha["value"], "low": alpha["low"], "high": alpha["high"], "observed": told["observed"]["value"]}
        return made | {"by": by, "ask": told["ask_items"], "first": first}


def _keys(column: pl.Series) -> list[str]:
    """The keys of the objects in a column of lists, which may be JSON; none where it holds no such lists."""
    some = column.drop_nulls()
    if isinstance(column.dtype, pl.List):
        return [key.name for key in column.dtype.inner.fields] if isinstance(column.dtype.inner, pl.Struct) else []
    if column.dtype != pl.String or some.is_empty() or not some[0].startswith("[{"):
        return []
    try:
        told = loads(some[0])
    except ValueError:
        return []
    return [str(key) for key in told[0]] if isinstance(told, list) and told and isinstance(told[0], dict) else []


def _votes(columns: list[pl.Series]) -> bool:
    """Whether these hold votes: few values, and at least half of them in common."""
    values = [set(column.cast(pl.String).drop_nulls().str.strip_chars().unique().to_list()) - {""} for column in columns]
    every = set().union(*values)
    shared = {v for v in every if sum(v in mine for mine in values) > 1}
    return 2 <= len(every) <= MOST and 2 * len(shared) >= len(every)
