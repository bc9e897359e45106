"""report.html: what it says is what the run's files say, in both languages, whatever is missing and whatever rows hold."""

from __future__ import annotations

import html
import re
import stat
from pathlib import Path

import orjson
import polars as pl
import pytest

from dadeum import report
from dadeum.errors import DadeumError, RecipeError
from dadeum.report import card, facts, page, sample
from dadeum.report.words import LANGS, TABLE, Words
from test_report_run import HOSTILE, STEPS, make, run

__all__ = ["run"]
ROOMS = Path(report.__file__).parent
LATER = ("proof.json", "curve.json", "supervision.parquet", "supervision_sample.json", "truth.json")


def numbers(text: str) -> dict[str, float]:
    """Every traced number of a page: where it was read from -> its value."""
    found = re.findall(r'<data class="n" value="([^"]*)" title="([^"]*)"', text)
    return {html.unescape(where): float(value) for value, where in found if value not in ("None", "")}


def test_every_sentence_stands_in_both_languages_with_the_same_placeholders() -> None:
    for key, both in TABLE.items():
        assert len(both) == len(LANGS) and all(both), key
        english, korean = (set(re.findall(r"{(\w+)}", text)) for text in both)
        assert english - {"s"} == korean, key
        # What has no Hangul has to be the same in any language: a figure, a name.
        assert re.search(r"[가-힣]", both[1]) or both[0] == both[1] or not re.search(r"[A-Za-z]{2}", re.sub(r"{\w+}", "", both[1])), key


def test_every_sentence_is_used_and_every_used_one_exists() -> None:
    sources = "\n".join(p.read_text(encoding="utf-8") for p in ROOMS.rglob("*") if p.suffix in (".py", ".j2") and not p.name.endswith("words.py"))
    sources += (ROOMS / "words.py").read_text(encoding="utf-8").rpartition("class Words")[2]
    made_up = set(re.findall(r"""known\(\s*["']([\w.]+)["']""", sources)) | set(re.findall(r"""["']([\w.]+)\.(?:{|["'] ?~)""", sources))
    unused = {key for key in TABLE if key.rpartition(".")[0] not in made_up and not re.search(rf"""["']{re.escape(key)}["']""", sources)}
    assert not unused
    assert not {key for key in re.findall(r"""\bt\(["']([\w. ]*\w)["']""", sources)} - set(TABLE)


def test_an_unknown_language_is_a_mistake_of_the_user(run: Path) -> None:
    with pytest.raises(RecipeError, match="--lang"):
        page.render(run, "fr")


@pytest.mark.parametrize("lang", LANGS)
def test_every_number_of_the_page_is_the_file_s(run: Path, lang: str) -> None:
    found = numbers(page.render(run, lang))
    told = orjson.loads((run / "run.json").read_bytes())
    for key, n in told["counts"].items():
        assert found[f"run.json: counts.{key}"] == n
    for i, stage in enumerate(told["stages"]):
        assert found[f"run.json: stages[{i}].rows_in"] == stage["rows_in"]
        for reason, n in stage["dropped"].items():
            assert found[f"run.json: stages[{i}].dropped.{reason}"] == n
            assert found[f"ledger/verdicts.parquet: step = {stage['step']}, reason = {reason}"] == n
    for name, n in told["splits"].items():
        assert found[f"run.json: splits.{name}"] == n
        by_source = pl.read_parquet(run / f"data/{name}.parquet").group_by("source").len()
        for source, k in by_source.iter_rows():
            assert found[f"data/{name}.parquet: source = {source}"] == k
    assert found["ledger/lengths.parquet: when = after, unit = characters"] == told["counts"]["kept"]
    assert found["proof.json: arms.raw.score"] == 0.62


@pytest.mark.parametrize("lang", LANGS)
def test_the_account_is_called_wrong_when_it_is_wrong(run: Path, lang: str) -> None:
    t = Words(lang)
    assert t("balance.ok") in page.render(run, lang)
    told = orjson.loads((run / "run.json").read_bytes())
    told["counts"]["dropped"] -= 1
    (run / "run.json").write_bytes(orjson.dumps(told))
    page_ = page.render(run, lang)
    assert t("balance.bad") in page_ and t("balance.ok") not in page_


@pytest.mark.parametrize(
    ("verdict", "en", "ko"),
    [
        ("better", "Better by 19.0 points", "19.0%p 더 낫습니다"),
        ("worse", "Worse by 8.1 points", "8.1%p 더 나쁩니다"),
        ("cannot tell", "Cannot tell", "판단할 수 없습니다"),
    ],
)
def test_the_headline_is_the_proof_s_verdict(tmp_path: Path, verdict: str, en: str, ko: str) -> None:
    folder = make(tmp_path / "r", verdict=verdict)
    assert f"<h1>{en}</h1>" in page.render(folder)
    assert f"<h1>{ko}</h1>" in page.render(folder, "ko")
    assert ("4.1 points" in page.render(folder).partition("</header>")[0]) == (verdict == "cannot tell")


