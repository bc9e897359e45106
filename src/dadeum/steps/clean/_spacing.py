"""Korean without spaces, and Korean with a space after every syllable: found by what a right text never has, mended there alone.

A general spacing model must not run on good text: Kiwi's altered 38 % to 87 % of correctly spaced sentences. So a stretch of syllables has to
prove that spaces are missing, and everything else keeps the spaces that its writer chose. Proofs are

* a run of more than `longest` syllables: of edited Korean none was longer than 20 (99.9 % are at most 11); of film reviews 0.53 % had one;
* from `SHORT` syllables on, two places where a word ends as only whole words do, in a particle or an ending, and another word begins
  (영화를|보고|집에|오면), and from `LONGER` on one. Of 832 different stretches of that length in 20,715 edited texts five had them: four lacked their spaces
  indeed, the fifth is the name of a law, which are written without (`LAW`). Of film reviews one in thirty has such a stretch;
* six syllables and more that each stand alone.

Where spaces go is told by the morphemes, as in Kiwi's own `space`, but for two habits in which it differs from writers: -어야 하다, -려고 하다 and
-게 하다 are two words (it never parts them), and nouns of a syllable each are one (it parts 대|문, 트|롤). On 1,803 sentences of eight sources,
all spaces taken out: precision .89, recall .96 of single spaces, .37 of the sentences as their writers had them (`space`: .885, .957, .32). The rest is style, compounds above all: 고객센터
and 고객 센터 are both right.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Final

from dadeum.steps.clean._kiwi import kiwi

if TYPE_CHECKING:
    from kiwipiepy import Token

LETTERS: Final = 6
"""Syllables that stand alone in a row until it is no longer a matter of style (`그 때 그 두 사 람` has five)."""
APART: Final = re.compile(rf"(?<![가-힣])[가-힣](?: [가-힣]){{{LETTERS - 1},}}(?![가-힣])(?:[.!?,]+)?")
SHORT: Final = 8
"""Syllables from which a stretch is asked for proofs. Of stretches of 6 and 7 in edited text one of 7,854 had two."""
STRETCH: Final = re.compile(rf"(?<![0-9])(?:[0-9]*[가-힣]){{{SHORT},}}[0-9]*")
LONGER: Final = 10
"""Syllables from which one proof is enough. Below, names look like it (국민의힘당에서는)."""
ALONE: Final = re.compile(r"(?<![가-힣])[가-힣](?: [가-힣]){3}(?![가-힣])")
"""What the analyser makes of words that it does not know (깔 짝 깔 짝): such a stretch stays as it is, unless it is a long one."""
VARIED: Final = 0.5
"""A run is a text only if this share of its syllables differ: 아아아아 and 굿굿굿 have no words to part."""
WINDOW: Final = 400
"""Syllables given to the analyser at once: its time grows faster than their number."""
LAW: Final = re.compile("관한|의한|위한특별")
"""In names of laws, which were written without spaces until 2005 (성폭력범죄의처벌등에관한특례법)."""

_ENDS: Final = frozenset(["JKS", "JKC", "JKG", "JKO", "JKB", "JX", "JC", "EF", "EC", "ETM"])
_BEGINS: Final = re.compile(r"NN[GP]|N[PR]|V[VA]|M|IC|XR")
_WORD: Final = re.compile(r"N|M|I|V[VAX]|VCN|XR|XPN|S[WLHN]")
_OPEN: Final = re.compile(r"[SUWX](?!R|S|E|H|N)")
_PARTED: Final = ("어야", "려고", "게")


def runs(longest: int) -> re.Pattern[str]:
    """Runs of more than `longest` Hangul syllables."""
    return re.compile(rf"[가-힣]{{{longest + 1},}}")


def varied(run: str) -> bool:
    """Whether a run has words in it.

    >>> varied("영화가너무재미있어서두번봤어요정말좋았습니다"), varied("아" * 40)
    (True, False)
    """
    return len(set(run[:60])) >= VARIED * len(run[:60])


def spaced(text: str, long: re.Pattern[str]) -> str:
    """The text with its unspaced and its spaced out stretches mended; as it is where it has none. long: as `runs` gives it."""
    text = APART.sub(lambda m: _joined(m[0]), text)
    return STRETCH.sub(lambda m: _mended(m[0], long), text)


def _joined(run: str) -> str:
    solid = run.replace(" ", "")
    return _put(solid) if varied(solid) else run


def _mended(stretch: str, long: re.Pattern[str]) -> str:
    """The stretch with spaces put in, if it proves that they are missing; its pieces in turn, each by itself, until none changes."""
    if not varied(stretch) or not (long.search(stretch) or _proven(stretch)):
        return stretch
    made = " ".join(_put(stretch[i : i + WINDOW]) for i in range(0, len(stretch), WINDOW))
    if made == stretch or (ALONE.search(made) and not long.search(stretch)):
        return stretch
    return STRETCH.sub(lambda m: _mended(m[0], long), made)


def _proven(stretch: str) -> bool:
    """Whether words end inside."""
    if LAW.search(stretch):
        return False
    pairs = itertools.pairwise(_tokens(stretch))
    proofs = sum(a.tag in _ENDS and _BEGINS.match(b.tag) is not None and b.start >= a.end for a, b in pairs)
    return proofs >= (1 if len(stretch) >= LONGER else 2)


def _put(run: str) -> str:
    """The run with its spaces."""
    out, end = [], 0
    for a, b in itertools.pairwise(_tokens(run)):
        if b.start >= a.end and _apart(a, b):
            out.append(run[end : b.start])
            end = b.start
    return " ".join([*out, run[end:]])


def _tokens(run: str) -> list[Token]:
    found: list[Token] = kiwi().tokenize(run)
    return found


def _apart(a: Token, b: Token) -> bool:
    """Whether a space stands between two morphemes."""
    if not _WORD.match(b.tag) or _OPEN.match(a.tag):
        return False
    if a.tag == "SN" and (b.tag in ("NNB", "NR") or b.tag[0] == "S"):
        return False
    if b.tag == "VX" and b.form in ("하", "지"):
        return b.form == "하" and a.form in _PARTED
    return not (a.tag in ("NNG", "NNP") and b.tag in ("NNG", "NNP") and len(a.form) == len(b.form) == 1)
