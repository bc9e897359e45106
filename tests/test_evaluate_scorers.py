"""Scorers of free text, structures and code: against the field's libraries, slow twins, and programs that mean harm."""

from __future__ import annotations

import json
import random
import socket
import time
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dadeum.errors import RecipeError
from dadeum.evaluate import metrics
from dadeum.evaluate.metrics import chrf, code, label, overlap, sandbox, spans, structured
from dadeum.settings import Prove

KOREAN = ["오늘", "아침", "에", "학교", "로", "가", "는", "길", "에서", "친구", "를", "만나", "함께", "밥", "을", "먹었", "다", "그리고", "영화", "도", "보았", "습니다"]
ENGLISH = ["the", "cat,", "sat", "on", "3.5", "mats;", "and", "it's", "not-so", "bad", "(really)", "&", "cheap", "at", "$1,000.00!"]
TEXT = st.one_of(
    st.lists(st.sampled_from(KOREAN), max_size=9).map(lambda w: " ".join(w)), st.lists(st.sampled_from(ENGLISH), max_size=9).map(" ".join), st.text(max_size=25)
)


def pairs(seed: int, n: int = 150) -> list[tuple[str, str]]:
    rng = random.Random(seed)
    made = []
    for words in (KOREAN, ENGLISH):
        for _ in range(n):
            asked = rng.choices(words, k=rng.randint(1, 12))
            said = [w if rng.random() < 0.7 else rng.choice(words) for w in asked][: rng.randint(1, 14)]
            made.append((" ".join(said), " ".join(asked)))
    return made


def test_bleu_and_chrf_are_sacrebleus() -> None:
    sacrebleu = pytest.importorskip("sacrebleu", reason="the library that the numbers are held against is not installed")
    chars = sacrebleu.CHRF(eps_smoothing=False)
    for units, tokenize in (("characters", "char"), ("words", "13a")):
        theirs = sacrebleu.BLEU(tokenize=tokenize, effective_order=True)
        for said, asked in pairs(1):
            assert overlap.bleu(said, asked, units) == pytest.approx(theirs.sentence_score(said, [asked]).score, abs=1e-6), (units, said, asked)
    for said, asked in pairs(2):
        assert chrf.score(said, asked) == pytest.approx(chars.sentence_score(said, [asked]).score, abs=1e-6)


def test_rouge_is_rouge_scores_with_our_units() -> None:
    rouge_scorer = pytest.importorskip("rouge_score.rouge_scorer", reason="the library that the numbers are held against is not installed")

    class Ours:
        def __init__(self, units: str) -> None:
            self.units = units

        def tokenize(self, text: str) -> list[str]:
            return overlap.cut(text, self.units)

    names = {"rouge_1": "rouge1", "rouge_2": "rouge2", "rouge_l": "rougeL"}
    for units in ("words", "characters", "pairs"):
        theirs = rouge_scorer.RougeScorer(list(names.values()), tokenizer=Ours(units))
        for said, asked in pairs(3, 60):
            found = theirs.score(asked, said)
            for ours, name in names.items():
                assert overlap.SCORES[ours](said, asked, units) == pytest.approx(100 * found[name].fmeasure, abs=1e-6)


def slow_longest(a: list[str], b: list[str]) -> int:
    table = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            table[i + 1][j + 1] = table[i][j] + 1 if x == y else max(table[i][j + 1], table[i + 1][j])
    return table[-1][-1]


@given(st.lists(st.sampled_from("가나다라"), max_size=80), st.lists(st.sampled_from("가나다마"), max_size=80))
def test_the_longest_common_subsequence_is_the_tables(a: list[str], b: list[str]) -> None:
    assert overlap._longest(a, b) == slow_longest(a, b)


@given(TEXT, TEXT)
def test_overlap_takes_anything_and_knows_itself(a: str, b: str) -> None:
    for metric, score in overlap.SCORES.items():
        units = overlap.units_of(metric, "auto")
        assert 0 <= score(a, b, units) <= 100
        if len(overlap.cut(a, "characters")) > 1:
            assert score(a, a, units) == pytest.approx(100) or (metric == "rouge_2" and len(overlap.cut(a, units)) < 2)


