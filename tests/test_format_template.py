"""The renderer: the same text as transformers', and spans that hold the answer and its stop, whatever the answer says."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("transformers", reason="needs dadeum[train]")

from chat_cases import CONTENTS, MARKED, QWEN, SPECIALS, STOPS, TEMPLATES, UNMARKED, chat, tokenizer
from dadeum.errors import DadeumError, RecipeError
from dadeum.format.template import RefusedError, Template, default

KINDS = sorted(TEMPLATES)


def template(kind: str) -> Template:
    return Template.of(tokenizer(kind))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("prompt", [False, True])
def test_the_text_is_transformers_own(kind, content, prompt):
    turns = chat("질문 " + content, content, "again?", content)
    theirs = tokenizer(kind).apply_chat_template(turns, tokenize=False, add_generation_prompt=prompt)
    assert template(kind).render(turns, prompt=prompt) == theirs


TOOLS = [{"type": "function", "function": {"name": "날씨", "parameters": {"type": "object"}}}]


def test_the_default_template_with_tools_is_transformers_own():
    made = tokenizer("marked")
    turns = chat("서울 날씨?", "", system="짧게")
    turns[-1]["tool_calls"] = [{"type": "function", "function": {"name": "날씨", "arguments": {"곳": "서울"}}}]
    turns += [{"role": "tool", "content": "맑음", "tool_call_id": "1"}, {"role": "assistant", "content": "맑습니다."}]
    theirs = made.apply_chat_template(turns, tools=TOOLS, tokenize=False, chat_template=default())
    ours = Template(default(), {"eos_token": "<|im_end|>"}, ("<|im_end|>", "<|im_start|>")).conversation(turns, TOOLS)
    assert ours.text == theirs
    said = [ours.text[t.start : t.end] for t in ours.turns]
    assert said == ['<tool_call>{"name": "날씨", "arguments": {"곳": "서울"}}</tool_call><|im_end|>', "맑습니다.<|im_end|>"]
    assert "짧게" in ours.text and "맑음" in ours.text


@pytest.mark.parametrize("kind", ["llama", "gemma", "marked", "unmarked"])
@pytest.mark.parametrize("content", CONTENTS)
def test_a_span_is_the_content_and_the_stop(kind, content):
    rendered = template(kind).conversation(chat(content, content, content, content))
    kept = content.strip() if kind in ("llama", "gemma") else content
    assert [rendered.text[t.start : t.end] for t in rendered.turns] == [kept + STOPS[kind]] * 2
    assert [t.message for t in rendered.turns] == [1, 3]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=12), min_size=2, max_size=6).filter(lambda c: len(c) % 2 == 0))
def test_markers_and_prefixes_agree_on_any_contents(contents):
    marked, plain = (Template(t, {}, ("<|im_end|>", "<|im_start|>")).conversation(chat(*contents)) for t in (MARKED, UNMARKED))
    assert marked == plain
    assert [marked.text[t.start : t.end] for t in marked.turns] == [c + "<|im_end|>" for c in contents[1::2]]


CALL = {"id": "c1", "type": "function", "function": {"name": "날씨", "arguments": {"city": "서울"}}}
TOOL = {"type": "function", "function": {"name": "날씨", "parameters": {}}}
ASKED = [
    {"role": "system", "content": "반말로"},
    {"role": "user", "content": "서울 날씨는?"},
    {"role": "assistant", "content": "", "tool_calls": [CALL]},
    {"role": "tool", "content": '{"temp": 21}', "tool_call_id": "c1"},
    {"role": "assistant", "content": "21도"},
]
SAYS = "{% for m in messages if m.role in ROLES %}{{ '<|im_start|>' + m.role + '\n' + m.content + (m.tool_calls | tojson if m.tool_calls else '') + '<|im_end|>\n' }}{% endfor %}"
SAYS += "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
EVERY = "['system', 'user', 'assistant', 'tool']"


@pytest.mark.parametrize(
    ("source", "lost"),
    [
        ("{{ tools | tojson if tools else '' }}" + SAYS.replace("ROLES", EVERY), ()),
        ("{{ tools | tojson if tools else '' }}" + SAYS.replace("ROLES", EVERY).replace("m.content +", "(m.content | tojson if m.role == 'tool' else m.content) +"), ()),
        ("{{ tools | tojson if tools else '' }}" + SAYS.replace("ROLES", EVERY).replace("(m.tool_calls | tojson if m.tool_calls else '')", "''"), ("call_lost",)),
        ("{% if tools %}x{% endif %}" + SAYS.replace("ROLES", EVERY).replace("m.tool_calls | tojson", "'call'"), ("call_lost", "tools_lost")),
        ("{{ tools | tojson if tools else '' }}" + SAYS.replace("ROLES", "['user', 'assistant', 'tool']"), ("turn_lost",)),
        ("{{ tools | tojson if tools else '' }}" + SAYS.replace("ROLES", "['system', 'user', 'assistant']"), ("turn_lost",)),
    ],
)
def test_what_the_template_leaves_out_without_a_word_is_said(source, lost):
    assert Template(source, specials=("<|im_end|>",)).conversation(ASKED, [TOOL]).lost == lost


def test_thoughts_that_the_template_takes_out_are_said():
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "답", "reasoning_content": "생각 중"}]
    plain = Template(SAYS.replace("ROLES", EVERY), specials=("<|im_end|>",))
    assert [t.said for t in plain.conversation(turns).turns] == ["altered"]
    spoken = "(m.content if m.role != 'assistant' else '<think>\n' + m.reasoning_content + '\n</think>\n\n' + m.content) +"
    kept = Template(SAYS.replace("ROLES", EVERY).replace("m.content +", spoken), specials=("<|im_end|>",))
    assert [t.said for t in kept.conversation(turns).turns] == ["exact"]
    inside = [turns[0], {"role": "assistant", "content": "<think>\n\n</think>\n\n답"}]
    opened = "(m.content if m.role != 'assistant' else '<think>\n\n</think>\n\n' + m.content.split('</think>')[-1].strip()) +"
    prompted = SAYS.replace("ROLES", EVERY).replace("m.content +", opened).replace("assistant\n' }}{% endif", "assistant\n<think>\n\n</think>\n\n' }}{% endif")
    assert [t.said for t in Template(prompted, specials=("<|im_end|>",)).conversation(inside).turns] == ["trimmed"], "an empty thought is the prompt's"
    thought = [turns[0], {"role": "assistant", "content": "<think>\n생각\n</think>\n\n답"}]
    assert [t.said for t in Template(prompted, specials=("<|im_end|>",)).conversation(thought).turns] == ["altered"]


def test_what_the_template_trimmed_is_said():
    rendered = template("llama").conversation(chat("q", "  spaced  ", "q", "plain"))
    assert [t.said for t in rendered.turns] == ["trimmed", "exact"]


def test_history_that_is_rendered_otherwise_carries_no_loss():
    rendered = template("qwen").conversation(chat("q", "first", "q", "second", reasoning_content="hm"))
    assert [rendered.text[t.start : t.end] for t in rendered.turns] == ["<think>\nhm\n</think>\n\nsecond<|im_end|>"]
    assert rendered.history == 1
    alone = template("qwen").conversation(chat("q", "first"))
    assert [alone.text[t.start : t.end] for t in alone.turns] == ["<think>\n\n</think>\n\nfirst<|im_end|>"]


def test_a_thought_inside_the_content_that_the_template_takes_out_is_said():
    rendered = template("qwen").conversation(chat("q", "<think>secret</think>\nanswer"))
    assert [t.said for t in rendered.turns] == ["altered"]


def test_a_refused_system_turn_is_refused():
    with pytest.raises(RefusedError, match="System role not supported"):
        template("gemma").conversation(chat("q", "a", system="s"))


def test_markers_that_leave_the_stop_out_are_found():
    bad = MARKED.replace("{{ m.content + '<|im_end|>' }}{% endgeneration %}{{ '\n' }}", "{{ m.content }}{% endgeneration %}{{ '<|im_end|>\n' }}")
    assert bad != MARKED
    with pytest.raises(DadeumError, match="markers hold"):
        Template(bad, {}, ("<|im_end|>",)).conversation(chat("q", "a"))


def test_markers_around_the_users_turn_are_found():
    bad = MARKED.replace("{{ m.content + '<|im_end|>\n' }}", "{% generation %}{{ m.content }}{% endgeneration %}{{ '<|im_end|>\n' }}")
    assert bad != MARKED
    with pytest.raises(DadeumError, match="no assistant turn"):
        Template(bad, {}, ("<|im_end|>",)).conversation(chat("q", "a"))


def test_an_answer_without_a_stop_is_found():
    bad = "{% for m in messages %}{{ m.role + ': ' + m.content + '\n' }}{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"
    with pytest.raises(DadeumError, match="never learn to stop"):
        Template(bad, {}, ("<|im_end|>",)).conversation(chat("q", "a"))


def test_a_prompt_that_is_not_how_the_chat_begins_is_found():
    bad = UNMARKED.replace("{{ '<|im_start|>assistant\n' }}", "{{ '<|im_start|>assistant\n<think>\n' }}")
    with pytest.raises(DadeumError, match="prompt goes on with '<think>"):
        Template(bad, {}, ("<|im_end|>",)).conversation(chat("q", "a"))


def test_the_first_turn_may_be_the_assistants():
    greeting = [{"role": "assistant", "content": "hi"}, *chat("q", "a")]
    assert [t.message for t in template("marked").conversation(greeting).turns] == [0, 2]


def test_a_template_that_is_none_is_a_mistake_of_the_recipe(tmp_path):
    with pytest.raises(RecipeError, match=r"train\.template"):
        Template("{% for %}")
    with pytest.raises(RecipeError, match=r"train\.template"):
        Template.of(tokenizer("marked"), str(tmp_path / "absent.jinja"))
    (tmp_path / "own.jinja").write_text(UNMARKED, encoding="utf-8")
    assert Template.of(tokenizer("marked"), str(tmp_path / "own.jinja")).source == UNMARKED


def test_a_template_cannot_leave_the_sandbox():
    with pytest.raises(RefusedError):
        Template("{{ ''.__class__.__mro__[1].__subclasses__() }}").render(chat("q"))
    with pytest.raises(RefusedError):
        Template("{{ messages.append(1) }}").render(chat("q"))


def test_cases_are_what_they_say():
    assert set(SPECIALS) == set(STOPS) == set(TEMPLATES) and "loop.last" in QWEN


def test_markers_that_begin_in_the_prompt_are_shown_as_they_are():
    early = MARKED.replace("'<|im_start|>' + m.role + '\n' }}{% if m.role == 'assistant' %}{% generation %}{{", "'<|im_start|>' + m.role }}{% if m.role == 'assistant' %}{% generation %}{{ '\n' +")
    early = early.replace("{% else %}{{", "{% else %}{{ '\n' +")
    assert early.count("'\n'") == MARKED.count("'\n'") + 1
    with pytest.raises(DadeumError, match=r"markers hold \['\\nanswer<\|im_end\|>'\]"):
        Template(early, {}, ("<|im_end|>", "<|im_start|>")).conversation(chat("q", "answer"))


def test_an_end_of_text_behind_the_last_answer_alone_takes_no_loss_from_the_others():
    ended = UNMARKED.replace("{% if add_generation_prompt %}", "{% if not add_generation_prompt %}{{ '<|endoftext|>' }}{% endif %}{% if add_generation_prompt %}")
    rendered = Template(ended, {}, ("<|im_end|>", "<|im_start|>", "<|endoftext|>")).conversation(chat("q", "하나", "q", "two", "q", "셋"))
    assert rendered.history == 0
    assert [rendered.text[t.start : t.end] for t in rendered.turns] == ["하나<|im_end|>", "two<|im_end|>", "셋<|im_end|>\n<|endoftext|>"]
