"""The four shapes of step. The shape says what the engine may do with a step and what every test may demand of it.

A step is a frozen dataclass: its fields are its parameters, and nothing else may change its answer. The path of its module
below `steps/` is its name in a recipe: `steps/filter/length.py` is `filter.length`. Each module holds one step.

| shape   | promise                                                                                              |
|---------|------------------------------------------------------------------------------------------------------|
| Edit    | same ids, same order; only `writes` changes; any cut into batches gives the same; twice is once      |
| Filter  | one answer per row, independent of its neighbours; the engine does the dropping                      |
| Compare | whoever is `merged` is tied to a witness that stays and is alike; order is irrelevant; twice is once |
| Grow    | every new row has living parents; same seeds, same ids                                               |
"""

from __future__ import annotations

import dataclasses
import glob
import hashlib
import json
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal

import polars as pl

from dadeum import remote
from dadeum.errors import Mistake
from dadeum.record import CONTENTS, RECORD, ROLES, prose

RECORD_COLUMNS: Final = tuple(RECORD)

VERDICT: Final = pl.Schema(
    {
        "reason": pl.String(),  # null: the row stays
        "value": pl.Float64(),  # what was measured
        "threshold": pl.Float64(),  # what it was held against
        "witness": pl.String(),  # the id that stays in its place, or the place of the outside item that it matched
    }
)
DECISION: Final = pl.Schema(
    {
        "row": pl.UInt64(),  # the row that leaves
        "state": pl.String(),  # merged (into `witness`) or dropped
        "reason": pl.String(),
        "value": pl.Float64(),
        "threshold": pl.Float64(),
        "witness": pl.UInt64(),  # `row` of the record that stays in its place (merged), or that is the evidence (dropped; may be null)
    }
)


class Input:
    """Marks a parameter that names files (paths or globs): it enters the key by the digest of their content."""


Inputs = Annotated[tuple[str, ...], Input]


@dataclass(frozen=True)
class Step(ABC):  # noqa: B024 (each shape adds its own abstract method)
    """Common to all shapes. Subclasses are frozen dataclasses whose fields all have defaults, or are required by name."""

    version: ClassVar[int] = 1
    """Bump it when the same parameters would answer differently: it is part of the key."""
    writes: ClassVar[tuple[str, ...]] = ()
    """The columns that the step may change or add."""
    told: ClassVar[bool] = True
    """False where an edit is the same for every row and stands in the recipe itself (form.chat): the ledger then counts its
    rows, but keeps no before and after."""
    secret: ClassVar[bool] = False
    """True where what an edit replaced must not be shown: `before_and_after` conceals it."""
    carries: ClassVar[bool] = False
    """True where the step also gets the raw rows' other fields (`meta.KEY`), which no other step meets, and may change them."""

    def before_and_after(self, old: pl.DataFrame, new: pl.DataFrame) -> tuple[pl.Series, pl.Series]:
        """What the ledger shows of records that the step changed, one string each; null where it has nothing to show."""
        return prose(old, ("text", *ROLES)), prose(new, ("text", *ROLES))

    @property
    def name(self) -> str:
        """The name in a recipe, from the module path (`filter.length`)."""
        return type(self).__module__.rpartition("steps.")[2]

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns outside RECORD that must exist before the step (`plan` checks them)."""
        return ()

    @property
    def looks(self) -> tuple[str, ...] | None:
        """The columns that a row's answer depends on, RECORD's too; None: may be any. It decides which steps may change places
        (engine/order.py), and a test holds every step to it. Who a row is (id, source, place, ...) may be looked at untold."""
        return None

    @property
    def parameters(self) -> dict[str, Any]:
        """The step's parameters by name, as plain JSON values."""
        return json.loads(json.dumps(dataclasses.asdict(self)))

    @property
    def inputs(self) -> dict[str, tuple[str, ...]]:
        """The parameters that name files."""
        return {f.name: tuple(getattr(self, f.name) or ()) for f in dataclasses.fields(self) if "Input" in str(f.type)}

    def unfit(self, rows: pl.DataFrame) -> list[Mistake]:
        """Why the step is a mistake on rows like these, a sample of those that come to it; `plan` and `run` refuse it then."""
        return []

    def held_out(self) -> dict[str, Any]:
        """How well what the step learns from labels ranks rows that it has not seen: {rows, good, auc, low, high}, told by `plan`;
        empty where it learns nothing."""
        return {}

    def remarks(self) -> list[str]:
        """What is odd about the step's own files and yet no mistake (lines that can't be read): told with the run's numbers."""
        return []

    @property
    def key(self) -> str:
        """blake2b of name, version and every field; a field marked `Input` enters by the content of its files."""
        return self.key_without()

    def key_without(self, *without: str) -> str:
        """As `key`, without some of the fields."""
        told = {name: value for name, value in self.parameters.items() if name not in without}
        for name, patterns in self.inputs.items():
            if name in told:
                told[name] = [digest_file(path) for pattern in patterns for path in files(pattern)]
        text = json.dumps([self.name, self.version, told], sort_keys=True, ensure_ascii=False)
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


