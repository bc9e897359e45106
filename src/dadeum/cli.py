"""The commands. One command is one function of about ten lines; what it does lies in the rooms above.

Exit codes: 0 done, 1 something stopped the run, 2 a mistake in what was asked, 3 the ledger does not balance, 4 the folder is
in use, 130 interrupted (the same command goes on).
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import gc
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from dadeum import __version__
from dadeum.errors import DadeumError, Mistake, RecipeError

Parser = argparse.ArgumentParser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; give its exit code."""
    # Shards are the parallelism here: a second thread inside Polars cost 30 % more CPU for the same work.
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    # NumPy's threads wait for work in a loop, and the collector looks for circles that columns don't make: 3 % each.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    gc.set_threshold(100_000, 50, 50)
    told = parser().parse_args(_ablating(sys.argv[1:] if argv is None else argv))
    try:
        with _listening():
            code = int(told.run(told) or 0)
        if argv is None:
            gc.freeze()  # or the collector goes through everything once more at the end
        return code
    except RecipeError as error:
        n = len(error.mistakes)
        return _fail(f"{n} mistake{'s' if n != 1 else ''}:\n{error}", error.exit_code)
    except DadeumError as error:
        return _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _fail("interrupted. What was finished is kept: the same command goes on from there.", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        full = " Make room, and the same command goes on from what was finished." if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
        return _fail(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}. Nothing half-written was kept.{full}", 1)


@contextlib.contextmanager
def _listening() -> Iterator[None]:
    """Ctrl-C and SIGTERM reach `main`, also where Python meets them while it tidies up a generator and would only print them."""
    met = lost = 0

    def interrupt(number: int, frame: object) -> None:
        nonlocal met
        met += 1
        raise KeyboardInterrupt

    def unraisable(what: Any) -> None:
        nonlocal lost
        if not issubclass(what.exc_type, KeyboardInterrupt):
            return sys.__unraisablehook__(what)
        lost += 1
        if lost >= met:  # nobody has heard it: said again in a moment, outside of the tidying
            signal.setitimer(signal.ITIMER_REAL, 0.01)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM) if threading.current_thread() is threading.main_thread() else ()
    before, hook = [signal.signal(number, interrupt) for number in numbers], sys.unraisablehook
    sys.unraisablehook = unraisable
    try:
        yield
    finally:
        if numbers:
            signal.setitimer(signal.ITIMER_REAL, 0)  # what was heard after all must not ring once nobody listens
        sys.unraisablehook = hook
        for number, handler in zip(numbers, before):
            signal.signal(number, handler)


