"""Chat templates: the one renderer for training, evaluation and serving.

`conversation` renders a chat and says which characters each assistant turn contributes: its content and the stop token. The spans
come from the renderer alone. Two ways are taken and must agree where both exist:

  by prefix   the chat up to turn k with the generation prompt is what the model sees at inference; what the chat up to and with
              turn k adds to it is what the model must say
  by markers  `{% generation %}` brackets in the template

Looking for marker tokens, or subtracting a rendering with a dummy content, trains the wrong tokens on contents such as
`[[1, 2], [3, 4]]` (both are met in the wild), so neither is done here. A template may render an earlier turn differently once it
is history (thinking is taken out, for one): such a turn is not what the model would say at that place, so it gets no span, and
`history` counts it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from dadeum.errors import DadeumError, Mistake, RecipeError
from dadeum.format.jinja import compiled, unmarked

Message = dict[str, Any]
_BEFORE: Final = 64
"""Characters of a prompt's end that hold an empty thought and the marks around it."""


class RefusedError(DadeumError):
    """The template does not take this conversation (a system turn, an order of roles)."""


class UnprovenError(DadeumError):
    """Which tokens the model has to say cannot be proven of this conversation. `fault`: prompt_differs, no_stop or markers."""

    def __init__(self, fault: str, message: str):
        super().__init__(message)
        self.fault = fault


@dataclass(frozen=True)
class Turn:
    """What one assistant turn contributes to a rendered conversation. Offsets count characters."""

    message: int
    start: int
    end: int
    said: str = "exact"
    """exact: the message's content is in the span; trimmed: in other whitespace; altered: the template changed it, or left its thoughts out."""


@dataclass(frozen=True)
class Rendered:
    """A rendered conversation. `turns`: the assistant turns that can carry loss, in order; the rest are counted by why."""

    text: str
    turns: tuple[Turn, ...]
    history: int = 0
    """Turns that the template renders differently as history than as the answer."""
    unprompted: int = 0
    """Turns for which the template gives no prompt: nothing was said before them."""
    lost: tuple[str, ...] = ()
    """What the template leaves out without a word: call_lost (a tool call of a turn that carries loss), tools_lost (tools on offer), turn_lost
    (what a user, a system or a tool says)."""


@dataclass(frozen=True)
class Template:
    """A chat template and what it needs to render."""

    source: str
    variables: dict[str, str] = field(default_factory=dict)
    """`bos_token`, `eos_token`, ...: what the tokenizer hands to its template."""
    specials: tuple[str, ...] = ()
    """The strings that the tokenizer reads as one control token each: a turn's stop is the last of them in its span."""
    now: datetime | None = None
    """What `strftime_now` tells; null is the time of rendering."""

    def __post_init__(self) -> None:
        import jinja2

        try:
            compiled(self.source, self.now)
        except jinja2.TemplateSyntaxError as error:
            raise RecipeError(Mistake("train.template", f"not a valid template: line {error.lineno}: {error.message}")) from error

    @classmethod
    def of(cls, tokenizer: Any, path: str = "", now: datetime | None = None) -> Template:
        """The template in the file `path`, else the tokenizer's own, else the project's.

        Raises RecipeError when the file is missing or no template, or when the tokenizer has several and none is the default.
        """
        own = tokenizer.chat_template
        if isinstance(own, dict):
            own = own.get("default")
            if own is None and not path:
                raise RecipeError(Mistake("train.template", "the base model has several chat templates, none named default", "name a file"))
        if path:
            try:
                own = Path(path).read_text(encoding="utf-8")
            except OSError as error:
                raise RecipeError(Mistake("train.template", f"cannot read {path}: {error.strerror}")) from error
        variables = {k: str(v) for k, v in tokenizer.special_tokens_map.items() if isinstance(v, str)}
        added = tokenizer.added_tokens_decoder.values()
        specials = {*tokenizer.all_special_tokens, *(str(token) for token in added if token.special)}
        return cls(own or default(), variables, tuple(sorted(specials)), now)

    def render(self, messages: Sequence[Message], tools: list[Any] | None = None, prompt: bool = False) -> str:
        """The text of a chat; with `prompt` up to where the assistant's next turn begins.

        Raises RefusedError when the template refuses the chat.
        """
        return self._render(messages, tools, prompt)[0]

    def conversation(self, messages: Sequence[Message], tools: list[Any] | None = None) -> Rendered:
        """The rendered chat with the spans of its assistant turns.

        Raises RefusedError, and UnprovenError when the template cannot be trained with: no stop token, a prompt that the
        answer does not begin with, markers that disagree with the prefixes.
        """
        text, marked = self._render(messages, tools, False)
        turns, history, unprompted = [], 0, 0
        answers = [k for k, message in enumerate(messages) if message["role"] == "assistant"]
        for k in answers:
            last = k == len(messages) - 1
            try:
                upto = text if last else self.render(messages[: k + 1], tools)
                before = self.render(messages[:k], tools, prompt=True)
            except RefusedError:
                unprompted += 1
                continue
            if not upto.startswith(before):
                raise UnprovenError("prompt_differs", _seam(k, before, upto))
            end = len(before) + self._stop(k, upto[len(before) :])
            if upto[:end] != text[:end]:
                end = self._earlier(upto, text, len(before))
            if not end:
                history += 1
                continue
            turns.append(Turn(k, len(before), end, _said(messages[k], text[:end], len(before))))
        if marked:
            self._agree(text, turns, marked, history + unprompted)
        return Rendered(text, tuple(turns), history, unprompted, tuple(_lost(messages, tools or (), text, turns)))

    def _render(self, messages: Sequence[Message], tools: list[Any] | None, prompt: bool) -> tuple[str, list[tuple[int, int]]]:
        import jinja2

        template = compiled(self.source, self.now)
        try:
            text = template.render(
                messages=[dict(m) for m in messages], tools=tools or None, documents=None, add_generation_prompt=prompt, **self.variables
            )
        except (jinja2.TemplateError, TypeError, KeyError, IndexError, ValueError) as error:
            raise RefusedError(f"the chat template refuses it: {error}") from error
        return unmarked(text)

    def _stop(self, k: int, tail: str) -> int:
        """Where the stop token ends in what turn `k` adds: the last control token, with nothing but whitespace behind it."""
        whole = len(tail.rstrip())
        for special in self.specials:
            if special and tail[:whole].endswith(special):
                return whole
        shown = tail[-40:]
        raise UnprovenError(
            "no_stop",
            f"turn {k}: the chat template ends an answer with {shown!r}, which is no control token of the tokenizer: "
            "the model would never learn to stop. Take a template that closes the assistant's turn (train.template)",
        )

    def _earlier(self, upto: str, text: str, start: int) -> int:
        """Where a turn ends that only loses the end of the whole text once another follows it (Phi-3 writes one behind the last answer); 0 where
        it changes in another way."""
        shared = upto[: _alike(upto, text)]
        end = max((at + len(s) for s in self.specials if s and (at := shared.rfind(s, start)) >= 0), default=0)
        rest = upto[end:]
        for special in filter(None, self.specials):
            rest = rest.replace(special, "")
        return end if end and not rest.strip() else 0

    def _agree(self, text: str, turns: list[Turn], marked: list[tuple[int, int]], without: int) -> None:
        spans = [(s, e) for s, e in marked if e > s]
        for turn in turns:
            inside = [(s, s + len(text[s:e].rstrip())) for s, e in spans if turn.start <= s < turn.end]
            joined = all(a[1] >= b[0] or not text[a[1] : b[0]].strip() for a, b in pairwise(inside))
            if not inside or inside[0][0] != turn.start or inside[-1][1] != turn.end or not joined:
                shown = [text[s:e] for s, e in spans if s < turn.end and e > turn.start]
                raise UnprovenError(
                    "markers",
                    f"turn {turn.message}: the template's {{% generation %}} markers hold {shown!r}, but the model has to say "
                    f"{text[turn.start : turn.end]!r} after the prompt. Mend the markers: content and stop token, nothing else",
                )
        if not without and any(not any(t.start <= s < t.end for t in turns) for s, _ in spans):
            raise UnprovenError("markers", "the template's {% generation %} markers bracket text that is no assistant turn")


