"""What stands in for a value: the same shape, and nobody's.

| kind      | why it can't be real                                                              |
|-----------|-----------------------------------------------------------------------------------|
| email     | example.com belongs to no one (RFC 2606)                                          |
| phone     | the exchange is all zeros: 010-0000-1234, 02-000-1234, +44 0000 001234            |
| hotline   | its number is 0000                                                                |
| resident  | born in the month 13                                                              |
| card      | its Luhn check fails                                                              |
| business  | its office is 000, and its check digit fails                                      |
| corporate | the registry office is 0000                                                       |
| driver    | the region and the year are 00                                                    |
| passport  | numbers that begin with 000 are not given out                                     |
| customs   | begins with P0000                                                                 |
| account   | begins with 0000: no bank's subject code                                          |
| plate     | its number is 0000                                                                |
| address   | the road is called 아무로 (Nowhere), and no house number begins with a zero       |
| iban      | the check digits 00 are never given                                               |
| ssn       | the area 000 is never given (SSA)                                                 |
| ip, mac   | from the ranges for documents (RFC 5737, RFC 3849, RFC 7042)                      |
| secret    | ends in EXAMPLE, as AWS's own examples do                                         |
| messenger | holds the word example; no messenger keeps names free, so this one is a convention |
| name      | 홍가나, 홍다란; A. Example: another convention. A Korean one ends as the value does (in a vowel, in ㄹ, in another consonant), so that every particle behind it stays right |
| speaker   | as a name; a handle (happy_dev92) becomes example_1234                            |

The digits come from the record's id and the order of the value in the record, never from the value: who has the surrogate has
nothing to guess from. Separators and widths are those of the value.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from typing import Final

from dadeum.steps.guard._pii import checks
from dadeum.steps.guard._pii.fold import FOLD
from dadeum.steps.guard._pii.spans import Kind

MASKS: Final[dict[str, str]] = {
    "email": "[EMAIL]", "phone": "[PHONE]", "resident": "[RRN]", "card": "[CARD]", "business": "[BRN]", "ip": "[IP]", "corporate": "[CRN]", "driver": "[DRIVER]",
    "passport": "[PASSPORT]", "account": "[ACCOUNT]", "plate": "[PLATE]", "address": "[ADDRESS]", "customs": "[CUSTOMS]", "messenger": "[MESSENGER]",
    "iban": "[IBAN]", "ssn": "[SSN]", "mac": "[MAC]", "secret": "[SECRET]", "hotline": "[HOTLINE]", "name": "[NAME]",
    "speaker": "[SPEAKER]",
}  # fmt: skip
NETWORKS = ("192.0.2", "198.51.100", "203.0.113")
NUMERALS = "공일이삼사오육칠팔구"
LETTERS = "abcdefghijkmnpqrstuvwxyz"
PREFIX: Final = re.compile(r"github_pat_|glpat-|sk-(?:proj-|ant-|svcacct-)?|xox[abeprs]-|[a-z][a-z0-9]{1,5}_(?:live_|test_)?|A[KS]IA|AIza|SG\.|https://hooks\.slack\.com/services/|SK|key-|dapi|dop_v1_|pypi-|ya29\.|lin_api_|dckr_pat_|sntrys_|xai-|NRAK-|hvs\.")


def surrogate(value: str, kind: Kind, seed: str) -> str:
    """A stand-in for `value`; the same seed gives the same one."""
    folded = value.translate(FOLD)
    draw = _numbers(seed)
    if kind == "phone" and not any(c.isdigit() for c in folded[1:]):
        return _spoken(value, draw)
    if kind in _DIGITS:
        return _filled(value, folded, _DIGITS[kind](folded, draw))
    return _WORDS[kind](folded, draw)


def _filled(value: str, folded: str, made: list[str]) -> str:
    """`value` with other digits, in the width of its own."""
    fill = iter(made)
    out = []
    for shown, plain in zip(value, folded):
        if plain in "0123456789":
            digit = next(fill)
            out.append(chr(ord(digit) + 0xFEE0) if "\uff10" <= shown <= "\uff19" else digit)
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


def _like(text: str, draw: Iterator[int]) -> str:
    """The same classes of characters: small letters, capitals, digits; others as they are."""
    made = []
    for c in text:
        letter = LETTERS[next(draw) % len(LETTERS)]
        made.append(letter if "a" <= c <= "z" else letter.upper() if "A" <= c <= "Z" else str(next(draw) % 10) if c.isdigit() else c)
    return "".join(made)


def _email(value: str, draw: Iterator[int]) -> str:
    local = re.match(r"[A-Za-z0-9._%+-]*", value)
    made = [
        LETTERS[next(draw) % len(LETTERS)] if c.isalpha() else str(next(draw) % 10) if c.isdigit() else c for c in (local[0] if local else "")
    ]
    return f"{''.join(made)}@example.com"


def _ip(value: str, draw: Iterator[int]) -> str:
    if ":" in value:
        return f"2001:db8::{next(draw) % 0xFFFF + 1:x}:{next(draw) % 0xFFFF + 1:x}"
    return f"{NETWORKS[next(draw) % 3]}.{next(draw) % 254 + 1}"


def _mac(value: str, draw: Iterator[int]) -> str:
    made = f"00005E0053{next(draw) % 256:02X}"
    joined = value[2].join(made[i : i + 2] for i in range(0, 12, 2))
    return joined if value.upper() == value else joined.lower()


def _iban(value: str, draw: Iterator[int]) -> str:
    return f"{value[:2]}00{_like(value[4:], draw)}"


def _passport(value: str, draw: Iterator[int]) -> str:
    rest = re.sub(r"^[A-Za-z]*", "", value)
    letters = "".join(LETTERS[next(draw) % len(LETTERS)].upper() for _ in value[: len(value) - len(rest)])
    return f"{letters}000{_like(rest[3:], draw)}"


def _secret(value: str, draw: Iterator[int]) -> str:
    if value.startswith("-----BEGIN"):
        head, tail = re.match(r"-----[^-\n]*-----", value), re.search(r"-----END[^-\n]*-----$", value)
        return f"{head[0] if head else ''}\nEXAMPLE{next(draw):08d}\n{tail[0] if tail else ''}"
    prefix = PREFIX.match(value)
    kept = prefix[0] if prefix and len(value) >= 16 else ""
    if value.isdigit():
        return "EXAMPLE" + "".join(_random(len(value), draw))
    return f"{kept}{_like(value[len(kept) : max(len(kept), len(value) - 7)], draw)}EXAMPLE"


def _messenger(value: str, draw: Iterator[int]) -> str:
    return f"example_{''.join(_random(max(4, len(value) - 8), draw))}"


def _address(value: str, draw: Iterator[int]) -> str:
    number = "".join(["0", str(next(draw) % 9 + 1), *_random(2, draw)])
    if value.isascii():
        return f"{number} Nowhere Street"
    return f"아무시 아무구 아무{'동' if re.search('[동리가] (?:산 ?)?[0-9]', value) else '로'} {number}"


def _name(value: str, draw: Iterator[int]) -> str:
    last = ord(value[-1]) - 0xAC00
    if not 0 <= last < 11172:
        return "".join(f"{chr(ord('A') + next(draw) % 26)}. " for _ in range(2)) + "Example"
    final = {0: 0, 8: 8}.get(last % 28, 4)  # none, ㄹ, or ㄴ for all others: 이 and 가, 으로 and 로 go by these
    open_ = "가나다라마바사아자차카타파하"
    return f"홍{open_[next(draw) % 14]}{chr(ord(open_[next(draw) % 14]) + final)}"


def _speaker(value: str, draw: Iterator[int]) -> str:
    letters = [c for c in value if c.isalpha()]
    if any("가" <= c <= "힣" for c in letters):
        return _name(next(c for c in reversed(letters) if "가" <= c <= "힣"), draw)
    handle = value.isascii() and " " not in value and (not value.isalpha() or value.islower())
    return f"example_{''.join(_random(4, draw))}" if handle else _name(value, draw)


def _spoken(value: str, draw: Iterator[int]) -> str:
    places = [i for i, c in enumerate(value) if c in NUMERALS + "영빵륙"]
    out = list(value)
    for i in places[3:-4]:
        out[i] = "공"
    for i in places[-4:]:
        out[i] = NUMERALS[next(draw) % 10]
    return "".join(out)


def _count(value: str) -> int:
    return sum(c in "0123456789" for c in value)


def _phone(value: str, draw: Iterator[int]) -> list[str]:
    plain = [c for c in value if c in "0123456789"]
    text = "".join(plain)
    last = _random(4, draw)
    bare = text.startswith("8210") and len(text) == 12
    if value.lstrip(" (").startswith("+") or text.startswith("0082") or bare:
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
        kept = plain[: max(0, len(plain) - 10)]
    return [*kept, *["0"] * (len(plain) - len(kept) - 4), *last]


def _resident(value: str, draw: Iterator[int]) -> list[str]:
    day = next(draw) % 10 + 1  # later days are classes of corporate numbers
    return [*_random(2, draw), "1", "3", *f"{day:02d}", str(next(draw) % 4 + 1), *_random(_count(value) - 7, draw)]


def _card(value: str, draw: Iterator[int]) -> list[str]:
    made = [next(c for c in value if c in "0123456789"), *_random(_count(value) - 1, draw)]
    if checks.luhn("".join(made)):
        made[-1] = str((int(made[-1]) + 1) % 10)
    return made


def _business(value: str, draw: Iterator[int]) -> list[str]:
    made = ["0", "0", "0", *_random(7, draw)]
    if checks.business("".join(made)):
        made[-1] = str((int(made[-1]) + 1) % 10)
    return made


def _zeros(n: int) -> Callable[[str, Iterator[int]], list[str]]:
    """Digits that begin with so many zeros."""
    return lambda value, draw: [*"0" * n, *_random(_count(value) - n, draw)]


def _hotline(value: str, draw: Iterator[int]) -> list[str]:
    return [*[c for c in value if c in "0123456789"][:-4], *"0000"]


def _plate(value: str, draw: Iterator[int]) -> list[str]:
    return [str(next(draw) % 9 + 1), *_random(_count(value) - 5, draw), *"0000"]


_DIGITS: Final = {
    "phone": _phone, "resident": _resident, "card": _card, "business": _business, "corporate": _zeros(6), "driver": _zeros(4), "customs": _zeros(4),
    "account": _zeros(4), "ssn": _zeros(3), "hotline": _hotline, "plate": _plate,
}  # fmt: skip
_WORDS: Final = {
    "email": _email, "ip": _ip, "mac": _mac, "iban": _iban, "passport": _passport, "secret": _secret, "messenger": _messenger, "address": _address,
    "name": _name, "speaker": _speaker,
}  # fmt: skip
