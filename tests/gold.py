"""What the detectors reach on data that others labelled, in ../shared/data: for the tests, and for docs/truth.md (`make truth`).

Nothing of it was planted by this project. Some detectors were developed with a look at some of it (said so in the table), which flatters.
"""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import polars as pl

import pages_gold
from dadeum.io.html import text_of
from dadeum.recipe import read_step
from dadeum.record import records
from dadeum.steps.clean._mojibake import look
from dadeum.steps.guard._pii.find import KINDS, find

DATA: Final = Path(__file__).parents[2] / "shared/data"
PRESIDIO: Final = {
    "CREDIT_CARD": "card", "PHONE_NUMBER": "phone", "EMAIL_ADDRESS": "email", "IBAN_CODE": "iban", "US_SSN": "ssn", "IP_ADDRESS": "ip", "STREET_ADDRESS": "address", "PERSON": "name",
}  # fmt: skip
FINANCE: Final = {
    "email": "email", "phone_number": "phone", "iban": "iban", "credit_card_number": "card", "ipv4": "ip", "ipv6": "ip", "ssn": "ssn", "passport_number": "passport", "driver_license_number": "driver",
    "bban": "account", "password": "secret", "api_key": "secret", "street_address": "address", "name": "name",
}  # fmt: skip


class Score(NamedTuple):
    """A line of the table: `found` of `n`, and `right` of `claimed`; or a `value` where precision means nothing."""

    data: str
    what: str
    n: int
    found: int = 0
    claimed: int = 0
    right: int = 0
    value: str = ""

    @property
    def recall(self) -> float:
        return self.found / self.n if self.n else 0.0

    @property
    def precision(self) -> float:
        return self.right / self.claimed if self.claimed else 0.0

    @property
    def f1(self) -> float:
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def presidio(kinds: tuple[str, ...] = KINDS) -> list[Score]:
    """A line for each type of the 1,500 English sentences: a span is found where half of it lies in one of its kind, a claim is right where it touches one."""
    gold, hit, told, right = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for row in json.loads((DATA / "pii_presidio/synth_dataset_v2.json").read_text(encoding="utf-8")):
        spans = find(row["full_text"], kinds)
        want = [(s["start_position"], s["end_position"], PRESIDIO[s["entity_type"]]) for s in row["spans"] if s["entity_type"] in PRESIDIO]
        for start, end, kind in want:
            gold[kind] += 1
            hit[kind] += any(s.kind == kind and 2 * (min(end, s.end) - max(start, s.start)) >= end - start for s in spans)
        for s in spans:
            told[s.kind] += 1
            right[s.kind] += any(kind == s.kind and start < s.end and s.start < end for start, end, kind in want)
    return [Score("pii_presidio", kind, gold[kind], hit[kind], told[kind], right[kind]) for kind in dict.fromkeys(PRESIDIO.values()) if kind in kinds]


