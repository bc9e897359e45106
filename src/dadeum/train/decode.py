"""Decoding of many prompts at once, greedily or drawn (`sampling.py`): the answers of one by one, several times sooner.

    alike      a prompt that stands there twice is asked once
    batches    of like length, padded on the left under an attention mask: a step of a small model costs mostly the calls of its layers
    beginning  what all prompts begin with (a system turn, an instruction, the examples of a few-shot prompt) is read once
    leaving    rows that have ended leave the batch and its cache, so that not all of them wait for the longest answer

The search is `generate`'s own: transformers prepares inputs, cache, rules (a repetition penalty) and stops as for any model, and calls
`_Search` for the loop. Whether padding, and a beginning that was read before, leave a model's answers alone depends on its family
(positions, windows, states). So both are held against the shortest prompt asked by itself, and what does not agree is not done.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, Final

from dadeum.train.machine import quiet, threads
from dadeum.train.objectives.words import bare, prompted
from dadeum.train.sampling import Draw

READ: Final = 4_096
"""Tokens that a CPU reads in one pass: a model of 1.3 million parameters read 28,000 tokens in 1.2 CPU-s by 2,048 or 4,096 at a time and in 2.0
by 16,384, when what a layer computes no longer fits into the cores' cache."""
ROWS: Final = 32
"""Rows of a batch that go before that: of the steps that follow, the more rows share one the better."""
HELD: Final = 16_384
"""Tokens of prompts and answers that are remembered at a time: 2 GB in a model of 7 billion parameters with 8 heads for keys and values."""
FEW: Final = 8
"""Prompts below which no common beginning is looked for."""
LONG: Final = 512
"""Tokens of padding before a row at the most: beside a prompt of 8,000 tokens a short one would take a mask of 0.7 GB."""
LEAVE: Final = 8
"""Rows leave when an eighth of the batch has ended: taking them out costs about what one more step costs, which copies the cache too."""
NEAR: Final = {"torch.float32": 1e-4, "torch.float16": 0.01, "torch.bfloat16": 0.03}
"""How far logits may lie apart, as a share of their spread, where sums were taken in another order: more is not rounding."""

Ids = tuple[int, ...]


def decode(
    model: Any, prompts: Sequence[Sequence[int]], stops: Sequence[int], most: int, criteria: Sequence[Any] = (), draw: Draw | None = None
) -> Iterator[dict[int, list[int]]]:
    """Ids of the answer to each prompt by its place in `prompts`, batch by batch, the longest first. No prompt is empty.

    draw: which sample of the answer; None is the greedy one.

    An answer ends with the first of `stops` (which is its last token), where one of `criteria` (transformers' StoppingCriteria) says
    so, or after `most` tokens.
    """
    places: dict[Ids, list[int]] = {}
    for place, ids in enumerate(prompts):
        places.setdefault(tuple(ids), []).append(place)
    asked = sorted(places, key=len, reverse=True)
    asker = _Asker(model, list(stops), most, list(criteria), draw)
    layout = asker.layout(asked) if len(asked) > 1 else Layout()
    at = 0
    while at < len(asked):
        end = layout.end(asked, at, most)
        made = asker.ask(asked[at:end], layout.beginning if prompted(model) else layout.before(asked[at:end])).made
        yield {place: said for ids, said in zip(asked[at:end], made) for place in places[ids]}
        at = end


@dataclass(frozen=True, eq=False)
class Beginning:
    """What every prompt begins with, read before. length: tokens of it, those of trained vectors among them."""

    tokens: int
    length: int
    cache: Any