def parser() -> Parser:
    """The parser of every command; help text and README are made of it."""
    top = Parser("dadeum", description="Raw rows in; a dataset in which every row is accounted for; a tuned model; and a proof whether it got better.")
    top.add_argument("--version", action="version", version=f"dadeum {__version__}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(name: str, run: Callable[[argparse.Namespace], int | None], help: str) -> Parser:
        made = commands.add_parser(name, help=help, description=help)
        made.set_defaults(run=run)
        return made

    demo = command("demo", _demo, "the whole way on raw data it makes itself, with planted dirt whose truth is known")
    demo.add_argument("--out", type=Path, default=Path("runs/demo"), metavar="DIR", help="the run's folder (default: runs/demo)")
    _common(demo)

    run = command("run", _run, "a recipe, from sources to proof; a second call on the same folder continues it")
    run.add_argument("recipe", metavar="RECIPE")
    _folder(run)
    run.add_argument("--sample", type=_whole, default=0, metavar="N", help="about so many raw rows of each source, from the head of its files")
    run.add_argument("--engine", choices=["local", "ray"], default=None, help="this machine, or a Ray cluster (default: what the recipe says)")
    run.add_argument("--until", choices=_stages(), default="report", metavar="STAGE", help=f"the last stage: {', '.join(_stages())}")
    _common(run)

    plan = command("plan", _plan, "stages, columns, cache hits, rough cost; runs nothing")
    plan.add_argument("recipe", metavar="RECIPE")
    _folder(plan)
    plan.add_argument("--trial", action="store_true", help="measure each step on a sample of 2,000 rows a source")
    plan.add_argument("--json", action="store_true", help="JSON alone on standard output")
    _sets(plan)

    apply = command("apply", _apply, "steps on one file, no recipe; the ledger lies beside OUT")
    apply.add_argument("steps", nargs="+", metavar="STEP", help="as docs/commands.md names them: clean.unicode, dedup.exact, ...")
    apply.add_argument("input", metavar="IN", help="a file, a folder or a glob, of any format that sources may have")
    apply.add_argument("-o", "--out", type=Path, required=True, metavar="OUT", help="its ending says the format: .jsonl, .json, .csv, .tsv, .parquet, .txt")
    apply.add_argument("--force", action="store_true", help="replace OUT where it exists")
    _common(apply, "STEP.KEY=VALUE of a step, or source.KEY=VALUE of how IN is read")

    look = command("look", _look, "statistics and pictures of any data file or run")
    look.add_argument("path", metavar="PATH_OR_RUN")
    look.add_argument("--against", type=Path, default=None, metavar="PATH_OR_RUN", help="another file, run or model's answers to put beside it")
    look.add_argument("--target", type=Path, default=None, metavar="PATH_OR_RUN", help="rows that the data should cover: what is missing, thin or far")
    look.add_argument("--tokenizer", default="", metavar="PATH_OR_MODEL", help="counts lengths in tokens (default: estimated by language)")
    look.add_argument("--out", type=Path, default=None, metavar="report.html", help="the page (default: look.html in this folder)")
    look.add_argument("--lang", choices=["ko", "en"], default="en")
    look.add_argument("--json", action="store_true", help="JSON alone on standard output")
    _sets(look, "source.KEY=VALUE of how it is read, as in source.fields={text: review, label: stars}")

    why = command("why", _why, "the life of one row")
    why.add_argument("folder", type=Path, metavar="RUN")
    why.add_argument("id", metavar="ID")
    why.add_argument("--json", action="store_true", help="JSON alone on standard output")

    funnel = command("funnel", _funnel, "step, rows in, rows out, by reason")
    funnel.add_argument("folder", type=Path, metavar="RUN")
    funnel.add_argument("--json", action="store_true", help="JSON alone on standard output")

    check = command("check", _check, "everything that can be known before training: supervision, probes, power")
    _run_or_recipe(check)
    check.add_argument("--json", action="store_true", help="JSON alone on standard output")
    train = command("train", _train, "the training stage by itself")
    _run_or_recipe(train)
    prove = command("prove", _prove, "the proof by itself: tuned against base, paired, with an interval")
    prove.add_argument("--ablate", nargs="+", default=[], metavar="STEP", help="leave each of these steps out, train anew and tell what it did for the model")
    _run_or_recipe(prove)
    curve = command("curve", _curve, "would more data help? trainings on parts of the rows, and what twice as many would buy")
    _run_or_recipe(curve)
    decide = command("decide", _decide, "is tuning worth it? quality, tokens, price and time against prompts, examples, look-ups and other models")
    _run_or_recipe(decide)
    decide.add_argument("--lang", choices=["ko", "en"], default="en")
    decide.add_argument("--json", action="store_true", help="JSON alone on standard output")
    report = command("report", _report, "write report.html and card.md again")
    _run_or_recipe(report)
    report.add_argument("--lang", choices=["ko", "en"], default="en")
    return top


def _demo(told: argparse.Namespace) -> None:
    from dadeum.demo import show

    show.show(told.out, told.set, told.workers)


def _run(told: argparse.Namespace) -> None:
    from dadeum import recipe, run

    made = recipe.load(told.recipe, [*told.set, *([f"engine.kind={told.engine}"] if told.engine else [])])
    run.run(made, told.out or Path("runs") / made.name, told.until, told.sample, told.workers)


def _plan(told: argparse.Namespace) -> None:
    from dadeum import recipe, run

    made = recipe.load(told.recipe, told.set)
    planned = run.plan(made, told.out or Path("runs") / made.name, told.trial)
    _print(planned, told.json, run.plan_text)


def _apply(told: argparse.Namespace) -> None:
    from dadeum import run
    from dadeum.report import terminal

    stages: list[dict[str, Any]] = []
    counts = run.apply(told.steps, told.input, told.out, told.set, told.force, told.workers, stages.extend)
    print(terminal.apply_text(counts, told.out, _width(), stages=stages))


def _look(told: argparse.Namespace) -> None:
    from dadeum.report import look

    asked = look.Asked(told.against, told.target, told.tokenizer, tuple(told.set))
    look.run(Path(told.path), told.out, told.lang, told.json, asked)


def _why(told: argparse.Namespace) -> None:
    from dadeum import ledger
    from dadeum.report import terminal

    _print(terminal.concealed(ledger.why(told.folder, told.id)), told.json, terminal.why_text)


def _funnel(told: argparse.Namespace) -> None:
    from dadeum import ledger
    from dadeum.report import terminal

    if told.json:
        _print(ledger.funnel(told.folder), True, str)
    else:
        print(terminal.funnel_text(ledger.read_run(told.folder), _width()))


def _check(told: argparse.Namespace) -> int:
    from dadeum import run

    found = run.check(*_target(told), workers=told.workers)
    _print(found, told.json, run.check_text)
    return 1 if found["verdict"] == "fail" else 0


def _train(told: argparse.Namespace) -> None:
    from dadeum import run

    run.run(*_target(told), "train", 0, told.workers)


def _prove(told: argparse.Namespace) -> None:
    from dadeum import run

    if told.ablate:
        run.ablate(*_target(told), told.ablate, told.workers)
    else:
        run.run(*_target(told), "prove", 0, told.workers)


def _curve(told: argparse.Namespace) -> None:
    from dadeum import run

    run.curve(*_target(told), told.workers)


def _decide(told: argparse.Namespace) -> None:
    from dadeum import run
    from dadeum.report import decide

    found = run.decide(*_target(told), told.workers)
    _print(found, told.json, lambda found: decide.text(found, told.lang))


def _report(told: argparse.Namespace) -> None:
    from dadeum import run

    path = Path(told.target)  # of a folder nothing else is needed: its sources may have gone since
    run.report(path if path.is_dir() else _target(told)[1], told.lang)


def _ablating(argv: Sequence[str]) -> list[str]:
    """The words of a command line with RUN_OR_RECIPE before --ablate: argparse takes all words behind it for steps."""
    words = list(argv)
    if words[:1] != ["prove"] or "--ablate" not in words:
        return words
    first = words.index("--ablate")
    ends = next((i for i in range(first + 1, len(words)) if words[i].startswith("-")), len(words))
    last = words[ends - 1]
    if ends - first > 2 and (Path(last).exists() or Path(last).suffix in (".yaml", ".yml")):
        words.insert(1, words.pop(ends - 1))
    return words


def _target(told: argparse.Namespace) -> tuple[Any, Path]:
    """(recipe, folder) of RUN_OR_RECIPE: a folder's own recipe, or a recipe and its folder."""
    from dadeum import recipe

    path = Path(told.target)
    if path.is_dir():
        if not (path / "recipe.yaml").exists():
            raise RecipeError(Mistake(str(path), "is a folder without a run (no recipe.yaml)", "name the recipe, or the folder of a run"))
        return recipe.load(path / "recipe.yaml", told.set), path
    made = recipe.load(path, told.set)
    return made, told.out or Path("runs") / made.name


def _print(value: Any, as_json: bool, text: Callable[[Any], str]) -> None:
    if as_json:
        import orjson

        sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    else:
        print(text(value))


def _width() -> int:
    import shutil

    return shutil.get_terminal_size((100, 24)).columns


def _stages() -> tuple[str, ...]:
    return ("records", "steps", "split", "supervision", "train", "prove", "report")


def _folder(made: Parser) -> None:
    made.add_argument("--out", type=Path, default=None, metavar="DIR", help="the run's folder (default: runs/NAME)")


def _sets(made: Parser, what: str = "KEY=VALUE of the recipe, by its path") -> None:
    made.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help=what)


def _common(made: Parser, what: str = "KEY=VALUE of the recipe, by its path") -> None:
    _sets(made, what)
    made.add_argument("--workers", type=_whole, default=0, metavar="N", help="processes (default: one a core where the input is worth it)")


def _run_or_recipe(made: Parser) -> None:
    made.add_argument("target", metavar="RUN_OR_RECIPE")
    _folder(made)
    _common(made)


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"has to be a whole number of 0 or more, not {text!r}")
    return int(text)


def _fail(message: str, code: int) -> int:
    print(f"dadeum: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
