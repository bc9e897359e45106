"""Numbers and addresses of the whole world: e-mail, cards, telephones, IBAN, IP, MAC, US numbers, passports, street addresses;
and what looks like one of them but is known to be something else.

Python's `\\b` takes Hangul for a letter, so a pattern that ends in it dies before a particle (`a@b.kr으로`, `192.168.0.1에서`). The
boundaries here speak of digits and ASCII letters alone. Every repeat is bounded: no text takes more than linear time.
"""

from __future__ import annotations

import datetime
import re
from typing import Final

from dadeum.steps.guard._pii import checks
from dadeum.steps.guard._pii.spans import CONTEXT, L, R, digits, near, pattern, words

HOST: Final = r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9])"
LOCAL: Final = r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9_][A-Za-z0-9._%+-]{0,63}"
RESERVED: Final = re.compile(r"(?:^|[.@])(?:example\.(?:com|net|org|kr|co\.kr)|[^.@]+\.(?:invalid|test|example|localhost))$", re.IGNORECASE)
FILE: Final = re.compile(r"\.(?:png|jpe?g|gif|svg|webp|css|js|ts|json|html?|py|md|txt|pdf)$", re.IGNORECASE)
PROVIDERS: Final = (
    "네이버", "지메일", "쥐메일", "다음", "한메일", "핫메일", "카카오", "naver", "gmail", "daum", "hanmail", "nate", "kakao", "hotmail",
)  # fmt: skip
PROVIDER: Final = rf"(?:{'|'.join(PROVIDERS)})"
DOTCOM: Final = r"\s{0,3}(?:닷|쩜|점|\.|dot)\s{0,3}(?:컴|넷|com|net)"
SPELT: Final = ("골뱅이", "(at)", "[at]")
TWELVE: Final = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[01]\d|2[0-3])[0-5]\d(?:[0-5]\d)?")

_CARD = words(r"카드|card|credit|\bcc\b|visa|비자|master|마스터|amex|결제")
_PHONE = words(r"전화|연락|핸드폰|휴대폰|휴대전화|번호|문의|팩스|☎|☏|phone|mobile|cell|tel\b|tel[.:]|fax|call|contact|whatsapp|text\b|txt\b|reach me")
_CALL = words(r"전화|연락처|핸드폰|휴대폰|휴대전화|팩스|☎|☏|phone|mobile|cell|\btel\b|tel[.:]|fax|\bcall\b|whatsapp")
_VERSION = words(r"(?:version|ver\.?|버전|release|build|rev\.?|펌웨어|firmware|빌드|릴리스|v)\s{0,3}[:.=]?\s{0,3}$")
_NUMBERED = words(r"\s{0,3}(?:버전|절|장|항|판|version\b)")
_NETWORK = words(r"\bip|아이피|주소|서버|접속|호스트|address|host|server|ping|addr|dns|network|네트워크")
_PASSPORT = words(r"여권|passport")
_SSN = words(r"ssn|social\s{0,2}security|사회\s?보장")
_IBAN = words(r"iban")
_BBAN = words(r"bban|account|계좌|은행")
_DRIVER = words(r"driver|면허")
TOLD: Final = (_CARD, _PHONE, _CALL, _NETWORK, _PASSPORT, _SSN, _IBAN, _BBAN, _DRIVER)
"""The words that say what a number is."""


def _email(match: re.Match[str], text: str) -> float:
    git = match[0].lower().startswith("git@") and text[match.end() : match.end() + 1] == ":"
    return 0.0 if RESERVED.search(match[0]) or ".." in match[0] or FILE.search(match[0]) or git else 0.95


def _reserved(match: re.Match[str], text: str) -> float:
    return 1.0 if RESERVED.search(match[0]) else 0.0


def _card(match: re.Match[str], text: str) -> float:
    number = digits(match[0])
    if not checks.luhn(number):
        return 0.0
    told, apart = near(match, text, _CARD, after=12), len(match[0]) > len(number)
    return 0.95 if told else 0.8 if apart else 0.4


def _abroad(match: re.Match[str], text: str) -> float:
    number = digits(match[0].replace("(0)", ""))
    if match[0].startswith("00"):  # 007 12 34: it takes a word, where + does not
        number = number[2:] if near(match, text, _PHONE) else ""
    return 0.85 if 8 <= len(number) <= 15 and number[checks.country(number)] != "0" else 0.0


def _told(match: re.Match[str], text: str) -> float:
    number = digits(match[0])
    exchange = number[checks.service(number) : -4]
    return 0.7 if exchange.strip("0") and near(match, text, _PHONE) else 0.0


def _called(match: re.Match[str], text: str) -> float:
    """Numbers of any country: only behind a word that says so, and never one with the zeros of a surrogate."""
    number = digits(match[0])
    if not 7 <= len(number) <= 13 or "000" in number[:-4] or number.endswith("0000") or TWELVE.fullmatch(number) or _dated(match, text):
        return 0.0
    return 0.6 if near(match, text, _CALL, after=6, before=16) else 0.0


