"""Small models in the manner of well-known families, each with a tokenizer and a template that has that family's difficulties.

    llama      no generation markers, eot other than eos        exaone     own role marks, system and tool turns, its stop is eos
    qwen3      think blocks that history loses                  mistral    [INST] marks, no role names, bos once, pad is eos
    gemma      system refused, end of turn other than eos       neox       no bos, no template of its own, pad is eos
"""

from __future__ import annotations

import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

from chat_cases import GEMMA, LLAMA, QWEN, TEXTS

EXAONE = (
    "{% for m in messages %}{{ '[|' + m.role + '|]' + m.content }}{% if m.role == 'assistant' %}{{ '[|endofturn|]\n' }}"
    "{% else %}{{ '[|endofturn|]\n' if m.role in ('system', 'tool') else '\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '[|assistant|]' }}{% endif %}"
)
MISTRAL = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}{{ '[INST] ' + m.content + ' [/INST]' }}"
    "{% elif m.role == 'assistant' %}{{ m.content + eos_token }}{% else %}{{ raise_exception('Only user and assistant roles are supported') }}"
    "{% endif %}{% endfor %}"
)
WORLDS = {
    "llama": (LLAMA, "<|begin_of_text|>", "<|end_of_text|>", ["<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>"], None),
    "qwen3": (QWEN, None, "<|im_end|>", ["<|im_start|>", "<|endoftext|>"], "<|endoftext|>"),
    "gemma": (GEMMA, "<bos>", "<eos>", ["<start_of_turn>", "<end_of_turn>"], None),
    "exaone": (EXAONE, "[BOS]", "[|endofturn|]", ["[|user|]", "[|assistant|]", "[|system|]", "[|tool|]"], None),
    "mistral": (MISTRAL, "<s>", "</s>", ["[INST]", "[/INST]"], "</s>"),
    "neox": (None, None, "<|endoftext|>", ["<|padding|>", "<|im_start|>"], "<|endoftext|>"),
}
STOPS = {"llama": "<|eot_id|>", "qwen3": "<|im_end|>", "gemma": "<end_of_turn>", "exaone": "[|endofturn|]", "mistral": "</s>", "neox": "<|endoftext|>"}
_KEPT: list[Any] = []


@lru_cache
def world(kind: str) -> str:
    """The folder of a random model of two layers with its tokenizer; its generation configuration stops where its template does."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from dadeum.train.tiny import tokenizer_of

    template, bos, eos, others, pad = WORLDS[kind]
    tokenizer = tokenizer_of(TEXTS, 400, 256)
    tokenizer.add_special_tokens({"eos_token": eos, "additional_special_tokens": others} | ({"bos_token": bos} if bos else {}))
    if pad:
        tokenizer.pad_token = pad
    tokenizer.chat_template = template
    shape: dict[str, Any] = {"vocab_size": len(tokenizer), "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    if kind != "neox":
        shape |= {"num_key_value_heads": 1, "head_dim": 16}
    names = {"qwen3": "qwen3", "exaone": "exaone4", "neox": "gpt_neox"}
    config = AutoConfig.for_model(names.get(kind, kind), max_position_embeddings=256, **shape)
    config.bos_token_id, config.eos_token_id = tokenizer.bos_token_id, tokenizer.eos_token_id
    config.pad_token_id = None  # as these families' own: with pad = eos here too, a random model begins with a stop of nothing but zeros
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config)
    stop = tokenizer.convert_tokens_to_ids(STOPS[kind])
    model.generation_config.eos_token_id = sorted({stop, tokenizer.eos_token_id})
    held = tempfile.TemporaryDirectory(prefix=f"dadeum-{kind}-")
    _KEPT.append(held)
    model.save_pretrained(held.name)
    tokenizer.save_pretrained(held.name)
    return str(Path(held.name))
