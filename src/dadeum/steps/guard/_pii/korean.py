"""Korean numbers and addresses.

Resident and foreigner numbers, corporate and business registration, driver's licences, passports, the customs code, telephones
(fixed, mobile, 070, 050, in Hangul), hotlines, bank accounts, number plates, road and lot addresses, names on messengers.
Bank accounts have no public registry of shapes: a word has to say that they are one, and the bank's usual shape raises confidence.
"""

from __future__ import annotations

import re
from typing import Final

from dadeum.steps.guard._pii import checks
from dadeum.steps.guard._pii.numbers import TWELVE
from dadeum.steps.guard._pii.spans import L, R, digits, near, pattern, words

GAP: Final = r"[-. _~/·]{0,3}"
REGIONS: Final = "서울|부산|대구|인천|광주|대전|울산|세종|경기|강원|충청?[남북]|전라?[남북]|경상?[남북]|제주"
TOWNS: Final = re.compile(
    "(?:수원|성남|의정부|안양|부천|광명|평택|동두천|안산|고양|과천|구리|남양주|오산|시흥|군포|의왕|하남|용인|파주|이천|안성|김포|화성|광주|양주|포천|여주|춘천|원주|강릉|동해|태백|속초|삼척|청주|충주|제천|천안|공주|보령"
    "|아산|서산|논산|계룡|당진|전주|군산|익산|정읍|남원|김제|목포|여수|순천|나주|광양|포항|경주|김천|안동|구미|영주|영천|상주|문경|경산|창원|진주|통영|사천|김해|밀양|거제|양산|제주|서귀포)시"
    "|(?:종로|용산|성동|광진|동대문|중랑|성북|강북|도봉|노원|은평|서대문|마포|양천|강서|구로|금천|영등포|동작|관악|서초|강남|송파|강동|해운대|수영|분당|수지|기흥|일산동|일산서|덕양|유성)구"
)
"""Cities, and the districts of Seoul and a few more: 다시 처음으로 3 has the shape of an address, and 춘천시 중앙로 3 is one."""
SHAPES: Final = {
    "국민": ("6-2-6", "3-2-4-3"), "kb": ("6-2-6", "3-2-4-3"), "신한": ("3-3-6", "3-2-6"), "우리": ("4-3-6",), "하나": ("3-6-5",), "농협": ("3-4-4-2", "3-2-6"),
    "기업": ("3-6-2-3",), "ibk": ("3-6-2-3",), "카카오": ("4-2-7",), "토스": ("4-4-4",), "케이": ("3-3-6",), "우체국": ("6-2-6",), "새마을": ("4-4-4-1", "4-2-6-1"), "제일": ("3-2-6",), "sc": ("3-2-6",),
}  # fmt: skip
"""Usual shapes by bank, by what the banks print: digits of the groups. Not official; they raise confidence and never lower it."""

_IDENTITY = words(r"주민|등록\s?번호|외국인|신분증|RRN|resident|registration")
_CORPORATE = words(r"법인|등기\s?번호|corporate|corporation|CRN")
_BUSINESS = words(r"사업자|등록\s?번호|business|BRN|tax id|registration n")
_DRIVER = words(r"면허|driver|licen[cs]e")
_PASSPORT = words(r"여권|passport")
_CUSTOMS = words(r"통관|customs|PCCC|부호")
_ACCOUNT = words(r"계좌|입금|송금|이체|예금주|은행|뱅크|농협|수협|신협|우체국|새마을금고|증권|\bbank|account\s?(?:no|num|#)|a/c|\bacct")
_PAID = words(r"(?:계좌\s?번호|계좌|입금|송금|이체|예금주|은행|뱅크|농협|우체국|account\s?(?:no\.?|number|#)?|a/c|acct\.?)(?:\s{0,2}(?:is|was|[:은는으로(\"'])){0,3}\s{0,2}$")
_VEHICLE = words(r"차량|번호판|주차|자동차|차\s?번호|차번|plate|vehicle")
_TOWN = re.compile(r"[가-힣][시군구읍면](?=\s|$)")
_REGION = re.compile(rf"(?:{REGIONS})")
_LIVES = words(r"주소|배송지|사는 곳|거주|살고 있|집은|번지|도로명|address")
TOLD: Final = (_IDENTITY, _CORPORATE, _BUSINESS, _DRIVER, _PASSPORT, _CUSTOMS, _ACCOUNT, _PAID, _VEHICLE, _LIVES)
"""The words that say what a number is."""


