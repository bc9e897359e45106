"""annotate.quality: what published rule sets measure, as columns; and a classifier's score, trained on the user's labels.

    - annotate.quality: {rules: finetune}
    - filter.quality: {rules: finetune}

    - annotate.quality: {rules: null, labels: rated.jsonl, good: ["5", "4"]}
    - filter.threshold: {column: quality, min: 0.5}

A set writes a column for every rule, named after set and rule (`gopher_words`, `fineweb_line_punctuation`, ...; `_rules.py` holds
what each measures and its published limits), and `<set>_profile`, the language profile by which limits are chosen. Nothing is dropped here:
`filter.quality` cuts, by the published limits or others, and another limit measures nothing again.

The web sets (gopher, c4, fineweb, fineweb2_ko) measure the addressed strings of a row together, as one document. `finetune` measures
every field (the text, each turn) by itself and keeps the worst, so that a good question does not hide a bad answer. It does not ask for spaces where
the script has none (Han, kana, Thai), nor for words of grammar in lists and tables, or where letters say that the language is none it knows. Words are stretches of
letters, so that an address, a tag or a formula is several words, and no long one.

`labels` names files whose rows have a `label`: `quality` is the probability that a row's label would be one of `good`, by a logistic
regression on character n-grams (`_linear.py`). How well it knows rows that it has not seen is `held_out`, told by `plan`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from dadeum.errors import Mistake, RecipeError, nearest
from dadeum.profiles import profile as profile_of
from dadeum.record import CHATS, prose, turns
from dadeum.settings import Source
from dadeum.step import Edit, Inputs, TextStep
from dadeum.steps._outside import digested
from dadeum.steps.annotate import _linear, _lines, _measures
from dadeum.steps.annotate._rules import LINES, MORPHEMES, SETS, Rules, columns
from dadeum.steps.filter import _grams

DIGITS: Final = 6
"""Of a score: beyond, machines differ."""
FIELD: Final = 10
"""Visible characters from which a field's shares are measured: shorter ones (ㅋㅋㅋ, `3!!`) say nothing of quality."""
ANSWER: Final = 15
"""The same of the share of letters: a formula or a regular expression is a whole answer."""
WORDS: Final = 6
GRAMMAR: Final = 15
"""Words from which the mean length of words, and the share of words of grammar, are measured."""
PARTED: Final = r"[,;:|/·•\n、，]"
LISTED: Final = 5
"""One such sign for five words, or more, and a field is a list or a table; in prose there is one for eight to twelve."""
FINISHED: Final = r"(?:[.!?…。！？~\"'”’)\]}>`|:;ㅋㅎㅠㅜ♡♥^0-9*]|다|요|죠|음|함|임|됨|것|까|네|니|지|자|해|어|야|라|\p{So}|\x{FE0F})\s*$"


@dataclass(frozen=True)
class Quality(TextStep, Edit):
    """Write what a rule set measures, and the score of a classifier."""

    rules: Rules | None = "finetune"
    """The set: gopher, c4, fineweb, fineweb2_ko, finetune; null for none."""
    labels: Inputs = ()
    """Files with labelled rows, in any format that can be read, to train the classifier on."""
    label: str = "label"
    """The field of those files that holds the label; rows without one are left out."""
    good: tuple[str, ...] = ()
    """The labels that are good."""

    def __post_init__(self) -> None:
        mistakes = []
        if self.rules is None and not self.labels:
            mistakes.append(Mistake("rules", "is null and there are no labels: the step would measure nothing", f"known: {', '.join(SETS)}"))
        if self.labels and not self.good:
            mistakes.append(Mistake("good", "is missing: which labels are good?", "good: [good]"))
        if not self.labels and (self.good or self.label != "label"):
            mistakes.append(Mistake("labels", "is missing: `good` and `label` speak of the files that it names"))
        if mistakes:
            raise RecipeError(mistakes)

    @property
    def writes(self) -> tuple[str, ...]:  # type: ignore[override]
        return (*(columns(self.rules) if self.rules else ()), *(("quality",) if self.labels else ()))

    def edit(self, rows: pl.DataFrame) -> pl.DataFrame:
        if self.rules:
            rows = rows.with_columns(measured(rows, self.rules, self.on, self.profile))
        if self.labels:
            rows = rows.with_columns(self.trained().score(prose(rows, self.on)).round(DIGITS).alias("quality"))
        return rows

    def trained(self) -> _linear.Linear:
        """The classifier. Raises RecipeError where the files hold too few labels of either kind, or none of `good`."""
        return _trained(digested(self.labels), self.label, self.good, self.on)

    def held_out(self) -> dict[str, Any]:
        """How well it ranks labelled rows that it has not seen: {rows, good, auc, low, high} (95 %); empty without labels."""
        return self.trained().held_out if self.labels else {}


