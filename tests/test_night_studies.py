"""The demo's ablation: the step that matters is named, those that don't are cleared, and a second call trains nothing."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from dadeum import cli
from dadeum.demo import show

HELPS = ("mix.cap",)
"""1,192 notices of two machines drown what customers write."""
CLEARED = ("clean.mojibake", "guard.pii", "dedup.near")
"""Few rows, or rows that read much the same to a model."""


@pytest.mark.night
def test_an_ablation_of_the_demo_names_what_matters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # As a user would: three trainings in the recipe, five in the ablation (prove.ablate_seeds).
    show.show(tmp_path / "run")
    assert cli.main(["prove", str(tmp_path / "run"), "--ablate", *HELPS, *CLEARED]) == 0
    told = orjson.loads((tmp_path / "run/proof.json").read_bytes())["ablations"]
    with capsys.disabled():
        print("\n" + "\n".join(f"{one['step']:<16} {one['difference']:+.3f} {one['low']:+.3f} .. {one['high']:+.3f} {one['effect']}" for one in told["steps"]))
    effects = {one["step"]: one["effect"] for one in told["steps"]}
    assert [effects[name] for name in HELPS] == ["helps"] * len(HELPS)
    assert not [name for name in CLEARED if effects[name] in ("helps", "harms")]
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "run/models").glob("*/model.safetensors")}
    assert cli.main(["prove", str(tmp_path / "run"), "--ablate", *HELPS, *CLEARED]) == 0
    assert made == {path: path.stat().st_mtime_ns for path in (tmp_path / "run/models").glob("*/model.safetensors")}
