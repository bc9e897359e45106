"""Names of people, planted: written before guard.pii looked for any.

| level | Korean                                    | English                                   |
|-------|-------------------------------------------|-------------------------------------------|
| 1     | behind a label (`이름: 한도윤`)           | behind a label (`Name: Priya Raman`)      |
| 2     | before a form of address (`한도윤 고객님`) | behind one (`Ms. Raman`), signed, greeted |
| 3     | in a sentence, with a particle            | in a sentence (`Priya Raman called`)      |
| 4     |                                           | in a mail: headers, quotes, its signature |

Given names and surnames are drawn apart, so that most names are nobody's; two-syllable surnames, given names of one syllable, rare surnames and
foreign names in Hangul are among them. The clean texts hold the words that look like names: 고객님, 날씨, 이름: 미정, 정말, 최고, Dear Customer, Mr. Right.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from dirt import Planted as Truth


@dataclass(frozen=True)
class Planted:
    """A text and where the name stands in it."""

    text: str
    start: int
    end: int
    language: str
    level: int


SURNAMES: Final = ("김", "이", "박", "최", "정", "강", "조", "윤", "장", "임", "한", "오", "서", "신", "권", "황", "안", "송", "류", "홍", "고", "문", "손", "양", "배", "백", "허", "남", "노", "하", "곽", "주", "우", "구", "민", "지",
                    "진", "엄", "채", "원", "천", "방", "공", "현", "함", "변", "염", "여", "추", "도", "소", "석", "선", "설", "마", "길", "연", "위", "표", "명", "기", "반", "라", "왕", "금", "옥", "육", "인", "맹", "제", "모", "남궁", "황보", "제갈", "선우")  # fmt: skip
COMMON: Final = 30
"""So many of the surnames are drawn for four of five names, as in life."""
GIVEN: Final = ("도윤", "서준", "하은", "지우", "서연", "민재", "예린", "태호", "수빈", "은경", "영숙", "순자", "병철", "상훈", "미란", "정혜", "동욱", "준혁", "가온", "나래", "보람", "슬기", "한결", "재희", "경수", "옥순", "말자", "기태", "유진", "소율",
                 "건우", "다은", "승현", "혜진", "광수", "명희", "진영", "선우", "현", "준", "솔", "빈", "훈", "율")  # fmt: skip
FIRST: Final = ("Priya", "Marcus", "Elena", "Tobias", "Aisha", "Caleb", "Ingrid", "Rafael", "Naomi", "Desmond", "Keiko", "Owen", "Fatima", "Lucas", "Bronwyn", "Andre", "Siobhan", "Wei", "Hannah", "Mateo")
LAST: Final = ("Raman", "Whitfield", "Kowalski", "Okafor", "Lindqvist", "Delgado", "Ferreira", "Nakamura", "O'Connell", "van Dijk", "Schreiber", "Haddad", "Prescott", "McAllister", "Tran", "Bergman", "Castillo", "Osei", "Fairbanks", "Singh")

KOREAN: Final[dict[int, tuple[str, ...]]] = {
    1: ("이름: {}", "성함 {} 연락처는 남겨 두었습니다.", "예금주 {}", "담당자: {}, 내선 302", "수령인은 {}입니다.", "환자명 - {} (남)", "성명: {}\n생년월일: 비공개", "받는 분: {}"),
    2: ("{} 고객님, 주문이 접수되었습니다.", "{}님 안녕하세요.", "어제 {} 씨한테 들었어요.", "{} 과장님께 전달 부탁드립니다.", "{} 선생님이 추천해 주셨어요.", "저는 {}입니다.", "제 이름은 {}입니다.", "{} 환자분 보호자이신가요?"),
    3: ("어제 {}{이} 환불을 요청했다.", "나는 {}{과} 같은 학교를 다녔다.", "{}{은} 아직 답이 없습니다.", "회의 자료는 {}에게 보냈어요.", "{}{을} 만나기로 했는데 연락이 안 된다.", "이번 건은 {} 쪽에서 처리했습니다."),
}  # fmt: skip
ENGLISH: Final[dict[int, tuple[str, ...]]] = {
    1: ("Name: {f} {l}", "Customer name: {f} {l}, account closed", "Full name - {f} {l}", "My name is {f} {l}.", "Patient: {f} {l}", "Account holder: {f} {l}"),
    2: ("Dear {f},\nthank you for your letter.", "Please ask Ms. {l} about it.", "Dr. {f} {l} saw me on Monday.", "Best regards,\n{f} {l}", "I'm {f} {l}, from the second floor.", "Hi {f}, any news?", "This is {f} {l} speaking."),
    4: ("From: {f} {l}\nSubject: invoice", "On Tuesday {f} {l} wrote:", "See you there.\n-- \n{f} {l}", "Good morning {f},", "Hello, my name's {f} {l}.", "I spoke with {f} {l} about it.", 'To: "{f} {l}" <sales@example.com>', "{f} {l} <team@example.com>"),
    3: ("Yesterday {f} {l} asked for a refund.", "I went to school with {f} {l}.", "The file was sent to {f} {l} last week.", "{f} {l} has not answered yet."),
}  # fmt: skip
CLEAN: Final = {
    "ko": ("고객님, 주문이 접수되었습니다.", "오늘 날씨가 좋네요.", "부모님과 선생님께 감사드립니다.", "이름: 미정", "이름은 아직 정하지 않았습니다.", "성함을 남겨 주세요.", "담당자: 추후 안내", "정말 최고의 영화였다.", "하나님의 은혜", "회원님의 등급이 올랐습니다.", "글씨가 작아요.",
           "솜씨 좋은 목수를 찾습니다.", "한국은 봄이 짧다.", "이번에는 조금 늦었습니다.", "강원도 고성에서 만났다.", "손님이 많아서 기다렸어요.", "예금주 확인이 필요합니다.", "우리은행 앱이 열리지 않아요.", "서울시장 선거가 있었다.", "지하철 노선도를 보내 주세요.", "저는 학생입니다.", "저는 서울이라고 생각합니다.",
           "제 이름은 비밀입니다.", "사장님이 친절해요.", "임금님 귀는 당나귀 귀", "왕씨 성을 가진 사람", "수령인은 본인이어야 합니다.", "환자명 - 미기재", "김치찌개가 맛있다.", "조사 결과를 정리했습니다.", "안내 문자를 못 받았어요.", "공주님과 왕자님 이야기", "담당자: 고객지원팀", "성명: 국문으로 기재", "주문자 정보가 다릅니다.",
           "이사 견적을 부탁드려요.", "오전 회의는 취소됐다.", "신용카드를 잃어버렸다.", "문의 사항이 있으면 말씀해 주세요.", "배송이 늦어지고 있어요."),
    "en": ("Dear Customer,\nthank you for your order.", "My name is not important.", "Name: n/a", "Mr. Right does not exist.", "I'm Happy To Help!", "Best regards,\nThe Support Team", "Dear Sir or Madam,", "Hi there, any news?", "File name: Quarterly Report", "Patient: see next page", "This is New York speaking.", "Hello World, this is a test.",
           "Customer name: required", "I'm Korean, from Busan.", "Ms. is a form of address.", "Dr. Pepper is a soft drink.", "United States and South Korea signed it.", "I went to Harvard University.", "Microsoft Office has not answered yet.", "Dear All,\nthe meeting is moved.", "Hi Everyone, good morning.", "My name is on the list.", "The Great Gatsby was sold out.",
           "Thanks,\nCustomer Service", "Account holder: unknown", "We visited San Francisco in June.", "From: Customer Service\nSubject: x", "-- \nThe Support Team", "Good morning Everyone,", "I spoke with New York about it.", "To: All Staff"),
}  # fmt: skip
PAIRS: Final = {"이": ("이", "가"), "과": ("과", "와"), "은": ("은", "는"), "을": ("을", "를")}


def closed(word: str) -> bool:
    """Whether the last syllable has a final consonant."""
    return (ord(word[-1]) - 0xAC00) % 28 > 0


def korean(draw: random.Random) -> str:
    surname = draw.choice(SURNAMES[:COMMON] if draw.random() < 0.8 else SURNAMES[COMMON:])
    return surname + draw.choice(GIVEN)


def suite(each: int, seed: int) -> Iterator[Planted]:
    """`each` names of each language and level."""
    for level, sentences in KOREAN.items():
        draw = random.Random(f"{seed}/ko/{level}")
        for _ in range(each):
            name, said = korean(draw), draw.choice(sentences)
            for mark, (after, open_) in PAIRS.items():
                said = said.replace(f"{{{mark}}}", after if closed(name) else open_)
            start = said.index("{}")
            yield Planted(said.replace("{}", name), start, start + len(name), "ko", level)
    for level, sentences in ENGLISH.items():
        draw = random.Random(f"{seed}/en/{level}")
        for _ in range(each):
            first, last, said = draw.choice(FIRST), draw.choice(LAST), draw.choice(sentences)
            start = said.index("{")
            text = said.replace("{f}", first).replace("{l}", last)
            length = sum(len(n) for mark, n in (("{f}", first), ("{l}", last)) if mark in said) + ("{f} {l}" in said)
            yield Planted(text, start, start + length, "en", level)


LEVELS: Final = {1: "behind a label", 2: "addressed, signed", 3: "in a sentence", 4: "in a mail"}


def truth() -> Iterator[Truth]:
    """Names of both languages among words that look like some."""
    planted = list(suite(60, seed=23))
    for language in ("ko", "en"):
        for level, told in LEVELS.items():
            found = [p for p in planted if p.language == language and p.level == level]
            if not found:
                continue
            rows = [{"text": p.text} for p in found] + [{"text": text} for text in CLEAN[language]]
            yield Truth("guard.pii", language, f"name, {told}", rows, dict.fromkeys(range(len(found)), "name"), {"mode": "flag", "kinds": ["name"]}, "pii")
