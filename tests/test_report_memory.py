"""Memory in the report: the processor's bar, a bar for every device, every way on the one that is named, and nothing of older checks."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

pytest.importorskip("torch", reason="needs dadeum[train]")

from dadeum.report import memory
from dadeum.settings import Train
from dadeum.train import devices, forecast
from dadeum.train.memory import Load, Sizes

SEVEN = Sizes(32, 4096, 11008, 32, 32, 32000, 6_738_415_616, 6_476_267_520, 2_498_560, 4096)


def checked(folder: Path, target: str) -> None:
    parts = dict.fromkeys(memory.PARTS, 10)
    settings = Train(batch_tokens=16_384)
    told = {
        "shape": {"rows": 1, "length": 2048}, "cpu": {"plain": {"peak": 50, "parts": parts}}, "target": target,
        "devices": [forecast._device(SEVEN, settings, device, Load(1, 2048), 10**6) for device in devices.DEVICES],
    }  # fmt: skip
    (folder / "check.json").write_bytes(orjson.dumps({"memory": told}))


def test_every_device_has_a_bar_and_the_named_one_every_way(tmp_path: Path) -> None:
    checked(tmp_path, "")
    for lang in ("en", "ko"):
        html = str(memory.section(tmp_path, {}, lang))
        assert html.count('class="memory"') == 1 + len(devices.DEVICES) and "<h3>" not in html
    checked(tmp_path, "rtx-4090")
    html = str(memory.section(tmp_path, {}, "en"))
    assert html.count('class="memory"') == 1 + len(devices.DEVICES) + 8
    assert "Every way on rtx-4090" in html and html.count("to be taken") >= 1 and "not one row fits" in html


def test_a_check_of_before_is_left_out(tmp_path: Path) -> None:
    assert memory.section(tmp_path, {}, "en") == ""
    (tmp_path / "check.json").write_bytes(orjson.dumps({"memory": {"devices": [], "cpu": {}}}))
    assert memory.section(tmp_path, {}, "en") == ""