def test_korean_counts() -> None:
    """What the usual tool makes of Korean: nothing. Equal sentences score 0 there, opposite ones 1."""
    assert overlap.rouge("같다", "같다", "1") == 100
    good, bad = "LoRA는 좋은 방법이다", "LoRA는 나쁜 방식이 아니다"
    assert overlap.rouge(good, bad, "1") < 60
    composed, apart = "한국어 문장", unicodedata.normalize("NFD", "한국어 문장")
    assert all(score(composed, apart, overlap.units_of(m, "auto")) in (100, 0) for m, score in overlap.SCORES.items())
    assert overlap.bleu(composed, apart) == 100 and overlap.cut(apart, "pairs") == ["한국", "국어", "문장"]
    assert overlap.rouge("환불해주세요", "환불해 주세요", "1", "characters") == 100


def test_morphemes_are_kiwis() -> None:
    pytest.importorskip("kiwipiepy", reason="needs dadeum[ko]")
    assert overlap.cut("학교에 갔습니다.", "morphemes")[:2] == ["학교", "에"]
    assert "Kiwi" in metrics.name(Prove(metric="rouge_l", units="morphemes"))


def test_names_carry_what_is_counted() -> None:
    names = {metrics.name(Prove(metric=m, units=u)) for m in ("bleu", "rouge_1", "rouge_l") for u in ("words", "characters", "pairs", "morphemes")}  # type: ignore[arg-type]
    assert len(names) == 12


def test_classes_are_scikit_learns() -> None:
    learn = pytest.importorskip("sklearn.metrics", reason="the library that the numbers are held against is not installed")
    rng = random.Random(0)
    names = ["긍정", "부정", "중립"]
    asked = [rng.choice(names) for _ in range(300)]
    said = [a if rng.random() < 0.6 else rng.choice([*names, "글쎄요"]) for a in asked]
    ours = label.by_class(label.confusion(said, asked, names))
    theirs = learn.precision_recall_fscore_support(asked, said, labels=names, zero_division=0)
    for i, name in enumerate(names):
        assert [ours[name][k] for k in ("precision", "recall", "f1", "asked")] == pytest.approx([part[i] for part in theirs])
    assert ours["macro"]["f1"] == pytest.approx(sum(theirs[2]) / 3)
    assert label.by_class(label.confusion([None, "긍정"], ["긍정", "긍정"], names))["긍정"]["recall"] == 0.5


def pieces(rng: random.Random) -> list[dict[str, Any]]:
    return [{"type": rng.choice(["PER", "LOC"]), "start": rng.randint(0, 4), "end": rng.randint(5, 8)} for _ in range(rng.randint(0, 5))]


