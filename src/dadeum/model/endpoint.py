"""An OpenAI-compatible /v1/chat/completions, as vLLM, llama.cpp, Ollama, `transformers serve`, OpenAI and others serve it.

Several requests at a time, each kept as it comes. The budget is held before a request is sent, not after: what is on its way counts with
the most it can take (Ask.most), so no budget is overrun by a reply that was longer than thought. What a kept reply has cost counts too,
so that calling again and again spends no more.
"""

from __future__ import annotations

import concurrent.futures
import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from dadeum.errors import DadeumError
from dadeum.model import keep
from dadeum.model.asked import Ask, Reply
from dadeum.model.post import FIRST, BusyError, RefusedError, SilentError, StumbledError, post, shown
from dadeum.proving import KEY, Budget, Price

BROKEN: Final = 3
"""So many requests in a row on which the server breaks: then it is the server and not they."""
REFUSALS: Final = 5
"""So many requests refused and none answered: the others would fare alike."""
UNKNOWN: Final = {"max_tokens": "max_completion_tokens", "temperature": "", "seed": ""}
"""Keys that some servers do not take, and what they take instead: their refusal names the key."""


@dataclass(frozen=True)
class Spent:
    """What a number of replies took."""

    calls: int = 0
    read: int = 0
    written: int = 0

    def price(self, price: Price) -> float:
        """By the token."""
        return (self.read * price.input + self.written * price.output) / 1e6

    def and_(self, reply: Reply) -> Spent:
        """With one more."""
        return Spent(self.calls + 1, self.read + reply.read, self.written + reply.written)


@dataclass(frozen=True)
class Endpoint:
    """A model behind an address."""

    url: str
    model: str
    price: Price = field(default_factory=Price)
    budget: Budget = field(default_factory=Budget)
    at_once: int = 4
    patience: float = 120.0
    tries: int = 5
    secret: str = KEY
    """The environment variable that holds the key."""
    wait: Callable[[float], Any] | None = field(default=None, compare=False)
    """Called with the seconds between two tries; None waits."""

    @property
    def name(self) -> str:
        """As a report tells it."""
        return f"{self.model} at {self.url}"

    @property
    def key(self) -> str:
        """Of the address and the model: what the kept replies are filed under."""
        return hashlib.blake2b(json.dumps([self.url, self.model]).encode(), digest_size=16).hexdigest()

    def answers(self, asks: Sequence[Ask], progress: Callable[[dict[str, Any]], None] | None = None) -> list[Reply]:
        """A reply for each, in their order; equal asks are sent once, and what is kept not at all.

        Raises DadeumError where the key, the address or the model is refused, the server stays silent or answers something else, or the
        budget is spent: it says how many are kept, and the same call goes on from there.
        """
        digests = [ask.digest(self.url, self.model) for ask in asks]
        wanted = dict(zip(digests, asks))
        with keep.opened(self.key) as kept:
            known = kept.get(list(wanted))
            missing = [(digest, ask) for digest, ask in wanted.items() if digest not in known]
            if missing:
                self._ask(missing, known, kept, progress or (lambda told: None))
        return [known[digest] for digest in digests]

    def _ask(self, missing: list[tuple[bytes, Ask]], known: dict[bytes, Reply], kept: keep.Kept, progress: Callable[[dict[str, Any]], None]) -> None:
        """Ask for what is missing: puts it into `known`, and into `kept` as it comes."""
        spent = Spent()
        for reply in known.values():
            spent = spent.and_(reply)
        whole, stop = len(missing) + len(known), threading.Event()
        waiting = iter(missing)
        dialect: list[str] = []
        running: dict[concurrent.futures.Future[Reply], tuple[bytes, Ask]] = {}
        why: DadeumError | None = None
        over, refused, broken = "", 0, 0
        with concurrent.futures.ThreadPoolExecutor(self.at_once) as pool:
            try:
                upcoming = next(waiting, None)
                while upcoming or running:
                    while upcoming and not why and not over and len(running) < self.at_once:
                        reserved = [ask for _, ask in running.values()]
                        if self._over(spent, [*reserved, upcoming[1]]):
                            if not reserved:
                                over = self._over(spent, [upcoming[1]])
                            break
                        running[pool.submit(self._one, upcoming[1], stop, dialect)] = upcoming
                        upcoming = next(waiting, None)
                    if not running:
                        break
                    done, _ = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
                    for future in done:
                        digest, _ = running.pop(future)
                        try:
                            reply = future.result()
                            broken = 0
                        except StumbledError as error:
                            broken += 1
                            reply = Reply(None, why=str(error))
                            if broken >= BROKEN:
                                why = why or error
                                stop.set()
                                continue
                        except DadeumError as error:
                            why = why or error
                            stop.set()
                            continue
                        if reply.text is not None:
                            kept.put(digest, reply)
                        known[digest] = reply
                        spent = spent.and_(reply)
                        refused += reply.text is None
                        if refused >= REFUSALS and refused == len(known):
                            why = why or DadeumError(f"refuses every request so far: {reply.why}")
                    progress({"stage": "answers", "rows": len(known), "of": whole})
            finally:
                stop.set()  # an interrupt must not wait for the tries of the other requests
                pool.shutdown()
                for future, (digest, _) in running.items():  # what was on its way then is paid for
                    if not future.exception() and (reply := future.result()).text is not None:
                        kept.put(digest, reply)
        if why or over:
            rest = f"{len(known) - refused:,} of {whole:,} answers are kept: the same command asks only for the others"
            said = str(over or why)
            raise DadeumError(f"{self.name}: {said}{'' if said.endswith('?') else '.'} {rest}")

    def _over(self, spent: Spent, asks: Sequence[Ask]) -> str:
        """Why `asks` could go over the budget; empty where they can't."""
        budget = self.budget
        most = sum(ask.most() for ask in asks)
        dear = sum(((ask.most() - ask.max_tokens) * self.price.input + ask.max_tokens * self.price.output) / 1e6 for ask in asks)
        if budget.calls and spent.calls + len(asks) > budget.calls:
            return f"the budget of {budget.calls:,} calls is spent"
        if budget.tokens and spent.read + spent.written + most > budget.tokens:
            return f"{spent.read + spent.written:,} of {budget.tokens:,} tokens are spent, and the next answer may take {most:,}"
        if budget.price and spent.price(self.price) + dear > budget.price:
            return f"{spent.price(self.price):.4g} of {budget.price:g} are spent, and the next answer may cost {dear:.2g}"
        return ""

    def _one(self, ask: Ask, stop: threading.Event, dialect: list[str]) -> Reply:
        """One reply. dialect: the keys that this server does not take, as far as it was met. Raises DadeumError."""

        def pause(seconds: float) -> None:
            if self.wait:
                self.wait(seconds)
            elif stop.wait(seconds):
                raise SilentError("stopped")

        if stop.is_set():
            raise SilentError("stopped")
        began = time.perf_counter()
        body = ask.body(self.model)
        url = f"{self.url.rstrip('/').removesuffix('/chat/completions')}/chat/completions"
        told: Any = None
        left = self.tries
        while left:
            body = _spoken(body, dialect)
            try:
                told = post(url, body, os.environ.get(self.secret, ""), named=self.secret, patience=self.patience, tries=self.tries, wait=pause)
            except RefusedError as error:
                # Another request may have met it meanwhile: what counts is that this one was sent with the key. An answer that is to be drawn
                # at a temperature is not taken at another one.
                needed = "temperature" if ask.temperature else ""
                if odd := next((key for key in body if key in UNKNOWN and key != needed and f"'{key}'" in str(error)), None):
                    dialect.append(odd)
                    continue
                return Reply(None, seconds=time.perf_counter() - began, why=str(error))
            except StumbledError:
                raise
            except BusyError as error:
                raise BusyError(f"{error}. Fewer requests at a time (at_once: 1) or more tries may get through, if no quota is spent") from error
            except SilentError as error:
                raise SilentError(f"{error}. Does it run, and is the address the one up to /v1?") from error
            reply = _reply(told, time.perf_counter() - began)
            if reply:
                return reply
            left -= 1
            pause(FIRST)
        said = shown(json.dumps(told, ensure_ascii=False).encode("utf-8", "replace"), os.environ.get(self.secret, ""))
        raise SilentError(f"{url} answered no chat completion: {said}")


