"""report.html: one file that shows what a run did, and proves it.

The verdict comes first, then where every row went, then what each step did, with examples, then training and proof. Each
number carries the file and the entry that it was read from. No script or style comes from elsewhere, and a content security
policy, which names the one short script by its digest, forbids it even to a hostile row.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from pathlib import Path
from typing import Any, Final

from dadeum.report import decide, diff, facts, findings, memory, sample, studies
from dadeum.report.facts import Facts
from dadeum.report.figures import Figures
from dadeum.report.verdict import Proof, headline
from dadeum.report.words import Words, chance, count, number, percent

TEMPLATES: Final = Path(__file__).parent / "templates"
TOKENS: Final = 320
"""Tokens of one training example that are shown."""
EXAMPLES: Final = 4
"""Training examples that are shown."""
STAGES: Final = 200
"""Steps that are shown; the rest is counted."""
SOURCES: Final = 100
"""Sources that are shown; the rest is counted."""
HANGUL: Final = re.compile(r"[\u3131-\u318e\uac00-\ud7a3]")


def render(run: Path, lang: str = "en") -> str:
    """The report of a run's folder as HTML.

    Files that the run did not get to (training, proof) are told of in one line each. Raises DadeumError where the folder
    holds no finished run, RecipeError for a language that there is no translation for.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    t = Words(lang)
    told = facts.read(Path(run))
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.globals.update(t=t, count=count, number=number, percent=percent, chance=chance, language=language, visible=diff.visible)
    return environment.get_template("page.html.j2").render(**_context(told, t))


def write(run: Path, lang: str = "en") -> Path:
    """Write report.html into the run's folder, whole or not at all, readable by its owner alone: it shows rows. Gives its path."""
    path = Path(run) / "report.html"
    draft = path.with_suffix(".html.draft")
    text = render(run, lang)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
        out.write(text)
    draft.replace(path)
    return path


def language(text: str) -> str:
    """The language to read a sample in, for screen readers and line breaks.

    >>> language("배송이 빨라요"), language("fast delivery")
    ('ko', 'en')
    """
    return "ko" if HANGUL.search(text) else "en"


def script() -> tuple[str, str]:
    """The page's script and the digest by which its content security policy admits it."""
    text = (TEMPLATES / "page.js").read_text(encoding="utf-8")
    return text, "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _context(told: Facts, t: Words) -> dict[str, Any]:
    run = told.run
    proof = None if told.proof is None else Proof.read(told.proof, lang=t.lang)
    counts = run["counts"]
    js, digest = script()
    lost = sample.lost(told)
    return {
        "lang": t.lang,
        "run": run,
        "folder": told.folder.name or "run",
        "facts": told,
        "counts": counts,
        "balanced": counts["read"] + counts["grown"] == sum(counts[k] for k in ("kept", "dropped", "merged", "quarantined")),
        "headline": headline(proof, t, trained=bool(told.curve) or (told.folder / "model").exists()),
        "proof": proof,
        "stages": run["stages"][:STAGES],
        "stages_more": max(0, len(run["stages"]) - STAGES),
        "sources": _sources(told)[:SOURCES],
        "sources_more": max(0, len(_sources(told)) - SOURCES),
        "figures": Figures(told, proof, t),
        "gates": run.get("train", {}).get("gates"),
        "ablations": (told.proof or {}).get("ablations"),
        "studies": studies,
        "decision": told.decision,
        "decided": decide,
        "slices": (told.proof or {}).get("slices"),
        "suites": [(name, Proof.read(one, lang=t.lang)) for name, one in (told.proof or {}).get("suites", {}).items()],
        "order": (told.proof or {}).get("ranking"),
        "unbounded": (told.proof or {}).get("sandbox", {}).get("unbounded"),
        "findings": findings.found(told, t),
        "told": lambda stage: findings.told(findings.rest(stage), t),
        "truth": _truth(told),
        "edits": sample.edits(told),
        "lost": lost,
        "opened": next((g for g in lost if any(s.text for row in g.shown for s in row.segments)), None),
        "lost_samples": (told.folder / "ledger/lost.parquet").exists(),
        "quarantine": _quarantine(told),
        "supervision": _supervision(told),
        "memory": memory.section(told.folder, run, t.lang),
        "css": (TEMPLATES / "page.css").read_text(encoding="utf-8"),
        "js": js,
        "digest": digest,
    }


def _sources(told: Facts) -> list[dict[str, Any]]:
    """Every source of the ledger with its licence and where its rows went; those of the recipe where nothing was read."""
    licences = told.licences
    rows = told.by_source or tuple({"source": name} for name in licences)
    return [{**row, "licence": licences.get(row["source"], "unknown")} for row in rows]


def _truth(told: Facts) -> dict[str, dict[str, float | None]]:
    """step -> {recall, precision}: recall over all kinds of planted dirt that the step was to find; precision is the step's own."""
    steps: dict[str, dict[str, float | None]] = {}
    for name in dict.fromkeys(row["step"] for row in told.truth):
        rows = [row for row in told.truth if row["step"] == name and row.get("recall") is not None]
        planted = sum(row["planted"] for row in rows)
        recall = sum(row["recall"] * row["planted"] for row in rows) / planted if planted else None
        precisions = [row["precision"] for row in rows if row.get("precision") is not None]
        steps[name] = {"recall": recall, "precision": min(precisions, default=None)}
    return steps


def _quarantine(told: Facts) -> list[dict[str, Any]]:
    raw = sample.concealed([str(q.get("raw") or "") for q in told.quarantine])
    return [{**q, "raw": text[: sample.LENGTH] + (" …" if len(text) > sample.LENGTH else "")} for q, text in zip(told.quarantine, raw)]


def _supervision(told: Facts) -> list[dict[str, Any]]:
    """A few training examples as runs of tokens that share role and loss: what a reader can take in."""
    shown = []
    for example in told.supervision_sample[:EXAMPLES]:
        tokens = example["tokens"]
        shown.append({"id": example["id"], "tokens": tokens[:TOKENS], "more": max(0, len(tokens) - TOKENS)})
    return shown
