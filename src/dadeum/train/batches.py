"""Which examples meet in which forward pass and optimiser step: drawn once before training, the same for the same seed.

Knowing the whole plan beforehand gives three things: the token budget is met exactly (two arms of a comparison train on the very same
number of tokens, and no row is cut for it), the tokens seen are known at every step, and a resumed run meets the same batches.

Two ways of filling a forward pass, both without leak and without attention mask:
  packed    sequences side by side in rows (format/pack.py), positions restarting
  alone     one sequence a row, rows of like length together, padding on the right, where causal attention never looks
A pair's two sequences are always in the same forward pass. A head that reads the last token has its sequences alone and under an
attention mask, as a plain pipeline has, so that bases which look both ways (BERT) can be trained too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

import numpy as np

from dadeum.format.pack import lay, pack
from dadeum.format.supervise import IGNORED, Example
from dadeum.settings import HEADS, Train

Micro = list[list[int]]
"""One forward pass: rows, each a list of examples (positions)."""
_MULTIPLE: Final = 8


@dataclass(frozen=True)
class Plan:
    """The forward passes in order; `accumulate` of them make an optimiser step."""

    micros: list[Micro]
    accumulate: int
    tokens: np.ndarray
    """int64, tokens seen (padding not counted) after each optimiser step."""

    @property
    def steps(self) -> int:
        return len(self.tokens)


def plan(lengths: Sequence[int], settings: Train, seed: int) -> Plan:
    """The batches of a whole training. `lengths`: tokens of each example.

    With `settings.tokens` the sum is that number exactly wherever lengths allow (the last examples are chosen so that it is),
    else the nearest below.
    """
    settings = replace(settings, micro_tokens=min(settings.micro_tokens, settings.batch_tokens))  # a pass is no larger than its step
    rng = np.random.default_rng(seed)
    micros = [micro for drawn in _draw(lengths, settings, rng) for micro in fill(lengths, drawn, settings, rng)]
    accumulate = max(1, round(settings.batch_tokens / settings.micro_tokens))
    seen = np.cumsum([sum(lengths[i] for row in micro for i in row) for micro in micros], dtype=np.int64)
    ends = np.minimum(np.arange(accumulate, len(micros) + accumulate, accumulate), len(micros)) - 1
    return Plan(micros, accumulate, seen[ends])


def fill(lengths: Sequence[int], drawn: Sequence[int], settings: Train, rng: np.random.Generator | None = None) -> list[Micro]:
    """Forward passes of at most `micro_tokens` (one row at least) out of the examples drawn, in random order where `rng` is given."""
    if packed(settings):
        room = row_length([lengths[i] for i in drawn], settings)
        rows = [[drawn[i] for i in row] for row in pack([lengths[i] for i in drawn], room)]
        if rng is not None:
            rows = [rows[i] for i in rng.permutation(len(rows))]
        each = max(1, settings.micro_tokens // room)
        return [rows[at : at + each] for at in range(0, len(rows), each)]
    order = sorted(drawn, key=lambda i: lengths[i])
    micros: list[Micro] = []
    for i in order:
        if micros and (len(micros[-1]) + 1) * _up(lengths[i]) <= settings.micro_tokens:
            micros[-1].append([i])
        else:
            micros.append([[i]])
    return [micros[i] for i in rng.permutation(len(micros))] if rng is not None else micros


def packed(settings: Train) -> bool:
    """Whether sequences share rows: not below a head, nor where trained vectors stand before every sequence."""
    return settings.packing and settings.objective not in HEADS and settings.method != "prompt"


def row_length(lengths: Sequence[int], settings: Train) -> int:
    """Tokens in a packed row: room for the longest example and no less than an eighth of a forward pass, up to `max_length`.

    Rows are not made longer than that: attention is computed over the row and most of it thrown away between segments.
    """
    longest = _up(max(lengths, default=1))
    return max(longest, min(settings.max_length, settings.micro_tokens // 8))


def collate(examples: Sequence[Example], micro: Micro, settings: Train, pad: int, flat: bool = False) -> dict[str, Any]:
    """The tensors of one forward pass, int64, rows x tokens: input_ids, labels and position_ids, and no attention mask.

    Where examples are pairs, `sequence` numbers the sequences (0 and 1 the first pair's, ...; -1 is padding). For a head, attention_mask
    instead of positions.
    flat: all rows in one, which flash attention needs: it tells segments apart by position in a batch of one row alone.
    """
    import torch

    rows = _rows(examples, micro, settings)
    length = _up(max(sum(len(ids) for ids, _ in row) for row in rows))
    laid = [lay(row, length, pad, IGNORED) for row in rows]
    ids, labels, positions = (torch.from_numpy(np.stack(part)) for part in zip(*laid))
    if settings.objective in HEADS:
        seen = torch.arange(length) < torch.tensor([[len(row[0][0])] for row in rows])
        labels[:, 0] = torch.tensor([int(row[0][1][0]) for row in rows])  # of a sequence of one token, the head reads that
        return {"input_ids": ids, "labels": labels, "attention_mask": seen.long()}
    if not packed(settings):
        positions = torch.arange(length).expand(len(rows), length).contiguous()
    batch = {"input_ids": ids, "labels": labels, "position_ids": positions}
    if any(len(examples[i].starts) > 1 for row in micro for i in row):
        batch["sequence"] = torch.from_numpy(_numbered(rows, length))
    return {name: tensor.reshape(1, -1) for name, tensor in batch.items()} if flat else batch


def _rows(examples: Sequence[Example], micro: Micro, settings: Train) -> list[list[tuple[np.ndarray, np.ndarray]]]:
    """(ids, labels) of the sequences in each row."""
    if packed(settings):
        return [[one for i in row for one in examples[i].sequences] for row in micro]
    return [[one] for row in micro for i in row for one in examples[i].sequences]


def _numbered(rows: list[list[tuple[np.ndarray, np.ndarray]]], length: int) -> np.ndarray:
    out, number = np.full((len(rows), length), -1, dtype=np.int64), 0
    for r, row in enumerate(rows):
        at = 0
        for ids, _ in row:
            out[r, at : at + len(ids)] = number
            at += len(ids)
            number += 1
    return out


def unlay(batch: dict[str, Any], examples: Sequence[Example], micro: Micro) -> list[tuple[Example, np.ndarray, np.ndarray]]:
    """(example, ids, labels) of everything in a collated batch again, in whichever of the layouts, to hold against the ledger."""
    together = [[one for i in row for one in examples[i].sequences] for row in micro]
    alone = [[one] for row in together for one in row]
    size, n = batch["input_ids"].shape, batch["input_ids"].numel()
    shapes = [rows for rows in (together, alone) if size[0] in (len(rows), 1) and n == len(rows) * _up(max(sum(len(ids) for ids, _ in row) for row in rows))]
    rows = shapes[0]
    ids, labels = (batch[name].cpu().numpy().reshape(len(rows), -1) for name in ("input_ids", "labels"))
    found = []
    for r, row in enumerate(rows):
        ends = np.cumsum([0, *(len(one) for one, _ in row)]).tolist()
        found += [(ids[r, a:b], labels[r, a:b]) for a, b in pairwise(ends)]
    out, at = [], 0
    for example in (examples[i] for row in micro for i in row):
        parts = found[at : at + len(example.starts)]
        at += len(parts)
        out.append((example, np.concatenate([one for one, _ in parts]), np.concatenate([carried for _, carried in parts])))
    return out


def _up(n: int) -> int:
    return -(-n // _MULTIPLE) * _MULTIPLE


def _draw(lengths: Sequence[int], settings: Train, rng: np.random.Generator) -> list[list[int]]:
    """The examples of each epoch, in random order; the last epoch may be a part of one."""
    n = len(lengths)
    if not settings.tokens:
        whole, part = divmod(settings.epochs, 1)
        drawn = [rng.permutation(n).tolist() for _ in range(int(whole))]
        if part:
            drawn.append(rng.permutation(n)[: max(1, round(part * n))].tolist())
        return drawn
    drawn, left = [], settings.tokens
    # The last stretch, wide enough for some choice, is filled to the token.
    stretch = min(settings.tokens, 4 * max(lengths))
    while left > stretch:
        epoch = []
        for i in rng.permutation(n).tolist():
            if left - lengths[i] < stretch:
                break
            epoch.append(i)
            left -= lengths[i]
        drawn.append(epoch)
        if len(epoch) < n:
            break
    return [e for e in [*drawn, _exactly(lengths, left, rng.permutation(n).tolist())] if e]


def _exactly(lengths: Sequence[int], total: int, order: list[int]) -> list[int]:
    """Examples, each as seldom as will do, whose lengths add up to `total`, or come nearest from below."""
    once = {lengths[i]: i for i in order}
    pools = (lambda: order, lambda: order * (1 + -(-total // sum(lengths))), lambda: [i for n, i in once.items() for _ in range(total // n)])
    for made in pools:
        pool = made()
        # came[s]: the example that first made the sum s. Bits of `reached` are the sums possible so far.
        reached, came, mask = 1, {}, (1 << (total + 1)) - 1
        for at, i in enumerate(pool):
            new = (reached << lengths[i]) & mask & ~reached
            while new:
                bit = new & -new
                came[bit.bit_length() - 1] = at
                new ^= bit
            reached = (reached | reached << lengths[i]) & mask
            if reached >> total:
                break
        if reached >> total:
            break
    best, out = reached.bit_length() - 1, []
    while best:
        at = came[best]
        out.append(pool[at])
        best -= lengths[pool[at]]
    return out