def test_the_headline_names_arms_interval_items_and_groups(run: Path) -> None:
    head = page.render(run).partition("</header>")[0]
    for part in ("The model tuned on engineered rows scores 81.0%", "the model tuned on raw rows scores 62.0%", "+14.2 to +23.9", "400", "80"):
        assert part in head
    assert "95% interval" in head


def test_another_level_is_told_as_it_is(run: Path) -> None:
    proof = orjson.loads((run / "proof.json").read_bytes())
    (run / "proof.json").write_bytes(orjson.dumps({**proof, "level": 0.01}))
    assert "99% interval" in page.render(run).partition("</header>")[0]


def test_two_pairs_that_differ_alike_are_not_mistaken_for_each_other(run: Path) -> None:
    """An address that is as good as the tuned model differs from the base by the very same number."""
    proof = orjson.loads((run / "proof.json").read_bytes())
    top = next(c for c in proof["comparisons"] if {c["a"], c["b"]} == {"tuned", "raw"})
    twin = {**top, "a": "big", "b": "raw"}
    told = {**proof, "headline": ["tuned", "raw"], "arms": {"big": proof["arms"]["tuned"], **proof["arms"]}, "comparisons": [twin, *proof["comparisons"]]}
    (run / "proof.json").write_bytes(orjson.dumps(told))
    assert "The model tuned on engineered rows scores" in page.render(run).partition("</header>")[0]


def test_notes_of_the_proof_are_in_the_page_s_language(run: Path) -> None:
    proof = orjson.loads((run / "proof.json").read_bytes())
    (run / "proof.json").write_bytes(orjson.dumps({**proof, "notes": ["One training."], "notes_ko": ["한 번만 학습했습니다."]}))
    assert "One training." in page.render(run) and "한 번만 학습했습니다." in page.render(run, "ko")
    assert "One training." not in page.render(run, "ko")


def test_a_proof_that_lacks_something_is_named(run: Path) -> None:
    (run / "proof.json").write_bytes(orjson.dumps({"verdict": "better", "arms": {}}))
    with pytest.raises(DadeumError, match=r"proof\.json lacks n, difference, low, high"):
        page.render(run)


@pytest.mark.parametrize("lang", LANGS)
def test_an_interval_without_ends_is_no_crash(run: Path, lang: str) -> None:
    """Two held-out items leave the held-out loss without an interval: its ends are null in proof.json."""
    proof = orjson.loads((run / "proof.json").read_bytes())
    open_ = {"low": None, "high": None}
    arms = {name: {**arm, **open_} for name, arm in proof["arms"].items()}
    (run / "proof.json").write_bytes(orjson.dumps({**proof, **open_, "arms": arms, "comparisons": [{**c, **open_} for c in proof["comparisons"]]}))
    assert "−∞" in page.render(run, lang)


@pytest.mark.parametrize("lang", LANGS)
def test_a_run_that_stopped_at_the_split_says_what_is_missing(tmp_path: Path, lang: str) -> None:
    t = Words(lang)
    text = page.render(make(tmp_path / "r", trained=False), lang)
    assert f"<h1>{t('verdict.none')}</h1>" in text and html.escape(t("lede.untrained")) in text
    for name in ("proof.json", "curve.json", "supervision.parquet"):
        assert t("absent", file=name) in text


@pytest.mark.parametrize("name", [*LATER, "recipe.yaml", "quarantine.jsonl", "ledger/lost.parquet", "ledger/lengths.parquet", "ledger/edits.parquet"])
def test_any_one_missing_file_is_no_failure(run: Path, name: str) -> None:
    (run / name).unlink()
    text = page.render(run)
    assert "</html>" in text
    if name == "proof.json":
        assert Words()("lede.unproven") in text


def test_no_run_is_an_error_that_teaches(tmp_path: Path) -> None:
    with pytest.raises(DadeumError, match=r"run\.json"):
        page.render(tmp_path)


def test_hostile_rows_stay_text(tmp_path: Path) -> None:
    folder = make(tmp_path / "r", text=HOSTILE)
    told = orjson.loads((folder / "run.json").read_bytes())
    told["name"] = HOSTILE
    told["stages"][3]["dropped"] = {HOSTILE: 23}
    (folder / "run.json").write_bytes(orjson.dumps(told))
    (folder / "recipe.yaml").write_text(f"name: x\nsources: [{{path: a, name: \"{HOSTILE}\"}}]\n", encoding="utf-8")
    text = page.render(folder)
    assert text.count("<script>") == 1 and "<img" not in text and "onerror=" in text
    assert "&lt;script&gt;" in text
    assert "<script" not in card.card(folder) and "<img" not in card.card(folder)


