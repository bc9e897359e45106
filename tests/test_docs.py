"""Documentation that cannot lie: doctests, the README's commands, the generated help and schema."""

from __future__ import annotations

import doctest
import importlib
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src/dadeum"
HEAVY = ("train",)


def modules() -> list[str]:
    names = ["dadeum." + p.relative_to(SOURCE).with_suffix("").as_posix().replace("/", ".") for p in sorted(SOURCE.rglob("*.py"))]
    return [n.removesuffix(".__init__") for n in names if not n.endswith("__main__")]


def test_doctests() -> None:
    attempted = failed = 0
    for name in modules():
        result = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
        attempted += result.attempted
        failed += result.failed
    assert failed == 0
    assert attempted >= 30, "doctests were not found: the test looks in the wrong place"


def commands(readme: str) -> list[str]:
    """Lines of the README's shell blocks that call dadeum or make."""
    blocks = re.findall(r"```(?:bash|sh|console)\n(.*?)```", (ROOT / readme).read_text(encoding="utf-8"), flags=re.S)
    lines = [line.strip().removeprefix("$ ") for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [line.split("  #")[0].strip() for line in lines if re.match(r"(\.venv/bin/)?dadeum |make ", line)]


@pytest.mark.parametrize("readme", ["README.md", "README.ko.md"])
def test_the_readmes_commands_exist(readme: str) -> None:
    """Every dadeum command of the README parses, every make target exists; the two READMEs show the same commands."""
    from dadeum import cli

    found = commands(readme)
    assert len(found) >= 8
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.M))
    for line in found:
        words = shlex.split(line)
        if words[0] == "make":
            assert set(words[1:]) <= targets, line
        else:
            cli.parser().parse_args(words[1:])
    assert found == commands("README.md")


def test_the_readmes_apply_command_runs(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"id": "1", "text": "안녕하세요  <b>여러분</b>"}\n{"id": "2", "text": "안녕하세요 여러분"}\n{"id": \n', encoding="utf-8")
    [line] = [c for c in commands("README.md") if " apply " in c]
    words = shlex.split(line)[1:]
    subprocess.run([sys.executable, "-m", "dadeum.cli", *words], cwd=tmp_path, check=True)
    out = words[words.index("-o") + 1]
    assert (tmp_path / out).exists() and (tmp_path / f"{out}.ledger.parquet").exists() and (tmp_path / f"{out}.quarantine.jsonl").exists()


@pytest.mark.parametrize("name", ["docs/commands.md", "docs/recipe.md", "docs/recipe.schema.json"])
def test_generated_documentation_is_current(name: str) -> None:
    """`python -m dadeum.docs` writes them; whoever changes a command, a key or a step runs it again."""
    from dadeum import docs

    assert (ROOT / name).read_text(encoding="utf-8") == docs.generated()[name]


def test_every_key_of_a_recipe_is_told() -> None:
    """docs/recipe.md has a row for each key of every mapping that a recipe may hold, the schema a description for each that has a docstring."""
    from dadeum import docs
    from dadeum.recipe import SECTIONS
    from dadeum.settings import Source

    page, schema = docs.recipe_keys(), docs.recipe_schema()
    sections = {"sources": Source, **SECTIONS}
    for section, kind in sections.items():
        whole = schema["properties"][section]
        held = {kind.__name__: kind, **docs._held(kind)}
        for name, one in held.items():
            made = (whole.get("items", whole) if one is kind else whole.get("items", whole)["$defs"][name])["properties"]
            assert {key for key, told in docs.documented(one).items() if made[key].get("description") != told} == set(), name
            for key in made:
                assert f"| `{key}` |" in page, f"{section}: {name}.{key}"
    for heading in ("sources.chat", "train.lora", "train.stages: a list", "train.stages.gate", "prove.arms", "prove.arms.price", "prove.suites", "prove.worth.tuned"):
        assert f"## {heading.split(':')[0]}\n" in page, heading


def test_the_core_imports_nothing_heavy() -> None:
    heavy = ["torch", "transformers", "trl", "peft", "datasets", "pyarrow", "numba", "sklearn", "jinja2", "selectolax"]
    code = f"import sys, dadeum, dadeum.cli; dadeum.cli.parser(); print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_both_readmes_have_the_same_headings() -> None:
    heads = [re.findall(r"^#+ ", (ROOT / f).read_text(encoding="utf-8"), flags=re.M) for f in ("README.md", "README.ko.md")]
    assert heads[0] == heads[1]


def test_the_readmes_tree_is_the_real_one() -> None:
    """Every folder and module that the README's tree names exists."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    block = re.search(r"```\nsrc/dadeum/\n(.*?)```", text, flags=re.S)
    assert block
    names = [line.split()[0] for line in block.group(1).splitlines() if line.startswith("  ") and not line.startswith("   ")]
    assert len(names) > 12
    assert not [n for n in names if not (SOURCE / n).exists()]
