"""The six-quality score card of a pile of records: relevant, aligned, consistent, formatted, unique, compliant.

Each quality is the share of records in which none of its checks found anything, with Wilson's interval, over an even sample of at
most 50,000 records. The checks are those of the steps that would put right or drop what they find, so that a card and a run agree:

    relevant     something is said: not empty, not a word for nothing (`clean.missing`), not marks and figures alone
    aligned      the answer is there, in the language asked (`annotate.language`), and neither a refusal, a mere yes, cut off, nor the
                 question over again (`filter.pairs`)
    consistent   the same text has one label (`dedup.exact`); an answer is polite or plain throughout (`annotate.register`)
    formatted    no mojibake (`clean.mojibake`), stray tags and entities, unseen characters, endless repetition (`filter.repetition`)
    unique       no earlier record says the same (`dedup.exact`) or nearly the same (`dedup.near`)
    compliant    no personal data (`guard.pii`)

They are hints of what to look at, not proof of what is right: no check knows whether an answer is true.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import polars as pl

from dadeum.evaluate.quantiles import wilson
from dadeum.profiles import profile
from dadeum.recipe import read_step
from dadeum.record import prose
from dadeum.report import cuts, outliers
from dadeum.report.even import Even
from dadeum.step import Filter
from dadeum.steps.annotate import language, quality, register
from dadeum.steps.annotate.topic import Topic
from dadeum.steps.clean import _mojibake
from dadeum.steps.clean.missing import BLANK, NULLS
from dadeum.steps.filter.pairs import RULES, Pairs

CHECKS: Final = {
    "relevant": ("empty", "nothing", "letterless"),
    "aligned": ("unanswered", "other_language", *RULES),
    "consistent": ("conflict", "mixed_register"),
    "formatted": ("mojibake", "markup", "unseen", "runaway"),
    "unique": ("copy", "near"),
    "compliant": ("personal",),
}
"""The checks of each quality. A check that has nothing to look at (answers, where there are no chats) is left out."""
MARKUP: Final = r"(?i)</?(?:p|br|div|span|b|i|u|em|strong|a|img|font|center|table|tr|td|ul|ol|li|h[1-6]|script|style)(?:\s[^<>]{0,300})?/?>|&(?:amp|lt|gt|quot|nbsp|apos|#\d{1,6}|#x[0-9a-fA-F]{1,5});"
UNSEEN: Final = r"[\x{0}-\x{8}\x{B}\x{C}\x{E}-\x{1F}\x{7F}\x{80}-\x{9F}\x{AD}\x{200B}\x{200E}\x{200F}\x{202A}-\x{202E}\x{2060}\x{FEFF}\x{E000}-\x{F8FF}]"
PAIRS: Final = Pairs()
REPETITION: Final = read_step("filter.repetition", {})
SAID: Final = ("text", "user", "assistant")
"""What quality rules measure, as `annotate.quality` does."""
ROWS: Final = 5
"""Rows that are shown of each check."""
TOPIC: Final = Topic()
TOPICS: Final = 20
"""Topics and verbs that are shown."""
OBJECTS: Final = 5
"""Objects that are shown of each verb, of those that it has more than once."""


class Qualities:
    """What the checks find in the sample."""

    def __init__(self) -> None:
        self._even = Even()
        self._parts: list[pl.DataFrame] = []
        self._outliers: list[pl.DataFrame] = []
        self._topics: list[pl.DataFrame] = []
        self._scores: list[pl.DataFrame] = []
        self._rules: list[pl.DataFrame] = []

    def add(self, rows: pl.DataFrame, said: pl.Series, chats: bool, scores: dict[str, pl.Series]) -> None:
        """Check one chunk's sample. said: what each record says; chats: whether any of its records has turns; scores: carried numbers."""
        at, marks = self._even.take(rows.get_column("row"))
        few = rows[at]
        self._parts.append(_checked(few, said.gather(at), chats).with_columns(pl.Series("mark", marks)))
        self._outliers.append(outliers.OUTLIER.sketch(few).with_columns(pl.Series("mark", marks)))
        self._topics.append(TOPIC.sketch(few).with_columns(pl.Series("mark", marks)))
        numbers = [column.gather(at).alias(name) for name, column in scores.items()]
        self._scores.append(pl.DataFrame([few.get_column("row"), *numbers, pl.Series("mark", marks)]))
        self._rules.append(pl.DataFrame([few.get_column("row"), *quality.measured(few, cuts.RULES, SAID), pl.Series("mark", marks)]))
        if sum(part.height for part in self._parts) > 2 * len(self._even.marks):
            for parts in (self._parts, self._outliers, self._topics, self._scores, self._rules):
                parts[:] = [self._inside(parts)]

    def _inside(self, parts: list[pl.DataFrame]) -> pl.DataFrame:
        return pl.concat(parts, how="diagonal").filter(pl.col("mark") <= pl.lit(int(self._even.limit), dtype=pl.UInt64))

    def tell(self, conflicting: pl.Series, copies: pl.Series, near: pl.Series, personal: set[int]) -> dict[str, Any]:
        """{qualities: {name: {n, good, share, low, high, checks: [{check, n, share, rows}]}}, outliers, topics, verbs, languages, registers,
        rules, numbers}; the last two as `cuts` tells them.

        conflicting, copies, near: the rows that a comparison of all rows found; personal: marks of those with personal data.
        """
        if not self._parts:
            return {"qualities": {}, "outliers": [], "topics": [], "verbs": [], "languages": {}, "registers": {}, "rules": [], "numbers": []}
        within = {"conflict": conflicting, "copy": copies, "near": near}
        frame = self._inside(self._parts).sort("mark").with_columns(
            *(pl.col("row").is_in(rows.implode()).alias(check) for check, rows in within.items()),
            pl.col("mark").is_in(pl.Series(sorted(personal), dtype=pl.UInt64).implode()).alias("personal"),
        )  # fmt: skip
        made: dict[str, Any] = {}
        for name, checks in CHECKS.items():
            mine = [check for check in checks if check in frame.columns]
            asked = frame.filter(pl.any_horizontal(pl.col(check).is_not_null() for check in mine)) if mine else frame.clear()
            if asked.is_empty():
                continue
            good = int(asked.select((~pl.any_horizontal(pl.col(check).fill_null(False) for check in mine)).sum()).item())
            low, high = wilson(good, asked.height)
            made[name] = {"n": asked.height, "good": good, "share": good / asked.height, "low": low, "high": high}
            made[name]["checks"] = [_found(check, asked) for check in mine]
        return {
            "qualities": made,
            "outliers": outliers.told(self._inside(self._outliers).drop("mark"), self._inside(self._topics), frame),
            **_topics(self._inside(self._topics).drop("mark")),
            "languages": _shares(frame, "language"),
            "registers": _shares(frame, "register"),
            "rules": cuts.rules(self._inside(self._rules).sort("mark")),
            "numbers": cuts.scores(self._inside(self._scores).sort("mark").drop("row", "mark")),
        }


