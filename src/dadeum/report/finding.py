"""What a finding is: one table of the report, with the place that it was read from."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Line:
    """One line of a table. `numbers`: (value, as it is shown); `bar`: the share that its bar fills, None for no bar."""

    name: str
    numbers: tuple[tuple[float, str], ...]
    bar: float | None = None


@dataclass(frozen=True)
class Pair:
    """A row that left, and the test item that it holds."""

    place: str
    item: str
    value: float
    text: str


@dataclass(frozen=True)
class Finding:
    """One table: what it is about, its heads (the first is that of the names), its lines, and where it was read from."""

    step: str
    title: str
    lede: str
    heads: tuple[str, ...]
    lines: tuple[Line, ...]
    where: str
    warnings: tuple[str, ...] = ()
    pairs: tuple[Pair, ...] = field(default=())
    more: int = 0
    """Lines that are not shown."""
