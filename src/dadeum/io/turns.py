"""Turns: between the messages of a raw row (OpenAI's role/content, ShareGPT's from/value) and RECORD's MESSAGE, without loss.

`read` gives a MESSAGE and its shape; `build` makes the raw message again. The shape, [raw role, keys], tells what MESSAGE does
not: the order of the keys, which were null, `weight: 1.0` against `1`. Where it is what `build` would do anyway it is null, so
that plain chats carry none.

| key                      | goes to                                                                                   |
|--------------------------|-------------------------------------------------------------------------------------------|
| content, value           | content; of a list the texts of its text parts, joined by nothing, and the rest in parts  |
| name, tool_call_id       | the same, where they are strings                                                          |
| tool_calls               | its JSON; of a ShareGPT `function_call` turn the value as it is                           |
| weight, train, training  | weight                                                                                    |
| all else                 | rest                                                                                      |

In `parts` a text part holds the length of its text in place of the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

from dadeum.io.value import dumps, loads
from dadeum.record import MESSAGE, ROLES, TEXT_PARTS

Turn = dict[str, Any]
Shape = list[Any]
Dialect = Literal["chat", "sharegpt"]

KEYS: Final[dict[str, tuple[str, str]]] = {"chat": ("role", "content"), "sharegpt": ("from", "value")}
RECORD_ROLE: Final = {"human": "user", "gpt": "assistant", "observation": "tool", "function_call": "assistant"}
SHAREGPT_ROLE: Final = {"user": "human", "assistant": "gpt", "tool": "observation"}
TRAINED: Final = ("weight", "train", "training")
_STRINGS: Final = ("name", "tool_call_id")
_EMPTY: Final = dict.fromkeys(MESSAGE.to_schema())


def is_turns(value: Any, dialect: Dialect) -> bool:
    """Whether a value is a list of messages of the dialect."""
    if not isinstance(value, list):
        return False
    who, said = KEYS[dialect]
    return all(isinstance(m, dict) and isinstance(m.get(who), str) and (said in m or (dialect == "chat" and "tool_calls" in m)) for m in value)


def roles(turns: Sequence[Turn]) -> str:
    """The roles of turns, as an error may tell them: one that is none of the known ones may be somebody's name.

    >>> roles([turn("user", ""), turn("김민수", "")])
    'user, another'
    """
    return ", ".join(said["role"] if said["role"] in ROLES else "another" for said in turns)


def turn(role: str, content: str | None) -> Turn:
    """A plain MESSAGE."""
    return {**_EMPTY, "role": role, "content": content}


def read(raw: dict[str, Any], dialect: Dialect) -> tuple[Turn, Shape | None]:
    """A raw message as a MESSAGE, and its shape where it is not the usual one."""
    who, said = KEYS[dialect]
    role = raw[who]
    if len(raw) == 2 and type(raw.get(said)) is str and next(iter(raw)) == who:
        if dialect == "chat":
            return turn(role, raw[said]), None
        if role in SHAREGPT_ROLE.values() or role == "system":
            return turn(RECORD_ROLE.get(role, role), raw[said]), None
    made = turn(RECORD_ROLE.get(role, role) if dialect == "sharegpt" else role, None)
    rest: dict[str, Any] = {}
    keys: list[Any] = []
    call = dialect == "sharegpt" and role == "function_call"
    for key, value in raw.items():
        kind = None
        if key == who:
            pass
        elif key == said:
            if call and isinstance(value, str):
                made["tool_calls"] = value
            elif call:
                kind = "null" if value is None else "rest"
            elif not _content(made, value):
                kind = "rest"
        elif value is None:
            kind = "null"
        elif key in _STRINGS and isinstance(value, str):
            made[key] = value
        elif key == "tool_calls" and isinstance(value, list) and not call:
            made[key] = dumps(value)
        elif key in TRAINED and (number := _weight(key, value)) is not None and made["weight"] is None:
            made["weight"] = number
            if isinstance(value, bool):
                kind = "bool"
            elif isinstance(value, float) and value.is_integer():
                kind = "float"
        elif key in (*_STRINGS, "tool_calls", *TRAINED):
            kind = "rest"
        if kind == "rest" or (kind is None and key not in _taken(made, dialect)):
            rest[key] = value
        keys.append(key if kind is None else [key, kind])
    if rest:
        made["rest"] = dumps(rest)
    shape = [role, keys]
    return made, None if shape == usual(made, dialect) else shape


def _taken(made: Turn, dialect: Dialect) -> set[str]:
    columns = {key for key in ("name", "tool_calls", "tool_call_id") if made[key] is not None}
    return {*KEYS[dialect], *columns, *(TRAINED if made["weight"] is not None else ())}


def _content(made: Turn, value: Any) -> bool:
    """Put a raw content into MESSAGE; False where it is neither null, nor text, nor a list of parts."""
    if value is None or isinstance(value, str):
        made["content"] = value
        return True
    if not isinstance(value, list) or not all(isinstance(part, dict) for part in value):
        return False
    texts = []
    parts = []
    for part in value:
        if part.get("type") in TEXT_PARTS:
            if not isinstance(part.get("text"), str):
                return False
            texts.append(part["text"])
            part = {**part, "text": len(part["text"])}
        parts.append(part)
    made["content"] = "".join(texts)
    made["parts"] = dumps(parts)
    return True


def _weight(key: str, value: Any) -> float | None:
    if isinstance(value, bool):
        return float(value) if key != "weight" else None
    if key != "weight" or not isinstance(value, int | float) or abs(value) > 2**53:
        return None
    return float(value)


def usual(made: Turn, dialect: Dialect) -> Shape:
    """The shape that a MESSAGE gets when nothing else is known."""
    who, said = KEYS[dialect]
    keys: list[Any] = [who, said]
    called = dialect == "sharegpt" and made["tool_calls"] is not None and made["content"] is None
    keys += [key for key in ("name", "tool_calls", "tool_call_id", "weight") if made.get(key) is not None and not (called and key == "tool_calls")]
    rest = loads(made["rest"]) if made.get("rest") else {}
    keys += [[key, "rest"] if key in (said, *_STRINGS, "tool_calls", *TRAINED) else key for key in rest if key != said]
    if said in rest:
        keys[1] = [said, "rest"]
    role = made["role"]
    if dialect == "sharegpt":
        role = "function_call" if called and role == "assistant" else SHAREGPT_ROLE.get(role, role)
    return [role, keys]


def signature(made: Turn) -> tuple[Any, ...]:
    """What a MESSAGE has: turns of the same signature mostly have the same shape."""
    held = tuple(key for key in ("name", "tool_calls", "tool_call_id", "weight") if made.get(key) is not None)
    return (made["role"], held, tuple(loads(made["rest"])) if made.get("rest") else ())


def build(made: Turn, dialect: Dialect, shape: Shape | None = None) -> dict[str, Any]:
    """The raw message of a MESSAGE. What the shape doesn't name is added after it; a named key that holds nothing now is left out."""
    rest = loads(made["rest"]) if made.get("rest") else {}
    who, said = KEYS[dialect]
    role, keys = shape or usual(made, dialect)
    call = dialect == "sharegpt" and role == "function_call"
    out: dict[str, Any] = {}
    used = set()
    for entry in [*keys, *(usual(made, dialect)[1] if shape else ())]:
        key, kind = entry if isinstance(entry, list) else (entry, None)
        if key in out:
            continue
        if kind == "rest":
            if key in rest:
                out[key] = rest[key]
        elif key == who:
            out[key] = role
        elif key == said:
            if call:
                out[key] = made["tool_calls"]
                used.add("tool_calls")
            elif made["content"] is not None or entry in keys:
                out[key] = _raw_content(made)
        elif kind == "null" and _still_null(made, key, keys):
            out[key] = None
        elif key in TRAINED and key not in rest:
            if made["weight"] is not None and "weight" not in used:
                out[key] = _raw_weight(made["weight"], kind)
                used.add("weight")
        elif key == "tool_calls" and made["tool_calls"] is not None:
            if "tool_calls" not in used:
                out[key] = _calls(made["tool_calls"])
        elif key in _STRINGS and made[key] is not None:
            out[key] = made[key]
        elif key in rest:
            out[key] = rest[key]
    return out


