"""Values in force in the report: as the training had them, else as `check` has worked them out, in both languages."""

from __future__ import annotations

import re
from pathlib import Path

import orjson

from dadeum.report import in_force
from dadeum.settings import Train
from dadeum.train.effective import effective

VALUES = [
    {"key": "epochs", "value": 3.0, "source": "recipe"},
    {"key": "learning_rate", "value": 2e-4, "source": "default for sft by lora"},
    {"key": "packing", "value": True, "source": "default"},
    {"key": "template", "value": "<b>", "source": "default"},
]


def test_what_was_decided_stands_there_and_plain_defaults_are_folded() -> None:
    run = {"train": {"values": [{"stage": "", "values": VALUES}]}}
    for lang, title in (("en", "Values in force"), ("ko", "적용된 값")):
        html = str(in_force.section(Path("nowhere"), run, lang))
        said, folded = html.split("<details>")
        assert title in said and "0.0002" in said and "sft by lora" in said and "packing" not in said
        assert "packing" in folded and "true" in folded and "&lt;b&gt;" in folded and "<b>" not in html


def test_before_the_training_what_check_found_is_shown_and_afterwards_what_was(tmp_path: Path) -> None:
    assert in_force.section(tmp_path, {}, "en") == ""
    (tmp_path / "check.json").write_bytes(orjson.dumps({"ahead": [{"stage": "first", "values": VALUES, "pace": None}]}))
    assert "stage first" in str(in_force.section(tmp_path, {}, "en"))
    trained = {"train": {"values": [{"stage": "second", "values": VALUES[:1]}]}}
    assert "stage second" in str(in_force.section(tmp_path, trained, "en")) and "first" not in str(in_force.section(tmp_path, trained, "en"))


def test_every_source_is_told_in_korean_too() -> None:
    for settings in (Train(epochs=2.0), Train(learning_rate="find", method="lora"), Train(tokens=1000)):
        for size in (1e6, 6e8):
            told = effective(settings, int(size), 5000)
            html = str(in_force.section(Path("nowhere"), {"train": {"values": [{"stage": "", "values": told}]}}, "ko"))
            sources = re.findall('data-label="출처"><span>(.*?)</span>', html)
            assert len(sources) == len(told) > 9 and all(re.search("[가-힣]", s) for s in sources)
            assert "follows" not in html and "optimiser" not in html and "tokens in all" not in html
