"""Every string of the report, the card and the terminal, in English and Korean side by side.

One table, so that neither language can lack a sentence: a test proves that both stand at every key, with the same
placeholders, and that every key is used. The card's lie in card_words.py, those of `dadeum look` in look_words.py and look_more_words.py, what was found in
find_words.py. `{s}` is the English plural ending of `{n}`. The Korean sentences put no particle behind a placeholder that would have to change with its last letter.
"""

from __future__ import annotations

import re
from typing import Any, Final, Literal, get_args

from dadeum.errors import Mistake, RecipeError, nearest
from dadeum.report.card_words import CARD
from dadeum.report.decide_words import DECIDE
from dadeum.report.find_words import FIND
from dadeum.report.look_more_words import MORE
from dadeum.report.look_words import LOOK
from dadeum.report.study_words import STUDY

Lang = Literal["en", "ko"]
LANGS: Final[tuple[Lang, ...]] = get_args(Lang)

TABLE: Final[dict[str, tuple[str, str]]] = {
    # verdict
    "verdict.better": ("Better by {difference}", "{difference} 더 낫습니다"),
    "verdict.worse": ("Worse by {difference}", "{difference} 더 나쁩니다"),
    "verdict.cannot tell": ("Cannot tell", "판단할 수 없습니다"),
    "verdict.none": ("Not proven", "증명되지 않았습니다"),
    "word.better": ("better", "더 나음"),
    "word.worse": ("worse", "더 나쁨"),
    "word.cannot tell": ("cannot tell", "판단 불가"),
    "word.none": ("not proven", "증명 없음"),
    "lede.proof": (
        "{a} scores {score_a}; {b} scores {score_b}. The difference is {difference}, with a {level} interval from {low} to {high}.",
        "{a}의 점수는 {score_a}, {b}의 점수는 {score_b}입니다. 차이는 {difference}이고, {level} 신뢰구간은 {low}에서 {high}까지입니다.",
    ),
    "lede.items": ("Measured on {n} held-out item{s}.", "따로 떼어 둔 문항 {n}개로 쟀습니다."),
    "lede.groups": ("Measured on {n} held-out item{s} from {groups} groups.", "그룹 {groups}개에서 따로 떼어 둔 문항 {n}개로 쟀습니다."),
    "lede.seeds": ("Each arm was trained {n} time{s}, once per seed.", "갈래마다 시드를 달리해 {n}번 학습했습니다."),
    "lede.drawn": (
        "Each item was answered {n} times at temperature {temperature}: of the variance of the difference {training} is the luck of training, {decoding} the "
        "luck of decoding, the rest that of the items.",
        "문항마다 온도 {temperature}에서 {n}번씩 답했습니다. 차이의 분산 가운데 학습의 우연이 {training}, 디코딩의 우연이 {decoding}, 나머지는 문항의 우연입니다.",
    ),
    "lede.drawn_blind": (
        "Each item was answered {n} times at temperature {temperature}: of the variance of the difference over items {decoding} is the luck of decoding; "
        "nothing tells the luck of training.",
        "문항마다 온도 {temperature}에서 {n}번씩 답했습니다. 문항에 따른 차이의 분산 가운데 디코딩의 우연이 {decoding}입니다. 학습의 우연은 알 수 없습니다.",
    ),
    "lede.smallest": (
        "So many items and trainings reliably find true differences from {difference} on, smaller ones with luck.",
        "이만한 문항과 학습 횟수로 안정적으로 찾아낼 수 있는 차이는 {difference}부터이고, 그보다 작은 차이는 운이 따라야 드러납니다.",
    ),
    "lede.untuned": ("Against {b} the difference is {difference} ({low} to {high}): {verdict}.", "{b} 대비 차이는 {difference}({low} ~ {high}), {verdict}입니다."),
    "lede.untrained": (
        "No training in this run: the data were made, but no model was tuned or compared.",
        "이 실행에는 학습이 없습니다. 데이터는 만들었지만 모델을 튜닝하거나 비교하지 않았습니다.",
    ),
    "lede.unproven": (
        "A model was trained in this run, but nothing was compared on held-out items.",
        "이 실행에서 모델을 학습했지만, 따로 떼어 둔 문항으로 비교하지 않았습니다.",
    ),
    "points": ("{x} points", "{x}%p"),
    "arm.base": ("the untuned model", "튜닝 전 모델"),
    "arm.raw": ("the model tuned on raw rows", "원자료로 튜닝한 모델"),
    "arm.tuned": ("the model tuned on engineered rows", "다듬은 자료로 튜닝한 모델"),
    "arm.length": ("length alone", "길이만 본 판단"),
    "arm.common": ("the most common label", "가장 흔한 라벨"),
    "short.length": ("length", "길이"),
    "short.common": ("most common", "가장 흔함"),
    "short.base": ("untuned", "튜닝 전"),
    "short.raw": ("raw rows", "원자료"),
    "short.tuned": ("engineered rows", "다듬은 자료"),
    "metric.preference": ("pairs whose chosen end is preferred", "선호 쌍을 맞힌 비율"),
    "metric.exact": ("exact answers", "정확히 맞은 답"),
    "metric.label": ("right labels", "맞은 라벨"),
    "metric.numeric": ("right numbers", "숫자가 맞은 답"),
    "metric.chrf": ("chrF", "chrF"),
    "metric.bleu": ("BLEU", "BLEU"),
    "metric.rouge_1": ("ROUGE-1", "ROUGE-1"),
    "metric.rouge_2": ("ROUGE-2", "ROUGE-2"),
    "metric.rouge_l": ("ROUGE-L", "ROUGE-L"),
    "metric.embedding": ("nearness by embedding", "임베딩 유사도"),
    "metric.spans": ("spans found (F1)", "찾은 구간(F1)"),
    "metric.json": ("right JSON fields", "맞은 JSON 필드"),
    "metric.tests": ("unit tests passed", "통과한 단위 테스트"),
    "metric.loss_per_token": ("loss per token (lower is better)", "토큰당 손실(낮을수록 좋음)"),
    "metric.loss_per_byte": ("loss per byte (lower is better)", "바이트당 손실(낮을수록 좋음)"),
    "range": ("{low} to {high}", "{low} ~ {high}"),
    # frame
    "title": ("Report of {name}", "{name} 보고서"),
    "skip": ("Skip to the verdict", "판정으로 건너뛰기"),
    "contents": ("Contents", "차례"),
    "made": ("dadeum {version} · seed {seed} · {seconds} · {memory}", "dadeum {version} · 시드 {seed} · {seconds} · {memory}"),
    "memory": ("peak memory {x} MB", "최대 메모리 {x} MB"),
    "seconds": ("{x} s", "{x}초"),
    "minutes": ("{m} min {s2} s", "{m}분 {s2}초"),
    "from": ("Read from", "읽은 곳"),
    "tap": (
        "Every underlined number tells where it came from: point at it, or tap it.",
        "밑줄이 있는 숫자는 나온 곳을 알려 줍니다. 가리키거나 눌러 보십시오.",
    ),
    "absent": ("Nothing to show here: this run has no {file}.", "보여 줄 것이 없습니다. 이 실행에는 {file} 파일이 없습니다."),
    "private": (
        "Samples may be confidential: they are cut short, and what looks like personal data is masked.",
        "표본에는 외부에 보이면 안 되는 내용이 있을 수 있습니다. 길면 잘랐고, 개인정보로 보이는 것은 가렸습니다.",
    ),
    "more": ("{n} more not shown; all of them stand in {file}.", "{n}건은 여기에 싣지 않았습니다. 모두 {file} 파일에 있습니다."),
    "none": ("none", "없음"),
    # conservation
    "balance": ("Every row accounted for", "모든 행의 행방"),
    "balance.ok": ("The account balances: no row was lost without a reason.", "셈이 맞습니다. 까닭 없이 사라진 행은 없습니다."),
    "balance.bad": ("The account does not balance: do not use this run.", "셈이 맞지 않습니다. 이 실행을 쓰지 마십시오."),
    "read": ("read", "읽음"),
    "grown": ("grown", "생성"),
    "kept": ("kept", "남음"),
    "dropped": ("dropped", "버림"),
    "merged": ("merged", "병합"),
    "quarantined": ("quarantined", "격리"),
    # funnel and steps
    "funnel": ("From raw rows to kept rows", "원자료에서 남은 자료까지"),
    "funnel.lede": (
        "The stream is as wide as the rows in it. What leaves it is coloured by how it left.",
        "흐름의 너비는 행의 수입니다. 빠져나간 행은 나간 방식에 따라 색을 달리했습니다.",
    ),
    "funnel.picture": ("{step}: {rows_in} rows in, {rows_out} rows out", "{step}: 들어온 행 {rows_in}, 나간 행 {rows_out}"),
    "edited.n": ("{n} row{s} changed", "{n}행 고침"),
    "grown.n": ("{n} row{s} grown", "{n}행 생성"),
    "untouched": ("no row left or was changed", "나가거나 고친 행 없음"),
    "steps": ("What each step did, and what it cost", "단계마다 한 일과 든 시간"),
    "step": ("Step", "단계"),
    "rows.in": ("Rows in", "들어온 행"),
    "changed": ("Changed", "고친 행"),
    "left": ("Left", "나간 행"),
    "time": ("Time", "시간"),
    "cached": ("from cache", "캐시에서"),
    "found": ("Planted dirt: recall · precision", "심은 결함: 재현율 · 정밀도"),
    "told": ("What the comparison as a whole found", "비교 전체에서 드러난 것"),
    "truth": ("How much of the planted dirt was found", "심어 둔 결함을 얼마나 찾았나"),
    "truth.lede": (
        "The dirt of this data was planted, so the truth is known. Recall: the share of the planted rows that the step found. "
        "Precision: the share of the rows it took out or changed that had something to find.",
        "이 자료의 결함은 일부러 심은 것이어서 정답을 압니다. 재현율은 심은 행 가운데 찾은 비율, 정밀도는 단계가 빼거나 고친 행 가운데 정말 그럴 만했던 행의 비율입니다.",
    ),
    "kind": ("Kind", "종류"),
    "planted": ("Planted", "심음"),
    "found.n": ("Found", "찾음"),
    "correct": ("{correct} of {claimed}", "{claimed}건 중 {correct}건"),
    "unsought": ("no step looked for it", "찾는 단계 없음"),
    "recall": ("Recall", "재현율"),
    "precision": ("Precision", "정밀도"),
    "interval": ("{level} interval", "{level} 신뢰구간"),
    # examples
    "edits": ("What changed: before and after", "무엇을 고쳤나: 전과 후"),
    "edits.lede": (
        "A few rows of each step. Struck out: removed. Underlined: added. Characters that cannot be seen are shown by name; "
        "⟨kind:digest⟩ stands for a value that the ledger conceals.",
        "단계마다 몇 행씩 보입니다. 취소선은 지운 것, 밑줄은 더한 것입니다. 눈에 보이지 않는 문자는 이름으로 나타냈고, "
        "⟨종류:다이제스트⟩는 원장이 가린 값입니다.",
    ),
    "edits.of": ("{shown} of {n} changed row{s}", "고친 {n}행 가운데 {shown}행"),
    "before": ("before", "전"),
    "after": ("after", "후"),
    "lost": ("What left, and why", "무엇이 왜 빠졌나"),
    "lost.lede": (
        "Open a reason to see rows that left for it. Nothing is deleted: every row stands in the ledger.",
        "까닭을 펼치면 그 때문에 빠진 행이 보입니다. 지워진 것은 없습니다. 모든 행이 원장에 있습니다.",
    ),
    "rows.n": ("{n} row{s}", "{n}행"),
    "against": ("{value} against the threshold {threshold}", "값 {value}, 기준 {threshold}"),
    "value": ("value {value}", "값 {value}"),
    "witness": ("stays in its place", "대신 남은 행"),
    "matched": ("matched", "일치한 곳"),
    "witness.gone": ("its contents are not in data/", "data/ 안에 내용이 없음"),
    "kind.truncated": ("truncated lines", "잘린 줄"),
    "kind.bad_bytes": ("broken bytes", "깨진 바이트"),
    "kind.mojibake": ("mojibake", "깨진 글자"),
    "kind.markup": ("markup", "마크업"),
    "kind.entity": ("HTML entities", "HTML 엔티티"),
    "kind.invisible": ("invisible characters", "보이지 않는 문자"),
    "kind.nfd": ("decomposed Hangul", "풀어쓴 한글"),
    "kind.unknown_label": ("labels outside the map", "매핑에 없는 라벨"),
    "kind.unlabelled": ("no label", "라벨 없음"),
    "kind.empty": ("empty rows", "빈 행"),
    "kind.runaway": ("runaway rows", "끝없이 이어지는 행"),
    "kind.exact_copy": ("exact copies", "똑같은 복사본"),
    "kind.wrong_label": ("wrong labels", "틀린 라벨"),
    "kind.conflict": ("conflicting labels", "라벨 충돌"),
    "kind.near_spacing": ("copies with other spacing", "띄어쓰기만 다른 복사본"),
    "kind.near_punctuation": ("copies with other punctuation", "문장부호만 다른 복사본"),
    "kind.near_case": ("copies in other case", "대소문자만 다른 복사본"),
    "kind.near_typo": ("copies with typos", "오타가 든 복사본"),
    "kind.leak": ("leaked test questions", "새어 든 평가 문항"),
    "kind.pii_email": ("e-mail addresses", "이메일 주소"),
    "kind.pii_phone": ("phone numbers", "전화번호"),
    "kind.pii_rrn": ("resident registration numbers", "주민등록번호"),
    "kind.pii_card": ("card numbers", "카드번호"),
    "kind.flood": ("over-represented groups", "행이 지나치게 많은 그룹"),
    # data
    "lengths": ("Lengths before and after", "길이의 분포: 전과 후"),
    "unit.characters": ("Characters per row", "행별 글자 수"),
    "unit.tokens": ("Tokens per row", "행별 토큰 수"),
    "length.picture": (
        "{n_before} rows before, {n_after} after; the highest bar holds {peak}",
        "전 {n_before}행, 후 {n_after}행. 가장 높은 막대는 {peak}행",
    ),
    "data": ("Where the data come from, and where they went", "자료의 출처와 쓰임"),
    "splits": ("Splits", "분할"),
    "split.train": ("training", "학습"),
    "split.validation": ("validation", "검증"),
    "split.test": ("test", "평가"),
    "source": ("Source", "출처"),
    "licence": ("Licence", "라이선스"),
    "unknown": ("unknown", "알 수 없음"),
    # training
    "curve": ("Training", "학습 과정"),
    "curve.lede": (
        "Loss by trained tokens: thin lines on training batches, thick lines with dots on held-out rows. Lower is better.",
        "학습한 토큰에 따른 손실입니다. 가는 선은 학습 배치에서, 점이 있는 굵은 선은 떼어 둔 행에서 잰 값입니다. 낮을수록 좋습니다.",
    ),
    "curve.picture": ("Loss by trained tokens", "학습한 토큰에 따른 손실"),
    "curve.axis": ("trained tokens", "학습한 토큰"),
    "curve.last": ("last held-out loss {x}", "마지막 검증 손실 {x}"),
    "supervision": ("What the model learns from", "모델이 학습하는 부분"),
    "supervision.lede": (
        "{supervised} of {tokens} tokens carry loss ({share}), in {n} training example{s}.",
        "학습 예시 {n}건의 토큰 {tokens}개 가운데 {supervised}개({share})가 손실에 들어갑니다.",
    ),
    "supervision.out": ("{n} example{s} left out: {reason}", "제외한 예시 {n}건: {reason}"),
    "supervision.yes": ("carries loss", "손실에 들어감"),
    "supervision.no": ("read only", "읽기만 함"),
    # proof
    "proof": ("The proof", "증명"),
    "proof.lede": (
        "All arms answered the same held-out items; differences are paired. An interval that crosses zero proves nothing.",
        "모든 갈래가 같은 문항에 답했고, 차이는 문항마다 짝지어 쟀습니다. 신뢰구간이 0을 포함하면 아무것도 증명되지 않습니다.",
    ),
    "scores": ("Score of each arm", "갈래별 점수"),
    "differences": ("Differences", "차이"),
    "unscored": ("{n} unscored", "채점 불가 {n}건"),
    "comparison": ("Comparison", "비교"),
    "versus": ("{a} against {b}", "{a} 대 {b}"),
    "metric": ("Metric", "지표"),
    "difference": ("Difference", "차이"),
    "p": ("p (corrected)", "p (보정)"),
    "verdict": ("Verdict", "판정"),
    "interval.picture": ("{mid}, interval {low} to {high}", "{mid}, 신뢰구간 {low}~{high}"),
    # quarantine and reproduction
    "quarantine": ("What could not be read", "읽지 못한 것"),
    "quarantine.n": ("{n} record{s} could not be read or worked on; their neighbours are untouched.", "읽거나 처리하지 못한 기록이 {n}건입니다. 이웃한 행은 그대로입니다."),
    "quarantine.none": ("Every record could be read.", "모든 기록을 읽었습니다."),
    "error": ("Reason", "까닭"),
    "raw": ("Raw", "원문"),
    "again": ("How to do it again", "다시 해 보려면"),
    "again.lede": ("The same recipe on the same bytes gives the same data.", "같은 바이트에 같은 레시피를 적용하면 같은 자료가 나옵니다."),
    "again.run": ("the same run, in another folder", "같은 실행을 다른 폴더에"),
    "again.why": ("the life of one row", "한 행의 내력"),
    "again.funnel": ("the funnel in a terminal", "터미널에서 보는 단계별 흐름"),
    "recipe": ("The recipe as run, every default written out", "실행한 레시피(기본값까지 모두 적음)"),
    "recipe.digest": ("Recipe digest", "레시피 다이제스트"),
    "dataset.digest": ("Dataset digest", "데이터셋 다이제스트"),
    "seed": ("Seed", "시드"),
    # terminal
    "terminal.report": ("report", "보고서"),
    **CARD,
    **DECIDE,
    **FIND,
    **LOOK,
    **MORE,
    **STUDY,
}  # fmt: skip


