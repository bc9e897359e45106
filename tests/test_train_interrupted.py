"""What stops a training from outside, through the command: Ctrl-C, kill -9 and a full disk; afterwards the same command ends where a straight run does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from functools import lru_cache
from pathlib import Path

import pytest

pytest.importorskip("trl", reason="needs dadeum[train]")

from train_cases import reviews, tiny

TRAIN = {"base": "", "max_length": 128, "batch_tokens": 128, "micro_tokens": 128, "epochs": 4.0, "evaluations": 8, "patience": 0, "device": "cpu"}
LIMIT = "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, ({n}, {n})); "
START = "from dadeum.cli import main; sys.exit(main(sys.argv[1:]))"


def recipe(folder: Path) -> Path:
    rows = reviews(160, 1).select("id", "messages").to_dicts()
    said = [{"id": row["id"], "messages": [{"role": m["role"], "content": m["content"]} for m in row["messages"]]} for row in rows]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in said))
    told = {"sources": [{"path": str(folder / "rows.jsonl")}], "steps": [{"mix.split": {"test": 0.1, "validation": 0.1}}], "train": TRAIN | {"base": tiny()}}
    (folder / "recipe.yaml").write_text(json.dumps(told))
    return folder / "recipe.yaml"


def begin(folder: Path, most: int | None = None) -> subprocess.Popen[str]:
    """`dadeum train`; most: bytes that a file may have, as on a disk that is full."""
    code = (LIMIT.format(n=most) if most else "import sys; ") + START
    command = [sys.executable, "-c", code, "train", str(recipe(folder)), "--out", str(folder / "run")]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})


def weights(folder: Path) -> bytes:
    return (folder / "run/model/model.safetensors").read_bytes()


@lru_cache
def straight() -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = begin(folder)
        assert run.wait(300) == 0, run.communicate()[1][-2000:]
        return weights(folder)


def stopped(folder: Path, number: int) -> subprocess.Popen[str]:
    """A training that meets the signal after its second whole checkpoint."""
    run = begin(folder)
    until = time.monotonic() + 300
    while len(list(folder.glob("run/models/*.checkpoints/*/whole.json"))) < 2:
        assert run.poll() is None and time.monotonic() < until, "it ended before it could be stopped"
        time.sleep(0.01)
    run.send_signal(number)
    run.wait(60)
    return run


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), pytest.param(signal.SIGKILL, -9, marks=pytest.mark.night)])
def test_a_stopped_command_goes_on_and_ends_with_the_same_weights(number: int, code: int, tmp_path: Path) -> None:
    run = stopped(tmp_path, number)
    said = run.communicate()[1]
    assert run.returncode == code and "Traceback" not in said, said[-2000:]
    assert number != signal.SIGINT or "the same command goes on" in said
    assert not (tmp_path / "run/model").exists()
    again = begin(tmp_path)
    assert again.wait(300) == 0, again.communicate()[1][-2000:]
    assert weights(tmp_path) == straight()
    record = json.loads((tmp_path / "run/model/training.json").read_text())
    assert record["resumed"] is True


@pytest.mark.night
def test_a_full_disk_ends_with_one_line_and_the_same_command_goes_on(tmp_path: Path) -> None:
    full = begin(tmp_path, most=200_000)
    said = full.communicate(timeout=300)[1]
    assert full.returncode == 1 and "make room and run the same command again" in said and "Traceback" not in said, said[-2000:]
    again = begin(tmp_path)
    assert again.wait(300) == 0, again.communicate()[1][-2000:]
    assert weights(tmp_path) == straight()
