"""Every arm's models asked the held-out items, scored and compared."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson
import polars as pl

from dadeum.engine.unit import publish, publish_table
from dadeum.errors import DadeumError
from dadeum.proving import Arm
from dadeum.recipe import Recipe
from dadeum.settings import Prove
from dadeum.tuning import measured
from dadeum.tuning.harness import harness, there
from dadeum.tuning.replies import TUNED, Replied, draws, replies
from dadeum.tuning.rows import split
from dadeum.tuning.suites import Held, groups, held, passages
from dadeum.tuning.variant import stands_on

if TYPE_CHECKING:
    from dadeum.evaluate.proof import Answers

Said = dict[str, Replied]
"""Arm -> what it said to the items of one suite."""
MANY: Final = 4
"""Arms from which on they are put in an order: three are three comparisons."""


def prove(recipe: Recipe, out: Path, say: Callable[[str], None] = lambda what: None) -> dict[str, Any]:
    """Ask every arm's models the held-out items, score and compare; writes proof.json, answers.parquet and calls.json, gives the headline.

    The headline is tuned against raw where the recipe has that arm (did engineering the data help?), else against the base. say: is told
    how far the answers are.
    """
    if measured.applies(recipe):
        return measured.prove(recipe, out)
    wanted = prove_settings(recipe)
    asked = arms(wanted)
    raw = next((name for name, arm in asked.items() if arm.kind == "raw"), "base")
    suites = held(recipe, out, wanted)
    said = ask(recipe, out, suites, asked, say=say)
    made = compared(recipe, suites, said, ("tuned", raw), {s.name: harness(recipe, out, wanted, s, asked, ("tuned", raw)) for s in wanted.suites if s.task})
    # What was measured of the steps still holds where nothing that it stands on is another: trainings are dear.
    if ablations := _measured(out / "proof.json").get("ablations"):
        made |= {"ablations": ablations} if ablations.get("key") == stands_on(recipe, out, suites[0]) else {}
    publish_table(out / "answers.parquet", answers_of(suites, said))
    publish(out / "calls.json", orjson.dumps({name: one.calls for name, one in said[0].items()}, option=orjson.OPT_INDENT_2))
    publish(out / "proof.json", orjson.dumps(made, option=orjson.OPT_INDENT_2))
    return {k: made[k] for k in ("verdict", "difference", "low", "high", "p", "n")}


def _measured(path: Path) -> dict[str, Any]:
    """An earlier proof; empty where it is absent or damaged, for a new one takes its place."""
    try:
        return dict(orjson.loads(path.read_bytes()))
    except (FileNotFoundError, ValueError, TypeError):
        return {}


def ready(recipe: Recipe, out: Path) -> None:
    """See that the proof can be made once the model is there, before a training is paid: items, columns, references, tasks.

    Raises what `prove` would raise after it.
    """
    from dadeum.evaluate import metrics
    from dadeum.evaluate.proof import readable

    if recipe.prove is None or measured.applies(recipe):
        return
    for suite in held(recipe, out, recipe.prove):
        if suite.prove.metric not in metrics.OF_LOSS:
            readable(suite.references, suite.prove)
    for one in recipe.prove.suites:
        if one.task:
            there(one)


def arms(prove: Prove) -> dict[str, Arm]:
    """Arms by name, the one to be beaten first: the untuned base, those that are only asked, those that were trained, the tuned model."""
    named = {arm.name: arm for arm in sorted(prove.arms, key=lambda arm: arm.kind == "raw")}
    return {"base": named.pop("base", Arm("base")), **named, "tuned": TUNED}


def ask(
    recipe: Recipe, out: Path, suites: Sequence[Held], asked: dict[str, Arm], losses: bool = True, say: Callable[[str], None] = lambda what: None
) -> list[Said]:
    """What each arm says to the items of each suite; with the held-out losses where a local model is asked the items as they stand."""
    from dadeum.evaluate.arms import ask as made
    from dadeum.evaluate.arms.examples import Pool
    from dadeum.evaluate.items import items

    columns = groups(recipe)
    pool = None
    if any(arm.kind in ("few_shot", "retrieval") and not arm.corpus for arm in asked.values()):
        pool = Pool.of(items(split(out, "train"), carry=columns), columns)
    corpora = {arm.corpus: passages(arm.corpus, out / "cache/remote") for arm in asked.values() if arm.corpus}
    told: list[Said] = []
    for suite in suites:
        told.append({})
        for name, arm in asked.items():
            prompts = made(arm, suite.items, pool, corpora.get(arm.corpus, ()), suite.prove, recipe.seed, columns)
            told[-1][name] = replies(recipe, out, arm, prompts, suite.prove.max_new_tokens, losses, say, draws(suite.prove, recipe.seed))
    return told


def compared(
    recipe: Recipe, suites: Sequence[Held], said: Sequence[Said], headline: tuple[str, str], scored: Mapping[str, dict[str, Any]] | None = None
) -> dict[str, Any]:
    """proof.json: the first suite's comparison, with the other suites' below `suites`, all corrected for each other.

    scored: the proofs of suites that somebody else has scored, by name.
    """
    from dadeum.evaluate.metrics.loss import Losses
    from dadeum.evaluate.proof import Answers, proof
    from dadeum.evaluate.together import together

    made = []
    pairs = math.comb(len(said[0]), 2)
    beside = (len(suites) - 1) * pairs + sum(len(one["comparisons"]) for one in (scored or {}).values())
    for suite, replied in zip(suites, said):
        answers = [Answers(name, one.replies, one.seeds, [Losses.of(lost) for lost in one.losses], one.samples) for name, one in replied.items()]
        told = proof(
            answers, suite.references, suite.prove, cluster=suite.cluster, task=suite.name or recipe.name, seed=recipe.seed, headline=headline, beside=beside
        )
        made.append({**told, **_parts(recipe, suite, answers, told)})
    others = {suite.name: told for suite, told in zip(suites[1:], made[1:])} | dict(scored or {})
    if others:
        together([made[0], *others.values()])
    return made[0] | ({"suites": others} if others else {})


def _parts(recipe: Recipe, suite: Held, answers: Sequence[Answers], told: dict[str, Any]) -> dict[str, Any]:
    """What a proof tells besides its comparisons: scores by class, type or field, slices, the order of many arms, what no sandbox held."""
    from dadeum.evaluate import metrics
    from dadeum.evaluate.arms.examples import question
    from dadeum.evaluate.proof import scored
    from dadeum.evaluate.ranking import ranking
    from dadeum.evaluate.slices import slices, values

    prove, metric = suite.prove, metrics.METRICS[suite.prove.metric]
    made: dict[str, Any] = {"metric_name": metrics.name(prove)}
    for arm in told["arms"].values():
        if lost := arm if prove.metric == "loss_per_byte" else arm.get("loss_per_byte"):
            arm["perplexity_per_byte"] = {end: None if lost[end] is None else math.exp(min(700.0, lost[end])) for end in ("score", "low", "high")}
    if prove.metric in metrics.OF_LOSS:
        return made
    both = scored(answers, suite.references, prove, suite.cluster)
    for one in answers:
        if detail := metrics.detail(prove, [reply for replies in one.replies for reply in replies], suite.references * len(one.replies)):
            told["arms"][one.name]["detail"] = detail
    if prove.slices:
        by = {arm.name: arm for arm in both.arms}
        kept = [i for i, good in enumerate(metrics.usable(prove, suite.references)) if good]
        questions = [question(turns) for turns in suite.items.get_column("messages").to_list()]
        columns = {name: [found[i] for i in kept] for name in prove.slices if (found := values(suite.items, name, questions))}
        a, b = (by[name] for name in told["headline"])
        made |= slices(a, b, columns, prove, both.cluster, binary=metric.binary, higher_is_better=metric.higher_is_better, seed=recipe.seed)
        made["slice_columns"] = made.pop("columns")
    if len(answers) >= MANY:
        made["ranking"] = ranking(both.arms, both.cluster, binary=metric.binary, higher_is_better=metric.higher_is_better, level=prove.level, seed=recipe.seed)
    if prove.metric == "tests":
        from dadeum.evaluate.metrics import sandbox

        made["sandbox"] = {"unbounded": list(sandbox.unbounded())}
    return made


def answers_of(suites: Sequence[Held], said: Sequence[Said]) -> pl.DataFrame:
    """Every answer: {id, reference, arm, seed, sample, answer, suite}; `suite` is empty for the recipe's own items."""
    made = []
    for suite, replied in zip(suites, said):
        for arm, one in replied.items():
            drawn = itertools.product(one.seeds or (0,), range(max(1, one.samples)))
            for (seed, sample), answers in zip(drawn, one.replies):
                told = suite.items.select("id", "reference", pl.lit(arm).alias("arm"), pl.lit(seed).alias("seed"), pl.lit(sample).alias("sample"))
                made.append(told.with_columns(pl.Series("answer", answers, dtype=pl.String), pl.lit(suite.name).alias("suite")))
    return pl.concat(made)


def prove_settings(recipe: Recipe) -> Prove:
    """The recipe's section `prove`. Raises DadeumError where it has none."""
    if recipe.prove is None:
        raise DadeumError(f"the recipe {recipe.name} has no `prove` section: there is nothing to prove")
    return recipe.prove
