"""Every training in a line of the report, in both languages; the picture's ring stands where the weights were kept."""

from __future__ import annotations

from pathlib import Path

import orjson

from dadeum.report import courses
from dadeum.report.figures import Figures, curves, staged
from dadeum.report.words import Words

TOLD = {"steps": 40, "planned_steps": 90, "best_step": 10, "eval_loss": 1.25, "before": 3.5, "learning_rate": 2e-4, "seconds": 61.0}


def written(folder: Path, name: str, **changed: object) -> None:
    (folder / "models" / name).mkdir(parents=True)
    (folder / "models" / name / "training.json").write_bytes(orjson.dumps(TOLD | changed))


def test_a_training_that_ended_early_or_did_harm_or_held_nothing_out_says_so(tmp_path: Path) -> None:
    assert courses.section(tmp_path, {}, "en") == ""
    written(tmp_path, "tuned-0")
    written(tmp_path, "tuned-1", steps=90, eval_loss=4.5)
    written(tmp_path, "raw-0", steps=90, eval_loss=None, before=None)
    for other in (".tuned-0-draft", "without-mix.cap-12000", "rows-75-200000"):
        written(tmp_path, other)
    for lang, early, harm, last in (("en", "40 of 90, ended early", "worse than before", "the last step"), ("ko", "90 가운데 40, 일찍 멈춤", "전보다 나빠짐", "마지막 스텝")):
        rows = str(courses.section(tmp_path, {}, lang)).split('<tr role="row">')[2:]
        assert len(rows) == 3 and early in rows[0] and "1.250" in rows[0] and "3.500" in rows[0]
        assert harm in rows[1] and harm not in rows[0] and last in rows[2] and "raw" in rows[2]


def test_stages_stand_in_their_order_and_the_last_has_its_name(tmp_path: Path) -> None:
    for name in ("tuned-0", "tuned-0.10-x", "tuned-0.2-b<i>"):
        written(tmp_path, name)
    run = {"train": {"arms": {"tuned-0": {"stages": [{"stage": "b"}, {"stage": "x"}, {"stage": "end"}]}}}}
    assert [name[2] for name, _ in courses.trainings(tmp_path, run)] == ["b<i>", "x", "end"]
    assert "<i>" not in str(courses.section(tmp_path, run, "en"))


def test_the_ring_is_at_the_lowest_held_out_loss_after_the_first_step() -> None:
    losses = [(0, None, 1.0), (1, 5.0, None), (2, 4.0, 3.0), (3, 3.0, 2.0), (4, 2.0, 2.5)]
    points = [{"arm": "tuned", "seed": 0, "tokens": t, "loss": loss, "eval_loss": held} for t, loss, held in losses]
    later = [p | {"stage": "next", "tokens": p["tokens"] + 4} for p in points]
    drawn = Figures.__new__(Figures)
    drawn._t, drawn.curves, drawn.arms = Words("en"), curves(points), ["tuned"]
    for curve, rings in ((points, 1), ([p | {"stage": "first"} for p in points] + later, 2)):
        drawn._facts = type("Told", (), {"curve": curve})()
        html = str(drawn.curve())
        assert html.count('<circle class="ring one"') == rings
    assert [stage[0]["tokens"] for stage in staged([p | {"stage": "first"} for p in points] + later)] == [0, 4]
    drawn._facts = type("Told", (), {"curve": points})()
    assert '<circle class="ring one" cx="75.00%"' in str(drawn.curve()), "not at the untrained model, however low it is"
