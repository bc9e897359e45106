"""Runs survive: killed at any moment, cut differently, with more workers, changed in one place; and every row is accounted for."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from dadeum.engine import unit
from dadeum.engine.delta import work
from dadeum.errors import BalanceError, StepError
from dadeum.ledger import Receipt
from dadeum.record import records
from dadeum.step import Edit, Filter
from runs import add_up, dadeum, fingerprint, raw, recipe, run_json, write


def lines(folder: Path) -> int:
    return sum(1 for p in folder.glob("*.jsonl") for line in p.read_bytes().splitlines() if line.strip())


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """(raw rows, recipe, folder of an undisturbed run)."""
    root = tmp_path_factory.mktemp("straight")
    made = write(root / "recipe.yaml", recipe(raw(root / "raw")))
    dadeum("run", made, "--out", root / "run", "--until", "split", "--workers", 1)
    return root / "raw", made, root / "run"


def test_the_ledger_adds_up_from_outside(straight: tuple[Path, Path, Path]) -> None:
    folder, _, run = straight
    add_up(run, lines(folder))
    counts = run_json(run)["counts"]
    assert min(counts[s] for s in ("kept", "dropped", "merged", "quarantined")) > 0


def test_two_workers_give_the_same_bytes(straight: tuple[Path, Path, Path], tmp_path: Path) -> None:
    dadeum("run", straight[1], "--out", tmp_path / "run", "--until", "split", "--workers", 2)
    assert fingerprint(tmp_path / "run") == fingerprint(straight[2], but=())


def test_another_cut_into_shards_gives_the_same_rows(straight: tuple[Path, Path, Path], tmp_path: Path) -> None:
    dadeum("run", straight[1], "--out", tmp_path / "run", "--until", "split", "--set", "engine.shard=97")
    names = ["data/train.jsonl", "data/validation.jsonl", "data/test.jsonl", "ledger/verdicts.parquet"]
    assert all(pl.read_ndjson(tmp_path / "run" / n).equals(pl.read_ndjson(straight[2] / n)) for n in names[:3])
    frames = [pl.read_parquet(f / names[3]).sort("id") for f in (tmp_path / "run", straight[2])]
    assert frames[0].equals(frames[1])


def test_killed_at_any_moment_it_resumes_to_the_same_bytes(straight: tuple[Path, Path, Path], tmp_path: Path) -> None:
    rng = random.Random(7)
    command = [sys.executable, "-m", "dadeum.cli", "run", str(straight[1]), "--out", str(tmp_path / "run"), "--until", "split", "--workers", "2"]
    for _ in range(4):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        time.sleep(rng.uniform(0.3, 2.5))
        import os

        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    dadeum(*command[3:])
    assert fingerprint(tmp_path / "run") == fingerprint(straight[2])


def test_ctrl_c_ends_with_130_and_goes_on(straight: tuple[Path, Path, Path], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "dadeum.cli", "run", str(straight[1]), "--out", str(tmp_path / "run"), "--until", "split", "--set", "engine.shard=7"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while not list((tmp_path / "run").glob("cache/read/*/*/*")):
        time.sleep(0.02)
        assert process.poll() is None, process.communicate()[1]
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130 and "goes on" in said and "Traceback" not in said
    assert not (tmp_path / "run/run.json").exists()
    dadeum(*command[3:])
    add_up(tmp_path / "run", lines(straight[0]))


def test_two_runs_in_one_folder_the_second_says_so(straight: tuple[Path, Path, Path], tmp_path: Path) -> None:
    from dadeum.engine import folder

    with folder.locked(tmp_path / "run"):
        said = dadeum("run", straight[1], "--out", tmp_path / "run", "--until", "split", check=4)
    assert "another run" in said.stderr


def test_a_second_call_does_nothing_again(straight: tuple[Path, Path, Path]) -> None:
    before = fingerprint(straight[2])
    dadeum("run", straight[1], "--out", straight[2], "--until", "split")
    assert fingerprint(straight[2]) == before
    assert all(stage["cached"] for stage in run_json(straight[2])["stages"])


@pytest.fixture
def copied(straight: tuple[Path, Path, Path], tmp_path: Path) -> tuple[Path, Path, Path]:
    root = raw(tmp_path / "raw").parent
    made = write(root / "recipe.yaml", recipe(root / "raw"))
    dadeum("run", made, "--out", root / "run", "--until", "split")
    return root / "raw", made, root / "run"


def test_a_changed_parameter_reruns_what_depends_on_it(copied: tuple[Path, Path, Path]) -> None:
    _, made, run = copied
    dadeum("run", made, "--out", run, "--until", "split", "--set", "filter.length.min=9")
    cached = {s["step"]: s["cached"] for s in run_json(run)["stages"]}
    assert cached == {
        "read": True, "clean.unicode": True, "clean.whitespace": True, "filter.length": False, "dedup.exact": False, "guard.pii": False,
        "mix.split": False,
    }  # fmt: skip


def test_a_changed_source_file_reruns_its_own_shards(copied: tuple[Path, Path, Path]) -> None:
    folder, made, run = copied
    units = {p: p.stat().st_mtime_ns for p in (run / "cache").rglob("*") if p.is_file()}
    with open(folder / "rows-2.jsonl", "a") as file:
        file.write('{"id": "new", "text": "a new row comes in", "group": "g1", "stars": 3}\n')
    dadeum("run", made, "--out", run, "--until", "split")
    add_up(run, lines(folder))
    after = {p: p.stat().st_mtime_ns for p in (run / "cache").rglob("*") if p.is_file()}
    assert all(after[p] == t for p, t in units.items()), "a unit that did not depend on the change was made again"


def test_a_damaged_unit_is_made_again(copied: tuple[Path, Path, Path], straight: tuple[Path, Path, Path]) -> None:
    _, made, run = copied
    before = fingerprint(run)
    for path in [p for p in (run / "cache/steps").rglob("*") if p.is_file() and p.stat().st_size > 2000][:3]:
        data = bytearray(path.read_bytes())
        data[-50] ^= 0xFF
        path.write_bytes(bytes(data))
    (run / "run.json").unlink()
    for _ in range(5):
        if dadeum("run", made, "--out", run, "--until", "split", check=None).returncode == 0:
            break
    assert fingerprint(run) == before


def test_a_unit_is_whole_or_absent(tmp_path: Path) -> None:
    path = tmp_path / "unit"
    told = unit.save(path, {"a": 1}, {"x": pl.DataFrame({"v": [1, 2]}), "y": pl.DataFrame({"v": ["가"]})})
    found = unit.load(path)
    assert found is not None and found.digest == told and found.parts["y"]["v"].to_list() == ["가"] and found.head == {"a": 1}
    for cut in (0, 10, 200, path.stat().st_size - 1):
        (tmp_path / "cut").write_bytes(path.read_bytes()[:cut])
        assert unit.load(tmp_path / "cut") is None and unit.peek(tmp_path / "cut") is None


class Broken(Edit):
    """Raises on rows that hold a mark."""

    writes = ("text",)

    def edit(self, rows: pl.DataFrame) -> pl.DataFrame:
        if rows.get_column("text").str.contains("bad").any():
            raise ValueError("no")
        return rows.with_columns(pl.col("text").str.to_uppercase())


class Always(Filter):
    def why(self, rows: pl.DataFrame) -> pl.DataFrame:
        raise ValueError("never works")


def test_a_row_that_a_step_cannot_take_costs_no_other_row() -> None:
    rows = records([{"text": "bad" if i in (3, 77) else f"t{i}"} for i in range(100)])
    delta = work(Broken(), rows, "here")
    assert delta.leaving["at"].to_list() == [3, 77] and set(delta.leaving["state"]) == {"quarantined"}
    after = delta.put_on(rows)
    assert after["text"].to_list() == [f"T{i}" for i in range(100) if i not in (3, 77)]


def test_a_step_that_fails_everywhere_stops_the_run_and_names_step_shard_and_row() -> None:
    with pytest.raises(StepError, match=r"fails on more than 10 of the 100 rows of shard 7; first met at row 10"):
        work(Always(), records([{"text": str(i)} for i in range(100)]), "shard 7")


def test_a_receipt_that_does_not_balance_is_refused() -> None:
    with pytest.raises(BalanceError):
        Receipt("x", "k", 10, 8, left={"dropped": {"y": 1}}).check("here")


def test_own_ids_that_occur_twice_are_replaced_and_stay_unique(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/a.jsonl").write_text('{"id": "1", "text": "first of all"}\n{"id": "2", "text": "second of all"}\n')
    (tmp_path / "raw/b.jsonl").write_text('{"id": "1", "text": "third of all"}\n{"text": "fourth of all"}\n')
    value = {"sources": [{"path": f"{tmp_path}/raw", "name": "s"}], "steps": ["clean.unicode"]}
    dadeum("run", write(tmp_path / "r.yaml", value), "--out", tmp_path / "run", "--until", "split")
    ids = pl.read_parquet(tmp_path / "run/data/train.parquet")["id"].to_list()
    assert ids == ["s/a.jsonl:1", "2", "s/b.jsonl:1", "s/b.jsonl:2"]


@pytest.mark.parametrize("place", ["data", "apply"])
def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path, place: str) -> None:
    import resource

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    folder = raw(tmp_path / "raw", files=1, rows=3000)
    if place == "data":
        made = write(tmp_path / "recipe.yaml", recipe(folder, shard=3000))
        command = ["run", made, "--out", tmp_path / "run", "--until", "split"]
    else:
        command = ["apply", "clean.unicode", folder / "rows-0.jsonl", "-o", tmp_path / "out.jsonl"]
    said = dadeum(*command, check=1, preexec_fn=small_files)
    assert "File too large" in said.stderr and "Traceback" not in said.stderr
    assert not (tmp_path / "run/run.json").exists() and not (tmp_path / "out.jsonl").exists()
    dadeum(*command)
