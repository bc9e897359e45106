"""Training, as ratios of CPU-seconds within one run: `python benchmarks/train.py [ROWS [TOKENS [SEEDS]]]`.

Short Korean reviews (../shared/data/nsmc_raw) with a label to answer, one tiny base (1.3M parameters), one budget of tokens, five ways to
train it, each in a process of its own and for every seed:

    dadeum            our batches under TRL's trainer: packing, the vocabulary computed where a token carries loss, one thread, checkpoints
    TRL               SFTTrainer as it comes on the same rows as prompt and completion (learning rate and number of rows aside)
    TRL, one thread   the same with two choices of ours that are none of its doing: one CPU thread and 32-bit numbers
    TRL, packed       that with its own packing
    loop              thirty lines of torch over rows of like length: no checkpoints, nothing to resume, to look at or to stop early by

Useful tokens are those of the rows, padding not counted. CPU-seconds are those of the call that trains, and in the second column those of
the whole process: imports, loading, tokenising and saving. A step holds eight rows' worth of tokens, TRL's default, everywhere but in its
packing. Held-out losses are compared item by item over all seeds.
"""

from __future__ import annotations

import gzip
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
DATA = HERE.parent.parent / "shared/data/nsmc_raw"
RATE, HELD = 1e-3, 300
WAYS = ("dadeum", "TRL", "TRL, one thread", "TRL, packed", "loop")


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def reviews(n: int, least: int = 1) -> list[tuple[str, str]]:
    """(review, label) of the first n clearly good or bad reviews of so many characters at least."""
    found: list[tuple[str, str]] = []
    for path in sorted(DATA.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                stars, text = int(float(row.get("rating") or row.get("score") or 0)), row.get("review") or ""
                if len(text) >= least and (stars >= 9 or 1 <= stars <= 4):
                    found.append((text, "좋음" if stars >= 9 else "나쁨"))
                if len(found) >= n:
                    return found
    return found


class Task:
    """What every way is given: rows, base, budget, seed and the folder for its model."""

    def __init__(self, folder: Path, seed: int, out: Path):
        from dadeum.format.supervise import supervise
        from dadeum.format.tokens import load_tokenizer
        from dadeum.record import records
        from dadeum.settings import Train

        given = json.loads((folder / "task.json").read_text())
        self.rows, self.base, self.budget, self.seed, self.out = given["rows"], given["base"], given["budget"], seed, out
        self.frame = records([{"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": label}]} for text, label in self.rows])
        self.train, self.held = self.frame[:-HELD], self.frame[-HELD:]
        plain = Train(base=self.base, tokens=self.budget, learning_rate=RATE, evaluations=0)
        self.examples = supervise(self.train, load_tokenizer(self.base), plain).examples
        self.lengths = [len(e.ids) for e in self.examples]
        self.batch = 8 * round(sum(self.lengths) / len(self.lengths))
        self.settings = Train(base=self.base, tokens=self.budget, batch_tokens=self.batch, micro_tokens=self.batch, learning_rate=RATE, evaluations=0)


def dadeum(task: Task) -> tuple[int, float, int]:
    """(useful tokens, CPU-seconds of the trainer's `train`, steps), checkpoints written and memory watched in them."""
    from transformers import Trainer

    from dadeum.train import loop

    train, spent = Trainer.train, []

    def timed(self: Any, *arguments: Any, **named: Any) -> Any:
        began = cpu()
        done = train(self, *arguments, **named)
        spent.append(cpu() - began)
        return done

    Trainer.train = timed  # type: ignore[method-assign]
    made = loop.train(task.train, None, task.base, task.settings, task.seed, task.out)
    return made.tokens, sum(spent), made.steps


