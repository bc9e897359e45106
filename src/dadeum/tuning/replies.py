"""What an arm's models answer to items, and what that took: local models by `train.generate`, addresses by `model.Endpoint`.

Answers of local models are kept below the run's cache under the model's files and the very prompts, batch by batch while they come; those of
addresses where all the replies of an address are kept, one by one. Times are measured when an answer is made and kept with it.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from dadeum.errors import DadeumError
from dadeum.evaluate.arms import Asked, fitted
from dadeum.proving import Arm, Price
from dadeum.recipe import Recipe
from dadeum.settings import Prove, Train
from dadeum.train.sampling import GREEDY, Draw, Draws
from dadeum.tuning.course import model_folder
from dadeum.tuning.keep import content, kept, key
from dadeum.tuning.rows import base_model, train_settings

TUNED: Final = Arm("the tuned model", model="tuned")
"""How the tuned model is asked: the items as they stand."""
ENDLESS: Final = 10**9
"""Tokens of a context that nobody bounds: tokenizers say 10^30 then."""
SOON: Final = 5.0
"""Seconds between two lines about how far the answers are."""
LONE: Final = 3
"""Items that are asked one by one, for the time that one call takes."""


@dataclass(frozen=True)
class Replied:
    """An arm's answers: a list for each training, and of that for each sample (null: the one who was asked refused); losses where the model
    tells them."""

    replies: list[list[str | None]]
    seeds: tuple[int, ...]
    losses: list[pl.DataFrame]
    calls: dict[str, Any]
    """What it took: see `calls`."""
    samples: int = 0
    """Answers to each item of one training that were drawn; 0: greedy."""


def draws(prove: Prove, seed: int) -> Draws:
    """How the items of a suite are answered. Losses are read and not drawn, so beside them stand the greedy answers."""
    from dadeum.evaluate import metrics

    if not prove.temperature or prove.metric in metrics.OF_LOSS:
        return GREEDY
    return tuple(Draw(prove.temperature, sample, seed) for sample in range(prove.samples))


def seeds_of(recipe: Recipe, arm: Arm) -> tuple[int, ...]:
    """The seeds of the trainings that made the arm's model; none where none did."""
    return train_settings(recipe).seeds if arm.kind == "raw" or (arm.model == "tuned" and not arm.url) else ()


def models(recipe: Recipe, out: Path, arm: Arm) -> list[Path | str]:
    """The local models of an arm, one for each of its trainings."""
    if arm.kind == "raw" or arm.model == "tuned":
        return [model_folder(out, arm.name if arm.kind == "raw" else "tuned", seed) for seed in train_settings(recipe).seeds]
    return [arm.model or base_model(recipe, out)]


def trained(recipe: Recipe, out: Path, arm: Arm) -> bool:
    """Whether every model of the arm is there to be asked."""
    return bool(arm.url) or not seeds_of(recipe, arm) or all(Path(model).is_dir() for model in models(recipe, out, arm))


def replies(
    recipe: Recipe, out: Path, arm: Arm, asked: Asked, max_new_tokens: int, losses: bool = True, say: Callable[[str], None] = lambda what: None, drawn: Draws = GREEDY
) -> Replied:
    """What the arm's models say to its prompts. losses: take the held-out losses of the items too, where they are asked as they stand.

    say: is told how far the answers are, every SOON seconds. drawn: the samples of every answer.
    """
    line = _Line(say, arm.name)
    if arm.url:
        return _away(arm, asked, max_new_tokens, drawn, line)
    settings = train_settings(recipe)
    if arm.model not in ("", "tuned"):
        settings = dataclasses.replace(settings, template="")
    said, lost, took = [], [], []
    for folder in models(recipe, out, arm):
        shown = _fitting(folder, asked, settings, max_new_tokens) if asked.most.any() else asked.most
        frame = asked.frame(shown)
        plain = frame is asked.items
        for draw in drawn:
            lossy = losses and plain and draw is drawn[0]
            made_of = [content(folder), frame, settings, max_new_tokens, "with calls", lossy, *([draw] if draw else [])]
            beside = out / "cache/answers" / f"{key(*made_of)}.jsonl"

            def make(
                folder: Path | str = folder, frame: pl.DataFrame = frame, lossy: bool = lossy, beside: Path = beside, draw: Draw | None = draw
            ) -> tuple[dict[str, Any], dict[str, pl.DataFrame]]:
                answers, told = _here(folder, frame, settings, max_new_tokens, line, beside, draw)
                parts = {"answers": pl.DataFrame({"answer": answers}, schema={"answer": pl.String()})}
                if lossy:
                    from dadeum.train import generate

                    parts["losses"] = generate.losses(folder, frame, settings)
                return told, parts

            found = kept(out, "answers", made_of, make)
            beside.unlink(missing_ok=True)
            said.append(found.parts["answers"]["answer"].to_list())
            lost += [found.parts["losses"]] if lossy else []
            took.append({**found.head, "examples": _mean(shown)})
    told = {name: _mean([one[name] for one in took]) for name in ("read", "written", "seconds", "examples")}
    calls = _calls(told, len(asked.items) * len(drawn), took[0]["device"], "throughput")
    return Replied(said, seeds_of(recipe, arm), lost, {**calls, **_priced(calls, arm.price, settings, took[0]["device"])}, _samples(drawn))