def default() -> str:
    """The project's template: <|im_start|>ROLE, content, the tokenizer's eos as the stop, with generation markers."""
    return Path(__file__).with_name("default.jinja").read_text(encoding="utf-8")


def _said(message: Message, text: str, start: int) -> str:
    """How much of a message stands in the span from `start` to the end of `text`."""
    content, thoughts = message.get("content") or "", message.get("reasoning_content") or ""
    if content in text[start:] and thoughts in text[start:]:
        return "exact"
    # An empty thought may stand at the end of the prompt, and belongs to the content all the same.
    around = _squeezed(text[max(0, start - _BEFORE) :])
    return "trimmed" if _squeezed(content) in around and _squeezed(thoughts) in around else "altered"


def _lost(messages: Sequence[Message], tools: Sequence[Any], text: str, turns: Sequence[Turn]) -> Iterator[str]:
    """What `Rendered.lost` tells."""
    said = {turn.message: text[turn.start : turn.end] for turn in turns}
    calls = [(k, _name(call), m.get("content") or "") for k, m in enumerate(messages) for call in m.get("tool_calls") or ()]
    # A name may be a word that people say (`날씨`): it has to stand there more often than they do.
    gone = any(said[k].count(name) <= content.count(name) for k, name, content in calls if k in said and name)
    if gone:
        yield "call_lost"
    spoken = [c for m in messages if (c := m.get("content") or "") in text]
    called = [] if gone else [name for _, name, _ in calls]
    if any(text.count(name) <= sum(c.count(name) for c in spoken) + called.count(name) for tool in tools if (name := _name(tool))):
        yield "tools_lost"
    others = (m.get("content") or "" for m in messages if m["role"] != "assistant")
    # Some templates write what a tool says as a JSON string.
    if any(c not in text and _squeezed(c) not in _squeezed(text) and json.dumps(c, ensure_ascii=False)[1:-1] not in text for c in others):
        yield "turn_lost"


def _name(call: Any) -> str:
    """The name of a tool or of a call of one; empty where it has none to look for."""
    inner = call.get("function", call) if isinstance(call, dict) else {}
    name = inner.get("name") if isinstance(inner, dict) else None
    return name if isinstance(name, str) else ""


def _alike(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    return next((i for i, (a, b) in enumerate(zip(one, other)) if a != b), min(len(one), len(other)))


def _squeezed(text: str) -> str:
    return "".join(text.split())


def _seam(k: int, prompt: str, full: str) -> str:
    same = _alike(prompt, full)
    return (
        f"turn {k}: the chat template's prompt is not how the rendered chat begins: the prompt goes on with {prompt[same : same + 40]!r}, "
        f"the chat with {full[same : same + 40]!r}. The model would be trained on another text than it sees when it answers"
    )
