"""The funnel, the summary and the life of a row as plain text for a terminal.

Widths are counted in columns, not characters: a Hangul syllable takes two (Unicode's East Asian Width, UAX 11). Bars are ASCII,
since terminals disagree whether block characters take one column or two.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dadeum.report import sample, warned
from dadeum.report.verdict import Proof, headline
from dadeum.report.words import Words, count, number
from dadeum.steps.guard._pii import vault

NARROW = 40
"""The least width that is laid out for; narrower terminals wrap."""


def columns(text: str) -> int:
    """How many columns of a terminal a text takes.

    >>> columns("abc"), columns("다듬"), columns("e\\u0301")
    (3, 4, 1)
    """
    return sum(0 if unicodedata.combining(c) or unicodedata.category(c) in ("Cf", "Mn") else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def fit(text: str, width: int, right: bool = False) -> str:
    """The text in exactly `width` columns: filled with spaces, or cut with `..`.

    >>> fit("다듬", 6) + "|", fit("다듬기", 5) + "|", fit("7", 3, right=True)
    ('다듬  |', '다.. |', '  7')
    """
    # A control character in a reason or a place could move the cursor.
    text = "".join(c if c.isprintable() else " " for c in text)
    if columns(text) > width:
        cut = ""
        for c in text:
            if columns(cut + c) > max(0, width - 2):
                break
            cut += c
        text = cut + ".."[: max(0, width - columns(cut))]
    space = " " * (width - columns(text))
    return space + text if right else text + space


def wrap(words: list[str], width: int, indent: str) -> list[str]:
    """Lines of at most `width` columns, broken between the words, each begun by `indent`; one word longer than that is cut."""
    lines: list[str] = []
    line = ""
    for word in words:
        if line and columns(indent + line + "  " + word) > width:
            lines.append(indent + line)
            line = ""
        line = f"{line}  {word}" if line else fit(word, min(columns(word), width - columns(indent)))
    return lines + ([indent + line] if line else [])


def funnel_text(run_json: dict[str, Any], width: int = 80, lang: str = "en") -> str:
    """Step, rows in, rows out, a bar as long as the rows that stay, and the reasons of those that left, one step after another.

    run_json: run.json as read; width: columns of the terminal. No line is wider, down to 40 columns.
    """
    t = Words(lang)
    width = max(NARROW, width)
    stages = run_json["stages"]
    name = min(max([columns(t("step")), *(columns(s["step"]) for s in stages)]), width // 3)
    size = max(columns(count(s[k])) for s in stages for k in ("rows_in", "rows_out"))
    bar = width - name - 2 * size - 6
    widest = max(1, max(s["rows_in"] + s["grown"] for s in stages))
    lines = []
    for s in stages:
        line = f"{fit(s['step'], name)}  {fit(count(s['rows_in']), size, True)}  {fit(count(s['rows_out']), size, True)}"
        if bar >= 8:
            whole, stays = (max(1 if s[k] else 0, round(s[k] / widest * bar)) for k in ("rows_in", "rows_out"))
            line += "  " + "#" * stays + "." * max(0, whole - stays)
        lines.append(line.rstrip())
        told = [f"-{count(n)} {t.reason(reason)}" for reason, n in sorted(s["dropped"].items(), key=lambda r: -r[1])]
        told += [f"+{count(s['grown'])} {t('grown')}"] if s["grown"] else []
        told += [t("edited.n", n=s["edited"])] if s["edited"] else []
        lines += wrap(told, width, "    ")
        lines += _warned(s.get("report", {}).get("warnings", ()), t, width)
    return "\n".join([*lines, "", *_balance(run_json["counts"], t, width)])


def _warned(warnings: Sequence[Any], t: Words, width: int) -> list[str]:
    return [line.replace("  ", " ") for w in warnings for line in wrap(["!", *warned.warning(str(w), t).split()], width, "  ")]


def summary_text(
    run_json: dict[str, Any], proof: dict[str, Any] | None = None, width: int = 80, lang: str = "en", report: Path | None = None, trained: bool = False
) -> str:
    """The end of a run: the verdict in words, its splits, and where the report lies.

    proof: proof.json as read, or None where nothing was proven; trained: whether a model was made at all.
    """
    t = Words(lang)
    width = max(NARROW, width)
    head = headline(None if proof is None else Proof.read(proof), t, trained=trained)
    lines = [fit(head.title, width).rstrip()]
    for sentence in head.lede:
        lines += [line.replace("  ", " ") for line in wrap(sentence.split(), width, "")]
    if run_json.get("splits"):
        lines += ["", *wrap([f"{t.known('split', name)} {count(n)}" for name, n in run_json["splits"].items()], width, "")]
    if report is not None:
        lines += ["", f"{t('terminal.report')}: {report}"]
    return "\n".join(lines)


def apply_text(counts: dict[str, int], out: Path, width: int = 80, lang: str = "en", stages: Sequence[dict[str, Any]] = ()) -> str:
    """What `apply` did, in numbers, and where what could not be read and what left are told. counts: as `run.apply` gives them.

    stages: as in run.json; what their steps found and warn of is told first.
    """
    t, width = Words(lang), max(NARROW, width)
    lines = []
    for stage in stages:
        if report := stage["report"]:
            from dadeum.report import findings

            warnings = [str(w) for w in report.get("warnings", ())]
            pairs = findings.told({k: v for k, v in report.items() if k not in ("warnings", "held_out")}, t)
            lines += [stage["step"], *wrap([f"{name} {value}" for name, value in pairs], width, "    "), *_warned(warnings, t, width), ""]
    lines += _balance(counts, t, width)
    if counts["quarantined"]:
        lines.append(f"{out}.quarantine.jsonl")
    return "\n".join([*lines, f"{out}.ledger.parquet"] if counts["read"] != counts["kept"] else lines)


def concealed(life: dict[str, Any]) -> dict[str, Any]:
    """`ledger.why`'s answer with what looks like personal data masked: steps before `guard.pii` have seen it bare."""
    edits = [dict(edit) for edit in life["edits"]]
    for key in ("before", "after"):
        bare = [e for e in edits if e["step"] != sample.PII and e[key] is not None]
        for edit, text in zip(bare, sample.concealed([e[key] for e in bare])):
            edit[key] = text
    for edit in edits:
        edit["before"] = edit["before"] and vault.shut(edit["before"])
    return {**life, "edits": edits}


