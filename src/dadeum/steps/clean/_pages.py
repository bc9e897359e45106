"""Text that was read by a wrong code page, and the way back.

UTF-8 says in every byte whether it leads a character or continues one. Read by a code page of single bytes, "é" becomes a
character of the page's rows C2-F4 with one to three of its rows 80-BF behind it, whatever the page: a shape that no language
writes by itself. The way back is to look the bytes up again and to decode them strictly. Where a page leaves bytes undefined,
they are the control characters of the same number, as browsers have it (WHATWG Encoding). What is here is exact: a sequence
that doesn't decode is not touched, and encoding the answer again gives the broken text, character by character.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final
from unicodedata import category

from dadeum.steps.clean._hangul import COMMON, EVERYDAY, share

# What writers put behind a letter themselves: 'café…”' has the shape of a Chinese character read as cp1252.
NATURAL: Final = frozenset("…’”“‘–—»«™®©°²³¹ºª\xa0·!¡¿›‹•´¨`¬,‚„πΩ∞µ∑∫∂")
SIGNS: Final = "\xa0¡£§©«®°±²³´¶·»¼½¾¿"
QUOTES: Final = "…’”“‘–—«»"
BOX: Final = frozenset(map(chr, range(0x2500, 0x2580)))
KOREAN_AS: Final = (
    "latin-1", "cp1252", "iso8859-7", "cp1251", "cp1250", "cp1253", "cp1254", "iso8859-2", "iso8859-5", "cp437", "cp850", "cp852", "cp866", "koi8-r", "mac-roman", "mac-cyrillic", "cp874",
    "cp1255", "cp1256", "cp1257", "cp1258", "iso8859-15", "koi8-u", "gb18030", "big5", "euc_jp", "shift_jis",
)  # fmt: skip
"""What cp949 is read as."""
WIDE: Final = ("cp949", "gb18030", "shift_jis", "euc_jp", "big5")
"""Code pages of two bytes that UTF-8 is read as."""

GLUED: Final = re.compile(r"(?:(?<=[A-Za-z][a-z])|(?<=\b[ODL]))[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff](?![\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff])")
"""A single sign of East Asia behind a Latin letter: it抯 and Weizs辰cker, which cp1252 becomes where it is read as one of their pages."""
_ODD: Final = re.compile(r"’(?!(?:s|t|d|m|ll|re|ve)\b|(?<=\b[ODL]’)[A-Z])|(?<![a-zß-ÿ])[ß-ÿ]|[ß-ÿ](?![a-zß-ÿ]|\b)|[ß-ÿ][a-df-rt-z]\b|[ß-ÿ]{2}")
"""Apostrophes that no English word has, and accented letters beside anything but small letters, or beside each other."""

Sequences = list[tuple[re.Match[str], str]]
"""Where a character of UTF-8 stands in a text, and which."""


@dataclass(frozen=True)
class Page:
    """A code page of single bytes."""

    name: str
    latin: bool = True
    """Whether its letters are Latin: then a single broken word among right ones is told by its shape."""

    @cached_property
    def bytes_of(self) -> dict[str, int]:
        """Character to byte, of the upper half."""
        table = {}
        for byte in range(0x80, 0x100):
            char = bytes([byte]).decode(self.name, errors="replace")
            table[chr(byte) if char == "\ufffd" else char] = byte
        return table

    def rows(self, first: int, last: int) -> str:
        """The page's characters for a range of bytes, as a class of a regular expression."""
        return "[" + "".join(re.escape(c) for c, byte in self.bytes_of.items() if first <= byte <= last) + "]"

    @property
    def start(self) -> str:
        """The first two bytes of quotation marks and dashes (E2 80) in this page."""
        return "".join(char for want in (0xE2, 0x80) for char, byte in self.bytes_of.items() if byte == want)

    @cached_property
    def sequence(self) -> re.Pattern[str]:
        """One character of UTF-8 in this page's characters."""
        follow = self.rows(0x80, 0xBF)
        lead2, lead3, lead4 = self.rows(0xC2, 0xDF), self.rows(0xE0, 0xEF), self.rows(0xF0, 0xF4)
        return re.compile(f"{lead2}{follow}|{lead3}{follow}{{2}}|{lead4}{follow}{{3}}")

    @cached_property
    def torn(self) -> re.Pattern[str]:
        """The first two bytes of a character of UTF-8, the second of which no writer puts behind a letter: what is left of one that lost a byte."""
        follow = "".join(re.escape(c) for c, byte in self.bytes_of.items() if 0x80 <= byte <= 0xBF and c not in NATURAL and c not in BOX)
        return re.compile(f"{self.rows(0xC2, 0xF4)}[{follow}]")

    @cached_property
    def korean(self) -> re.Pattern[str]:
        """A Hangul syllable, bytes of which may be lost."""
        return re.compile(f"{self.rows(0xEA, 0xED)}{self.rows(0x80, 0xBF)}{{1,2}}")

    def encoded(self, text: str) -> bytes:
        """The bytes of a text. Raises KeyError for a character that the page lacks."""
        return bytes(ord(c) if c < "\x80" else self.bytes_of[c] for c in text)

    def back(self, found: str) -> str | None:
        """What the bytes of these characters say in UTF-8; null if they say nothing."""
        try:
            return self.encoded(found).decode("utf-8")
        except UnicodeDecodeError:
            return None

    def upper(self, text: str) -> list[str]:
        """The characters of `text` that are in the page's upper half and are no common signs."""
        return [c for c in text if c > "\x7f" and c in self.bytes_of and c not in NATURAL]

    def repaired(self, text: str, proven: bool = False) -> tuple[str, int] | None:
        """`text` with its broken sequences decoded and how many characters they were; null where the shape proves nothing.

        proven: this page has been undone before in the same text; what it left is its work, too.
        """
        found = [(m, made) for m in self.sequence.finditer(text) if (made := self.back(m[0])) and category(made) not in ("Cn", "Co")]
        if not found:
            return None
        if not (proven or self._proven(text, found)):
            return None
        out, end = [], 0
        for m, char in found:
            out += [text[end : m.start()], char]
            end = m.end()
        return "".join(out) + text[end:], sum(len(m[0]) for m, _ in found)

    def _proven(self, text: str, found: Sequences) -> bool:
        """Whether the sequences are broken text and not what their characters say: by what they make where they are all there is of
        the page, or by one that no one would write. Beside right letters of another script than Latin nothing is proven."""
        made = "".join(char for _, char in found)
        upper, held = len(self.upper(text)), sum(c not in NATURAL for m, _ in found for c in m[0])
        if held >= upper:
            if sum("가" <= c <= "힣" for c in made) >= 2 and share(made, COMMON) >= 0.8:
                return True
            if len(found) >= 3 and self._strange(found):
                return True
        elif not self.latin or (4 * held < upper and all(len(m[0]) == 2 for m, _ in found)):
            return False
        return any(self._short(m, char, text) if len(m[0]) == 2 else self._long(m, char, made) for m, char in found)

    def _strange(self, found: Sequences) -> bool:
        """Whether two of the sequences hold what no one writes behind a letter."""
        return sum(any(c not in NATURAL and c not in BOX for c in m[0][1:]) for m, _ in found) >= 2

    def _short(self, m: re.Match[str], char: str, text: str) -> bool:
        """Whether a sequence of two, an accented letter or a sign, is proof by itself: by the letters on both sides of it."""
        lead, follow = m[0][0], m[0][1]
        before, after = text[m.start() - 1 : m.start()], text[m.end() : m.end() + 1]
        if not ("\xa0" <= char <= "\u024f" and (char.isalpha() or char in SIGNS)) or (lead in BOX and follow in BOX):
            return False
        if not lead.isalpha():  # r√©gime: a sign inside a word
            return before.isalpha() and before < "\u0250" and (follow not in NATURAL or after.isalpha())
        if not self.latin:  # SГЈo: two scripts in a word
            return before.isalpha() and before < "\u0250" and after.isalpha() and after < "\u0250"
        if follow.isalpha() and follow not in "ªºµ":  # nĂˇm, ZURÃœCK: case changes inside a word
            return (before.islower() and lead.isupper()) or (before.isupper() and follow.islower())
        if follow not in NATURAL and follow not in BOX:
            return True
        if lead.isupper() and (before.islower() or (after.islower() and follow not in QUOTES) or (follow == "‘" and before.isalpha() and after.isalpha())):
            return True
        return not before.isalpha() and lead in "ÂÃ" and follow not in QUOTES

    def _long(self, m: re.Match[str], char: str, made: str) -> bool:
        """Whether a sequence of three or four is: by what stands in it, and by what it makes. One Chinese character, or one syllable,
        among Latin letters is chance."""
        lead, follow = m[0][0], m[0][1:]
        odd = any("\x80" <= c <= "\x9f" or (c not in NATURAL and c not in BOX and not c.isalpha()) for c in follow)
        typed = (lead == "â" and follow[0] in "œš„€™ˆ‡†‰") or (lead == "‚" and follow[0] in "ÄÇÜ") or m[0][:2] in ("ΓÇ", "ÔÇ") or (len(m[0]) == 4 and not lead.isalpha())
        typed = typed or ("\u2010" <= char <= "\u2122" and ((not self.latin and follow[0] not in NATURAL) or follow == "‚¬"))
        if not odd and not typed and m[0] != "ï»¿":
            return False
        if "\u4e00" <= char <= "\u9fff":
            return sum("\u4e00" <= c <= "\u9fff" or "\u3040" <= c <= "\u30ff" for c in made) >= 2
        if "가" <= char <= "힣":
            return sum("가" <= c <= "힣" for c in made) >= 2 and share(made, COMMON) >= 0.8
        return "\u1e00" <= char <= "\u2bff" or "\u3000" <= char <= "\u30ff" or "\ufb00" <= char <= "\ufb06" or char >= "\ufe00"


