"""The lines of a page's or a mail's frame, by kind, in Korean and English.

Each pattern has to match a whole line, so that a sentence that speaks of copyright, cookies or a subscription stays. Lines that
recur across many records are not known here by their words: that is for dedup.substring.
"""

from __future__ import annotations

import re
from typing import Final

_MAIL: Final = r"[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,32}){1,4}"
_NAME: Final = r"[가-힣]{2,4}"
_PERSON: Final = r"(?-i:[A-Z])[\w.'-]{1,30}(?:\s+(?-i:[A-Z])[\w.'-]{0,30}){1,3}"
_SITES: Final = (
    r"(?:페이스북|트위터|카카오톡|카카오스토리|네이버\s?밴드|밴드|네이버\s?블로그|인스타그램|라인|핀터레스트|텔레그램|이메일|메일|인쇄|스크랩|url\s?복사|링크\s?복사|x|"
    r"facebook|twitter|linkedin|whatsapp|pinterest|reddit|email|e-mail|print|tumblr|telegram|instagram|messenger|copy link)"
)

LINES: Final[dict[str, tuple[str, ...]]] = {
    "copyright": (
        r"[<\[(〈]?\s*(?:저작권자|copyright|ⓒ|©|\(c\))[^\n.]{0,80}?(?:무단\s?(?:전재|복제|배포|도용)|재배포|all rights reserved)[^\n]{0,60}",
        r"[<\[(〈]?\s*무단\s?(?:전재|복제)(?:\s?(?:및|와|,|·|-|/)?\s?(?:재?배포|복제|전재|수집|ai\s?학습(?:\s?이용)?)){0,4}\s?(?:를|을)?\s?(?:금지|금합니다)[^\n가-힣]{0,10}",
        r"(?:copyright\s*)?(?:ⓒ|©|\(c\)|&copy;|copyright)\s*(?:\(c\)|ⓒ|©)?\s*(?:19|20)\d\d[^\n]{0,80}",
        r"(?:all rights reserved|모든 권리 보유|모든 저작권은 [^\n]{1,30}에 있습니다)\.?",
    ),
    "reporter": (
        rf"(?:[\[(=/][^\n\])]{{1,30}}[\])]?\s*)?/?{_NAME}\s?(?:선임|전문|인턴|수습|객원|온라인)?\s?(?:기자|특파원|통신원)\s*[=/|]?\s*(?:{_MAIL})?",
        rf"/?{_NAME}\s*(?:기자|특파원)?\s*[(<]?{_MAIL}[)>]?",
        rf"(?:(?:reported |reporting |written |edited )?by)\s+{_PERSON}(?:\s*(?:,|;|\||and)\s*(?:(?:editing|reporting) by\s+)?{_PERSON}){{0,3}}",
    ),
    "share": (
        r"(?:이\s?)?(?:기사|글|페이지|게시물|콘텐츠)?(?:를|을)?\s?(?:카카오톡|페이스북|트위터|sns|밴드)?(?:으로|로|에)?\s?공유(?:하기|합니다|해\s?보세요)",
        rf"{_SITES}(?:\s*[|,/·•]?\s*{_SITES}){{1,9}}(?:\s*(?:공유|공유하기|share))?",
        rf"(?:share|tweet|pin|save)(?: this)?(?: (?:article|story|post|page))?(?: (?:on|to|via|with) {_SITES})?[.!:]?",
        rf"click to (?:share|email|print)[^\n]{{0,40}}(?:\(opens in new window\))?|follow us on {_SITES}(?:(?:,| and) {_SITES}){{0,4}}[.!]?",
    ),
    "subscribe": (
        r"(?:뉴스레터|소식지|알림|채널|유튜브|이메일)?\s?(?:를|을)?\s?구독(?:하기|하세요|하러 가기)[!.]?",
        r"(?:구독과?|좋아요|알림\s?설정|댓글)(?:[,와과\s]+(?:구독|좋아요|알림\s?설정|댓글)(?:과|은|도)?){1,3}\s*(?:꼭\s?)?(?:부탁드립니다|부탁드려요|부탁해요|눌러\s?주세요|해\s?주세요)[!.~]*",
        r"[^\n.]{0,20}에서 [^\n.]{1,20}(?:를|을) 구독(?:하세요|해\s?주세요)[!.]?",
        r"(?:please )?(?:don['’]t forget to |remember to )?(?:like(?:,| and)? (?:comment(?:,| and)? )?)?subscribe(?: (?:now|today|here|to (?:our|my|the) [\w ]{1,40}))?[.!]*",
        r"(?:sign up|register)(?: now| today| here)? (?:for|to (?:get|receive)) (?:our |the |a )?(?:free |daily |weekly |monthly )*(?:newsletters?|e-?mail updates|updates|alerts)[^\n.]{0,40}[.!]?",
    ),
    "cookie": (
        r"(?:이|본|저희|우리)\s?(?:웹\s?사이트|사이트|홈페이지|서비스)(?:는|에서는)[^\n]{0,60}쿠키(?:를|을)? ?(?:사용|이용|수집)[^\n]{0,120}",
        r"(?:모든\s)?쿠키(?:\s?(?:사용|정책|설정|수집))?(?:에|을|를)?\s?(?:동의(?:합니다|하기|함)?|허용(?:하기)?|수락(?:하기)?|관리|거부(?:하기)?|보기|안내|정책|설정)[.!]?",
        r"(?:this|our) (?:web ?site|site|page)[^\n.]{0,30} uses? cookies[^\n]{0,160}|we(?: and our partners)? use cookies[^\n]{0,160}",
        r"by (?:continuing|using|browsing)[^\n]{0,60}(?:our use of|use of) cookies[^\n]{0,40}|(?:accept|reject|allow|manage)(?: all)? cookies[.!]?|cookie (?:policy|settings|preferences|notice)",
    ),
    "signature": (
        r"(?:나의|내)\s?(?:iphone|ipad|galaxy|갤럭시|아이폰|아이패드|휴대폰|스마트폰)에서\s?(?:보냄|보낸 메일입니다|발송)\.?",
        r"sent from my [\w ]{2,30}[.!]?|sent from (?:yahoo )?mail(?: for [\w ]{2,20})?|get outlook for (?:ios|android)(?:<[^\n>]{1,80}>)?|sent via [\w ]{2,30}",
        r"(?:outlook|mail) for (?:windows|ios|android|mac)(?:에서|로) 보냄",
    ),
}
"""By kind: patterns of whole lines, without case."""

