"""Support messages by rule: a grammar per language, a voice per customer.

A message is opening, what went well, the core, what is asked, closing; only the core says what it is about. `done` mentions
another category as settled ("the refund went well"), so single words mislead and the sentence has to be read. Each customer has
its own products, its own half of the cores and its own habits, so that customers held out bring words and sentences of their own.

    voice = Voice.of(grammar("ko"), random.Random("customer 1"))
    voice.write(random.Random("message 1"), "delivery")
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, Final, Literal

from dadeum.recipe import parse

Language = Literal["ko", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("ko", "en")
LABELS: Final = ("delivery", "refund", "payment", "account", "fault")

SLOT: Final = re.compile(r"\{(\w+)(?::(\w))?\}")
PARTICLES: Final = {"를": "을", "가": "이", "는": "은", "와": "과"}
"""Particle after a vowel -> after a consonant; 로 has its own rule."""
DIGIT_FINALS: Final = {"0": 21, "1": 8, "3": 16, "6": 1, "7": 8, "8": 8}
"""Final consonant (as in a syllable's code) of the digits as they are read: 영, 일, 삼, 육, 칠, 팔."""
RIEUL: Final = 8


@dataclass(frozen=True)
class Grammar:
    """One language's lists, as in its YAML file."""

    language: Language
    slots: dict[str, list[str]]
    opening: list[str]
    done: dict[str, list[str]]
    core: dict[str, list[str]]
    ask: list[str]
    closing: list[str]
    flood: dict[str, str]
    """What machines write, by category: one template, other numbers each time."""
    empty: list[str]
    runaway: list[str]
    personal: dict[str, list[str]]
    """Sentences that give a `{value}` away, by kind of personal data."""

    def fill(self, rng: random.Random, template: str, own: dict[str, list[str]] | None = None) -> str:
        """The template with words in its slots (`own` lists go first) and digits 1-9 for every #."""
        words = {**self.slots, **(own or {})}

        def word(match: re.Match[str]) -> str:
            told = digits(rng, rng.choice(words[match[1]]))
            return told + (particle(told, match[2]) if match[2] else "")

        return digits(rng, SLOT.sub(word, template))


@cache
def grammar(language: Language) -> Grammar:
    """The grammar of a language (read once)."""
    text = resources.files("dadeum.demo").joinpath(f"{language}.yaml").read_text(encoding="utf-8")
    told: dict[str, Any] = parse(text, f"{language}.yaml")
    return Grammar(language, **told)


@dataclass(frozen=True)
class Voice:
    """How one customer writes."""

    grammar: Grammar
    own: dict[str, list[str]]
    cores: dict[str, list[str]]
    habits: dict[str, float] = field(default_factory=dict)
    """part -> how often it is written."""

    @classmethod
    def of(cls, grammar: Grammar, rng: random.Random) -> Voice:
        """A customer with five products and half of the cores of every category."""
        own = {"product": rng.sample(grammar.slots["product"], 5), "order": [rng.choice(grammar.slots["order"])]}
        cores = {label: rng.sample(lines, (len(lines) + 1) // 2) for label, lines in grammar.core.items()}
        habits = {"opening": rng.uniform(0.4, 0.9), "done": rng.uniform(0.1, 0.6), "ask": rng.uniform(0.3, 0.8), "closing": rng.uniform(0.1, 0.5)}
        return cls(grammar, own, cores, habits)

    def write(self, rng: random.Random, label: str) -> str:
        """One message about `label`."""
        others = [other for other in LABELS if other != label]
        parts = {
            "opening": self.grammar.opening,
            "done": self.grammar.done[rng.choice(others)],
            "core": self.cores[label],
            "ask": self.grammar.ask,
            "closing": self.grammar.closing,
        }
        said = [rng.choice(lines) for part, lines in parts.items() if part == "core" or rng.random() < self.habits[part]]
        return " ".join(self.grammar.fill(rng, line, self.own) for line in said)


def digits(rng: random.Random, pattern: str) -> str:
    """A digit 1-9 for every #.

    >>> len(digits(random.Random(1), "A-###"))
    5
    """
    return re.sub("#", lambda _: str(rng.randint(1, 9)), pattern)


def particle(word: str, form: str) -> str:
    """The Korean particle `form` (as it stands after a vowel) in the form that fits the end of `word`.

    >>> [w + particle(w, "로") for w in ("회사", "서울", "집")], "책" + particle("책", "를")
    (['회사로', '서울로', '집으로'], '책을')
    """
    last = word[-1]
    final = (ord(last) - 0xAC00) % 28 if "가" <= last <= "힣" else DIGIT_FINALS.get(last, 0)
    if form == "로":
        return "으로" if final not in (0, RIEUL) else "로"
    return PARTICLES.get(form, form) if final else form
