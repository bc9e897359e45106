"""Every kind of dirt against its own inverse, and the grammars against what they promise."""

from __future__ import annotations

import dataclasses
import html
import random
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dadeum.demo import dirt
from dadeum.demo.dirt import Row
from dadeum.demo.grammar import LABELS, LANGUAGES, SLOT, Voice, grammar, particle
from dadeum.demo.messages import messages, questions, spoil

SEEDS = st.integers(0, 10_000)


def _row(seed: int, language: str | None = None) -> Row:
    rng = random.Random(seed)
    spoken = language or rng.choice(LANGUAGES)
    label = rng.choice(LABELS)
    text = Voice.of(grammar(spoken), rng).write(rng, label)  # type: ignore[arg-type]
    return Row("1", "c1", spoken, "chat", "2025-01-06", "kim", label, label, text, text)  # type: ignore[arg-type]


def _letters(text: str) -> str:
    return re.sub(r"[\W_]", "", text).lower()


@given(SEEDS)
def test_markup_and_entities_come_off(seed: int) -> None:
    for put in (dirt.markup, dirt.entity):
        made = put(random.Random(seed), row := _row(seed))
        bare = html.unescape(re.sub(r"<[^>]+>", "", made.text)).replace("\u00a0", " ")
        assert bare == made.clean and made.text != row.text
        assert all(mark in made.text and mark not in made.clean for mark in made.marks)


@given(SEEDS)
def test_invisible_characters_and_jamo_come_off(seed: int) -> None:
    made = dirt.invisible(random.Random(seed), _row(seed))
    assert "".join(c for c in made.text if c not in dirt.INVISIBLE) == made.clean != made.text
    made = dirt.nfd(random.Random(seed), _row(seed, "ko"))
    assert unicodedata.normalize("NFC", made.text) == made.clean != made.text


@given(SEEDS)
def test_mojibake_can_be_undone_and_shows_in_both_languages(seed: int) -> None:
    made = dirt.mojibake(random.Random(seed), _row(seed))
    assert made.text.encode("latin-1").decode("utf-8") == made.clean != made.text


@given(SEEDS)
def test_copies_say_the_same(seed: int) -> None:
    row = _row(seed)
    for copy in (dirt.exact_copy, dirt.near_spacing, dirt.near_punctuation, dirt.near_case):
        made = copy(random.Random(seed), row, "2")
        assert _letters(made.text) == _letters(row.text)
        assert (made.id, made.origin, made.label, made.told, made.outcome) == ("2", "1", row.label, row.told, "merged")
    assert dirt.exact_copy(random.Random(seed), row, "2").text == row.text
    assert dirt.near_spacing(random.Random(seed), row, "2").text != row.text


@given(SEEDS)
def test_two_slips_change_at_most_four_letters(seed: int) -> None:
    row = _row(seed)
    made = dirt.near_typo(random.Random(seed), row, "2")
    assert len(made.text) == len(row.text)
    assert sum(a != b for a, b in zip(made.text, row.text)) <= 4


@given(SEEDS)
def test_labels_are_wrong_where_they_should_be(seed: int) -> None:
    row = _row(seed)
    for made in (dirt.wrong_label(random.Random(seed), row), dirt.conflict(random.Random(seed), row, "2")):
        assert made.told in LABELS and made.told != row.told and made.label == row.label and made.text == row.text
    assert dirt.unknown_label(random.Random(seed), row).told not in LABELS


@given(SEEDS)
def test_runaway_rows_loop_and_empty_ones_say_nothing(seed: int) -> None:
    row = _row(seed)
    text = dirt.runaway(random.Random(seed), row).text
    grams = [text[i : i + 10] for i in range(len(text) - 9)]
    assert len(text) > 450 and len(set(grams)) < len(grams) / 2
    assert len(dirt.empty(random.Random(seed), row).text) < 5


def test_no_message_serves_two_kinds_and_order_is_by_date() -> None:
    clean = messages(3, 1200)
    made = spoil(clean, questions(3, clean), 3, 1.0)
    assert all(len(row.kinds) <= 1 for row in made)
    assert [row.date for row in made] == sorted(row.date for row in made)
    known = {row.id: row for row in made}
    for row in made:
        if row.origin and row.kinds != ("leak",):
            assert known[row.origin].kinds == () and known[row.origin].customer == row.customer


def test_conflicts_are_tied_or_outvoted_half_and_half() -> None:
    clean = messages(3, 1200)
    made = spoil(clean, questions(3, clean), 3, 1.0)
    says: dict[str, list[bool]] = {}
    for row in made:
        if row.kinds in (("conflict",), ("exact_copy",)):
            says.setdefault(row.origin, []).append(row.told == row.label)
    clashing = [sorted(told) for told in says.values() if False in told]
    assert {tuple(told) for told in clashing} == {(False,), (False, True)}
    assert abs(sum(len(told) == 1 for told in clashing) - len(clashing) / 2) <= 0.5


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_template_fills_and_every_slot_is_used(language: str) -> None:
    made = grammar(language)  # type: ignore[arg-type]
    lines = [*made.opening, *made.ask, *made.closing, *made.flood.values()]
    lines += [line for group in (made.done, made.core) for part in group.values() for line in part]
    named = {match[1] for line in lines for match in SLOT.finditer(line)}
    assert named == set(made.slots)
    assert set(made.core) == set(made.done) == set(LABELS)
    rng = random.Random(0)
    for line in lines:
        told = made.fill(rng, line)
        assert not set("{}#") & set(told) and told.strip() == told
    assert len(lines) == len(set(lines))


def test_the_languages_have_grammars_of_the_same_size() -> None:
    ko, en = (dataclasses.asdict(grammar(language)) for language in LANGUAGES)
    for part in ("opening", "ask", "closing", "empty", "runaway"):
        assert len(ko[part]) == len(en[part]), part
    for part in ("slots", "done", "core", "flood", "personal"):
        assert {k: len(v) for k, v in ko[part].items() if part != "flood"} == {k: len(v) for k, v in en[part].items() if part != "flood"}, part


@pytest.mark.parametrize(
    ("word", "form", "told"),
    [("회사", "로", "로"), ("집", "로", "으로"), ("매달", "로", "로"), ("이어폰", "를", "을"), ("의자", "를", "를"), ("10번", "가", "이"),
     ("주문 1234", "로", "로"), ("주문 16", "로", "으로"), ("주문 17", "로", "로"), ("책", "는", "은"), ("차", "도", "도"), ("printer", "가", "가")],
)  # fmt: skip
def test_particles(word: str, form: str, told: str) -> None:
    assert particle(word, form) == told
