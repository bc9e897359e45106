"""The strings of rows that a look shows: read again where they stand, concealed by `guard.pii`'s mask, and cut.

Everything that a row said, and every name and value that came with it, passes through here before it goes anywhere.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

import polars as pl

from dadeum.report import sample, survey
from dadeum.report.files import File
from dadeum.report.qualities import MARKUP
from dadeum.steps.guard._pii.speakers import NAMED, is_full

SHOWN: Final = 280
"""Characters of a text that are shown."""
VALUE: Final = 120
"""Characters of a name or value that are shown."""
SPEAKER: Final = "[SPEAKER]"
"""Stands for a person's name."""

FOCUS: Final = {"personal": re.compile(r"\[[A-Z]{2,20}\]"), "markup": re.compile(MARKUP)}
"""What some checks found, as it is seen in a text whose personal data are concealed."""

Place = tuple[Any, Any]
"""(holder, key) of a string, or of a list of row numbers."""


def finished(told: dict[str, Any], files: list[File]) -> dict[str, Any]:
    """`told` with the texts that are shown in place of their rows, everything concealed and cut."""
    repeated = [*told["texts"], *told["conflicts"]["shown"]]
    far = (told["coverage"] or {}).get("far", [])
    behind = _behind(told)
    for pair in told["near"]["shown"]:
        pair["rows"] = [pair.pop("row"), pair.pop("other")]
        behind.append((pair, "rows"))
    single = [*repeated, *far, *told["answers"]]
    ends = [*told["longest"], *told["shortest"]]
    wanted = {e["row"] for e in (*single, *ends)} | {row for holder, key in behind for row in holder[key]}
    texts = dict(_again(wanted, files))
    # A check of answers is shown with the answer that it looked at, and its end, where an answer is cut off.
    exchanges = [check for name, quality in told["qualities"].items() for check in quality["checks"] if name == "aligned"]
    for holder, key in behind:
        which = 2 if any(holder is check for check in exchanges) else 0
        # The same text twice shows nothing more.
        distinct = {texts[row][which]: row for row in reversed(holder[key])}
        holder[key] = [{"row": row, "text": texts[row][which]} for row in holder[key] if distinct[texts[row][which]] == row]
    for entry in single:
        entry["text"] = texts[entry["row"]][0]
    for entry in ends:  # anew, since who speaks is masked by the whole row
        entry["text"] = texts[entry["row"]][0] or entry["text"]
    for entry in told["answers"]:
        entry["text"] = texts[entry["row"]][1]
    focus = {id(e): FOCUS[c["check"]] for q in told["qualities"].values() for c in q["checks"] if c["check"] in FOCUS for e in c["rows"]}
    focus |= {id(e): FOCUS["personal"] for rows in told["behind"]["personal"].values() for e in rows}
    shown = [*single, *ends, *(e for holder, key in behind for e in holder[key])]
    for entry, text in zip(shown, sample.concealed([e["text"] or "" for e in shown])):
        entry["text"] = cut(_from(text, focus[id(entry)]) if id(entry) in focus else text)
    for entry in shown:
        row = entry.pop("row")
        entry["place"] = files[row // 2**32].place(row)
    _merge(told)
    hide(_names(told))
    return told


def _from(text: str, what: re.Pattern[str]) -> str:
    """A text from shortly before what a check found in it, where that would not be seen otherwise."""
    found = what.search(text)
    return f"… {text[found.start() - SHOWN // 4 :]}" if found and found.end() > SHOWN else text


def cut(text: str) -> str:
    """A text as long as it is shown, of a question and its answer both ends of both. What is concealed in it must be so before.

    >>> cut("a" * 500) == "a" * 280 + " …", cut("Why?" + survey.ARROW + "b" * 500 + ".")[-4:]
    (True, 'bbb.')
    """
    question, arrow, answer = text.rpartition(survey.ARROW)
    if arrow and len(text) > SHOWN:
        return _ends(question) + arrow + _ends(answer)
    return text[:SHOWN] + (" …" if len(text) > SHOWN else "")


def _ends(text: str) -> str:
    half = SHOWN // 4
    return text if len(text) <= 2 * half else f"{text[:half]} … {text[-half:]}"


def again(rows: set[int], files: list[File], exchanges: bool = False) -> dict[int, dict[str, str]]:
    """row -> {text, label, place} of some rows, concealed and cut. exchanges: the text is the last question and its answer."""
    told = dict(_again(rows, files))
    texts = sample.concealed([(said[2 if exchanges else 0] or said[0] or "") for said in told.values()])
    labels = _concealed(said[3] or "" for said in told.values())
    return {row: {"text": cut(text), "label": label, "place": files[row // 2**32].place(row)} for row, text, label in zip(told, texts, labels)}


def _behind(told: dict[str, Any]) -> list[Place]:
    """Where lists of rows stand behind a bar."""
    bars = [check for quality in told["qualities"].values() for check in quality["checks"]]
    bars += [*told["outliers"], *told["topics"], *told["verbs"], *told["rules"], *told["languages"].values(), *told["registers"].values()]
    bars += [value for one in told["slices"] for value in one["values"]]
    bars += [one["apart"] for one in told["balance"] if one["apart"]]
    bars += [*(told["votes"] or {}).get("first", []), *(told["coverage"] or {}).get("gaps", [])]
    return [(bar, "rows") for bar in bars] + [(found, value) for found in told["behind"].values() for value in found]


def _names(told: dict[str, Any]) -> list[Place]:
    """Where names and values stand that came with the rows."""
    places: list[Place] = []
    for one in told["fields"]:
        places.append((one, "name"))
    for one in (*told["personal"]["fields"], *told["differing"], *told["slices"]):
        places.append((one, "field"))
    for one in told["slices"]:
        places += [(value, "value") for value in one["values"]]
    for one in (*told["topics"], *told["verbs"]):
        places.append((one, "name"))
    for one in told["verbs"]:
        places += [(pair, 0) for pair in one["objects"]]
    for one in told["balance"]:
        places += [(one["labels"], i) for i in range(len(one["labels"]))]
        if one["by"] in ("source", "time", "annotator"):
            places += [(part, "value") for part in (*one["slices"], *([one["apart"]] if one["apart"] else []))]
        places += [(one["apart"], "label")] if one["apart"] else []
    places += [(line, "column") for line in told["numbers"]]
    if told["votes"]:
        places += [(line, "annotator") for line in told["votes"]["by"]]
        places += [(told["votes"]["fields"], i) for i in range(len(told["votes"]["fields"]))]
    places += [(line, "name") for line in (told["coverage"] or {}).get("gaps", []) if isinstance(line["name"], str)]
    places += [(told["measured"], i) for i in range(len(told["measured"]))]
    places += [(one, "measured") for one in told["files"]]
    return places


def _merge(told: dict[str, Any]) -> None:
    """Conceal what is counted by its name: names that become the same are added up."""
    for entry in told["conflicts"]["shown"]:
        entry["labels"] = _counted(entry["labels"])
    if told["labels"]:
        told["labels"]["values"] = _counted(told["labels"]["values"])
    told["behind"]["label"] = _lists(told["behind"]["label"])
    for one in told["fields"]:
        one["values"] = _counted([[SPEAKER, n] for _, n in one["values"]] if one["name"] in NAMED else one["values"])
    for one in told["layouts"]:
        one["fields"] = dict(zip(_concealed(one["fields"]), one["fields"].values()))
    people = {role: f"{SPEAKER[:-1]}{i}]" for i, role in enumerate(filter(is_full, told["chats"]["roles"] if told["chats"] else ()), 1)}
    if told["chats"]:
        for key in ("roles", "last"):
            told["chats"][key] = dict(_counted([[people.get(role, role), n] for role, n in told["chats"][key].items()]))
    for lengths in (told, told["tokens"] or {}):
        if "lengths" in lengths:
            lengths["lengths"] = dict(zip(_concealed(people.get(name, name) for name in lengths["lengths"]), lengths["lengths"].values()))


def _counted(values: list[Any]) -> list[list[Any]]:
    """[value, n] pairs, the values concealed, the most frequent first."""
    sums: Counter[str] = Counter()
    for (_, n), value in zip(values, _concealed(str(v) for v, _ in values)):
        sums[value] += n
    return [[value, n] for value, n in sums.most_common()]


def _lists(behind: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """The bars under their concealed names."""
    made: dict[str, list[Any]] = {}
    for name, rows in zip(_concealed(behind), behind.values()):
        made[name] = [*made.get(name, []), *rows][:3]
    return made


def hide(places: list[Place]) -> None:
    """Conceal and cut names where they stand."""
    for (holder, key), name in zip(places, _concealed(holder[key] for holder, key in places)):
        holder[key] = name


def _concealed(names: Iterable[str]) -> list[str]:
    return [name[:VALUE] for name in sample.concealed([str(name) for name in names])]


def _again(wanted: set[int], files: list[File]) -> Iterator[tuple[int, tuple[str | None, ...]]]:
    """(row, (all that it says, what its assistant says, its last question and answer, its label)) of some rows, read no further than the last of them."""
    for file in files:
        mine = {row for row in wanted if row // 2**32 == file.number}
        copy = replace(file, reasons={})
        for rows in copy.chunks() if mine else ():
            few = sample.masked(rows.filter(pl.col("row").is_in(list(mine))))
            row = few.get_column("row").to_list()
            told = (survey.whole(few).str.slice(0, survey.CUT), survey.answered(few).str.slice(0, survey.CUT), survey.exchanged(few), few.get_column("label"))
            yield from zip(row, zip(*(s.to_list() for s in told)))
            mine -= set(row)
            if not mine:
                break
