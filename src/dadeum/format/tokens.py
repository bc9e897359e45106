"""The tokenizer: loading it, and reading its tokens back as text.

Rendered text is tokenised with `add_special_tokens=False`: the template has written the beginning-of-text token already, and a
second one changes the model's answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dadeum.errors import DadeumError, MissingExtra, Mistake, RecipeError


def need(*modules: str) -> None:
    """Raise MissingExtra, with the command that helps, unless every module can be found. Imports nothing."""
    from importlib.util import find_spec

    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise MissingExtra(f'{", ".join(missing)} not installed, which training needs: pip install "dadeum[train]"')


def load_tokenizer(name: str | Path) -> Any:
    """The fast tokenizer of a folder or a hub model. Raises RecipeError when there is none, MissingExtra without transformers."""
    need("transformers", "tokenizers")
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(str(name))
    except (OSError, ValueError) as error:
        raise RecipeError(Mistake("train.base", f"no tokenizer in {name}", str(error).split("\n")[0])) from error
    if not tokenizer.is_fast:
        raise RecipeError(Mistake("train.base", f"{name} has no fast tokenizer", "its spans cannot be proven"))
    return hushed(tokenizer)


def hushed(tokenizer: Any) -> Any:
    """The same tokenizer without transformers' warning of the first text that is too long, in the middle of a progress line: we count and
    name every row that is."""
    tokenizer.deprecation_warnings["sequence-length-is-longer-than-the-specified-maximum"] = True
    return tokenizer


def encode(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    """Ids of rendered texts: nothing added, nothing cut.

    Straight from the tokenizers library: by way of transformers' own call, whose answer is the same, it takes half as long again.
    """
    if not texts:
        return []
    backend = tokenizer.backend_tokenizer
    if backend.truncation is not None:
        backend.no_truncation()
    if backend.padding is not None:
        backend.no_padding()
    return [made.ids for made in backend.encode_batch_fast(list(texts), add_special_tokens=False)]


def decode(tokenizer: Any, ids: Sequence[Sequence[int]]) -> list[str]:
    """The texts of ids, control tokens included, spaces as they were."""
    return tokenizer.backend_tokenizer.decode_batch([list(map(int, i)) for i in ids], skip_special_tokens=False)


def normalised(tokenizer: Any, text: str) -> str:
    """`text` as the tokenizer's own normaliser leaves it: what its tokens can say at best."""
    normaliser = tokenizer.backend_tokenizer.normalizer
    return normaliser.normalize_str(text) if normaliser else text


def pieces(tokenizer: Any, ids: Sequence[int]) -> list[tuple[str, int]]:
    """(text, number of tokens): the ids cut where their text is whole, since one Korean syllable may be up to three tokens."""
    out: list[tuple[str, int]] = []
    held: list[int] = []
    for token in ids:
        held.append(int(token))
        said = decode(tokenizer, [held])[0]
        if "\ufffd" not in said or len(held) >= 8:
            out.append((said, len(held)))
            held = []
    if held:
        out.append((decode(tokenizer, [held])[0], len(held)))
    return out


def bos_twice(tokenizer: Any, ids: Sequence[int]) -> bool:
    """Whether the ids begin with two beginning-of-text tokens."""
    bos = tokenizer.bos_token_id
    return bos is not None and len(ids) > 1 and ids[0] == bos and ids[1] == bos


def begins(tokenizer: Any) -> str:
    """The beginning-of-text token where the tokenizer itself puts one before a text, else nothing."""
    had = tokenizer.bos_token
    return had if had and tokenizer("a")["input_ids"][0] == tokenizer.bos_token_id else ""


def eos_id(tokenizer: Any) -> int:
    """The end-of-text id. Raises DadeumError for a tokenizer without one."""
    if tokenizer.eos_token_id is None:
        raise DadeumError("the tokenizer has no eos token: a model trained with it would never learn to stop. Take another base")
    return int(tokenizer.eos_token_id)
