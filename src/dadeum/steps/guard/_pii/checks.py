"""Check digits and calendars: pure functions on strings of digits.

Sources: the published rules of Korea's resident, foreigner, business and corporate numbers, ISO/IEC 7812 (Luhn), GS1 (EAN-13), ISO 13616
(IBAN), the US Social Security Administration. Since October 2020 the last seven digits of a new resident number but the first are random: a right check digit raises confidence, a
wrong one says nothing.
"""

from __future__ import annotations

import datetime
import ipaddress
from typing import Final

CENTURY: Final = {"9": 1800, "0": 1800, "1": 1900, "2": 1900, "5": 1900, "6": 1900, "3": 2000, "4": 2000, "7": 2000, "8": 2000}
LAST_YEAR: Final = 2039
"""Nobody has a number with a later year of birth. A fixed year: today's date must not change an answer."""


def luhn(digits: str) -> bool:
    """
    >>> luhn("4111111111111111"), luhn("4111111111111112")
    (True, False)
    """
    doubled = [int(d) * (2 if i % 2 else 1) for i, d in enumerate(reversed(digits))]
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


def born(digits: str) -> bool:
    """Do the first seven digits of a resident or foreigner number name a day?

    >>> born("8001011234567"), born("8002301234567"), born("8801043015653")
    (True, False, False)
    """
    year = CENTURY[digits[6]] + int(digits[:2])
    try:
        datetime.date(year, int(digits[2:4]), int(digits[4:6]))
    except ValueError:
        return False
    return year <= LAST_YEAR


def resident(digits: str) -> bool:
    """The check digit of a resident (1-4, 9, 0) or foreigner (5-8) number."""
    total = sum(int(d) * w for d, w in zip(digits, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)))
    return ((13 if digits[6] in "5678" else 11) - total % 11) % 10 == int(digits[12])


def barcode(digits: str) -> bool:
    """A Korean EAN-13: begins with 880, and its check digit is right.

    >>> barcode("8801043015653")
    True
    """
    total = sum(int(d) * (3 if i % 2 else 1) for i, d in enumerate(digits[:12]))
    return digits.startswith("880") and (10 - total % 10) % 10 == int(digits[12])


def business(digits: str) -> bool:
    """The check digit of a business registration number.

    >>> business("1208147521"), business("1248100998"), business("1208147522")
    (True, True, False)
    """
    total = sum(int(d) * w for d, w in zip(digits, (1, 3, 7, 1, 3, 7, 1, 3, 5))) + int(digits[8]) * 5 // 10
    return (10 - total % 10) % 10 == int(digits[9])


def corporate(digits: str) -> bool:
    """The check digit of a corporate registration number (13 digits, weights 1 and 2 in turn).

    >>> corporate("1301110006246"), corporate("1301110006247")
    (True, False)
    """
    total = sum(int(d) * (2 if i % 2 else 1) for i, d in enumerate(digits[:12]))
    return (10 - total % 10) % 10 == int(digits[12])


def product(digits: str) -> bool:
    """An EAN-13 of a book (978, 979) or of a Korean product (880), by its check digit.

    >>> product("9788936434267"), product("9788936434268")
    (True, False)
    """
    total = sum(int(d) * (3 if i % 2 else 1) for i, d in enumerate(digits[:12]))
    return digits[:3] in ("978", "979", "880") and (10 - total % 10) % 10 == int(digits[12])


def iban(text: str) -> bool:
    """ISO 13616: the country's four moved to the end, letters as 10 to 35, the rest of the division by 97 is 1.

    >>> iban("GB82WEST12345698765432"), iban("GB82WEST12345698765433")
    (True, False)
    """
    moved = text[4:] + text[:4]
    return int("".join(str(int(c, 36)) for c in moved)) % 97 == 1


def social(digits: str) -> bool:
    """A US Social Security number that may have been given out: no area 000, 666 or 9xx, no group 00, no serial 0000.

    >>> social("536904399"), social("000123456"), social("078051120")
    (True, False, False)
    """
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    return area not in ("000", "666") and area[0] != "9" and group != "00" and serial != "0000" and digits not in ("078051120", "219099999", "123456789")


def address(text: str) -> bool:
    """An IP address of somebody: not the loopback, the unspecified, a multicast one, or one reserved for documents."""
    try:
        ip = ipaddress.ip_address(text)
    except ValueError:
        return False
    documents = any(ip in net for net in DOCUMENTS if net.version == ip.version)
    return not (ip.is_loopback or ip.is_unspecified or ip.is_multicast or documents or text == "255.255.255.255")


DOCUMENTS: Final = [ipaddress.ip_network(net) for net in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")]
"""RFC 5737 and RFC 3849: where surrogates come from."""


def country(digits: str) -> int:
    """How many digits of an international number are its country code (ITU E.164).

    >>> country("4155552671"), country("12125550100"), country("85212345678")
    (2, 1, 3)
    """
    return 1 if digits[0] in "17" else 2 if digits[:2] in TWO else 3


def service(digits: str) -> int:
    """How many digits of a Korean number, its zero included, say the service or the region: 02, 031, 010, 0505."""
    return 2 if digits.startswith("02") else 4 if digits.startswith("050") else 3


TWO: Final = frozenset(map(str, [20, 27, *range(30, 35), 36, 39, 40, 41, *range(43, 50), *range(51, 59), *range(60, 67), 81, 82, 84, 86, *range(90, 96), 98]))
"""The country codes of two digits."""
