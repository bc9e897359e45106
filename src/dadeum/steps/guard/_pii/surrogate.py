"""What stands in for a value: the same shape, and nobody's.

| kind     | why it can't be real                                                            |
|----------|---------------------------------------------------------------------------------|
| email    | example.com belongs to no one (RFC 2606)                                        |
| phone    | the exchange is all zeros: 010-0000-1234, 02-000-1234, +44 0000 001234          |
| resident | born in the month 13                                                            |
| card     | its Luhn check fails                                                            |
| business | its office is 000, and its check digit fails                                    |
| ip       | from the networks for documents (RFC 5737, RFC 3849)                            |

The digits come from the record's id and the order of the value in the record, never from the value: who has the surrogate has
nothing to guess from. Separators and widths are those of the value.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from dadeum.steps.guard._pii import checks
from dadeum.steps.guard._pii.find import FOLD, Kind

MASKS: dict[str, str] = {
    "email": "[EMAIL]",
    "phone": "[PHONE]",
    "resident": "[RRN]",
    "card": "[CARD]",
    "business": "[BRN]",
    "ip": "[IP]",
}
NETWORKS = ("192.0.2", "198.51.100", "203.0.113")
NUMERALS = "공일이삼사오육칠팔구"
LETTERS = "abcdefghijkmnpqrstuvwxyz"


def surrogate(value: str, kind: Kind, seed: str) -> str:
    """A stand-in for `value`; the same seed gives the same one."""
    folded = value.translate(FOLD)
    draw = _numbers(seed)
    if kind == "email":
        return _email(folded, draw)
    if kind == "ip":
        if ":" in folded:
            return f"2001:db8::{next(draw) % 0xFFFF + 1:x}:{next(draw) % 0xFFFF + 1:x}"
        return f"{NETWORKS[next(draw) % 3]}.{next(draw) % 254 + 1}"
    if kind == "phone" and not any(c.isdigit() for c in folded[1:]):
        return _spoken(value, draw)
    made = _DIGITS[kind](folded, draw)
    fill = iter(made)
    out = []
    for shown, plain in zip(value, folded):
        if plain in "0123456789":
            digit = next(fill)
            out.append(digit if shown == plain else chr(ord(digit) + 0xFEE0))
        else:
            out.append(shown)
    return "".join(out)


def _numbers(seed: str) -> Iterator[int]:
    at = 0
    while True:
        block = hashlib.blake2b(f"{seed}\0{at}".encode(), digest_size=64).digest()
        yield from (int.from_bytes(block[i : i + 4], "big") for i in range(0, 64, 4))
        at += 1


def _random(n: int, draw: Iterator[int]) -> list[str]:
    return [str(next(draw) % 10) for _ in range(n)]


def _email(value: str, draw: Iterator[int]) -> str:
    local = re.match(r"[A-Za-z0-9._%+-]*", value)
    made = [
        LETTERS[next(draw) % len(LETTERS)] if c.isalpha() else str(next(draw) % 10) if c.isdigit() else c for c in (local[0] if local else "")
    ]
    return f"{''.join(made)}@example.com"


def _spoken(value: str, draw: Iterator[int]) -> str:
    places = [i for i, c in enumerate(value) if c in NUMERALS + "영빵륙"]
    out = list(value)
    for i in places[3:-4]:
        out[i] = "공"
    for i in places[-4:]:
        out[i] = NUMERALS[next(draw) % 10]
    return "".join(out)


def _phone(value: str, draw: Iterator[int]) -> list[str]:
    plain = [c for c in value if c in "0123456789"]
    text = "".join(plain)
    last = _random(4, draw)
    if value.lstrip(" (").startswith("+") or text.startswith("0082"):
        code = 4 if text.startswith("0082") else checks.country(text)
        rest = plain[code:]
        service = 0
        if text[:code].endswith("82"):
            zero = 1 if rest[0] == "0" else 0
            service = zero + checks.service("0" + "".join(rest[zero:])) - 1
        kept = plain[: code + service]
    elif text.startswith("07") and text[2] != "0":
        kept = plain[:2]
    elif text.startswith("0"):
        kept = plain[: checks.service(text)]
    else:
        kept = plain[: len(plain) - 10]
    return [*kept, *["0"] * (len(plain) - len(kept) - 4), *last]


def _resident(value: str, draw: Iterator[int]) -> list[str]:
    n = sum(c in "0123456789" for c in value)
    day = next(draw) % 28 + 1
    return [*_random(2, draw), "1", "3", *f"{day:02d}", str(next(draw) % 4 + 1), *_random(n - 7, draw)]


def _card(value: str, draw: Iterator[int]) -> list[str]:
    n = sum(c in "0123456789" for c in value)
    made = [next(c for c in value if c in "0123456789"), *_random(n - 1, draw)]
    if checks.luhn("".join(made)):
        made[-1] = str((int(made[-1]) + 1) % 10)
    return made


def _business(value: str, draw: Iterator[int]) -> list[str]:
    made = ["0", "0", "0", *_random(7, draw)]
    if checks.business("".join(made)):
        made[-1] = str((int(made[-1]) + 1) % 10)
    return made


_DIGITS = {"phone": _phone, "resident": _resident, "card": _card, "business": _business}