def measured(rows: pl.DataFrame, rules: Rules, on: tuple[str, ...], profile: str = "auto") -> list[pl.Series]:
    """The columns of a set, in the order of `columns(rules)`; null for rows without any addressed string."""
    text = prose(rows, on)
    there = text.is_not_null()
    said = text.fill_null("")
    names = pl.DataFrame({"t": said}).select(profile_of(pl.col("t"), profile).alias("p")).to_series()
    names = names.new_from_index(0, len(said)) if len(names) != len(said) else names
    found = _fields(rows, on) if rules == "finetune" else _document(rules, said)
    frame = pl.DataFrame([names.alias(f"{rules}_profile"), *(found[rule.name].alias(f"{rules}_{rule.name}") for rule in SETS[rules])])
    return frame.with_columns(pl.when(there).then(pl.all())).get_columns()


def _document(rules: Rules, said: pl.Series) -> dict[str, pl.Series]:
    """Every rule's value of each text as a whole."""
    korean, needed = rules == "fineweb2_ko", {rule.name for rule in SETS[rules]}
    ends = "ends_ko" if korean else "ends"
    counted = {"line_punctuation": (ends, *(("lines",) if korean else ()))}
    line = _lines.lines(said, tuple(name for rule in needed for name in counted.get(rule, (rule,)) if name in _lines.NAMES))
    made: dict[str, Any] = {c: line.get_column(c) for c in line.columns}
    if rules == "c4":
        low = pl.DataFrame({"t": said}).select(pl.col("t").str.contains(r"\{").alias("a"), pl.col("t").str.contains("(?i)lorem ipsum").alias("b"))
        made |= {"braces": low.get_column("a").cast(pl.Float64), "lorem_ipsum": low.get_column("b").cast(pl.Float64)}
        return made | {"longest_word": pl.Series(_measures.words(said)["longest_word"])}
    if rules == "fineweb":
        per = np.maximum(_measures.words(said)["words"], 1)
        return made | {"line_punctuation": line.get_column("ends"), "newlines": line.get_column("newlines") / pl.Series(per)}
    stops: _measures.Part = "stops_ko" if korean else "stops_en"
    word = _measures.words(said, "letters", "signs", stops, "grams")
    count = word["words"] * (MORPHEMES if korean else 1)
    per = np.maximum(count, 1)
    made |= {name: pl.Series(value) for name, value in word.items()}
    made |= {
        "words": pl.Series(count),
        "word_length": pl.Series(word["characters"] / per),
        "hashes": pl.Series(word["hashes"] / per),
        "ellipses": pl.Series(word["ellipses"] / per),
        "alphabetic": pl.Series(word["alphabetic"] / np.maximum(word["words"], 1)),
        "stop_words": pl.Series(word[stops]),
    }
    if korean:
        made["newlines"] = line.get_column("newlines") / pl.Series(per)
        made["line_punctuation"] = line.select(pl.when(pl.col("lines") >= LINES).then("ends_ko")).to_series()
    return made


