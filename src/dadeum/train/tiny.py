"""A model made on the spot: byte-level BPE and a small Llama, both out of the texts at hand, deterministic by seed.

For demonstrations, tests and machines without a network. It learns tasks with checkable answers, not to chat: 0.5 to 1.3 million
parameters reached .74 to .80 on held-out Korean review sentiment (balanced; chance .50), 15 points of it from reading raw
text first. A byte-level vocabulary can say any text. The stop token is not the padding token, or it would never be trained.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any, Final

from dadeum.errors import DadeumError, Mistake, RecipeError
from dadeum.format.template import default
from dadeum.format.tokens import encode, need
from dadeum.settings import Tiny
from dadeum.train.machine import quiet, threads

VERSION: Final = 1
PAD, START, STOP = "<|pad|>", "<|im_start|>", "<|im_end|>"
_ROLES: Final = "system\nuser\nassistant\ntool\n"
_RATE: Final = 2e-3
_BATCH: Final = 4096


def make(
    settings: Tiny,
    texts: Sequence[str],
    cache: Path,
    seed: int = 0,
    progress: Callable[[dict[str, Any]], None] | None = None,
    marks: Sequence[str] = (),
) -> Path:
    """The folder of a tiny model read in on `texts`, made once per settings, texts and seed in `cache`. marks: further control tokens.

    Raises RecipeError for sizes that cannot be, DadeumError for no text, MissingExtra without torch.
    """
    need("torch", "transformers", "tokenizers")
    smallest = 256 + 3
    mistakes = []
    if settings.vocabulary < smallest:
        mistakes.append(Mistake("train.tiny.vocabulary", f"{settings.vocabulary} is too small", f"256 bytes and 3 control tokens: {smallest}"))
    if settings.hidden % settings.heads or settings.hidden // settings.heads % 2:
        mistakes.append(Mistake("train.tiny.heads", f"hidden {settings.hidden} over {settings.heads} heads is no even number"))
    if mistakes:
        raise RecipeError(mistakes)
    if not any(texts):
        raise DadeumError("a tiny model is made of the training texts, and there are none")
    folder = cache / f"tiny-{_key(settings, texts, seed, marks)}"
    if (folder / "made.json").exists():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".tiny-", dir=cache))
    try:
        told = _make(settings, texts, draft, seed, progress, marks)
        (draft / "made.json").write_text(json.dumps({"settings": asdict(settings), "seed": seed, **told}, indent=1), encoding="utf-8")
        try:
            os.replace(draft, folder)
        except OSError:  # another process has made the same model meanwhile
            if not (folder / "made.json").exists():
                raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder


def tokenizer_of(texts: Iterable[str], vocabulary: int, context: int, marks: Sequence[str] = ()) -> Any:
    """A byte-level BPE tokenizer of `vocabulary` tokens with the project's chat template. marks: further control tokens."""
    import tokenizers
    from transformers import PreTrainedTokenizerFast

    raw = tokenizers.Tokenizer(tokenizers.models.BPE())
    raw.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[PAD, START, STOP, *marks],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    # The names of roles stand in every chat, so each is worth a token; among raw texts alone none would be made.
    raw.train_from_iterator(chain([_ROLES * 1000], texts), trainer=trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, eos_token=STOP, pad_token=PAD, additional_special_tokens=[START, *marks], model_max_length=context
    )
    tokenizer.chat_template = default()
    return tokenizer


def _key(settings: Tiny, texts: Sequence[str], seed: int, marks: Sequence[str]) -> str:
    told = hashlib.blake2b(json.dumps([VERSION, asdict(settings), seed, default(), *marks]).encode(), digest_size=8)
    for text in texts:
        told.update(f"{len(text)}\0{text}".encode(errors="surrogatepass"))
    return told.hexdigest()


