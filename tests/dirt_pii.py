"""Personal data of known place and kind in Korean and English sentences, and sentences whose numbers are nobody's.

Values are drawn at random in the shape of the real ones, check digits by formulas of this file's own. Nothing here looks at the
detector; seeds are the caller's.

    level 1   written as forms write it, with a word that says what it is
    level 2   glued to particles, with other separators, without the word where the shape speaks for itself
    level 3   full width, zero-width characters, decomposed Hangul, digits apart or spelt out
"""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple


class Planted(NamedTuple):
    """A sentence with one value: `text[start:end]`."""

    kind: str
    language: str
    level: int
    text: str
    start: int
    end: int


def _digits(rng: random.Random, n: int) -> str:
    return "".join(rng.choices("0123456789", k=n))


def _letters(rng: random.Random, n: int, of: str = "abcdefghijklmnopqrstuvwxyz") -> str:
    return "".join(rng.choices(of, k=n))


def _luhn(head: str) -> str:
    total = 0
    for i, d in enumerate(reversed(head)):
        twice = int(d) * (2 if i % 2 == 0 else 1)
        total += twice // 10 + twice % 10
    return head + str(-total % 10)


def _weighted(head: str, weights: str, modulus: int, start: int) -> str:
    return head + str((start - sum(int(d) * int(w) for d, w in zip(head, weights)) % modulus) % 10)


def resident(rng: random.Random) -> str:
    head = f"{rng.randint(0, 99):02d}{rng.randint(1, 12):02d}{rng.randint(1, 28):02d}"
    sign = rng.choice("12") if int(head[:2]) > 24 else rng.choice("1234")
    if rng.random() < 0.3:  # since October 2020 without a check digit
        return f"{head}-{sign}{_digits(rng, 6)}"
    foreign = rng.random() < 0.2
    sign = str(int(sign) + 4) if foreign else sign
    whole = _weighted(head + sign + _digits(rng, 5), "234567892345", 11, 13 if foreign else 11)
    return f"{whole[:6]}-{whole[6:]}"


def corporate(rng: random.Random) -> str:
    whole = _weighted(f"{rng.choice(('1101', '1301', '1801', '2001'))}{rng.choice(('11', '21', '22'))}{_digits(rng, 6)}", "121212121212", 10, 10)
    return f"{whole[:6]}-{whole[6:]}"


def business(rng: random.Random) -> str:
    head = f"{rng.randint(101, 899)}{rng.randint(1, 89):02d}{_digits(rng, 4)}"
    total = sum(int(d) * int(w) for d, w in zip(head, "137137135")) + int(head[8]) * 5 // 10
    whole = head + str(-total % 10)
    return f"{whole[:3]}-{whole[3:5]}-{whole[5:]}"


def card(rng: random.Random) -> str:
    whole = _luhn(rng.choice("4595") + _digits(rng, 14))
    return "-".join(whole[i : i + 4] for i in range(0, 16, 4))


def iban(rng: random.Random) -> str:
    country, length = rng.choice((("DE", 18), ("GB", 0), ("FR", 23), ("ES", 20), ("NL", -1)))
    body = {0: _letters(rng, 4).upper() + _digits(rng, 14), -1: _letters(rng, 4).upper() + _digits(rng, 10)}.get(length) or _digits(rng, length)
    number = int("".join(str(int(c, 36)) for c in body + country + "00"))
    return f"{country}{98 - number % 97:02d}{body}"


def phone_ko(rng: random.Random) -> str:
    return rng.choice((
        f"010-{rng.randint(2000, 9999)}-{_digits(rng, 4)}", f"02-{rng.randint(200, 9999)}-{_digits(rng, 4)}", f"0{rng.choice((31, 32, 51, 53, 62))}-{rng.randint(200, 999)}-{_digits(rng, 4)}",
        f"070-{rng.randint(4000, 8999)}-{_digits(rng, 4)}", f"050{rng.randint(2, 8)}-{rng.randint(200, 9999)}-{_digits(rng, 4)}", f"+82 10-{rng.randint(2000, 9999)}-{_digits(rng, 4)}",
    ))  # fmt: skip


