"""Checkpoints that count only when whole, and the record of a finished training.

transformers writes a checkpoint in place, so a killed run leaves half ones. Ours counts from the moment that its last file,
`whole.json`, is renamed into it; it names the training (rows, masks, settings, base, seed) that it belongs to.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import polars as pl

from dadeum.errors import DadeumError
from dadeum.format.supervise import Supervision
from dadeum.settings import Train
from dadeum.step import digest_file

CURVE: Final = pl.Schema({"step": pl.UInt32(), "tokens": pl.UInt64(), "loss": pl.Float64(), "eval_loss": pl.Float64()})
_FULL: Final = ("PytorchStreamWriter", "No space left", "File too large", "Disk quota", "file write failed", "unexpected pos")
"""How torch and safetensors say that the disk is full."""
WHOLE: Final = "whole.json"
RECORD: Final = "training.json"
ABOUT: Final = (RECORD, "parity.json")
"""Files that speak of a model and are no part of it."""
APART: Final = ("seeds", "checks", "price_per_hour", "target", "stages")
"""Settings that change nothing in a single training."""
Progress = Callable[[dict[str, Any]], None]
"""Told of every step."""


@dataclass(frozen=True)
class Trained:
    """What a training made. `curve`: one line per logged step or evaluation, nulls where one of both was not taken; step 0 is the untrained model."""

    folder: Path
    curve: pl.DataFrame
    ledger: pl.DataFrame
    """The supervision ledger of the training rows."""
    tokens: int
    """Tokens seen, padding not counted."""
    steps: int
    planned_steps: int
    best_step: int
    """The step whose weights were kept."""
    eval_loss: float | None
    """Of the weights that were kept."""
    learning_rate: float
    parameters: int
    trainable: int
    device: str
    seconds: float
    cpu_seconds: float
    resumed: bool
    peak_bytes: int | None = None
    """The most memory of the first steps (actual.py); null where it could not be counted."""
    grew_bytes: int | None = None
    """By how much the whole process grew, which is more than its tensors (actual.py)."""
    before: float | None = None
    """The held-out loss before the first step."""
    measures: dict[str, float] = field(default_factory=dict)
    """Of the held-out rows at the best step, by the objective's names: accuracy and margin of pairs, accuracy and macro_f1 of labels."""


def last_whole(checkpoints: Path, key: str) -> Path | None:
    """The newest whole checkpoint of this very training."""
    whole = []
    for mark in checkpoints.glob(f"checkpoint-*/{WHOLE}"):
        with contextlib.suppress(OSError, ValueError):
            if json.loads(mark.read_text(encoding="utf-8"))["key"] == key:
                whole.append(mark.parent)
    return max(whole, key=lambda p: int(p.name.rpartition("-")[2]), default=None)


def claim(checkpoints: Path, key: str) -> None:
    """Empty the folder of everything that is not a whole checkpoint of this training."""
    for path in checkpoints.glob("checkpoint-*"):
        mark = path / WHOLE
        if not mark.exists() or json.loads(mark.read_text(encoding="utf-8") or "{}").get("key") != key:
            shutil.rmtree(path)
    checkpoints.mkdir(parents=True, exist_ok=True)


def seal(checkpoint: Path, key: str) -> None:
    """Say that a checkpoint is whole."""
    path, text = checkpoint / WHOLE, json.dumps({"key": key})
    draft = path.with_suffix(".draft")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


@contextlib.contextmanager
def disk_told(folder: Path) -> Iterator[None]:
    """Say in words that the disk was full while a checkpoint or a model was written: torch and safetensors raise errors of their own.

    Raises DadeumError. What was whole before stays, so the same command goes on from the last whole checkpoint.
    """
    try:
        yield
    except Exception as error:
        said = str(error)
        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        if not full and not any(sign in said for sign in _FULL):
            raise
        there = next(place for place in (folder, *folder.parents) if place.exists())
        free = shutil.disk_usage(there).free
        raise DadeumError(
            f"a checkpoint or the model could not be written into {folder} ({said.splitlines()[0][:120] if said else type(error).__name__}; "
            f"{free / 1e6:,.0f} MB are free): make room and run the same command again, which goes on from the last whole checkpoint"
        ) from error


def restore(model: Any, checkpoint: Path) -> None:
    """Put a checkpoint's weights into the model where transformers' trainer could not: it looks for the names in the file, and some
    families (GPT-NeoX) write other names than they have in memory. Their output layer was left as it was, in silence (5.23)."""
    from safetensors import safe_open

    files = sorted(checkpoint.glob("model*.safetensors"))
    names: set[str] = set()
    for path in files:
        with safe_open(path, "pt") as held:
            names |= set(held.keys())
    if not names <= set(model.state_dict()):
        model.load_state_dict(type(model).from_pretrained(checkpoint, dtype=model.dtype).state_dict())


def identity(taught: Supervision, held: Supervision | None, base: str, settings: Train, seed: int) -> str:
    """What a checkpoint or a finished model must have been made of to be taken up again."""
    folder = Path(base)
    weights = sorted(p for p in folder.glob("*") if p.suffix in (".safetensors", ".bin", ".json") and p.name not in ABOUT) if folder.is_dir() else []
    model = [digest_file(p) for p in weights] or base
    told = [taught.digest, held.digest if held else "", model, {**asdict(settings), **dict.fromkeys(APART)}, seed, *map(version, ("torch", "transformers", "trl"))]
    return hashlib.blake2b(json.dumps(told, sort_keys=True).encode(), digest_size=16).hexdigest()


def trained(folder: Path, record: dict[str, Any], taught: Supervision) -> Trained:
    """A record as it lies in `training.json`, and the ledger of its rows."""
    names = set(Trained.__dataclass_fields__) - {"folder", "curve", "ledger"}
    curve = pl.DataFrame(record["curve"], schema=CURVE)
    return Trained(folder=folder, curve=curve, ledger=taught.ledger, **{name: record[name] for name in names if name in record})


def finished(out: Path, key: str, taught: Supervision) -> Trained | None:
    """The training that `out` holds, if it is this very one and none of its files is missing or cut off."""
    try:
        record = json.loads((out / RECORD).read_text(encoding="utf-8"))
        whole = record["key"] == key and all((out / name).stat().st_size == size for name, size in record.get("files", {}).items())
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return trained(out, record, taught) if whole else None


def taken_up(out: Path, key: str, taught: Supervision) -> Trained | None:
    """The training at hand where it lies beside `out` as another stage (`tuned-0`, `tuned-0.2-b`), copied to `out`: the last stage's model
    has the arm's own name and loses it as soon as a stage is added behind it."""
    arm = out.name.partition(".")[0]
    for path in sorted((*out.parent.glob(f"{arm}/{RECORD}"), *out.parent.glob(f"{arm}.*/{RECORD}"))):
        if path.parent != out and finished(path.parent, key, taught) is not None:
            draft = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
            try:
                with disk_told(out.parent):
                    shutil.copytree(path.parent, draft, dirs_exist_ok=True, copy_function=_linked)
                shutil.rmtree(out, ignore_errors=True)
                os.replace(draft, out)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
            return finished(out, key, taught)
    return None


def _linked(source: str, target: str) -> None:
    """Weights are never written to again, so both names may have the same bytes on the disk."""
    if source.endswith(".safetensors"):
        with contextlib.suppress(OSError):
            os.link(source, target)
            return
    shutil.copy2(source, target)
