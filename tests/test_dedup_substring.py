"""dedup.substring and clean.cut next to slow obvious twins, on text made to hurt, and on real text with notices planted into it."""

from __future__ import annotations

import gzip
import json
import random
import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dadeum.evaluate.quantiles import wilson
from dadeum.record import records
from dadeum.steps import _key
from dadeum.steps.clean.cut import Cut
from dadeum.steps.dedup import _spans, _spans_text
from dadeum.steps.dedup.substring import Substring

DATA = Path(__file__).parents[2] / "shared/data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA} is not there")


def letters(text: str) -> str:
    return _key.letters(pl.Series([text])).tobytes().decode("utf-32-le")[:-1]


def slow_windows(text: str, weight: int) -> dict[int, str]:
    """Place -> the shortest run of letters from there on that weighs `weight`."""
    out = {}
    for start in range(len(text)):
        heavy = 0
        for stop in range(start, len(text)):
            heavy += 2 if ord(text[stop]) >= 0x2E80 else 1
            if heavy >= weight:
                out[start] = text[start : stop + 1]
                break
    return out


def slow(texts: list[str], weight: int, limit: float | None) -> list[tuple[float, bool]]:
    """(share of letters that stand in a window which a row before has that stays, leaves) of each text."""
    seen: set[str] = set()
    out = []
    for text in map(letters, texts):
        windows = slow_windows(text, weight)
        held = {i for start, w in windows.items() if w in seen for i in range(start, start + len(w))}
        share = len(held) / max(1, len(text))
        out.append((share, limit is not None and share > limit))
        if not out[-1][1]:
            seen |= set(windows.values())
    return out


def related(rows: pl.DataFrame, step: Substring) -> pl.DataFrame:
    return step.relate(step.sketch(rows))


def told(rows: pl.DataFrame, step: Substring) -> pl.DataFrame:
    return step.decide(related(rows, step))