def phone_en(rng: random.Random) -> str:
    return rng.choice((
        f"({rng.randint(201, 989)}) {rng.randint(201, 999)}-{_digits(rng, 4)}", f"+1-{rng.randint(201, 989)}-{rng.randint(201, 999)}-{_digits(rng, 4)}", f"+44 20 7{_digits(rng, 3)} {_digits(rng, 4)}",
        f"{rng.randint(201, 989)}-{rng.randint(201, 999)}-{_digits(rng, 4)}", f"+49 30 {rng.randint(1000, 9999)}{_digits(rng, 3)}", f"07{rng.randint(100, 999)} {rng.randint(100, 999)} {_digits(rng, 3)}",
    ))  # fmt: skip


def account(rng: random.Random) -> tuple[str, str]:
    bank, shape = rng.choice((("국민은행", (6, 2, 6)), ("신한은행", (3, 3, 6)), ("우리은행", (4, 3, 6)), ("하나은행", (3, 6, 5)), ("농협", (3, 4, 4, 2)), ("기업은행", (3, 6, 2, 3)), ("카카오뱅크", (4, 2, 7))))
    first = f"{rng.randint(110, 999)}{_digits(rng, 3)}"[: shape[0]]
    return bank, "-".join([first, *(_digits(rng, n) for n in shape[1:])])


def _road(rng: random.Random) -> str:
    place = rng.choice(("서울특별시 강남구", "부산 해운대구", "경기도 성남시 분당구", "대전광역시 유성구", "제주시", "강원도 춘천시", "전북 전주시 완산구"))
    return f"{place} {rng.choice(('테헤란로', '중앙로', '판교역로', '백제대로', '한밭대로', '새싹길', '충장로12번길'))} {rng.randint(1, 480)}" + rng.choice(("", f"-{rng.randint(1, 30)}", f" {rng.randint(101, 120)}동 {rng.randint(101, 2503)}호"))


def _lot(rng: random.Random) -> str:
    return f"{rng.choice(('서울 강남구 역삼동', '경기 수원시 팔달구 인계동', '대구 달서구 상인동', '충남 홍성군 홍북읍 신경리'))} {rng.randint(1, 900)}" + rng.choice(("", f"-{rng.randint(1, 60)}", "번지"))


def _street(rng: random.Random) -> str:
    place = rng.choice(("", ", Springfield, IL 62704", ", Portland, OR 97205", ", Apt 4B, Austin, TX 78701"))
    return f"{rng.randint(1, 9800)} {rng.choice(('Maple', 'Oak Hill', 'Martin Luther King', 'Washington', 'St. James', 'West End'))} {rng.choice(('Street', 'Ave', 'Road', 'Drive', 'Blvd', 'Lane', 'Court'))}{place}"


def _secret(rng: random.Random) -> str:
    mixed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    return rng.choice((
        f"AKIA{_letters(rng, 16, mixed[:26] + mixed[52:])}", f"ghp_{_letters(rng, 36, mixed)}", f"sk-proj-{_letters(rng, 40, mixed)}", f"xoxb-{_digits(rng, 11)}-{_letters(rng, 24, mixed)}",
        f"AIza{_letters(rng, 35, mixed)}", f"hf_{_letters(rng, 34, mixed)}", f"eyJ{_letters(rng, 17, mixed)}.eyJ{_letters(rng, 40, mixed)}.{_letters(rng, 43, mixed)}",
    ))  # fmt: skip


def _email(rng: random.Random) -> str:
    name = rng.choice(("minsu", "jiwon.kim", "haeun_lee", "emma", "o.smith", "grace-w")) + rng.choice(("", _digits(rng, 3)))
    return f"{name}@{rng.choice(('naver.com', 'gmail.com', 'hanmail.net', 'corp.co.kr', 'mail.acme-shop.org', 'daum.net'))}"


