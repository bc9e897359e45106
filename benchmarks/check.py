"""`dadeum check` over 100,000 rows: CPU-seconds beyond tokenising every row once, and where they go. No model but a tiny one is involved.

    python benchmarks/check.py [ROWS]

Korean and English reviews as chats, drawn from a fixed seed. `tokenise` is one pass of the tokenizer over the rendered rows, the least
that any ledger costs; what check takes above it is rendering, the prefixes that prove the mask, digests, every check and every probe.
"""

from __future__ import annotations

import os

os.environ |= {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "TRANSFORMERS_VERBOSITY": "error"}

import json
import random
import resource
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

TEXT = "배송이 빨라요 포장도 꼼꼼하고 영화는 정말 재미있어요 다시는 안 사요 환불 문의 드립니다 the film was slow but the cast is lovely order arrived late"
WORDS = TEXT.split()
ALLOWED = 60.0


def main(rows: int) -> None:
    """Make the rows, run check in this process, print the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = recipe(folder, rows)
        from dadeum import run, tuning
        from dadeum.format import chats, documents, tokens

        spent: dict[str, float] = {}
        data, _ = timed(lambda: run.stages(made, folder / "run", "split"))
        base, model = timed(lambda: tuning.rows.base_model(made, folder / "run"))
        watched(tokens, "encode", spent)
        for module in (chats, documents):
            module.encode = tokens.encode  # type: ignore[attr-defined]
        whole, found = timed(lambda: run.check(made, folder / "run"))
        texts = [supervised(row) for row in tuning.split(folder / "run", "train")["messages"].to_list()]
        once, _ = timed(lambda: tokens.load_tokenizer(model).backend_tokenizer.encode_batch_fast(texts, add_special_tokens=False))
        n = found["supervision"]["rows"]
        beyond = whole - once
        print(f"{n:,} training rows, {found['supervision']['tokens']:,} tokens; {len(found['probes'])} checks, {found['verdict']}")
        print(f"{'the data before (read, split)':<44}{data:>8.1f} CPU-s")
        print(f"{'the tiny base':<44}{base:>8.1f}")
        print(f"{'tokenise every row once':<44}{once:>8.1f}")
        print(f"{'check':<44}{whole:>8.1f}")
        for what, seconds in sorted(spent.items(), key=lambda item: -item[1]):
            print(f"    {what:<40}{seconds:>8.1f}")
        print(f"{'check beyond tokenising once':<44}{beyond:>8.1f}   {1e5 * beyond / n:.1f} for 100,000 rows, {ALLOWED:g} allowed")


def recipe(folder: Path, rows: int) -> Any:
    """A recipe over so many rows."""
    from dadeum import recipe as recipes

    rng = random.Random(0)
    with (folder / "rows.jsonl").open("w", encoding="utf-8") as file:
        for i in range(rows):
            said = " ".join(rng.choices(WORDS, k=rng.randint(4, 24)))
            turns = [{"role": "user", "content": f"{i}: {said}"}, {"role": "assistant", "content": rng.choice(["긍정", "부정", "I can't tell"])}]
            file.write(json.dumps({"id": str(i), "messages": turns}, ensure_ascii=False) + "\n")
    tiny = {"vocabulary": 2048, "hidden": 64, "layers": 2, "heads": 4, "context": 256, "pretrain_tokens": 20_000}
    train = {"tiny": tiny, "max_length": 256, "batch_tokens": 4096, "device": "cpu"}
    raw = {"sources": [{"path": str(folder / "rows.jsonl")}], "steps": [{"mix.split": {"test": 0.01, "validation": 0.01, "leak": "allow"}}], "train": train}
    return recipes.compose({"name": "check", **raw, "prove": {"items": 200}})


def supervised(turns: list[dict[str, Any]]) -> str:
    """A chat as the tiny base's template writes it."""
    return "".join(f"<|im_start|>{turn['role']}\n{turn['content']}<|im_end|>\n" for turn in turns)


def timed(do: Callable[[], Any]) -> tuple[float, Any]:
    """CPU-seconds, and what came of it."""
    before = cpu()
    made = do()
    return cpu() - before, made


def watched(module: Any, name: str, spent: dict[str, float]) -> None:
    """Count the CPU-seconds of a function."""
    inner = getattr(module, name)

    def outer(*arguments: Any, **more: Any) -> Any:
        before = cpu()
        try:
            return inner(*arguments, **more)
        finally:
            spent[f"of it {name}"] = spent.get(f"of it {name}", 0.0) + cpu() - before

    setattr(module, name, outer)


def cpu() -> float:
    """User and system time of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 102_041)
