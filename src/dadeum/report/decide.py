"""decision.json in words: the answer, why, one line for each way of asking, and what is not known yet. For the terminal and the page."""

from __future__ import annotations

from typing import Any

from dadeum.report.verdict import SHARES
from dadeum.report.words import Words, count, number, percent


def title(told: dict[str, Any], t: Words) -> str:
    """The answer in one line."""
    return t(f"decide.{told['verdict']}")


def sentences(told: dict[str, Any], t: Words) -> list[str]:
    """Why, sentence by sentence."""
    best = told["best"]
    made = [t("decide.best", arm=_name(best, t), score=score(told, told["arms"][best]["score"]), n=told["items"])]
    level = percent(1 - told["level"], 0)
    for name, one in told["against"].items():
        ends = {end: gap(told, one[end], t) for end in ("low", "high")}
        made.append(t("decide.gain", arm=_name(name, t), gain=gap(told, one["gain"], t), level=level, **ends))
    reach = told["to_reach"]
    if reach:
        values = {"score": score(told, reach["score"]), "gain": gap(told, reach["gain"], t), "power": percent(told["power"], 0)}
        made.append(t("decide.reach.none") if reach["score"] is None else t("decide.reach", **values))
        made += [t("decide.reach.items", n=reach["items"])] if reach["items"] else []
    tuning = told["tuning"]
    if tuning["price"] is not None:
        parts = {key: money(tuning[key], tuning) for key in ("price", "machine", "labour")}
        made.append(t("decide.cost.least" if tuning["least"] else "decide.cost", **parts))
    if told["affordable"] is not None:
        made.append(t("decide.affordable", n=told["calls"], price=money(told["affordable"], tuning)))
    for name, even in told["break_even"].items():
        if even["why"] == "unknown":
            continue
        said = t("decide.even.never", arm=_name(name, t)) if even["why"] == "never" else t("decide.even", arm=_name(name, t), n=even["calls"])
        if even["saves"] is not None:
            said += " " + t("decide.saves" if even["saves"] >= 0 else "decide.loses", n=told["calls"], price=money(abs(even["saves"]), tuning))
        made.append(said)
    return made


def rows(told: dict[str, Any], t: Words) -> list[dict[str, str]]:
    """One line for each arm: {name, score, interval, tokens, latency, price, break}; what is not known is a dash."""
    made = []
    for name, arm in told["arms"].items():
        even = told["break_even"].get(name, {"why": "unknown"})
        lone = (arm["latency"] or {}).get("median")
        made.append(
            {
                "name": _name(name, t),
                "score": score(told, arm["score"]),
                "interval": t("range", low=score(told, arm["low"]), high=score(told, arm["high"])),
                "tokens": "–" if arm["read"] is None else f"{number(round(arm['read'], 1))} + {number(round(arm['written'], 1))}",
                "latency": "–" if lone is None else t.duration(lone),
                "price": "–" if arm["price"] is None else money(1000 * arm["price"], told["tuning"]),
                "break": {"calls": count(even.get("calls")), "never": t("decide.never")}.get(even["why"], "–"),
            }
        )
    return made


def missing(told: dict[str, Any], t: Words) -> list[str]:
    """What is not known yet, sentence by sentence."""
    made = []
    for one in told["missing"]:
        values = {key: ", ".join(_name(name, t) for name in value) if key == "arms" else value for key, value in one.items() if key != "what"}
        made.append(t(f"decide.missing.{one['what']}", **values))
    return made


def text(told: dict[str, Any], lang: str = "en") -> str:
    """All of it for the terminal."""
    from dadeum.report.terminal import columns, fit

    t = Words(lang)
    head = {"name": t("decide.arm"), **{key: t(f"decide.{key}") for key in ("score", "interval", "tokens", "latency", "price", "break")}}
    table = [head, *rows(told, t)]
    widths = {key: max(columns(row[key]) for row in table) for key in head}
    lines = [title(told, t), "", *sentences(told, t), ""]
    lines += ["  ".join(fit(row[key], widths[key], right=key != "name") for key in head).rstrip() for row in table]
    lines += ["", t("decide.missing"), *(f"  {said}" for said in missing(told, t))]
    notes = told["notes_ko" if lang == "ko" else "notes"]
    return "\n".join([*lines, "", *notes] if notes else lines)


def score(told: dict[str, Any], x: float | None) -> str:
    """A score in its metric's unit."""
    return percent(x) if told["metric"] in SHARES else number(x)


def gap(told: dict[str, Any], x: float | None, t: Words) -> str:
    """A difference in its metric's unit, with its sign."""
    if x is None:
        return "–"
    if told["metric"] in SHARES:
        return t("points", x=f"{100 * x:+.1f}".replace("-", "−"))
    return f"{x:+.3g}".replace("-", "−")


def money(x: float | None, tuning: dict[str, Any]) -> str:
    """A price in the recipe's currency."""
    return "–" if x is None else f"{x:,.2f} {tuning['currency']}" if x == 0 or x >= 0.01 else f"{x:.2g} {tuning['currency']}"


def _name(arm: str, t: Words) -> str:
    return t.known("arm", arm)
