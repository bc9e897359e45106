"""The house as drawn: imports point one way, modules stay small and say what they are, every recipe plans."""

from __future__ import annotations

import ast
import statistics
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src/dadeum"
MODULES = sorted(SOURCE.rglob("*.py"))
ROOMS = [
    "errors", "remote", "record", "profiles", "proving", "settings", "step", "ledger", "recipe", "model", "embed", "io", "steps", "engine", "format", "train", "merge",
    "evaluate", "serve", "report", "tuning", "run", "demo", "cli", "docs", "web", "__main__",
]  # fmt: skip
"""From the top of the page to the bottom: a room may import itself and what stands before it."""


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def imported(path: Path) -> list[str]:
    """Every dadeum module that a file imports, wherever the import stands."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found += [f"{node.module}.{alias.name}" if node.module == "dadeum" else node.module for alias in node.names]
    return [name for name in found if name.startswith("dadeum.") and room(name) not in ("__version__",)]


def name(path: Path) -> str:
    return "dadeum." + path.relative_to(SOURCE).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_imports_point_one_way(path: Path) -> None:
    here = room(name(path))
    if not here or path == SOURCE / "__init__.py":
        return
    upward = [m for m in imported(path) if ROOMS.index(room(m)) > ROOMS.index(here)]
    assert not upward, f"{name(path)} imports {upward}, which stand below it"


def test_a_planted_upward_import_is_seen(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("def f():\n    from dadeum.engine import flow\n    import dadeum.cli\n    from dadeum import report\n")
    assert imported(tmp_path / "x.py") == ["dadeum.engine", "dadeum.cli", "dadeum.report"]


def test_no_step_imports_the_engine() -> None:
    assert not [name(p) for p in SOURCE.glob("steps/**/*.py") if any(room(m) == "engine" for m in imported(p))]


def test_modules_are_small() -> None:
    lines = {name(p): len(p.read_text(encoding="utf-8").splitlines()) for p in MODULES if p.name != "__init__.py"}
    assert not {m: n for m, n in lines.items() if n > 400}
    assert statistics.median(lines.values()) <= 160


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_modules_say_what_they_are(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), f"{name(path)} has no docstring"


def test_no_name_without_meaning() -> None:
    assert not [p for p in MODULES if any(w in p.name for w in ("util", "helper", "misc", "common"))]


def test_every_recipe_plans() -> None:
    from dadeum import recipe, run

    paths = sorted((ROOT / "recipes").glob("*.yaml"))
    assert [p.stem for p in paths] == [
        "chat_ko", "decide_en", "decide_ko", "dpo_en", "infill_ko", "labels_ko", "math_en", "pretrain_ko", "prompt_ko", "qlora_ko", "reviews_ko", "reward_en", "stages_ko",
    ]  # fmt: skip
    data = ROOT.parent / "shared/data"
    if not data.is_dir():
        pytest.skip("../shared/data is absent: the recipes' sources can't be found")
    import os

    before = os.getcwd()
    os.chdir(ROOT)
    try:
        for path in paths:
            planned = run.plan(recipe.load(path), ROOT / "runs" / "never")
            assert len(planned["stages"]) > 3, path
    finally:
        os.chdir(before)


def test_the_public_names_are_there_and_cost_nothing_to_import() -> None:
    import subprocess
    import sys

    import dadeum

    for public in dadeum.__all__:
        assert getattr(dadeum, public) is not None
    done = subprocess.run([sys.executable, "-c", "import sys, dadeum; print('polars' in sys.modules)"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