def trl(task: Task, **chosen: Any) -> tuple[int, float, int]:
    """SFTTrainer with its defaults but for what is `chosen`, on the rows in random order until the budget is spent."""
    import numpy as np
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    rng, n = np.random.default_rng(task.seed), len(task.lengths)
    order = np.concatenate([rng.permutation(n) for _ in range(-(-task.budget // sum(task.lengths)))])
    order = order[: int(np.searchsorted(np.cumsum([task.lengths[i] for i in order]), task.budget)) + 1]
    rows = [task.rows[task.examples[i].row] for i in order]
    took = [{"prompt": [{"role": "user", "content": text}], "completion": [{"role": "assistant", "content": label}]} for text, label in rows]
    settings = SFTConfig(output_dir=str(task.out), num_train_epochs=1, learning_rate=RATE, seed=task.seed, report_to="none", disable_tqdm=True, use_cpu=True, **chosen)
    trainer = SFTTrainer(model=task.base, args=settings, train_dataset=Dataset.from_list(took))
    began = cpu()
    trainer.train()
    spent = cpu() - began
    trainer.save_model(str(task.out))
    return sum(task.lengths[i] for i in order), spent, trainer.state.global_step


def loop(task: Task) -> tuple[int, float, int]:
    """Rows of like length under AdamW with a linear schedule."""
    import numpy as np
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.manual_seed(task.seed)
    model = AutoModelForCausalLM.from_pretrained(task.base, dtype=torch.float32)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.0, fused=True)
    rng, seen, steps, began = np.random.default_rng(task.seed), 0, 0, cpu()
    while seen < task.budget:
        order, batches = sorted(range(len(task.examples)), key=lambda i: task.lengths[i]), []
        while order:
            longest = task.lengths[order[-1]]
            batches.append([order.pop() for _ in range(min(len(order), max(1, task.batch // longest)))])
        for k in rng.permutation(len(batches)):
            batch = [task.examples[i] for i in batches[k]]
            width = max(len(e.ids) for e in batch)
            ids, labels = (torch.full((len(batch), width), fill) for fill in (0, -100))
            for r, e in enumerate(batch):
                ids[r, : len(e.ids)], labels[r, : len(e.ids)] = torch.as_tensor(e.ids), torch.as_tensor(e.labels)
            hidden = model.model(input_ids=ids, use_cache=False)[0][:, :-1]
            where = labels[:, 1:] != -100
            torch.nn.functional.cross_entropy(model.lm_head(hidden[where]), labels[:, 1:][where].long()).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            for group in optimizer.param_groups:
                group["lr"] = RATE * max(0.0, 1 - seen / task.budget)
            optimizer.step()
            optimizer.zero_grad()
            seen, steps = seen + sum(len(e.ids) for e in batch), steps + 1
            if seen >= task.budget:
                break
    spent = cpu() - began
    model.save_pretrained(task.out)
    AutoTokenizer.from_pretrained(task.base).save_pretrained(task.out)
    return seen, spent, steps


def child(way: str, seed: int, folder: Path) -> None:
    """One training in this process; prints what it took as the last line."""
    import torch

    task = Task(folder, seed, folder / way / str(seed))
    if way not in ("dadeum", "TRL"):
        torch.set_num_threads(1)
    run = {"dadeum": lambda: dadeum(task), "TRL": lambda: trl(task), "TRL, one thread": lambda: trl(task, bf16=False), "TRL, packed": lambda: trl(task, bf16=False, packing=True), "loop": lambda: loop(task)}
    print("\n" + json.dumps(run[way]()))


def held_out(folder: Path, task: Task) -> Any:
    """Nats per supervised token of every held-out row."""
    import numpy as np

    from dadeum.train import generate

    lost = generate.losses(folder, task.held, task.settings)
    return lost["nll"].to_numpy() / np.maximum(1, lost["tokens"].to_numpy())


def main(n: int = 2000, budget: int = 60_000, seeds: int = 3) -> None:
    if not DATA.is_dir():
        sys.exit("../shared/data is absent: nothing to train on")
    import numpy as np

    from dadeum.evaluate.compare import Arm, compare
    from dadeum.settings import Tiny
    from dadeum.train.tiny import make

    found = reviews(n + HELD)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        base = str(make(Tiny(vocabulary=4096, layers=4, pretrain_tokens=200_000), [text for text, _ in found], folder, 0))
        (folder / "task.json").write_text(json.dumps({"rows": found, "base": base, "budget": budget}))
        task = Task(folder, 0, folder)
        print(f"{len(task.examples)} rows, {sum(task.lengths) / len(task.lengths):.0f} tokens each; {budget:,} tokens a training, {seeds} trainings a way\n")
        tokens, spent, whole, steps, scores = ({way: [] for way in WAYS} for _ in range(5))  # type: ignore[var-annotated]
        for seed in range(seeds):
            for way in WAYS:
                before = resource.getrusage(resource.RUSAGE_CHILDREN)
                done = subprocess.run([sys.executable, __file__, "--child", way, str(seed), name], capture_output=True, text=True, env={**os.environ, "TRANSFORMERS_VERBOSITY": "error"})
                if done.returncode:
                    sys.exit(f"{way}, seed {seed}: {done.stderr[-2000:]}")
                after = resource.getrusage(resource.RUSAGE_CHILDREN)
                seen, took, times = json.loads(done.stdout.strip().splitlines()[-1])
                tokens[way].append(seen)
                spent[way].append(took)
                steps[way].append(times)
                whole[way].append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
                scores[way].append(held_out(folder / way / str(seed), task))
        arms = {way: Arm(way, np.stack(scores[way])) for way in WAYS}
        rate = {way: sum(tokens[way]) / sum(spent[way]) for way in WAYS}
        print("| way | steps | useful tokens a CPU-second | × TRL | × TRL, whole process | held-out loss | minus dadeum's (95 %) |\n|---|---|---|---|---|---|---|")
        for way in WAYS:
            d = compare(arms[way], arms["dadeum"], resamples=1999)
            against = (sum(tokens[way]) / sum(whole[way])) / (sum(tokens["TRL"]) / sum(whole["TRL"]))
            least = f"{d.difference:+.4f} ({d.low:+.4f} to {d.high:+.4f})" if way != "dadeum" else ""
            print(f"| {way} | {steps[way][0]} | {rate[way]:,.0f} | {rate[way] / rate['TRL']:.1f} | {against:.1f} | {arms[way].scores.mean():.4f} | {least} |")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
    else:
        main(*map(int, sys.argv[1:]))