PAGES: Final = (
    *(Page(name) for name in ("latin-1", "cp1252", "cp1254", "cp1250", "iso8859-2", "mac-roman", "cp437", "cp850", "cp852", "cp1257", "cp1258")),
    *(Page(name, latin=False) for name in ("cp1251", "cp1253", "iso8859-7", "cp874", "cp866", "koi8-r", "mac-cyrillic", "cp1255", "cp1256")),
)
_HANGUL: Final = re.compile("[가-힣]")
_SINGLE: Final = {page.name: page for page in PAGES}


def candidates(line: str) -> Iterator[tuple[str, str]]:
    """What a line may have been before it was read wrongly as a whole, with a name for how; each encodes to the line again."""
    # Of these pages cp949 alone has Hangul; GB 18030's four bytes for it are nothing in UTF-8 or cp949. Most lines that are looked at are right Korean.
    hangul = _HANGUL.search(line) is not None
    for page in WIDE[:1] if hangul else WIDE:
        made = _again(line, page, "utf-8")
        if made and _told_by_utf8(made):
            yield made, f"utf-8 as {page}"
    korean: list[tuple[float, str, str]] = []
    for page in () if hangul else KOREAN_AS:
        made = _again(line, page, "cp949")
        if made and _korean(line, made):
            korean.append((share(made, EVERYDAY), made, page))
    # Accented letters in UTF-8 (C3 A4, C3 B6) are everyday syllables in cp949; Korean in cp949 is hardly ever good UTF-8, by any page.
    if korean and not any(_again(line, page, "utf-8") for page in _SINGLE):  # pages that differ in a letter or two make a rare syllable of it: the most everyday reading is the right one
        _, made, page = max(korean, key=lambda one: one[0])
        yield made, f"cp949 as {page}"
    if GLUED.search(line):
        readings = {(real, page): made for page in WIDE for real in ("utf-8", "cp1252") if (made := _again(line, page, real)) and _english(line, made)}
        if len(set(readings.values())) == 1:
            (real, page), made = readings.popitem()
            yield made, f"{real} as {page}"
    made = _again(line, "cp949", "johab")
    if made and share(line, COMMON) < 0.7 and _korean(line, made):
        yield made, "johab as cp949"