def _here(
    folder: Path | str,
    frame: pl.DataFrame,
    settings: Train,
    max_new_tokens: int,
    line: Callable[[dict[str, Any]], None] | None = None,
    beside: Path | None = None,
    draw: Draw | None = None,
) -> tuple[list[str], dict[str, Any]]:
    """A local model's answers, and what they took for each: tokens read and written, seconds in batches (without loading the model).

    beside: a file in which answers are kept as they come.
    """
    from dadeum.train import generate
    from dadeum.train.machine import device_of

    if beside:
        beside.parent.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    seen: list[tuple[float, dict[str, Any]]] = []

    def progress(told: dict[str, Any]) -> None:
        seen.append((time.perf_counter(), told))
        if line:
            line(told)

    answers = generate.answers(folder, frame, settings, max_new_tokens, progress, beside, draw)
    seconds = (time.perf_counter() - began) / max(1, len(answers))
    if seen and seen[-1][1]["asked"]:
        seconds = (seen[-1][0] - seen[0][0]) / seen[-1][1]["asked"]
    read, written = (seen[-1][1][name] / max(1, len(answers)) for name in ("read", "written"))
    return answers, {"read": read, "written": written, "seconds": seconds, "device": device_of(settings)}


def lengths(folder: Path | str, frame: pl.DataFrame, settings: Train) -> list[int]:
    """Tokens of every prompt of `frame`, as the model is given it."""
    from dadeum.format.conversation import prompts
    from dadeum.format.template import Template
    from dadeum.format.tokens import encode, load_tokenizer

    tokenizer = load_tokenizer(folder)
    template = Template.of(tokenizer, settings.template)
    texts = [template.render(chat.messages or [], chat.tools, prompt=True) for chat in prompts(frame, template.source)]
    return [len(ids) for ids in encode(tokenizer, texts)]


def _fitting(folder: Path | str, asked: Asked, settings: Train, max_new_tokens: int) -> np.ndarray:
    """How many examples fit into the model's context, with the answer."""
    from transformers import AutoConfig

    from dadeum.format.tokens import load_tokenizer

    adapter = Path(folder) / "adapter_config.json"
    named = json.loads(adapter.read_text(encoding="utf-8"))["base_model_name_or_path"] if adapter.exists() else str(folder)
    room = getattr(AutoConfig.from_pretrained(named), "max_position_embeddings", None) or load_tokenizer(folder).model_max_length
    return fitted(asked, lambda frame: lengths(folder, frame, settings), int(min(room, ENDLESS)) - max_new_tokens)


