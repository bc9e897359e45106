"""A small task that a tiny model learns in seconds, and a base made once for all tests of training."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from dadeum.record import records
from dadeum.settings import Tiny, Train

FRUIT = ["사과", "배", "감", "귤", "포도", "apple", "pear", "plum", "grape", "melon"]
GOOD, BAD = ["맛있어요", "좋아요", "lovely", "great"], ["별로예요", "상했어요", "awful", "rotten"]
TINY = Tiny(vocabulary=400, hidden=64, layers=2, heads=4, context=256, pretrain_tokens=30_000)
SETTINGS = Train(tiny=TINY, max_length=128, batch_tokens=512, micro_tokens=256, epochs=2.0, device="cpu")


def reviews(n: int, seed: int) -> pl.DataFrame:
    """`n` short reviews with the answer 긍정 or 부정."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for i in range(n):
        good = bool(rng.random() < 0.5)
        said = " ".join([*rng.choice(FRUIT, rng.integers(1, 5)), rng.choice(GOOD if good else BAD), rng.choice(FRUIT)])
        rows.append({"id": f"{seed}-{i}", "messages": [{"role": "user", "content": said}, {"role": "assistant", "content": "긍정" if good else "부정"}]})
    return records(rows)


def texts(rows: pl.DataFrame) -> list[str]:
    return ["\n".join(turn["content"] for turn in turns) for turns in rows.get_column("messages").to_list()]


@lru_cache
def folder() -> Path:
    held = tempfile.TemporaryDirectory(prefix="dadeum-base-")
    _KEPT.append(held)
    return Path(held.name)


_KEPT: list[Any] = []


@lru_cache
def tiny() -> str:
    """The folder of the base model."""
    from dadeum.train.base import base

    return base(SETTINGS, texts(reviews(400, 1)), folder())


def short(**changed: Any) -> Train:
    """Settings for a training of a few steps."""
    return replace(SETTINGS, **changed)


def one_thread() -> None:
    """For what these tests compute themselves, outside the project's own functions."""
    import torch

    torch.set_num_threads(1)


def preferences(n: int, seed: int) -> pl.DataFrame:
    """`n` pairs over the reviews' prompts: the polite ending is preferred to the blunt one, whatever the review says; it is as often the shorter one."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for i, (id, turns) in enumerate(reviews(n, seed).select("id", "messages").iter_rows()):
        word = FRUIT[int(rng.integers(len(FRUIT)))]
        blunt = ("그냥 됐어", "싫어")[i % 2]
        ends = [[{"role": "assistant", "content": f"{word} {ending}"}] for ending in ("좋습니다", blunt)]
        rows.append({"id": f"p{id}", "messages": turns[:1], "chosen": ends[0], "rejected": ends[1], "label": str(i)})
    return records(rows)


def documents(n: int, seed: int) -> pl.DataFrame:
    """`n` texts in which every fruit is followed by the colour that it always has."""
    rng = np.random.default_rng(seed)
    colours = dict(zip(FRUIT, ["빨강", "노랑", "주황", "초록", "보라", "red", "yellow", "violet", "green", "orange"]))
    said = [" ".join(f"{f} {colours[f]}." for f in rng.choice(FRUIT, rng.integers(3, 9))) for _ in range(n)]
    return records([{"id": f"{seed}-{i}", "text": text} for i, text in enumerate(said)])


def labelled(n: int, seed: int) -> pl.DataFrame:
    """The reviews as texts with their sentiment as the label."""
    chats = reviews(n, seed).get_column("messages").to_list()
    return records([{"id": f"{seed}-{i}", "text": turns[0]["content"], "label": turns[1]["content"]} for i, turns in enumerate(chats)])