def _again(line: str, page: str, real: str) -> str | None:
    """The line's bytes in `page`, read as `real`; null unless they are that, and the line when it is broken again."""
    single = _SINGLE.get(page)
    try:
        data = single.encoded(line) if single else line.encode(page)
        made = data.decode(real)
        return made if made != line and made.encode(real) == data and (single or data.decode(page) == line) else None
    except (UnicodeError, KeyError):
        return None


def _told_by_utf8(made: str) -> bool:
    """Bytes that are UTF-8 by chance are one or two characters; three are not by chance."""
    foreign = [c for c in made if c > "\x7f"]
    if any("\u0180" <= c < "\u2010" and c not in "ȘșȚț" for c in foreign):
        return False
    return (len(foreign) >= 3 or (len(foreign) >= 2 and share(made, COMMON) == 1)) and not any(category(c) in ("Cn", "Co", "Cc") for c in foreign)


def _english(line: str, made: str) -> bool:
    """Whether single signs behind Latin letters are apostrophes and accented letters, each where one is written."""
    signs = [c for c in line if c > "\u2fff"]
    if len(GLUED.findall(line)) != len(signs) or any(c in COMMON for c in signs):
        return False
    return all(c <= "\x7f" or c in "’" or "ß" <= c <= "ÿ" for c in made) and not _ODD.search(made)


def _korean(line: str, made: str) -> bool:
    """Whether a line of other letters, as cp949, is everyday Korean: by chance 1 of 22 syllables is, so that five prove it; two
    do where the line is of Latin-1, in which accents hardly ever stand in fours."""
    foreign = [c for c in made if c > "\x7f"]
    hangul = [c for c in foreign if "가" <= c <= "힣"]
    if len(hangul) + sum("ㄱ" <= c <= "ㅣ" for c in foreign) < 0.7 * len(foreign) or len(hangul) < (2 if max(line) <= "\xff" else 5):
        return False
    return share(made, COMMON) >= 0.9 and share(made, EVERYDAY) >= (0.6 if len(hangul) >= 5 else 0.9)
