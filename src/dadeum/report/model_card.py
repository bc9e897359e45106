"""model/README.md: what a model is made of, how, what it was shown to do, and what it obliges to. It travels with the weights.

What a model owes follows from the data that it learned from, by the same table as the dataset card's. Base models have licences of
their own, which nothing in a folder of weights tells for sure: the card names the base and says so.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import orjson

from dadeum.report import facts
from dadeum.report.card import allowed, code, obligations, origins, plain, table
from dadeum.report.facts import Facts
from dadeum.report.verdict import Proof, headline
from dadeum.report.words import Words, count, number

SHOWN: Final = (
    "objective", "method", "supervise", "max_length", "packing", "batch_tokens", "schedule", "warmup", "weight_decay", "lora.r", "lora.alpha",
)  # fmt: skip
"""Settings that the card tells beside what came of the training; the whole of them stands in training.json."""
FEWEST: Final = 100
"""Held-out items below which the card calls the proof small: they show differences from 12 points on (evaluate/power.py)."""


def model_card(run: Path, lang: str = "en") -> str:
    """The model card of a run's folder that holds a model, as Markdown."""
    t = Words(lang)
    told = facts.read(Path(run))
    model = told.folder / "model"
    record = orjson.loads((model / "training.json").read_bytes())
    title = {"name": told.run["name"], "version": told.run["version"]}
    parts = [
        _front(told, record),
        f"# {plain(t('model.title', **title))}",
        t("model.lede", version=told.run["version"], recipe=told.run["recipe_digest"], dataset=told.run["dataset_digest"]),
        f"## {t('model.proof')}\n\n{_proof(told, t)}",
        f"## {t('model.training')}\n\n{_training(told, record, t)}",
        f"## {t('model.data')}\n\n{origins(told, t)}",
        f"## {t('card.uses')}\n\n{allowed(told, t)}",
        f"## {t('card.duties')}\n\n- {_owed(record, t)}\n{obligations(told, t)}",
        f"## {t('model.parity')}\n\n{_parity(model, t)}",
        f"## {t('model.limits')}\n\n{_limits(told, t)}",
    ]
    return "\n\n".join(parts) + "\n"


def write_model_card(run: Path, lang: str = "en") -> Path | None:
    """Write README.md beside the weights, whole or not at all. Gives its path; None where the run has no model of its own making."""
    folder = Path(run) / "model"
    if not (folder / "training.json").exists():
        return None
    path = folder / "README.md"
    draft = path.with_suffix(".md.draft")
    draft.write_text(model_card(run, lang), encoding="utf-8")
    os.replace(draft, path)
    return path


def _base(record: dict[str, Any]) -> str:
    """The base as the recipe called it: a tiny one lies at a path that means nothing elsewhere."""
    return str(record["settings"]["base"])


def _owed(record: dict[str, Any], t: Words) -> str:
    base = _base(record)
    return t("model.base.tiny") if base == "tiny" else t("model.base.duty", base=code(base))


def _front(told: Facts, record: dict[str, Any]) -> str:
    base = _base(record)
    named = f"\nbase_model: {plain(base)}" if base != "tiny" and not Path(base).is_dir() else ""
    return f"---\nlibrary_name: transformers{named}\ntags: [dadeum]\n---"


def _proof(told: Facts, t: Words) -> str:
    if told.proof is None:
        return t("lede.unproven")
    proof = Proof.read(told.proof)
    head = headline(proof, t, trained=True)
    scores = [[t.known("arm", a.name), proof.score(a.score), f"{proof.score(a.low)} – {proof.score(a.high)}"] for a in proof.arms]
    return "\n\n".join([f"**{plain(head.title)}.** {plain(' '.join(head.lede))}", table([t("model.arm"), t("scores"), t("model.interval")], scores, right=1)])


def _training(told: Facts, record: dict[str, Any], t: Words) -> str:
    lines: list[list[Any]] = [[t("model.base"), _base(record)], ["learning_rate", number(record["learning_rate"])]]
    settings = record["settings"]
    for path in SHOWN:
        value: Any = settings
        for key in path.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        if value is not None and (not path.startswith("lora") or record["trainable"] < record["parameters"]):
            lines.append([path, value])
    lines += [[t("model.tokens"), count(record["tokens"])], [t("model.steps"), count(record["steps"])], [t("seed"), record["seed"]]]
    lines += [[t("model.parameters"), count(record["parameters"])], [t("model.trainable"), count(record["trainable"])], [t("model.device"), record["device"]]]
    if told.supervision is not None:
        lines.append([t("model.rows"), count(told.supervision.rows)])
    if record.get("eval_loss") is not None:
        lines.append([t("model.loss"), number(record["eval_loss"])])
    return table([t("model.setting"), ""], lines, right=1)


def _parity(model: Path, t: Words) -> str:
    path = model / "parity.json"
    if not path.exists():
        return t("model.parity.none")
    told = orjson.loads(path.read_bytes())
    server = t("model.parity.server") if told["server"]["asked"] else t("model.parity.unserved", why=plain(told["server"]["why_not"]))
    wrong = [e["prompt"] for e in told["prompts"] if "differs" in e.values()]
    lines = [t("model.parity.agree", n=len(told["prompts"])) if not wrong else t("model.parity.differ", prompts=plain(", ".join(wrong))), server]
    if told["logits"]:
        lines.append(t("model.parity.logits", apart=number(told["logits"]["apart"]), largest=number(told["logits"]["largest"])))
    digests = told["digests"]
    lines.append(t("model.parity.digests", template=digests["template"], tokenizer=digests["tokenizer"]))
    return "\n".join(f"- {line}" for line in lines)


def _limits(told: Facts, t: Words) -> str:
    lines = [t("model.limit.scope")]
    if told.proof is None:
        lines.append(t("model.limit.unproven"))
    else:
        lines += [plain(note) for note in told.proof.get("notes_ko" if t.lang == "ko" else "notes", ())]
        if told.proof["n"] < FEWEST:
            lines.append(t("model.limit.few", n=told.proof["n"]))
    lines.append(t("model.limit.safety"))
    return "\n".join(f"- {line}" for line in lines)