def latency(recipe: Recipe, out: Path, arm: Arm, items: pl.DataFrame, max_new_tokens: int) -> dict[str, Any]:
    """{latency: {median, p95}} of a local arm's calls, each by itself: LONE items, without loading the model. Addresses have it already."""
    if arm.url or not items.height:
        return {}
    settings, folder, some = train_settings(recipe), models(recipe, out, arm)[0], items.head(LONE)

    def make() -> tuple[dict[str, Any], dict[str, pl.DataFrame]]:
        took = sorted(_here(folder, some[i : i + 1], settings, max_new_tokens)[1]["seconds"] for i in range(some.height))
        return {"median": took[len(took) // 2], "p95": took[-1]}, {}

    return {"latency": kept(out, "latency", [content(folder), some, settings, max_new_tokens], make).head}


def _away(arm: Arm, asked: Asked, max_new_tokens: int, drawn: Draws, line: Callable[[dict[str, Any]], None]) -> Replied:
    """An address's answers, each sample with a seed of its own."""
    from dadeum.format.conversation import prompts
    from dadeum.model import Ask, Endpoint

    frame = asked.frame()
    asks = []
    for chat in prompts(frame, "developer"):
        if chat.why_not or not chat.messages:
            raise DadeumError(f"row {chat.id} has no prompt to ask {arm.name} ({chat.why_not or 'no messages'})")
        asks.append(Ask([_openai(message) for message in chat.messages], max_new_tokens, chat.tools or ()))
    n = len(asks)
    asks = [dataclasses.replace(ask, temperature=draw.temperature, seed=draw.number) if draw else ask for draw in drawn for ask in asks]
    endpoint = Endpoint(arm.url, arm.model, arm.price, arm.budget, arm.at_once, arm.patience, arm.tries, arm.key)
    found = endpoint.answers(asks, line)
    good = [reply for reply in found if reply.text is not None]
    times = sorted(reply.seconds for reply in good) or [0.0]
    told = {"read": _mean([r.read for r in good]), "written": _mean([r.written for r in good]), "seconds": _mean(times), "examples": _mean(asked.most)}
    calls = _calls(told, len(found), "address", "latency")
    calls |= {"latency": {"median": times[len(times) // 2], "p95": times[min(len(times) - 1, int(0.95 * len(times)))]}}
    calls |= {"cut": sum(r.cut for r in found), "refused": len(found) - len(good), "why": next((r.why for r in found if r.why), "")}
    if not any(r.read for r in good):
        calls |= {"read": None, "written": None}
    said = [[reply.text for reply in found[k * n : (k + 1) * n]] for k in range(len(drawn))]
    return Replied(said, (), [], {**calls, **_priced(calls, arm.price, None, "address")}, _samples(drawn))


def _samples(drawn: Draws) -> int:
    return len(drawn) if drawn[0] else 0


class _Line:
    """Takes the progress of answers, says a line every SOON seconds."""

    def __init__(self, say: Callable[[str], None], name: str) -> None:
        self.say, self.name, self.said = say, name, time.monotonic()

    def __call__(self, told: dict[str, Any]) -> None:
        if time.monotonic() - self.said >= SOON:
            self.said = time.monotonic()
            self.say(f"{self.name}: {told['rows']:,} of {told['of']:,} answers")


def _calls(told: dict[str, float], n: int, device: str, timed: str) -> dict[str, Any]:
    """{calls, device, timed, read, written, seconds, examples}: tokens and seconds of one call on average."""
    return {"calls": n, "device": device, "timed": timed, **told}


def _priced(calls: dict[str, Any], price: Price, settings: Train | None, device: str) -> dict[str, Any]:
    """{price, priced}: what one call costs, and by what: tokens, the arm's hour, or an hour of this machine; null where nobody said."""
    if price.input or price.output:
        if calls["read"] is None:
            return {"price": None, "priced": None}
        return {"price": (calls["read"] * price.input + calls["written"] * price.output) / 1e6, "priced": "tokens"}
    if price.hour:
        return {"price": price.hour * calls["seconds"] / 3600, "priced": "hour"}
    hours = {name: hour for name, hour in (settings.price_per_hour if settings else {}).items() if (name == "cpu") == (device == "cpu")}
    if len(hours) == 1:
        [(name, hour)] = hours.items()
        return {"price": hour * calls["seconds"] / 3600, "priced": name}
    return {"price": None, "priced": None}


def priced(calls: dict[str, Any], price: Price) -> dict[str, Any]:
    """The calls at another price, where one is told."""
    return {**calls, **_priced(calls, price, None, calls["device"])} if price.told() else calls


def _mean(values: Sequence[float] | np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else 0.0


def _openai(message: dict[str, Any]) -> dict[str, Any]:
    """A message as addresses take it: the arguments of calls as JSON text again."""
    calls = message.get("tool_calls")
    if not calls:
        return message
    told = []
    for call in calls:
        inner = call.get("function") if isinstance(call, dict) else None
        if isinstance(inner, dict) and isinstance(inner.get("arguments"), dict):
            call = {**call, "function": {**inner, "arguments": json.dumps(inner["arguments"], ensure_ascii=False)}}
        told.append(call)
    return {**message, "tool_calls": told}
