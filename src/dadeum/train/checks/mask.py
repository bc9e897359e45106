"""Which tokens carry loss: per role, and read back as text."""

from __future__ import annotations

from typing import Final

import polars as pl

from dadeum.format.conversation import conversations
from dadeum.format.supervise import IGNORED
from dadeum.format.template import Template
from dadeum.format.thinking import without
from dadeum.format.tokens import decode, normalised
from dadeum.train.checks.found import Found, Setup, noted, share

SEAMS, HISTORY = 0.01, 0.5
MEND: Final = {
    "prompt_differs": "take a template that renders a prompt as the chat with its answer begins (train.template), or mend the rows it changes",
    "no_stop": "take a template that closes the assistant's turn with a control token (train.template)",
    "markers": "mend the template's {% generation %} markers: content and stop token, nothing else (train.template)",
    "double_bos": "take one of the two out of the chat template (train.template)",
    "unkept": "take another base, or clean what its tokenizer cannot keep (clean.unicode)",
}
"""What to do about a fault of format/supervise.py."""


def loss_by_role(setup: Setup) -> Found:
    """Share of the loss that lies on what others say: 0, unless the recipe asks for everything."""
    all_ = int(setup.roles["n_supervised"].sum())
    others = setup.roles.filter(~pl.col("role").is_in(["assistant", "text"]))
    part = int(others["n_supervised"].sum()) / max(1, all_)
    if not all_:
        return Found("loss_by_role", "fail", 0.0, "no token carries loss", setup.rows["id"][0] if setup.rows.height else "", "look at the reasons in supervision.parquet")
    if setup.settings.supervise == "all":
        return Found("loss_by_role", "pass", part, f"{part:.0%} of the loss is on other roles and the template, as train.supervise asks")
    if not part:
        return Found("loss_by_role", "pass", 0.0, "only answers and their stops carry loss")
    names = ", ".join(others.filter(pl.col("n_supervised") > 0)["role"])
    row = setup.sample.examples[0].id if setup.sample.examples else ""
    return Found("loss_by_role", "fail", part, f"{part:.0%} of the loss is on {names}", row, "set train.supervise to assistant, or to all if it is meant")


def mask_proven(setup: Setup) -> Found:
    """Rows of which it cannot be proven which tokens the model has to say: no training begins with one."""
    hit = setup.ledger["reason"].is_in(list(setup.faults)).fill_null(False)
    reasons = setup.ledger.filter(hit)["reason"].value_counts(sort=True).rows()
    means = f"have a mask that cannot be proven ({', '.join(f'{r} {n:,}' for r, n in reasons)}); {setup.faults[reasons[0][0]]}" if reasons else "have a mask that cannot be proven"
    return share("mask_proven", setup.ledger, hit, 0.0, means, MEND[reasons[0][0]] if reasons else "")


def mask_round_trip(setup: Setup) -> Found:
    """The tokens with loss, decoded, are the answers as rendered, stops included: for every row of the sample, by a second reading."""
    if setup.settings.supervise == "all":
        return Found("mask_round_trip", "not applicable", 0.0, "train.supervise is all: every token carries loss")
    if setup.settings.objective not in ("sft", "dpo"):
        return Found("mask_round_trip", "not applicable", 0.0, f"{setup.settings.objective} learns no answers")
    template = Template.of(setup.tokenizer, setup.settings.template)
    chats = conversations(setup.sampled, template.source)
    asked = setup.sampled.get_column("messages").list.len().fill_null(0).to_list()
    bad, seen, row = 0, 0, ""
    for example in setup.sample.examples:
        chat = chats[example.row]
        if chat.messages is None:
            continue
        ids, labels = example.sequences[0]  # of a pair, the chosen end is the conversation
        rendered = template.conversation(chat.messages, chat.tools)
        if setup.settings.objective == "dpo":
            turns = [t for t in rendered.turns if t.message >= asked[example.row]]
        else:
            turns = list(rendered.turns[-1:] if setup.settings.supervise == "last" else rendered.turns)
        turns = [t for t in turns if chat.weights[t.message] != 0.0]
        spoken = [rendered.text[t.start : t.end] for t in turns]
        if setup.settings.thinking == "read":
            spoken = [without(text, rendered.text[: t.start]) for text, t in zip(spoken, turns)]
        meant = "".join(spoken)
        said = decode(setup.tokenizer, [ids[labels != IGNORED]])[0]
        seen += 1
        # A tokenizer that drops the leading space of a text decoded by itself (Llama 2, Mistral) has kept the answer.
        if said.lstrip(" ") not in (meant.lstrip(" "), normalised(setup.tokenizer, meant).lstrip(" ")):
            bad, row = bad + 1, row or example.id
    if not seen:
        return Found("mask_round_trip", "not applicable", 0.0, "the sample has no chat")
    if not bad:
        return Found("mask_round_trip", "pass", 0.0, f"the tokens with loss say the answers and their stops, in {seen} rows")
    return Found("mask_round_trip", "fail", bad / seen, f"in {bad} of {seen} rows the tokens with loss are not the answer", row, "report this with the base's name")


def seams(setup: Setup) -> Found:
    """Rows where a token would span prompt and answer, so that they are tokenised apart."""
    remedy = "strip the whitespace at the beginning of the answers (clean.whitespace)"
    return share("seams", setup.ledger, noted(setup.ledger, "seam"), SEAMS, "have a token across prompt and answer, cut there", remedy)


def history(setup: Setup) -> Found:
    """Rows of which some answers carry no loss, because the template renders them otherwise once they are history."""
    if setup.settings.supervise == "all":
        return Found("history", "not applicable", 0.0, "train.supervise is all: history carries loss as it is rendered")
    remedy = "write one row per answer if each of them should be learned, or take a template that keeps history as it was said (train.template)"
    return share("history", setup.ledger, noted(setup.ledger, "history"), HISTORY, "have earlier answers that the template changes: no loss on those", remedy)
