"""Names of people: by the words around them, in Korean and English; and in Korean by the analyser alone, which is less sure.

| confidence | what speaks for it                                                                                                  |
|------------|---------------------------------------------------------------------------------------------------------------------|
| .85        | a label in front (이름:, 예금주, Name:, My name is, From:), an address of mail behind (Priya Raman <...@...>)            |
| .75        | a form of address (님, 씨, 고객님, 과장; Dear, Ms.), an introduction (저는 ...입니다, I'm ...), a signature, wrote:        |
| .5         | Korean: the analyser (kiwipiepy, `dadeum[ko]`) takes it for a proper noun, and it has the shape of a full name          |

Titles of public figures (의원, 감독, 배우) are no context: their names are not private. Every Korean candidate is held against the analyser: 손님, 김치,
정말, 고객 have the shape of names. English names without such words are not looked for: that takes a list of all names, or a model
(Presidio with a pipeline of spaCy, before dadeum).
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from dadeum.steps.clean._kiwi import kiwi

SURNAMES: Final = "김이박최정강조윤장임한오서신권황안송류유홍전고문손양배백허남심노하곽성차주우구민나진지엄채원천방공현함변염여추도소석선설마길연위표명기반라왕금옥육인맹제모탁국어은편용예봉경사부"
DOUBLE: Final = "남궁|황보|제갈|선우|독고|사공|서문|동방"
KOREAN: Final = rf"(?:(?:{DOUBLE})[가-힣]{{1,2}}|[{SURNAMES}][가-힣]{{1,2}})"
INVENTED: Final = re.compile("홍[가나다라마바사아자차카타파하](?:[가나다라마바사아자차카타파하간난단란만반산안잔찬칸탄판한]|[갈날달랄말발살알잘찰칼탈팔할])$|(?:[A-Z]\\. )+Example$")
"""What surrogate.py writes."""
LABELLED: Final = 0.85
ADDRESSED: Final = 0.75
ALONE: Final = 0.5

_END: Final = r"(?=(?:님|씨|은|는|이|가|을|를|의|과|와|도|께|께서|에게|한테|으로|로|입니다|이라고|라고|이라|이에요|예요|이고|이며|이야|야|이요|요)?(?![가-힣]))"
_LABEL: Final = (
    r"(?:이름|성명|성함|고객\s?명|예금주(?:\s?명)?|담당자(?:\s?명)?|수령인|수취인|받는\s?(?:분|사람|이)|보내는\s?(?:분|사람|이)|보낸\s?(?:분|사람|이)|신청(?:인|자)|환자(?:\s?명)?|작성자|주문자|가입자|"
    r"대표자|보호자(?:\s?명)?|피보험자|계약자|입금자(?:\s?명)?|학생\s?명|직원\s?명|의뢰인|연락\s?담당|명의(?:자)?)"
)
_TITLE: Final = (
    r"(?:님|씨|고객|회원|환자|선생|교수|과장|부장|대리|차장|팀장|사장|대표|이사|실장|원장|소장|점장|박사|변호사|간호사|매니저|사원|주임|반장|학생|어르신|할머니|할아버지|이모|삼촌|형|누나|언니|오빠|선배|후배)"
    r"(?:님|분|들|께|께서|이|가|은|는|을|를|의|도|과|와|에게|한테|아|야|이랑|랑|하고|입니다|이에요|예요)?(?:께|께서|이|가|은|는|을|를|의|도|에게|한테|이신가요|이세요)?(?![가-힣])"
)
_KO: Final = (
    (LABELLED, re.compile(rf"{_LABEL}(?:\s{{0,2}}[:=–-]\s{{0,2}}|(?:은|는)?\s{{1,2}})(?P<v>{KOREAN}){_END}")),
    (ADDRESSED, re.compile(rf"(?<![가-힣])(?P<v>(?:{DOUBLE})[가-힣]{{1,2}}?|[{SURNAMES}][가-힣]{{1,2}}?)\s?(?={_TITLE})")),
    (ADDRESSED, re.compile(rf"(?<![가-힣])(?:저는|나는|전|난|제가|내가|저희\s\S{{1,6}}는|(?:제|내|저희)\s이름은)\s(?P<v>{KOREAN})(?=(?:입니다|이라고|라고|이에요|예요|이야|야|인데|라\s))")),
)
_CAPITAL: Final = r"(?:[A-Z]['’])?(?:Mc|Mac)?[A-Z][a-zà-öø-ÿ]{1,20}(?:-[A-Z][a-zà-öø-ÿ]{1,20})?"
_PARTICLE: Final = r"(?:(?:van|von|de|der|den|del|da|di|la|le|bin|ibn|al|el|ter|dos)\s)"
_FULL: Final = rf"{_CAPITAL}(?:\s[A-Z]\.)?(?:\s{_PARTICLE}{{0,2}}{_CAPITAL}){{1,2}}"
_ANY: Final = rf"{_CAPITAL}(?:\s[A-Z]\.)?(?:\s{_PARTICLE}{{0,2}}{_CAPITAL}){{0,2}}"
_EN: Final = (
    (LABELLED, re.compile(rf"(?<![A-Za-z])(?i:(?:full |first |last |customer |patient |contact |client |guest |employee |student |account |card ?holder |recipient |sender )?name|patient|account holder|card ?holder|recipient|sender|attn\.?|signed)\s{{0,2}}(?::|=|-|–|is)\s{{0,2}}(?P<v>{_ANY})(?![A-Za-z])")),
    (ADDRESSED, re.compile(rf"(?<![A-Za-z])(?:Mr|Mrs|Ms|Mx|Miss|Dr|Prof|Professor|Sir|Madam)\.?\s(?P<v>{_ANY})(?![A-Za-z])")),
    (ADDRESSED, re.compile(rf"(?<![A-Za-z])(?i:dear|hi|hello|hey)\s(?P<v>{_ANY})(?=\s{{0,2}}[,!\n]|$)")),
    (ADDRESSED, re.compile(rf"(?<![A-Za-z])(?:I['’]m|I am|[Tt]his is|[Mm]y (?:friend|wife|husband|boss|brother|sister|mother|father|colleague),?)\s(?P<v>{_FULL})(?![A-Za-z])")),
    (LABELLED, re.compile(rf"(?P<v>{_FULL})[\"”]?\s<[^\s<>@]{{1,64}}@")),
    (LABELLED, re.compile(rf"(?m:^)(?:From|To|Cc|CC|Bcc|Reply-To|Sender):\s{{0,2}}(?P<v>{_FULL})(?=\s{{0,3}}(?:$|[\n,;<]))")),
    (LABELLED, re.compile(rf"(?<![A-Za-z])[Mm]y name['’]s\s(?P<v>{_ANY})(?![A-Za-z])")),
    (ADDRESSED, re.compile(rf"(?<![A-Za-z])(?!On\s|[A-Z][a-z]{{2,5}}day\s)(?P<v>{_FULL})\s(?:<[^<>\n]{{1,80}}>\s)?wrote:")),
    (ADDRESSED, re.compile(rf"(?m:^)\s{{0,3}}(?:--|—|–)\s{{0,2}}(?P<v>{_FULL})(?=\s{{0,3}}(?:\n|$))")),
    (ADDRESSED, re.compile(rf"(?<![A-Za-z])(?i:good (?:morning|afternoon|evening))\s(?P<v>{_ANY})(?=\s{{0,2}}[,!\n]|$)")),
    (ADDRESSED, re.compile(rf"(?<![A-Za-z])(?i:spoke|speak|spoken|speaking|talked|chatted)\s(?:to|with)\s(?P<v>{_FULL})(?![A-Za-z])")),
    (ADDRESSED, re.compile(rf"(?i:regards|sincerely|cheers|thanks|thank you|yours|best wishes|best),?\s{{0,3}}\n\s{{0,4}}(?P<v>{_ANY})(?=\s{{0,3}}(?:\n|$))")),
)  # fmt: skip
_SAID: Final = (
    "customer sir madam all everyone team there world happy new old south north east west united great right pepper support service office sales help the my your our their his her this that not sorry sure glad here dear friend friends folks "
    "folk guys colleagues colleague class students student parents members member user users admin manager hiring committee editor sirs ladies gentlemen santa diary president minister god lord lady king queen korean english american british "
    "chinese japanese german french spanish indian see next page unknown required none na file quarterly report monday tuesday wednesday thursday friday saturday sunday january february march april may june july august september october november december"
)
_NOBODY: Final = frozenset(_SAID.split())
"""Capitalised words behind Dear, I'm or Name: that are no names."""
_ENDINGS: Final = re.compile("[시도군구당대읍면동역산강교부청원위사국과팀점측]$")
"""What places and offices end in: .91 of the proper nouns left are names of news, .79 without (KLUE)."""
_WORDS: Final = (
    "고객 손님 회원 주문 전화 정보 안내 추후 공지 공란 기재 본인 가족 부모 아버 어머 선생 사장 주소 지원 문의 이용 사용 이번 이미 정말 정도 조금 최고 최대 오늘 오전 오후 서울 한국 한글 국문 영문 성인 남성 여성 남자 여자 미정 미상 예정 "
    "기타 전체 전부 하나 주인 공주 왕자 임금 조상 도련 서방 강아지 고양이 하느 노인 용사 원장 교장 신부 목사 장모 이모 고모 우리 여러분 모두 연예인 유명인 외국인"
)
_UNNAMED: Final = frozenset(_WORDS.split())
"""Words that begin with the syllable of a surname."""
_GUARDED: Final = re.compile(rf"[{SURNAMES}남황제선독사서동][가-힣]")


