"""annotate.tokens: how many tokens of the target tokenizer each row and each turn takes, and how well the tokenizer fits its language.

    - annotate.tokens: {tokenizer: models/mine}            # a folder with tokenizer.json, or that file
    - annotate.tokens: {tokenizer: org/model, revision: 1a2b3c}   # of the hub; fetched once, unless it is at hand

| column                 | what                                                                                             |
|------------------------|--------------------------------------------------------------------------------------------------|
| `tokens`               | tokens of the addressed strings together; null for rows without any                              |
| `tokens_turns`         | tokens of each of them, in reading order: the text, then messages, chosen, rejected              |
| `tokens_per_character`, `tokens_per_word`, `tokens_per_byte` | fertility: `tokens` over characters, words (eojeol), UTF-8 bytes |

Contents alone: what a chat template adds is counted by the supervision ledger. Ratios of single short rows scatter; `fertility` gives
those of all rows together, by language. The tokenizer is read from `tokenizer.json`, so `tokenizers` is all it needs (the extras
`train` and `embed` bring it).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import polars as pl

from dadeum.errors import MissingExtra, Mistake, RecipeError, nearest
from dadeum.profiles import profile
from dadeum.record import CHATS, CONTENTS, prose, turns
from dadeum.step import Edit, Role, digest_file

FILE: Final = "tokenizer.json"
EVERY: Final[tuple[Role, ...]] = ("text", "system", "developer", "user", "assistant", "tool")


@dataclass(frozen=True)
class Tokens(Edit):
    """Count tokens."""

    tokenizer: str
    """A folder with a tokenizer.json, such a file, or the name of a hub model."""
    revision: str = "main"
    """Of a hub model: the branch, tag or commit."""
    on: tuple[Role, ...] = field(default=EVERY, kw_only=True)
    """The strings that are counted."""
    writes = ("tokens", "tokens_turns", "tokens_per_character", "tokens_per_word", "tokens_per_byte")

    def __post_init__(self) -> None:
        if _file(self.tokenizer) is None and _is_path(self.tokenizer):
            raise RecipeError(Mistake("tokenizer", *_missing(Path(self.tokenizer))))
        if _file(self.tokenizer) is not None and self.revision != "main":
            raise RecipeError(Mistake("revision", "belongs to hub models, and the tokenizer is a file at hand"))

    @property
    def looks(self) -> tuple[str, ...]:
        return CONTENTS

    @property
    def inputs(self) -> dict[str, tuple[str, ...]]:
        """A tokenizer at hand enters the key by its content, one of the hub by name and revision."""
        at_hand = _file(self.tokenizer)
        return {"tokenizer": (str(at_hand),)} if at_hand else {}

    def edit(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Raises MissingExtra without `tokenizers`, RecipeError where there is no such tokenizer."""
        said = _strings(rows, self.on)
        counts = pl.Series("tokens", count(self.tokenizer, said.get_column("content").to_list(), self.revision), dtype=pl.UInt32)
        told = said.with_columns(counts).group_by("index", maintain_order=True)
        sums = told.agg(pl.col("tokens").cast(pl.Int64).sum(), pl.col("tokens").alias("tokens_turns"), *_sizes("content"))
        every = pl.DataFrame({"index": pl.int_range(rows.height, dtype=pl.UInt32, eager=True)})
        whole = every.join(sums, on="index", how="left", maintain_order="left")
        return rows.with_columns(whole.select("tokens", "tokens_turns", *_ratios("tokens_per_")))


def count(tokenizer: str, texts: list[str], revision: str = "main") -> list[int]:
    """Tokens of each text, nothing added, nothing cut."""
    return [len(e) for e in load(tokenizer, revision).encode_batch_fast(texts, add_special_tokens=False)]


def load(tokenizer: str, revision: str = "main") -> Any:
    """The tokenizer, loaded once a process and again when its file has changed.

    Raises MissingExtra without `tokenizers`, RecipeError where there is no such tokenizer.
    """
    at_hand = _file(tokenizer)
    return _loaded(str(at_hand or tokenizer), digest_file(at_hand) if at_hand else "", revision)