def _fields(rows: pl.DataFrame, on: tuple[str, ...]) -> dict[str, pl.Series]:
    """Every rule's value of the worst field of each row."""
    parts = [pl.DataFrame({"at": pl.int_range(rows.height, dtype=pl.UInt32, eager=True), "said": rows.get_column("text")})] if "text" in on else []
    for chat in CHATS:
        said = turns(rows, chat).filter(pl.col("role").is_in(on))
        parts.append(said.select(pl.col("index").alias("at"), pl.col("content").alias("said")))
    fields = pl.concat(parts).filter(pl.col("said").is_not_null())
    fields = fields.with_columns(_grams.undrawn(fields.get_column("said")))
    word = {name: pl.Series(name, value) for name, value in _measures.words(fields.get_column("said"), "letters", "shares", "runs").items()}
    table = fields.with_columns(word.values())
    letters, runs = pl.col("letters"), pl.col("runs")
    visible = pl.when(pl.col("visible") >= FIELD).then(pl.col("visible"))
    parted = pl.col("unspaced") * 2 <= letters
    # Letters that stand alone among figures and signs are a formula's.
    worded = parted & (runs >= WORDS) & (runs * 2 >= pl.col("words"))
    mean = pl.when(worded).then(pl.col("run_letters") / runs)
    known = pl.col("beyond") <= 0.02 * letters
    listed = pl.col("said").str.count_matches(PARTED) * LISTED >= pl.col("alphabetic")
    grammar = pl.when(known & ~listed & (pl.col("alphabetic") >= GRAMMAR)).then(pl.col("function") / pl.col("alphabetic"))
    worst = table.group_by("at").agg(
        mean.max().alias("longest_mean_word"),
        mean.min().alias("shortest_mean_word"),
        pl.when(parted).then("longest_run").max().alias("longest_run"),
        grammar.min().alias("function_words"),
        (letters / pl.when(pl.col("visible") >= ANSWER).then(visible)).min().alias("letters"),
        (pl.col("jamo") / visible).max().alias("jamo"),
        (pl.col("in_runs") / visible).max().alias("same_character"),
        pl.col("said").str.contains(FINISHED).min().cast(pl.Float64).alias("finished"),
    )
    whole = pl.DataFrame({"at": pl.int_range(rows.height, dtype=pl.UInt32, eager=True)}).join(worst, on="at", how="left", maintain_order="left")
    return {rule.name: whole.get_column(rule.name) for rule in SETS["finetune"]}


@lru_cache(maxsize=4)
def _trained(files: tuple[tuple[str, str], ...], label: str, good: tuple[str, ...], on: tuple[str, ...]) -> _linear.Linear:
    texts, labels = labelled(files, label, on)
    known = set(labels.unique().to_list())
    if unknown := [name for name in good if name not in known]:
        from dadeum.steps.guard._pii.find import tellable

        raise RecipeError(Mistake("annotate.quality.good", f"no row is labelled {unknown[0]!r}", nearest(unknown[0], map(tellable, sorted(known)[:50]))))
    try:
        return _linear.fit(texts, labels.is_in(list(good)))
    except RecipeError as error:
        raise error.below("annotate.quality", "") from error


def labelled(files: tuple[tuple[str, str], ...], label: str, on: tuple[str, ...]) -> tuple[pl.Series, pl.Series]:
    """Texts and labels of all rows that have both. files: as `digested` gives them."""
    from dadeum import io

    parts = []
    for path, _ in files:
        source = Source(path=path, fields={} if label == "label" else {label: label})
        try:
            for chunk in io.read(Path(path), source, 32_768):
                told = chunk.rows.get_column(label).cast(pl.String).str.strip_chars().alias("label")
                parts.append(pl.DataFrame([prose(chunk.rows, on).alias("text"), told]))
        except RecipeError as error:
            raise RecipeError(Mistake("annotate.quality.label", m.what, m.hint) for m in error.mistakes) from error
    found = pl.concat(parts).drop_nulls() if parts else pl.DataFrame({"text": [], "label": []}, schema={"text": pl.String, "label": pl.String})
    return found.get_column("text"), found.get_column("label")
