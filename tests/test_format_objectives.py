"""Documents, pairs, labels and infilling as tokens: what carries loss, what is shared, what is left out and why."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("transformers", reason="needs dadeum[train]")

from chat_cases import STOPS, TEMPLATES, chat, tokenizer
from dadeum.errors import RecipeError
from dadeum.format.infill import MARKS
from dadeum.format.supervise import IGNORED, ROWS, supervise
from dadeum.format.template import Template
from dadeum.format.thinking import spans, without
from dadeum.format.tokens import begins, decode, encode
from dadeum.record import records
from dadeum.settings import HEADS, Classify, Infill, Train
from dadeum.train.objectives import OBJECTIVES
from dadeum.train.tiny import tokenizer_of

TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60), min_size=1, max_size=5)


def texts(*given):
    return records([{"id": f"t{i}", "text": text} for i, text in enumerate(given)])


def pair(prompt, chosen, rejected, **more):
    ends = [{"role": "assistant", "content": chosen}], [{"role": "assistant", "content": rejected}]
    return {"messages": prompt, "chosen": ends[0], "rejected": ends[1], **more}


def said(made, example, sequence=0):
    ids, labels = example.sequences[sequence]
    return decode(made, [ids[labels != IGNORED]])[0]


def test_every_objective_has_its_rows_and_its_loss():
    assert ROWS.keys() == OBJECTIVES.keys()
    assert {name for name, kind in OBJECTIVES.items() if kind.head is not None or name == "classify"} == set(HEADS)


def test_the_ledger_says_of_every_objective_which_tokens_carry_loss_and_why():
    from dadeum.train.tiny import tokenizer_of

    made = tokenizer_of(["가나다 abc"], 300, 64, MARKS[0][:3])
    long = "한 줄\n" * 40
    both = records([pair(chat("q"), "좋아요", "싫어요", id="p0"), {"id": "p1", "messages": chat("q"), "chosen": [{"role": "assistant", "content": "a"}]}])
    labelled = records([{"id": "l0", "text": "좋다", "label": "pos"}, {"id": "l1", "text": "나쁘다"}])
    given = {
        "pretrain": (texts("가나다", long), {"document"}, []),
        "infill": (texts("가나다 라마바", long), {"document"}, []),
        "dpo": (both, {"chosen", "rejected"}, ["one_sided"]),
        "reward": (both, {"chosen: the head reads here", "rejected: the head reads here"}, ["one_sided"]),
        "classify": (labelled, {"the head reads here"}, ["no_label"]),
    }
    assert given.keys() == ROWS.keys() - {"sft"}
    for objective, (rows, why, reasons) in given.items():
        out = supervise(rows, made, Train(objective=objective, max_length=48, infill=Infill(rate=1.0)))
        assert out.ledger["reason"].drop_nulls().to_list() == reasons
        for line in out.ledger.iter_rows(named=True):
            parts = [e for e in out.examples if e.id == line["id"]]
            if not parts:
                assert line["ids"] is None and line["loss"] == []
                continue
            assert line["ids"] == np.concatenate([e.ids for e in parts]).tolist() and {span["why"] for span in line["loss"]} == why
            carried = [i for span in line["loss"] for i in range(span["start"], span["end"])]
            assert carried == np.flatnonzero(np.concatenate([e.labels for e in parts]) != IGNORED).tolist() and len(carried) == line["n_supervised"]
            if objective != "pretrain" or len(parts) == 1:
                assert line["text"] == decode(made, [line["ids"]])[0]


@pytest.mark.parametrize("kind", ["llama", "marked"])
@pytest.mark.parametrize("room", [4, 9, 4096])
@given(given=TEXTS)
def test_every_token_of_a_document_is_predicted_once(kind, room, given):
    made = tokenizer(kind)
    out = supervise(texts(*given), made, Train(objective="pretrain", max_length=room))
    for row, text in enumerate(given):
        ids = encode(made, [begins(made) + text + made.eos_token])[0]
        pieces = [e for e in out.examples if e.row == row]
        predicted = [int(i) for e in pieces for i in e.labels[e.labels != IGNORED]]
        assert predicted == ids[1:] and all(len(e.ids) <= room for e in pieces)
        for a, b in pairwise(pieces):
            assert a.ids[-1] == b.ids[0] and b.labels[0] == IGNORED
    assert out.ledger["n_supervised"].to_list() == [len(encode(made, [begins(made) + t + made.eos_token])[0]) - 1 for t in given]


def test_a_chat_among_documents_is_learned_as_it_is_rendered():
    made, turns = tokenizer("marked"), chat("q", "one", "q", "two")
    out = supervise(records([{"id": "c", "messages": turns}, {"id": "none"}]), made, Train(objective="pretrain"))
    assert out.examples[0].ids.tolist() == encode(made, [Template.of(made).render(turns)])[0]
    assert out.ledger["reason"].to_list() == [None, "empty"]


def marked():
    return tokenizer_of(["def f(x):\n    return x + 1\n", "사과는 맛있어요"] * 20, 320, 4096, MARKS[0][:3])


@given(given=TEXTS, rate=st.sampled_from([0.0, 0.5, 1.0]), spm=st.sampled_from([0.0, 1.0]))
def test_an_infilled_document_put_back_is_the_document(given, rate, spm):
    made = marked()
    given = [text.replace("<|", "") or "a" for text in given]
    out = supervise(texts(*given), made, Train(objective="infill", max_length=4096, infill=Infill(rate=rate, spm=spm)))
    prefix, suffix, middle = MARKS[0][:3]
    turned = 0
    for example, text in zip(out.examples, given):
        whole = decode(made, [example.ids])[0]
        assert whole.endswith(made.eos_token) and (example.labels[1:] == example.ids[1:]).all()
        whole = whole.removesuffix(made.eos_token)
        if prefix not in whole:
            assert whole == text
            continue
        turned += 1
        if spm:
            last, first_and_held = whole.removeprefix(prefix + suffix).split(middle)
            assert first_and_held + last == text
        else:
            first, rest = whole.removeprefix(prefix).split(suffix)
            last, held = rest.split(middle)
            assert first + held + last == text
    assert turned == (len(given) if rate == 1 else 0 if rate == 0 else turned)


def test_a_long_document_is_rearranged_in_parts_and_none_of_it_is_lost():
    made = marked()
    text = "\n".join(f"line {i} 사과는 맛있어요" for i in range(60))
    out = supervise(texts(text), made, Train(objective="infill", max_length=64, infill=Infill(rate=1.0, spm=0.0)))
    prefix, suffix, middle = MARKS[0][:3]
    back = ""
    for example in out.examples:
        whole = decode(made, [example.ids])[0].removesuffix(made.eos_token)
        if prefix in whole:
            first, rest = whole.removeprefix(prefix).split(suffix)
            last, held = rest.split(middle)
            whole = first + held + last
        back += whole
    assert back == text and len(out.examples) > 10 and max(len(e.ids) for e in out.examples) <= 64


def test_where_a_document_is_cut_goes_by_its_id_alone():
    made, rows = marked(), texts(*(f"def f{i}(x): return {i}" for i in range(30)))
    settings = Train(objective="infill")
    a, b = supervise(rows, made, settings), supervise(rows.reverse(), made, settings)
    assert [e.digest for e in a.examples] == [e.digest for e in b.examples][::-1] and 5 < a.counts["rearranged"] < 25


def test_a_tokenizer_without_marks_is_refused_with_a_way_out():
    with pytest.raises(RecipeError, match=r"no marks for prefix, suffix and middle.*objective: pretrain"):
        supervise(texts("a"), tokenizer("marked"), Train(objective="infill"))


@pytest.mark.parametrize("kind", sorted(set(TEMPLATES) - {"qwen"}))
def test_a_pair_shares_its_prompt_and_its_answers_carry_the_loss(kind):
    made = tokenizer(kind)
    prompt = chat("질문", "앞선 답", "다시")
    out = supervise(records([pair(prompt, "좋아요", "싫어요!")]), made, Train(objective="dpo", max_length=4096))
    [example] = out.examples
    assert [said(made, example, i) for i in (0, 1)] == ["좋아요" + STOPS[kind], "싫어요!" + STOPS[kind]]
    (ids, labels), (other, _) = example.sequences
    start = int(np.flatnonzero(labels != IGNORED)[0])
    assert ids[:start].tolist() == other[:start].tolist() == encode(made, [Template.of(made).render(prompt, prompt=True)])[0]


def test_the_thoughts_of_both_ends_are_theirs():
    made = tokenizer("qwen")
    out = supervise(records([pair(chat("q"), "가", "나")]), made, Train(objective="dpo"))
    assert said(made, out.examples[0]) == "<think>\n\n</think>\n\n가<|im_end|>"


def test_pairs_that_say_nothing_are_left_out_with_their_reason():
    made = tokenizer("marked")
    rows = records(
        [
            {"id": "good", **pair(chat("q"), "a", "b")},
            {"id": "equal", **pair(chat("q"), "a", "a")},
            {"id": "half", "messages": chat("q"), "chosen": [{"role": "assistant", "content": "a"}]},
            {"id": "chat", "messages": chat("q", "a")},
            {"id": "long", **pair(chat("q"), "a", "b " * 90)},
        ]
    )
    for objective in ("dpo", "reward"):
        out = supervise(rows, made, Train(objective=objective, max_length=60))
        assert dict(out.ledger.select("id", "reason").iter_rows()) == {"good": None, "equal": "equal", "half": "one_sided", "chat": "one_sided", "long": "too_long"}


def test_a_head_reads_the_last_token_of_each_end():
    made = tokenizer("marked")
    [example] = supervise(records([pair(chat("q"), "a", "bb")]), made, Train(objective="reward")).examples
    for ids, labels in example.sequences:
        assert np.flatnonzero(labels != IGNORED).tolist() == [len(ids) - 1]


@pytest.mark.parametrize("kind", ["llama", "marked"])
def test_a_labelled_text_is_what_the_tokenizer_makes_of_it(kind):
    made = tokenizer(kind)
    rows = records([{"text": "좋아요", "label": "긍정"}, {"text": "음", "label": None}, {"messages": chat("q", "a"), "label": "부정"}, {"text": "a " * 99, "label": "긍정"}])
    out = supervise(rows, made, Train(objective="classify", max_length=60))
    assert out.ledger["reason"].to_list() == [None, "no_label", None, "too_long"]
    assert out.examples[0].ids.tolist() == made("좋아요")["input_ids"] and [e.label for e in out.examples] == ["긍정", "부정"]
    assert out.examples[1].ids.tolist() == encode(made, [Template.of(made).render(chat("q", "a"))])[0]
    outside = supervise(rows, made, Train(objective="classify", classify=Classify(labels=("부정", "중립"))))
    assert outside.ledger["reason"].to_list()[0] == "label_outside"


def test_thoughts_are_read_and_not_learned_where_that_is_asked_for():
    made = tokenizer("marked")
    content = "<think>\n하나, 둘 ... 셋\n</think>\n\n답은 셋"
    rows = records([{"messages": chat("q", content)}])
    learned, read = (supervise(rows, made, Train(thinking=how)).examples[0] for how in ("learn", "read"))
    assert said(made, learned) == content + "<|im_end|>" and learned.ids.tolist() == read.ids.tolist()
    assert said(made, read) == "답은 셋<|im_end|>"


@given(st.lists(st.sampled_from(["<think>", "</think>", "[THINK]", "[/THINK]", "가", "b\n", " "]), max_size=12))
def test_what_is_learned_beside_thoughts_is_the_answer_without_them(parts):
    made, content = tokenizer("marked"), "".join(parts)
    rows = records([{"messages": chat("q", content)}])
    out = supervise(rows, made, Train(thinking="read"))
    assert said(made, out.examples[0]) == without(content + "<|im_end|>")


def test_a_thought_that_the_prompt_opens_reaches_to_its_end():
    assert spans("a</think>b", "<think>\n") == [(0, 9)] and spans("a</think>b", "user\n") == []
    assert without("<thought>x</thought> y <think>never closed") == "y <think>never closed"


CALL = {"function": {"name": "search", "arguments": '{"q": "사과"}'}}


def test_calls_of_tools_are_learned_and_their_results_are_not():
    """The project's own template: two calls and the last answer carry loss, what tools return and what is on offer does not."""
    made = tokenizer_of(["사과 검색 결과"] * 20, 320, 4096)
    turns = [
        {"role": "user", "content": "사과 값"},
        {"role": "assistant", "content": None, "tool_calls": f"[{__import__('json').dumps(CALL)}]"},
        {"role": "tool", "content": "결과: 1,000원", "tool_call_id": "1"},
        {"role": "assistant", "content": "1,000원입니다"},
    ]
    tools = '[{"type": "function", "function": {"name": "search", "parameters": {}}}]'
    out = supervise(records([{"messages": turns, "tools": tools}]), made, Train(max_length=4096))
    learned = said(made, out.examples[0])
    assert learned == '<tool_call>{"name": "search", "arguments": {"q": "사과"}}</tool_call><|im_end|>1,000원입니다<|im_end|>'
    assert "결과" in decode(made, [out.examples[0].ids])[0] and len(out.examples[0].turns) == 2
