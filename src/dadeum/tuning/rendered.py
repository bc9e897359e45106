"""Is the base's score the base's, or the rendering's? The base asked the same held-out items twice, before anything is trained.

Elsewhere a template or a beginning-of-text token moved scores from 0.26 to 0.85 (lm-eval #2676), another way of reading replies from
0.20 to 0.78 (PR #2034). A tuned model that beats such a base has learned a form, which a few examples in the prompt may give as well.

    askable      whether every held-out item can be asked at all: at one that cannot be, the proof stops, after the training was paid for
    renderings   the reference's loss after the prompt as the template writes it, and after the bare text of the prompt
    readings     replies scored by the metric, and by whether the reference stands anywhere in them
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import polars as pl

from dadeum.recipe import Recipe
from dadeum.settings import Prove, Train
from dadeum.train.checks.found import Found
from dadeum.tuning import measured

ITEMS: Final = 64
REPLIES: Final = 24
"""Replies are written token by token: fewer items than losses are taken of."""
MARGIN: Final = 0.1
"""Share of the loss, or of right answers, by which both ways have to differ besides their interval."""
BARE: Final = "{% for m in messages %}{{ m.content }}{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}{{ '\\n' }}{% endfor %}"
"""A chat as nothing but its texts, line after line; an answer ends with the end of text."""
LARGE: Final = 200_000_000
"""Parameters beyond which a base is not asked before training: it would take minutes on a CPU."""


def askable(recipe: Recipe, base: str, test: pl.DataFrame, settings: Train) -> Found:
    """Held-out items whose prompt the template refuses, or that have none."""
    from dadeum.evaluate.items import items
    from dadeum.format.conversation import prompts
    from dadeum.format.template import RefusedError, Template
    from dadeum.format.tokens import load_tokenizer

    if recipe.prove is None or measured.applies(recipe):
        return Found("askable", "not applicable", 0.0, "nothing will be asked of the model")
    asked = items(test, count=recipe.prove.items, seed=recipe.seed)
    template = Template.of(load_tokenizer(base), settings.template)
    refused: dict[str, str] = {}
    for chat in prompts(asked, template.source):
        try:
            said = chat.why_not or ("" if template.render(chat.messages or [], chat.tools, prompt=True) else "the template makes nothing of it")
        except RefusedError as error:
            said = str(error)
        refused |= {chat.id: said} if said else {}
    if not refused:
        return Found("askable", "pass", 0.0, f"all {asked.height:,} held-out items can be asked")
    row, why = next(iter(refused.items()))
    means = f"{len(refused):,} of {asked.height:,} held-out items cannot be asked, and the proof would stop at them: {why}"
    return Found("askable", "fail", len(refused) / asked.height, means, row, "mend or filter such rows before mix.split, or take a template that knows them (train.template)")


def renderers_agree(recipe: Recipe, base: str, test: pl.DataFrame, settings: Train) -> Found:
    """Both comparisons on some held-out items; fails where either differs by more than its interval and a tenth."""
    from dadeum.evaluate.items import items
    from dadeum.format.supervise import supervise
    from dadeum.format.tokens import load_tokenizer
    from dadeum.train.base import load

    if recipe.prove is None or settings.objective in ("reward", "classify"):
        return Found("renderers_agree", "not applicable", 0.0, "nothing will be asked of the base")
    asked = items(test, count=ITEMS, seed=recipe.seed)
    told = supervise(asked, load_tokenizer(base), replace(settings, objective="sft"), faulty=True).ledger
    asked = asked.filter(told["reason"].is_null())
    if asked.height < 8 or load(base).num_parameters() > LARGE:
        return Found("renderers_agree", "not applicable", 0.0, "fewer than 8 held-out items that can be rendered, or a base of more than 200 million parameters")
    low, mid, high = _renderings(base, asked, settings)
    if low > MARGIN:
        means = f"the base expects the answers {mid:.0%} [{low:.0%}, {high:.0%}] less under the template than after the bare prompt: part of a gain will be the template's"
        remedy = "compare with few-shot prompts as well, or take a base that knows the template"
        return Found("renderers_agree", "fail", mid, means, asked["id"][0], remedy)
    strict, lenient, row = _readings(base, asked.head(REPLIES), settings, recipe.prove)
    if lenient - strict > max(MARGIN, 1.96 * float(np.sqrt(max(lenient * (1 - lenient), 0.01) / REPLIES))):
        means = f"the base's replies hold the answer in {lenient:.0%} of {REPLIES} items, the metric {recipe.prove.metric} sees {strict:.0%}: part of a gain will be the form"
        remedy = "set prove.answer_after, or another prove.metric, so that the base's right answers count"
        return Found("renderers_agree", "fail", lenient - strict, means, row, remedy)
    return Found("renderers_agree", "pass", mid, f"{asked.height} held-out items: neither the template nor the reading of replies makes the base look worse")


def _renderings(base: str, asked: pl.DataFrame, settings: Train) -> tuple[float, float, float]:
    """(low, mean, high): by what share the references' loss is higher under the template. Nats per token, paired by item, weighted by their bytes."""
    from dadeum.evaluate.compare import Arm, compare
    from dadeum.train import generate

    shown = asked.select(c for c in asked.columns if c not in ("reference", "cluster"))
    with TemporaryDirectory() as folder:
        bare = Path(folder) / "bare.jinja"
        bare.write_text(BARE, encoding="utf-8")
        told = [Train(template=t, max_length=settings.max_length, micro_tokens=settings.micro_tokens, device=settings.device) for t in (settings.template, str(bare))]
        lost = [generate.losses(base, shown, one) for one in told]
    # Per token: a template may add tokens to an answer (an empty think block) that the bare text has not.
    nats = [(f["nll"] / f["tokens"]).fill_null(float("nan")).to_numpy() for f in lost]
    size = np.array([len(text.encode()) for text in asked["reference"]], dtype=np.float64)
    fit = np.isfinite(nats[0]) & np.isfinite(nats[1]) & (size > 0)
    if fit.sum() < 8:
        return 0.0, 0.0, 0.0
    has, had = nats[0][fit], nats[1][fit]
    gap = compare(Arm("template", has[None], fixed=True), Arm("bare", had[None], fixed=True), weights=size[fit])
    level = float((had * size[fit]).sum() / size[fit].sum())
    return gap.low / level, gap.difference / level, gap.high / level


def _readings(base: str, asked: pl.DataFrame, settings: Train, prove: Prove) -> tuple[float, float, str]:
    """(share right by the metric, share that hold the reference anywhere, a row that differs); nought where the metric is no right or wrong."""
    from dadeum.evaluate import metrics
    from dadeum.train import generate

    if prove.metric not in ("exact", "label", "numeric"):
        return 0.0, 0.0, ""
    replies = generate.answers(base, asked, settings, min(prove.max_new_tokens, 32))
    wanted = asked["reference"].to_list()
    strict = [score == 1.0 for score in metrics.score(prove, replies, wanted)]
    lenient = [_holds(reply, reference) for reply, reference in zip(replies, wanted)]
    row = next((id for id, s, h in zip(asked["id"], strict, lenient) if h and not s), "")
    return float(np.mean(strict)), float(np.mean(lenient)), row


def _holds(reply: str, reference: str) -> bool:
    return bool(reference.strip()) and reference.strip().casefold() in reply.casefold()