def _still_null(made: Turn, key: str, keys: list[Any]) -> bool:
    if key == "weight":
        return made["weight"] is None or any(entry in (["train", "bool"], ["training", "bool"]) for entry in keys)
    return key not in (*_STRINGS, "tool_calls") or made[key] is None


def _calls(text: str) -> Any:
    try:
        return loads(text)
    except ValueError:
        return text


def _raw_weight(weight: float, kind: str | None) -> Any:
    if kind == "bool":
        return bool(weight)
    return weight if kind == "float" or not float(weight).is_integer() else int(weight)


def _raw_content(made: Turn) -> Any:
    """The content; where it came in parts, cut by their lengths again, or all in the first text part if they no longer add up."""
    content = made["content"]
    if not made.get("parts"):
        return content
    parts = loads(made["parts"])
    content = content or ""
    texts = [part for part in parts if part.get("type") in TEXT_PARTS]
    fits = sum(part["text"] for part in texts) == len(content)
    at = 0
    for number, part in enumerate(texts):
        length = part["text"] if fits else (0 if number else len(content))
        part["text"] = content[at : at + length]
        at += length
    if not texts and content:
        parts.insert(0, {"type": "text", "text": content})
    return parts


def read_all(raw: Sequence[dict[str, Any]], dialect: Dialect) -> tuple[list[Turn], list[Any]]:
    """Messages as turns, and their shapes as `build_all` takes them: [] where all are usual."""
    if not raw:
        return [], []
    pairs = [read(m, dialect) for m in raw]
    made = [turn for turn, _ in pairs]
    if all(shape is None for _, shape in pairs):
        return made, []
    known: dict[tuple[Any, ...], Shape | None] = {}
    shapes: list[Shape] = []
    at: list[int] = []
    plain = True
    for turn, shape in pairs:
        first = known.setdefault(signature(turn), shape)
        plain = plain and first == shape
        if shape is not None and shape not in shapes:
            shapes.append(shape)
        at.append(-1 if shape is None else shapes.index(shape))
    return made, [shapes] if plain else [shapes, at]


