"""Who speaks in a chat: names in its structure are replaced like any other personal value, consistently, reversibly, told by kind and never shown."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import dirt_speakers
import promises
from dadeum import recipe as recipes
from dadeum import run
from dadeum.engine.collect import fold
from dadeum.io.back import raws
from dadeum.record import ROLES, prose, records, turns
from dadeum.steps.guard._pii import korean, numbers, vault
from dadeum.steps.guard._pii.speakers import People, is_personal
from dadeum.steps.guard.pii import Pii
from test_guard_pii import VALUES

EXPORTS = [(kind, language) for kind in (
    "kakaotalk", "kakaotalk table", "slack", "discord", "chatgpt", "claude", "dialogue", "two speakers", "roles", "from", "names", "speech",
) for language in ("ko", "en")]  # fmt: skip


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], dirt_speakers.Export]:
    return {(e.kind, e.language): e for e in dirt_speakers.exports(tmp_path_factory.mktemp("exports"))}


def everything(rows: pl.DataFrame) -> str:
    """All that rows hold and all that is written of them, in every shape."""
    return "\n".join([*(json.dumps(raws(rows, f), ensure_ascii=False) for f in ("source", "auto")), *fold(rows).drop("id").write_json().split("\n")]).encode().decode()


@pytest.mark.parametrize(("kind", "language"), EXPORTS)
@pytest.mark.parametrize("mode", ["surrogate", "mask"])
def test_no_name_of_the_structure_is_left_anywhere(kind: str, language: str, mode: Any, exports: Any) -> None:
    export = exports[kind, language]
    rows = dirt_speakers.read(export)
    before, out = everything(rows), Pii(mode=mode).edit(rows)
    told = everything(out)
    gone = (dirt_speakers.PHONE, dirt_speakers.MAIL, "9348") if kind in dirt_speakers.ASSISTANTS else export.gone
    assert sum(name in before for name in gone) >= (3 if kind == "two speakers" else len(gone))
    assert not [name for name in gone if name in told]
    if kind not in dirt_speakers.ASSISTANTS:
        assert not [word for word in export.kept if word in before and word not in told]
    assert_frame_equal(Pii(mode=mode).edit(out), out)
    promises.check(Pii(mode=mode), rows, (1,) if rows.height > 1 else ())


@pytest.mark.parametrize(("kind", "language"), EXPORTS)
def test_the_speakers_of_a_record_stay_apart_and_the_same(kind: str, language: str, exports: Any) -> None:
    rows = dirt_speakers.read(exports[kind, language])
    out = Pii().edit(rows)
    for column in ("name", "role"):
        old, new = (turns(frame, "messages").select("index", column).rows() for frame in (rows, out))
        assert len(set(zip(old, new))) == len(set(old)) == len(set(new)), "one stand-in for each speaker"
    assert turns(out, "messages")["role"].to_list() == [r if r in ROLES else n for r, n in zip(turns(rows, "messages")["role"], turns(out, "messages")["role"])]


def test_a_value_that_is_said_and_called_with_has_one_surrogate(exports: Any) -> None:
    for kind in dirt_speakers.ASSISTANTS:
        out = Pii().edit(dirt_speakers.read(exports[kind, "ko"]))
        numbers = set(re.findall(r"010-\d{4}-\d{4}", everything(out)))
        assert len(numbers) == 1 and numbers.pop().startswith("010-0000-")
        call = json.loads(turns(out, "messages")["tool_calls"].drop_nulls()[0])[0]["function"]
        assert set(json.loads(call["arguments"])) == {"phone", "mail"} and call["name"] == "send_text"
        assert "send_text" in (turns(out, "messages")["name"].to_list() if kind == "chatgpt" else ["send_text"])


def test_particles_and_given_names_follow_the_stand_in() -> None:
    said = [("김민수", "도윤아, 도윤이가 말한 거 봤어? 박도윤이 그랬어"), ("박도윤", "민수야! 민수 씨가 김민수는 모른대"), ("가온", "안녕")]
    out = Pii().edit(records([{"messages": [{"role": "user", "name": who, "content": text} for who, text in said]}]))
    one, two, _ = out["messages"][0]
    minsu, doyun = one["name"], two["name"]
    assert one["content"] == f"{doyun[1:]}아, {doyun[1:]}이가 말한 거 봤어? {doyun}이 그랬어"
    assert two["content"] == f"{minsu[1:]}야! {minsu[1:]} 씨가 {minsu}는 모른대"


@pytest.mark.parametrize(
    ("name", "text"),
    [("사과", "사과를 먹었다"), ("하늘", "하늘이 파랗다"), ("Will Smith", "Will you come? I will."), ("Hope", "I hope so. Hope is good."), ("민수", "주민수가 늘었다"), ("봄", "봄이 왔다"), ("김솔", "김솔솔 난다"), ("May Kim", "See you in May")],
)
def test_words_that_are_also_names_stay_where_nothing_says_that_they_are_one(name: str, text: str) -> None:
    out = Pii().edit(records([{"messages": [{"role": "user", "name": name, "content": text}, {"role": "user", "name": "x.y", "content": "-"}]}]))
    assert out["messages"][0][0]["content"] == text and out["messages"][0][0]["name"] != name


ROLE_WORDS = ("고객", "상담사", "SPEAKER_00", "화자1", "화자 2", "User 1", "user", "agent", "A", "Q", "assistant", "deploy-bot", "주문봇", "example_user", "1", "", " ", "🙂", "관리자", "function", "python3"[:6])


def test_words_that_say_what_somebody_is_stay() -> None:
    assert [n for n in ROLE_WORDS if is_personal(n)] == ["python"], "a program's name in a person's place is taken for one"
    rows = records([{"messages": [{"role": "user", "name": name, "content": "안녕"} for name in ROLE_WORDS if name != "python"]}])
    assert_frame_equal(Pii().edit(rows), rows)
    tool = records([{"messages": [{"role": "tool", "name": "get_weather_Seoul", "content": "맑음"}]}])
    assert_frame_equal(Pii().edit(tool), tool)


def test_roles_that_are_no_names_stay_and_what_is_said_in_them_is_searched() -> None:
    rows = records([{"messages": [{"role": "critic", "content": f"call {dirt_speakers.PHONE}"}, {"role": "면접관", "content": "네"}]}])
    out = turns(Pii().edit(rows), "messages")
    assert out["role"].to_list() == ["critic", "면접관"] and "0000" in out["content"][0]


def test_who_asks_for_less_gets_less_and_is_told() -> None:
    rows = records([{"messages": [{"role": "user", "name": "김민수", "content": "박도윤입니다"}], "meta": '{"phone":"010-9348-2716"}'}])
    narrow = Pii(on=("text", "user"))
    assert_frame_equal(narrow.edit(rows), rows)
    [told] = narrow.remarks()
    assert "name, tool_calls, meta" in told and not Pii().remarks()
    assert Pii(kinds=("phone",)).edit(rows)["messages"][0][0]["name"] == "김민수"


def test_flag_names_the_kind_and_edits_nothing(exports: Any) -> None:
    rows = dirt_speakers.read(exports["kakaotalk", "ko"])
    out = Pii(mode="flag").edit(rows)
    assert_frame_equal(out.drop("pii"), rows)
    assert out["pii"].to_list() == ["phone,speaker", "speaker"]


@pytest.mark.parametrize("carried", [{"작성자": "김민수"}, {"nickname": "happy_dev92"}, {"phone": "0311234567"}, {"contact": dirt_speakers.MAIL}, {"info": {"customer_name": "Priya Raman"}}, {"x": [f"전화 {dirt_speakers.PHONE}"]}])
@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_the_fields_of_a_table_are_searched_like_its_texts(carried: dict[str, Any], ending: str, tmp_path: Path) -> None:
    """Flat rows carry their fields in columns that no other step meets; nested ones in `meta`."""
    [(key, value)] = carried.items()
    if ending == "csv" and not isinstance(value, str):
        return
    rows = [{"id": "r0", "text": "평범한  글", key: value}, {"id": "r1", "text": "다른 글", key: "-" if isinstance(value, str) else None}]
    lines = [json.dumps(row, ensure_ascii=False) for row in rows] if ending == "jsonl" else [f"id,text,{key}", *(",".join(row.values()) for row in rows)]
    path = tmp_path / f"a.{ending}"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    run.apply(["clean.whitespace", "guard.pii", "clean.whitespace"], str(path), tmp_path / "o.jsonl", [])
    made = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text(encoding="utf-8").splitlines()]
    leaf = re.findall(r"[가-힣A-Za-z0-9_@.-]{4,}|김민수", json.dumps(value, ensure_ascii=False))[-1]
    assert [r["text"] for r in made] == ["평범한 글", "다른 글"] and leaf not in json.dumps(made, ensure_ascii=False) and list(made[0]) == list(rows[0])
    assert made[1][key] in ("-", None)
    recipe = recipes.compose({"sources": [{"path": str(path)}], "steps": ["clean.whitespace", "guard.pii", "clean.whitespace", {"mix.split": {"test": 0}}]})
    for again in (1, 2):  # the second time from the cache
        run.run(recipe, tmp_path / "run", until="split")
        data = pl.read_parquet(tmp_path / "run/data/train.parquet").sort("id")
        assert leaf not in data.write_json() and data["text"].to_list() == ["평범한 글", "다른 글"], again
    stages = json.loads((tmp_path / "run/run.json").read_text())["stages"]
    assert [s["edited"] for s in stages if s["step"] == "guard.pii"] == [1]


SAFE = {"order_id": "2024-0301-77120", "uuid": "550e8400-e29b-41d4-a716-446655440000", "created_at": "2024-03-01T11:58:00+09:00", "stamp": "20240301115800", "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "url": "https://shop.co.kr/item/8801043015653?page=2", "version": "1.2.3", "model": "gpt-4o-2024-08-06", "isbn": "9788936434267", "price": "12,000원", "name": "iPhone 15", "title": "1984", "author": "한강", "score": "0.87", "tags": "a,b,c"}  # fmt: skip


def test_ids_dates_and_the_like_in_fields_stay() -> None:
    rows = records([{"text": "글", "meta": json.dumps({k: v}, ensure_ascii=False)} for k, v in SAFE.items()]).with_columns(pl.Series(f"meta.{k}", [v] * len(SAFE)) for k, v in SAFE.items())
    assert_frame_equal(Pii().edit(rows), rows)


@pytest.mark.parametrize("key", ["x", "id", "review_id", "phone", "전화", "password", "계좌번호", "카드", "card_no", "주민번호", "ssn", "driver", "IP", "account", "주소", "차량", "통관부호", "IBAN", "여권", "법인등록번호"])
@pytest.mark.parametrize("threshold", [0.3, 0.5])
def test_what_is_spared_of_a_table_holds_nothing(key: str, threshold: float) -> None:
    draw = random.Random(key)
    shapes = [value for kind, values in VALUES.items() if kind != "name" for value in values]
    bare = [re.sub(r"\D", "", value) for value in shapes] + ["".join(draw.choices("0123456789", k=n)) for n in range(1, 20) for _ in range(20)]
    resident = [f"{draw.randint(50, 99)}{draw.randint(1, 12):02}{draw.randint(1, 28):02}{draw.choice('1234')}{draw.randint(0, 999999):06}" for _ in range(200)]
    values = [*shapes, *SAFE.values(), *bare, *resident, *(f"0{n}" for n in bare)]
    rows = records([{"text": "글"}] * len(values)).with_columns(pl.Series(f"meta.{key}", values))
    step = Pii(threshold=threshold)
    out = step.edit(rows)
    assert_frame_equal(promises.unguarded(step).edit(rows), out)
    assert (out[f"meta.{key}"] != rows[f"meta.{key}"]).sum() >= 20


def test_every_word_that_says_what_a_number_is_spares_nothing() -> None:
    for module in (numbers, korean):
        patterns = {name for name, value in vars(module).items() if isinstance(value, re.Pattern) and value.flags & re.IGNORECASE and name.startswith("_")}
        told = {name for name, value in vars(module).items() if any(value is one for one in module.TOLD)}
        assert patterns - told <= {"_VERSION", "_NUMBERED"}, "words that take confidence away"


def test_the_vault_gives_back_who_spoke(exports: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DADEUM_KEY", "one")
    for kind in ("kakaotalk", "dialogue", "names", "chatgpt"):
        export = exports[kind, "ko"]
        recipe = recipes.compose({"sources": [{"path": str(export.path)}], "steps": [{"guard.pii": {"mode": "vault"}}, {"mix.split": {"test": 0}}]})
        out = tmp_path / kind
        run.run(recipe, out, until="split")
        told = [path for path in out.rglob("*") if path.is_file() and "cache" not in path.parts]
        values = [name.encode() for name in (export.gone if kind not in dirt_speakers.ASSISTANTS else (dirt_speakers.PHONE, dirt_speakers.MAIL))]
        assert not [(path, value) for path in told for value in values if value in path.read_bytes()]
        back = vault.restore(out)
        said = dirt_speakers.read(export)
        assert back.height == said.height
        for whole, before in zip(said.sort("row").rows(named=True), back["before"].to_list()):
            for turn in whole["messages"]:
                assert (turn["content"] or "") in before and (turn["name"] or "") in before
            if whole["meta"] and kind != "names":
                assert f"meta: {whole['meta']}" in before or kind == "dialogue"
        assert prose(said, ("text", *ROLES))[0] in back["before"][0]


def test_the_ledger_tells_digests_of_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DADEUM_KEY", "one")
    old = records([{"messages": [{"role": "user", "name": "김민수", "content": "안녕 도윤아"}, {"role": "user", "name": "박도윤", "content": "응"}], "meta": '{"n": 1}'}, {"text": "x"}])
    step = Pii()
    new = step.edit(old)
    was, now = step.before_and_after(old, new)
    assert re.fullmatch(r"안녕 ⟨speaker:([a-p]{12})⟩아\n응\nname: ⟨speaker:[a-p]{12}⟩, ⟨speaker:\1⟩", was[0])
    assert now[0].endswith(f"name: {new['messages'][0][0]['name']}, {new['messages'][0][1]['name']}") and was[1] is now[1] is None


@given(st.lists(st.sampled_from(["김민수", "박도윤", "가온", "Priya Raman", "gaon", "happy_dev92", "고객", "홍가나", "A. B. Example", "example_12", "나래 상담", "(", "a|b", "\\", "김민수김민수", "[SPEAKER1]", "이서"]), min_size=1, max_size=4),
       st.lists(st.sampled_from(["김민수", "민수야", " ", "@", "도윤이가 ", "박", "Priya ", "Raman", "가온님", "happy_dev92", "홍가나", "님", "Hi ", "010-1234-5678", "\n", "(", "example_12", "[SPEAKER1]"]), max_size=8),
       st.sampled_from(["surrogate", "mask", "flag"]))  # fmt: skip
def test_the_promises_hold_for_any_names(who: list[str], said: list[str], mode: Any) -> None:
    content = "".join(said)
    rows = records([{"messages": [{"role": "user", "name": name, "content": content} for name in who], "meta": json.dumps({"speakers": {"user": who}, "room": ", ".join(who)}, ensure_ascii=False)}, {"text": content}])
    promises.check(Pii(mode=mode), rows, (1,))


@pytest.mark.parametrize("text", ["김민수" * 60_000, "@" * 200_000, "a " * 100_000, "hi " * 80_000, "민수" * 80_000, "도윤이" * 60_000, "happy_dev9" * 30_000])
def test_hostile_texts_take_no_more_than_linear_time(text: str) -> None:
    people = People(("김민수", "박도윤", "happy_dev92", "Priya Raman", "gaon", "가온", "Will Smith"))
    assert isinstance(list(people.find(text)), list)
