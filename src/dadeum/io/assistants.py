"""Conversations as ChatGPT and Claude export them (conversations.json): a tree of messages a row, of which one branch was on the screen.

    {title, mapping: {id: {message, parent, children}}, current_node, ...}        ChatGPT
    {uuid, name, chat_messages: [{sender, text, content, attachments, ...}], ...}  Claude

The row becomes {messages, id, title, started, ended, model, left_out, other_branches}: the branch that ends at the current node as
turns in OpenAI's form, calls of tools and their results too. What the product hid from its user (system context, reasoning) and
pictures are counted in `left_out`; turns of answers that were regenerated and questions that were edited stand in `other_branches`,
each after how many shared turns. Neither product documents its export: the shapes are those that public parsers agree on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Final

from dadeum.io.chunk import Unreadable
from dadeum.io.value import dumps, loads

Message = dict[str, Any]
SENDERS: Final = {"human": "user", "user": "user", "assistant": "assistant", "system": "system"}
RESULTS: Final = ("text", "result", "content")
"""Where content that is no list of parts keeps its words."""
HIDDEN: Final = {"thoughts": "reasoning", "reasoning_recap": "reasoning", "model_editable_context": "hidden", "user_editable_context": "hidden"}
"""Types of content that were not on the screen."""


def is_chatgpt(raw: dict[str, Any]) -> bool:
    """Whether a row is one of ChatGPT's conversations."""
    tree = raw.get("mapping")
    return isinstance(tree, dict) and "current_node" in raw and all(isinstance(node, dict) and "parent" in node for node in tree.values())


def is_claude(raw: dict[str, Any]) -> bool:
    """Whether a row is one of Claude's conversations."""
    messages = raw.get("chat_messages")
    return isinstance(messages, list) and "uuid" in raw and all(isinstance(m, dict) and "sender" in m for m in messages)


def chatgpt(raw: dict[str, Any]) -> dict[str, Any]:
    """A conversation of ChatGPT as a row with `messages`. Raises Unreadable where it holds no words or
    its tree is none, KeyError, TypeError, AttributeError or ValueError where it is of another shape than known.

    >>> def node(parent, role, text):
    ...     return {"parent": parent, "message": {"author": {"role": role}, "content": {"content_type": "text", "parts": [text]}}}
    >>> tree = {"a": node(None, "user", "hi"), "b": node("a", "assistant", "no"), "c": node("a", "assistant", "yes")}
    >>> row = chatgpt({"title": "t", "mapping": tree, "current_node": "c"})
    >>> row["messages"][-1], row["other_branches"]
    ({'role': 'assistant', 'content': 'yes'}, [{'after': 1, 'messages': [{'role': 'assistant', 'content': 'no'}]}])
    """
    nodes = raw["mapping"]
    leaf = raw["current_node"] if raw["current_node"] in nodes else next(reversed(nodes), None)
    parents = {key: node["parent"] if node["parent"] in nodes else None for key, node in nodes.items()}
    models = [m["metadata"]["model_slug"] for n in nodes.values() if isinstance(m := n.get("message"), dict) and _has(m, "metadata", "model_slug")]
    told = {"id": raw.get("conversation_id") or raw.get("id"), "title": raw.get("title"), **_times(raw.get("create_time"), raw.get("update_time"))}
    made = _row(parents, {key: node.get("message") for key, node in nodes.items()}, leaf, _chatgpt)
    return {**made, **{k: v for k, v in told.items() if v is not None}, **({"model": models[-1]} if models else {})}


def claude(raw: dict[str, Any]) -> dict[str, Any]:
    """A conversation of Claude as a row with `messages`. Raises Unreadable where it holds no words."""
    messages = {str(m.get("uuid") or i): m for i, m in enumerate(raw["chat_messages"])}
    keys = list(messages)
    # Exports without parents are one line; with them, edited messages are branches.
    chained = {key: (keys[i - 1] if i else None) for i, key in enumerate(keys)}
    parents = {key: str(m["parent_message_uuid"]) if m.get("parent_message_uuid") else chained[key] for key, m in messages.items()}
    parents = {key: parent if parent in messages else None for key, parent in parents.items()}
    leaf = raw.get("current_leaf_message_uuid")
    made = _row(parents, messages, leaf if leaf in messages else (keys[-1] if keys else None), _claude)
    told = {"id": raw.get("uuid"), "title": raw.get("name"), "started": raw.get("created_at"), "ended": raw.get("updated_at"), "model": raw.get("model")}
    return {**made, **{k: v for k, v in told.items() if v}}


Turns = Callable[[Any, Counter[str]], list[Message]]


def _row(parents: dict[str, str | None], messages: dict[str, Any], leaf: str | None, turns: Turns) -> dict[str, Any]:
    """The branch to a leaf as turns, and the others beside it."""
    left: Counter[str] = Counter()
    path = _path(parents, leaf, set())
    shown = {key: _read(messages[key], left, turns) for key in path}
    made = joined(m for key in path for m in shown[key])
    if not made:
        what = ", ".join(f"{kind} {n}" for kind, n in sorted(left.items()))
        raise Unreadable("a conversation without words" + (f": {what}" if what else ""))
    seen = set(path)
    others = []
    tips = set(parents) - {parent for parent in parents.values() if parent is not None}
    for tip in (key for key in parents if key in tips and key not in seen):
        branch = _path(parents, tip, seen)
        seen |= set(branch)
        said = joined(m for key in branch for m in _read(messages[key], left, turns))
        if said:
            before = parents[branch[0]]
            shared = path[: path.index(before) + 1] if before in path else []
            others.append({"after": len(joined(m for key in shared for m in shown[key])), "messages": said})
    if len(seen) < len(parents):
        left["unconnected"] = len(parents) - len(seen)
    beside = {"other_branches": others} if others else {}
    return {"messages": made, **({"left_out": dict(sorted(left.items()))} if left else {}), **beside}


