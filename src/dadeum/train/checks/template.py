"""The chat template: control tokens in contents, another template than the base's, stops that the configuration does not know."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import polars as pl

from dadeum.format.conversation import conversations
from dadeum.format.template import RefusedError, Template
from dadeum.train.checks.found import Found, Setup, noted, share

LOST: Final = {"call_lost": "a tool call", "tools_lost": "the tools on offer", "turn_lost": "a turn"}
"""Notes of format/template.py, and what they are of."""


def control_tokens(setup: Setup) -> Found:
    """Contents that spell out a control token, which the tokenizer reads as one: a user could fake a turn."""
    remedy = "drop or rewrite these rows, unless they are meant (clean.markup)"
    return share("control_tokens", setup.ledger, noted(setup.ledger, "control_token"), 0.0, "spell out a control token in a content", remedy)


def content_kept(setup: Setup) -> Found:
    """Rows of which the template leaves out something without a word: a call of a tool, the tools on offer, a whole turn; else a warning of answers
    that it changes (thoughts that it takes out)."""
    lost = {note: int(noted(setup.ledger, note).sum()) for note in LOST}
    if any(lost.values()):
        hit = pl.any_horizontal(noted(setup.ledger, note).alias(note) for note in LOST)
        told = ", ".join(f"{LOST[note]} of {n:,}" for note, n in lost.items() if n)
        remedy = "take a template that knows them (train.template), or another base"
        return share("content_kept", setup.ledger, pl.select(hit).to_series(), 0.0, f"lose something by the template, without a word ({told}): the model never sees it", remedy)
    remedy = "look at their `text` in supervision.parquet; to learn thoughts, take a template that keeps them (train.template)"
    found = share("content_kept", setup.ledger, noted(setup.ledger, "altered"), 0.0, "have answers that the template changes", remedy)
    return found.as_("warn") if found.verdict == "fail" else found


def template_differs(setup: Setup) -> Found:
    """With a template of the recipe's: how many sampled rows the base's own would render otherwise (0.26 against 0.57 was seen elsewhere)."""
    if not setup.settings.template or not setup.tokenizer.chat_template:
        return Found("template_differs", "not applicable", 0.0, "there is one template, and it goes into model/")
    ours, own = (Template.of(setup.tokenizer, path) for path in (setup.settings.template, ""))
    now = ours.now
    chats = conversations(setup.sampled, ours.source)
    shown = [c for c in chats if c.messages is not None and not c.why_not]
    differ = [c.id for c in shown if _render(ours, c) != _render(replace(own, now=now), c)]
    part = len(differ) / max(1, len(shown))
    if not differ:
        return Found("template_differs", "pass", 0.0, f"renders the {len(shown)} sampled rows as the base's own")
    remedy = "serve with the template in model/, never with the base's"
    return Found("template_differs", "fail", part, f"renders {len(differ)} of {len(shown)} sampled rows otherwise than the base's own", differ[0], remedy)


def _render(template: Template, chat: object) -> str | None:
    try:
        return template.render(chat.messages, chat.tools)  # type: ignore[attr-defined]
    except RefusedError:
        return None


def stop_agrees(setup: Setup) -> Found:
    """Trained stops that the base's generation configuration would not stop at: model/ has them, a server's own settings may not."""
    config = getattr(setup.model, "generation_config", None)
    had = getattr(config, "eos_token_id", None)
    known = {had} if isinstance(had, int) else set(had or ())
    missing = [setup.tokenizer.convert_ids_to_tokens(i) for i in setup.sample.stops if i not in known]
    if not missing:
        return Found("stop_agrees", "pass", 0.0, "the base already stops where the rows teach it to")
    row = setup.sample.examples[0].id if setup.sample.examples else ""
    means = f"the base's generation configuration does not stop at {', '.join(missing)}, which the rows teach"
    return Found("stop_agrees", "fail", float(len(missing)), means, row, "serve model/ with its own generation_config.json, which stops there")
