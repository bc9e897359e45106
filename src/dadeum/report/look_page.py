"""look.html: what `look` found, as one page that needs no network and no script. It shares style and words with a run's report."""

from __future__ import annotations

from typing import Any, Final

from markupsafe import Markup

from dadeum.report import chart
from dadeum.report.balance import EDGES
from dadeum.report.figures import fold
from dadeum.report.page import TEMPLATES, language
from dadeum.report.words import Words, count, number, percent

FILES: Final = 100
"""Files that are shown; the rest is counted."""
FIELDS: Final = 60
"""Fields that are shown; the rest is counted."""
VALUES: Final = 12
"""Values of one field, and labels, that are shown."""
COLOURS: Final = 6
"""Labels with a colour of their own."""
NOTED: Final = 0.2
"""How far a label's share of a slice must be from its share of all to be told of at the top."""
RARE: Final = 10
"""How many times as frequent as the rarest the most frequent label must be to be told of."""


def render(told: dict[str, Any], lang: str = "en") -> str:
    """The page of `look.look`'s answer. Raises RecipeError for a language that there is no translation for."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    t = Words(lang)
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.globals.update(
        t=t, count=count, number=number, percent=percent, language=language, bar=_bar, share=share, edge=edge, short=short, compact=compact, seen=seen,
        most={"files": FILES, "fields": FIELDS, "values": VALUES}, check=lambda name: check(name, t), with_objects=_with_objects, noted=_noted, spread=_spread,
        slice_name=lambda by, value: slice_name(by, value, t), label_style=_label, gap_name=lambda line: _gap(line, t),
        at_most=lambda line: [(t("look.at_most", share=percent(most, 0)), True) for most, _ in line["at_most"]],
    )  # fmt: skip
    css, look_css = ((TEMPLATES / name).read_text(encoding="utf-8") for name in ("page.css", "look.css"))
    pictures = {
        "histogram": _histogram(told["lengths"].get("record"), t("look.histogram")),
        "histogram_tokens": _histogram((told["tokens"] or {"lengths": {}})["lengths"].get("record"), t("look.histogram.tokens")),
    }
    shown = {"name": name(told), "lede": lede(told, t), "glance": glance(told, t), "css": css, "look_css": look_css, **pictures}
    return environment.get_template("look.html.j2").render(told=told, lang=t.lang, **shown)


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
    apart = max((one["apart"] | {"by": one["by"]} for one in told["balance"] if one["apart"]), key=lambda a: abs(a["share"] - a["whole"]), default=None)
    if apart and abs(apart["share"] - apart["whole"]) >= NOTED:
        values = {"label": seen(apart["label"]), "value": slice_name(apart["by"], apart["value"], t)}
        said.append(("balance", t("look.glance.balance.slice", share=percent(apart["share"]), whole=percent(apart["whole"]), **values)))
    tell("annotators", "annotators", sum(bool(line["why"]) for line in (told["votes"] or {"by": []})["by"]))
    if told["coverage"] and told["coverage"]["near"]:
        said.append(("coverage", t("look.glance.covered", share=percent(told["coverage"]["near"]["share"]))))
        tell("coverage", "coverage", sum(line["state"] in ("missing", "thin") for line in told["coverage"]["gaps"]))
    labels = told["labels"]["values"] if told["labels"] and not told["labels"]["many"] else []
    if labels and labels[0][1] >= RARE * labels[-1][1]:
        said.append(("labels", t("look.glance.balance", x=count(round(labels[0][1] / labels[-1][1])))))
    return said


def share(part: int, whole: int) -> str:
    """A percentage; what would be rounded to nothing, or to all, as what it is not.

    >>> share(1, 4), share(1, 9999), share(9999, 10000), share(0, 9)
    ('25.0%', '< 0.1%', '> 99.9%', '0%')
    """
    return edge(part / whole if whole else 0.0)


def edge(x: float) -> str:
    """As `share`, of a share: the end of an interval.

    >>> edge(0.5), edge(0.9996), edge(1.0)
    ('50.0%', '> 99.9%', '100%')
    """
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
    return "\n".join(line.strip() for line in text.split("\n") if line.strip())


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


def check(name: str, t: Words) -> str:
    """What a check of the score card looks for, in words: its own, else those of the reason that a filter gives.

    >>> check("empty", Words("en")), check("refusal", Words("en"))
    ('empty', 'refusal')
    """
    said = t.known("look.check", name)
    return said if said != name else t.reason(name)


def slice_name(by: str, value: str, t: Words) -> str:
    """A slice in words.

    >>> slice_name("length", "0", Words("en")), slice_name("length", "1", Words("en")), slice_name("language", "ko", Words("en"))
    ('under 16 characters', '16 to 63 characters', 'Korean')
    """
    if by == "language":
        return t(f"look.profile.{value}")
    if by != "length":
        return seen(value)
    at = int(value)
    return _characters(EDGES[at - 1] if at else None, EDGES[at] if at < len(EDGES) else None, t)


def _characters(low: int | None, high: int | None, t: Words) -> str:
    if not low:
        return t("look.characters.under", high=count(high)) if high is not None else t("look.characters.from", low=0)
    return t("look.characters.from", low=count(low)) if high is None else t("look.characters.between", low=count(low), high=count(high - 1))


def _gap(line: dict[str, Any], t: Words) -> str:
    if line["kind"] == "length":
        low, high = line["name"]
        return _characters(low, high, t)
    return slice_name("language", line["name"], t) if line["kind"] == "language" else seen(line["name"])


def _with_objects(line: dict[str, Any]) -> Markup:
    """A verb, and what it most often asks for behind it; a topic as it is."""
    return _noted(line["name"], ", ".join(f"{name} {count(n)}" for name, n in line.get("objects", [])))


def _noted(name: str, note: str) -> Markup:
    """A name, and in grey what is to be said of it."""
    return Markup("{}").format(name) + (Markup(' <span class="quiet">{}</span>').format(note) if note else Markup(""))


def _label(at: int, label: str) -> str:
    """The class of a label's colour; the seventh and later share one."""
    return f"label{at}" if at < COLOURS and label else "others"


def _spread(labels: list[str], shares: list[float]) -> Markup:
    parts = [(_label(i, label), part) for i, (label, part) in enumerate(zip(labels, shares))]
    told = ", ".join(f"{seen(label)} {percent(part)}" for label, part in zip(labels[:COLOURS], shares))
    return Markup(chart.bar(parts, 1.0, told, height=14))


def _histogram(lengths: dict[str, Any] | None, title: str) -> Markup:
    if not lengths:
        return Markup("")
    bins = fold([(low, high, 0, n) for low, high, n in lengths["bins"]])
    return Markup(chart.histogram([(count(low), n, 0) for low, _, _, n in bins], lambda x: count(int(x)), title))
