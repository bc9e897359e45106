"""The parts of the text steps that can be wrong unseen: tables of characters, check digits, n-grams against slow twins."""

from __future__ import annotations

import random
import re
import stat
import unicodedata
from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dadeum import steps
from dadeum.errors import DadeumError, RecipeError
from dadeum.recipe import read_step
from dadeum.record import records
from dadeum.steps.clean.unicode import BREAK, HALF, INVISIBLE, KEPT, SAFE, SUSPECT
from dadeum.steps.filter import _grams
from dadeum.steps.guard._pii import checks, key
from dadeum.steps.guard._pii.find import KINDS, find
from dadeum.steps.guard._pii.find import SUSPECT as SUSPECT_PII
from dadeum.steps.guard._pii.surrogate import surrogate

POINTS = pl.Series([chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000])


def test_no_safe_character_needs_the_step() -> None:
    safe = POINTS.filter(~POINTS.str.contains(SUSPECT))
    assert len(safe) > 40_000
    assert not [c for c in safe if unicodedata.normalize("NFC", c) != c or unicodedata.combining(c)]
    assert not safe.str.contains(f"{INVISIBLE}|{BREAK}|[\\u{{200D}}\\u{{FE0F}}]|[ㆍ\u119e\u11a2]").any()
    assert not set(safe) & set(HALF)


def test_no_two_safe_characters_compose() -> None:
    safe = set(POINTS.filter(~POINTS.str.contains(SUSPECT)))
    pairs = (unicodedata.decomposition(c).split() for c in map(chr, range(0x110000)))
    second = {chr(int(p[1], 16)) for p in pairs if len(p) == 2 and not p[0].startswith("<")}
    assert not second & safe, "a character that composes with the one before it"


def test_every_control_and_format_character_goes() -> None:
    seen = POINTS.filter(POINTS.map_elements(lambda c: unicodedata.category(c) in ("Cc", "Cf"), return_dtype=pl.Boolean))
    out = read_step("clean.unicode", {}).edit(records([{"text": f"가{c}나"} for c in seen]))["text"]  # type: ignore[attr-defined]
    left = {c for c, text in zip(seen, out) if c in text}
    script = {c for c in left if unicodedata.name(c, "?").split()[0] in ("ARABIC", "SYRIAC", "KAITHI", "EGYPTIAN", "SHORTHAND")}
    assert left - script == {"\n", "\t", "\r"}, "marks that show are letters' companions and stay"
    assert SAFE and KEPT


def slow_repeated(text: str, n: int) -> float:
    grams = [text[i : i + n] for i in range(len(text) - n + 1)]
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


def slow_top(words: list[str], n: int) -> float:
    grams = Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))
    held = max((k * sum(map(len, gram)) for gram, k in grams.items() if k > 1), default=0)
    return min(1.0, held / max(1, sum(map(len, words))))


def slow_covered(words: list[str], n: int) -> float:
    seen, inside = set(), set()
    for i in range(len(words) - n + 1):
        gram = tuple(words[i : i + n])
        if gram in seen:
            inside |= set(range(i, i + n))
        seen.add(gram)
    return sum(len(words[i]) for i in inside) / max(1, sum(map(len, words)))


def test_grams_against_slow_twins() -> None:
    rng = random.Random(7)
    texts = [" ".join(rng.choices(["가", "나다", "the", "cat", "라마바"], k=rng.randint(0, 40))) for _ in range(200)]
    series = pl.Series(texts)
    points, lengths = _grams.characters(series)
    numbers, sizes, counts = _grams.words(series)
    run = [max((len(m[0]) for m in re.finditer(r"(.)\1*", t)), default=0) / max(1, len(t)) for t in texts]
    np.testing.assert_allclose(_grams.longest_run(points, lengths), run)
    for n in (2, 5, 10):
        np.testing.assert_allclose(_grams.repeated(points, lengths, n), [slow_repeated(t, n) for t in texts])
        np.testing.assert_allclose(_grams.top_share(numbers, sizes, counts, n), [slow_top(t.split(), n) for t in texts])
        np.testing.assert_allclose(_grams.covered(numbers, sizes, counts, n), [slow_covered(t.split(), n) for t in texts])


