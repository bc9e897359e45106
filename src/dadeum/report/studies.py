"""An ablation and a learning curve in words and pictures: what the report and the terminal say of `ablations` and data_curve.json.

Values are in the unit of their metric, as everywhere in the report: shares as percentages, their differences in points.
"""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from dadeum.report import chart
from dadeum.report.verdict import SHARES, Difference, Proof
from dadeum.report.words import Words, count

FIVE = 5
"""Trainings of each arm that find nearly every step worth six deviations of luck; three find half of them (docs/proof.md)."""


def unit(told: dict[str, Any]) -> Proof:
    """What reads scores and differences in the unit of a study's metric."""
    metric = told["metric"]
    head = Difference("", "", metric, 0.0, 0.0, 0.0, None, None, "cannot tell")
    return Proof("", told["n"], None, 1, 1 - told["level"], metric in SHARES, (), head, (), None, ())


def steps_text(told: dict[str, Any], t: Words) -> list[dict[str, Any]]:
    """The table of an ablation: {step, changed, difference, low, high, p, effect, style} of each step, as text."""
    read = unit(told)
    rows = []
    for one in told["steps"]:
        changed = one["rows"]
        parts = [("returned", "ablate.returned"), ("missing", "ablate.missing"), ("edited", "ablate.edited")]
        said = [t(word, n=changed[key]) for key, word in parts if changed[key]]
        style = {"helps": "better", "harms": "worse"}.get(one["effect"], "cannot-tell")
        rows.append(
            {
                "step": one["step"],
                "changed": ", ".join(said) or t("none"),
                "difference": read.gap(one["difference"], t),
                "low": read.gap(one["low"], t, unit=False),
                "high": read.gap(one["high"], t),
                "p": one["p_corrected"],
                "effect": t(f"ablate.{one['effect']}"),
                "style": style,
            }
        )
    return rows


def forest(told: dict[str, Any], one: dict[str, Any], t: Words) -> Markup:
    """One step's difference with its interval, on the scale that all steps share."""
    span = chart.around([x for s in told["steps"] for x in (s["low"], s["high"])], zero=True)
    style = {"helps": "better", "harms": "worse"}.get(one["effect"], "cannot-tell")
    read = unit(told)
    title = t("interval.picture", mid=read.gap(one["difference"], t), low=read.gap(one["low"], t), high=read.gap(one["high"], t))
    return Markup(chart.interval(one["low"], one["difference"], one["high"], span, title, style, zero=True))


def gates_text(told: list[dict[str, Any]], t: Words) -> list[dict[str, str]]:
    """The table of the gates between stages: {stage, suite, metric, before, after, change, allowed, verdict, style} of each suite, as text.

    A loss changes by a share of itself, a score by points of its own.
    """
    rows = []
    for one in told:
        loss, up = one.get("share") is None, 100.0 if one.get("share") else 1.0
        kept = {"stage": one["stage"], "suite": one["suite"], "metric": one["metric"], "verdict": t(f"gates.{one['verdict']}")}
        kept["style"] = {"kept": "better", "forgotten": "worse"}.get(one["verdict"], "cannot-tell")
        numbers = dict.fromkeys(("before", "after", "change"), t("none"))
        allowed = f"+{100 * one['allow']:g} %"
        if one["change"] is not None:
            change, low, high = (f"{(100 if loss else up) * one[key]:+.1f}{' %' if loss else ''}" for key in ("change", "low", "high"))
            form = "{:.3g}" if loss else "{:.1f}"
            numbers = {"before": form.format(up * one["before"]), "after": form.format(up * one["after"]), "change": f"{change} ({low} .. {high})"}
            allowed = allowed if loss else f"{-up * one['allow'] * abs(one['before']):.1f}"
        rows.append({**kept, **numbers, "allowed": allowed})
    return rows


def outlook(told: dict[str, Any], t: Words) -> list[str]:
    """The learning curve's verdict and advice as sentences."""
    read, double = unit(told), told["doubling"]
    values = {"rows": count(double["rows"]), "gain": read.gap(double["gain"], t)}
    if double["low"] is not None:
        values |= {"low": read.gap(double["low"], t), "high": read.gap(double["high"], t), "margin": read.gap(told["margin"], t, sign=False)}
        said = [t(f"data.{told['outlook']}", **values)]
    else:
        said = [t("data.unknown", **values)]
    if told["law"]["misfit"] > 2:
        said.append(t("data.misfit", x=f"{told['law']['misfit']:.1f}"))
    advice = told["advice"]
    said.append(t(f"data.ways.{advice['now']}_{advice['twice']}", numbers=count(advice["adapter_numbers"]), tokens=count(advice["supervised_tokens"])))
    if advice["few"]:
        said.append(t("data.few"))
    return said


def picture(told: dict[str, Any], t: Words) -> Markup:
    """The sizes as dots with their seeds, the fitted curve through them and on to twice the data."""
    read = unit(told)
    fit = chart.Series("held one", tuple((n, y) for n, y in told["law"]["fit"]))
    dots = tuple((float(p["rows"]), y) for p in told["points"] for y in p["by_seed"])
    return Markup(chart.lines([fit, chart.Series("batch two", dots, dots=True)], lambda x: count(int(x)), read.score, t("data.picture")))


def ablation_text(told: dict[str, Any], width: int = 100, lang: str = "en") -> str:
    """The table of an ablation for a terminal."""
    t = Words(lang)
    rows = steps_text(told, t)
    name = max([len(t("step")), *(len(row["step"]) for row in rows)])
    lines = []
    for row in rows:
        lines.append(f"{row['step']:<{name}}  {row['difference']:>14}  {row['low']} .. {row['high']}  {row['effect']}")
        lines.append(f"{'':<{name}}  {row['changed']}")
    more = ["", t("ablate.seeds", n=told["seeds"])] if unsure(told) else []
    return "\n".join([t("ablate.lede", n=told["seeds"]), "", *lines, *more])


def unsure(told: dict[str, Any]) -> bool:
    """Whether more trainings might tell what a step does: fewer than FIVE, and some step could not be told."""
    return told["seeds"] < FIVE and any(one["effect"] == "cannot tell" for one in told["steps"])


def curve_text(told: dict[str, Any], lang: str = "en") -> str:
    """The sizes and the verdict for a terminal."""
    t, read = Words(lang), unit(told)
    lines = [f"{count(p['rows']):>10}  {read.score(p['score'])}  {read.score(p['low'])} .. {read.score(p['high'])}" for p in told["points"]]
    return "\n".join([*lines, "", *outlook(told, t)])