def build_all(made: Sequence[Turn], dialect: Dialect, shapes: Sequence[Any] = ()) -> list[dict[str, Any]]:
    """Raw messages again. Where turns were dropped or added since, each takes the shape of a turn that holds what it holds."""
    if not shapes:
        return [build(turn, dialect) for turn in made]
    at = shapes[1] if len(shapes) > 1 else None
    if at is not None and len(at) == len(made):
        fitting = [shapes[0][i] if i >= 0 else None for i in at]
        return [build(turn, dialect, s if s and fits(turn, s, dialect) else None) for turn, s in zip(made, fitting)]
    return [build(turn, dialect, next((s for s in shapes[0] if fits(turn, s, dialect)), None)) for turn in made]


def fits(made: Turn, shape: Shape, dialect: Dialect) -> bool:
    """Whether a shape was that of a turn which held what this one holds."""
    role, keys = shape
    if (RECORD_ROLE.get(role, role) if dialect == "sharegpt" else role) != made["role"]:
        return False
    call = dialect == "sharegpt" and role == "function_call"
    who, said = KEYS[dialect]
    held, rest = set(), []
    for entry in keys:
        key, kind = entry if isinstance(entry, list) else (entry, None)
        if kind == "rest" or (kind is None and key not in (who, said, *_STRINGS, "tool_calls", *TRAINED)):
            rest.append(key)
        elif key in TRAINED and kind != "null":
            held.add("weight")
        elif key in (*_STRINGS, "tool_calls") and kind is None:
            held.add(key)
        elif key == said and call and kind is None:
            held.add("tool_calls")
    _, has, others = signature(made)
    return set(has) == held and tuple(rest) == others
