"""The rule sets of annotate.quality and filter.quality: what each rule measures, its limits, and where they were published.

gopher       Rae et al. 2021, "Scaling Language Models", appendix A.1: quality and repetition (table A1). English web pages
c4           Raffel et al. 2020, "Exploring the Limits of Transfer Learning", section 2.2. English web pages
fineweb      Penedo et al. 2024, "The FineWeb Datasets", section 3.6: the three rules of its own and newlines per word (datatrove). English
fineweb2_ko  Penedo et al. 2025, FineWeb-2, configs/kor_Hang.yml. Korean web pages
finetune     per field, for the short records of fine-tuning; limits measured on edited Korean and English text

FineWeb-2 counts morphemes of an analyser. Here a word is an eojeol and counts as `MORPHEMES` of them, so that the published limits
hold without one; its language score is annotate.language's business. A morpheme's punctuation counts as a word there, which
dropped .66 of good technical documents by the rule on alphabetic words; eojeol have no such words.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Rules = Literal["gopher", "c4", "fineweb", "fineweb2_ko", "finetune"]

MORPHEMES: Final = 2.4
"""Kiwi's tokens per eojeol, punctuation included as FineWeb-2 counts them: news and reviews of KLUE 2.25, film reviews 2.44, chat answers
2.55, a technical book 2.40."""
LINES: Final = 3
"""Lines from which fineweb2_ko measures the share that ends in a mark: of one line it can only be 0 or 1."""

Bounds = tuple[float | None, float | None]


class Rule(NamedTuple):
    """One rule: rows below `low` or above `high` break it; None: no bound. Where Korean text has other bounds, `ko` holds them."""

    name: str
    low: float | None
    high: float | None
    what: str
    ko: Bounds | None = None

    def bounds(self, profile: str) -> Bounds:
        """The bounds for rows of a language profile."""
        return self.ko if self.ko is not None and profile in ("ko", "mixed") else (self.low, self.high)


_NGRAMS: Final = {2: "top", 3: "top", 4: "top", **dict.fromkeys(range(5, 11), "duplicate")}


def _repetition(limits: tuple[float, ...]) -> tuple[Rule, ...]:
    """Limits of the n-grams of 2 to 10 words."""
    what = {
        "top": "characters in the most frequent {n}-gram of words, share",
        "duplicate": "characters in {n}-grams of words that were there before, share",
    }
    return tuple(Rule(f"{kind}_{n}gram", None, limit, what[kind].format(n=n)) for (n, kind), limit in zip(_NGRAMS.items(), limits))


SETS: Final[dict[str, tuple[Rule, ...]]] = {
    "gopher": (
        Rule("words", 50, 100_000, "words"),
        Rule("word_length", 3, 10, "characters per word"),
        Rule("hashes", None, 0.1, "# per word"),
        Rule("ellipses", None, 0.1, "ellipses per word"),
        Rule("bullet_lines", None, 0.9, "lines that begin with a bullet, share"),
        Rule("ellipsis_lines", None, 0.3, "lines that end in an ellipsis, share"),
        Rule("alphabetic", 0.8, None, "words with a letter, share"),
        Rule("stop_words", 2, None, "different words among: the be to of and that have with"),
        Rule("duplicate_lines", None, 0.30, "lines that were there before, share"),
        Rule("duplicate_paragraphs", None, 0.30, "paragraphs that were there before, share"),
        Rule("duplicate_line_characters", None, 0.20, "characters in such lines, share"),
        Rule("duplicate_paragraph_characters", None, 0.20, "characters in such paragraphs, share"),
        *_repetition((0.20, 0.18, 0.16, 0.15, 0.14, 0.13, 0.12, 0.11, 0.10)),
    ),
    "c4": (
        Rule("sentences", 5, None, "sentences in the lines that C4 keeps (three words, a mark at the end, no javascript, no cookie notice)"),
        Rule("braces", None, 0, "1 if there is a {"),
        Rule("lorem_ipsum", None, 0, "1 if there is a lorem ipsum"),
        Rule("longest_word", None, 1000, "characters of the longest word"),
        Rule("lines_kept", None, None, "lines that C4 keeps, share"),
    ),
    "fineweb": (
        Rule("line_punctuation", 0.12, None, "lines that end in a mark, share"),
        Rule("short_lines", None, 0.67, "lines of 30 characters at most, share"),
        Rule("duplicate_line_characters", None, 0.01, "characters in lines that were there before, share"),
        Rule("newlines", None, 0.3, "newlines per word"),
    ),
    "fineweb2_ko": (
        Rule("words", 50, 100_000, "morphemes, 2.4 per eojeol"),
        Rule("word_length", 1, 6, "characters per morpheme"),
        Rule("hashes", None, 0.1, "# per morpheme"),
        Rule("ellipses", None, 0.1, "ellipses per morpheme"),
        Rule("bullet_lines", None, 0.9, "lines that begin with a bullet, share"),
        Rule("ellipsis_lines", None, 0.3, "lines that end in an ellipsis, share"),
        Rule("alphabetic", 0.791, None, "eojeol with a letter, share"),
        Rule("stop_words", 2, None, "different ones of FineWeb-2's Korean stop words, as ends of eojeol"),
        Rule("line_punctuation", 0.062, None, "lines that end in a mark or a Korean sentence ending, share; of texts of three lines or more"),
        Rule("newlines", None, 0.196, "newlines per morpheme"),
        Rule("duplicate_lines", None, 0.374, "lines that were there before, share"),
        Rule("duplicate_line_characters", None, 0.1, "characters in lines that were there before, share"),
        *_repetition((0.282, 0.228, 0.185, 0.201, 0.184, 0.168, 0.154, 0.14, 0.127)),
    ),
    "finetune": (
        Rule("longest_mean_word", None, 15, "letters per word of the field with the longest words; of fields of 6 words or more", (None, 10)),
        Rule("shortest_mean_word", 2, None, "the same of the field with the shortest words: below, letters are spaced out", (1.5, None)),
        Rule("longest_run", None, 40, "letters in a row without a break: above, spaces are missing", (None, 20)),
        Rule("function_words", 1 / 15, None, "words of grammar among words with a letter (in Korean, particles and endings), share; of fields of 15 such words or more that are no lists", (1 / 15, None)),
        Rule("letters", 0.3, None, "letters and digits among visible characters, share; of fields of 15 or more"),
        Rule("jamo", None, 0.3, "loose jamo (ㅋㅋㅋ) among visible characters, share; of fields of 10 or more"),
        Rule("same_character", None, 0.3, "visible characters in runs of four or more of the same, share; of fields of 10 or more"),
        Rule("finished", None, None, "1 if every field ends as sentences, lists or code do, else 0: told, not judged"),
    ),
}
FITS: Final[dict[str, tuple[str, ...]]] = {
    "gopher": ("en", "code"), "c4": ("en", "code"), "fineweb": ("en", "code"), "fineweb2_ko": ("ko", "mixed"), "finetune": ("ko", "en", "mixed", "code"),
}  # fmt: skip
"""The language profiles that a set was made for."""


def columns(rules: Rules) -> tuple[str, ...]:
    """The columns that annotate.quality writes for a set: the profile of each row, then a column per rule."""
    return (f"{rules}_profile", *(f"{rules}_{rule.name}" for rule in SETS[rules]))
