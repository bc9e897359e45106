"""The rows of the raw data, clean and spoilt, before they are written to files.

First the clean messages, which depend on the seed alone, so that the same seed with other dirt has the same messages. Then every
kind of dirt takes its share of them; no message serves two kinds, so that each kind's truth stands by itself.
"""

from __future__ import annotations

import dataclasses
import datetime
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from dadeum.demo import dirt
from dadeum.demo.dirt import Row
from dadeum.demo.grammar import LABELS, LANGUAGES, Voice, grammar

CUSTOMERS: Final = 120
MACHINES: Final = 4
"""Customers whose systems write by themselves: a language and a category each."""
QUESTIONS: Final = 200
PAGES: Final = 40
ANNOTATORS: Final = ("kim", "lee", "park", "jones", "smith")
FIRST_DAY: Final = datetime.date(2025, 1, 6)
LONG: Final = 60
"""A benchmark question has at least so many characters: a short one is part of other messages by chance."""
PAGE: Final = ("<html", "<body>", "<p>", "</p>")
LIKE: Final = re.compile(r"[\W_]+")


def messages(seed: int, rows: int) -> list[Row]:
    """`rows` clean messages of 120 customers, half Korean and half English, the categories evenly; no two the same."""
    return _written(f"{seed}/messages", "c", CUSTOMERS, rows, set())


