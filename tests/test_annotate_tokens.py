"""annotate.tokens: counts of a known tokenizer, its key, fertility by language, and what it says when something is missing."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

import dirt_annotate as dirt
from dadeum.errors import MissingExtra, RecipeError
from dadeum.record import records
from dadeum.steps.annotate import tokens
from dadeum.steps.annotate.tokens import Tokens, fertility

TOKENIZER = Path(__file__).parent / "data/tokenizer.json"
"""Bytes, with the merges t h e and a t."""


def test_tokens_of_rows_and_turns_are_those_of_single_strings() -> None:
    pytest.importorskip("tokenizers")
    chat = [{"role": r, "content": c} for r, c in (("system", "the"), ("user", "가 나"), ("assistant", "the cat"), ("tool", None))]
    rows = records([{"text": "the 가"}, {"messages": chat}, {"messages": chat[:1], "chosen": chat[2:3], "rejected": chat[1:2]}, {"text": None}])
    out = Tokens(tokenizer=str(TOKENIZER)).edit(rows)
    one = {t: tokens.count(str(TOKENIZER), [t])[0] for t in ("the", "가 나", "the cat", "the 가")}
    assert one == {"the": 1, "가 나": 7, "the cat": 4, "the 가": 5}
    assert out["tokens_turns"].to_list() == [[5], [1, 7, 4], [1, 4, 7], None]
    assert out["tokens"].to_list() == [5, 12, 12, None]


def test_fertility_is_that_of_all_rows_of_a_language_together() -> None:
    pytest.importorskip("tokenizers")
    said = [*dirt.SENTENCES["ko"], *dirt.SENTENCES["en"]]
    out = Tokens(tokenizer=str(TOKENIZER)).edit(records([{"text": t} for t in said]))
    found = {row["language"]: row for row in fertility(out).iter_rows(named=True)}
    for language in ("ko", "en"):
        mine = dirt.SENTENCES[language]
        count = sum(tokens.count(str(TOKENIZER), list(mine)))
        assert found[language]["rows"] == 8 and found[language]["tokens"] == count
        assert found[language]["per_byte"] == pytest.approx(count / sum(len(t.encode()) for t in mine))
        assert found[language]["per_word"] == pytest.approx(count / sum(len(t.split()) for t in mine))
    assert found["ko"]["per_character"] > 2 > 1 > found["en"]["per_character"] * 0.9


def test_the_key_is_the_content_of_a_file_and_the_name_of_a_hub_model(tmp_path: Path) -> None:
    shutil.copy(TOKENIZER, tmp_path / "tokenizer.json")
    file, folder = Tokens(tokenizer=str(tmp_path / "tokenizer.json")), Tokens(tokenizer=str(tmp_path))
    assert file.inputs == folder.inputs and file.key == folder.key == Tokens(tokenizer=str(TOKENIZER)).key
    (tmp_path / "tokenizer.json").write_text(TOKENIZER.read_text() + " ")
    assert Tokens(tokenizer=str(tmp_path)).key != Tokens(tokenizer=str(TOKENIZER)).key
    assert len({Tokens(tokenizer="org/a").key, Tokens(tokenizer="org/b").key, Tokens(tokenizer="org/a", revision="1a2b").key}) == 3


def test_without_the_library_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens._loaded.cache_clear()
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    made = Tokens(tokenizer=str(TOKENIZER))
    with pytest.raises(MissingExtra, match=r'pip install "dadeum\[train\]"'):
        made.edit(records([{"text": "a"}]))


def test_fertility_asks_for_the_step_first() -> None:
    with pytest.raises(RecipeError, match=r"annotate.tokens has not run"):
        fertility(records([{"text": "a"}]))
