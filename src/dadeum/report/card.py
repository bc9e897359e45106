"""card.md: what a dataset is made of, how, and what it obliges to. For whoever receives the data without the run.

The front matter is what dataset hubs read (name, licence, size). Duties follow from the licences by the same table as `guard.licence`
has (`steps/guard/_terms.py`); a licence that is not known there is not guessed at. A source of which no row is left obliges to nothing.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Final, get_args

from dadeum.report import facts
from dadeum.report.facts import Facts
from dadeum.report.words import Words, count
from dadeum.steps.guard._terms import Use, breaks, clashes, terms

ORDER: Final = ("unknown", "read", "closed", "competing", "nc", "nd", "sa", "by", "notice", "named")
"""Duties as they are listed: what forbids before what asks."""
KEPT: Final = ("train", "validation", "test")
SIZES: Final = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"), (10_000_000, "1M<n<10M"))
LISTED: Final = 100
"""Sources that are listed; the rest is counted."""


def card(run: Path, lang: str = "en") -> str:
    """The dataset card of a run's folder, as Markdown.

    Raises DadeumError where the folder holds no finished run, RecipeError for a language that there is no translation for.
    """
    t = Words(lang)
    told = facts.read(Path(run))
    run_json = told.run
    title = {"name": run_json["name"], "version": run_json["version"]}
    parts = [
        _front(told),
        f"# {plain(t('card.title', **title))}",
        t("card.lede", version=run_json["version"], recipe=run_json["recipe_digest"], dataset=run_json["dataset_digest"]),
        f"## {t('card.sources')}\n\n{origins(told, t)}",
        f"## {t('card.uses')}\n\n{allowed(told, t)}",
        f"## {t('card.duties')}\n\n{obligations(told, t)}",
        f"## {t('card.counts')}\n\n{_counts(told, t)}",
        f"## {t('card.steps')}\n\n{_steps(told, t)}",
    ]
    return "\n\n".join(parts) + "\n"


def write_card(run: Path, lang: str = "en") -> Path:
    """Write card.md into the run's folder, whole or not at all. Gives its path."""
    path = Path(run) / "card.md"
    draft = path.with_suffix(".md.draft")
    draft.write_text(card(run, lang), encoding="utf-8")
    os.replace(draft, path)
    return path


def duties(licence: str, use: Use = "commercial") -> list[str]:
    """What a licence obliges to, as keys of the table of words. use: decides between the sides of an `A OR B`.

    >>> duties("CC-BY-NC-SA-4.0"), duties("mit"), duties("unknown"), duties("my own"), duties("openai"), duties("CC0-1.0")
    (['nc', 'sa', 'by'], ['notice'], ['unknown'], ['read'], ['competing'], ['free'])
    """
    told = terms(licence, use)
    return [term for term in ORDER if term in told] or ["free"]


def _front(told: Facts) -> str:
    kept = told.run["counts"]["kept"]
    size = next((word for limit, word in SIZES if kept < limit), "n>10M")
    known = {licence.lower() for licence in told.licences.values()} or {"unknown"}
    licence = known.pop() if len(known) == 1 else "other"
    licence = licence if re.fullmatch(r"[a-z0-9.+-]+", licence) else "other"
    name = re.sub(r'["\\<>\x00-\x1f]', " ", str(told.run["name"]))
    return f'---\npretty_name: "{name}"\nlicense: {licence}\nsize_categories: ["{size}"]\ntags: [dadeum]\n---'


def origins(told: Facts, t: Words) -> str:
    """The sources with their licences and where their rows went, as a Markdown table."""
    known = told.licences
    rows = {row["source"]: row for row in told.by_source}
    names = list(rows) or list(known)
    keys = (*KEPT, "dropped", "merged", "quarantined")
    heads = [t("source"), t("licence"), *(t(f"split.{k}") for k in keys[:3]), *(t(k) for k in keys[3:])]
    lines = []
    for name in names[:LISTED]:
        licence = known.get(name, "unknown")
        licence = t("unknown") if licence == "unknown" else licence
        lines.append([name or "–", licence, *(count(rows.get(name, {}).get(k, 0)) for k in keys)])
    more = [t("more", n=len(names) - LISTED, file="recipe.yaml")] if len(names) > LISTED else []
    return "\n\n".join([table(heads, lines, right=2), *more])


def _use(told: Facts) -> Use:
    """What the data are for, where `guard.licence` was told; else what asks most."""
    found = [(stage.get("report") or {}).get("use") for stage in told.stages if stage["step"] == "guard.licence"]
    return next((use for use in get_args(Use) if use in found), "commercial")


