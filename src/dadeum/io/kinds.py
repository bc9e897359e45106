"""Which layout a raw row has, found by its keys and the types of their values; and the row made into a record's contents.

The kinds are tried from the most to the least telling; a row that is none of them is carried whole. Sources: the chat formats of
OpenAI and ShareGPT, Stanford Alpaca, and TRL's prompt-completion, preference and unpaired preference formats; hh-rlhf's
transcripts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from dadeum.errors import RecipeError
from dadeum.io import assistants, dialogue, transcript
from dadeum.io.chunk import Unreadable
from dadeum.io.layout import GAP, Got, Path, dialect_of, single
from dadeum.io.turns import Dialect, is_turns, read_all, turn
from dadeum.io.value import as_text

PROMPTS: Final = ("prompt", "instruction", "question", "query")
COMPLETIONS: Final = ("completion", "response", "answer", "output")
TEXTS: Final = ("text", "content", "document", "body")
CHATS: Final = ("messages", "conversations", "conversation", "dialogue", "dialog", "chat")
EXTRAS: Final = ("label", "score", "tools", "system")


def messages(got: Got) -> bool:
    """A list of messages under its usual name."""
    return any(_chat(got, (name,)) for name in CHATS if name in got.raw)


def any_messages(got: Got) -> bool:
    """A list of messages under whatever name."""
    return any(_chat(got, (name,)) for name, value in got.raw.items() if isinstance(value, list) and value)


def _chat(got: Got, path: Path, dialects: Iterable[Dialect] = ("chat", "sharegpt")) -> bool:
    value = lookup(got.raw, path)
    for dialect in dialects:
        if is_turns(value, dialect) and (value or path[-1] in CHATS):
            chat(got, path, value, dialect)
            return True
    return False


def chat(got: Got, path: Path, value: list[Any], dialect: Dialect) -> None:
    """Messages, and the system prompt that may stand beside them."""
    first = value[0].get("role" if dialect == "chat" else "from") if value else None
    if first != "system":
        _system(got)
    got.listed(path, "messages", value, dialect)
    got.kind = "messages" if dialect == "chat" else "sharegpt"


def _system(got: Got) -> None:
    value = got.raw.get("system")
    if isinstance(value, str) and value and not got.columns.get("messages"):
        got.system(("system",), value)


def alpaca(got: Got) -> bool:
    """instruction, input, output; system and history where they are."""
    raw = got.raw
    instruction, more, output, history = (raw.get(k) for k in ("instruction", "input", "output", "history"))
    if not isinstance(instruction, str) or not isinstance(output, str) or not ("input" in raw or "history" in raw):
        return False
    if more is not None and not isinstance(more, str):
        return False
    pairs = isinstance(history, list) and all(_is_pair(p) for p in history)
    if history and not pairs:
        return False
    _system(got)
    if history and isinstance(history, list):
        got.turns("messages", [turn(role, said) for pair in history for role, said in zip(("user", "assistant"), pair)])
        got.take(("history",), "messages", "history")
    if more:
        asked = instruction + GAP + more
        told = (-2, len(instruction), len(asked), instruction.count(GAP))
        got.turns("messages", [turn("user", asked)])
        got.take(("instruction",), "messages", "before", *told)
        got.take(("input",), "messages", "after", *told)
    else:
        got.said(("instruction",), "messages", "user", instruction, -2)
    got.said(("output",), "messages", "assistant", output, -1)
    got.kind = "alpaca"
    return True


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(v, str) for v in value)


def completion(got: Got) -> bool:
    """A prompt and its completion, under one of their names: two strings, or lists of messages."""
    asked = next((n for n in PROMPTS if _says(got.raw.get(n))), None)
    told = next((n for n in COMPLETIONS if _says(got.raw.get(n))), None)
    if asked is None or told is None:
        return False
    return pair(got, (asked,), (told,))


def _says(value: Any) -> bool:
    return isinstance(value, str) or (bool(value) and (is_turns(value, "chat") or is_turns(value, "sharegpt")))


def pair(got: Got, prompt: Path | None, answer: Path | None) -> bool:
    """A prompt and its completion at these paths; either may be missing. What is neither text nor messages is taken as JSON text."""
    asked, told = (lookup(got.raw, p) if p else None for p in (prompt, answer))
    if asked is None and told is None:
        return False
    if not (_says(asked) and isinstance(asked, list) and asked[0].get("role", asked[0].get("from")) == "system"):
        _system(got)
    last = len(told) if isinstance(told, list) and _says(told) else int(told is not None)
    for path, value, role, at, end in ((prompt, asked, "user", 0, "first"), (answer, told, "assistant", -1, "last")):
        if path is None or value is None:
            continue
        if isinstance(value, list) and _says(value):
            got.listed(path, "messages", value, dialect_of(value[0]), end, last)
        else:
            got.said(path, "messages", role, value, at)
    got.kind = "kto" if isinstance(got.raw.get("label"), bool) else "prompt"
    return True


def prompt_only(got: Got) -> bool:
    """A prompt without an answer, for methods that make their own."""
    return _says(got.raw.get("prompt")) and pair(got, ("prompt",), None)


def kto(got: Got) -> bool:
    """A prompt, its completion, and whether it was liked."""
    return isinstance(got.raw.get("label"), bool) and completion(got)


def dpo(got: Got) -> bool:
    """Two answers to one prompt, of which the first was preferred."""
    if "chosen" not in got.raw or "rejected" not in got.raw:
        return False
    asked: Path | None = next(((n,) for n in PROMPTS if _says(got.raw.get(n))), None)
    if asked is None:
        asked = next(((n,) for n in CHATS if got.raw.get(n) and _says(got.raw[n])), None)
    return preference(got, asked, ("chosen",), ("rejected",))


def preference(got: Got, asked: Path | None, good: Path, bad: Path) -> bool:
    """A preference pair at these paths."""
    prompt: Any = lookup(got.raw, asked) if asked else None
    chosen, rejected = lookup(got.raw, good), lookup(got.raw, bad)
    both = (chosen, rejected)
    ends = ((good, "chosen", chosen), (bad, "rejected", rejected))
    if all(isinstance(v, str) for v in both):
        turns = [transcript.parse(v) for v in both] if asked is None else [None]
        if all(turns):
            return _transcripts(got, good, bad, turns[0] or [], turns[-1] or [])
        _prompted(got, asked, prompt)
        for path, column, value in ends:
            got.said(path, column, "assistant", value, 0)
    elif all(isinstance(v, dict) and is_turns([v], dialect_of(v)) for v in both):
        _prompted(got, asked, prompt)
        for path, column, value in ends:
            single(got, path, column, value, dialect_of(value))
    elif all(isinstance(v, list) and v and _says(v) for v in both):
        return _lists(got, asked, prompt, ends)
    else:
        return False
    got.kind = "dpo"
    return True


def _prompted(got: Got, path: Path | None, prompt: Any) -> None:
    if path is None:
        return
    if isinstance(prompt, str):
        _system(got)
        got.said(path, "messages", "user", prompt, 0)
    else:
        if prompt[0].get("role", prompt[0].get("from")) != "system":
            _system(got)
        got.listed(path, "messages", prompt, dialect_of(prompt[0]))


def _lists(got: Got, asked: Path | None, prompt: Any, ends: Any) -> bool:
    """Both ends as messages, which may begin with the prompt."""
    (_, _, chosen), (_, _, rejected) = ends
    dialect = dialect_of(chosen[0])
    if not is_turns(rejected, dialect):
        return False
    shared = transcript.prefix(chosen, rejected)
    if isinstance(prompt, list):
        shared = len(prompt) if prompt == chosen[: len(prompt)] == rejected[: len(prompt)] and len(prompt) <= shared else 0
        _prompted(got, asked, prompt)
    elif shared:
        got.turns("messages", read_all(chosen[:shared], dialect)[0])
        first = next((t["content"] for t in got.columns["messages"] if t["role"] == "user"), None)
        if asked is not None and prompt == first:
            got.take(asked, "messages", "copied", "user")
    else:
        _prompted(got, asked, prompt)
    for path, column, value in ends:
        made, shapes = read_all(value, dialect)
        got.turns(column, made[shared:])
        got.take(path, column, dialect, ["all", 0], shapes, *([True] if shared else []))
    got.kind = "dpo"
    return True


def _transcripts(got: Got, good: Path, bad: Path, chosen: list[Any], rejected: list[Any]) -> bool:
    shared = transcript.prefix(chosen, rejected)
    got.turns("messages", chosen[:shared])
    for path, column, turns in ((good, "chosen", chosen), (bad, "rejected", rejected)):
        got.turns(column, turns[shared:])
        got.take(path, column, "transcript", True)
    got.kind = "transcript"
    return True


def one_transcript(got: Got) -> bool:
    """A conversation in the string `text`, or a pair of them in `chosen` and `rejected`."""
    if isinstance(got.raw.get("chosen"), str) and isinstance(got.raw.get("rejected"), str):
        return preference(got, None, ("chosen",), ("rejected",)) and got.kind == "transcript"
    value = got.raw.get("text")
    turns = transcript.parse(value) if isinstance(value, str) else None
    if not turns:
        return False
    got.turns("messages", turns)
    got.take(("text",), "messages", "transcript")
    got.kind = "transcript"
    return True


def text(got: Got) -> bool:
    """A document."""
    name = next((n for n in TEXTS if isinstance(got.raw.get(n), str)), None)
    if name is None:
        return False
    got.text((name,), "text", got.raw[name])
    got.kind = "text"
    return True


def chatgpt(got: Got) -> bool:
    """A conversation of ChatGPT's export; the row goes on as the messages that it is (assistants.py)."""
    return assistants.is_chatgpt(got.raw) and _became(got, assistants.chatgpt)