@dataclass(frozen=True)
class Layout:
    """How prompts may share a batch."""

    beginning: Beginning | None = None
    padded: bool = True
    """Also those that are not equally long."""
    read: int = READ
    """Tokens in one pass; 0 lets each prompt go alone."""

    def end(self, asked: Sequence[Ids], at: int, most: int) -> int:
        """Where the batch that begins at `at` ends; its first prompt is its longest."""
        longest = len(asked[at])
        read = longest - (self.beginning.tokens if self.beginning else 0)
        end, last = at + 1, at + min(max(ROWS, self.read // read) if self.read else 1, HELD // (longest + most))
        most_padding = LONG if self.padded else 0
        while end < min(len(asked), last) and longest - len(asked[end]) <= most_padding:
            end += 1
        return end

    def before(self, batch: Sequence[Ids]) -> Beginning | None:
        """The beginning, where it is worth it: behind one, a long prompt by itself takes a mask as large as its square, and else none."""
        long = self.beginning and len(batch) == 1 and len(batch[0]) - self.beginning.tokens > READ
        return None if long else self.beginning


@dataclass
class _Search:
    """The loop of the search, as `generate(custom_generate=...)` calls it; holds what came of it."""

    two: bool = False
    """Two tokens of every answer, whatever they are, instead of all until it ends."""
    draw: Draw | None = None
    sources: list[Any] = field(default_factory=list)
    """Of each row's noise, where answers are drawn."""
    made: list[list[int]] = field(default_factory=list)
    """Ids of each row's answer."""
    last: Any = None
    """Logits of the last row's last token, before any rule."""
    ruled: bool = False
    """Whether the model has rules about what may be said (a repetition penalty, a least length): they count padding, or remember rows."""

    def __call__(self, model: Any, input_ids: Any, logits_processor: Any, stopping_criteria: Any, generation_config: Any, **inputs: Any) -> Any:
        import torch
        from transformers import Cache

        self.ruled = len(logits_processor) > 0
        had = inputs["past_key_values"].get_seq_length() if inputs.get("past_key_values") is not None else 0
        new = input_ids.shape[1] - had if had else None
        rows, live, last = torch.arange(len(input_ids)), torch.ones(len(input_ids), dtype=torch.bool), len(input_ids) - 1
        steps: list[tuple[Any, Any]] = []
        while True:
            told = model.prepare_inputs_for_generation(input_ids, next_sequence_length=new, is_first_iteration=not steps, **inputs)
            outputs = model(**told, return_dict=True)
            inputs = model._update_model_kwargs_for_generation(outputs, inputs)
            logits = outputs.logits[:, -1].float()
            scores = logits_processor(input_ids, logits)
            if self.draw:
                sources = [self.sources[row] if going else None for row, going in zip(rows.tolist(), live.tolist())]
                scores = scores + self.draw.noise(sources, scores.shape[-1]).to(scores.device)
            tokens = scores.argmax(-1)
            input_ids = torch.cat([input_ids, tokens[:, None]], dim=-1)
            self.last = logits[-1] if live[-1] and rows[-1] == last else self.last
            steps.append((rows[live], tokens.cpu()[live]))
            live = live & (len(steps) < 2 if self.two else ~stopping_criteria(input_ids, None).cpu())
            if not live.any():
                break
            new = 1 if inputs["use_cache"] else None
            held = {name: value for name, value in inputs.items() if isinstance(value, Cache)}
            if LEAVE * int((~live).sum()) >= len(live) and (held or not inputs["use_cache"]) and not self.ruled:
                stay: Any = live.nonzero()[:, 0].to(input_ids.device)
                for cache in held.values():
                    cache.reorder_cache(stay)
                inputs |= {name: value[stay] for name, value in inputs.items() if torch.is_tensor(value) and value.dim() == 2 and len(value) == len(live)}
                input_ids, rows, live = input_ids[stay], rows[live], live[live]
        self.made = [[] for _ in steps[0][0]]
        for said_by, said in steps:
            for row, token in zip(said_by.tolist(), said.tolist()):
                self.made[row].append(token)
        return input_ids


@dataclass(frozen=True)
class _Asker:
    """One model and how its answers end."""

    model: Any
    stops: list[int]
    most: int
    criteria: list[Any]
    draw: Draw | None = None

    def ask(self, asked: Sequence[Ids], beginning: Beginning | None = None, two: bool = False) -> _Search:
        """One batch. two: only two tokens of every answer, greedily."""
        import torch

        model = bare(self.model) if beginning and prompted(self.model) else self.model
        own = [ids[beginning.tokens :] if beginning else ids for ids in asked]
        front, width = beginning.length if beginning else 0, max(map(len, own))
        tokens = torch.tensor([ids[:1] for ids in asked]).repeat(1, front + width)
        seen = torch.ones_like(tokens)
        for row, ids in enumerate(own):
            tokens[row, front + width - len(ids) :] = torch.tensor(ids)
            seen[row, front : front + width - len(ids)] = 0
        told: dict[str, Any] = {}
        if beginning:
            if beginning.tokens:
                tokens[:, front - beginning.tokens : front] = torch.tensor(asked[0][: beginning.tokens])
            told["past_key_values"] = copy.deepcopy(beginning.cache)
            told["past_key_values"].reorder_cache(torch.zeros(len(asked), dtype=torch.long, device=model.device))
        draw = None if two else self.draw
        search = _Search(two, draw, [draw.source(ids) for ids in asked] if draw else [])
        with torch.no_grad(), quiet(), threads(model.num_parameters()):
            model.generate(
                input_ids=tokens.to(model.device),
                attention_mask=seen.to(model.device),
                max_new_tokens=self.most,
                do_sample=False,
                num_beams=1,
                eos_token_id=self.stops,
                pad_token_id=self.stops[0],
                stopping_criteria=self.criteria,
                stop_strings=None,
                custom_generate=search,
                **told,
            )
        return search

    def layout(self, asked: Sequence[Ids]) -> Layout:
        """What leaves the answer to the shortest prompt alone: a beginning read before and padding, padding, neighbours; or nothing does.

        Two tokens of it beside a long prompt, which pads it, are held against two tokens by itself.
        """
        long, shortest = next((ids for ids in asked if len(ids) <= LONG), asked[-2]), asked[-1]
        alone = self.ask([shortest], two=True)
        read = READ if bare(self.model).device.type == "cpu" else HELD

        def agrees(other: Ids, beginning: Beginning | None = None) -> bool:
            beside = self.ask([other, shortest], beginning, two=True)
            found, wanted = beside.last - beside.last.mean(), alone.last - alone.last.mean()
            return beside.made[1] == alone.made[0] and bool((found - wanted).norm() <= NEAR.get(str(bare(self.model).dtype), NEAR["torch.float32"]) * wanted.norm())

        if not alone.ruled:
            beginning = self.beginning(asked) if prompted(self.model) or len(asked) >= FEW else None
            if beginning and agrees(long, beginning):
                return Layout(beginning, read=read)
            # PEFT puts trained vectors before the padding, where no training has seen them.
            if not prompted(self.model) and agrees(long):
                return Layout(read=read)
        return Layout(padded=False, read=read if agrees(shortest) else 0)

    def beginning(self, asked: Sequence[Ids]) -> Beginning | None:
        """What all begin with, read; None where it is nothing, or where a window that slides would see the padding behind it."""
        import torch
        from transformers import Cache

        model, common = bare(self.model), takewhile(lambda pair: pair[0] == pair[1], zip(min(asked), max(asked)))
        n = min(len(list(common)), len(asked[-1]) - 1)
        ids = torch.tensor([asked[0][:n]], dtype=torch.long, device=model.device)
        told: dict[str, Any] = {"input_ids": ids}
        if prompted(self.model):
            words = model.get_input_embeddings()(ids)
            told = {"inputs_embeds": torch.cat([self.model.get_prompt(batch_size=1).to(words.dtype), words], dim=1)}
        length = next(iter(told.values())).shape[1]
        if not length:
            return None
        with torch.no_grad(), quiet(), threads(model.num_parameters()):
            cache = getattr(model.base_model(**told, use_cache=True), "past_key_values", None)
        if not isinstance(cache, Cache):
            return None
        windows = [layer.get_max_length() for layer in cache.layers if getattr(layer, "is_sliding", False)]
        longest = length + len(asked[0]) - n + self.most
        return Beginning(n, length, cache) if longest <= min(windows, default=longest) else None