def _found(check: str, frame: pl.DataFrame) -> dict[str, Any]:
    hits = frame.filter(pl.col(check).fill_null(False))
    return {"check": check, "n": hits.height, "share": hits.height / frame.height, "rows": hits.get_column("row").head(ROWS).to_list()}


def _shares(frame: pl.DataFrame, column: str) -> dict[str, Any]:
    """value -> {n, rows}, the most frequent first."""
    groups = frame.filter(pl.col(column).is_not_null()).group_by(column, maintain_order=True).agg(pl.len().alias("n"), pl.col("row").head(3))
    groups = groups.sort("n", column, descending=[True, False])
    return {value: {"n": n, "rows": rows} for value, n, rows in groups.iter_rows()}


def _checked(rows: pl.DataFrame, said: pl.Series, chats: bool) -> pl.DataFrame:
    """`row`, `chars`, `language`, `register` and a column for each check: true where it found something, null where it had nothing to ask."""
    text = pl.col("said")
    frame = pl.DataFrame([rows.get_column("row"), said.fill_null("").alias("said")])
    told = text.str.strip_chars().str.to_lowercase()
    empty = text.str.contains(BLANK)
    prosaic = profile(text) != "code"
    frame = frame.with_columns(
        text.str.len_chars().alias("chars"),
        empty.alias("empty"),
        told.is_in(list(NULLS)).alias("nothing"),
        (~empty & ~text.str.contains(r"\p{L}") & ~told.is_in(list(NULLS))).alias("letterless"),
        (prosaic & text.str.contains(MARKUP)).alias("markup"),
        text.str.contains(UNSEEN).alias("unseen"),
    )
    frame = frame.with_columns(_mojibake_of(said.fill_null("")).alias("mojibake"), _runaway(rows).alias("runaway"), language.identify(said).get_column("language"))
    answers = prose(rows, ("assistant",)) if chats else said
    levels = register.levels(answers)
    frame = frame.with_columns(levels.get_column("register"))
    return frame.with_columns(_answers(rows, answers)).drop("said") if chats else frame.drop("said")