def finance() -> tuple[int, int, list[Score]]:
    """(labels, those whose form occurs in the text, a line for each label that names a kind: found of those that occur). Other labels and unlabelled values abound, so no precision."""
    labels = there = 0
    n, hit = Counter[str](), Counter[str]()
    with gzip.open(DATA / "pii_finance_ko/synthetic_pii_finance_multilingual-kr.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            try:
                row = json.loads(line)
            except ValueError:
                continue
            spans = find(row["query"])
            for answer in row["answer"]:
                labels += 1
                at = row["query"].find(answer["form"])
                there += at >= 0
                kind = FINANCE.get(answer["label"])
                if at >= 0 and kind and kind != "name":
                    n[answer["label"]] += 1
                    end = at + len(answer["form"])
                    hit[answer["label"]] += any(s.start < end and at < s.end for s in spans)
    return labels, there, [Score("pii_finance_ko", label, n[label], hit[label]) for label in FINANCE if n[label]]


def persons(threshold: float) -> tuple[float, float, float]:
    """(recall of persons, of full names of three syllables, precision) on KLUE's 3,000 sentences of news and reviews."""
    n = hit = full = found = told = right = 0
    for text, spans in _tagged(DATA / "klue_ner/klue-ner-v1.1_dev.tsv.gz"):
        claims = find(text, ("name",), threshold)
        told += len(claims)
        right += sum(any(c.start < end and start < c.end for start, end in spans) for c in claims)
        for start, end in spans:
            met = any(c.start < end and start < c.end for c in claims)
            whole = re.fullmatch("[가-힣]{3}", text[start:end]) is not None
            n, hit, full, found = n + 1, hit + met, full + whole, found + (met and whole)
    return hit / n, found / full, right / max(1, told)


def _tagged(path: Path) -> Iterator[tuple[str, list[tuple[int, int]]]]:
    """Each sentence with the spans of its persons (characters tagged B-PS, I-PS)."""
    for block in gzip.decompress(path.read_bytes()).decode("utf-8").split("\n\n"):
        lines = [line.split("\t") for line in block.split("\n") if line and not line.startswith("##")]
        text = "".join(c or " " for c, _ in lines)
        tags = "".join({"B-PS": "B", "I-PS": "I"}.get(tag.strip(), "O") for _, tag in lines)
        yield text, [m.span() for m in re.finditer("BI*", tags)]


def mojibake() -> Score:
    """ftfy's broken texts put right exactly, and of what was changed the share that was; its right texts that were changed count as wrong."""
    wild = json.loads((DATA / "mojibake_ftfy/in-the-wild.json").read_text(encoding="utf-8"))
    made = [(row, found) for row in wild if (found := look(row["original"])) and found.text != row["original"]]
    right = sum(found.text == (row.get("fixed-encoding") or row["fixed"]) for row, found in made)
    whole = sum(row["original"] == (row.get("fixed-encoding") or row["fixed"]) for row in wild)
    negative = json.loads((DATA / "mojibake_ftfy/negative.json").read_text(encoding="utf-8"))
    false = sum(bool((found := look(row["original"])) and found.text != row["original"]) for row in negative)
    return Score("mojibake_ftfy", "put right exactly", len(wild) - whole, right, len(made) + false, right)


def agreement() -> list[Score]:
    """Krippendorff's alpha beside that of the data's README, which was computed by other code."""
    raw = pl.read_csv(DATA / "convabuse/ConvAbuseEMNLPfull_per_annotator.csv.gz", infer_schema_length=None)
    severity = sum(pl.col(f"is_abuse.{k}").cast(pl.Int64) * k for k in (1, 0, -1, -2, -3))
    raw = raw.with_columns(severity=severity).rename({"user": "said"})
    item = ["conv_id", "prev_agent", "prev_user", "agent", "said"]
    rows = records([{}] * raw.height).with_columns(raw.select("annotator_id", "severity", *item))
    made = [("convabuse", "severity, interval", 0.726, alpha(rows, votes=["severity"], annotator="annotator_id", item=item, level="interval"))]
    nli = records([{}] * 3000).with_columns(pl.DataFrame(json.loads(gzip.decompress((DATA / "klue_nli/klue-nli-v1.1_dev.json.gz").read_bytes())))[:, ["author", "label2", "label3", "label4", "label5"]])
    made.append(("klue_nli", "labels, nominal", 0.838, alpha(nli, votes=["author", "label2", "label3", "label4", "label5"])))
    for name, question, key, published in (("response", "Q2: Acceptable or Non-acceptable", "acceptable?", 0.317), ("question", "Q2: Subjective or Objective", "subjective?", -0.053)):
        told = json.loads((DATA / f"square/{name}_test_ood_annotations.json").read_text(encoding="utf-8"))
        votes = records([{}] * len(told)).with_columns(votes=pl.Series([json.dumps(row["raw_annotations"][question], ensure_ascii=False) for row in told]))
        made.append(("square", f"{key.rstrip('?')}, nominal", published, alpha(votes, votes=["votes"], value=key, annotator="workerID")))
    return [Score(data, what, 0, value=f"alpha {got:.3f} (reference {published})") for data, what, published, got in made]


def alpha(rows: pl.DataFrame, **params: Any) -> float:
    """Krippendorff's alpha, as annotate.agreement reports it."""
    step = read_step("annotate.agreement", {"draws": 100, **params})
    return step.report(step.relate(step.sketch(rows)))["alpha"]["value"]  # type: ignore[attr-defined]


def hate() -> Score:
    """The classifier trained on korean_hate_speech, on rows of it that it has not seen."""
    path = str(DATA / "korean_hate_speech/labeled/train.tsv")
    held = read_step("annotate.toxicity", {"labels": [path], "text": "comments", "label": "hate", "positive": ["hate", "offensive"]}).held_out()  # type: ignore[attr-defined]
    return Score("korean_hate_speech", "hate or offensive, held out", held["rows"], value=f"AUC {held['auc']:.3f} [{held['low']:.3f}, {held['high']:.3f}], F1 {held['f1']:.3f}")


def pages() -> list[Score]:
    """The main content of web pages, runs of four words against the page's expected text: six English pages, 51 Korean chapters against their Markdown."""
    found: dict[str, list[tuple[float, float, float]]] = {"en": [], "ko": []}
    for language, page, want in pages_gold.pages():
        found[language].append(pages_gold.measure(text_of(page, True)[0], want))
    names = {"en": "html_en_readability", "ko": "html_ko_rustbook"}
    told = {language: pages_gold.mean(each) for language, each in found.items()}
    return [Score(names[language], "main content", len(found[language]), value="F1 {2:.3f}, P {0:.3f}, R {1:.3f}".format(*mean)) for language, mean in told.items()]


def scores() -> list[Score]:
    """Everything."""
    labels, there, finance_ = finance()
    told = [*presidio((*KINDS, "name")), Score("pii_finance_ko", "labels whose form occurs in the text", labels, there, value=f"{there:,} of {labels:,}"), *finance_]
    told += [Score("klue_ner", f"persons, threshold {t}", 2702, value="R {:.3f} (full names {:.3f}), P {:.3f}".format(*persons(t))) for t in (0.5, 0.7)]
    return [*told, mojibake(), *agreement(), hate(), *pages()]