class Claim(NamedTuple):
    """A stretch that is claimed to be a name."""

    confidence: float
    start: int
    end: int


class Word(NamedTuple):
    """A morpheme of the analyser."""

    start: int
    end: int
    tag: str
    known: bool
    """Whether it is in the dictionary."""


def claims(text: str, threshold: float) -> Iterator[Claim]:
    """Names in a folded text of at least this confidence; stretches may overlap. Raises MissingExtra for Korean without `dadeum[ko]`."""
    for confidence, pattern in _EN:
        if confidence >= threshold:
            for found in pattern.finditer(text):
                if not INVENTED.match(found["v"]) and not {w.lower() for w in re.split(r"[\s-]", found["v"])} & _NOBODY:
                    yield Claim(confidence, *found.span("v"))
    if not _GUARDED.search(text):
        return
    told = [Claim(confidence, *span) for confidence, pattern in _KO if confidence >= threshold for span in _spans(pattern, text)]
    if told or threshold <= ALONE:
        tokens = [Word(t.start, t.end, t.tag, not t.oov) for t in kiwi().tokenize(text)]
        starts = [word.start for word in tokens]
        for claim in told:
            first = max(0, bisect.bisect_right(starts, claim.start) - 1)
            if _may_be(claim, tokens[first : bisect.bisect_left(starts, claim.end)]):
                yield claim
        if threshold <= ALONE:
            yield from _alone(text, tokens)