def _answers(rows: pl.DataFrame, answers: pl.Series) -> list[pl.Series]:
    """The checks of records with turns; null for the others."""
    # A preference pair's messages are its prompt, which ends with the user by nature; a text has no turns at all.
    whole = pl.col("messages").list.len().fill_null(0) > 0
    last = pl.col("messages").list.last().struct.field("role").fill_null("")
    frame = rows.select("messages", "chosen").with_columns(answers.alias("answer"), _mixed(answers).alias("mixed"))
    frame = frame.with_columns(language.Language().edit(rows).get_column("language_answer"))
    chat = whole | pl.col("chosen").is_not_null()
    frame = frame.with_columns(PAIRS.why(rows).get_column("reason"))
    told = frame.select(
        pl.when(chat).then(whole & pl.col("chosen").is_null() & (last != "assistant")).alias("unanswered"),
        pl.when(chat).then((pl.col("language_answer") == "other").fill_null(False)).alias("other_language"),
        *(pl.when(chat).then((pl.col("reason") == rule).fill_null(False)).alias(rule) for rule in RULES),
        pl.when(chat & pl.col("answer").is_not_null()).then(pl.col("mixed")).alias("mixed_register"),
    )
    return told.get_columns()


def _mixed(answers: pl.Series) -> pl.Series:
    """Whether polite and plain sentences stand side by side. `-습니다` beside `-해 주세요` is customary, and no mixture here."""
    said = register.sentences(answers.fill_null(""))
    levels = said.group_by("at").agg(pl.col("level").is_in(["hapsyo", "haeyo"]).any().alias("polite"), pl.col("level").is_in(["haera", "hae"]).any().alias("plain"))
    at = levels.filter(pl.col("polite") & pl.col("plain")).get_column("at")
    return pl.Series([False], dtype=pl.Boolean).new_from_index(0, len(answers)).scatter(at, True)


def _mojibake_of(said: pl.Series) -> pl.Series:
    suspect = said.str.contains(_mojibake.SUSPECT).arg_true()
    found = pl.Series([_mojibake.look(text) is not None for text in said.gather(suspect).to_list()], dtype=pl.Boolean)
    return pl.Series([False], dtype=pl.Boolean).new_from_index(0, len(said)).scatter(suspect, found)


def _runaway(rows: pl.DataFrame) -> pl.Series:
    if not isinstance(REPETITION, Filter):
        raise TypeError("filter.repetition is no filter")
    return REPETITION.why(rows).get_column("reason").is_not_null()


def _topics(sketches: pl.DataFrame) -> dict[str, list[dict[str, Any]]]:
    """topics: [{name, n, rows}], verbs: [{name, n, rows, objects: [[object, n]]}], by `annotate.topic`; the rows nearest the middle of a topic first."""
    told = TOPIC.decide(TOPIC.relate(sketches)).sort("topic_share", "row", descending=[True, False], nulls_last=True)
    made = {}
    for name in ("topic", "verb"):
        groups = told.filter(pl.col(name).is_not_null()).group_by(name, maintain_order=True)
        counted = groups.agg(pl.len().alias("n"), pl.col("row").head(3).alias("rows"), pl.col("object").drop_nulls()).filter(pl.col("n") > 2)
        ranked = counted.sort("n", name, descending=[True, False]).head(TOPICS).rename({name: "name", "object": "objects"}).to_dicts()
        made[f"{name}s"] = ranked
    for line in made["topics"]:
        del line["objects"]
    for line in made["verbs"]:
        often = [one for one in Counter(line["objects"]).items() if one[1] > 1]
        line["objects"] = [list(one) for one in sorted(often, key=lambda one: (-one[1], one[0]))[:OBJECTS]]
    return made
