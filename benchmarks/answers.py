"""Answers and held-out losses in batches against one by one, in CPU-seconds of one run: `python benchmarks/answers.py [ITEMS [LARGE]]`.

Short Korean reviews (../shared/data/nsmc_raw) asked of tiny models that learned to answer them (0.5M and 1.3M parameters), in four ways:

    labels     좋음 or 나쁨: answers of 3 tokens
    rest       how a review goes on after its first quarter: answers of 30 to 100 tokens
    few-shot   labels, after eight examples that stand before every review
    losses     how well the label is expected

One by one is what anybody would write: the model loaded once; for every row the template rendered, tokenised, `generate` with its defaults (a row
of losses: one forward pass), the answer decoded. Ours is the whole call, loading among it. Both have one CPU thread; with torch's own two the
plain way is measured too, since its threads wait for one another and their waiting counts. Passes take turns; the least of ROUNDS counts, for
what other processes do to the machine's cache makes both slower and the batches more so. Where answers differ, two tokens were as good as
alike to the last bit of a sum: each is shown with how far apart they were.
"""

from __future__ import annotations

import resource
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train import DATA, cpu, reviews

ROUNDS, SEED = 3, 0
ALONE, PAIRED = 200, 20
"""Rows that are asked one by one, and with two threads; what they take is taken for all."""
SIZES = {"0.5M": {"vocabulary": 2048, "hidden": 96, "layers": 3}, "1.3M": {"vocabulary": 4096, "hidden": 128, "layers": 4}}


@dataclass
class Task:
    """A model's folder, the rows it is asked, and how long it may answer."""

    folder: Path
    rows: Any
    most: int

    def turns(self) -> list[list[dict[str, str]]]:
        return [[{"role": t["role"], "content": t["content"]} for t in turns[:-1]] for turns in self.rows["messages"].to_list()]


def alone(task: Task, model: Any, tokenizer: Any, n: int) -> list[str]:
    """The first n rows one after the other."""
    import torch

    said = []
    for turns in task.turns()[:n]:
        asked = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt", return_dict=True)
        with torch.no_grad():
            made = model.generate(**asked, max_new_tokens=task.most, do_sample=False)
        said.append(tokenizer.decode(made[0, asked["input_ids"].shape[1] :], skip_special_tokens=True))
    return said


def losses_alone(task: Task, model: Any, tokenizer: Any, n: int) -> list[float]:
    import torch

    from dadeum.format.supervise import supervise
    from dadeum.settings import Train

    lost = []
    for example in supervise(task.rows[:n], tokenizer, Train(device="cpu")).examples:
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([list(example.ids)])).logits
        lost.append(float(torch.nn.functional.cross_entropy(logits[0, :-1], torch.tensor(list(example.labels)).long()[1:], reduction="sum", ignore_index=-100)))
    return lost


def apart(task: Task, model: Any, tokenizer: Any, row: int, ours: str, theirs: str) -> float:
    """By how much the logits of the two tokens differ where the answers part."""
    import torch

    ids = tokenizer.apply_chat_template(task.turns()[row], add_generation_prompt=True, return_dict=True)["input_ids"]
    a, b = (tokenizer(text, add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id] for text in (ours, theirs))
    at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), 0)
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([[*ids, *b[:at]]])).logits[0, -1]
    return abs(float(logits[a[at]] - logits[b[at]]))


