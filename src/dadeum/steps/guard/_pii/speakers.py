"""People who are named by the structure of a conversation: who speaks, who is mentioned, whom a room is called after.

No search is needed for them: the export itself says that a string is a name. It is in the `name` of a turn, in fields that a reader
or a form calls so (`speakers`, `작성자`, `nickname`), in a role that is no role (`{"from": "김민수"}`), in the entries of a dialogue. Words that
say what somebody is (고객, agent, SPEAKER_00, A) are nobody's name and stay.

Elsewhere in the same record they are found again where the name is provable:

| a name like            | is found                                                                                          |
|------------------------|---------------------------------------------------------------------------------------------------|
| 김민수                 | wherever it stands; its 민수 before 야, 씨, 님 and the like, behind @, and with 이 before a particle (도윤이가)   |
| 가온, 고구마님 (a word too) | before a form of address, behind @                                                                |
| Priya Raman            | wherever it stands, in any case; Priya alone, Raman behind Ms.; first names that are words (Will, Grace) when greeted |
| happy_dev92            | wherever it stands                                                                                |
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final, NamedTuple

import polars as pl

from dadeum.io.dialogue import ROLES as SPOKEN
from dadeum.io.dialogue import SPEAKERS
from dadeum.io.value import loads
from dadeum.record import CARRIED, CHATS, ROLES, turns
from dadeum.steps.guard._pii.known import StandIn
from dadeum.steps.guard._pii.names import DOUBLE, INVENTED, SURNAMES

_FIELDS: Final = (
    "speaker speakers sender mentioned user_name username nickname nick real_name display_name full_name first_name last_name customer_name employee_name agent_name "
    "userName nickName realName displayName fullName firstName lastName customerName "
    "화자 발화자 작성자 닉네임 별명 이름 성명 성함 고객명 회원명 환자명 담당자 상담사명 상담원명 예금주 수령인"
)
NAMED: Final = frozenset(_FIELDS.split())
"""Fields whose value is somebody's name. `name` and `author` are not among them: products and books have these too."""
_NAMED: Final = rf'"(?:{"|".join(sorted(NAMED))})"\s*:'
_ROLE: Final = re.compile(
    r"(?:spk|speaker|user|agent|customer|client|caller|bot|assistant|member|participant|person|human|guest|student|teacher|doctor|patient|화자|고객|상담사|상담원|사용자|참가자|참여자|손님|직원|환자|의사|학생|교사|면접관|지원자|남자?|여자?)?"
    r"[\s_#:-]{0,3}(?:[A-Za-z]|\d{1,6})?",
    re.IGNORECASE,
)
"""SPEAKER_00, User 1, 고객2, A, 7: who speaks, and nobody's name."""
_NOBODY: Final = (
    "example_user example_assistant developer function model ipython environment critic planner owner host moderator admin administrator unknown none null na n/a me 나 본인 관리자 운영자 진행자 "
    "시스템 어시스턴트 도우미 인공지능 챗gpt chatgpt claude gemini slackbot 매니저 강사 선생님 사장님 엄마 아빠 없음 미상 미정 익명 anonymous interviewer interviewee seller buyer 판매자 구매자"
)
_OTHERS: Final = frozenset(_NOBODY.split())
_BOT: Final = re.compile(r"(?:bot|봇)$", re.IGNORECASE)
_VALUE: Final = re.compile(r"@[^\s@]{1,64}\.|\d(?:\D?\d){6}")
"""An address or a number in a name's place is of another kind."""
_FULL: Final = re.compile(rf"(?:(?:{DOUBLE})[가-힣]{{1,2}}|[{SURNAMES}][가-힣]{{2}})")
_STAND_IN: Final = re.compile(r"\[[A-Z]{2,12}\d{0,4}\]|⟨[^⟨⟩]+⟩|example_\d{2,}$")
"""What masks, digests and surrogates of handles look like; INVENTED knows those of names."""
_ADDRESSED: Final = r"(?=\s?(?:님|씨|군|양|형|오빠|누나|언니|선배|후배|선생|쌤|샘|대리|과장|차장|부장|팀장|사원|주임|매니저|교수|사장|대표|이사|실장|프로|고객|회원))"
_ENGLISH: Final = (
    "will mark grace hope may june april august rose bill art chase drew faith joy pat rob sue max dean earl frank gene grant guy jean lance miles nick norm ray rich sandy skip victor wade ward sky summer "
    "autumn dawn eve iris ivy lily olive pearl ruby violet crystal amber angel bishop king prince duke major sergeant page cook baker hunter mason carter porter taylor parker young long short brown white "
    "black green gray stone wood woods hill rivers lake north west east van the and for you all see can dan don jan ann ben ken sam tom tim jim joe"
)
_WORDS: Final = frozenset(_ENGLISH.split())
"""First names and nicknames that are English words, or as short as some: they take a greeting."""
_GREETED: Final = r"(?:(?<=@)|(?<=hi )|(?<=hey )|(?<=dear )|(?<=hello )|(?<=thanks )|(?<=thanks, )|(?<=thank you )|(?<=thank you, ))"
_L, _R = r"(?<![A-Za-z0-9_])", r"(?![A-Za-z0-9_])"
_DIRECT: Final = re.compile(r"mpdm-(?P<who>.+)-\d+")
"""How Slack calls the room of a few people: by their handles."""


