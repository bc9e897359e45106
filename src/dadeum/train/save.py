"""Writing the tuned model so that plain transformers loads it: weights, tokenizer, chat template and stop tokens that agree.

What lies there is the method's (methods/): whole weights, an adapter merged into them and beside them, vectors that name their base. The stops that were trained are the stops in generation_config, or the model would not end.
Written to a draft and renamed; then read back, and the logits compared with those of the model in memory.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dadeum.errors import DadeumError
from dadeum.format.template import Template
from dadeum.settings import Train
from dadeum.train.base import head_of, load
from dadeum.train.checkpoints import RECORD
from dadeum.train.machine import quiet
from dadeum.train.methods import Head, of


def save(model: Any, tokenizer: Any, stops: Sequence[int], settings: Train, out: Path, record: Mapping[str, Any] | None = None) -> float:
    """Write `model` to the folder `out` (replaced whole) and give the largest difference of logits after reading it back.

    stops: ids that supervised turns end with. record: what `training.json` says of the training; the sizes of all other files
    go in as `files`, by which a folder that lost one is known.
    Raises DadeumError when what was read back answers differently.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    draft.chmod(0o755)
    try:
        with quiet():
            return _save(model.eval(), tokenizer, stops, settings, draft, out, record)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _save(model: Any, tokenizer: Any, stops: Sequence[int], settings: Train, draft: Path, out: Path, record: Mapping[str, Any] | None) -> float:
    import torch

    device = next(model.parameters()).device
    probe = torch.randint(0, model.get_input_embeddings().num_embeddings, (2, 24), generator=torch.Generator().manual_seed(0)).to(device)
    with torch.no_grad():
        before = model(input_ids=probe, use_cache=False).logits.float()
    head = head_of(model)
    if head is None:
        agree(model, tokenizer, stops)
    elif tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token  # the head finds the last token by what is no padding
    dtype = model.dtype
    of(model).write(model, draft)
    if tokenizer.eos_token is not None:
        tokenizer.chat_template = Template.of(tokenizer, settings.template).source
    tokenizer.save_pretrained(draft)
    apart = _apart(draft, probe, before, dtype, head)
    if record is not None:
        sizes = {path.name: path.stat().st_size for path in sorted(draft.iterdir()) if path.is_file()}
        (draft / RECORD).write_text(json.dumps({**record, "files": sizes}, indent=1), encoding="utf-8")
    shutil.rmtree(out, ignore_errors=True)
    os.replace(draft, out)
    return apart


def agree(model: Any, tokenizer: Any, stops: Sequence[int]) -> None:
    """Make generation stop at every trained stop and at the tokenizer's own end-of-text, and pad with what is no stop if possible."""
    settings = model.generation_config
    had = settings.eos_token_id
    own = [had] if isinstance(had, int) else list(had or [])
    ids = list(dict.fromkeys([*stops, *own, *([tokenizer.eos_token_id] if tokenizer.eos_token_id is not None else [])]))
    settings.eos_token_id = ids[0] if len(ids) == 1 else ids
    model.config.eos_token_id = settings.eos_token_id
    if tokenizer.pad_token_id is not None:
        settings.pad_token_id = tokenizer.pad_token_id
    if not settings.do_sample:
        # Left over from a base that sampled, these would be refused beside greedy decoding.
        settings.temperature = settings.top_p = settings.top_k = None


def _apart(folder: Path, probe: Any, before: Any, dtype: Any, head: Head | None) -> float:
    import torch

    again = load(folder, probe.device.type, train=dtype == torch.float32, head=head).eval()
    with torch.no_grad():
        after = again(input_ids=probe, use_cache=False).logits.float()
    apart = float((after - before).abs().max())
    # Merging adds the adapter's product into the weights, which rounds: exact in neither type, far below any answer's margin in both.
    allowed = (1e-3 if dtype == torch.float32 else 0.25) * max(1.0, float(before.abs().max()))
    if not apart <= allowed:
        raise DadeumError(f"{folder}: the saved model answers differently from the trained one (logits {apart:.3g} apart, {allowed:.3g} allowed)")
    return apart