def _resident(match: re.Match[str], text: str) -> float:
    number = digits(match[0])
    if not checks.born(number):
        return 0.0
    fits, told = checks.resident(number), near(match, text, _IDENTITY, after=8)
    if near(match, text, _CORPORATE):
        return 0.7
    if "-" in match["sep"]:
        return 1.0 if fits else 0.9 if told else 0.75
    if told:
        return 0.95 if fits else 0.85
    return 0.5 if fits and not checks.barcode(number) else 0.2


def _masked(match: re.Match[str], text: str) -> float:
    return 0.6 if checks.born(digits(match[0])[:7]) else 0.0


def _apart(match: re.Match[str], text: str) -> float:
    return 0.85 if checks.born(digits(match[0])) and near(match, text, _IDENTITY) else 0.0


def _corporate(match: re.Match[str], text: str) -> float:
    number = digits(match[0])
    fits, told = checks.corporate(number), near(match, text, _CORPORATE, after=8)
    if told:
        return 0.98 if fits else 0.92
    # 110111-1... is a birthday too: the number whose check digit fits is the likelier one.
    return 0.8 if fits and "-" in match[0] and not checks.resident(number) else 0.0


def _business(match: re.Match[str], text: str) -> float:
    if not checks.business(digits(match[0])):
        return 0.45 if "-" in match[0] and near(match, text, _BUSINESS) and not match[0].startswith("000") else 0.0
    told = near(match, text, _BUSINESS)
    return 0.95 if told else 0.8 if "-" in match[0] else 0.2


def _driver(match: re.Match[str], text: str) -> float:
    told = near(match, text, _DRIVER, after=8)
    if match["sep"] == "-":
        return 0.95 if told else 0.8
    return 0.78 if told else 0.1  # less than the 0.8 of a date stamp


def _passport(match: re.Match[str], text: str) -> float:
    return 0.9 if near(match, text, _PASSPORT) else 0.3


def _customs(match: re.Match[str], text: str) -> float:
    if match[0][1:5] == "0000":
        return 0.0
    return 0.95 if near(match, text, _CUSTOMS) else 0.6


def _account(match: re.Match[str], text: str) -> float:
    number, groups = digits(match[0]), match[0].split("-")
    telephone = re.match(r"01[016789]|0[2-6]\d?-|07|08|050", match[0]) is not None
    if re.search(r"\+\d{1,3}[-. ]?$", text[max(0, match.start() - 5) : match.start()]):
        return 0.0
    if not 10 <= len(number) <= 14 or number.startswith(("000", "82100000")) or (telephone and len(groups) == 3):
        return 0.0
    if not near(match, text, _ACCOUNT, after=10):
        return 0.0
    around = text[max(0, match.start() - 24) : match.end() + 10].lower()
    shape = "-".join(str(len(group)) for group in groups)
    return 0.9 if any(bank in around and shape in shapes for bank, shapes in SHAPES.items()) else 0.84


def _bare_account(match: re.Match[str], text: str) -> float:
    number = match[0]
    if number.startswith("000") or re.match(r"0\d{9,10}$", number) or TWELVE.fullmatch(number) or (number[2:4] == "13" and len(number) == 13):
        return 0.0
    return 0.7 if near(match, text, _PAID) else 0.0


def _plate(match: re.Match[str], text: str) -> float:
    if near(match, text, _VEHICLE, after=8):
        return 0.85
    return 0.6 if match["gap"] == "" or match["region"] else 0.3


def _placed(place: str, told: bool, detail: str) -> float:
    """How sure the places in front of a road or a lot make it an address."""
    region, town = _REGION.match(place), _TOWN.search(place)
    if told:
        return 0.9 if region or town else 0.6
    if (region and town) or TOWNS.search(place):
        return 0.8
    return 0.7 if detail.strip() and (region or town) else 0.4


