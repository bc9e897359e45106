"""annotate.register: the speech level of Korean text by the endings of its sentences, and whether one answer mixes levels.

| `register` | level                | endings                                           |
|------------|----------------------|---------------------------------------------------|
| `hapsyo`   | 합쇼체, formal polite | -습니다, -ㅂ니까, -십시오, -ㅂ시다                    |
| `haeyo`    | 해요체, polite        | -요, -죠                                           |
| `haera`    | 해라체, plain written | -다, -느냐, -구나, -아라/어라, -자                   |
| `hae`      | 해체, intimate        | -어, -지, -네, -야, -까, -게, -는데, -거든, ...       |
| `nominal`  | 명사형, telegraphic   | -음, -임, -함, -됨, -것                             |

`register` is the level of most sentences that have one (the politest of equals), null where none has. `register_share` is the share of
those sentences that have it. `register_mixed` says that polite and plain sentences stand side by side: hapsyo or haeyo with haera or
hae, or hapsyo with haeyo; questions in haeyo among hapsyo sentences are customary and do not count, nor do nominal sentences.

By endings alone, no analyser: quotations inside a sentence do not count, and a sentence that stops at a noun has no level. Where text
has no full stops, -요, -니다 and -니까 before a space end a sentence too. Of chat answers a morphological analyser says the
same in .98, of film reviews, where a quarter end without a verb, in .87 to .89 of those that both find a level in. Text without Hangul has no register.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import polars as pl

from dadeum.profiles import HANGUL
from dadeum.record import CONTENTS, prose
from dadeum.step import Edit, Role

LEVELS: Final = ("hapsyo", "haeyo", "haera", "hae", "nominal")
_BIEUP: Final = "".join(chr(0xAC00 + 28 * i + 17) for i in range(399))
"""Syllables that end in ㅂ: 합니다, but not 다니다."""
_SSANG: Final = "".join(chr(0xAC00 + 28 * i + 20) for i in range(399))
"""Syllables that end in ㅆ: 했어."""
_NOUNS: Final = "필요|중요|주요|수요|개요|소요|고요|동요|가요|강요|민요|비료|자료|종료|완료|무료|유료|의료|치료|재료|음료|요"
"""Words that end like haeyo and are none."""
_PAIRS: Final = (
    ("noun", rf"(?:^|\s)(?:{_NOUNS}|바다|다|마다|보다|모두다|남자|여자|혼자|각자|과자|모자|글자|숫자|환자|기자|의자|학자|저자|부자|사자|투자|피자)$"),
    ("hapsyo", rf"[{_BIEUP}](?:니다|니까|니당|시다|시오)$|(?:십시오|시오|십쇼)$"),
    ("haeyo", r"[가-힣](?:요|죠|쥬|욥)$|[아어여해네세에예돼워와려줘봐가나까]용$|^(?:네|예|아뇨|아니요)$"),
    ("haera", rf"[가-힣]다$|(?:[{_SSANG}]|느|하|으|은|이|인|[가-힣]겠)냐$|(?:는|은|던|인|한|할|될|된|간|온|본|운|군)가$|(?:구나|도다|노라|리라|어라|아라|여라|해라|마라|려라|거라|하라|하자|보자|가자|말자|두자|먹자|[{_SSANG}]음에도)$"),
    ("nominal", rf"(?:[{_SSANG}없있같좋많싫]음|임|함|됨|것|봄|줌|듦|힘듦|재밌음|느낌)$"),
    ("hae", rf"(?:[{_SSANG}없있같좋많싫잖않]어|[{_SSANG}]지|아|어|해|돼|줘|봐|와|워|여|져|려|지|네|야|니|까|래|게|께|걸|껄|데|거든|잖아|라고|더라|구만|군|지마|건가|[{_SSANG}없있]나)$"),
)  # fmt: skip
"""Asked in this order of the end of a sentence, laughter and marks taken off."""
_SENTENCE: Final = r"[^.!?…。~\n]*[가-힣][^.!?…。~\n]*(?:[.!?…。~]+|\n|$)"
_FINAL: Final = rf"((?:[가-힣](?:에요|예요|네요|세요|지요|까요|군요|데요|대요|게요|래요|나요|어요|아요|여요|해요|와요|워요|려요|돼요)|[{_BIEUP}]니다|[{_BIEUP}]니까))\s"
_TAIL: Final = r"[\s\"'”’)\]」』ㅋㅎㅠㅜㅡ^~.!?…。♡♥;,*:·a-zA-Z0-9\p{So}\u{FE0F}-]+$"


@dataclass(frozen=True)
class Register(Edit):
    """Write the speech level, its share, and whether levels are mixed."""

    on: tuple[Role, ...] = field(default=("text", "assistant"), kw_only=True)
    """The strings whose sentences count, together: the one who answers."""
    writes = ("register", "register_share", "register_mixed")

    @property
    def looks(self) -> tuple[str, ...]:
        return CONTENTS

    def edit(self, rows: pl.DataFrame) -> pl.DataFrame:
        return rows.with_columns(*levels(prose(rows, self.on)).get_columns())


def levels(texts: pl.Series) -> pl.DataFrame:
    """`register`, `register_share`, `register_mixed` of each text.

    >>> levels(pl.Series(["반갑습니다. 앉으세요!", "집에 갔다. 잤다.", "뭐 해?", "Hello."])).rows()
    [('hapsyo', 0.5, True), ('haera', 1.0, False), ('hae', 1.0, False), (None, None, None)]
    """
    none = {"register": pl.String, "register_share": pl.Float64, "register_mixed": pl.Boolean}
    made = pl.DataFrame({"at": pl.int_range(len(texts), dtype=pl.UInt32, eager=True)})
    korean = texts.str.contains(HANGUL).fill_null(False).arg_true()
    if korean.is_empty():
        return made.with_columns(pl.lit(None, dtype=dtype).alias(name) for name, dtype in none.items()).drop("at")
    said = sentences(texts.gather(korean)).filter(pl.col("level").is_not_null())
    said = said.with_columns(korean.gather(said.get_column("at")).alias("at"))
    counts = said.group_by("at").agg(
        *((pl.col("level") == level).sum().alias(level) for level in LEVELS),
        ((pl.col("level") == "haeyo") & pl.col("asks")).sum().alias("asked"),
        pl.len().alias("all"),
    )
    most = pl.max_horizontal(LEVELS)
    level = pl.coalesce(pl.when(pl.col(name) == most).then(pl.lit(name)) for name in LEVELS)
    polite, plain = pl.col("hapsyo") + pl.col("haeyo"), pl.col("haera") + pl.col("hae")
    mixed = ((polite > 0) & (plain > 0)) | ((pl.col("hapsyo") > 0) & (pl.col("haeyo") > pl.col("asked")))
    told = counts.select("at", level.alias("register"), (most / pl.col("all")).alias("register_share"), mixed.alias("register_mixed"))
    return made.join(told, on="at", how="left", maintain_order="left").drop("at")


def sentences(texts: pl.Series) -> pl.DataFrame:
    """The sentences that hold Hangul, one per line: `at` (position of the text), `level` (null: none that its end shows), `asks`."""
    cut = texts.str.replace_all(r"(?s)```.*?(?:```|$)", "\n").str.replace_all(_FINAL, "$1\n")
    frame = pl.DataFrame({"at": pl.int_range(len(texts), dtype=pl.UInt32, eager=True), "said": cut.str.extract_all(_SENTENCE)})
    said = frame.explode("said").filter(pl.col("said").is_not_null())
    last = pl.col("said").str.replace(_TAIL, "").str.extract(r"(\S+\s+\S+|\S+)$")
    said = said.with_columns(last.fill_null("").alias("last"), pl.col("said").str.contains(r"\?").alias("asks"))
    found = pl.coalesce(pl.when(pl.col("last").str.contains(pattern)).then(pl.lit(name)) for name, pattern in _PAIRS)
    return said.select("at", pl.when(found != "noun").then(found).alias("level"), "asks")