def _ip4(match: re.Match[str], text: str) -> float:
    before = text[max(0, match.start() - CONTEXT) : match.start()]
    if not checks.address(match[0]) or _VERSION.search(before) or _NUMBERED.match(text, match.end()):
        return 0.0
    if near(match, text, _NETWORK):
        return 0.9
    # 1.2.3.4 may be a chapter or a release as well: it takes a word to be an address.
    return 0.75 if any(len(octet) > 1 for octet in match[0].split(".")) else 0.0


def _ip6(match: re.Match[str], text: str) -> float:
    groups = [group for group in match[0].split(":") if group]
    like = len(groups) >= 3 and any(len(g) == 4 for g in groups) and any(c.isdigit() for c in match[0])
    return 0.85 if like and checks.address(match[0]) else 0.0


def _mac(match: re.Match[str], text: str) -> float:
    plain = re.sub(r"[:-]", "", match[0]).lower()
    return 0.0 if plain.startswith("00005e0053") or len(set(plain)) == 1 or (plain.isdigit() and not near(match, text, words("mac|맥|ether|wi-?fi|bluetooth"))) else 0.9


def _social(match: re.Match[str], text: str) -> float:
    if not checks.social(digits(match[0])):
        return 0.0
    told = near(match, text, _SSN, after=8)
    return 0.95 if told else 0.75 if match[0].count("-") == 2 else 0.0


def _iban(match: re.Match[str], text: str) -> float:
    plain = re.sub(r"[ -]", "", match[0])
    if not 15 <= len(plain) <= 34 or plain[2:4] in ("00", "01", "99") or len(digits(plain)) < 10:
        return 0.0
    return 0.98 if checks.iban(plain) else 0.55 if near(match, text, _IBAN) else 0.0


def _passport(match: re.Match[str], text: str) -> float:
    return 0.0 if digits(match[0]).startswith("000") or not near(match, text, _PASSPORT) else 0.8


def _american(match: re.Match[str], text: str) -> float:
    return 0.7 if near(match, text, _DRIVER) else 0.0


def _british(match: re.Match[str], text: str) -> float:
    return 0.7 if near(match, text, _BBAN) else 0.0


def _product(match: re.Match[str], text: str) -> float:
    return 0.6 if checks.product(digits(match[0])) else 0.0


def _dated(match: re.Match[str], text: str) -> float:
    """Eight digits in three groups that name a day."""
    groups = re.findall(r"\d+", match[0])[:3]
    if len(groups) < 3 or len(groups[0]) != 4:
        return 0.0
    try:
        datetime.date(*map(int, groups))
    except ValueError:
        return 0.0
    return 0.85 if groups[0][:2] in ("19", "20") else 0.0


