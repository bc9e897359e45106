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

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from dadeum.errors import DadeumError, Mistake, RecipeError
from dadeum.format.jinja import compiled, unmarked

Message = dict[str, Any]


class RefusedError(DadeumError):
    """The template does not take this conversation (a system turn, an order of roles)."""


@dataclass(frozen=True)
class Turn:
    """What one assistant turn contributes to a rendered conversation. Offsets count characters."""

    message: int
    start: int
    end: int
    said: str = "exact"
    """exact: the message's content is in the span; trimmed: without its outer whitespace; altered: the template changed it."""


@dataclass(frozen=True)
class Rendered:
    """A rendered conversation. `turns`: the assistant turns that can carry loss, in order; the rest are counted by why."""

    text: str
    turns: tuple[Turn, ...]
    history: int = 0
    """Turns that the template renders differently as history than as the answer."""
    unprompted: int = 0
    """Turns for which the template gives no prompt: nothing was said before them."""


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

        Raises RefusedError, and DadeumError when the template cannot be trained with: no stop token, a prompt that the
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
                raise DadeumError(_seam(k, before, upto))
            end = len(before) + self._stop(k, upto[len(before) :])
            if upto[:end] != text[:end]:
                history += 1
                continue
            turns.append(Turn(k, len(before), end, _said(messages[k].get("content") or "", text[len(before) : end])))
        if marked:
            self._agree(text, turns, marked, history + unprompted)
        return Rendered(text, tuple(turns), history, unprompted)

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
        raise DadeumError(
            f"turn {k}: the chat template ends an answer with {shown!r}, which is no control token of the tokenizer: "
            "the model would never learn to stop. Take a template that closes the assistant's turn (train.template)"
        )

    def _agree(self, text: str, turns: list[Turn], marked: list[tuple[int, int]], without: int) -> None:
        spans = [(s, e) for s, e in marked if e > s]
        for turn in turns:
            inside = [(s, s + len(text[s:e].rstrip())) for s, e in spans if turn.start <= s < turn.end]
            joined = all(a[1] >= b[0] or not text[a[1] : b[0]].strip() for a, b in pairwise(inside))
            if not inside or inside[0][0] != turn.start or inside[-1][1] != turn.end or not joined:
                shown = [text[s:e] for s, e in inside]
                raise DadeumError(
                    f"turn {turn.message}: the template's {{% generation %}} markers hold {shown!r}, but the model has to say "
                    f"{text[turn.start : turn.end]!r} after the prompt. Mend the markers: content and stop token, nothing else"
                )
        if not without and any(not any(t.start <= s < t.end for t in turns) for s, _ in spans):
            raise DadeumError("the template's {% generation %} markers bracket text that is no assistant turn")


def default() -> str:
    """The project's template: <|im_start|>ROLE, content, the tokenizer's eos as the stop, with generation markers."""
    return Path(__file__).with_name("default.jinja").read_text(encoding="utf-8")


def _said(content: str, span: str) -> str:
    if content in span:
        return "exact"
    return "trimmed" if content.strip() in span else "altered"


def _seam(k: int, prompt: str, full: str) -> str:
    same = next((i for i, (a, b) in enumerate(zip(prompt, full)) if a != b), min(len(prompt), len(full)))
    return (
        f"turn {k}: the chat template's prompt is not how the rendered chat begins: the prompt goes on with {prompt[same : same + 40]!r}, "
        f"the chat with {full[same : same + 40]!r}. The model would be trained on another text than it sees when it answers"
    )