def test_spans_are_counted_as_a_slow_twin_counts() -> None:
    rng = random.Random(1)
    said, asked = [pieces(rng) for _ in range(200)], [pieces(rng) for _ in range(200)]
    right = ours = theirs = 0
    for one, other in zip(said, asked):
        left = [tuple(p.values()) for p in other]
        hits = 0
        for piece in one:
            if tuple(piece.values()) in left:
                left.remove(tuple(piece.values()))
                hits += 1
        right, ours, theirs = right + hits, ours + len(one), theirs + len(other)
        f1 = 2 * hits / (len(one) + len(other)) if one or other else 1.0
        assert spans.score(json.dumps(one), json.dumps(other)) == pytest.approx(f1)
    told = spans.tally([json.dumps(s) for s in said], [json.dumps(a) for a in asked])
    assert told["all"] == pytest.approx({"precision": right / ours, "recall": right / theirs, "f1": 2 * right / (ours + theirs), "said": ours, "asked": theirs, "right": right})
    assert told["PER".lower()]["asked"] + told["loc"]["asked"] == theirs


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        ('[{"type": "PER", "text": "홍길동"}]', 1.0),
        ('여기 있습니다:\n```json\n[{"entity": "per", "word": "홍길동"}]\n```', 1.0),
        ('{"entities": [["홍길동", "PER"]]}', 1.0),
        ('[{"type": "LOC", "text": "홍길동"}]', 0.0),
        ('[{"type": "PER", "text": "홍길동"}, {"type": "PER", "text": "홍길동"}]', 2 / 3),
        ("[]", 0.0),
        ("홍길동", None),
        ('[{"type": "PER"}]', None),
        ('[{"type": "PER", "text": "홍길', None),
        ("", None),
        ("null", None),
    ],
)
def test_spans_by_text(reply: str, score: float | None) -> None:
    assert spans.score(reply, '[{"type": "PER", "text": "홍길동"}]') == (pytest.approx(score) if score is not None else None)


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        ('{"이름": "LoRA", "r": 16, "층": ["q", "v"]}', 1.0),
        ('{"층": ["q", "v"], "r": 16.0, "이름": " LoRA "}', 1.0),
        ('{"이름": "LoRA", "r": "16", "층": ["q", "v"]}', 3 / 4),
        ('{"이름": "LoRA", "r": 16, "층": ["q", "v", "k"]}', 4 / 5),
        ('{"이름": "LoRA"}', 1 / 4),
        ('{"이름": "LoRA", "r": true, "층": ["v", "q"]}', 1 / 4),
        ("{}", 0.0),
        ('{"이름": "LoRA", "r": NaN}', None),
        ("이름은 LoRA입니다", None),
        ('{"이름": "LoRA", "r": 16, "층": ["q"', None),
    ],
)
def test_fields_of_json(reply: str, score: float | None) -> None:
    found = structured.score(reply, '{"이름": "LoRA", "r": 16, "층": ["q", "v"]}')
    assert found == (pytest.approx(score) if score is not None else None)


def test_a_schema_is_kept_or_not(tmp_path: Path) -> None:
    pytest.importorskip("jsonschema", reason="needs dadeum[eval]")
    schema = tmp_path / "schema.json"
    schema.write_text('{"type": "object", "required": ["r"], "properties": {"r": {"type": "integer", "minimum": 1}}}', encoding="utf-8")
    replies = ['{"r": 8}', '{"r": 0}', '{"x": 1}', "r = 8"]
    prove = Prove(metric="json", schema=str(schema))
    assert metrics.score(prove, replies, ['{"r": 8}'] * 4) == [1.0, 0.0, 0.0, None]
    assert metrics.detail(prove, replies, ['{"r": 8}'] * 4) == {"parsed": 0.75, "keeps_schema": 0.25, "fields": {"r": {"n": 4, "right": 0.25}}}
    schema.write_text('{"type": "nonsense"}', encoding="utf-8")
    structured._validator.cache_clear()
    with pytest.raises(RecipeError, match="no JSON schema"):
        metrics.score(prove, replies, ['{"r": 8}'] * 4)


@given(st.text(max_size=60))
def test_structures_take_anything(text: str) -> None:
    spans.find(text)
    structured.parse(text)
    assert structured.score(text, "{}") in (None, 0.0, 1.0)
    code.code(text)


def test_deep_json_is_no_crash() -> None:
    assert structured.score("[" * 100_000, "[]") is None


def test_nearness_is_a_cosine() -> None:
    found = metrics.score(Prove(metric="embedding"), ["환불해 주세요", "배송 조회", "", None], ["환불해 주세요"] * 4)
    assert found[0] == 1.0 and found[1] is not None and found[1] < 0.9 and found[2:] == [None, None]
    assert "512" in metrics.name(Prove(metric="embedding")) or "hashed" in metrics.name(Prove(metric="embedding"))


def test_unscored_is_never_nought() -> None:
    for metric, more in (("numeric", {}), ("spans", {}), ("json", {}), ("tests", {"tests": "t"}), ("label", {"labels": ("a", "b")}), ("exact", {"answer_after": "####"})):
        prove = Prove(metric=metric, **more)  # type: ignore[arg-type]
        assert metrics.score(prove, ["아무 말도 아닌 것 !!", None], ["x", "x"]) == [None, None], metric