_STREETS = r"(?:Street|St|Avenue|Ave|Road|Rd|Drive|Dr|Lane|Ln|Boulevard|Blvd|Court|Ct|Way|Place|Pl|Terrace|Circle|Cir|Parkway|Pkwy|Square|Sq|Crescent|Highway|Hwy|Trail|Close)"
_OTHER = (
    r"(?:(?:주문|운송장|송장|예약|접수|상품|제품|일련|등기|배송|거래|승인)\s?(?:번호|코드)|운송장|송장|모델명|바코드"
    r"|(?:order|tracking|invoice|ticket|case|booking|part|serial|confirmation)\s?(?:no\.?|number|id|#)|isbn|issn|doi|sku|barcode)"
)
PATTERNS: Final = (
    # What is known to be something else.
    pattern("", rf"{LOCAL}@{HOST}", _reserved, ("@",)),
    pattern("", rf"(?<!\d){TWELVE.pattern}(?!\d)", 0.8, digits=12),
    pattern("", r"(?<!\d)\d{4}[-./]\d{1,2}[-./]\d{1,2}(?:[ T]\d{1,2}:\d{2}(?::\d{2})?)?(?!\d)", _dated, digits=6),
    pattern("", r"(?<!\d)(?:978|979|880)(?:[- ]?\d){10}(?!\d)", _product, digits=13),
    pattern("", rf"{_OTHER}\s{{0,2}}[:#은는]?\s{{0,2}}(?P<v>\d[\d -]{{4,24}}\d)", 0.82, digits=2),
    pattern("", r"(?<!\d)(?:192\.0\.2|198\.51\.100|203\.0\.113)\.\d{1,3}(?!\d)", 1.0, digits=6),
    pattern("", r"(?<![A-Za-z0-9])[A-Z]{2}00(?:[ -]?[A-Z0-9]{2,4}){3,8}(?![A-Za-z0-9])", 1.0, flags=re.NOFLAG, digits=2),
    # What is somebody's.
    pattern("email", rf"{LOCAL}@{HOST}", _email, ("@",)),
    pattern("email", rf"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{{2,64}}\s{{0,3}}(?:골뱅이|\(at\)|\[at\])\s{{0,3}}(?:{PROVIDER}(?:{DOTCOM})?|{HOST})", 0.9, SPELT),
    pattern("email", rf"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{{2,64}}(?:\s{{1,3}}at\s{{1,3}}|\s{{0,3}}@\s{{0,3}}){PROVIDER}{DOTCOM}", _email, PROVIDERS),
    pattern("card", rf"{L}(?:[2-69]\d{{3}}(?P<s>[- ]?)\d{{4}}(?P=s)\d{{4}}(?P=s)\d{{4}}|3[47]\d{{2}}(?P<t>[- ]?)\d{{6}}(?P=t)\d{{5}}){R}", _card, digits=15),
    pattern("card", rf"{L}3\d{{3}}(?P<s>[- ])\d{{4}}(?P=s)\d{{4}}(?P=s)\d{{3}}{R}", _card, digits=15),
    pattern("card", rf"{L}(?<![A-Za-z])(?:[2-69]\d{{11,18}}|(?:1800|2131)\d{{11}}){R}", _card, digits=12),
    pattern("phone", rf"{L}0[1-9](?:[- ]?[1-9])(?:[- ]?\d){{6,8}}{R}", _told, digits=9),
    pattern("phone", rf"(?<![\dA-Za-z+])(?:\+(?!82)[1-9]\d{{0,2}}|(?<!\d[-. ])00(?!82)[1-9]\d{{0,2}}(?=[-. ]))[-. ]{{0,2}}(?:\(0\))?[-. (]{{0,2}}[1-9](?:[-. ()]{{0,2}}\d){{5,13}}{R}", _abroad, ("+", "00"), digits=7),
    pattern("phone", rf"{L}(?:1[-. ])?(?:\([2-9]\d{{2}}\) ?|[2-9]\d{{2}}[-. ])[2-9]\d{{2}}[-. ]\d{{4}}{R}", 0.6, digits=10),
    pattern("phone", rf"{L}07[1-9]\d{{2}}[- ]?\d{{3}}[- ]?\d{{3}}{R}", 0.6, digits=11),
    pattern("phone", rf"{L}\(?\d{{2,5}}\)?(?:[-. ]\d{{2,7}}){{1,4}}{R}", _called, digits=4),
    pattern("ssn", rf"{L}\d{{3}}(?P<s>[- ]?)\d{{2}}(?P=s)\d{{4}}{R}", _social, digits=9),
    pattern("iban", r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}[A-Za-z0-9]{11,30}(?![A-Za-z0-9])", _iban, digits=2),
    pattern("iban", r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?:(?P<s>[ -])[A-Z0-9]{4})(?:(?P=s)[A-Z0-9]{4}){1,6}(?:(?P=s)[A-Z0-9]{1,3}){0,2}(?![A-Za-z0-9])", _iban, flags=re.NOFLAG, digits=2),
    pattern("passport", r"(?<![A-Za-z0-9])(?:[A-Z]{1,2}\d{7,8}|\d{9})(?![A-Za-z0-9])", _passport, ("passport", "여권"), re.NOFLAG, digits=7),
    pattern("driver", r"(?<![A-Za-z0-9])[A-Z](?!000)\d{7,14}(?![A-Za-z0-9])", _american, ("driver", "면허"), re.NOFLAG, digits=7),
    pattern("account", r"(?<![A-Za-z0-9])[A-Z]{4}(?!0000)\d{14}(?![A-Za-z0-9])", _british, ("account", "bban", "계좌", "은행"), re.NOFLAG, digits=14),
    pattern("ip", r"(?<![\dA-Za-z.])(?:\d{1,3}\.){3}\d{1,3}(?![\d])(?!\.\d)(?![A-Za-z])", _ip4, (".",), digits=4),
    pattern("ip", r"(?:(?<=ipv6:)|(?<=ip:)|(?<![\dA-Za-z:.]))(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{1,4}(?![\dA-Za-z:])", _ip6, (":",)),
    pattern("mac", r"(?<![0-9A-Za-z:-])[0-9a-f]{2}(?P<s>[:-])(?:[0-9a-f]{2}(?P=s)){4}[0-9a-f]{2}(?![0-9A-Za-z:-])", _mac),
    pattern(
        "address",
        rf"(?<![\w.,])[1-9]\d{{0,5}}[A-Za-z]? (?:[NSEW]\.? )?(?!The )(?:[A-Z][A-Za-z.'-]{{1,20}} ){{1,4}}{_STREETS}\b\.?"
        r"(?:,? (?:Apt|Suite|Ste|Unit|Floor|#)\.? ?\w{1,6})?(?:, [A-Z][A-Za-z.'-]{1,20}(?: [A-Z][A-Za-z.'-]{1,20}){0,2}){0,2}(?:,? [A-Z]{2}(?![A-Za-z]))?(?: \d{5}(?:-\d{4})?(?!\d))?",
        0.75,
        tuple(s.lower() for s in _STREETS[3:-1].split("|")),
        re.NOFLAG,
        digits=1,
    ),
)  # fmt: skip
