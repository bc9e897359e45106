"""From a record to what a chat template takes: a list of plain messages, and the tools on offer.

A preference pair is the conversation with its chosen end. A tool call's arguments, JSON text in the OpenAI form, become the
object that templates write out. `developer` is `system` to a template that does not know the role.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import polars as pl


@dataclass(frozen=True)
class Conversation:
    """One record as a template takes it. `messages` is null for a plain text; `why_not` says why it cannot be trained on."""

    id: str
    messages: list[dict[str, Any]] | None = None
    text: str | None = None
    tools: list[Any] | None = None
    weights: tuple[float, ...] = ()
    """One for each message; 1 where the row gives none."""
    why_not: str = ""


def conversations(rows: pl.DataFrame, roles: str = "") -> list[Conversation]:
    """Every row of a frame with RECORD's columns, in order. roles: a template's source, to see which roles it knows."""
    names = ("id", "text", "messages", "chosen", "tools")
    columns = [rows.get_column(n).to_list() if n in rows.columns else [None] * rows.height for n in names]
    developer = "developer" if not roles or "developer" in roles else "system"
    return [_conversation(id, text, turns, chosen, tools, developer) for id, text, turns, chosen, tools in zip(*columns)]


def prompts(rows: pl.DataFrame, roles: str = "") -> list[Conversation]:
    """Like `conversations`, with the last assistant turn taken off: what a model is asked."""
    out = []
    for asked in conversations(rows.drop("chosen", strict=False), roles):
        messages = asked.messages
        if messages and messages[-1]["role"] == "assistant":
            messages = messages[:-1]
        out.append(Conversation(asked.id, messages, asked.text, asked.tools, asked.weights[: len(messages or ())], asked.why_not))
    return out


def _conversation(id: str, text: str | None, messages: Any, chosen: Any, tools: str | None, developer: str) -> Conversation:
    turns = [*(messages or ()), *(chosen or ())]
    if not turns:
        return Conversation(id, text=text, why_not="" if text else "empty")
    made, weights = [], []
    for turn in turns:
        message, fault = _message(turn, developer)
        if fault:
            return Conversation(id, why_not=fault)
        made.append(message)
        weight = turn.get("weight")
        weights.append(1.0 if weight is None else weight)
    if any(w not in (0.0, 1.0) for w in weights):
        return Conversation(id, why_not="weight")
    try:
        return Conversation(id, made, tools=json.loads(tools) if tools else None, weights=tuple(weights))
    except ValueError:
        return Conversation(id, why_not="tools_json")


def _message(turn: dict[str, Any], developer: str) -> tuple[dict[str, Any], str]:
    role = turn["role"]
    message: dict[str, Any] = {"role": developer if role == "developer" else role, "content": turn.get("content") or ""}
    try:
        rest, calls, parts = (json.loads(turn[key]) if turn.get(key) else None for key in ("rest", "tool_calls", "parts"))
    except ValueError:
        return message, "message_json"
    if parts and any(isinstance(part, dict) and part.get("type", "text") not in ("text", "input_text", "output_text") for part in parts):
        return message, "not_text"
    if isinstance(rest, dict):
        message = {**rest, **message}
    for name in ("name", "tool_call_id"):
        if turn.get(name) is not None:
            message[name] = turn[name]
    if calls:
        message["tool_calls"] = [_call(call) for call in (calls if isinstance(calls, list) else [calls])]
    return message, ""


def _call(call: Any) -> Any:
    """The call with its arguments as an object, where they are JSON text of one."""
    if not isinstance(call, dict):
        return call
    inner = call.get("function")
    if isinstance(inner, dict):
        return {**call, "function": _call(inner)}
    try:
        arguments = json.loads(call["arguments"]) if isinstance(call.get("arguments"), str) else None
    except ValueError:
        arguments = None
    return {**call, "arguments": arguments} if isinstance(arguments, dict) else call