class Words:
    """The table in one language: `words("rows.n", n=2)` gives "2 rows".

    Raises RecipeError for a language that the table does not have, KeyError for a key that it does not have.
    """

    def __init__(self, lang: str = "en"):
        if lang not in LANGS:
            raise RecipeError(Mistake("--lang", f"there is no language {lang!r}", nearest(lang, LANGS)))
        self.lang = lang
        self._column = LANGS.index(lang)  # type: ignore[arg-type]

    def __call__(self, key: str, **values: Any) -> str:
        n = values.get("n")
        if n is not None:
            values = {**values, "s": "" if n == 1 else "s", "n": count(n)}
        return TABLE[key][self._column].format(**values)

    def known(self, prefix: str, name: str) -> str:
        """The word for `name` where the table has one (`arm.base`), `name` itself where it has none."""
        key = f"{prefix}.{name}"
        return self(key) if key in TABLE else name

    def reason(self, name: str) -> str:
        """Why a row left, in words; a reason that the table does not have as it is.

        >>> Words("en").reason("near_duplicate"), Words("en").reason("quality_below"), Words("ko").reason("duplicate_5gram")
        ('near duplicate', 'quality below the threshold', '되풀이되는 5어절')
        """
        if f"reason.{name}" in TABLE:
            return self(f"reason.{name}")
        if rule := re.fullmatch(r"(?:gopher|c4|fineweb|fineweb2_ko|finetune)_(\w+)", name):
            told = self.reason(rule[1]) if f"reason.{rule[1]}" in TABLE or "gram" in rule[1] else self.known("reason", f"rule_{rule[1]}")
            return f"{told} ({name.removesuffix(rule[1]).rstrip('_')})"
        if name.startswith("language_"):
            return self("reason.language", language=self.known("look.language", name.removeprefix("language_")))
        column, _, how = name.rpartition("_")
        if column and f"reason.column_{how}" in TABLE:
            return self(f"reason.column_{how}", column=column)
        if gram := re.fullmatch(r"(duplicate|top)_(\d+)gram", name):
            return self(f"reason.{gram[1]}_gram", n=int(gram[2]))
        return self("reason.label", value=name[6:]) if name.startswith("label_") else name

    def duration(self, seconds: float) -> str:
        """Seconds in words: "0.4 s", "2 min 5 s"."""
        if seconds < 60:
            return self("seconds", x=f"{seconds:.1f}" if seconds >= 0.1 else f"{seconds:.2f}")
        return self("minutes", m=int(seconds // 60), s2=int(seconds % 60))


def count(n: Any) -> str:
    """A whole number with thousands apart, or a text as it is.

    >>> count(1234567)
    '1,234,567'
    """
    return f"{n:,}" if isinstance(n, int) else str(n)


def number(x: float | None) -> str:
    """A measured number: whole ones whole, others with up to four significant digits, null as a dash.

    >>> number(12.0), number(0.81834), number(None)
    ('12', '0.8183', '–')
    """
    if x is None:
        return "–"
    if isinstance(x, int) or (float(x).is_integer() and abs(x) < 1e15):
        return f"{int(x):,}"
    return f"{x:,.4g}"


def chance(p: float | None) -> str:
    """A p value: two digits that count, none below a ten-thousandth, null as a dash.

    >>> chance(0.007552), chance(9.999e-05), chance(1.0), chance(None)
    ('0.0076', '< 0.0001', '1', '–')
    """
    return "–" if p is None else f"{p:.2g}" if p >= 1e-4 else "< 0.0001"


def percent(x: float | None, digits: int = 1) -> str:
    """A share as a percentage; null as a dash.

    >>> percent(0.5), percent(1.0), percent(None)
    ('50.0%', '100%', '–')
    """
    if x is None:
        return "–"
    return f"{x:.0%}" if x in (0, 1) else f"{x:.{digits}%}"