@lru_cache(maxsize=4)
def _loaded(name: str, digest: str, revision: str) -> Any:
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise MissingExtra('annotate.tokens counts with `tokenizers`, which is not installed: pip install "dadeum[train]"') from error
    try:
        made = Tokenizer.from_file(name) if digest else Tokenizer.from_pretrained(name, revision=revision)
    except Exception as error:  # the library raises bare Exception for whatever it cannot read or fetch
        what = "is no tokenizer that can be read" if digest else "is neither a folder with a tokenizer.json nor a hub model that can be reached"
        raise RecipeError(Mistake("annotate.tokens.tokenizer", f"{name} {what}", str(error).split("\n")[0][:200])) from error
    made.no_truncation()
    made.no_padding()
    return made


def fertility(rows: pl.DataFrame, on: tuple[str, ...] = EVERY) -> pl.DataFrame:
    """Of rows with `tokens`: `language`, `rows`, `tokens`, and tokens per character, word and byte of all of a language's rows together.

    The language is annotate.language's where that has run, else the profile. on: the strings that were counted.
    """
    return summed(sized(rows, on))


def sized(rows: pl.DataFrame, on: tuple[str, ...] = EVERY) -> pl.DataFrame:
    """`row`, `language`, `tokens`, `character`, `word`, `byte` of each row with `tokens`: what `summed` adds up, part by part if need be."""
    if "tokens" not in rows.columns:
        raise RecipeError(Mistake("tokens", "annotate.tokens has not run on these rows", nearest("tokens", rows.columns)))
    language = pl.col("language") if "language" in rows.columns else profile(pl.col("said"))
    frame = rows.with_columns(prose(rows, on).alias("said")).filter(pl.col("tokens").is_not_null())
    return frame.select("row", language.alias("language"), pl.col("tokens").cast(pl.Int64), *_sizes("said", summed=False))


def summed(sizes: pl.DataFrame) -> pl.DataFrame:
    """`fertility`'s answer out of what `sized` told of all rows."""
    sums = sizes.group_by("language").agg(pl.len().alias("rows"), pl.col("tokens", "character", "word", "byte").sum())
    return sums.select("language", "rows", "tokens", *_ratios("per_")).sort("rows", "language", descending=[True, False])


def _sizes(column: str, summed: bool = True) -> list[pl.Expr]:
    text = pl.col(column)
    made = {"character": text.str.len_chars(), "word": text.str.count_matches(r"\S+"), "byte": text.str.len_bytes()}
    return [(e.cast(pl.Int64).sum() if summed else e.cast(pl.Int64)).alias(name) for name, e in made.items()]


def _ratios(prefix: str) -> list[pl.Expr]:
    """Tokens over each unit; null where there is nothing of it."""
    return [(pl.col("tokens") / pl.when(pl.col(u) > 0).then(pl.col(u))).alias(f"{prefix}{u}") for u in ("character", "word", "byte")]


def _strings(rows: pl.DataFrame, on: tuple[str, ...]) -> pl.DataFrame:
    """`index`, `content` of every addressed string, those of a row together and in reading order."""
    parts = []
    if "text" in on:
        parts.append(pl.DataFrame({"index": pl.int_range(rows.height, dtype=pl.UInt32, eager=True), "content": rows.get_column("text")}))
    for chat in CHATS:
        parts.append(turns(rows, chat).filter(pl.col("role").is_in(list(on))).select("index", "content"))
    return pl.concat(parts).filter(pl.col("content").is_not_null()).sort("index", maintain_order=True)


def _file(tokenizer: str) -> Path | None:
    path = Path(tokenizer)
    return path if path.is_file() else path / FILE if (path / FILE).is_file() else None


def _is_path(tokenizer: str) -> bool:
    """Whether the name can only be a path: a hub name has one slash at most, and no dot before it."""
    return Path(tokenizer).exists() or tokenizer.startswith((".", "/", "~")) or tokenizer.count("/") > 1 or tokenizer.endswith(".json")


def _missing(path: Path) -> tuple[str, str]:
    if path.is_dir():
        return f"{path} holds no {FILE}", "a fast tokenizer saves one: AutoTokenizer.from_pretrained(...).save_pretrained(...)"
    return f"there is no file {path}", "a folder with a tokenizer.json, such a file, or the name of a hub model"