def measured(name: str, task: Task, ours: Callable[[], list[Any]], theirs: Callable[[Task, Any, Any, int], list[Any]]) -> str:
    """A line of the table."""
    import torch

    from dadeum.format.tokens import load_tokenizer
    from dadeum.train.base import load

    tokenizer, model = load_tokenizer(task.folder), load(task.folder).eval()
    n = min(task.rows.height, ALONE)
    spent: dict[str, list[float]] = {"ours": [], "one": [], "two": []}
    said: list[Any] = []
    single: list[Any] = []
    for turn in range(ROUNDS):
        torch.set_num_threads(1)
        began = cpu()
        single = theirs(task, model, tokenizer, n)
        spent["one"].append((cpu() - began) * task.rows.height / n)
        began = cpu()
        said = ours()
        spent["ours"].append(cpu() - began)
        if turn == 0:
            torch.set_num_threads(2)
            began = cpu()
            theirs(task, model, tokenizer, PAIRED)
            spent["two"].append((cpu() - began) * task.rows.height / PAIRED)
    torch.set_num_threads(1)
    least = {way: min(times) for way, times in spent.items()}
    if isinstance(said[0], str):
        differ = [i for i in range(n) if said[i] != single[i]]
        gaps = [apart(task, model, tokenizer, i, said[i], single[i]) for i in differ]
        same = f"{n - len(differ)} of {n} the same" + (f" ({len(set(said))} different ones)" if not gaps else f"; the others' tokens {max(gaps):.1g} apart at most")
    else:
        same = f"{max(abs(a - b) for a, b in zip(said, single)):.1g} nats apart at most"
    return f"| {name} | {task.rows.height:,} | {least['ours']:.2f} | {least['one']:.1f} | {least['one'] / least['ours']:.1f} | {least['two'] / least['ours']:.1f} | {same} |"


def main(items: int = 1000, large: int = 0) -> None:
    """items: rows asked. large: rows of one more line, for how it grows."""
    if not DATA.is_dir():
        sys.exit("../shared/data is absent: nobody to ask")
    from dadeum.record import records
    from dadeum.settings import Tiny, Train
    from dadeum.train import generate, loop
    from dadeum.train.tiny import make

    learned = 3000
    found, cut = reviews(learned + items), [(text[: len(text) // 4], text[len(text) // 4 :]) for text, _ in reviews(learned + items, 90)]
    shown = [turn for text, label in found[:8] for turn in ({"role": "user", "content": text}, {"role": "assistant", "content": label})]

    def rows(pairs: list[tuple[str, str]], before: list[dict[str, str]] | None = None) -> Any:
        return records([{"messages": [*(before or []), {"role": "user", "content": q}, {"role": "assistant", "content": a}]} for q, a in pairs])

    print("| what | items | dadeum, CPU-s | one by one | × | × with two threads | answers |\n|---|---|---|---|---|---|---|", flush=True)
    settings = Train(device="cpu")
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)
        for size, shape in SIZES.items():
            base = str(make(Tiny(**shape, heads=4, context=1024, pretrain_tokens=300_000), [text for text, _ in found], out, SEED))
            taught = Train(base=base, tokens=200_000, batch_tokens=512, micro_tokens=512, learning_rate=1e-3, evaluations=0, device="cpu")
            folders = {}
            for kind, pairs in (("labels", found), ("rest", cut)):
                folders[kind] = out / f"{size}-{kind}"
                loop.train(rows(pairs[:learned]), None, base, taught, SEED, folders[kind])
            held = {"labels": rows(found[learned:]), "rest": rows(cut[learned:]), "few-shot": rows(found[learned:], shown)}
            for kind, frame in held.items():
                task = Task(folders["rest" if kind == "rest" else "labels"], frame, 100 if kind == "rest" else 8)
                print(measured(f"{kind}, {size}", task, lambda task=task: generate.answers(task.folder, task.rows, settings, task.most), alone), flush=True)
            task = Task(folders["labels"], held["labels"], 8)
            print(measured(f"losses, {size}", task, lambda task=task: generate.losses(task.folder, task.rows, settings)["nll"].to_list(), losses_alone), flush=True)
        if large:
            frame = rows(reviews(learned + large)[learned:])
            began = cpu()
            generate.answers(folders["labels"], frame, settings, 8)
            print(f"\n{frame.height:,} labels: {cpu() - began:.1f} CPU-s; peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