MAKE: Final[dict[str, dict[str, Callable[[random.Random], str]]]] = {
    "ko": {
        "email": _email, "phone": phone_ko, "resident": resident, "card": card, "business": business, "corporate": corporate,
        "driver": lambda rng: f"{rng.randint(11, 26)}-{_digits(rng, 2)}-{_digits(rng, 6)}-{_digits(rng, 2)}",
        "passport": lambda rng: rng.choice("MSR") + rng.choice((str(rng.randint(10000000, 99999999)), f"{rng.randint(100, 999)}{_letters(rng, 1).upper()}{_digits(rng, 4)}")),
        "account": lambda rng: account(rng)[1],
        "plate": lambda rng: f"{rng.randint(10, 690)}{rng.choice('가나다라마거너더러머버서어저고노로모보소오')}{rng.randint(1000, 9999)}",
        "address": lambda rng: rng.choice((_road, _road, _lot))(rng),
        "customs": lambda rng: f"P{rng.randint(1000, 9999)}{_digits(rng, 8)}",
        "messenger": lambda rng: rng.choice(("happy", "min_su", "kim.jw", "studio")) + _digits(rng, 3),
        "ip": lambda rng: ".".join(str(rng.randint(11, 99)) for _ in range(4)), "iban": iban,
        "mac": lambda rng: rng.choice(":-").join(f"{rng.randint(16, 255):02X}" for _ in range(6)), "secret": _secret,
    },
    "en": {
        "email": _email, "phone": phone_en, "resident": resident, "card": card, "business": business,
        "passport": lambda rng: f"{_letters(rng, 1).upper()}{rng.randint(10000000, 99999999)}", "address": _street,
        "ip": lambda rng: ".".join(str(rng.randint(11, 99)) for _ in range(4)), "iban": iban,
        "mac": lambda rng: rng.choice(":-").join(f"{rng.randint(16, 255):02X}" for _ in range(6)), "secret": _secret,
        "ssn": lambda rng: f"{rng.randint(1, 665):03d}-{rng.randint(1, 99):02d}-{rng.randint(1, 9999):04d}",
    },
}  # fmt: skip
WORDS: Final[dict[str, dict[str, str]]] = {
    "ko": {
        "email": "이메일", "phone": "전화번호", "resident": "주민등록번호", "card": "카드 번호", "business": "사업자등록번호", "corporate": "법인등록번호", "driver": "운전면허 번호", "passport": "여권번호",
        "account": "계좌번호", "plate": "차량 번호", "address": "배송지 주소", "customs": "개인통관고유부호", "messenger": "카카오톡 아이디", "ip": "접속 IP", "iban": "IBAN", "mac": "MAC 주소", "secret": "API 키",
    },
    "en": {
        "email": "email", "phone": "phone number", "resident": "resident registration number", "card": "card number", "business": "business registration number", "passport": "passport number",
        "address": "address", "ip": "IP address", "iban": "IBAN", "mac": "MAC address", "secret": "API key", "ssn": "social security number",
    },
}  # fmt: skip
LOUD: Final = ("passport", "account", "messenger")
"""Kinds that nothing but the word tells from other numbers: they keep it at every level."""
FORMS: Final = {
    "ko": ("고객님의 {word}: {value}", "{word}는 {value} 로 적어 주세요", "[문의] {word} {value} 확인 부탁드립니다."),
    "en": ("My {word} is {value}, thanks.", "{word}: {value}", "Please update the {word} to {value} today."),
}
GLUED: Final = {
    "ko": ("{value}으로 보내 주세요", "어제{value}에서 봤어요", "저는 {value}입니다", "{value}이고 내일 다시 올게요", "({value})로 부탁해요"),
    "en": ("use {value}.", "({value})", "it was {value}, I think", "see {value};ok?", '"{value}"'),
}


def planted(kind: str, language: str, level: int, rng: random.Random) -> Planted:
    """One sentence with one value."""
    value = MAKE[language][kind](rng)
    word = WORDS[language][kind]
    told = rng.choice(FORMS[language])
    if level == 2:
        value = _other(kind, value, rng)
        told = rng.choice(GLUED[language])
        if kind in LOUD or (kind in ("resident", "business", "corporate", "driver", "card", "ssn") and "-" not in value):
            told = f"{word} {told}" if not told.startswith("어제") else f"{word} {{value}}입니다"
    elif level == 3:
        value = hidden(kind, value, rng)
    head, _, tail = told.partition("{value}")
    head, tail = head.format(word=word), tail.format(word=word)
    if level == 3 and language == "ko" and rng.random() < 0.3:
        head, tail = unicodedata.normalize("NFD", head), unicodedata.normalize("NFD", tail)
    return Planted(kind, language, level, f"{head}{value}{tail}", len(head), len(head) + len(value))