def test_code_passes_its_tests_or_not() -> None:
    tests = "assert add(1, 2) == 3\nassert add('가', '나') == '가나'"
    replies = [
        "def add(a, b):\n    return a + b",
        "설명입니다.\n```python\ndef add(a, b):\n    return a + b\n```\n끝.",
        "```\ndef add(a, b):\n    return a - b\n```",
        "import sys\nsys.exit(0)",
        "import os\nos._exit(0)",
        "raise SystemExit",
        "def add(a, b):\n    while True: pass",
        "더하면 됩니다",
        "모르겠습니다",
        "42",
        "```\na + b\n```",
        "",
    ]
    assert metrics.score(Prove(metric="tests", tests="t"), replies, [tests] * len(replies)) == [1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, *[None] * 5]


def test_humaneval_passes_with_its_own_solutions() -> None:
    path = next(iter(sorted((Path(__file__).parents[2] / "shared/data/humaneval").glob("*.jsonl*"))), None)
    if path is None:
        pytest.skip("../shared/data/humaneval is absent")
    import gzip

    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else open(path, encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines][:12]
    replies = [row["prompt"] + row["canonical_solution"] for row in rows]
    tests = [f"{row['test']}\ncheck({row['entry_point']})" for row in rows]
    assert code.scores(replies, tests) == [1.0] * len(rows)
    broken = [row["prompt"] + "    return None\n" for row in rows]
    assert code.scores(broken, tests) == [0.0] * len(rows)


HARM = {
    "reads a file": "open({secret!r}).read()",
    "reads what everybody may": "open('/etc/passwd').read()",
    "lists folders": "import os; os.listdir({folder!r})",
    "writes elsewhere": "open({made!r}, 'w').write('x')",
    "removes": "import os; os.remove({secret!r})",
    "executes": "import subprocess; subprocess.run(['/bin/ls'], check=True)",
    "executes by os": "import os; assert os.system('true') == 0",
    "connects": "import socket; socket.create_connection(('127.0.0.1', {port}), 1)",
    "calls out by name": "import urllib.request; urllib.request.urlopen('http://127.0.0.1:{port}', timeout=1)",
    "memory": "x = [bytearray(1 << 20) for _ in range(4096)]",
    "kills": "import os, signal; os.kill({pid}, signal.SIGCONT)",
    "environment": "import os; assert [k for k in os.environ if k not in ('LC_CTYPE', 'PWD', 'SHLVL', '_')]",
    "large file": "open('big', 'wb').write(b'x' * (200 << 20))",
    "site packages": "import numpy",
    "the project": "import dadeum",
}


@pytest.mark.parametrize("harm", HARM)
def test_no_harm_gets_out(harm: str, tmp_path: Path) -> None:
    secret, made = tmp_path / "secret", tmp_path / "made"
    secret.write_text("x")
    import os

    with socket.create_server(("127.0.0.1", 0)) as server:
        program = HARM[harm].format(secret=str(secret), made=str(made), folder=str(tmp_path), port=server.getsockname()[1], pid=os.getpid())
        ran = sandbox.run(program, seconds=3)
    kind = {"reads": "files", "lists": "files", "writes": "writing", "removes": "writing", "executes": "programs", "connects": "network", "calls": "network", "kills": "processes"}
    told = kind.get(harm.split()[0], "")
    assert not ran.passed or told in sandbox.unbounded(), f"{harm} got through and `unbounded` does not say so"
    assert secret.exists() and not made.exists()


def test_time_and_threads_are_bounded() -> None:
    began = time.perf_counter()
    for program in ("while True: pass", "import time; time.sleep(60)", "import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()"):
        sandbox.run(program, seconds=0.5)
    assert time.perf_counter() - began < 30
    assert not sandbox.run("import os, time\nif os.fork() == 0: time.sleep(30)\nwhile True: pass", seconds=0.5).passed


def test_programs_share_nothing_and_leave_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", None)
    ran = sandbox.run_all(["open('a', 'w').write('x')", "import os; assert not os.path.exists('a')", "assert 0, '이유'"])
    assert [r.passed for r in ran] == [True, True, False] and "이유" in ran[2].why
    assert not list(tmp_path.iterdir())


