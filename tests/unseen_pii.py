"""Personal data planted by a second hand: formats and sentences that nobody had in mind who wrote guard.pii.

Written without a look at the patterns of the detector, at `dirt_pii.py` or at what either was tuned on; reported as it came out
(`docs/truth.md`, below "Unseen"). Whoever tunes the detector on this file makes it worthless: write a third one instead.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Final

Make = Callable[[random.Random], str]
ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz"
MIXED: Final = ALPHABET + ALPHABET.upper() + "0123456789"


def n(draw: random.Random, count: int, first: str = "0123456789") -> str:
    """`count` digits, the first one of `first`."""
    return draw.choice(first) + "".join(draw.choices("0123456789", k=count - 1))


def word(draw: random.Random, low: int = 4, high: int = 9) -> str:
    return "".join(draw.choices(ALPHABET, k=draw.randint(low, high)))


def code(draw: random.Random, count: int, letters: str = MIXED) -> str:
    """A random code that holds a digit and a letter of each case."""
    made = [*draw.choices(letters, k=count - 3), "7", "k", "Q"] if letters == MIXED else draw.choices(letters, k=count)
    draw.shuffle(made)
    return "".join(made)


def weighted(digits: str, weights: tuple[int, ...]) -> int:
    return sum(int(d) * w for d, w in zip(digits, weights))


def resident(draw: random.Random) -> str:
    """Thirteen digits, half of them with a check digit that is right, as since October 2020 it need not be."""
    year = draw.randrange(1945, 2024)
    sex = draw.choice("12") if year < 2000 else draw.choice("34")
    body = f"{year % 100:02d}{draw.randint(1, 12):02d}{draw.randint(1, 28):02d}{sex}{n(draw, 5)}"
    right = (11 - weighted(body, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)) % 11) % 10
    return f"{body}{right if draw.random() < 0.5 else draw.randrange(10)}"


def business(draw: random.Random) -> str:
    body = n(draw, 3, "123456") + n(draw, 6)
    return f"{body}{(10 - (weighted(body, (1, 3, 7, 1, 3, 7, 1, 3, 5)) + int(body[8]) * 5 // 10) % 10) % 10}"


def luhn(body: str) -> str:
    total = sum(d - 9 if d > 9 else d for d in (int(c) * (1 if i % 2 else 2) for i, c in enumerate(reversed(body))))
    return f"{body}{-total % 10}"


def card(draw: random.Random) -> str:
    return luhn((draw.choice(("4", "51", "53", "5412", "3567", "6221", "9410")) + n(draw, 15))[:15])


def book(draw: random.Random) -> str:
    """An ISBN of thirteen digits."""
    body = "97889" + n(draw, 7)
    return f"{body}{-weighted(body, (1, 3) * 6) % 10}"


def iban(draw: random.Random) -> str:
    country, bban = draw.choice(
        [("DE", n(draw, 18)), ("FR", n(draw, 10) + code(draw, 11).upper() + n(draw, 2)), ("ES", n(draw, 20)), ("NL", "INGB" + n(draw, 10)), ("CH", n(draw, 17))]
    )
    plain = "".join(str(int(c, 36)) for c in f"{bban}{country}00")
    return f"{country}{98 - int(plain) % 97:02d}{bban}"


def grouped(text: str, sizes: tuple[int, ...], by: str) -> str:
    parts, at = [], 0
    for size in sizes:
        parts.append(text[at : at + size])
        at += size
    return by.join(parts)


def email(draw: random.Random) -> str:
    at = draw.choice(("gmail.com", "hanmail.net", "kakao.com", "snu.ac.kr", "mail.shop.co.kr", "proton.me", "uni-bonn.de", "company.io"))
    return draw.choice((f"{word(draw)}.{word(draw)}@{at}", f"{word(draw)}{n(draw, 4)}@{at}", f"{word(draw)}+{word(draw, 3, 5)}@{at}", f"{word(draw).upper()}_{word(draw, 2, 3)}@{at}"))


def mobile(draw: random.Random) -> str:
    a, b = n(draw, 4, "23456789"), n(draw, 4)
    return draw.choice((f"010.{a}.{b}", f"010 {a} {b}", f"(010){a}-{b}", f"82-10-{a}-{b}", f"+8210{a}{b}", f"010{a}{b}", f"010) {a}-{b}", f"010–{a}–{b}"))


def fixed(draw: random.Random) -> str:
    a, b = n(draw, 3, "23456789"), n(draw, 4)
    return draw.choice((f"02) {a}-{b}", f"051.{a}.{b}", f"(064) {a}-{b}", f"031-{n(draw, 4, '78')}-{b}", f"070-{n(draw, 4, '4578')}-{b}", f"+82 2 {n(draw, 4, '23456')} {b}"))


def foreign(draw: random.Random) -> str:
    a, b = n(draw, 3, "23456789"), n(draw, 4)
    area = draw.choice(("212", "415", "617", "713", "206"))
    return draw.choice(
        (f"({area}) {a}-{b}", f"{area}.{a}.{b}", f"+1 ({area}) {a}-{b}", f"1-{area}-{a}-{b}", f"{area}-{a}-{b} ext. {n(draw, 3)}", f"+44 7{n(draw, 3)} {n(draw, 6)}", f"07{n(draw, 3)} {n(draw, 6)}",
         f"+49 30 {n(draw, 6, '23456789')}", f"+33 6 {grouped(n(draw, 8), (2, 2, 2, 2), ' ')}", f"+91 9{n(draw, 4)} {n(draw, 5)}")
    )  # fmt: skip


def road(draw: random.Random) -> str:
    number = draw.randint(2, 380)
    return draw.choice(
        (f"경기도 성남시 분당구 판교역로 {number}", f"부산 해운대구 센텀중앙로 {number}, {draw.randint(2, 19)}0{draw.randint(1, 4)}호", f"(06{n(draw, 3)}) 서울시 강남구 봉은사로{draw.randint(2, 90)}길 {number}",
         f"전남 순천시 조례동 {number}-{draw.randint(1, 9)}", f"제주시 첨단로 {number}", f"대구광역시 수성구 동대구로 {number} {draw.randint(101, 120)}동 {draw.randint(2, 19)}02호", f"충북 청주시 흥덕구 오송읍 오송생명로 {number}")
    )  # fmt: skip


def street(draw: random.Random) -> str:
    number = draw.randint(3, 9800)
    return draw.choice(
        (f"{number} Maple Grove Avenue, Apt {draw.randint(1, 40)}B, Columbus, OH 43{n(draw, 3)}", f"{number} NW 23rd St, Miami, FL 33{n(draw, 3)}", f"{draw.randint(2, 200)} Kingsbury Road, London NW{draw.randint(1, 9)} {draw.randint(1, 9)}QT",
         f"{number} E. Lincoln Blvd., Suite {draw.randint(100, 900)}, Austin, Texas", f"{number} Old Mill Lane, Portland, OR")
    )  # fmt: skip


def secret(draw: random.Random) -> str:
    return draw.choice(
        (f"sk-proj-{code(draw, 48)}", f"AKIA{code(draw, 16, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567')}", f"github_pat_{code(draw, 22)}_{code(draw, 59)}", f"xoxb-{n(draw, 12)}-{n(draw, 12)}-{code(draw, 24)}", f"AIza{code(draw, 35)}",
         f"hf_{code(draw, 34)}", f"glpat-{code(draw, 20)}", f"eyJhbGciOiJIUzI1NiJ9.eyJ{code(draw, 40)}.{code(draw, 43)}", f"sk_live_{code(draw, 24)}")
    )  # fmt: skip


MAKERS: Final[dict[str, Make]] = {
    "email": email,
    "resident": lambda d: grouped(resident(d), (6, 7), d.choice("-–") if d.random() < 0.8 else " - "),
    "card": lambda d: grouped(card(d), (4, 4, 4, 4), d.choice(" -")),
    "business": lambda d: grouped(business(d), (3, 2, 5), "-"),
    "ip": lambda d: f"{d.randint(11, 223)}.{d.randrange(256)}.{d.randrange(256)}.{d.randint(1, 254)}{d.choice(('', ':8080', '/24'))}",
    "iban": lambda d: iban(d) if d.random() < 0.5 else grouped(iban(d) + " " * 8, (4,) * 8, " ").strip(),
    "mac": lambda d: d.choice(":-").join(f"{d.randrange(256):02x}" for _ in range(6)).upper(),
    "secret": secret,
}  # fmt: skip
KOREAN: Final[dict[str, tuple[Make, tuple[str, ...]]]] = {
    "email": (email, ("제 메일은 {}이에요.", "문의: {}로 부탁드려요.", "<{}>에 회신 바랍니다", "{}께서 보내신 자료입니다.")),
    "phone": (lambda d: mobile(d) if d.random() < 0.6 else fixed(d), ("번호가 {}인데 오후에 전화 주세요.", "☎ {}", "H.P {}", "{}로 문자 남겨 주시겠어요?")),
    "resident": (MAKERS["resident"], ("주민번호는 {}이고요.", "생년월일 및 뒷자리 {}", "본인 확인용 {} 맞나요?")),
    "card": (MAKERS["card"], ("카드는 {}, 유효기간 08/29입니다.", "{}로 결제했는데 취소가 안 돼요.")),
    "business": (MAKERS["business"], ("사업자번호 {} 앞으로 세금계산서 부탁드립니다.", "상호 다온상사 ({})")),
    "ip": (MAKERS["ip"], ("서버 주소가 {}인데 접속이 안 됩니다.", "{}에서 로그인 시도가 있었어요.")),
    "corporate": (lambda d: f"{d.choice(('110111', '134511', '180111'))}-{n(d, 7)}", ("법인번호 {}", "법인등록번호는 {}입니다.")),
    "driver": (lambda d: f"{d.randint(11, 25)}-{d.randint(0, 23):02d}-{n(d, 6)}-{n(d, 2)}", ("운전면허 {}로 인증할게요.", "면허증 번호 : {}")),
    "passport": (lambda d: f"M{n(d, 3)}{d.choice('ABCDEFGH')}{n(d, 4)}" if d.random() < 0.5 else f"M{n(d, 8)}", ("여권번호 {} 영문명 확인 부탁해요.", "여권은 {}예요.")),
    "account": (lambda d: d.choice((f"{n(d, 6, '123456789')}-{n(d, 2)}-{n(d, 6)}", f"3333-{n(d, 2)}-{n(d, 7)}", f"1002-{n(d, 3)}-{n(d, 6)}", f"1000-{n(d, 4)}-{n(d, 4)}")),
                ("우리은행 {} 으로 보내 주세요.", "토스 {} 이체 완료", "환불 계좌 {}", "예금주 본인, {} 기업은행")),
    "plate": (lambda d: f"{n(d, d.choice((2, 3)), '123456789')}{d.choice('가나다라머버서어저고노도')}{d.choice(('', ' '))}{n(d, 4, '123456789')}", ("차가 {}인데 주차 등록 되나요?", "차량번호 {} 견인해 주세요.")),
    "address": (road, ("집이 {} 쪽이에요.", "배송은 {}로 해 주세요.", "{}에 있는 매장을 찾습니다.")),
    "messenger": (lambda d: f"{word(d)}{n(d, 2)}", ("카톡은 {}로 주세요.", "카카오톡 ID {} 추가해 주세요.", "텔레그램 @{}")),
    "customs": (lambda d: f"P{n(d, 12)}", ("개인통관고유부호 {} 입력했어요.", "통관번호 {}")),
    "mac": (MAKERS["mac"], ("공유기 맥주소는 {}입니다.", "{} 기기가 차단됐어요.")),
    "secret": (secret, ("키는 {} 이걸 쓰세요.", "설정 파일에 {}라고 적혀 있네요.")),
}  # fmt: skip
ENGLISH: Final[dict[str, tuple[Make, tuple[str, ...]]]] = {
    "email": (email, ("You can reach me at {}.", "cc: {}", "Write to <{}>, please", "({})")),
    "phone": (foreign, ("Call {} after six.", "My cell is {}, text me.", "Fax {}", "ring us on {}!")),
    "card": (MAKERS["card"], ("Charge it to {}, exp 08/29.", "the card ending soon is {}")),
    "ip": (MAKERS["ip"], ("Requests from {} were blocked.", "ssh root@{} fails")),
    "iban": (MAKERS["iban"], ("Wire it to {} today.", "IBAN: {}")),
    "ssn": (lambda d: f"{d.choice(('219', '401', '523'))}-{d.randint(10, 98)}-{n(d, 4, '123456789')}", ("My social is {}.", "SSN {} on file", "({})")),
    "passport": (lambda d: n(d, 9, "3456"), ("US passport no. {}", "passport number is {}")),
    "address": (street, ("I live at {}.", "Ship to: {}", "The office at {} is closed.")),
    "messenger": (lambda d: f"{word(d)}_{word(d, 2, 4)}{n(d, 2)}", ("Telegram: @{}", "my Discord is {}", "add me on WhatsApp / Skype: {}")),
    "mac": (MAKERS["mac"], ("The adapter {} dropped off.", "wifi mac {}")),
    "secret": (secret, ("export API_KEY={}", "the token is {} for now")),
}  # fmt: skip


def personal(language: str, carriers: list[str], each: int, draw: random.Random) -> Iterator[tuple[str, str]]:
    """(text, kind): `each` values of every kind, in a sentence before, behind or within a text of somebody else's."""
    for kind, (make, sentences) in (KOREAN if language == "ko" else ENGLISH).items():
        for _ in range(each):
            carrier, said = draw.choice(carriers), draw.choice(sentences).format(make(draw))
            words = carrier.split(" ")
            at = draw.randrange(len(words) + 1)
            yield draw.choice((f"{said} {carrier}", f"{carrier}\n{said}", " ".join([*words[:at], said, *words[at:]]))), kind