def _other(kind: str, value: str, rng: random.Random) -> str:
    """Another usual way of writing it."""
    if kind in ("phone", "card") and value[0] not in "+(":
        return value.replace("-", rng.choice((" ", "-", ".") if kind == "phone" else (" ", "-")))
    if kind in ("resident", "business", "corporate", "ssn", "account", "driver") and rng.random() < 0.4:
        return value.replace("-", "")
    if kind == "iban" and rng.random() < 0.5:
        return " ".join(value[i : i + 4] for i in range(0, len(value), 4))
    return value


def hidden(kind: str, value: str, rng: random.Random) -> str:
    """A way of writing it that hides it from a plain pattern, and not from a reader."""
    ways = ["width", "zero"]
    if kind == "phone" and value.startswith("010"):
        ways += ["spelt", "apart"]
    if kind == "email":
        ways.append("at")
    if kind in ("secret", "mac", "address", "messenger"):
        ways = ["zero"]
    way = rng.choice(ways)
    if way == "width":
        return "".join(chr(ord(c) + 0xFEE0) if c.isdigit() or c in "-@." else c for c in value)
    if way == "spelt":
        return "".join("공일이삼사오육칠팔구"[int(c)] if c.isdigit() else c for c in value)
    if way == "apart":
        return " ".join(value.replace("-", ""))
    if way == "at":
        return value.replace("@", rng.choice((" 골뱅이 ", "(at)")))
    at = rng.randint(1, len(value) - 1)
    return value[:at] + rng.choice("\u200b\u200d\u2060\ufeff") + value[at:]


def suite(n: int, seed: int = 0) -> Iterator[Planted]:
    """`n` of every kind, language and level."""
    for language, kinds in MAKE.items():
        for kind in kinds:
            for level in (1, 2, 3):
                rng = random.Random(f"{seed}/{language}/{kind}/{level}")
                for _ in range(n):
                    yield planted(kind, language, level, rng)


def _ean(rng: random.Random, head: str) -> str:
    body = head + _digits(rng, 12 - len(head))
    return body + str(-sum(int(d) * (3 if i % 2 else 1) for i, d in enumerate(body)) % 10)


def _stamp(rng: random.Random) -> str:
    return f"20{rng.randint(10, 25)}{rng.randint(1, 12):02d}{rng.randint(1, 28):02d}{rng.randint(0, 23):02d}{rng.randint(0, 59):02d}"


