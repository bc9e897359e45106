"""Training and answering, as ratios of CPU-seconds within one run: `python benchmarks/train.py [ROWS [TOKENS]]`.

Short Korean reviews (../shared/data/nsmc_raw) with a label to answer, one tiny base, one budget of tokens, three ways to train it:

    dadeum     our batches under TRL's trainer: packing, and the vocabulary computed where a token carries loss
    TRL        SFTTrainer with its defaults on the same rows as prompt and completion (learning rate and number of rows aside)
    loop       twenty lines of torch over rows of like length: no checkpoints, no schedule by name, nothing to resume or to look at

Useful tokens are those of the rows, padding not counted. The held-out losses are compared item by item. Then the same model answers the
held-out prompts in batches of like length and one by one; where answers differ, two tokens were as good as alike to the last bit of a sum.
"""

from __future__ import annotations

import gzip
import json
import resource
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
DATA = HERE.parent.parent / "shared/data/nsmc_raw"
RATE, SEED = 1e-3, 0
BATCH = 288
"""Tokens of a step: eight of these rows, TRL's default batch, so that all ways take the same number of steps."""


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def reviews(n: int) -> list[tuple[str, str]]:
    """(review, label) of the first n reviews that are clearly good or bad."""
    found: list[tuple[str, str]] = []
    for path in sorted(DATA.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                stars, text = int(float(row.get("rating") or row.get("score") or 0)), row.get("review") or ""
                if text and (stars >= 9 or 1 <= stars <= 4):
                    found.append((text, "좋음" if stars >= 9 else "나쁨"))
                if len(found) >= n:
                    return found
    return found


def plain_trl(base: str, rows: list[tuple[str, str]], lengths: list[int], budget: int, out: Path) -> tuple[int, float]:
    """(useful tokens, CPU-seconds) of SFTTrainer with its defaults on the rows, over and over until the budget is spent."""
    import numpy as np
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    order = np.concatenate([np.random.default_rng(SEED + k).permutation(len(rows)) for k in range(-(-budget // sum(lengths)))])
    order = order[: int(np.searchsorted(np.cumsum([lengths[i] for i in order]), budget)) + 1]
    took = [{"prompt": [{"role": "user", "content": rows[i][0]}], "completion": [{"role": "assistant", "content": rows[i][1]}]} for i in order]
    settings = SFTConfig(output_dir=str(out / "TRL"), num_train_epochs=1, learning_rate=RATE, seed=SEED, report_to="none", disable_tqdm=True, save_strategy="no", bf16=False, use_cpu=True)
    trainer = SFTTrainer(model=base, args=settings, train_dataset=Dataset.from_list(took))
    began = cpu()
    trainer.train()
    spent = cpu() - began
    trainer.save_model(str(out / "TRL"))
    return sum(lengths[i] for i in order), spent


def bare_loop(base: str, examples: list, budget: int, out: Path) -> tuple[int, float]:  # type: ignore[type-arg]
    """The same for rows of like length in batches of BATCH tokens under AdamW with a linear schedule."""
    import numpy as np
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.manual_seed(SEED)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.0, fused=True)
    rng, seen, began = np.random.default_rng(SEED), 0, cpu()
    while seen < budget:
        order, batches = sorted(range(len(examples)), key=lambda i: len(examples[i].ids)), []
        while order:
            longest = len(examples[order[-1]].ids)
            batches.append([order.pop() for _ in range(min(len(order), max(1, BATCH // longest)))])
        for k in rng.permutation(len(batches)):
            batch = [examples[i] for i in batches[k]]
            width = max(len(e.ids) for e in batch)
            ids, labels = (torch.full((len(batch), width), fill) for fill in (0, -100))
            for r, e in enumerate(batch):
                ids[r, : len(e.ids)], labels[r, : len(e.ids)] = torch.as_tensor(e.ids), torch.as_tensor(e.labels)
            hidden = model.model(input_ids=ids, use_cache=False)[0][:, :-1]
            where = labels[:, 1:] != -100
            torch.nn.functional.cross_entropy(model.lm_head(hidden[where]), labels[:, 1:][where].long()).backward()
            for group in optimizer.param_groups:
                group["lr"] = RATE * max(0.0, 1 - seen / budget)
            optimizer.step()
            optimizer.zero_grad()
            seen += sum(len(e.ids) for e in batch)
            if seen >= budget:
                break
    spent = cpu() - began
    model.save_pretrained(out / "loop")
    AutoTokenizer.from_pretrained(base).save_pretrained(out / "loop")
    return seen, spent


def one_by_one(folder: Path, rows: object, most: int) -> tuple[list[str], float]:
    """Greedy answers with a batch of one, the model loaded once; and the CPU-seconds of the answers alone."""
    import torch

    from dadeum.format.conversation import prompts
    from dadeum.format.template import Template
    from dadeum.format.tokens import encode, load_tokenizer
    from dadeum.train.base import load

    tokenizer, model = load_tokenizer(folder), load(folder).eval()
    template = Template.of(tokenizer)
    asked = encode(tokenizer, [template.render(chat.messages or [], prompt=True) for chat in prompts(rows, template.source)])  # type: ignore[arg-type]
    said, began = [], cpu()
    for ids in asked:
        with torch.no_grad():
            tokens = torch.tensor([list(ids)])
            made = model.generate(input_ids=tokens, attention_mask=torch.ones_like(tokens), max_new_tokens=most, do_sample=False)
        said.append(tokenizer.decode(made[0, len(ids) :], skip_special_tokens=True))
    return said, cpu() - began


def main(n: int = 1600, budget: int = 120_000) -> None:
    if not DATA.is_dir():
        sys.exit("../shared/data is absent: nothing to train on")
    import numpy as np

    from dadeum.evaluate.compare import Arm, compare
    from dadeum.format.supervise import supervise
    from dadeum.format.tokens import load_tokenizer
    from dadeum.record import records
    from dadeum.settings import Tiny, Train
    from dadeum.train import generate, loop
    from dadeum.train.tiny import make

    found = reviews(n + 300)
    frame = records([{"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": label}]} for text, label in found])
    train, held = frame[: len(found) - 300], frame[len(found) - 300 :]
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)
        base = str(make(Tiny(pretrain_tokens=100_000), [text for text, _ in found], out, SEED))
        settings = Train(base=base, tokens=budget, batch_tokens=BATCH, micro_tokens=BATCH, learning_rate=RATE, evaluations=0)
        examples = supervise(train, load_tokenizer(base), settings).examples
        lengths = [len(e.ids) for e in examples]
        kept = [found[e.row] for e in examples]
        ours = loop.train(train, None, base, settings, SEED, out / "dadeum")
        told = {"dadeum": (ours.tokens, ours.cpu_seconds)}
        told["TRL"] = plain_trl(base, kept, lengths, settings.tokens, out)
        told["loop"] = bare_loop(base, examples, settings.tokens, out)
        scores = {}
        for way in told:
            lost = generate.losses(out / way, held, settings)
            scores[way] = Arm(way, (lost["nll"].to_numpy() / np.maximum(1, lost["tokens"].to_numpy()))[None], fixed=True)
        rate = {way: tokens / spent for way, (tokens, spent) in told.items()}
        print(f"{len(train)} rows, {sum(lengths) / len(lengths):.0f} tokens each, {settings.tokens:,} tokens\n")
        print("| way | useful tokens a CPU-second | × TRL | held-out loss | minus dadeum's (95 %) |\n|---|---|---|---|---|")
        for way in told:
            d = compare(scores[way], scores["dadeum"], resamples=1999)
            print(f"| {way} | {rate[way]:,.0f} | {rate[way] / rate['TRL']:.1f} | {scores[way].scores.mean():.4f} | {d.difference:+.4f} ({d.low:+.4f} to {d.high:+.4f}) |")
        began = cpu()
        together = generate.answers(out / "dadeum", held, settings, 8)
        batched = cpu() - began
        alone, single = one_by_one(out / "dadeum", held, 8)
        same = sum(a == b for a, b in zip(together, alone))
        print(f"\nanswers: {len(held)} in batches, loading and all, {batched:.1f} CPU-s; one by one {single:.1f} ({single / batched:.1f}x); {same} the same")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