QUOTED: Final = re.compile(
    r"^[ \t]*(?:-{2,}\s*(?:original message|forwarded message|원본\s?메[시세]지|전달된\s?메[시세]지|원문|original appointment)\s*-{2,}"
    r"|(?:on|le) [^\n]{6,120} wrote:|\d{4}년 \d{1,2}월 \d{1,2}일[^\n]{0,80}(?:작성|님이 (?:쓴 글|작성)|wrote):?"
    r"|(?:from|보낸\s?사람|보낸이)\s?:[^\n]{1,120}\n[ \t]*(?:sent|date|to|보낸\s?날짜|날짜|받는\s?사람|받은\s?날짜)\s?:)[^\n]*(?:\n|\Z)(?s:.*)\Z",
    re.IGNORECASE | re.MULTILINE,
)
"""What a mail quotes of the mails before it, up to the end."""
DASHES: Final = re.compile(r"--[ ]?")
"""The line that mail programs put before a signature."""
SIGNED: Final = 6
"""How many lines a signature has at most, each of up to 80 characters."""
TAIL: Final = re.compile(
    r"(?<=[.다요\])\"”])[ \t]*(?:[<\[(〈]\s*)?(?:저작권자|ⓒ|©|copyright)[^\n]{0,80}?(?:무단\s?전재|재배포|all rights reserved)[^\n]{0,60}\s*\Z"
    r"|(?<=[.다요\])\"”])[ \t]*(?:[<\[(〈]\s*)?무단\s?전재(?:\s?(?:및|와|,|·|-|/)?\s?(?:재?배포|복제|수집)){0,3}\s?금지\s*[>\])〉]?\.?\s*\Z",
    re.IGNORECASE,
)
"""The notice that news puts behind the last sentence, on the same line."""


def patterns(kinds: tuple[str, ...]) -> str:
    """One expression for a whole line of any of `kinds`."""
    return r"(?i)^[ \t]*(?:" + "|".join(p for kind in kinds for p in LINES.get(kind, ())) + r")[ \t]*$"


HINTS: Final[dict[str, tuple[str, ...]]] = {
    "copyright": ("무단", "©", "ⓒ", "(c)", "&copy;", "copyright", "rights reserved", "저작권", "모든 권리"),
    "reporter": ("기자", "특파원", "통신원", "by ", "@"),
    "share": ("공유", "페이스북", "트위터", "카카오", "밴드", "인스타", "네이버", "텔레그램", "핀터", "메일", "인쇄", "스크랩", "복사", "라인", "x", "share", "facebook", "twitter", "tweet", "pin",
              "linkedin", "follow us", "click to", "whatsapp", "save", "mail", "print", "reddit", "tumblr", "telegram", "instagram", "messenger", "copy link"),
    "subscribe": ("구독", "좋아요", "알림", "댓글", "subscribe", "sign up", "register"),
    "cookie": ("쿠키", "cookie"),
    "signature": ("에서", "로 보냄", "sent ", "get outlook", "-- \n", "--\n"),
    "quoted": ("original", "forwarded", "wrote", "from", "원본", "전달된", "원문", "작성", "쓴 글", "보낸"),
}  # fmt: skip
"""A cheap look for each kind: a string without any of these, in whatever case, holds no such line."""


def unsigned(text: str) -> str:
    """The text without the signatures at its end, each behind a line of two dashes."""
    lines = text.split("\n")
    while True:
        last = range(max(0, len(lines) - SIGNED - 1), len(lines) - 1)
        at = next((i for i in last if DASHES.fullmatch(lines[i])), None)
        if at is None or any(len(line) > 80 for line in lines[at + 1 :]):
            return "\n".join(lines)
        del lines[at:]