def _path(parents: dict[str, str | None], leaf: str | None, stop: set[str]) -> list[str]:
    """From the root, or from what hangs on a node of `stop`, to the leaf. Raises Unreadable for a circle."""
    path: list[str] = []
    seen: set[str] = set()
    while leaf is not None and leaf not in stop:
        if leaf in seen:
            raise Unreadable("the tree of messages runs in a circle")
        seen.add(leaf)
        path.append(leaf)
        leaf = parents[leaf]
    return path[::-1]


def _read(message: Any, left: Counter[str], turns: Turns) -> list[Message]:
    return [] if message is None else turns(message, left)


def joined(turns: Iterable[Message]) -> list[Message]:
    """Turns, plain ones of the same role in a row as one: answers come in several messages."""
    made: list[Message] = []
    for turn in turns:
        plain = set(turn) == {"role", "content"}
        if plain and made and set(made[-1]) == {"role", "content"} and made[-1]["role"] == turn["role"]:
            made[-1] = {**turn, "content": f"{made[-1]['content']}\n\n{turn['content']}"}
        else:
            made.append(turn)
    return made


def _chatgpt(message: Message, left: Counter[str]) -> list[Message]:
    role = message["author"]["role"]
    content = message["content"]
    kind = content.get("content_type", "text")
    text = _parts(content, left)
    if kind in HIDDEN or _has(message, "metadata", "is_visually_hidden_from_conversation") or message.get("weight") == 0:
        left[HIDDEN.get(kind, "hidden")] += bool(text or kind in HIDDEN)
        return []
    recipient = message.get("recipient") or "all"
    if role == "assistant" and recipient != "all":
        call = {"id": str(message.get("id") or "call"), "type": "function", "function": {"name": recipient, "arguments": _arguments(text)}}
        return [{"role": "assistant", "content": None, "tool_calls": [call]}]
    if not text.strip():
        return []
    if role == "tool":
        return [{"role": "tool", "content": text, "name": str(message["author"].get("name") or "tool")}]
    return [{"role": role, "content": text}]


def _parts(content: Message, left: Counter[str]) -> str:
    """The words of a message; other parts are counted."""
    if not isinstance(content.get("parts"), list):
        return next((content[key] for key in RESULTS if isinstance(content.get(key), str)), "")
    words = []
    for part in content["parts"]:
        if isinstance(part, str):
            words.append(part)
        elif isinstance(part, dict) and isinstance(part.get("text"), str):
            words.append(part["text"])
        elif part is not None:
            kind = str(part.get("content_type", "part")) if isinstance(part, dict) else "part"
            left["photo" if "image" in kind else "voice" if "audio" in kind else kind] += 1
    return "\n".join(words)


def _arguments(text: str) -> str:
    """A call's arguments as JSON: as they stand where they are an object, else under `input`."""
    try:
        if isinstance(loads(text), dict):
            return text
    except ValueError:
        pass
    return dumps({"input": text})


def _claude(message: Message, left: Counter[str]) -> list[Message]:
    role = SENDERS.get(message["sender"], str(message["sender"]))
    said: list[Message] = []
    words: list[str] = []
    blocks = message.get("content") or []
    for block in blocks:
        kind = block.get("type")
        if kind == "text":
            words.append(block["text"])
        elif kind == "tool_use":
            function = {"name": block["name"], "arguments": dumps(block.get("input", {}))}
            call = {"id": str(block.get("id") or "call"), "type": "function", "function": function}
            said += [*_plain(role, words), {"role": role, "content": None, "tool_calls": [call]}]
            words = []
        elif kind == "tool_result":
            result = {"role": "tool", "content": _result(block.get("content")), "tool_call_id": str(block.get("tool_use_id") or "call")}
            said += [*_plain(role, words), result]
            words = []
        else:
            left["reasoning" if kind == "thinking" else str(kind)] += 1
    if not words and not said:
        words = [message.get("text") or ""]
    for file in message.get("attachments") or ():
        # What was pasted in as a file was read by the model with the words.
        words += [file["extracted_content"]] if file.get("extracted_content") else []
        left["file"] += not file.get("extracted_content")
    left["file"] += len(message.get("files") or ())
    for kind in [kind for kind, n in left.items() if not n]:
        del left[kind]
    return said + _plain(role, words)


def _plain(role: str, words: list[str]) -> list[Message]:
    text = "\n\n".join(w for w in words if w.strip())
    return [{"role": role, "content": text}] if text else []


def _result(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = [part.get("text") for part in content or () if isinstance(part, dict)]
    return "\n".join(part for part in parts if isinstance(part, str)) or dumps(content)


def _has(message: Message, *path: str) -> bool:
    inside: Any = message
    for key in path:
        inside = inside.get(key) if isinstance(inside, dict) else None
    return bool(inside)


def _times(start: Any, end: Any) -> dict[str, str]:
    made = {}
    for name, value in (("started", start), ("ended", end)):
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e11:
            made[name] = datetime.fromtimestamp(value, UTC).isoformat(timespec="seconds")
    return made