CLEAN: Final[dict[str, dict[str, Callable[[random.Random], str]]]] = {
    "stamp": {"ko": lambda r: f"백업 {_stamp(r)} 완료", "en": lambda r: f"backup_{_stamp(r)}.tar is done at {_stamp(r)}{r.randint(10, 59)}"},
    "licence stamp": {"ko": lambda r: f"면허 갱신일시 {_stamp(r)}", "en": lambda r: f"driver job started {_stamp(r)}"},
    "date and time": {"ko": lambda r: f"20{r.randint(10, 25)}-{r.randint(1, 12):02d}-{r.randint(1, 28):02d} {r.randint(0, 23):02d}:{r.randint(0, 59):02d}:{r.randint(0, 59):02d}에 접수", "en": lambda r: f"on 20{r.randint(10, 25)}/{r.randint(1, 12)}/{r.randint(1, 28)} at {r.randint(1, 12)}:{r.randint(0, 59):02d}"},
    "order": {"ko": lambda r: f"주문번호 {r.randint(1000, 9999)}-{r.randint(1000, 9999)}-{r.randint(1000, 9999)} 확인해 주세요", "en": lambda r: f"order number {_digits(r, 3)}-{_digits(r, 7)}-{_digits(r, 7)}"},
    "tracking": {"ko": lambda r: f"운송장 번호 {r.randint(10**11, 10**12 - 1)}", "en": lambda r: f"tracking no. {r.randint(10**11, 10**12 - 1)}"},
    "price": {"ko": lambda r: f"총 {r.randint(1, 99)},{_digits(r, 3)},{_digits(r, 3)}원이고 {r.randint(1000, 99999)}원 할인", "en": lambda r: f"It costs ${r.randint(1, 99)},{_digits(r, 3)}.{_digits(r, 2)} or {r.randint(1000, 99999)} USD"},
    "score": {"ko": lambda r: f"{r.randint(0, 9)}-{r.randint(0, 9)}, {r.randint(60, 120)}:{r.randint(60, 120)} 역전승, 평점 {r.randint(0, 9)}.{r.randint(0, 9)}/10", "en": lambda r: f"won {r.randint(60, 120)}-{r.randint(60, 120)} and {r.randint(0, 6)}-{r.randint(0, 6)}, {r.randint(0, 6)}-{r.randint(0, 6)}"},
    "book": {"ko": lambda r: f"ISBN {_ean(r, '97889')}", "en": lambda r: f"ISBN 978-{r.randint(0, 1)}-{_digits(r, 3)}-{_digits(r, 5)}-{r.randint(0, 9)}"},
    "barcode": {"ko": lambda r: f"바코드 {_ean(r, '880')}", "en": lambda r: f"EAN {_ean(r, '880')}"},
    "version": {"ko": lambda r: f"버전 {r.randint(1, 20)}.{r.randint(0, 20)}.{r.randint(0, 20)}.{r.randint(0, 99)}", "en": lambda r: f"version {r.randint(1, 20)}.{r.randint(0, 20)}.{r.randint(0, 20)}.{r.randint(0, 99)}"},
    "adverb": {"ko": lambda r: f"{r.choice(('개인적으로', '다시 처음으로', '이럴 거면 별로', '또다시 제대로', '이번 경기로', '친구 동생 때문에 대체로'))} {r.randint(1, 10)}, {r.choice(('실제로', '별로'))} {r.randint(1, 9)}번", "en": lambda r: f"{r.randint(2, 9)} days on the Road to nowhere in {r.randint(1900, 2024)}"},
    "amounts": {"ko": lambda r: f"{r.randint(10, 99)}만 {r.randint(1000, 9999)}명, {r.randint(10, 30)}부 {r.randint(1990, 2024)}년, {r.randint(10, 20)}주 {r.randint(1000, 9000)}원", "en": lambda r: f"{r.randint(10, 99)} of {r.randint(1000, 9999)} in {r.randint(1990, 2024)}-{r.randint(10, 24)}"},
    "code": {"ko": lambda r: f"token = tokenizer.encode(text)  # 토큰 {r.randint(1000, 99999)}개", "en": lambda r: f"password = getpass(); api_key = os.environ['KEY'] # {r.randint(1, 9)}"},
    "password talk": {"ko": lambda r: f"비밀번호가 틀렸습니다. {r.randint(2, 9)}회 남음", "en": lambda r: f"The password is required; attempt {r.randint(1, 9)} of {r.randint(3, 9)}"},
    "reserved": {"ko": lambda r: f"user{_digits(r, 11)}@example.com 은 예시입니다", "en": lambda r: f"write to someone{_digits(r, 2)}@example.org"},
    "science": {"ko": lambda r: f"3.14159265{_digits(r, 6)}, 6.022e23, {r.randint(1, 12)}/{r.randint(1, 28)}", "en": lambda r: f"pi is 3.14159265{_digits(r, 6)}; lat 37.{_digits(r, 6)}, {r.randint(1, 12)}/{r.randint(1, 28)}"},
}  # fmt: skip


def clean(n: int, seed: int = 0) -> Iterator[tuple[str, str, str]]:
    """(what it is, language, text): `n` of every kind of number that is nobody's."""
    for what, languages in CLEAN.items():
        for language, make in languages.items():
            rng = random.Random(f"{seed}/{what}/{language}")
            for _ in range(n):
                yield what, language, make(rng)
