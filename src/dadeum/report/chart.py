"""The report's pictures as SVG text, written by hand: no library, no script, no network.

Widths are percentages and heights pixels, so a picture fills a phone and a sheet of paper alike while its letters keep their
size; curves sit in a nested viewport that may be stretched. Colours come from the style sheet by class, never from here.
Every picture has a title for whoever cannot see it. Numbers in, string out; what is text is escaped here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

Format = Callable[[float], str]


@dataclass(frozen=True)
class Series:
    """A line: `style` is its class, `points` (x, y) in order of x."""

    style: str
    points: tuple[tuple[float, float], ...]
    dots: bool = False


def stream(rows_in: int, rows_out: int, left: Sequence[tuple[str, int]], grown: int, scale: int, title: str) -> str:
    """One step of the funnel: a stream as wide as its rows, narrowing by what left and widening by what grew.

    left: (state, rows) of those who left; scale: the rows of the whole width. To be stacked without gaps.
    """
    one = 1000 / max(1, scale)
    stays = (rows_in - sum(n for _, n in left)) * one
    parts = []
    edge = stays
    for state, n in left:
        # At least two thousandths wide: one row of a million left and has to be seen.
        wide = max(n * one, 2.0)
        bend = f"M{edge:.2f},0 L{edge + wide:.2f},0 C{edge + wide:.2f},55 {stays:.2f},45 {stays:.2f},100 C{stays:.2f},45 {edge:.2f},45 {edge:.2f},0 Z"
        parts.append(f'<path class="{escape(state)}" d="{bend}"/>')
        edge += wide
    parts.append(f'<path class="kept" d="M0,0 H{stays:.2f} V100 H0 Z"/>')
    if grown:
        wide = max(grown * one, 2.0)
        parts.append(f'<path class="grown" d="M{stays:.2f},0 C{stays:.2f},55 {stays + wide:.2f},45 {stays + wide:.2f},100 H{stays:.2f} Z"/>')
    return _picture("stream", title, "".join(parts), 'viewBox="0 0 1000 100" preserveAspectRatio="none"')


def bar(parts: Sequence[tuple[str, float]], total: float, title: str, height: int = 10) -> str:
    """A stacked bar: (class, amount) one after another, of a whole of `total`."""
    x, body = 0.0, [f'<rect class="track" width="100%" height="{height}"/>']
    for style, amount in parts:
        wide = 100 * amount / total if total else 0.0
        body.append(f'<rect class="{escape(style)}" x="{x:.3f}%" width="{wide:.3f}%" height="{height}"/>')
        x += wide
    return _picture("bar", title, "".join(body), f'width="100%" height="{height}"')


def interval(low: float, mid: float, high: float, span: tuple[float, float], title: str, style: str, zero: bool) -> str:
    """A row of a forest plot: the estimate as a dot, its interval as a line, and zero as a rule where asked for."""
    a, m, b = (place(v, span) for v in (low, mid, high))
    body = f'<line class="rule" x1="{place(0, span):.2f}%" x2="{place(0, span):.2f}%" y1="0" y2="28"/>' if zero else ""
    body += f'<g class="{escape(style)}"><line class="whisker" x1="{a:.2f}%" x2="{b:.2f}%" y1="14" y2="14"/>'
    for x in (a, b):
        body += f'<line class="whisker" x1="{x:.2f}%" x2="{x:.2f}%" y1="10" y2="18"/>'
    body += f'<circle cx="{m:.2f}%" cy="14" r="5"/></g>'
    return _picture("interval", title, body, 'width="100%" height="28"')


def scale(span: tuple[float, float], form: Format, title: str, zero: bool) -> str:
    """The axis under the rows of a forest plot."""
    body = '<line class="axis" x1="0" x2="100%" y1="1" y2="1"/>'
    if zero:
        body += f'<line class="rule" x1="{place(0, span):.2f}%" x2="{place(0, span):.2f}%" y1="0" y2="6"/>'
    for t in ticks(*span, n=4):
        x = place(t, span)
        body += f'<line class="axis" x1="{x:.2f}%" x2="{x:.2f}%" y1="1" y2="5"/><text x="{x:.2f}%" y="18" {_anchor(x)}>{escape(form(t))}</text>'
    return _picture("scale", title, body, 'width="100%" height="22"')


def histogram(bins: Sequence[tuple[str, int, int]], form: Format, title: str) -> str:
    """Two distributions over the same bins, (label, before, after): before as a pale bar, after as a dark one inside it."""
    top, tall = 8, 168
    peak = max((max(b, a) for _, b, a in bins), default=0) or 1
    body = _lines(0, peak, top, tall, form)
    wide = 100 / max(1, len(bins))
    for i, (_, before, after) in enumerate(bins):
        for style, n, share in (("before", before, 0.92), ("after", after, 0.5)):
            high = (tall - top) * n / peak
            if n:
                high = max(high, 1.0)
                x = (i + (1 - share) / 2) * wide
                body += f'<rect class="{style}" x="{x:.3f}%" y="{tall - high:.1f}" width="{wide * share:.3f}%" height="{high:.1f}"/>'
    every = max(1, math.ceil(len(bins) / 7))
    for i in range(0, len(bins), every):
        x = i * wide
        body += f'<text x="{x:.2f}%" y="{tall + 17}" {_anchor(x)}>{escape(bins[i][0])}</text>'
    body += f'<line class="axis" x1="0" x2="100%" y1="{tall}" y2="{tall}"/>'
    return _picture("histogram", title, body, f'width="100%" height="{tall + 24}"')


def lines(series: Sequence[Series], form_x: Format, form_y: Format, title: str) -> str:
    """Lines over a common x: the y axis spans the values, not zero, since losses are read by their change."""
    xs = [x for s in series for x, _ in s.points]
    ys = [y for s in series for _, y in s.points]
    if not xs:
        return ""
    top, tall = 10, 240
    span_x = (min(xs), max(xs) if max(xs) > min(xs) else min(xs) + 1)
    pad = (max(ys) - min(ys)) * 0.06 or 0.5
    span_y = (min(ys) - pad, max(ys) + pad)
    body = _lines(*span_y, top, tall, form_y, n=5)
    body += f'<svg x="0" y="{top}" width="100%" height="{tall - top}" viewBox="0 0 1000 1000" preserveAspectRatio="none">'
    for s in series:
        path = " ".join(f"{10 * place(x, span_x):.1f},{1000 - 10 * place(y, span_y):.1f}" for x, y in s.points)
        body += f'<polyline class="{escape(s.style)}" points="{path}"/>'
    body += "</svg>"
    for s in series:
        for x, y in s.points if s.dots else ():
            cy = tall - (tall - top) * place(y, span_y) / 100
            body += f'<circle class="{escape(s.style)}" cx="{place(x, span_x):.2f}%" cy="{cy:.1f}" r="3"/>'
    for t in ticks(*span_x, n=4):
        x = place(t, span_x)
        body += f'<text x="{x:.2f}%" y="{tall + 17}" {_anchor(x)}>{escape(form_x(t))}</text>'
    body += f'<line class="axis" x1="0" x2="100%" y1="{tall}" y2="{tall}"/>'
    return _picture("lines", title, body, f'width="100%" height="{tall + 24}"')


def place(value: float, span: tuple[float, float]) -> float:
    """Where a value lies on an axis, in percent of its length, held inside it."""
    low, high = span
    return min(100.0, max(0.0, 100 * (value - low) / (high - low))) if high > low else 50.0


def ticks(low: float, high: float, n: int = 4) -> list[float]:
    """About `n` round values from low to high: multiples of 1, 2 or 5 times a power of ten.

    >>> ticks(0, 0.93)
    [0.0, 0.2, 0.4, 0.6, 0.8]
    """
    if not high > low:
        return [low]
    rough = (high - low) / n
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * min((1, 2, 5, 10), key=lambda k: abs(math.log(power * k / rough)))
    first = math.ceil(low / step - 1e-9)
    return [round(i * step, 12) for i in range(first, math.floor(high / step + 1e-9) + 1)]


def around(values: Sequence[float], zero: bool) -> tuple[float, float]:
    """An axis that holds all the values that have an end with some air, and zero where asked for."""
    held = [x for x in (*values, *([0.0] if zero else ())) if math.isfinite(x)]
    low, high = min(held), max(held)
    air = (high - low) * 0.06 or 0.05
    return low - air, high + air


def _lines(low: float, high: float, top: int, tall: int, form: Format, n: int = 3) -> str:
    out = ""
    for t in ticks(low, high, n):
        y = tall - (tall - top) * place(t, (low, high)) / 100
        if tall - y > 12:
            out += f'<line class="grid" x1="0" x2="100%" y1="{y:.1f}" y2="{y:.1f}"/><text class="on" x="0" y="{y - 4:.1f}">{escape(form(t))}</text>'
    return out


def _anchor(x: float) -> str:
    return f'text-anchor="{"start" if x < 4 else "end" if x > 96 else "middle"}"'


def _picture(kind: str, title: str, body: str, size: str) -> str:
    return f'<svg class="chart {kind}" role="img" aria-label="{escape(title)}" {size}><title>{escape(title)}</title>{body}</svg>'
