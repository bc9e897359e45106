"""What `look` found, as a few aligned lines for a terminal, in either language."""

from __future__ import annotations

from typing import Any, Final

from dadeum.report import look_page
from dadeum.report.terminal import NARROW, columns, fit, wrap
from dadeum.report.words import Words, count

MOST: Final = 8
"""Fields, labels and roles that are listed."""


def summary(told: dict[str, Any], lang: str = "en", width: int = 80) -> str:
    """`look.look`'s answer in short; no line is wider than `width` columns, down to 40."""
    t = Words(lang)
    width = max(NARROW, width)
    lines = [fit(f"{look_page.name(told)}: {t('look.head', n=told['counts']['records'])}", width).rstrip()]
    for sentence in look_page.lede(told, t):
        lines += _prose(sentence, width, "")
    facts = _facts(told, t)
    left = max(columns(label) for label, _ in facts) + 2
    lines.append("")
    for label, values in facts:
        body = wrap([_line(v) for v in values], width - left, "")
        lines += [fit(label if i == 0 else "", left) + line for i, line in enumerate(body)]
    found = look_page.glance(told, t)
    lines += ["", t("look.glance")] if found else ["", *_prose(t("look.glance.none"), width, "")]
    for _, sentence in found:
        lines += [("- " if i == 0 else "  ") + line for i, line in enumerate(_prose(sentence, width - 2, ""))]
    return "\n".join(lines)


def _facts(told: dict[str, Any], t: Words) -> list[tuple[str, list[str]]]:
    """(label, values) of each line."""
    facts = []
    fields = [f["name"] + _holes(f, told["counts"]["records"], t) for f in told["fields"]]
    facts.append((t("look.fields"), [*fields[:MOST], *([f"+{len(fields) - MOST}"] if len(fields) > MOST else [])]))
    for part, length in told["lengths"].items():
        label = t("look.lengths") if part == "record" else f"  {part}"
        facts.append((fit(label, min(20, columns(label))), [f"{t(f'look.{key}')} {count(length[key])}" for key in ("min", "median", "p95", "max")]))
    if told["tokens"]:
        tokens, length = told["tokens"], told["tokens"]["lengths"]["record"]
        exact = tokens["low"] == tokens["high"]
        total = count(tokens["total"]) if exact else t("look.tokens.about", x=count(tokens["total"]), low=count(tokens["low"]), high=count(tokens["high"]))
        facts.append((t("look.tokens"), [total, *(f"{t(f'look.{key}')} {count(length[key])}" for key in ("median", "p95", "max"))]))
    profiles, whole = told["profiles"], sum(told["profiles"].values())
    if profiles:
        ranked = sorted(profiles.items(), key=lambda p: -p[1])
        facts.append((t("look.language"), [f"{t(f'look.profile.{name}')} {look_page.share(n, whole)}" for name, n in ranked]))
    if told["chats"]:
        facts.append((t("look.role"), [f"{role or '-'} {count(n)}" for role, n in list(told["chats"]["roles"].items())[:MOST]]))
        turns = told["chats"]["turns"]
        if turns:
            facts.append((t("look.turns"), [f"{t(f'look.{key}')} {count(turns[key])}" for key in ("min", "median", "max")]))
    if told["labels"] and not told["labels"]["many"]:
        labels = told["labels"]["values"]
        total = sum(n for _, n in labels)
        facts.append((t("look.labels"), [f"{look_page.seen(label)} {look_page.share(n, total)}" for label, n in labels[:MOST]]))
    return facts


def _holes(field: dict[str, Any], records: int, t: Words) -> str:
    """What share of a field is not there, where that is worth a word."""
    told = [f"{t(f'look.{key}')} {look_page.share(field[key], records)}" for key in ("missing", "empty") if field[key] / records >= 0.001]
    return f" ({', '.join(told)})" if told else ""


def _prose(text: str, width: int, indent: str) -> list[str]:
    return [line.replace("  ", " ") for line in wrap(_line(text).split(), width, indent)]


def _line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)
