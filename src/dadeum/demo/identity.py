"""Personal data that is nobody's, in the form of real data, so that a detector has to find it.

E-mail addresses lie under `internal` and `alt`, which ICANN and RFC 9476 keep out of the public name space (the `example` names of
RFC 2606 would not do: they say themselves that they are no addresses). Mobile numbers begin with 011 and 016 to 019, of which the
last was retired with 2G in 2021. Resident registration numbers have a right check digit and a birthday from 1800 to 1859: the
numbers came in 1968. Card numbers are those that payment networks publish for tests.
"""

from __future__ import annotations

import random
from typing import Final

KINDS: Final = ("email", "phone", "rrn", "card")

NAMES: Final = ("minsu", "jiwon", "haeun", "dohyun", "soyeon", "alex", "emma", "oliver", "grace", "henry", "nora", "sam")
DOMAINS: Final = ("mail.internal", "corp.internal", "shop.internal", "post.alt", "office.alt")
MOBILE: Final = ("011", "016", "017", "018", "019")
CARDS: Final = (
    "4111111111111111",
    "4012888888881881",
    "4242424242424242",
    "5555555555554444",
    "5105105105105100",
    "6011111111111117",
    "3530111333300000",
)
WEIGHTS: Final = (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)


def invent(rng: random.Random, kind: str) -> str:
    """One invented value of a kind (see KINDS)."""
    if kind == "email":
        return f"{rng.choice(NAMES)}{rng.choice(('', '.', '_'))}{rng.randint(10, 9999)}@{rng.choice(DOMAINS)}"
    if kind == "phone":
        mark = rng.choice(("-", "-", " ", ""))
        return f"{rng.choice(MOBILE)}{mark}{rng.randint(200, 9999)}{mark}{rng.randint(0, 9999):04d}"
    if kind == "rrn":
        return resident(rng)
    number = rng.choice(CARDS)
    mark = rng.choice(("-", " ", ""))
    return mark.join(number[i : i + 4] for i in range(0, 16, 4))


def resident(rng: random.Random) -> str:
    """A resident registration number of somebody born from 1800 to 1859.

    >>> number = resident(random.Random(0)).replace("-", "")
    >>> number[6] in "90", (11 - sum(w * int(d) for w, d in zip(WEIGHTS, number)) % 11) % 10 == int(number[-1])
    (True, True)
    """
    head = f"{rng.randint(0, 59):02d}{rng.randint(1, 12):02d}{rng.randint(1, 28):02d}{rng.choice('90')}{rng.randint(0, 99999):05d}"
    check = (11 - sum(w * int(d) for w, d in zip(WEIGHTS, head)) % 11) % 10
    return f"{head[:6]}-{head[6:]}{check}"
