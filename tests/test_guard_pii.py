"""guard.pii: what is found and what is spared, by planted truth and by gold; surrogates that can't be real; the vault; hostile texts."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import re
import stat
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import dirt_pii
import gold
from dadeum import ledger, run
from dadeum import recipe as recipes
from dadeum.errors import DadeumError, MissingExtra
from dadeum.recipe import read_step
from dadeum.record import records
from dadeum.report import terminal
from dadeum.report.look_words import LOOK
from dadeum.step import Edit
from dadeum.steps.guard._pii import checks, key, names, vault
from dadeum.steps.guard._pii.find import ALL, FOLD, PATTERNS, SUSPECT, find, suspect
from dadeum.steps.guard._pii.fold import ZERO_WIDTH, fold
from dadeum.steps.guard._pii.strings import inside
from dadeum.steps.guard._pii.surrogate import MASKS, surrogate
from dadeum.steps.guard.pii import Pii
from promises import unguarded

DATA = Path(__file__).parent.parent.parent / "shared/data"
WORDS = (
    "전화 주민번호 카드 사업자 IP 주소 ", "계좌번호 ", "국민은행 ", "면허 ", "여권 ", "passport ", "driver licence ", "법인등록번호 ", "SSN ", "IBAN ", "통관부호 ", "차량 ", "배송지 주소 ", "phone: ", "BBAN account no. ", "mac ", "",
)  # fmt: skip
MIXED = "7kQ2vX9mB4tR8sW1zL6nC3yH5dJ0gF" * 4
KEYS = (
    f"https://hooks.slack.com/services/T0{MIXED[:8].upper()}/B0{MIXED[8:16].upper()}/{MIXED[:24]}", f"whsec_{MIXED[:32]}",
    "SK1a475de035fc53ade5ea7f3b12e3c9d5", "key-e03f6123b1e6fe4471a00f49751eff13", "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", "dapi9d348494accf87dc9641c1b8fcf28948", f"pypi-AgE{MIXED[:80]}", f"ya29.{MIXED[:60]}",
    f"gsk_{MIXED[:52]}", f"r8_{MIXED[:37]}", f"ntn_{MIXED[:46]}", f"lin_api_{MIXED[:40]}", f"xai-{MIXED[:80]}", f"dckr_pat_{MIXED[:27]}", f"NRAK-{MIXED[:27].upper()}", f"sntrys_{MIXED[:60]}",
    f"hvs.{MIXED[:90]}", f"AGE-SECRET-KEY-1{MIXED[:58].upper()}", f"ATATT3x{MIXED[:100]}",
)  # fmt: skip
"""Keys in the form that their makers give them, of letters that nobody has."""
VALUES = {
    "email": ["hong.gd_1@naver.com", "a@b.co.kr", "ＡＢ＠naver.com", "01012345678@naver.com"],
    "phone": ["010-1234-5678", "01012345678", "０１０-1234-5678", "02-123-4567", "(031) 123-4567", "+82 10-1234-5678", "+82-(0)2-123-4567", "011-234-5678",
              "+44 (0)20 7946 0958", "+1 415 555 2671", "415-555-2671", "07732584351", "공일공-이삼사오-육칠팔구", "0505-123-4567", "+852 2345 6789", "82-10-1234-5678", "0 1 0 2 3 4 5 6 7 8 9", "010\u200b2345\u200b6789"],
    "resident": ["800101-1234567", "８００１０１－１２３４５６７", "800101 - 5234567", "800101-1******"],
    "card": ["4111-1111-1111-1111", "3714-496353-98431"],
    "business": ["120-81-47521"],
    "ip": ["192.168.0.1", "2001:db9::ff00:42:8329"],
    "corporate": ["180171-0006240"],
    "driver": ["11-12-345678-90", "서울 12-345678-90"],
    "passport": ["M12345678", "M123A4567"],
    "account": ["123456-12-123456", "3333-02-1234567", "110-123-456789"],
    "plate": ["12가3456", "서울 12가 3456", "123허4567"],
    "address": ["서울특별시 강남구 테헤란로 123", "서울 강남구 역삼동 123-45번지", "742 Evergreen Terrace, Springfield, IL 62704"],
    "customs": ["P123456789012"],
    "messenger": ["hong_123", "kim.js"],
    "iban": ["GB82WEST12345698765432", "DE89 3704 0044 0532 0130 00", "NO93 8601 1117 947"],
    "ssn": ["536-90-4399"],
    "mac": ["00:1A:2B:3C:4D:5E", "0a-1b-2c-3d-4e-5f"],
    "secret": ["AKIAIOSFODNN7ABCDEFG", "ghp_16C7e42F292c6912E7710c838347Ae178B4a", "hunter2!x", *KEYS],
    "hotline": ["1588-1234", "080-123-4567"],
    "name": ["한도윤", "김서연", "여훈", "남궁지우", "박슬", "Ms. Whitfield"[4:], "Mateo van Dijk"],
}  # fmt: skip
# Behind "password: " everything is a secret, whatever shape it has, and behind "카톡 아이디: " everything a name.
TELLS = {"passport": "여권 ", "account": "계좌번호 ", "messenger": "카톡 아이디: ", "secret": "password: ", "corporate": "법인등록번호 ", "name": "이름: "}
"""The word that some kinds need."""
QUICK = tuple(kind for kind in ALL if kind not in ("name", "speaker"))
"""Names take an analyser: a hundred times as long."""


@pytest.mark.parametrize("kind", [kind for kind in ALL if kind != "speaker"])  # speakers are not searched for: test_guard_speakers.py
def test_surrogates_keep_the_shape_and_are_nobodys(kind: str) -> None:
    searched, seeds, threshold = (ALL, 5, 0.7) if kind == "name" else (QUICK, 100, 0.5)
    for value in VALUES[kind]:
        told = "Name: " if kind == "name" and value.isascii() else TELLS.get(kind, "")
        [span] = find(told + value, searched, threshold)
        assert (span.kind, span.start, span.end) == (kind, len(told), len(told + value)), value
        for seed in map(str, range(seeds)):
            made = surrogate(value, span.kind, seed)
            assert made == surrogate(value, span.kind, seed) != value
            for words in (*WORDS, *TELLS.values()) if kind in ("secret", "messenger") else WORDS:
                assert not find(f"{words}{made}", searched, threshold), (words, value, made)
                assert not find(f"{words}{made}입니다, 은행", searched, threshold), (words, value, made)
            if kind not in ("email", "ip", "address", "messenger", "secret", "passport", "mac", "name"):
                assert shape(made) == shape(value)


def concealed(step: Any, text: str) -> str:
    """What the ledger shows of a text that changed."""
    return step.before_and_after(records([{"text": text}]), records([{"text": text + "."}]))[0][0]


def shape(text: str) -> str:
    return re.sub(r"[a-z]", "a", re.sub(r"[A-Z]", "A", re.sub(r"[0-9０-９공일이삼사오육칠팔구]", "9", text if ":" not in text else text.upper())))


def test_every_value_passes_the_guard() -> None:
    values = pl.Series([TELLS.get(kind, "") + v for kind, group in VALUES.items() for v in group if kind != "name"])
    assert suspect(values).all() and values.str.contains(SUSPECT).all()
    assert pl.Series(VALUES["name"]).str.contains(names.SUSPECT).all()


@given(st.text(st.sampled_from("0１２12-.@ 가로길동공일씨서Aa:/Ｂ시구골뱅이kpw\u200b\u1112\u1161\u11abat("), max_size=24))
def test_the_two_halves_of_the_guard_are_the_whole(text: str) -> None:
    strings = pl.Series([text, None, "x"])
    assert suspect(strings).to_list() == strings.str.contains(SUSPECT).fill_null(False).to_list() or not find(text, QUICK, 0.1)


def test_no_match_has_fewer_digits_than_its_pattern_says() -> None:
    """By the tree of each expression: what is skipped in texts with fewer digits could not have matched."""
    from re import _constants, _parser  # type: ignore[attr-defined]

    def least(tree: Any) -> int:
        total = 0
        for op, value in tree:
            if op in (_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT):
                total += value[0] * least(value[2])
            elif op is _constants.SUBPATTERN:
                total += least(value[3])
            elif op is _constants.BRANCH:
                total += min(map(least, value[1]))
            elif op is _constants.ATOMIC_GROUP:
                total += least(value)
            elif op is _constants.LITERAL:
                total += chr(value) in "0123456789"
            elif op is _constants.IN:
                total += all(_digit(*one) for one in value)
        return total

    def _digit(op: Any, value: Any) -> bool:
        if op is _constants.CATEGORY:
            return value is _constants.CATEGORY_DIGIT
        if op is _constants.RANGE:
            return chr(value[0]) >= "0" and chr(value[1]) <= "9"
        return op is _constants.LITERAL and chr(value) in "0123456789"

    wrong = {p.regex.pattern[:60]: (p.digits, n) for p in PATTERNS if p.digits > (n := least(_parser.parse(p.regex.pattern, p.regex.flags & ~re.UNICODE)))}
    assert not wrong and sum(p.digits > 0 for p in PATTERNS) > 30


@pytest.mark.skipif(not (DATA / "nsmc_raw").is_dir(), reason="../shared/data/nsmc_raw is not here")
def test_guards_change_no_answer_on_reviews() -> None:
    """guard.pii, clean.markup and clean.mojibake with and without their guards, on 15,000 reviews of which 600 have planted values, tags and broken letters."""
    with gzip.open(sorted((DATA / "nsmc_raw").glob("*.jsonl.gz"))[1], "rt", encoding="utf-8") as lines:
        texts = [json.loads(line)["review"] for _, line in zip(range(15_000), lines)]
    dirty = [p.text for p in dirt_pii.suite(10, seed=29)][:400] + [f"<b>{t}</b> &amp; {t}" for t in texts[:100]] + [t.encode().decode("latin-1") for t in texts[100:200]]
    rows = records([{"text": text} for text in (*texts, *dirty)])
    for name in ("guard.pii", "clean.markup", "clean.mojibake"):
        step = read_step(name, {})
        assert isinstance(step, Edit)
        out = step.edit(rows)
        assert_frame_equal(out, unguarded(step).edit(rows))
        assert (out["text"] != rows["text"]).sum() >= 90


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
    told = concealed(step, before)
    assert re.fullmatch(r"⟨phone:([a-p]{12})⟩ 와 ⟨phone:\1⟩, ⟨email:[a-p]{12}⟩", told)
    monkeypatch.setenv("DADEUM_KEY", "two")
    assert concealed(step, before) != told


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


def test_two_values_of_a_record_have_two_surrogates() -> None:
    text = " ".join(f"010-{i}-{i}" for i in range(2000, 2400))
    out = Pii().edit(records([{"text": text}]))["text"][0].split()
    assert len(set(out)) == 400


def test_every_kind_has_a_mask_and_a_word_in_the_look() -> None:
    assert set(MASKS) == set(ALL) and {f"look.kind.{kind}" for kind in ALL} <= set(LOOK)


# What was lost or wrongly taken at peers.


def test_a_date_stamp_is_not_a_drivers_licence() -> None:
    for text in ("202401151230", "면허 202401151230", "driver license 202401151230 "):
        assert not find(text), text


def test_an_email_glued_to_hangul_is_found() -> None:
    assert [s.kind for s in find("메일hong@naver.com으로")] == ["email"] and find("메일hong@naver.com으로")[0].start == 2


def test_a_card_and_an_ip_glued_to_a_particle_are_found() -> None:
    assert [s.kind for s in find("4111-1111-1111-1111입니다 192.168.0.1에서")] == ["card", "ip"]


def test_a_resident_number_of_the_new_kind_is_found_without_a_check_digit() -> None:
    [span] = find("210101-3123456")
    assert span.kind == "resident" and not checks.resident("2101013123456") and span.confidence < find("주민번호 210101-3123456")[0].confidence


def test_barcodes_orders_prices_scores_and_books_are_nobodys() -> None:
    wrong = [(what, text, [s.kind for s in spans]) for what, _, text in dirt_pii.clean(60) if (spans := find(text))]
    assert not wrong
    for text in ("let secret_number = rand::thread_rng().gen_range(1, 101);", "DAY 9 The Pom-Pon Way: 9.", "다시 처음으로 3", "디아블로2", "16부 1234"):
        assert not find(text), text


def test_clean_rows_stay_byte_identical() -> None:
    rows = records([{"text": text} for _, _, text in dirt_pii.clean(20, seed=9)])
    assert Pii().edit(rows).equals(rows)


FOUND = {1: 1.0, 2: 0.93, 3: 0.95}
"""Share of planted values that has to be found at each level, in every kind and language. Measured with 100 of each: all, but at level 2
accounts .92 (a bare run of digits, a word between it and 계좌번호), corporate .93 and resident numbers in English .98 (each the other's shape, and
without a word). Accounts and corporate numbers have to reach .8 there."""


def test_planted_values_are_found_where_they_stand() -> None:
    n, hit = Counter(), Counter()
    for p in dirt_pii.suite(40, seed=3):
        n[p.language, p.kind, p.level] += 1
        hit[p.language, p.kind, p.level] += any(s.kind == p.kind and s.start <= p.start and s.end >= p.end for s in find(p.text))
    low = {k: hit[k] / n[k] for k in n if hit[k] / n[k] < (0.8 if k[1] in ("account", "corporate") and k[2] > 1 else FOUND[k[2]])}
    assert not low and len(n) == 3 * (17 + 12)


def test_the_guard_lets_every_planted_value_through() -> None:
    texts = pl.Series([p.text for p in dirt_pii.suite(30, seed=5)])
    found = pl.Series([bool(find(t)) for t in texts])
    assert not (found & ~texts.str.contains(SUSPECT)).any()


@given(st.text(st.sampled_from("0１2-.@ 가한\u200b\u1112\u1161\u11abab"), max_size=30))
def test_folding_knows_the_way_back(text: str) -> None:
    told = fold(text)
    for i in range(len(told.text)):
        start, end = told.original(i, i + 1)
        assert fold(text[start:end]).text == told.text[i]
    assert re.sub(f"[{ZERO_WIDTH}]", "", text).translate(FOLD).count("-") == told.text.count("-")


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just("010-1234-5678"), lambda c: st.lists(c, max_size=3) | st.dictionaries(st.text(max_size=4), c, max_size=3)))
def test_json_stays_json_and_only_strings_change(value: object) -> None:
    nested = json.dumps([{"function": {"name": "f", "arguments": json.dumps(value)}}, value])
    assert inside(nested, lambda text, name: text) == nested
    made = json.loads(inside(nested, lambda text, name: text.replace("010-1234-5678", '"[X]"')))

    def want(v: object) -> object:
        if isinstance(v, str):
            return v.replace("010-1234-5678", '"[X]"')
        if isinstance(v, list):
            return [want(x) for x in v]
        return {k: want(x) for k, x in v.items()} if isinstance(v, dict) else v

    assert made[1] == want(value) and json.loads(made[0]["function"]["arguments"]) == want(value)


def test_a_value_has_one_surrogate_in_turn_tool_call_and_column() -> None:
    call = '[{"function": {"name": "f", "arguments": "{\\"to\\": \\"hong@naver.com\\"}"}}]'
    row = {"owner": "hong@naver.com", "messages": [{"role": "user", "content": "hong@naver.com"}, {"role": "assistant", "content": "", "tool_calls": call}]}
    step = read_step("guard.pii", {"on": ["user", "tool_calls"], "columns": ["owner"]})
    out = step.edit(records([row]))  # type: ignore[attr-defined]
    said = out["messages"][0][0]["content"]
    assert said.endswith("@example.com") and said in out["messages"][0][1]["tool_calls"] and out["owner"][0] == said
    json.loads(json.loads(out["messages"][0][1]["tool_calls"])[0]["function"]["arguments"])


# The vault.


def test_a_seal_opens_with_its_key_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DADEUM_KEY", "one")
    for value in ("010-1234-5678", "", "홍길동", "x" * 5000, "\ud800"):
        assert vault.opened("phone", vault.seal("phone", value)) == value
    told = vault.seal("phone", "010-1234-5678")
    assert told == vault.seal("phone", "010-1234-5678") != vault.seal("phone", "010-1234-5679") and not re.search(r"\d", told)
    for at in range(len(told)):
        with pytest.raises(DadeumError, match="altered"):
            vault.opened("phone", f"{told[:at]}{'a' if told[at] != 'a' else 'b'}{told[at + 1 :]}")
    for cut in (told[:-2], told[2:], told[:32], told[:30], "", told * 2, told[:-1]):
        with pytest.raises(DadeumError, match="altered"):
            vault.opened("phone", cut)
    with pytest.raises(DadeumError, match="altered"):
        vault.opened("email", told)
    monkeypatch.setenv("DADEUM_KEY", "two")
    with pytest.raises(DadeumError, match="another key"):
        vault.opened("phone", told)


def test_a_seal_is_rfc_5297(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the letters of the RFC: S2V over AES-CMAC gives the tag, and the tag with two bits cleared the counter of AES-CTR."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.cmac import CMAC

    monkeypatch.setenv("DADEUM_KEY", "one")
    both = hashlib.blake2b(key=key.key(), person=b"dadeum vault").digest()

    def cmac(data: bytes) -> bytes:
        made = CMAC(algorithms.AES(both[:32]))
        made.update(data)
        return made.finalize()

    def doubled(block: bytes) -> bytes:
        number = int.from_bytes(block, "big") << 1
        return ((number ^ (0x87 if number >> 128 else 0)) & (2**128 - 1)).to_bytes(16, "big")

    def xor(a: bytes, b: bytes) -> bytes:
        return bytes(x ^ y for x, y in zip(a, b))

    for value in ("010-1234-5678", "서울특별시 강남구 테헤란로 123, 101동 202호"):
        data = value.encode()
        block = xor(doubled(cmac(bytes(16))), cmac(b"address"))
        tag = cmac(data[:-16] + xor(data[-16:], block) if len(data) >= 16 else xor(doubled(block), (data + b"\x80").ljust(16, b"\0")))
        counter = (int.from_bytes(tag, "big") & ~(1 << 63) & ~(1 << 31)).to_bytes(16, "big")
        hidden = Cipher(algorithms.AES(both[32:]), modes.CTR(counter)).encryptor().update(data)
        assert bytes.fromhex(vault.seal("address", value).translate(vault._DIGITS)) == tag + hidden


def test_without_its_package_the_vault_keeps_nothing_and_replaces_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.ciphers.aead", None)
    rows = records([{"text": "010-1234-5678"}])
    with pytest.raises(MissingExtra, match=r"dadeum\[vault\]"):
        Pii(mode="vault").edit(rows)
    assert "0000" in Pii().edit(rows)["text"][0]


@given(st.lists(st.sampled_from(["가 ", "010-1234-5678", "password: hunter2!x ", " hong@naver.com으로 ", "\u200b", "４111-1111-1111-1111 "]), max_size=6))
def test_what_the_vault_sealed_it_gives_back(parts: list[str]) -> None:
    text = "".join(parts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DADEUM_KEY", "one")
        told = concealed(Pii(mode="vault"), text)
        assert vault.unsealed(told) == text
        assert not find(told) and not find(vault.shut(told)) and "hong@" not in told


# Hostile texts: bounded repeats take linear time; an unbounded one would not come back.

HOSTILE = [
    "a" * 200_000, "a@" * 60_000, "@" * 100_000, "1" * 200_000, "1-" * 60_000, "1 " * 60_000, "0 1 0 " * 20_000, "가" * 100_000, "가로 " * 30_000, "가시 " * 30_000, "서울" * 40_000, "12가" * 30_000,
    "eyJ" * 40_000, "eyJa." * 20_000, "-----BEGIN PRIVATE KEY-----" * 2_000, "password=" * 10_000, "password" + " " * 100_000, "a.b" * 40_000 + "@", "0:" * 50_000, ":" * 100_000, "AB12 " * 20_000,
    "Aa " * 30_000 + "1 ", "1 Aa " * 20_000 + "Stree", "공일공" * 30_000, "골뱅이 " * 20_000, "ab " * 30_000 + "골뱅이", "카톡 아이디: " * 8_000, "\u200b" * 100_000 + "0", "\u1112\u1161" * 50_000, "+1 (" * 30_000, "주문번호 " * 10_000 + "1" * 100,
    "A1@b.kr " * 3_000,
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: f"{text[:8]!a}x{len(text)}")
def test_hostile_texts_take_no_more_than_linear_time(text: str) -> None:
    assert isinstance(find(text, QUICK, 0.1), list)


# Gold.

REACHED = {"card": (0.99, 1.0), "phone": (0.70, 1.0), "email": (1.0, 1.0), "iban": (1.0, 1.0), "ssn": (1.0, 1.0), "ip": (1.0, 1.0), "address": (0.06, 1.0)}
"""Recall and precision on 1,500 English sentences, rounded down: addresses and telephones there are of forty countries."""


@pytest.mark.skipif(not (DATA / "pii_presidio").is_dir(), reason="../shared/data/pii_presidio is not here")
def test_presidios_gold_spans() -> None:
    told = {score.what: score for score in gold.presidio()}
    for kind, (recall, precision) in REACHED.items():
        assert told[kind].recall >= recall and told[kind].precision >= precision, kind


@pytest.mark.skipif(not (DATA / "pii_finance_ko").is_dir(), reason="../shared/data/pii_finance_ko is not here")
def test_labels_of_the_translated_finance_texts_that_do_not_occur() -> None:
    labels, there, told = gold.finance()
    assert (labels, there) == (8489, 3286), "five labels of eight name nothing that stands in the translated text"
    assert {s.what: s.recall for s in told}["iban"] > 0.85


def test_a_runs_vault_gives_back_what_the_data_no_longer_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DADEUM_KEY", "one")
    values = ("010-2345-6789", "hong@naver.com")
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"id": f"r{i}", "text": t}) + "\n" for i, t in enumerate((f"전화 {values[0]}, {values[1]}으로", "없음"))))
    recipe = recipes.compose({"sources": [{"path": str(tmp_path / "a.jsonl")}], "steps": [{"guard.pii": {"mode": "vault"}}, {"mix.split": {"test": 0}}]})
    out = tmp_path / "run"
    run.run(recipe, out, until="split")
    assert stat.S_IMODE((out / "ledger/edits.parquet").stat().st_mode) & 0o077 == 0
    told = [path for path in out.rglob("*") if path.is_file() and "cache" not in path.parts]
    assert not [path for path in told for value in values if value.encode() in path.read_bytes()]
    text = pl.read_parquet(out / "data/train.parquet").filter(pl.col("id") == "r0")["text"][0]
    assert vault.restore(out).rows() == [("r0", text, f"전화 {values[0]}, {values[1]}으로")]
    assert "010-0000-" in text and "@example.com" in text
    shown = terminal.concealed(ledger.why(out, "r0"))
    assert re.fullmatch(r"전화 ⟨phone:[a-p]{12}⟩, ⟨email:[a-p]{12}⟩으로", shown["edits"][0]["before"])
    monkeypatch.setenv("DADEUM_KEY", "two")
    with pytest.raises(DadeumError, match="another key"):
        vault.restore(out)


def test_apply_leaves_a_vault_beside_its_output_and_only_where_one_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DADEUM_KEY", "one")
    (tmp_path / "a.jsonl").write_text('{"id": "r", "text": "전화 010-2345-6789"}\n', encoding="utf-8")
    run.apply(["guard.pii"], str(tmp_path / "a.jsonl"), tmp_path / "o.jsonl", ["guard.pii.mode=vault"])
    kept = tmp_path / "o.jsonl.vault.parquet"
    assert vault.restore(kept)["before"].to_list() == ["전화 010-2345-6789"] and stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert "2345-6789" not in (tmp_path / "o.jsonl").read_text()
    run.apply(["guard.pii"], str(tmp_path / "a.jsonl"), tmp_path / "p.jsonl", [])
    assert not (tmp_path / "p.jsonl.vault.parquet").exists()