def questions(seed: int, taken: list[Row]) -> list[Row]:
    """The benchmark: messages of customers who are not in the raw data, none half of which stands in one of `taken` by chance."""
    standing: dict[str, list[int]] = {}
    for i, row in enumerate(taken):
        for gram in _grams(row.text):
            standing.setdefault(gram, []).append(i)

    def foreign(text: str) -> bool:
        grams = _grams(text)
        shared = Counter(i for gram in grams for i in standing.get(gram, ()))
        return len(text) >= LONG and max(shared.values(), default=0) < len(grams) / 2

    return _written(f"{seed}/benchmark", "b", CUSTOMERS // 4, QUESTIONS, set(), foreign)


def _written(name: str, mark: str, customers: int, n: int, taken: set[str], fits: Callable[[str], bool] = bool) -> list[Row]:
    voices = []
    for c in range(customers):
        language = LANGUAGES[c % 2]
        voices.append((f"{mark}{c:03d}", language, Voice.of(grammar(language), random.Random(f"{name}/voice/{c}"))))
    made: list[Row] = []
    rng = random.Random(name)
    while len(made) < n:
        i = len(made)
        customer, language, voice = voices[i % customers]
        label = LABELS[i // customers % len(LABELS)] if n > customers * len(LABELS) else rng.choice(LABELS)
        text = voice.write(rng, label)
        # A short message may be all there is to say; the like of it is then written anew.
        if not fits(text) or _like(text) in taken:
            continue
        taken.add(_like(text))
        date = FIRST_DAY + datetime.timedelta(days=rng.randrange(300))
        channel = "chat" if rng.random() < 0.6 else "crm"
        made.append(Row(f"{mark}-{i:05d}", customer, language, channel, date.isoformat(), rng.choice(ANNOTATORS), label, label, text, text))
    return made


def _like(text: str) -> str:
    return LIKE.sub("", text).lower()


def _grams(text: str) -> set[str]:
    """The runs of 13 letters and digits: what leaks are looked for by."""
    like = _like(text)
    return {like[i : i + 13] for i in range(len(like) - 12)}


def spoil(clean: list[Row], benchmark: list[Row], seed: int, level: float) -> list[Row]:
    """The raw rows: the messages with dirt at `level` (0 none, 1 all), in the order of the exports."""
    rng = random.Random(f"{seed}/order")
    left = list(range(len(clean)))
    rng.shuffle(left)
    rows = list(clean)
    more: list[Row] = []

    def take(kind: str, share: float) -> Iterator[tuple[int, random.Random]]:
        """Messages for a kind, one after another, each with a random source of its own."""
        wanted = round(share * level * len(clean))
        fits = [i for i in left if _fits(kind, clean[i])][:wanted]
        taken = set(fits)
        left[:] = [i for i in left if i not in taken]
        yield from ((i, random.Random(f"{seed}/{kind}/{i}")) for i in fits)

    for kind, (share, put) in dirt.IN_PLACE.items():
        for i, own in take(kind, share):
            rows[i] = put(own, clean[i])
    for copying, (share, copy) in dirt.COPIES.items():
        for n, (i, own) in enumerate(take(copying, share)):
            more.append(_resent(copy(own, clean[i], f"{clean[i].id}-{copying}"), own))
            if copying == "conflict" and n % 2:
                more.append(_resent(dirt.exact_copy(own, clean[i], f"{clean[i].id}-second"), own))
    for kind, (share, invent) in dirt.NOWHERE.items():
        for n in range(round(share * level * len(clean))):
            own = random.Random(f"{seed}/{kind}/{n}")
            row = dataclasses.replace(own.choice(clean), id=f"{kind}-{n:05d}")
            more.append(invent(own, row))
    more += _machines(seed, round(dirt.FLOOD_SHARE * level * len(clean)))
    more += _leaks(clean, benchmark, seed, round(dirt.LEAK_SHARE * level * len(benchmark)))
    rows += more
    rng.shuffle(rows)
    rows.sort(key=lambda row: row.date)
    # The tools number what comes in, so an id tells nothing of how the row was made.
    numbers = {row.id: f"T-{n:05d}" for n, row in enumerate(rows, 1)}
    return [dataclasses.replace(r, id=numbers[r.id], origin=numbers.get(r.origin, r.origin)) for r in rows]


def _fits(kind: str, row: Row) -> bool:
    return (kind not in dirt.CHAT_ONLY or row.channel == "chat") and dirt.LANGUAGE.get(kind, row.language) == row.language


def _resent(row: Row, rng: random.Random) -> Row:
    """A copy comes some days later, by the other way as often as not where that can hold it."""
    date = datetime.date.fromisoformat(row.date) + datetime.timedelta(days=rng.randint(0, 5))
    return dataclasses.replace(row, date=date.isoformat(), channel=rng.choice(("chat", "crm")))


def _machines(seed: int, n: int) -> list[Row]:
    made = []
    kinds = [(language, label) for language in LANGUAGES for label in grammar(language).flood]
    for i in range(n):
        language, label = kinds[i % MACHINES]
        rng = random.Random(f"{seed}/flood/{i}")
        date = FIRST_DAY + datetime.timedelta(days=i * 300 // n)
        row = Row(f"flood-{i:05d}", f"m{i % MACHINES:03d}", language, "chat", date.isoformat(), "system", label, label, "", "")
        made.append(dirt.flood(rng, row))
    return made


def _leaks(clean: list[Row], benchmark: list[Row], seed: int, n: int) -> list[Row]:
    """Questions of the benchmark as messages of customers, a third of them inside a longer message."""
    made = []
    rng = random.Random(f"{seed}/leak")
    for i, question in enumerate(rng.sample(benchmark, n)):
        host = rng.choice([row for row in clean[:600] if row.language == question.language])
        text = question.text if i % 3 else f"{rng.choice(grammar(question.language).opening[:3])} {question.text}"
        row = dataclasses.replace(host, id=f"leak-{i:05d}", label=question.label, told=question.label, text=text, clean=text)
        made.append(dataclasses.replace(row, origin=question.id).spoilt("leak", "dropped"))
    return made


def pages(seed: int) -> list[Row]:
    """Messages of a web form that nobody has sorted yet: they have no category, with or without dirt."""
    made = _written(f"{seed}/pages", "w", CUSTOMERS // 4, PAGES, set())
    return [dataclasses.replace(r, kinds=("unlabelled",), marks=PAGE, outcome="dropped", channel="form", told="") for r in made]