@pytest.mark.parametrize("seed", range(60))
def test_windows_that_recur_are_the_slow_ones(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(seed)
    monkeypatch.setattr(_spans, "BLOCK", draw.choice([7, 31, 64, 1 << 17]))
    alphabet = draw.choice(["ab", "abc가나", "가"])
    texts, rows, row = [], [], 0
    for _ in range(draw.randrange(8)):
        texts.append("".join(draw.choices(alphabet, k=draw.randrange(60))))
        rows.append(row)
        row += draw.random() < 0.6
    weight = draw.choice([4, 7, 10, 13])
    held: dict[str, list[tuple[int, int]]] = defaultdict(list)
    start = 0
    for row, text in zip(rows, texts):
        for at, window in slow_windows(text, weight).items():
            held[window].append((start + at, row))
        start += len(text) + 1
    want = {at: window for window, places in held.items() if len({row for _, row in places}) > 1 for at, _ in places}
    codes = np.array([ord(c) for text in texts for c in text + "\0"], dtype=np.uint32)
    found = _spans.recurring(codes, np.array(rows, dtype=np.int64), weight)
    assert dict(zip(found.at.tolist(), found.size.tolist())) == {at: len(window) for at, window in want.items()}
    groups = {(int(group), want[int(at)]) for at, group in zip(found.at, found.group)}
    assert len({g for g, _ in groups}) == len({w for _, w in groups}) == len(groups)


def test_hashes_that_collide_join_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """All hashes equal: what is verified is then all there is."""
    monkeypatch.setattr(_spans, "_mixed", lambda hashes: np.zeros_like(hashes) + np.uint64(1))
    codes = np.frombuffer("abcdefgh\0zyxwvuts\0zyxwvuts\0".encode("utf-32-le"), dtype=np.uint32)
    found = _spans.recurring(codes, np.arange(3), 8)
    assert found.at.tolist() == [9, 18] and found.group.tolist() == [0, 0]


words = st.lists(st.sampled_from(["봄", "가을이다", "ab", "Ab!", "ㅋㅋㅋ", "e\u0301", "ᄒ", "ᅡ", "ᆫ", "12", "...", "\n", "가", "가가가가가가가가가가"]), max_size=30)


@given(st.lists(words.map(" ".join), max_size=6), st.sampled_from([None, 0.0, 0.3, 0.7]), st.sampled_from([20, 23]))
def test_shares_and_who_leaves_are_the_slow_ones(texts: list[str], limit: float | None, weight: int) -> None:
    out = told(records([{"text": t} for t in texts]), Substring(min=weight, max=limit, profile="auto"))
    want = slow([t for t in texts], weight, limit)
    assert out["repeated_share"].to_list() == pytest.approx([share for share, _ in want])
    leaves = out["state"].is_not_null().to_list() if limit is not None else [False] * len(texts)
    assert leaves == [left for _, left in want]


@given(st.lists(words.map(" ".join), max_size=6), st.randoms())
def test_every_span_stands_where_it_is_said_to_stand(texts: list[str], draw: random.Random) -> None:
    texts += draw.choices(texts, k=2) if texts else []
    texts = [t + draw.choice(["", " 끝", "x"]) for t in texts]
    rows = records([{"text": t, "id": f"r{i}"} for i, t in enumerate(texts)])
    out = told(rows, Substring(min=20))
    for i, spans in enumerate(out["repeated"].to_list()):
        done = 0
        for span in spans:
            assert span["start"] >= done and span["first"] in {f"r{k}" for k in range(i)}
            done = span["start"] + span["length"]
            first = texts[int(span["first"][1:])][span["first_start"] : span["first_start"] + span["first_length"]]
            # A run of laughter counts as two letters of the whole text, so the part is taken as such a text.
            assert letters(texts[i][span["start"] : done]) == letters(first)


@given(words.map(" ".join), st.sampled_from(["auto", "en", "code"]))
def test_every_letter_is_found_back(text: str, profile: str) -> None:
    begin, end = _spans_text.places(text, profile)
    codes = _spans_text.letters(pl.Series([text]), profile)[:-1]
    assert len(begin) == len(end) == len(codes)
    alone = [_spans_text.letters(pl.Series([text[a:b]]), profile)[0] for a, b in zip(begin.tolist(), end.tolist())]
    assert alone == codes.tolist()


def test_late_parameters_decide_over_the_same_relations() -> None:
    rows = records([{"text": "이 글의 저작권은 글쓴이에게 있습니다 " * k} for k in (1, 2, 3)] + [{"text": "다른 글"}])
    assert Substring(max=0.2).early_key == Substring().early_key != Substring(min=50).early_key
    assert related(rows, Substring(max=0.2)).equals(related(rows, Substring()))


NOTICE = "이 글의 저작권은 글쓴이에게 있으며 허락 없이 옮겨 싣거나 다시 나누어 줄 수 없습니다. 문의는 편집부로 해 주시기 바랍니다. 무단 전재 금지."


def test_cutting_leaves_the_first_and_the_rest_of_the_others() -> None:
    rows = records([{"text": f"소식 {k}\n\n{NOTICE}\n\n{k}번 기사"} for k in range(1, 6)])
    step = Substring()
    rows = rows.hstack(told(rows, step).drop("row"))
    out = Cut().edit(rows)
    assert out["text"].to_list() == [rows["text"][0], *(f"소식 {k}\n\n{k}번 기사" for k in range(2, 6))]
    assert step.report(related(rows, step))["spans"] == 4


def test_a_thousand_copies_and_periods_make_few_spans() -> None:
    """Every copy is one span, and a period is told in stretches of its first occurrence, not letter by letter."""
    copies = records([{"text": "".join(chr(0xAC00 + (i * i * 31) % 11000) for i in range(400))}] * 1000)
    assert told(copies, Substring())["repeated"].list.len().to_list() == [0] + [1] * 999
    for period in ("가", "abc", "하하 "):
        rows = records([{"text": period * 20_000}, {"text": period * 20_000}, {"text": "앞말 " + period * 30_000}])
        out = told(rows, Substring())
        assert out["repeated"].list.len().to_list() == [0, 1, 2]
        assert out["repeated_share"][1] == 1.0


def test_laughter_is_two_letters() -> None:
    rows = records([{"text": "ㅋ" * 100_000}, {"text": "ㅋ" * 100_000}])
    assert told(rows, Substring())["repeated_share"].to_list() == [0.0, 0.0]


def korean() -> list[str]:
    with gzip.open(DATA / "kobest/BoolQ/train.tsv.gz", "rt", encoding="utf-8") as file:
        return chunks("\n".join(line.split("\t")[1] for line in file))


def english() -> list[str]:
    return chunks("\n\n".join(json.loads(line)["text"] for line in open(DATA / "webtext_c4/c4_demo.jsonl")))


def chunks(text: str) -> list[str]:
    """Prose paragraphs, four to a document, each once."""
    paragraphs = [p.strip() for p in re.split(r"\n+", text) if len(p) > 80]
    paragraphs = list({letters(p): p for p in paragraphs}.values())
    return ["\n\n".join(paragraphs[i : i + 4]) for i in range(0, len(paragraphs) - 3, 4)][:400]


def spoilt(notice: str, kind: str, draw: random.Random) -> str:
    if kind == "spacing":
        return "".join(c for c in notice if c != " " or draw.random() < 0.5)
    if kind == "punctuation":
        return re.sub(r"[.,]", lambda _: draw.choice(["", "!", " · "]), notice)
    if kind == "case":
        return notice.upper()
    if kind == "lines":
        return re.sub(" ", lambda _: draw.choice([" ", "\n"]), notice)
    return notice


NOTICES = {
    "ko": [NOTICE, "본 메일은 발신 전용이므로 회신하실 수 없습니다. 궁금하신 점은 누리집의 고객 센터를 찾아 주시고, 더 받지 않으시려면 수신 거부를 눌러 주십시오."],
    "en": [
        "All rights reserved. No part of this publication may be reproduced, distributed, or transmitted in any form without permission of the owner.",
        "This message was sent from an address that takes no mail. For questions, please visit our help center, or unsubscribe by the link below.",
    ],
}
KINDS = ["verbatim", "spacing", "punctuation", "case", "lines"]


def planted(language: str, documents: list[str], seed: int = 1) -> tuple[pl.DataFrame, dict[str, tuple[str, int, int]]]:
    """Rows, two in five with a notice in their middle; id -> (kind, start, stop of the notice)."""
    draw = random.Random(seed)
    rows, truth = [], {}
    for i, text in enumerate(documents):
        at = text.find("\n\n", draw.randrange(max(1, len(text) // 2)))
        if at >= 0 and draw.random() < 0.4:
            kind = draw.choice(KINDS)
            notice = spoilt(draw.choice(NOTICES[language]), kind, draw)
            truth[f"d{i}"] = (kind, at + 2, at + 2 + len(notice))
            text = text[: at + 2] + notice + text[at:]
        rows.append({"id": f"d{i}", "text": text})
    return records(rows), truth


def measured(language: str, documents: list[str], step: Substring) -> dict[str, tuple[int, int]]:
    """kind -> (found, planted): a notice is found when its span begins within a word of it and holds nine tenths; `precision` ->
    (characters told that are notices or stand letter by letter in an earlier document, characters told)."""
    rows, truth = planted(language, documents)
    out = told(rows, step)
    found: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    seen: set[int] = set()
    right = total = 0
    for id, text, spans in zip(rows["id"].to_list(), rows["text"].to_list(), out["repeated"].to_list()):
        kind, start, stop = truth.get(id, ("", 0, 0))
        notice = next((k for k in range(len(NOTICES[language])) if letters(NOTICES[language][k]) == letters(text[start:stop])), -1)
        if kind and notice in seen:
            held = sum(max(0, min(stop, s["start"] + s["length"]) - max(start, s["start"])) for s in spans)
            found[kind][0] += held >= 0.9 * (stop - start)
            found[kind][1] += 1
        seen.add(notice)
        for span in spans:
            total += span["length"]
            right += max(0, min(stop, span["start"] + span["length"]) - max(start, span["start"]))
    return {**{kind: (hit, n) for kind, (hit, n) in sorted(found.items())}, "notice share of what was told": (right, total)}


@needs_data
@pytest.mark.parametrize("language", ["ko", "en"])
def test_planted_notices_are_found_in_real_text(language: str) -> None:
    documents = korean() if language == "ko" else english()
    assert len(documents) > 100
    plain = told(records([{"text": t} for t in documents]), Substring())
    own = int(plain["repeated"].list.eval(pl.element().struct.field("length")).list.sum().sum())
    found = measured(language, documents, Substring())
    right, total = found.pop("notice share of what was told")
    for kind, (hit, n) in found.items():
        print(language, kind, f"{hit}/{n}", wilson(hit, n))
        assert hit == n, f"{kind}: the letters are the same, so none may be missed"
    # What is told beyond the notices is what the documents had in common before.
    assert total - right <= own * 1.05 + 20 * sum(n for _, n in found.values())
    print(language, f"told {total} characters, {right} of them planted, {own} shared before")
