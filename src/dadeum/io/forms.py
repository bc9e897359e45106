"""A record in the form that a trainer or a provider asks for, whatever it came in as. What a form cannot hold is refused, with the reason.

    messages  {"messages": [...], "tools": [...]}                       OpenAI
    sharegpt  {"conversations": [...], "system": "", "tools": ""}       from/value
    alpaca    {"instruction", "input", "output", "system", "history"}
    prompt    {"prompt": [...], "completion": [...]}                    TRL, conversational
    dpo       {"prompt": [...], "chosen": [...], "rejected": [...]}
    kto       {"prompt": [...], "completion": [...], "label": true}
    text      {"text": ""}
    auto      dpo for a pair, messages for turns, text for a document; what is none of them stays as it came in
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from dadeum.io.chunk import Unreadable
from dadeum.io.turns import Turn, build, roles
from dadeum.io.value import dumps, loads

Columns = dict[str, Any]


def messages(row: Columns) -> dict[str, Any]:
    """OpenAI's chat form."""
    return {"messages": openai(_chat(row)), **_tools(row)}


def openai(turns: Sequence[Turn]) -> list[dict[str, Any]]:
    """Messages in OpenAI's form. Calls that came as name and arguments get the envelope and ids that it asks for."""
    made = []
    waiting: list[str] = []
    n = 0
    for turn in turns:
        message = build(turn, "chat")
        if turn["tool_calls"] is not None:
            calls = _json(turn["tool_calls"], "the tool calls are")
            calls = calls if isinstance(calls, list) else [calls]
            message["tool_calls"] = []
            waiting = []
            for call in calls:
                if isinstance(call, dict) and "function" not in call and "name" in call:
                    call = {"id": f"call_{n}", "type": "function", "function": {"name": call["name"], "arguments": _arguments(call)}}
                    waiting.append(call["id"])
                message["tool_calls"].append(call)
                n += 1
        elif turn["role"] == "tool" and turn["tool_call_id"] is None and waiting:
            message["tool_call_id"] = waiting.pop(0)
        made.append(message)
    return made


def _arguments(call: dict[str, Any]) -> str:
    given = call.get("arguments", {})
    return given if isinstance(given, str) else dumps(given)


def sharegpt(row: Columns) -> dict[str, Any]:
    """ShareGPT's form, tool calls and results as turns of their own."""
    made: list[dict[str, Any]] = []
    turns = _chat(row)
    system = turns[0]["content"] if turns[0]["role"] == "system" else None
    for turn in turns[system is not None :]:
        if turn["tool_calls"] is None:
            made.append(build({**turn, "content": turn["content"] or ""}, "sharegpt"))
            continue
        if turn["content"]:
            made.append({"from": "gpt", "value": turn["content"]})
        calls = _json(turn["tool_calls"], "the tool calls are")
        made.append({"from": "function_call", "value": turn["tool_calls"] if not isinstance(calls, list) else _called(calls)})
    told = {"system": system} if system is not None else {}
    return {"conversations": made, **told, **({"tools": row["tools"]} if row.get("tools") else {})}


def _called(calls: list[Any]) -> str:
    plain = []
    for call in calls:
        inner = call.get("function", call) if isinstance(call, dict) else call
        if isinstance(inner, dict) and isinstance(inner.get("arguments"), str):
            inner = {**inner, "arguments": _json(inner["arguments"], "the arguments of a tool call are")}
        plain.append(inner)
    return dumps(plain[0] if len(plain) == 1 else plain)


def alpaca(row: Columns) -> dict[str, Any]:
    """Alpaca's form: pairs of user and assistant turns, after a system turn or none."""
    turns = _chat(row)
    system = turns[0]["content"] if turns[0]["role"] == "system" else None
    body = turns[system is not None :]
    if not body or [t["role"] for t in body] != ["user", "assistant"] * (len(body) // 2):
        raise Unreadable(f"alpaca holds pairs of user and assistant turns, the record has {roles(turns)}")
    if any(t["tool_calls"] is not None for t in body):
        raise Unreadable("alpaca has no place for tool calls")
    said = [t["content"] or "" for t in body]
    made: dict[str, Any] = {"instruction": said[-2], "input": "", "output": said[-1]}
    if system is not None:
        made["system"] = system
    if len(said) > 2:
        made["history"] = [[a, b] for a, b in zip(said[:-2:2], said[1:-2:2])]
    return made


def prompt(row: Columns) -> dict[str, Any]:
    """Prompt and completion, both as messages; the completion is the last assistant turn."""
    made = openai(_chat(row))
    if made[-1]["role"] != "assistant":
        raise Unreadable(f"the last turn is the {roles(made[-1:])}'s, there is no completion")
    return {"prompt": made[:-1], "completion": made[-1:], **_tools(row)}


def kto(row: Columns) -> dict[str, Any]:
    """Prompt, completion and whether it was liked."""
    made = prompt(row)
    liked = {"true": True, "1": True, "false": False, "0": False}.get(str(row.get("label")).lower())
    if liked is None:
        raise Unreadable(f"kto needs the label true or false, the record has {'another' if row.get('label') else 'none'}")
    return {**made, "label": liked}


def dpo(row: Columns) -> dict[str, Any]:
    """Prompt and the two continuations."""
    if not row.get("chosen") or not row.get("rejected"):
        raise Unreadable("it is no preference pair: chosen or rejected is missing")
    asked = {"prompt": openai(row["messages"])} if row.get("messages") else {}
    return {**asked, "chosen": openai(row["chosen"]), "rejected": openai(row["rejected"]), **_tools(row)}


def text(row: Columns) -> dict[str, Any]:
    """A plain document."""
    if row.get("text") is None:
        raise Unreadable("it has no text" + (", but turns: ask for messages" if row.get("messages") else ""))
    return {"text": row["text"]}


def auto(row: Columns) -> dict[str, Any]:
    """The form of what the record holds."""
    if row.get("chosen") or row.get("rejected"):
        return dpo(row)
    if row.get("messages"):
        return messages(row)
    return text(row)


def known(row: Columns) -> bool:
    """Whether a record holds turns or a text."""
    return bool(row.get("chosen") or row.get("rejected") or row.get("messages")) or row.get("text") is not None


def _chat(row: Columns) -> list[Turn]:
    if row.get("chosen") or row.get("rejected"):
        raise Unreadable("it is a preference pair, which only dpo and source can hold")
    if not row.get("messages"):
        but = ", but a text: ask for text, or make turns with form.chat" if row.get("text") is not None else ""
        raise Unreadable(f"it has no turns{but}")
    return row["messages"]


def _tools(row: Columns) -> dict[str, Any]:
    return {"tools": _json(row["tools"], "the tools are")} if row.get("tools") else {}


def _json(value: str, what: str) -> Any:
    try:
        return loads(value)
    except ValueError:
        raise Unreadable(f"{what} not JSON") from None


FORMS: Final[dict[str, Callable[[Columns], dict[str, Any]]]] = {
    "auto": auto,
    "messages": messages,
    "sharegpt": sharegpt,
    "alpaca": alpaca,
    "prompt": prompt,
    "dpo": dpo,
    "kto": kto,
    "text": text,
}