def test_the_probes_of_the_sandbox_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the lock taken off, `unbounded` names what gets through: it measures, it does not promise."""
    inside = sandbox.INSIDE.read_text(encoding="utf-8").replace("    locked([*library", "    print([*library")
    assert "print([*library" in inside
    import tempfile

    with tempfile.NamedTemporaryFile("w", suffix=".py", encoding="utf-8") as open_door:
        open_door.write(inside)
        open_door.flush()
        monkeypatch.setattr(sandbox, "INSIDE", Path(open_door.name))
        monkeypatch.setattr(sandbox, "_apart", lambda: ())
        sandbox.unbounded.cache_clear()
        assert {"network", "files", "writing", "programs"} <= set(sandbox.unbounded())
    sandbox.unbounded.cache_clear()
    monkeypatch.undo()
    assert not {"memory", "time"} & set(sandbox.unbounded())


def test_counts_of_pairs() -> None:
    assert Counter(overlap.cut("모델 병합 model merging", "pairs")) == Counter(["모델", "병합", "model", "merging"])


ONE = ["참", "거짓"]


@pytest.mark.parametrize(
    ("reply", "labels", "found"),
    [
        ("긍정이 아닙니다", ["긍정", "부정"], None),
        ("긍정적이지 않다", ["긍정", "부정"], None),
        ("긍정은 아니에요", ["긍정", "부정"], None),
        ("긍정적입니다", ["긍정", "부정"], "긍정"),
        ("참고로 말씀드리면 거짓", ONE, None),
        ("참입니다", ONE, "참"),
        ("참.", ONE, "참"),
        ("거짓이에요", ONE, "거짓"),
        ("1.5", ["1", "2"], None),
        ("1,000", ["1", "2"], None),
        ("1. 서울", ["1", "2"], "1"),
        ("1점", ["1", "2"], "1"),
    ],
)
def test_a_label_is_not_seen_where_another_word_stands(reply: str, labels: list[str], found: str | None) -> None:
    assert label.find(reply, labels) == found


def test_thoughts_are_no_answer() -> None:
    told = Prove(metric="label", labels=("긍정", "부정"))
    replies = ["<think>부정일까?</think>\n긍정", "긍정인 것 같다</think> 부정", "<think>부정 아니면", "긍정", None]
    assert metrics.score(told, replies, ["긍정"] * 5) == [1.0, 0.0, None, 1.0, None]
    assert metrics.detail(told, replies, ["긍정"] * 5)["classes"]["긍정"]["said"] == 2
    assert metrics.score(Prove(metric="exact"), ["<think>42?</think>42"], ["<think>6 x 7</think>42"]) == [1.0]
    assert metrics.score(Prove(metric="chrf"), ["<think>한참 생각"], ["답"]) == [None]
    assert metrics.usable(Prove(metric="exact"), ["<think>never ends", "<think>x</think>42"]) == [False, True]


def test_places_and_texts_cannot_be_held_against_each_other() -> None:
    asked = '[{"type": "LOC", "start": 0, "end": 2}]'
    assert spans.score('[{"type": "LOC", "text": "서울"}]', asked) is None and spans.score(asked, asked) == 1.0
    assert spans.score("[]", asked) == 0.0 and spans.score('[{"type": "LOC", "text": "서울", "start": 0, "end": 2}]', asked) == 1.0


def test_a_schema_that_lies_elsewhere_is_a_mistake(tmp_path: Path) -> None:
    pytest.importorskip("jsonschema", reason="needs dadeum[eval]")
    path = tmp_path / "schema.json"
    path.write_text(json.dumps({"$ref": "http://127.0.0.1:9/schema.json"}))
    with pytest.raises(RecipeError, match="nothing is fetched"):
        structured.keeps({}, str(path))


def test_errors_without_end_are_bounded() -> None:
    resource = pytest.importorskip("resource")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ran = sandbox.run("import sys\nwhile True: sys.stderr.write('x' * 10**6)", seconds=3)
    assert not ran.passed and len(ran.why) <= 200
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KB; 900,000 while a pipe was read
    assert sandbox.run("raise ValueError('말')").why == "ValueError: 말"