VALUES = {
    "email": ["hong.gd_1@naver.com", "a@b.co.kr", "ＡＢ＠naver.com"],
    "phone": ["010-1234-5678", "01012345678", "０１０-1234-5678", "02-123-4567", "(031) 123-4567", "+82 10-1234-5678", "+82-(0)2-123-4567", "011-234-5678",
              "+44 (0)20 7946 0958", "+1 415 555 2671", "415-555-2671", "07732584351", "공일공-이삼사오-육칠팔구", "0505-123-4567", "+852 2345 6789"],
    "resident": ["800101-1234567", "８００１０１－１２３４５６７", "800101 - 5234567", "800101-1******"],
    "card": ["4111-1111-1111-1111", "3714-496353-98431"],
    "business": ["120-81-47521"],
    "ip": ["192.168.0.1", "2001:db9::ff00:42:8329"],
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_surrogates_keep_the_shape_and_are_nobodys(kind: str) -> None:
    for value in VALUES[kind]:
        told = find(value)
        assert [(s.kind, s.start, s.end) for s in told] == [(kind, 0, len(value))], value
        for seed in map(str, range(300)):
            made = surrogate(value, told[0].kind, seed)
            assert made == surrogate(value, told[0].kind, seed) != value
            for words in ("", "전화 주민번호 카드 사업자 IP 주소 "):
                assert not find(words + made), (value, made)
            if kind not in ("email", "ip"):
                assert re.sub(r"[0-9０-９공일이삼사오육칠팔구]", "9", made) == re.sub(r"[0-9０-９공일이삼사오육칠팔구]", "9", value)


def test_every_value_passes_the_guard() -> None:
    values = pl.Series([v for group in VALUES.values() for v in group])
    assert values.str.contains(SUSPECT_PII).all()


def test_check_digits_against_brute_force() -> None:
    rng = random.Random(3)
    for _ in range(300):
        digits = "".join(rng.choices("0123456789", k=12))
        assert sum(checks.resident(digits[:6] + g + digits[7:] + str(c)) for g in "1" for c in range(10)) == 1
        assert sum(checks.luhn(digits + str(c)) for c in range(10)) == 1
        assert sum(checks.business(digits[:9] + str(c)) for c in range(10)) == 1


def test_one_value_one_surrogate_in_a_record_and_another_in_the_next() -> None:
    step = read_step("guard.pii", {})
    turns = [{"role": "user", "content": "010-1234-5678 또는 010 1234 5678"}, {"role": "assistant", "content": "01012345678, 010-9999-8888"}]
    out = step.edit(records([{"text": "010-1234-5678"}, {"messages": turns}]))  # type: ignore[attr-defined]
    numbers = [re.sub(r"\D", "", n) for turn in out["messages"][1] for n in re.findall(r"010[- ]?\d{4}[- ]?\d{4}", turn["content"])]
    assert len(numbers) == 4 and len(set(numbers[:3])) == 1 and numbers[3] != numbers[0]
    assert re.sub(r"\D", "", out["text"][0]) != numbers[0]


def test_conceal_tells_digests_and_never_the_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DADEUM_KEY", "one")
    step = read_step("guard.pii", {})
    before = "010-1234-5678 와 01012345678, hong@naver.com"
    told = step.conceal(before, "")  # type: ignore[attr-defined]
    assert re.fullmatch(r"⟨phone:([a-p]{12})⟩ 와 ⟨phone:\1⟩, ⟨email:[a-p]{12}⟩", told)
    monkeypatch.setenv("DADEUM_KEY", "two")
    assert step.conceal(before, "") != told  # type: ignore[attr-defined]


def test_the_key_is_made_once_and_is_the_users_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DADEUM_KEY", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    first = key.key()
    assert stat.S_IMODE(key.path().stat().st_mode) == 0o600 and [p.name for p in key.path().parent.iterdir()] == ["key"]
    key._kept.cache_clear()
    assert key.key() == first
    key._kept.cache_clear()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    with pytest.raises(DadeumError, match="DADEUM_KEY"):
        key.key()


def test_the_registry_tells_the_nearest_name_and_keeps_private_modules() -> None:
    assert not [name for name in steps.names() if "_" in name.split(".")[0] or name.split(".")[1].startswith("_")]
    with pytest.raises(RecipeError, match=r"did you mean clean\.unicode"):
        steps.load("clean.unicod")
    for name in steps.names():
        assert read_step.__name__ and steps.load(name).__module__ == f"dadeum.steps.{name}"
