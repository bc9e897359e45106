"""One string: was it read by a wrong code page, can that be undone without loss, and if not, how much of it is certain?

A repair goes on until nothing changes (texts are broken twice and more), never guesses, and has to pass the way back: the answer,
broken again in the same way, is the string that came. A string of which only a part can be undone is left whole as it came: a
half repaired text looks right and is not, and the broken one is the evidence for whoever repairs it later.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from dadeum.steps.clean._hangul import COMMON, EVERYDAY, FREQUENT, share
from dadeum.steps.clean._pages import GLUED, PAGES, WIDE, Page, candidates

# Characters that no broken text is made of alone: ASCII, everyday Hangul, jamo, kana, punctuation, emoji.
PLAIN: Final = (
    r"\x00-\x7F\u2010-\u2027\u2030-\u205E\u2190-\u21FF\u2460-\u24FF\u25A0-\u27BF\u3000-\u30FF\u3131-\u318E\uFE0F\uFF01-\uFF5E\U0001F000-\U0001FAFF"
    + FREQUENT
)
BLANKED: Final = r"\?\? +\?\?"
"""Letters that a code page did not have, each a question mark: words of them stand in a row."""
APOSTROPHE: Final = r"[A-Za-z]\?[a-z]"
"""As BLANKED, of an apostrophe (don?t); without a word boundary, which costs ten times as much."""
SUSPECT: Final = rf"[^{PLAIN}]|{BLANKED}|{APOSTROPHE}"
MARKS: Final = ("占쏙옙", "ï¿½", "锟斤拷", "嚙踝蕭", "\ufffd")
"""U+FFFD, as it is or read again by another code page."""
_SUSPECT: Final = re.compile(SUSPECT)
_UPPER: Final = re.compile("[" + "".join(re.escape(c) for c in sorted({c for page in PAGES for c in page.bytes_of}) if re.match(f"[^{PLAIN}]", c)) + "]")
"""What only a code page of single bytes makes: without one of these there is nothing to look for in any of the thirteen."""
_MARK: Final = re.compile("|".join(map(re.escape, MARKS)))
_BLANK: Final = re.compile(r"(?<!\S)(?:\?{1,12}[.,!]? +){2,}\?{1,12}[.,!]?(?!\S)")
_BLANKED: Final = re.compile(r"(?:(?<=[A-Za-z]{2})|(?<=\bI))\?(?:s|t|re|ve|ll|d|m)(?![\w=?&/.\[(+])")
_STUMP: Final = re.compile(
    r"â€(?![\x80-\xbf˜™œšž¢¦¹º¼½¾”“’‘„†‡•…‰‹›])|ï¸|ðŸ|"
    + "|".join(f"{start}(?!{page.rows(0x80, 0xBF)})" for page in PAGES if (start := page.start)[0] != "â" and start != "тА")
)
"""The first two bytes of a quotation mark or dash, in any page, without the third; in cp866 they are letters that stand beside each other."""
_STRAY: Final = re.compile(r"[\u0180-\u024f\u0370-\u07ff]")
"""Letters that bytes of cp949 make two by two, where they are read as UTF-8 and the rest is left out."""
_HALF: Final = re.compile("[\uff61-\uff9f]")
_WORD: Final = re.compile(r"[^\W\d_]+")
_HAN: Final = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff]")
_ASKED: Final = re.compile(r"Ã\?Â|â\?¬")
_ALONE: Final = re.compile(r"(?<![A-ZÀ-Þ])[ÂÃÄÅ](?=[ \x80-\xbf])")
"""What is left of a sequence whose no-break space (byte A0) became a blank: only beside sequences that could be undone."""
_HANGUL: Final = re.compile("[가-힣ㄱ-ㅣ]")
_LEFT: Final = {page.name: re.compile(f"{page.rows(0xE3, 0xED)}(?![A-Za-z])") for page in PAGES}
"""By page the first byte of a syllable whose others are gone."""
_C1: Final = re.compile(r"[\x80-\x84\x86-\x9f]")
_QUOTES: Final = {chr(byte): bytes([byte]).decode("cp1252") for byte in (0x82, 0x84, 0x85, 0x8B, *range(0x91, 0x98), 0x99, 0x9B)}
_QUOTED: Final = re.compile("[" + "".join(_QUOTES) + "]")
_BESIDE: Final = re.compile(r"[가-힣][\u4e00-\u9fff\uf900-\ufaff]|[\u4e00-\u9fff\uf900-\ufaff][가-힣]")
"""Hanja inside a Korean word. By rare syllables alone, slang and exclamations (쭵쭵, 똠양꿍) were taken for broken."""
ROUNDS: Final = 6
"""How often a text may have been broken, one on top of the other. Four is the most that was found in the wild."""


class Finding(NamedTuple):
    """What was found in a string."""

    text: str
    """Repaired, or as it came."""
    kind: str
    """How it was broken, by the last reader first: `utf-8 as cp1252`; `lossy: ...` where it can't be undone."""
    determined: float
    """Of what was broken, the share that is certain: 1 after a repair."""


