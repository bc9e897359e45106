"""Every regular expression of the project is known to tests/hostile.py, and takes linear time on hostile texts."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

import hostile


@pytest.fixture(scope="module")
def known() -> dict[str, re.Pattern[str]]:
    return hostile.patterns()


def test_no_room_is_left_out(known: dict[str, re.Pattern[str]]) -> None:
    rooms = {re.split(r"[.:]", where)[0] for where in known}
    source = Path(hostile.dadeum.__file__).parent
    with_patterns = {p.relative_to(source).parts[0].removesuffix(".py") for p in source.rglob("*.py") if re.search(r"\bre\.(?:compile|search|sub|match|fullmatch|findall|split|finditer)\(", p.read_text(encoding="utf-8"))}
    # format's are made of a tokenizer's control tokens, each as it is written.
    assert with_patterns - rooms == {"format"}, "an expression of these rooms is not looked at"
    assert any(where.startswith("io.chatlog.kakao.ENTRIES") for where in known) and any(where.startswith("steps.guard._pii.speakers.People") for where in known)
    assert any(where.endswith(hostile.MATCHED) for where in known), "what functions write is known too"


@pytest.mark.night
def test_no_expression_takes_more_than_linear_time(known: dict[str, re.Pattern[str]]) -> None:
    """Four times the text takes four times as long, not sixteen times; looked at closer only where a short text takes longer than any linear one does."""

    def took(where: str, text: str) -> float:
        started = time.process_time()
        hostile.tried(where, known[where], text)
        return time.process_time() - started

    slow: dict[str, tuple[str, float]] = {}
    for (name, text), (_, longer) in zip(hostile.texts(1_500), hostile.texts(9_000)):
        for where in known:
            if took(where, text) > 0.003 and (once := min(took(where, text) for _ in range(3))) > 0.003 and took(where, longer) > 16 * once:
                slow[where] = (name, once)
    assert not slow