def _spoken(body: dict[str, Any], dialect: Sequence[str]) -> dict[str, Any]:
    """The request in the words that the server takes."""
    return {UNKNOWN[key] if key in dialect else key: value for key, value in body.items() if key not in dialect or UNKNOWN[key]}


def _reply(told: Any, seconds: float) -> Reply | None:
    """What a server's JSON says, or None where it is no chat completion."""
    try:
        choice = told["choices"][0]
        message, why = choice["message"], choice.get("finish_reason")
        text, calls = message["content"], message.get("tool_calls")
        if isinstance(text, list):  # parts, as some servers write them
            text = "".join(part["text"] for part in text if part.get("type", "text") == "text")
        if text is None and calls:
            text = json.dumps(calls, ensure_ascii=False)
        if text is None and message.get("refusal"):
            text = message["refusal"]  # it would say this to anybody
        if text is None and why in ("stop", "length"):
            text = ""  # all that it may say went into thinking, which is no answer
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        return None
    read, written = _counted(told.get("usage"))
    if why == "content_filter":
        return Reply(None, read, written, seconds, why="content_filter")
    if not isinstance(text, str):
        return None
    whole = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")  # half an emoji: no file would take it
    return Reply(whole, read, written, seconds, cut=why == "length")


def _counted(usage: Any) -> tuple[int, int]:
    """The tokens that a server says it read and wrote; an answer is one whatever stands there."""
    usage = usage if isinstance(usage, dict) else {}
    read, written = (usage.get(key) for key in ("prompt_tokens", "completion_tokens"))
    return read if isinstance(read, int) and read > 0 else 0, written if isinstance(written, int) and written > 0 else 0