def look(text: str) -> Finding | None:
    """What is broken in `text`; null where nothing is.

    >>> look("itâ€™s")
    Finding(text='it’s', kind='utf-8 as cp1252', determined=1.0)
    >>> look("안녕, café") is look("1½") is None
    True
    >>> look("안녕\ufffd\ufffd 하세요")[1:]
    ('lossy: replacement characters', 0.5)
    """
    if not _SUSPECT.search(text):
        return None
    done, kinds, lost = _repaired(text)
    lost = lost or _lost(done)
    if kinds and not lost and (alone := len((_left(kinds[-1]) if _HANGUL.search(done) else _ALONE).findall(done))):
        lost = kinds[-1], 1 - alone / max(alone, len(text) - len(done))
    if lost:
        return Finding(text, f"lossy: {lost[0]}", round(lost[1], 4))
    return Finding(done, ", ".join(kinds), 1.0) if kinds else None


def _left(kind: str) -> re.Pattern[str]:
    """What is left of syllables beside those that this kind of repair made."""
    return _LEFT.get(kind.rpartition(" ")[2], _LEFT["latin-1"])


def _repaired(text: str) -> tuple[str, list[str], tuple[str, float] | None]:
    """The text with all undone that can be, the names of what was undone, and what stopped it: the signs that bytes are gone."""
    kinds: list[str] = []
    for _ in range(ROUNDS):
        made = _lines(text)
        if made is None and (lost := _cut(text) or _thinned(text)):
            return text, kinds, lost
        if made is None and (found := _sequences(text, kinds)):
            pages, made = found
            if torn := max(len(page.torn.findall(page.sequence.sub("\n", text))) for page in pages):
                whole = len(pages[0].sequence.findall(text))
                return text, kinds, (made[1][0], whole / (whole + torn))
        made = made or _quotes(text)
        if made is None:
            break
        text = made[0]
        kinds += [kind for kind in made[1] if kind not in kinds]
    return text, kinds, None


def _lines(text: str) -> tuple[str, list[str]] | None:
    """Lines that were read wrongly as a whole."""
    kinds: list[str] = []
    lines = text.split("\n")
    for i, line in enumerate(lines):
        made = next(candidates(line), None) if _SUSPECT.search(line) else None
        if made:
            lines[i] = made[0]
            kinds += [made[1]] if made[1] not in kinds else []
    return ("\n".join(lines), kinds) if kinds else None


def _sequences(text: str, kinds: list[str]) -> tuple[list[Page], tuple[str, list[str]]] | None:
    """Sequences of UTF-8, undone by the page that explains most of the text; and all pages that undo them so, that page first."""
    if not _UPPER.search(text):
        return None
    made = [(done, page) for page in PAGES if (done := page.repaired(text, f"utf-8 as {page.name}" in kinds))]
    if not made:
        return None
    best, page = max(made, key=lambda one: one[0][1])
    return [page, *(other for done, other in made if done == best)], (best[0], [f"utf-8 as {page.name}"])