class Called(NamedTuple):
    """A stretch that names a speaker. given: it is the given name alone."""

    start: int
    end: int
    name: str
    given: bool


def is_personal(name: str) -> bool:
    """Whether a string in a name's place is one, and not a role, a number, a program or a stand-in.

    >>> [is_personal(n) for n in ("김민수", "happy_dev92", "고객", "SPEAKER_00", "User 1", "deploy-bot", "홍가나", "A")]
    [True, True, False, False, False, False, False, False]
    """
    plain = name.strip()
    low = plain.lower()
    if not plain or not any(c.isalpha() for c in plain) or low in SPOKEN or low in _OTHERS or low in ROLES:
        return False
    return not (_ROLE.fullmatch(plain) or _BOT.search(plain) or _VALUE.search(plain) or _STAND_IN.match(plain) or INVENTED.match(plain))


def is_full(name: str) -> bool:
    """Whether a string has the shape of somebody's full name, Korean or English.

    >>> [is_full(n) for n in ("김민수", "남궁지우", "Priya Raman", "critic", "면접관")]
    [True, True, True, False, False]
    """
    return bool(is_personal(name) and (_FULL.fullmatch(name) or re.fullmatch(r"[A-Z][a-z'’-]{1,20}(?: [A-Z][A-Za-z'’-]{0,20}\.?){1,3}", name)))