def _address(match: re.Match[str], text: str) -> float:
    return _placed(text[match.start() : match.start("road")], near(match, text, _LIVES, after=4), match["detail"])


def _lot(match: re.Match[str], text: str) -> float:
    return _placed(match["place"], near(match, text, _LIVES, after=4), match["detail"])


def _handle(match: re.Match[str], text: str) -> float:
    name = match["v"]
    if "example" in name.lower() or name.lower() in ("http", "https", "www", "com", "talk", "id", "naver", "kakao"):
        return 0.0
    if match["told"]:
        return 0.8 if match["mark"] or any(c in "0123456789_.-" for c in name) else 0.65
    return 0.55 if any(c in "0123456789_" for c in name) and any(c.isalpha() for c in name) else 0.3


def _hotline(match: re.Match[str], text: str) -> float:
    return 0.0 if match[0].endswith("0000") else 0.8


_82 = r"(?:(?:\+|00)82[-. ]?|82[-. ])\(?0?\)?"
_AREA = r"(?:2|3[1-3]|4[1-4]|5[1-5]|6[1-4]|70|50\d)"
_ZERO = r"[공영빵0]"
_NUMERAL = r"[공영빵일이삼사오육륙칠팔구]"
_BORN = r"\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
_SIDO = rf"(?:{REGIONS})(?:특별자치시|특별자치도|특별시|광역시|시|도)?"
_PARTS = rf"(?:(?:{_SIDO})\s{{0,2}})?(?:[가-힣]{{1,6}}[시군]\s{{1,2}})?(?:[가-힣]{{1,6}}구\s{{0,2}})?(?:[가-힣]{{1,6}}[읍면]\s{{1,2}})?"
_DETAIL = r"(?:\s?,?\s?(?:제?\d{1,4}동|지?하?\s?\d{1,3}층|제?\d{1,5}호|[가-힣A-Za-z0-9]{1,10}(?:아파트|빌딩|빌라|오피스텔|타워))){0,5}"
_UNIT = r"(?!\d|[.,]\d|\s?(?:년|월|일|시|분|초|명|원|개|위|%|km|억|만|천|번째|회|점|배|살|세|권|편|대|평|미터|m\b|kg|도\b))"
PATTERNS: Final = (
    pattern("resident", rf"{L}{_BORN}(?P<sep>\s?-\s?|\s|\.|)\d{{7}}{R}", _resident, digits=13),
    pattern("resident", rf"{L}{_BORN}\s?-\s?\d[*xX●○#]{{6}}", _masked, ("*", "x", "●", "○", "#"), digits=7),
    pattern("resident", r"(?<![\d.-])\d(?:[ .]\d){5}[ .-]{1,3}\d(?:[ .]\d){6}(?!\d)", _apart, digits=13),
    pattern("corporate", rf"{L}\d{{4}}(?:1[1-5]|2[12]|3[1-9]|4\d|5[0-3]|71|8[1-6])\s?-?\s?\d{{7}}{R}", _corporate, digits=13),
    pattern("business", rf"{L}[1-9]\d{{2}}(?P<sep>\s?-\s?|)\d{{2}}(?P=sep)\d{{5}}{R}", _business, digits=10),
    pattern("driver", rf"{L}(?<![A-Za-z])(?:1[1-9]|2[0-8])(?P<sep>[- ]|)\d{{2}}(?P=sep)\d{{6}}(?P=sep)\d{{2}}{R}", _driver, digits=12),
    pattern("driver", rf"(?:{REGIONS})\s?(?!00-00)\d{{2}}(?P<sep>-)\d{{6}}-\d{{2}}{R}", _driver, ("-",), digits=10),
    pattern("passport", r"(?<![A-Za-z0-9])[MSRODG](?!000)(?:\d{8}|\d{3}[A-Z]\d{4})(?![A-Za-z0-9])", _passport, digits=7),
    pattern("customs", r"(?<![A-Za-z0-9])P\d{12}(?!\d)", _customs, digits=12),
    pattern("phone", rf"{L}(?:{_82}|\(?0)1(?:0\)?{GAP}[1-9]\d{{3}}|[16789]\)?{GAP}[1-9]\d{{2,3}}){GAP}\d{{4}}{R}", 0.9, digits=10),
    pattern("phone", rf"{L}(?:{_82}|\(?0){_AREA}(?:\)?\s?[-. ~)]\s?|\)\s?)[1-9]\d{{2,3}}[-. ~]\d{{4}}{R}", 0.86, digits=9),
    pattern("phone", r"(?<![\d.-])0[ .-]{1,2}1[ .-]{1,2}[016789](?:[ .-]{1,3}[1-9])(?:[ .-]{1,3}\d){6,7}(?!\d)", 0.8, digits=10),
    pattern(
        "phone",
        rf"{_ZERO}\s?일\s?[공영빵일육칠팔구](?![\s\-.,]{{0,3}}(?:공[\s\-.,]{{0,3}}){{3}})[\s\-.,]{{0,3}}(?:{_NUMERAL}[\s\-.,]{{0,3}}){{6,7}}{_NUMERAL}",
        0.85,
        ("일",),
    ),
    pattern("hotline", rf"{L}(?:1[568]\d{{2}}|080-\d{{3,4}})-\d{{4}}{R}", _hotline, digits=8),
    pattern("account", rf"{L}(?<![A-Za-z_])\d{{2,6}}(?:-\d{{1,7}}){{2,3}}{R}", _account, digits=4),
    pattern("account", rf"{L}(?<![A-Za-z_])\d{{10,14}}{R}(?![A-Za-z@_])", _bare_account, digits=10),
    pattern(
        "plate",
        rf"(?<![\d.,-])(?:(?P<region>{REGIONS})\s?)?(?!0)\d{{2,3}}[가나다라마거너더러머버서어저고노도로모보소오조구누두루무부수우주바사아자허하호배](?P<gap>\s?)(?!0000)\d{{4}}"
        r"(?!\d|[.,]\d|\s?(?:년|원|억|만|천|명|개|석|호|점|여|번|km|m\b))",
        _plate,
        digits=6,
    ),
    pattern(
        "address",
        rf"{_PARTS}(?P<road>[가-힣][가-힣0-9·.]{{0,12}}?(?:대로|로|길))(?:\s?\d{{1,4}}(?:번|가)?길)?\s?(?:지하\s?)?[1-9]\d{{0,3}}(?:-\d{{1,3}})?(?:번지)?{_UNIT}(?P<detail>{_DETAIL})",
        _address,
        ("로", "길"),
        digits=1,
    ),
    pattern(
        "address",
        rf"(?P<place>(?:{_SIDO}\s{{1,2}})?(?:[가-힣]{{1,6}}[시군]\s{{1,2}})?[가-힣]{{1,6}}[시군구]\s{{1,2}}(?:[가-힣]{{1,6}}[읍면]\s{{1,2}})?)"
        rf"[가-힣]{{1,6}}\d{{0,2}}(?:동|리|\d가)\s(?:산\s?)?[1-9]\d{{0,3}}(?:-\d{{1,4}})?(?:번지)?{_UNIT}(?!호선)(?P<detail>{_DETAIL})",
        _lot,
        ("동 ", "리 ", "가 "),
        digits=1,
    ),
    pattern(
        "messenger",
        r"(?:카카오톡|카톡|kakao\s?talk|kakao|라인|line|텔레그램|텔레|telegram|인스타그램|인스타|instagram|insta|위챗|wechat|디스코드|discord|스카이프|skype)"
        r"\s{0,2}(?P<told>아이디|ID|계정|id)?\s{0,2}(?:(?:[:=은는(']|저는|is)\s{0,2}){0,2}(?P<mark>@?)(?P<v>[A-Za-z0-9][A-Za-z0-9._-]{3,29})(?![A-Za-z0-9@_.-])",
        _handle,
        ("카톡", "카카오톡", "kakao", "라인", "line", "텔레", "telegram", "인스타", "insta", "위챗", "wechat", "디스코드", "discord", "스카이프", "skype"),
    ),
)  # fmt: skip