class Edit(Step):
    """Same rows, same order, other contents."""

    idempotent: ClassVar[bool] = True
    """False waives 'twice is once' (say why in the docstring)."""

    def guard(self) -> pl.Expr | None:
        """An expression on a string column `content`: strings for which it is false can't be changed by this step.

        Pass it to `rewrite(..., where=)`. A property test proves that guard and no guard give the same answer.
        """
        return None

    @abstractmethod
    def edit(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows with the columns of `writes` changed."""


class Filter(Step):
    """Says why a row must go."""

    @abstractmethod
    def why(self, rows: pl.DataFrame) -> pl.DataFrame:
        """VERDICT, one line per row, `reason` null for a row that stays. See `verdict`."""


class Compare(Step):
    """Rows judged against each other through sketches small enough to travel: sketch a shard, relate all sketches, decide."""

    late: ClassVar[tuple[str, ...]] = ()
    """The parameters that only `decide` and `report` read (a threshold, who stays). Where there are any, what `relate` found is
    kept, and another value of theirs looks at no row again."""

    @property
    def early_key(self) -> str:
        """As `key`, without the parameters of `late`: what sketches and relations depend on."""
        return self.key_without(*self.late)

    @abstractmethod
    def sketch(self, rows: pl.DataFrame) -> pl.DataFrame:
        """`row` and the little that decides."""

    def relate(self, sketches: pl.DataFrame) -> pl.DataFrame:
        """What of all sketches `decide` needs: those that have a twin, pairs and how alike they are; all of them, if not overridden."""
        return sketches

    @abstractmethod
    def decide(self, related: pl.DataFrame) -> pl.DataFrame:
        """Either DECISION, a line per row that leaves, or `row` and the columns of `writes`, a line per row."""

    def report(self, related: pl.DataFrame) -> dict[str, Any]:
        """What the ledger should tell of the comparison as a whole (conflicts, leaks); JSON values, no contents of rows."""
        return {}


class Grow(Step):
    """New rows out of old ones. The old ones stay."""

    @abstractmethod
    def grow(self, rows: pl.DataFrame) -> pl.DataFrame:
        """New records: `parents` names ids in `rows`; `id` is made of the parents and the step's key. `row` may be null."""


Role = Literal["text", "system", "developer", "user", "assistant", "tool"]
Profile = Literal["auto", "ko", "en", "mixed", "code"]


@dataclass(frozen=True)
class TextStep(Step):
    """A step on strings: which ones, and by which language's rules."""

    on: tuple[Role, ...] = field(default=("text", "user", "assistant"), kw_only=True)
    """The strings it works on: `text`, and the turns of these roles. Tool calls and their JSON always pass untouched."""
    profile: Profile = field(default="auto", kw_only=True)
    """The rules: auto routes every row by its own script (see profiles.py)."""

    @property
    def looks(self) -> tuple[str, ...] | None:
        return (*CONTENTS, *self.reads)


def verdict(reason: pl.Expr, value: pl.Expr | None = None, threshold: pl.Expr | None = None, witness: pl.Expr | None = None) -> list[pl.Expr]:
    """The four expressions of VERDICT, for `rows.select(...)`; what is not given is null, and nulls stay without value."""
    given = {"reason": reason, "value": value, "threshold": threshold, "witness": witness}
    out = []
    for name, dtype in VERDICT.items():
        e = given[name]
        filled = pl.lit(None, dtype=dtype) if e is None else pl.when(reason.is_not_null()).then(e.cast(dtype))
        out.append(filled.alias(name))
    return out


def files(pattern: str) -> list[Path]:
    """The files that a path, a folder or a glob names, sorted; every file below a folder, hidden ones left out. Of urls, copies."""
    if remote.is_remote(pattern):
        return [remote.at_hand(url, remote.home()) for url in remote.find(pattern)]
    path = Path(pattern)
    if path.is_file():
        return [path]
    found = path.rglob("*") if path.is_dir() else (Path(p) for p in glob.glob(pattern, recursive=True))
    return sorted(p for p in found if p.is_file() and not any(part.startswith(".") and part not in (".", "..") for part in p.parts))


def digest_file(path: str | Path) -> str:
    """blake2b-128 of a file's bytes, as hex; of a folder (an export that is one) those of its files with their names.

    Raises FileNotFoundError: a missing file is found by `plan`, before anything runs.
    """
    if Path(path).is_dir():
        told = "\n".join(f"{file.relative_to(path)} {digest_file(file)}" for file in files(str(path)))
        return hashlib.blake2b(told.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()  # type: ignore[arg-type]