def why_text(life: dict[str, Any], lang: str = "en", width: int = 100) -> str:
    """`ledger.why`'s answer: where the row came from, what each step changed, and where it went."""
    t = Words(lang)
    where = f" ({t.known('split', life['split'])})" if life.get("split") else ""
    lines = [f"{_line(life['id'])}: {t(life['state'])}{where}", f"  {_line(life['place'] or '')}".rstrip()]
    for edit in life["edits"]:
        lines.append(f"  {edit['step']}")
        lines += [f"    {fit(mark + ' ' + (edit[key] or ''), width - 4).rstrip()}" for mark, key in (("-", "before"), ("+", "after"))]
    verdict = life["verdict"]
    if verdict:
        told = f"  {verdict['step']}: {_line(verdict['reason'] or '')}"
        if verdict["value"] is not None:
            values = {"value": number(verdict["value"]), "threshold": number(verdict["threshold"])}
            told += ", " + (t("value", **values) if verdict["threshold"] is None else t("against", **values))
        lines.append(told)
        if verdict["witness"]:
            lines.append(f"    {t('witness' if verdict['state'] == 'merged' else 'matched')}: {_line(verdict['witness'])}")
    for other in life["merged_here"]:
        lines.append(f"  + {t('merged')}: {_line(other['id'])} ({other['step']})")
    return "\n".join(line for line in lines if line)


def _balance(counts: dict[str, int], t: Words, width: int) -> list[str]:
    left = sum(counts[k] for k in ("kept", "dropped", "merged", "quarantined"))
    sign = "=" if counts["read"] + counts["grown"] == left else "!="
    told = [f"{count(counts['read'])} {t('read')} +", f"{count(counts['grown'])} {t('grown')} {sign}"]
    told += [f"{count(counts[k])} {t(k)}{'' if k == 'quarantined' else ' +'}" for k in ("kept", "dropped", "merged", "quarantined")]
    return [line.replace("  ", " ") for line in wrap(told, width, "")]


def _line(text: str) -> str:
    """A text on one line, without control characters."""
    return "".join(c if c.isprintable() else " " for c in text)