def harmless(language: str, carriers: list[str], draw: random.Random) -> Iterator[str]:
    """Texts with numbers that are nobody's."""
    ko = language == "ko"
    yield from carriers
    makes: list[Make] = [
        lambda d: f"ISBN {book(d)}" if ko else f"ISBN 978-0-{n(d, 6)}-{n(d, 2)}-{n(d, 1)}",
        lambda d: f"주문번호 20{n(d, 6)}-{n(d, 7)} 배송 조회" if ko else f"Order #{n(d, 3)}-{n(d, 7)}-{n(d, 7)} has shipped.",
        lambda d: f"운송장 {n(d, 4)}-{n(d, 4)}-{n(d, 4)}" if ko else f"Tracking 1Z{code(d, 16).upper()}",
        lambda d: f"버전 {d.randint(1, 9)}.{d.randint(0, 30)}.{d.randint(0, 30)}.{n(d, 4, '123456789')} 업데이트" if ko else f"Chrome {d.randint(90, 130)}.0.{n(d, 4, '3456')}.{n(d, 2)} is out.",
        lambda d: f"2024.{d.randint(1, 12):02d}.{d.randint(1, 28):02d} {d.randint(0, 23):02d}:{d.randint(0, 59):02d}:{d.randint(0, 59):02d}",
        lambda d: f"위도 37.{n(d, 6)}, 경도 126.{n(d, 6)}" if ko else f"at 40.{n(d, 6)}, -73.{n(d, 6)}",
        lambda d: f"총 {d.randint(1, 9)},{n(d, 3)},{n(d, 3)}원" if ko else f"a total of ${d.randint(1, 9)},{n(d, 3)},{n(d, 3)}.00",
        lambda d: f"법률 제{n(d, 5, '123456789')}호 제{d.randint(2, 90)}조" if ko else f"Docket No. {n(d, 2)}-cv-{n(d, 5)}",
        lambda d: f"한 사이클에 {n(d, 9, '123456789')}회 반복" if ko else f"{n(d, 9, '123456789')} iterations a cycle",
        lambda d: f"{n(d, 3, '123')}쪽에서 {n(d, 3, '456')}쪽까지, 표 {d.randint(1, 9)}-{d.randint(1, 20)}" if ko else f"pp. {n(d, 3, '123')}-{n(d, 3, '456')}, Table {d.randint(1, 9)}.{d.randint(1, 20)}",
        lambda d: f"커밋 {code(d, 40, '0123456789abcdef')} 확인" if ko else f"commit {code(d, 40, '0123456789abcdef')}",
        lambda d: f"1588-{n(d, 4)} 고객센터" if ko else f"Dial 1-800-{n(d, 3)}-{n(d, 4)} toll free",
    ]  # fmt: skip
    for make in makes:
        for _ in range(10):
            yield f"{make(draw)} {draw.choice(carriers)}"