class People:
    """The speakers of a record, as they are found in its strings. names: each once."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        self._groups: list[tuple[str, bool]] = []
        forms: list[tuple[int, str, str, bool]] = []
        for name in self.names:
            forms += [(-len(shown), form, name, given) for form, shown, given in _forms(name)]
        parts = []
        for _, form, name, given in sorted(forms, key=lambda f: f[0]):
            parts.append(f"({form})")
            self._groups.append((name, given))
        self._pattern = re.compile("|".join(parts), re.IGNORECASE) if parts else None

    def find(self, text: str) -> Iterator[Called]:
        """Where the text names one of them, from left to right."""
        for found in self._pattern.finditer(text) if self._pattern else ():
            name, given = self._groups[(found.lastindex or 1) - 1]
            if not (INVENTED.match(text, found.start()) or _STAND_IN.match(text, found.start())):
                yield Called(*found.span(), name, given)

    def written(self, text: str, stand_in: StandIn, anywhere: bool) -> str:
        """`text` with a stand-in wherever it names one of them; anywhere: also where nothing but the name says so (in the name of a room)."""
        if anywhere:
            for name in sorted(self.names, key=len, reverse=True):
                text = text.replace(name, stand_in(name, "speaker", name)) if name in text else text
        out, end = [], 0
        for found in self.find(text):
            made = stand_in(text[found.start : found.end], "speaker", found.name)
            # Of 홍가나 the given name is 가나; masks and digests have none.
            out += [text[end : found.start], made[1:] if found.given and made.startswith("홍") else made]
            end = found.end
        return "".join(out) + text[end:]


def _forms(name: str) -> Iterator[tuple[str, str, bool]]:
    """(expression, what it finds, whether that is the given name alone) of every way in which a name is provable."""
    here = re.escape(name)
    if re.search("[가-힣]", name):
        start = r"(?<![가-힣A-Za-z0-9])"
        if _FULL.fullmatch(name):
            yield start + here, name, False
            given = name[2:] if re.match(DOUBLE, name) and len(name) > 3 else name[1:]
            if len(given) == 2:
                yield from ((form, given, True) for form in _addressed(given))
        elif len(re.findall("[가-힣]", name)) > 3 or re.search(r"[가-힣]\W+\w|\w\W+[가-힣]|[A-Za-z0-9_]", name):
            yield start + here, name, False
        else:
            yield from ((form, name, False) for form in _addressed(name))
        return
    words = name.split()
    if len(words) > 1:
        yield _L + r"\s+".join(map(re.escape, words)) + _R, name, False
        first, last = words[0], words[-1]
        if len(first) > 2 and first.isalpha():
            yield _single(first), first, False
        if len(last) > 2:
            yield rf"(?:(?<=mr )|(?<=ms )|(?<=mrs )|(?<=dr )|(?<=mr\. )|(?<=ms\. )|(?<=mrs\. )|(?<=dr\. )|(?<=prof\. )){re.escape(last)}{_R}", last, False
    elif name.isascii() and not name.isalpha():
        yield rf"{_L}{here}{_R}", name, False
    else:
        yield _single(name), name, False


def _addressed(name: str) -> Iterator[str]:
    """A Korean name before a form of address or a calling particle, behind @; one that ends in a consonant also with the 이 of names."""
    here, start = re.escape(name), r"(?<![가-힣])"
    closed = "가" <= name[-1] <= "힣" and (ord(name[-1]) - 0xAC00) % 28 > 0
    yield rf"(?<=@){here}"
    yield start + here + _ADDRESSED
    yield rf"{start}{here}(?={'아' if closed else '야'}(?![가-힣]))"
    if closed:
        yield rf"{start}{here}(?=이(?:가|는|를|랑|한테|도|야|네|의)(?![가-힣]))"


def _single(word: str) -> str:
    """One English word: as it is written where it begins with a capital and is no word of the language, else where it is greeted."""
    here = re.escape(word)
    if word[:1].isupper() and len(word) > 2 and word.lower() not in _WORDS:
        return rf"(?-i:{_L}{here}{_R})"
    return rf"{_GREETED}{here}{_R}"


@lru_cache(maxsize=4096)
def people(names: tuple[str, ...]) -> People:
    """The people of these names: the conversations of a room have the same ones, and to compile what finds them takes a millisecond."""
    return People(names)


def named(rows: pl.DataFrame, turns_too: bool, carried_too: bool, columns: Iterable[str] = ()) -> dict[int, People]:
    """Position of a row -> the people whom its structure names, in the order in which they stand.

    turns_too: those of its turns; carried_too: those of its carried fields and of the entries of a dialogue. columns: further columns.
    """
    found: dict[int, list[str]] = {}
    if turns_too:
        for field in CHATS:
            flat = turns(rows, field)
            roles = pl.col("role").is_in(list(ROLES))
            for at, role, name in flat.filter(pl.col("name").is_not_null() | ~roles).select("index", "role", "name").rows():
                if name is not None and role not in ("tool", "function") and is_personal(name):
                    found.setdefault(at, []).append(name)
                if role not in ROLES and is_full(role):
                    found.setdefault(at, []).append(role)
    if carried_too:
        meta, layout = rows.get_column("meta"), rows.get_column("layout")
        for at in meta.str.contains(_NAMED).fill_null(False).arg_true().to_list():
            found.setdefault(at, []).extend(filter(is_personal, _told(_parsed(meta[at]), False)))
        for at in layout.str.contains("dialogue", literal=True).fill_null(False).arg_true().to_list():
            found.setdefault(at, []).extend(name for item, who in entries(loads(layout[at])) if is_personal(name := item[who]))
    for column in (*(c for c in rows.columns if carried_too and c.startswith(CARRIED)), *columns):
        if column.removeprefix(CARRIED) in NAMED and rows.schema[column] == pl.String:
            for at, value in enumerate(rows.get_column(column).to_list()):
                if value is not None and is_personal(value):
                    found.setdefault(at, []).append(value)
    for at, names in found.items():
        room = _room(rows.get_column("meta")[at])
        if direct := _DIRECT.fullmatch(room):
            names += filter(is_personal, direct["who"].split("--"))
        elif len(parts := re.split(r",\s?", room)) > 1 and not set(parts).isdisjoint(names):
            names += filter(is_personal, parts)
    return {at: people(tuple(dict.fromkeys(name.strip() for name in names))) for at, names in found.items() if names}


def entries(layout: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """(entry, key of its speaker) of every entry of a dialogue that a layout holds, or the one that it is the layout of; see io/layout.py."""
    if isinstance(layout.get("of"), str):
        yield from entries(loads(layout["of"]))
    for slot in layout.get("slots", ()):
        if slot[2] == "dialogue":
            for item in slot[4]:
                who = next((key for key in SPEAKERS if isinstance(item.get(key), str)), None)
                if who is not None:
                    yield item, who


def _told(value: Any, mine: bool) -> Iterator[str]:
    """The strings below a field of NAMED, however deep."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _told(inner, mine or key in NAMED)
    elif isinstance(value, list):
        for inner in value:
            yield from _told(inner, mine)
    elif mine and isinstance(value, str):
        yield value


def _room(meta: str | None) -> str:
    told = _parsed(meta) if meta is not None and '"room"' in meta else None
    return told["room"] if isinstance(told, dict) and isinstance(told.get("room"), str) else ""


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None