def _make(
    settings: Tiny, texts: Sequence[str], folder: Path, seed: int, progress: Callable[[dict[str, Any]], None] | None, marks: Sequence[str]
) -> dict[str, Any]:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    texts = [text for text in texts if text]
    tokenizer = tokenizer_of(texts, settings.vocabulary, settings.context, marks)
    with torch.random.fork_rng(devices=[]), threads(0):
        torch.manual_seed(seed)
        model = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=len(tokenizer),
                hidden_size=settings.hidden,
                intermediate_size=-(-settings.hidden * 8 // 3 // 16) * 16,
                num_hidden_layers=settings.layers,
                num_attention_heads=settings.heads,
                num_key_value_heads=settings.heads,
                max_position_embeddings=settings.context,
                tie_word_embeddings=True,
                bos_token_id=None,
                eos_token_id=tokenizer.eos_token_id,
                pad_token_id=tokenizer.pad_token_id,
                use_cache=True,
            )
        )
        told = _read(model, tokenizer, texts, settings, seed, progress) if settings.pretrain_tokens else {"read_tokens": 0}
    model.generation_config.do_sample = False
    with quiet():
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return {"parameters": sum(p.numel() for p in model.parameters()), **told}


def _read(
    model: Any, tokenizer: Any, texts: Sequence[str], settings: Tiny, seed: int, progress: Callable[[dict[str, Any]], None] | None
) -> dict[str, Any]:
    """Causal language modelling on the texts, each with its stop, in batches of like length: nearly no padding, no mask."""
    import torch
    from torch.nn.functional import cross_entropy

    stop = tokenizer.eos_token_id
    pieces = _pieces([[*ids, stop] for ids in encode(tokenizer, texts)], settings.context)
    once = sum(map(len, pieces))
    steps_planned = max(1, settings.pretrain_tokens // _BATCH)
    optimizer = torch.optim.AdamW(model.parameters(), lr=_RATE, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    generator = torch.Generator().manual_seed(seed)
    seen, step, losses = 0, 0, []
    model.train()
    while seen < settings.pretrain_tokens:
        for batch in _batches(pieces, generator):
            rate = _RATE * min(1.0, (step + 1) / (0.05 * steps_planned + 1)) * max(0.05, 1 - seen / settings.pretrain_tokens)
            for group in optimizer.param_groups:
                group["lr"] = rate
            length = max(map(len, batch))
            ids = torch.full((len(batch), length), tokenizer.pad_token_id)
            labels = torch.full((len(batch), length), -100)
            for r, piece in enumerate(batch):
                ids[r, : len(piece)] = labels[r, : len(piece)] = torch.tensor(piece)
            logits = model(input_ids=ids, use_cache=False).logits
            loss = cross_entropy(logits[:, :-1].reshape(-1, logits.shape[-1]), labels[:, 1:].reshape(-1))
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            seen += sum(map(len, batch))
            step += 1
            losses.append(loss.item())
            if progress:
                progress({"stage": "pretrain", "tokens": seen, "of": settings.pretrain_tokens, "loss": losses[-1]})
            if seen >= settings.pretrain_tokens:
                break
    model.eval()
    return {"read_tokens": seen, "text_tokens": once, "first_loss": losses[0], "last_loss": sum(losses[-10:]) / len(losses[-10:])}


def _pieces(ids: Sequence[list[int]], context: int) -> list[list[int]]:
    return [row[at : at + context] for row in ids for at in range(0, len(row), context) if len(row) - at > 1]


def _batches(pieces: Sequence[list[int]], generator: Any) -> Iterator[list[list[int]]]:
    import torch

    order = torch.randperm(len(pieces), generator=generator).tolist()
    order.sort(key=lambda i: len(pieces[i]))  # stable: equal lengths keep the drawn order
    batches: list[list[list[int]]] = [[]]
    for i in order:
        if batches[-1] and (len(batches[-1]) + 1) * len(pieces[i]) > _BATCH:
            batches.append([])
        batches[-1].append(pieces[i])
    for i in torch.randperm(len(batches), generator=generator).tolist():
        yield batches[i]
