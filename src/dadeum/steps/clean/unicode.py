"""clean.unicode: one spelling for each character, and none that nobody sees.

* NFC, never NFKC: decomposed Hangul is invisible to every `[가-힣]`, while NFKC breaks ㅋㅋㅋ, x², ① and ㎏.
* Invisible characters go: zero-width, bidirectional and tag characters, Hangul fillers, control characters other than line
  ends and tabs. A joiner or variation selector inside an emoji, a keycap or a flag stays; so does a selector after a Hanja.
* Half-width jamo become the jamo of the keyboard (ﾡ to ㄱ): NFKC would make conjoining ones of them, which fonts break.
* The dots of Korean phone keyboards (ㆍ ᆞ ᆢ, which look like jamo) become · and ··, in Korean rows; an old vowel after its
  consonant (ᄒᆞᆫ) stays.

Line ends and wide or unbreakable spaces are left to clean.whitespace. A repair of broken encodings has to come before: the
control characters that go here are its evidence. Entities of HTML may hold any character: clean.markup comes before, too.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final

import polars as pl

from dadeum.profiles import profile
from dadeum.record import CONTENTS, rewrite
from dadeum.step import Edit, TextStep

SAFE: Final = (
    r"\t\n\r -~\u{A0}-\u{AC}\u{AE}-\u{2FF}\u{370}-\u{373}\u{38E}-\u{3FF}\u{401}-\u{481}\u{2010}-\u{2027}\u{202F}-\u{205E}\u{20A0}-\u{20CF}"
    r"\u{2190}-\u{2328}\u{232B}-\u{2ADB}\u{3000}-\u{3029}\u{3030}-\u{3098}\u{309B}-\u{3163}\u{3165}-\u{318C}\u{318E}-\u{A66E}"
    r"가-힣\u{FF01}-\u{FF9F}\u{FFE0}-\u{FFEE}\u{FFFC}\u{FFFD}\u{1F300}-\u{1FAFF}"
)
"""Ranges of characters that this step never touches, alone or next to each other (a test goes through all of them)."""
SUSPECT: Final = f"[^{SAFE}]"
INVISIBLE: Final = (
    r"[\x00-\x08\x0E-\x1F\x7F-\u{9F}\u{AD}\u{34F}\u{61C}\u{115F}\u{1160}\u{17B4}\u{17B5}\u{180E}\u{200B}\u{200C}\u{200E}\u{200F}"
    r"\u{202A}-\u{202E}\u{2060}-\u{206F}\u{3164}\u{FE00}-\u{FE0E}\u{FEFF}\u{FFA0}\u{FFF9}-\u{FFFB}\u{1D173}-\u{1D17A}\u{E0000}-\u{E001F}\u{E0080}-\u{E0FFF}]"
)
BREAK: Final = r"[\x0B\x0C\u{2028}\u{2029}]"
PICTURE: Final = r"\p{Extended_Pictographic}[\u{FE0F}\u{1F3FB}-\u{1F3FF}]?"
KEPT: Final = (
    r"(\u{1F3F4}[\u{E0030}-\u{E0039}\u{E0061}-\u{E007A}]+\u{E007F}"  # a flag of a region
    rf"|(?:{PICTURE}\u{{200D}})*{PICTURE}|[0-9#*]\u{{FE0F}}\u{{20E3}}"
    r"|\p{Han}[\u{FE00}-\u{FE0F}\u{E0100}-\u{E01EF}])"
)
HALF: Final = [chr(c) for c in range(0xFFA1, 0xFFDD) if unicodedata.name(chr(c), "").startswith("HALFWIDTH HANGUL")]
FULL: Final = [chr(int(unicodedata.decomposition(c).split()[1], 16)) for c in HALF]
LEAD: Final = r"\u{1100}-\u{115E}\u{A960}-\u{A97C}"


@dataclass(frozen=True)
class Unicode(TextStep, Edit):
    """Normal form, and no invisible characters."""

    writes = CONTENTS

    def guard(self) -> pl.Expr:
        return pl.col("content").str.contains(SUSPECT)

    def edit(self, rows: pl.DataFrame) -> pl.DataFrame:
        return rewrite(rows, self.on, self._clean, self.guard())

    def _clean(self, text: pl.Expr) -> pl.Expr:
        text = text.str.replace_all(BREAK, "\n")
        # What is kept is matched first and put back, so that the same characters go everywhere else.
        text = text.str.replace_all(rf"{KEPT}|{INVISIBLE}", "${1}").str.replace_all(rf"{KEPT}|[\u{{200D}}\u{{FE0F}}\u{{E0020}}-\u{{E01EF}}]", "${1}")
        text = text.str.replace_many(HALF, FULL).str.normalize("NFC")
        return self._dots(text)

    def _dots(self, text: pl.Expr) -> pl.Expr:
        dotted = text.str.replace_all("ㆍ", "·", literal=True)
        for dot, mapped in (("\u119e", "·"), ("\u11a2", "··")):
            for _ in range(2):  # of two neighbours the first pass sees one: the other's left side is used up
                dotted = dotted.str.replace_all(rf"(^|[^{LEAD}]){dot}", f"${{1}}{mapped}")
        korean = profile(text, self.profile).is_in(["ko", "mixed"])
        return pl.when(text.str.contains(r"[ㆍ\u{119E}\u{11A2}]") & korean).then(dotted).otherwise(text)