def _quotes(text: str) -> tuple[str, list[str]] | None:
    """The quotation marks and dashes of cp1252, where nothing else of the text is broken."""
    if not _QUOTED.search(text) or PAGES[0].sequence.search(text) or _lost(_QUOTED.sub("", text)):
        return None
    return _QUOTED.sub(lambda m: _QUOTES[m[0]], text), ["cp1252 as latin-1"]


def _cut(text: str) -> tuple[str, float] | None:
    """Korean of which a code page dropped bytes: syllables of one and two characters among syllables of three."""
    if not _UPPER.search(text):
        return None
    foreign = sum(c > "\x7f" for c in text)
    best: tuple[int, int, int, str] = (0, 0, 0, "")
    for page in PAGES:
        found = page.korean.findall(text)
        this = (sum(map(len, found)), -len(found), sum(len(c) == 3 for c in found), page.name)
        best = this if this[:2] > best[:2] else best
    covered, many, whole, name = best
    if -many >= 3 and whole < -many and covered >= 2 * -many and covered >= 0.6 * foreign:
        return f"utf-8 as {name}", whole / -many
    if _ASKED.search(text):
        return "utf-8 as cp1252", 0.0
    return None


def _thinned(text: str) -> tuple[str, float] | None:
    """Korean that a page of two bytes was read as, pairs that it lacks left out: what of its bytes still makes everyday syllables.

    Of 5,135 texts in Chinese and Japanese none makes two of UTF-8 out of more than an eighth of its bytes."""
    half = _HALF.findall(text)
    if len(half) >= 4:
        made = [c for c in text.encode("shift_jis", errors="ignore").decode("cp949", errors="ignore") if "가" <= c <= "힣"]
        told = sum(c in EVERYDAY for c in made)
        if told >= 4 and told >= 0.6 * len(made) and 4 * len(made) >= len(half):
            return "cp949 as shift_jis", told / len(made)
    signs = _HAN.findall(text)
    if len(signs) < 3 or sum(c in COMMON for c in signs) > len(signs) / 2:
        return None
    best = (0.0, "")
    for page in WIDE:
        data = text.encode(page, errors="ignore")
        whole = sum(c in COMMON for c in data.decode("utf-8", errors="ignore"))
        if whole >= 2:
            best = max(best, (3 * whole / sum(byte > 0x7F for byte in data), page))
    return (f"utf-8 as {best[1]}", min(best[0], 0.99)) if best[0] >= 0.2 else None


def _lost(text: str) -> tuple[str, float] | None:
    """What shows that bytes are gone, and the share of what is left of the words (of the letters, for a wrong page)."""
    if _MARK.search(text):
        words = text.split()
        return "replacement characters", sum(not _MARK.search(w) for w in words) / max(1, len(words))
    if _C1.search(text):
        return "control characters", 1 - len(_C1.findall(text)) / len(text)
    if _STUMP.search(text):
        words = text.split()
        return "utf-8 as cp1252", sum(not _STUMP.search(w) for w in words) / len(words)
    if blanked := len(_BLANKED.findall(text)):
        return "question marks", max(0.0, 1 - blanked / len(text.split()))
    words = _WORD.findall(text)
    if len(words) > 1 and all(len(w) <= 3 and _STRAY.search(w) for w in words) and len({ord(c) >> 8 for w in words for c in w}) > 1:
        return "stray letters", 0.0
    signs = _HAN.findall(text)
    if signs and len(text.split()) >= max(4, 2 * len(signs)) and len(GLUED.findall(text)) == len(signs) and 2 * sum(c in COMMON for c in signs) <= len(signs):
        return "stray signs", 1 - len(signs) / len(text.split())
    blank = _BLANK.search(text)
    if blank and len(set(blank[0].split())) > 1 and 2 * sum(c == "?" for c in text) > len("".join(text.split())):
        return "question marks", 1 - sum(c == "?" for c in text) / len("".join(text.split()))
    if _BESIDE.search(text) and sum("가" <= c <= "힣" for c in text) >= 4 and (rare := 1 - share(text, COMMON)) > 0.2:
        return "rare syllables", 1 - rare
    return None
