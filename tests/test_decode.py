"""Answers in batches are the answers of one by one: family by family, with adapters, rules and stops; and what is asked once is asked once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs dadeum[train]")

import torch
import transformers as hf

from dadeum.train import decode

WORDS = 200
STOPS = list(range(2, 48, 2))
"""Many, so that answers end at different lengths."""
MOST = 16
PLAIN: dict[str, Any] = {
    "vocab_size": WORDS, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "max_position_embeddings": 512,
    "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, "initializer_range": 0.25,
}  # fmt: skip
GROUPED = {**PLAIN, "num_key_value_heads": 2}
FAMILIES: dict[str, tuple[Callable[[], Any], tuple[bool, bool]]] = {
    # a configuration, and whether (a beginning is read once, unequal prompts go together)
    "llama": (lambda: hf.LlamaConfig(**GROUPED), (True, True)),
    "qwen3": (lambda: hf.Qwen3Config(**GROUPED, head_dim=8), (True, True)),
    "gemma": (lambda: hf.GemmaConfig(**GROUPED, head_dim=8), (True, True)),
    "gemma3, a window": (lambda: hf.Gemma3TextConfig(**GROUPED, head_dim=8, sliding_window=16, query_pre_attn_scalar=8), (False, True)),
    "mistral, a window": (lambda: hf.MistralConfig(**GROUPED, sliding_window=16), (False, True)),
    "mistral, a wide window": (lambda: hf.MistralConfig(**GROUPED, sliding_window=100), (True, True)),
    "exaone4, a window": (lambda: hf.Exaone4Config(**GROUPED, sliding_window=16, sliding_window_pattern=2), (False, True)),
    "gpt-neox": (lambda: hf.GPTNeoXConfig(**PLAIN), (True, True)),
    "gpt2, learned positions": (lambda: hf.GPT2Config(vocab_size=WORDS, n_embd=32, n_layer=3, n_head=4, bos_token_id=1, eos_token_id=2, initializer_range=0.25), (True, True)),
    "mpt, distances by column": (lambda: hf.MptConfig(vocab_size=WORDS, d_model=32, n_layers=3, n_heads=4, max_seq_len=512, initializer_range=0.25), (False, True)),
    "mixture of experts": (lambda: hf.Qwen2MoeConfig(**GROUPED, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=32, shared_expert_intermediate_size=32), (True, True)),
    "lfm2, states": (lambda: hf.Lfm2Config(**GROUPED, layer_types=["conv", "full_attention", "conv"]), (False, True)),
    "phi3, positions by the longest": (
        lambda: hf.Phi3Config(
            **GROUPED, original_max_position_embeddings=32,
            rope_parameters={"rope_type": "longrope", "rope_theta": 1e4, "partial_rotary_factor": 1.0, "short_factor": [1.0] * 4, "long_factor": [2.0, 3.0, 4.0, 5.0]},
        ),
        (False, False),
    ),
}  # fmt: skip


def model(name: str) -> Any:
    torch.manual_seed(0)
    made = hf.AutoModelForCausalLM.from_config(FAMILIES[name][0]()).eval()
    made.generation_config.pad_token_id = 0
    return made


def prompts(n: int = 30, shared: int = 6, longest: int = 40) -> list[list[int]]:
    g = torch.Generator().manual_seed(1)

    def some(n: int) -> list[int]:
        return list(torch.randint(48, WORDS, (n,), generator=g).tolist())

    front = some(shared)
    made = [front + some(int(torch.randint(1, longest, (1,), generator=g))) for _ in range(n)]
    return [*made, *made[:4]]


def alone(model: Any, asked: list[list[int]], **more: Any) -> list[list[int]]:
    """The plain way: one prompt after the other by `generate`."""
    said = []
    for ids in asked:
        tokens = torch.tensor([ids])
        told = {"max_new_tokens": MOST, "do_sample": False, "eos_token_id": STOPS, **more}
        with torch.no_grad():
            said.append(model.generate(input_ids=tokens, attention_mask=torch.ones_like(tokens), **told)[0, len(ids) :].tolist())
    return said


def together(model: Any, asked: list[list[int]], most: int = MOST, criteria: Any = ()) -> list[list[int]]:
    said: dict[int, list[int]] = {}
    for batch in decode.decode(model, asked, STOPS, most, criteria):
        assert not said.keys() & batch.keys()
        said |= batch
    return [said[i] for i in range(len(asked))]


def layout(model: Any, asked: list[list[int]]) -> decode.Layout:
    return decode._Asker(model, STOPS, MOST, []).layout(sorted(set(map(tuple, asked)), key=len, reverse=True))


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    had = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(had)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_answers_as_one_by_one(name: str) -> None:
    made, asked = model(name), prompts()
    said = alone(made, asked)
    assert len(set(map(tuple, said))) > 20 and len(set(map(len, said))) > 2, "the answers tell nothing apart"
    found = layout(made, asked)
    assert (found.beginning is not None, found.padded) == FAMILIES[name][1]
    assert together(made, asked) == said


def test_what_does_not_know_of_padding_is_not_padded(monkeypatch: pytest.MonkeyPatch) -> None:
    made, asked = model("llama"), prompts()
    said, plain = alone(made, asked), type(made).forward

    def deaf(self: Any, *arguments: Any, attention_mask: Any = None, **more: Any) -> Any:
        return plain(self, *arguments, **more)

    monkeypatch.setattr(type(made), "forward", deaf)
    found = layout(made, asked)
    assert found.beginning is None and not found.padded and found.read
    assert together(made, asked) == said


def test_what_no_batch_leaves_alone_is_asked_one_by_one() -> None:
    """transformers' RWKV mixes the rows of a batch from the second token on."""
    made = hf.AutoModelForCausalLM.from_config(hf.RwkvConfig(vocab_size=WORDS, hidden_size=32, num_hidden_layers=2, attention_hidden_size=32, intermediate_size=64)).eval()
    torch.manual_seed(0)
    for weights in made.parameters():
        torch.nn.init.normal_(weights, std=0.3)
    asked = prompts(6)
    assert layout(made, asked).read == 0
    assert together(made, asked) == alone(made, asked, pad_token_id=0)


