"""The engine `ray`: the same bytes as local, whatever is killed; nothing left behind; nodes that share nothing are refused."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dadeum.engine import local
from dadeum.errors import DadeumError, Mistake, RecipeError
from runs import add_up, dadeum, fingerprint, raw, recipe, run_json, write

if importlib.util.find_spec("ray") is None:
    pytest.skip('Ray is not installed: pip install "dadeum[ray]"', allow_module_level=True)

from dadeum.engine import cluster


def below(pid: int) -> dict[int, str]:
    """{pid: command line} of every process that descends from one."""
    parents, commands = {}, {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(path.name)] = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            commands[int(path.name)] = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except (OSError, ProcessLookupError):
            continue
    found: dict[int, str] = {}
    grown = True
    while grown:
        new = {p: commands[p] for p, parent in parents.items() if p in commands and p not in found and (parent == pid or parent in found)}
        grown = bool(new)
        found |= new
    return found


def gone(pids: list[int], within: float = 15) -> list[str]:
    """The processes that are still there (zombies are not) after a while."""

    def alive() -> list[str]:
        lines = []
        for pid in pids:
            try:
                stat = Path(f"/proc/{pid}/stat").read_text()
            except OSError:
                continue
            if stat.rpartition(")")[2].split()[0] != "Z":
                lines.append(stat[:80])
        return lines

    end = time.monotonic() + within
    while alive() and time.monotonic() < end:
        time.sleep(0.1)
    return alive()


def own_folders() -> set[Path]:
    return set(Path("/tmp").glob("dadeum-ray-*"))


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """(folder that commands are given in, recipe, folder of a local run by one process). Paths in the recipe are relative."""
    root = tmp_path_factory.mktemp("ray")
    raw(root / "raw")
    made = write(root / "recipe.yaml", recipe(Path("raw"), shard=80))
    dadeum("run", made, "--out", root / "run", "--until", "split", "--workers", 1, cwd=root)
    return root, made, root / "run"


@pytest.fixture(scope="module")
def running() -> Iterator[cluster.Ray]:
    """A cluster of two workers, started by the engine itself and kept for the tests of this module."""
    with cluster.Ray(2, quiet=True) as engine:
        assert engine.map(abs, [-1, -2, -3], "start", lambda t: 1) == [1, 2, 3]
        yield engine


def joining(running: cluster.Ray) -> dict[str, str]:
    """The environment in which a command joins that cluster."""
    import ray

    return {**os.environ, "RAY_ADDRESS": ray.get_runtime_context().gcs_address}


def spawn(where: Path, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "dadeum.cli", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=where, start_new_session=True)


def test_a_worker_that_is_killed_costs_time_and_no_row(straight: tuple[Path, Path, Path], tmp_path: Path) -> None:
    before = own_folders()
    process = spawn(straight[0], "run", straight[1], "--out", tmp_path / "run", "--until", "split", "--engine", "ray", "--workers", 2)
    killed: list[str] = []
    seen: set[tuple[int, str]] = set()  # a zombie has no command line any more
    while process.poll() is None:
        now = below(process.pid)
        seen |= set(now.items())
        busy = [(pid, command) for pid, command in now.items() if command.startswith("ray::clean.unicode")]
        if busy and not killed:
            os.kill(busy[0][0], signal.SIGKILL)
            killed.append(busy[0][1])
        time.sleep(0.02 if not killed else 0.3)
    _, said = process.communicate()
    assert process.returncode == 0, said
    assert killed, "no worker was caught at work: the test killed nothing"
    assert not said, "Ray talked to the terminal"
    there = fingerprint(straight[2], but=["recipe.yaml"])
    assert fingerprint(tmp_path / "run", but=["recipe.yaml"]) == there and len(there) > 8
    add_up(tmp_path / "run", run_json(straight[2])["counts"]["read"])
    assert any("raylet" in command for _, command in seen) and not gone([pid for pid, _ in seen]), "a process of Ray outlived the run"
    assert own_folders() <= before


@pytest.mark.parametrize("group", [pytest.param(False, marks=pytest.mark.night, id="the-command"), pytest.param(True, id="the-terminal")])
def test_an_interrupt_ends_with_130_and_leaves_no_process(straight: tuple[Path, Path, Path], tmp_path: Path, group: bool) -> None:
    before = own_folders()
    process = spawn(straight[0], "run", straight[1], "--out", tmp_path / "run", "--until", "split", "--engine", "ray", "--workers", 2)
    while not list((tmp_path / "run").glob("cache/steps/*/*")):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.01)
    seen = below(process.pid)
    if group:
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.send_signal(signal.SIGTERM)
    _, said = process.communicate()
    assert process.returncode == 130 and "goes on" in said and "Traceback" not in said
    assert any("raylet" in c for c in seen.values()) and not gone(list(seen))
    assert own_folders() <= before
    dadeum("run", straight[1], "--out", tmp_path / "run", "--until", "split", "--workers", 2, cwd=straight[0])  # either engine goes on from the other's units
    assert fingerprint(tmp_path / "run", but=["recipe.yaml"]) == fingerprint(straight[2], but=["recipe.yaml"])


def test_a_command_joins_a_running_cluster_and_leaves_it_running(straight: tuple[Path, Path, Path], tmp_path: Path, running: cluster.Ray) -> None:
    write(tmp_path / "recipe.yaml", recipe(Path("raw"), shard=80, engine={"kind": "ray", "shard": 80}))
    said = dadeum("run", tmp_path / "recipe.yaml", "--out", tmp_path / "run", "--until", "split", cwd=straight[0], env=joining(running))
    assert not said.stderr
    assert fingerprint(tmp_path / "run", but=["recipe.yaml"]) == fingerprint(straight[2], but=["recipe.yaml"])
    assert not list(tmp_path.rglob(".probe*"))
    assert running.map(abs, [-4, -5], "still there", lambda t: 1) == [4, 5]


def test_results_come_in_order_and_mistakes_together(running: cluster.Ray) -> None:
    def slow_first(task: int) -> tuple[int, str]:
        import os
        import time

        time.sleep(0.3 if task == 0 else 0.0)
        return task, os.environ["POLARS_MAX_THREADS"]

    assert [n for n, _ in running.map(slow_first, range(6), "order", lambda t: 1)] == list(range(6))

    def wrong(task: int) -> int:
        from dadeum.errors import Mistake, RecipeError

        if task:
            raise RecipeError(Mistake(f"steps.{task % 2}", f"is wrong in {task} rows"))
        return task

    found = []
    for engine in (running, local.Local(1, quiet=True)):
        with pytest.raises(RecipeError) as error:
            engine.map(wrong, range(4), "mistakes", lambda t: 1)
        found.append(error.value.mistakes)
    assert found[0] == found[1] == [Mistake("steps.1", "is wrong in 1 rows"), Mistake("steps.0", "is wrong in 2 rows")]


def test_an_error_arrives_in_its_own_words(running: cluster.Ray) -> None:
    def stops(task: int) -> int:
        from dadeum.errors import StepError

        raise StepError(f"row {task} is broken")

    def full(task: int) -> int:
        raise OSError(28, "No space left on device", "/x")

    with pytest.raises(DadeumError, match=r"^row \d is broken$"):
        running.map(stops, [1, 2], "stops", lambda t: 1)
    with pytest.raises(OSError, match="No space left") as error:
        running.map(full, [1, 2], "full", lambda t: 1)
    assert error.value.filename == "/x"


def test_a_task_that_kills_every_worker_is_given_up_with_a_word(running: cluster.Ray, monkeypatch: pytest.MonkeyPatch) -> None:
    def deadly(task: int) -> int:
        import os
        import signal

        os.kill(os.getpid(), signal.SIGKILL)
        return task

    monkeypatch.setattr(cluster, "RETRIES", 1)
    with pytest.raises(DadeumError, match=r"gave up a task of deadly.*the same command goes on"):
        running.map(deadly, [1, 2], "deadly", lambda t: 1)


def test_a_node_that_does_not_see_the_folder_is_refused(straight: tuple[Path, Path, Path], tmp_path: Path, running: cluster.Ray) -> None:
    """A second node whose view of the run's folder is an empty one: what a cluster without shared storage looks like."""
    hidden = tmp_path / "runs"
    hidden.mkdir()
    ray_command = Path(sys.executable).with_name("ray")
    inside = f'mount -t tmpfs none "{hidden}" && exec "{ray_command}" start --address="$RAY_ADDRESS" --num-cpus=1 --block'
    if subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "none", hidden], capture_output=True).returncode:
        pytest.skip("mounting in a namespace of one's own is not allowed here")
    import ray

    node = subprocess.Popen(["unshare", "-m", "sh", "-c", inside], env=joining(running), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 30
        while sum(n["Alive"] for n in ray.nodes()) < 2 and time.monotonic() < end:
            time.sleep(0.1)
        said = dadeum("run", straight[1], "--out", hidden / "run", "--until", "split", "--engine", "ray", check=2, cwd=straight[0], env=joining(running))
        assert said.stderr.count("Ray node") == 1 and str(hidden / "run") in said.stderr and "every node has to mount" in said.stderr
        assert not list(hidden.rglob(".probe*"))
    finally:
        seen = below(node.pid)
        node.terminate()
        node.wait(20)
        assert not gone(list(seen))


def test_an_address_without_a_cluster_is_a_mistake(straight: tuple[Path, Path, Path], tmp_path: Path) -> None:
    said = dadeum("run", straight[1], "--out", tmp_path / "run", "--until", "split", "--engine", "ray", "--set", "engine.address=127.0.0.1:1", check=2, cwd=straight[0])
    assert "engine.address: no Ray cluster answers at 127.0.0.1:1" in said.stderr


def test_without_ray_the_command_that_helps_is_named(straight: tuple[Path, Path, Path], tmp_path: Path) -> None:
    code = "import sys, importlib.util as u; real = u.find_spec; u.find_spec = lambda n, *a: None if n == 'ray' else real(n, *a);"
    code += "from dadeum import cli; sys.exit(cli.main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "run", str(straight[1]), "--out", str(tmp_path / "run"), "--engine", "ray"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=straight[0])
    assert done.returncode == 2 and 'pip install "dadeum[ray]"' in done.stderr