def test_the_policy_admits_the_one_script_and_nothing_else(run: Path) -> None:
    js, digest = page.script()
    text = page.render(run)
    assert "default-src 'none'" in text and f"script-src '{digest}'" in html.unescape(text)
    assert f"<script>{js}</script>" in text
    assert not re.search(r'(?:src|href)\s*=\s*"(?!#)', text) and "url(" not in text and "@import" not in text


def test_links_within_the_page_lead_somewhere(run: Path) -> None:
    text = page.render(run)
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', text)) <= set(ids)


def test_examples_leave_out_rows_with_personal_data_and_mask_the_rest(run: Path) -> None:
    edits = pl.read_parquet(run / "ledger/edits.parquet")
    secret = edits.filter(pl.col("step") == "guard.pii")["id"][0]
    leak = pl.DataFrame({"id": [secret], "step": ["clean.markup"], "before": ["<b>서울 내 이름</b>"], "after": ["서울 내 이름"]})
    other = pl.DataFrame({"id": ["x"], "step": ["clean.markup"], "before": ["<b>010-2345-6789</b>로"], "after": ["010-2345-6789로"]})
    pl.concat([leak, other, edits]).write_parquet(run / "ledger/edits.parquet")
    text = page.render(run)
    assert "서울 내 이름" not in text
    assert "010-2345-6789" not in text and "[PHONE]" in text


def test_samples_show_what_the_ledger_says(run: Path) -> None:
    told = facts.read(run)
    groups = {(g.step, g.reason): g for g in sample.lost(told)}
    assert [g.step for g in sample.lost(told)] == sorted((g.step for g in sample.lost(told)), key=STEPS.index)
    near = groups["dedup.near", "near_duplicate"]
    assert (near.n, near.state, near.shown[0].witness) == (61, "merged", "messages/3")
    assert near.shown[0].witness_text == "Where is my parcel?\ndelivery"
    assert "".join(s.text for s in near.shown[0].segments if s.kind == "new") == " please?"
    assert (near.shown[0].value, near.shown[0].threshold) == (0.91, 0.8)
    assert all(g.shown for g in sample.edits(told))


def test_tokens_come_from_the_supervision_where_the_ledger_has_none(run: Path) -> None:
    path = run / "ledger/lengths.parquet"
    pl.read_parquet(path).filter(pl.col("unit") == "characters").write_parquet(path)
    bins = facts.read(run).lengths["tokens"]
    kept = pl.read_parquet(run / "supervision.parquet").filter(pl.col("reason").is_null())
    assert sum(b[3] for b in bins) == kept.height and sum(b[2] for b in bins) == 0
    assert all(b[3] == kept.filter((pl.col("n_tokens") >= b[0]) & (pl.col("n_tokens") < b[1])).height for b in bins)


def test_the_report_is_written_whole_and_for_its_owner_alone(run: Path) -> None:
    path = page.write(run, "ko")
    assert path == run / "report.html" and path.read_text(encoding="utf-8") == page.render(run, "ko")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not list(run.glob("*.draft"))


def test_the_same_run_gives_the_same_page(run: Path) -> None:
    assert page.render(run) == page.render(run)


def test_the_page_stays_small_whatever_the_run(tmp_path: Path) -> None:
    folder = make(tmp_path / "r", scale=4, text="<&>" * 900)
    told = orjson.loads((folder / "run.json").read_bytes())
    many = [{**told["stages"][3], "step": f"filter.s{i}", "dropped": {f"reason {j} {'<' * 200}": 1 for j in range(60)}} for i in range(500)]
    told["stages"] += many
    (folder / "run.json").write_bytes(orjson.dumps(told))
    verdicts, lost = (folder / f"ledger/{name}.parquet" for name in ("verdicts", "lost"))
    one = pl.read_parquet(verdicts).head(1)
    names = pl.DataFrame({"reason": [f"reason {j}" for j in range(5000)]})
    wide = names.with_columns(id=pl.lit("i") + pl.col("reason"), step=pl.lit("filter.s1"), text=pl.lit("<&>" * 900))
    wide.select("id", "step", "reason", "text").write_parquet(lost)
    pl.concat([one.drop("id", "step", "reason").join(wide.select("id", "step", "reason"), how="cross").select(one.columns)]).write_parquet(verdicts)
    curve = [{"arm": f"a{i % 50}", "seed": i % 7, "step": i, "tokens": i, "loss": 1.0, "eval_loss": 1.0} for i in range(60_000)]
    (folder / "curve.json").write_bytes(orjson.dumps(curve))
    long = [{"id": "x", "tokens": [{"text": "<" * 50, "role": "user", "supervised": True}] * 20_000}] * 50
    (folder / "supervision_sample.json").write_bytes(orjson.dumps(long))
    (folder / "quarantine.jsonl").write_bytes(orjson.dumps({"file": "f", "line": 1, "error": "e" * 9999, "raw": "<" * 99_999}) + b"\n")
    (folder / "recipe.yaml").write_text("name: x\n# " + "<" * 300_000, encoding="utf-8")
    assert len(page.render(folder).encode()) < 3_000_000