@pytest.mark.parametrize("name", ["llama", "gpt-neox", "gemma3, a window"])
@pytest.mark.parametrize("kind", ["lora", "prompt"])
def test_adapters_answer_as_one_by_one(name: str, kind: str) -> None:
    import peft

    made, asked = model(name), prompts(16)
    if kind == "lora":
        made = peft.get_peft_model(made, peft.LoraConfig(task_type="CAUSAL_LM", r=4, target_modules="all-linear", init_lora_weights=False)).eval()
    else:
        made = peft.get_peft_model(made, peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=7)).eval()
        torch.nn.init.normal_(next(p for p in made.parameters() if p.requires_grad), std=0.5)
    said = alone(made, asked)
    assert len(set(map(tuple, said))) > 8 and together(made, asked) == said
    if kind == "prompt" and "window" not in name:
        assert layout(made, asked).beginning.length == 7 + 6  # type: ignore[union-attr]


@pytest.mark.parametrize("rule", [{"repetition_penalty": 1.7}, {"no_repeat_ngram_size": 2}, {"min_length": 30}, {"min_new_tokens": 5, "repetition_penalty": 1.3}])
def test_rules_that_a_model_brings_hold_in_batches(rule: dict[str, Any]) -> None:
    made, asked = model("llama"), prompts(16)
    plain = alone(made, asked)
    for key, value in rule.items():
        setattr(made.generation_config, key, value)
    said = alone(made, asked)
    assert said != plain and together(made, asked) == said


def test_criteria_end_rows_one_by_one() -> None:
    class Even(hf.StoppingCriteria):
        def __call__(self, input_ids: Any, scores: Any, **more: Any) -> Any:
            return input_ids[:, -1] % 5 == 0

    made, asked = model("llama"), prompts(16)
    said = alone(made, asked, stopping_criteria=hf.StoppingCriteriaList([Even()]))
    assert together(made, asked, criteria=[Even()]) == said != alone(made, asked)


def read(made: Any, asked: list[list[int]], monkeypatch: pytest.MonkeyPatch, most: int = MOST) -> list[tuple[int, int]]:
    """(rows, columns) of every pass of the model, those that find out the layout included."""
    shapes: list[tuple[int, int]] = []
    plain = type(made.model).forward

    def counted(self: Any, input_ids: Any = None, **more: Any) -> Any:
        shapes.append(tuple(input_ids.shape))  # type: ignore[arg-type]
        return plain(self, input_ids=input_ids, **more)

    with monkeypatch.context() as patch:
        patch.setattr(type(made.model), "forward", counted)
        together(made, asked, most)
    return shapes


def test_alike_prompts_and_a_common_beginning_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = prompts(20, shared=200, longest=20)
    made = model("llama")
    once = sum(rows * columns for rows, columns in read(made, asked, monkeypatch))
    assert read(made, [*asked, *asked, *asked], monkeypatch) == read(made, asked, monkeypatch)
    assert once < 200 * 5 + 24 * 20 + 24 * MOST < 0.4 * sum(map(len, asked)), "the beginning itself, the proof that it may be read apart, and what is new"


def test_rows_that_have_ended_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    made, asked = model("llama"), prompts(120, longest=10)
    shapes = read(made, asked, monkeypatch, most=60)
    begun = max(at for at, (_, columns) in enumerate(shapes) if columns > 1)
    steps = [rows for rows, _ in shapes[begun + 1 :]]
    said = together(made, list(map(list, set(map(tuple, asked)))), 60)
    assert steps == sorted(steps, reverse=True) and len(set(steps)) > 5
    assert sum(steps) < 1.3 * sum(len(one) - 1 for one in said) < 0.5 * len(said) * max(map(len, said))


def test_what_is_held_at_a_time_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "HELD", 600)
    monkeypatch.setattr(decode, "READ", 300)
    monkeypatch.setattr(decode, "ROWS", 4)
    asked = [*prompts(60, shared=0, longest=20), prompts(1, shared=0, longest=2)[0] * 450]
    made = model("llama")
    monkeypatch.setattr(decode, "LONG", 100)
    shapes = read(made, asked, monkeypatch)
    longest = max(map(len, asked))
    assert [rows for rows, columns in shapes if columns == longest] == [1], "a long prompt is read by itself"
    assert all(rows * columns <= 300 or rows <= 4 for rows, columns in shapes)
    assert all(rows * (columns + MOST) <= 600 or rows == 1 or columns == longest for rows, columns in shapes if columns > 1)
    assert together(made, asked) == alone(made, asked)
