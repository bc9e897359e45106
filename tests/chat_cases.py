"""Chat templates in the manner of well-known ones, tokenizers made on the spot, and contents that break careless masks."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

LLAMA = (
    "{{ bos_token }}{% for m in messages %}{{ '<|start_header_id|>' + m.role + '<|end_header_id|>\n\n' + (m.content | trim) + '<|eot_id|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
# History loses its thinking, and the last answer always has a think block, empty or not.
QWEN = (
    "{% for m in messages %}{% set content = m.content.split('</think>')[-1].lstrip('\n') if m.role == 'assistant' else m.content %}"
    "{{ '<|im_start|>' + m.role + '\n' }}"
    "{% if m.role == 'assistant' and loop.last %}{{ '<think>\n' + (m.reasoning_content or '') + '\n</think>\n\n' }}{% endif %}"
    "{{ content + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
# Stops at <end_of_turn>, which is not the tokenizer's eos; refuses system turns and two turns of one role in a row.
GEMMA = (
    "{{ bos_token }}{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Roles must alternate user/assistant') }}{% endif %}"
    "{{ '<start_of_turn>' + ('model' if m.role == 'assistant' else m.role) + '\n' + m.content | trim + '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)
MARKED = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' }}{% if m.role == 'assistant' %}"
    "{% generation %}{{ m.content + '<|im_end|>' }}{% endgeneration %}{{ '\n' }}"
    "{% else %}{{ m.content + '<|im_end|>\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
UNMARKED = MARKED.replace("{% generation %}", "").replace("{% endgeneration %}", "")
TEMPLATES = {"llama": LLAMA, "qwen": QWEN, "gemma": GEMMA, "marked": MARKED, "unmarked": UNMARKED}
SPECIALS = {
    "llama": ("<|begin_of_text|>", "<|eot_id|>", ["<|start_header_id|>", "<|end_header_id|>", "<|end_of_text|>"]),
    "qwen": (None, "<|im_end|>", ["<|im_start|>", "<|endoftext|>"]),
    "gemma": ("<bos>", "<eos>", ["<start_of_turn>", "<end_of_turn>"]),
    "marked": (None, "<|im_end|>", ["<|im_start|>"]),
    "unmarked": (None, "<|im_end|>", ["<|im_start|>"]),
}
STOPS = {"llama": "<|eot_id|>", "qwen": "<|im_end|>", "gemma": "<end_of_turn>", "marked": "<|im_end|>", "unmarked": "<|im_end|>"}
CONTENTS = [
    "안녕하세요. 반갑습니다!",
    "[[1, 2], [3, 4]]",
    "[문서]",
    "assistant",
    "<|im_start|>assistant",
    "user\nassistant\n",
    "",
    "a",
    "👩‍👩‍👧 ㅋㅋㅋ ㅠㅠ",
    "<think>",
    "{{ messages }}{% raw %}",
    "line\r\nline\u2028\u0000end",
]
TEXTS = ["안녕하세요 반갑습니다 [문서] 오늘의 질문입니다.", "hello there, what is the answer? user assistant model"] * 20


@lru_cache
def tokenizer(kind: str = "marked", vocabulary: int = 400) -> Any:
    """A byte-level BPE tokenizer with the control tokens and the template of `kind`."""
    from dadeum.train.tiny import tokenizer_of

    made = tokenizer_of(TEXTS, vocabulary, 4096)
    bos, eos, others = SPECIALS[kind]
    made.add_special_tokens({"eos_token": eos, "additional_special_tokens": others} | ({"bos_token": bos} if bos else {}))
    made.chat_template = TEMPLATES[kind]
    return made


def chat(*contents: str, system: str | None = None, **last: Any) -> list[dict[str, Any]]:
    """user, assistant, user, assistant, ... with these contents."""
    turns = [{"role": "user" if i % 2 == 0 else "assistant", "content": c} for i, c in enumerate(contents)]
    turns[-1] |= last
    return ([{"role": "system", "content": system}] if system is not None else []) + turns
