"""look.html: what `look` found, as one page that needs no network and no script. It shares style and words with a run's report."""

from __future__ import annotations

import re
from typing import Any, Final

from markupsafe import Markup

from dadeum.report import chart
from dadeum.report.figures import fold
from dadeum.report.page import TEMPLATES, language
from dadeum.report.words import Words, count, number, percent

FILES: Final = 100
"""Files that are shown; the rest is counted."""
FIELDS: Final = 60
"""Fields that are shown; the rest is counted."""
VALUES: Final = 12
"""Values of one field, and labels, that are shown."""
RARE: Final = 10
"""How many times as frequent as the rarest the most frequent label must be to be told of."""


def render(told: dict[str, Any], lang: str = "en") -> str:
    """The page of `look.look`'s answer. Raises RecipeError for a language that there is no translation for."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    t = Words(lang)
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.globals.update(t=t, count=count, number=number, percent=percent, language=language, bar=_bar, share=share, short=short, compact=compact, seen=seen, most={"files": FILES, "fields": FIELDS, "values": VALUES})
    css = (TEMPLATES / "page.css").read_text(encoding="utf-8")
    picture = _histogram(told["lengths"].get("record"), t)
    return environment.get_template("look.html.j2").render(told=told, lang=t.lang, css=css, name=name(told), lede=lede(told, t), glance=glance(told, t), histogram=picture)


def name(told: dict[str, Any]) -> str:
    """What was looked at, in short."""
    if told["run"]:
        return str(told["run"]["name"])[:120]
    parts = told["path"].rstrip("/").split("/")
    return "/".join(parts[-2:] if any(c in parts[-1] for c in "*?[") else parts[-1:])[-120:] or told["path"]


def lede(told: dict[str, Any], t: Words) -> list[str]:
    """What was read, and what of it was measured."""
    counts = told["counts"]
    said = [t("look.run", name=name(told))] if told["run"] else []
    values = {"files": t("look.files.n", n=len(told["files"])), "unreadable": count(counts["unreadable"])}
    said.append(t("look.read.some" if counts["unreadable"] else "look.read", n=counts["read"], **values))
    if told["measured"]:
        said.append(t("look.measured", name=", ".join(told["measured"][:3])))
    return said if told["lengths"] else [*said, t("look.no text")]


def glance(told: dict[str, Any], t: Words) -> list[tuple[str, str]]:
    """(section, sentence) of what a person should look at first; empty where nothing stands out."""
    counts, personal, chats = told["counts"], told["personal"], told["chats"]
    said: list[tuple[str, str]] = []

    def tell(section: str, key: str, n: int, of: int = 0, **values: str) -> None:
        if n:
            said.append((section, t(f"look.glance.{key}", n=n, share=share(n, of), **values)))

    tell("unreadable", "unreadable", counts["unreadable"], counts["read"])
    tell("files", "broken", sum(bool(f["error"]) for f in told["files"]))
    tell("examples", "empty", told["empty"] if told["lengths"] else 0, counts["records"])
    tell("repeats", "copies", told["copies"]["more"], counts["records"])
    tell("near", "near", told["near"]["near"])
    tell("conflicts", "conflicts", told["conflicts"]["texts"], records=count(told["conflicts"]["records"]))
    if chats:
        tell("chats", "unanswered", chats["unanswered"], chats["records"])
        tell("chats", "silent", chats["silent"])
    tell("outliers", "outliers", sum(one["n"] for one in told["outliers"]))
    tell("personal", "personal", personal["records"], personal["looked_at"], looked_at=count(personal["looked_at"]))
    labels = told["labels"]["values"] if told["labels"] and not told["labels"]["many"] else []
    if labels and labels[0][1] >= RARE * labels[-1][1]:
        said.append(("labels", t("look.glance.balance", x=count(round(labels[0][1] / labels[-1][1])))))
    return said


def share(part: int, whole: int) -> str:
    """A percentage; what would be rounded to nothing, or to all, as what it is not.

    >>> share(1, 4), share(1, 9999), share(9999, 10000), share(0, 9)
    ('25.0%', '< 0.1%', '> 99.9%', '0%')
    """
    x = part / whole if whole else 0.0
    if 0 < x < 0.001:
        return "< 0.1%"
    return "> 99.9%" if 0.999 < x < 1 else percent(x)


def short(place: str) -> str:
    """The last two names of a path, which tell a place apart as a rule.

    >>> short("/data/raw/2024/a.jsonl:7"), short("a.jsonl:7")
    ('2024/a.jsonl:7', 'a.jsonl:7')
    """
    return "/".join(place.split("/")[-2:])[-120:]


def compact(text: str) -> str:
    """A text without blank lines, so that an example takes as few lines as it can."""
    return re.sub(r"\s*\n\s*", "\n", text.strip())


def seen(value: str) -> str:
    """A value with what tells it apart but can't be seen: white space at its ends, or nothing at all.

    >>> seen("2  "), seen(""), seen("a b")
    ('2␣␣', '∅', 'a b')
    """
    core = value.strip()
    left, _, right = value.partition(core) if core else (value, "", "")
    return "␣" * len(left) + core + "␣" * len(right) or "∅"


def _bar(part: float, whole: float, style: str = "kept") -> Markup:
    return Markup(chart.bar([(style, part)], whole, share(int(part), int(whole))))


def _histogram(lengths: dict[str, Any] | None, t: Words) -> Markup:
    if not lengths:
        return Markup("")
    bins = fold([(low, high, 0, n) for low, high, n in lengths["bins"]])
    title = t("look.histogram")
    return Markup(chart.histogram([(count(low), n, 0) for low, _, _, n in bins], lambda x: count(int(x)), title))