def _spans(pattern: re.Pattern[str], text: str) -> Iterator[tuple[int, int]]:
    for found in pattern.finditer(text):
        name = found["v"]
        if name not in _UNNAMED and name[:2] not in _UNNAMED and not INVENTED.match(name):
            yield found.span("v")


def _may_be(claim: Claim, tokens: list[Word]) -> bool:
    """Whether the analyser, by its words around there, lets it be a name: it takes names that it doesn't know to pieces, so only a word that it knows and that fills it says no, or,
    before a form of address, the end of a verb (가입한 고객님)."""
    inside = [word for word in tokens if word.end > claim.start]
    if any(w.tag == "NNP" for w in inside):
        return True
    if claim.confidence < LABELLED and inside and inside[-1].tag[0] in "E":
        return False
    size = claim.end - claim.start
    return not any(w.known and w.start <= claim.start and w.end - w.start >= max(2, size - 1) and w.tag[0] != "J" for w in inside)


def _alone(text: str, tokens: list[Word]) -> Iterator[Claim]:
    """Proper nouns and nouns that are in no dictionary, one or two side by side, of the shape of a full name."""
    for i, word in enumerate(tokens):
        if word.tag != "NNP" and (word.known or word.tag != "NNG"):
            continue
        end = word.end
        if word.end - word.start == 1 and i + 1 < len(tokens) and tokens[i + 1].start == end and tokens[i + 1].tag == "NNP":
            end = tokens[i + 1].end
        name = text[word.start : end]
        if _FULL_KO.fullmatch(name) and not _ENDINGS.search(name) and name[:2] not in _UNNAMED and not INVENTED.match(name):
            yield Claim(ALONE, word.start, end)


_FULL_KO: Final = re.compile(rf"(?:{DOUBLE})[가-힣]{{1,2}}|[{SURNAMES}][가-힣]{{2}}")
SUSPECT: Final = rf"[{SURNAMES}남황제선독사서동][가-힣]|[A-Z][a-z]"
"""A string with a name has one of these."""