def claude(got: Got) -> bool:
    """A conversation of Claude's export, likewise."""
    return assistants.is_claude(got.raw) and _became(got, assistants.claude)


def spoken(got: Got) -> bool:
    """Turns with a speaker and a text under whatever names (dialogue.py)."""
    keys = dialogue.found(got.raw)
    if keys is None:
        return False
    key, who, said = keys
    items = got.raw[key]
    try:
        if dialogue.is_speech(got.raw, key):
            return _became(got, lambda raw: dialogue.speech(raw, who, said, got.chat))
        got.turns("messages", dialogue.turns(items, who, said, got.chat))
    except RecipeError as error:
        # Which row it was is known where rows are read; what the recipe says holds for all of them.
        raise Unreadable(error.mistakes[0].what) from None
    got.take((key,), "messages", "dialogue", said, [{k: None if k == said else v for k, v in item.items()} for item in items])
    got.kind = "dialogue"
    return True


def _became(got: Got, made: Callable[[dict[str, Any]], dict[str, Any]]) -> bool:
    try:
        got.raw = made(got.raw)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise Unreadable(f"an export of an unknown shape: {type(error).__name__}") from None
    return _chat(got, ("messages",), ("chat",))


AUTO: Final[tuple[Callable[[Got], bool], ...]] = (
    chatgpt,
    claude,
    dpo,
    messages,
    alpaca,
    completion,
    any_messages,
    one_transcript,
    text,
    prompt_only,
    spoken,
)
KINDS: Final[dict[str, tuple[Callable[[Got], bool], ...]]] = {
    "auto": AUTO,
    "text": (text,),
    "messages": (
        lambda got: any(_chat(got, (n,), ("chat",)) for n in (*CHATS, *got.raw) if n in got.raw),
    ),
    "sharegpt": (
        lambda got: any(_chat(got, (n,), ("sharegpt",)) for n in (*CHATS, *got.raw) if n in got.raw),
    ),
    "alpaca": (alpaca,),
    "prompt": (completion, prompt_only),
    "dpo": (dpo,),
    "kto": (kto,),
    "transcript": (one_transcript,),
    "chatgpt": (chatgpt,),
    "claude": (claude,),
    "dialogue": (spoken,),
}


def extras(got: Got) -> None:
    """Label, score and tools under their own names, and the row's own id."""
    raw, taken = got.raw, got.taken()
    label, score, tools = raw.get("label"), raw.get("score"), raw.get("tools")
    if "label" not in taken and "label" not in got.columns and isinstance(label, str | bool | int | float):
        got.text(("label",), "label", label)
    if "score" not in taken and "score" not in got.columns and _is_score(score):
        got.number(("score",), score)
    if "tools" not in taken and "tools" not in got.columns and isinstance(tools, str | list | dict):
        got.text(("tools",), "tools", tools)
    if got.key is None:
        got.key = own(raw.get("id"))


def _is_score(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= 2**53


def own(value: Any) -> str | None:
    """A row's own id: a string or a number."""
    return as_text(value) or None if isinstance(value, str | int | float) and not isinstance(value, bool) else None


def lookup(raw: Any, path: Path) -> Any:
    """The value at a path; null where there is none."""
    for key in path:
        if isinstance(raw, list):
            raw = raw[int(key)] if key.isdigit() and int(key) < len(raw) else None
        elif isinstance(raw, dict):
            raw = raw.get(key)
        else:
            return None
    return raw