def _bound(told: Facts) -> list[tuple[str, str]]:
    """(source, licence) of what has rows in data/; where `guard.licence` looked, of the licences that it met there alone."""
    known, met = told.licences, _met(told)
    counted = {row["source"]: sum(row.get(k, 0) for k in KEPT) for row in told.by_source}
    found = [(source, known.get(source, "unknown")) for source in (counted or known) if counted.get(source, 1)]
    return [(source, licence) for source, licence in found if not met or licence in met]


def _met(told: Facts) -> dict[str, int]:
    """The licences that `guard.licence` let stay, with their rows."""
    found: dict[str, int] = {}
    for stage in told.stages:
        if stage["step"] == "guard.licence":
            found |= (stage.get("report") or {}).get("licences") or {}
    return found


def _of_rows(told: Facts) -> dict[str, int]:
    """Licences that rows name themselves (`guard.licence` with a column) and no source has, with the rows that have them."""
    return {name: n for name, n in _met(told).items() if name not in told.licences.values()}


def obligations(told: Facts, t: Words) -> str:
    """What whoever uses or shares it is bound to, as a Markdown list."""
    use = _use(told)
    bound = _bound(told)
    named = [(source, licence) for source, licence in bound[:LISTED]] + [("–", licence) for licence in _of_rows(told)]
    lines = [t(f"duty.{key}", source=code(source), licence=plain(licence)) for source, licence in named for key in duties(licence, use)]
    lines += [t("duty.apart", a=code(a), b=code(b)) for a, b in clashes({licence for _, licence in named}, use)]
    pii = [s for s in told.stages if s["step"] == "guard.pii"]
    modes = [step.get("mode", "surrogate") for name, step in told.steps if name == "guard.pii"]
    if pii and modes and set(modes) == {"flag"}:
        lines.append(t("duty.pii_marked"))
    else:
        lines.append(t("duty.pii", n=sum(s["edited"] for s in pii)) if pii else t("duty.no_pii"))
    grown = told.run["counts"]["grown"]
    if grown:
        lines.append(t("duty.grown", n=grown))
    return "\n".join(f"- {line}" for line in lines)


def allowed(told: Facts, t: Words) -> str:
    """Which use each licence allows, and what forbids the others."""
    rows = _of_rows(told)
    licences = list(dict.fromkeys([licence for _, licence in _bound(told)] + list(rows)))[:LISTED]
    lines = []
    for licence in licences:
        forbidden = [[term for term in ORDER if term in breaks(terms(licence, use), use)] for use in get_args(Use)]
        lines.append([t("unknown") if licence == "unknown" else licence, *(t("card.no", terms=", ".join(t(f"term.{term}") for term in found)) if found else t("card.yes") for found in forbidden)])
    parts = [t("card.uses.lede"), table([t("licence"), *(t(f"card.use.{use}") for use in get_args(Use))], lines, right=1, stop=1)]
    if rows:
        parts.insert(1, t("card.rows.of", told=", ".join(f"{plain(name)} {count(n)}" for name, n in rows.items())))
    return "\n\n".join(parts)


def _counts(told: Facts, t: Words) -> str:
    keys = ("read", "grown", "kept", "dropped", "merged", "quarantined")
    lines = [[t(key), count(told.run["counts"][key])] for key in keys]
    lines += [[f"{t('kept')}: {t.known('split', name)}", count(n)] for name, n in (told.run.get("splits") or {}).items()]
    return table([t("card.rows"), ""], lines, right=1)


def _steps(told: Facts, t: Words) -> str:
    lines = []
    for s in told.stages:
        reasons = ", ".join(f"{t.reason(reason)} {count(n)}" for reason, n in sorted(s["dropped"].items(), key=lambda r: -r[1]))
        lines.append([s["step"], count(s["rows_in"]), count(s["edited"]), count(sum(s["dropped"].values())), reasons])
    return table([t("step"), t("rows.in"), t("changed"), t("left"), t("card.reasons")], lines, right=1, stop=4)


def table(heads: list[str], lines: list[list[Any]], right: int, stop: int | None = None) -> str:
    """A Markdown table; the columns from `right` to `stop` are numbers."""
    stop = len(heads) if stop is None else stop
    rule = ["---:" if right <= i < stop else "---" for i in range(len(heads))]
    return "\n".join("| " + " | ".join(plain(cell) for cell in row) + " |" for row in (heads, rule, *lines))


def plain(text: Any) -> str:
    """A text that cannot end a table's cell, start markup or hide as HTML."""
    return re.sub(r"[\x00-\x1f]+", " ", str(text)).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "\\`")


def code(text: str) -> str:
    """A text that cannot end the code span that it stands in."""
    return re.sub(r"[`<>\x00-\x1f]", " ", text)
