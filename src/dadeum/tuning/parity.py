"""The parity certificate: model/parity.json says that whoever loads `model/` sees what the training saw.

On golden prompts (Korean, decomposed Hangul, an empty system turn, a history, tools) four ways to the ids are held against each other:

    trainer       our renderer and encoder with the base's tokenizer and the recipe's template: how every row was trained
    transformers  AutoTokenizer.apply_chat_template on the folder
    exported      chat_template.jinja and tokenizer.json alone, which is what other servers read
    server        `transformers serve` on loopback, called with the openai client: the ids that reached its model, and its greedy answer

A prompt that the template refuses has to be refused by all. And the logits: of the adapter on its base against the merged weights read
back. Digests tell which template, tokenizer, weights, data and recipe this was said of.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import orjson

from dadeum.errors import DadeumError
from dadeum.format.template import RefusedError, Template
from dadeum.format.tokens import encode, hushed, load_tokenizer
from dadeum.recipe import Recipe
from dadeum.settings import Train
from dadeum.step import digest_file

TOOL: Final = {
    "type": "function",
    "function": {
        "name": "order_state",
        "description": "주문 상태를 찾는다. Finds the state of an order.",
        "parameters": {"type": "object", "properties": {"number": {"type": "string"}}, "required": ["number"]},
    },
}
PROMPTS: Final[dict[str, tuple[list[dict[str, Any]], list[Any] | None]]] = {
    "korean": ([{"role": "user", "content": "주문 12-345는 언제 도착하나요? 급해요!"}], None),
    "english": ([{"role": "user", "content": "When will order 12-345 arrive?"}], None),
    "decomposed": ([{"role": "user", "content": "\u1112\u1161\u11ab\u1100\u1173\u11af 한글  두 칸\n\n새 줄 🙂"}], None),
    "empty system": ([{"role": "system", "content": ""}, {"role": "user", "content": "안녕하세요."}], None),
    "system": ([{"role": "system", "content": "짧게 답하세요. Answer briefly."}, {"role": "user", "content": "왜 늦나요?"}], None),
    "history": (
        [{"role": "user", "content": "환불해 주세요."}, {"role": "assistant", "content": "주문 번호가 무엇인가요?"}, {"role": "user", "content": "A-7"}],
        None,
    ),
    "tools": ([{"role": "user", "content": "주문 12-345를 찾아 주세요."}], [TOOL]),
}
ANSWER: Final = 16
"""Tokens of a greedy answer that are held against the server's."""
ALLOWED: Final = {"float32": 1e-3, "bfloat16": 0.25}
"""How far logits may lie apart, as a share of the largest: merging an adapter rounds."""
NAME: Final = "parity.json"


def certify(recipe: Recipe, out: Path, told: dict[str, Any], serve: bool) -> dict[str, Any] | None:
    """Write the certificate beside the model and give it; what was certified before, and has not changed, is not looked at again.

    told: run.json's content. serve: start a server too. None where the model writes no text (a head that scores).
    """
    folder = out / "model"
    if not (folder / "tokenizer.json").exists() or not (folder / "chat_template.jinja").exists():
        return None
    settings = recipe.train or Train()
    if settings.objective in ("reward", "classify"):
        return None
    marks = _digests(folder, told)
    path = folder / NAME
    before = _before(path)
    if before.get("digests") == marks and (before["server"]["asked"] or not serve):
        return before
    made = parity(folder, settings, serve)
    made = {"verdict": made.pop("verdict"), "digests": marks, "versions": {name: version(name) for name in ("transformers", "tokenizers", "torch")}, **made}
    draft = path.with_suffix(".draft")
    draft.write_bytes(orjson.dumps(made, option=orjson.OPT_INDENT_2))
    draft.replace(path)
    return made


def _before(path: Path) -> dict[str, Any]:
    """The certificate that lies there; empty where there is none, or a damaged one."""
    try:
        return dict(orjson.loads(path.read_bytes()))
    except (FileNotFoundError, ValueError, TypeError):
        return {}


def parity(folder: Path, settings: Train, serve: bool = True) -> dict[str, Any]:
    """{verdict: agree or differ, prompts, server, logits} of a model's folder. Raises DadeumError where the folder cannot be read."""
    from dadeum.serve import missing, served
    from dadeum.train.base import load

    ways = {"trainer": _trainer(folder, settings), "transformers": _transformers(folder), "exported": _exported(folder)}
    prompts: list[dict[str, Any]] = []
    for name, (messages, tools) in PROMPTS.items():
        ids = {way: made(messages, tools) for way, made in ways.items()}
        ours = ids["trainer"]
        same = {way: "same" if ids[way] == ours else "differs" for way in ("transformers", "exported")}
        prompts.append({"prompt": name, "tokens": None if ours is None else len(ours), "digest": _digest(ours), **same})
    server: dict[str, Any] = {"asked": False, "why_not": ""}
    if not serve:
        server["why_not"] = "prove.served is false"
    elif absent := missing():
        server["why_not"] = f"not installed: {', '.join(absent)} (pip install dadeum[serve])"
    elif not (folder / "config.json").exists() or not any(folder.glob("*.safetensors")):
        server["why_not"] = "the folder holds no whole model that could be served"
    else:
        tokenizer, model = load_tokenizer(folder), load(folder).eval()
        try:
            with served(folder) as running:
                told = [{} if e["tokens"] is None else _asked(running, tokenizer, model, *PROMPTS[e["prompt"]], ways["trainer"]) for e in prompts]
            prompts = [entry | more for entry, more in zip(prompts, told)]
            server["asked"] = True
        except DadeumError as error:  # the model is there all the same; the next call tries again
            server["why_not"] = str(error)
    logits = _logits(folder, settings)
    wrong = [e["prompt"] for e in prompts if "differs" in e.values()]
    fine = not wrong and (logits is None or logits["agree"])
    return {"verdict": "agree" if fine else "differ", "prompts": prompts, "server": server, "logits": logits}


Way = Callable[[list[dict[str, Any]], list[Any] | None], list[int] | None]
"""The ids of a prompt; None where the template refuses it."""


def _trainer(folder: Path, settings: Train) -> Way:
    """By what the training took, not by what it wrote; only where the base has gone since, by the folder."""
    base = json.loads((folder / "training.json").read_text(encoding="utf-8"))["base"]
    gone = Path(base).is_absolute() and not Path(base).is_dir()
    tokenizer = load_tokenizer(folder if gone else base)
    template = Template.of(tokenizer, settings.template)

    def ids(messages: list[dict[str, Any]], tools: list[Any] | None) -> list[int] | None:
        try:
            return [int(i) for i in encode(tokenizer, [template.render(messages, tools, prompt=True)])[0]]
        except RefusedError:
            return None

    return ids


def _transformers(folder: Path) -> Way:
    from transformers import AutoTokenizer

    tokenizer = hushed(AutoTokenizer.from_pretrained(folder))

    def ids(messages: list[dict[str, Any]], tools: list[Any] | None) -> list[int] | None:
        import jinja2

        try:
            made: Any = tokenizer.apply_chat_template(messages, tools=tools, add_generation_prompt=True, tokenize=True, return_dict=True)
        except jinja2.TemplateError:
            return None
        return list(made["input_ids"])

    return ids


def _exported(folder: Path) -> Way:
    """The two files alone: the template rendered as it stands in the file, the text encoded by tokenizer.json."""
    import tokenizers
    from transformers import AutoTokenizer

    raw = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    source = (folder / "chat_template.jinja").read_text(encoding="utf-8")
    renderer = AutoTokenizer.from_pretrained(folder)
    renderer.chat_template = None

    def ids(messages: list[dict[str, Any]], tools: list[Any] | None) -> list[int] | None:
        import jinja2

        try:
            text = renderer.apply_chat_template(messages, tools=tools, chat_template=source, add_generation_prompt=True, tokenize=False)
        except jinja2.TemplateError:
            return None
        return list(raw.encode(text, add_special_tokens=False).ids)

    return ids


def _asked(running: Any, tokenizer: Any, model: Any, messages: list[dict[str, Any]], tools: list[Any] | None, ours: Way) -> dict[str, str]:
    """Whether the server's ids and greedy answer are ours."""
    mine = ours(messages, tools) or []
    heard, said = running.ask(messages, tools, ANSWER), _greedy(model, mine)
    text = str(tokenizer.decode(said, skip_special_tokens=True)).strip()
    same = heard.said == said and (heard.text is None or heard.text.strip() == text)
    return {"server": "same" if heard.asked == mine else "differs", "answer": "same" if same else "differs"}


def _greedy(model: Any, ids: list[int]) -> list[int]:
    import torch

    from dadeum.train.machine import quiet

    with torch.no_grad(), quiet():
        made = model.generate(input_ids=torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long), max_new_tokens=ANSWER, do_sample=False)
    return [int(i) for i in made[0, len(ids) :]]


def _logits(folder: Path, settings: Train) -> dict[str, Any] | None:
    """The adapter on its base against the merged weights: {apart, largest, same_first, agree}; None where there is no adapter beside them."""
    adapter = folder / "adapter"
    if not (adapter / "adapter_config.json").exists():
        return None
    import torch
    from peft import PeftModel

    from dadeum.train.base import load
    from dadeum.train.machine import quiet

    base = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8")).get("base_model_name_or_path")
    if not base:
        raise DadeumError(f"{adapter}: does not say which base it belongs to")
    tokenizer = load_tokenizer(folder)
    texts = encode(tokenizer, [message["content"] or "-" for messages, _ in PROMPTS.values() for message in messages])
    with quiet(), torch.no_grad():
        merged, apart_from = load(folder).eval(), PeftModel.from_pretrained(load(base), str(adapter)).eval()
        far, largest, same, n = 0.0, 0.0, 0, 0
        for ids in texts:
            tokens = torch.tensor([list(ids)])
            a, b = (model(input_ids=tokens, use_cache=False).logits.float() for model in (apart_from, merged))
            far, largest = max(far, float((a - b).abs().max())), max(largest, float(a.abs().max()))
            same, n = same + int((a.argmax(-1) == b.argmax(-1)).sum()), n + tokens.shape[1]
    allowed = ALLOWED["bfloat16" if settings.method == "qlora" else "float32"] * max(1.0, largest)
    return {"apart": far, "largest": largest, "same_first": same / n, "allowed": allowed, "agree": far <= allowed}


def _digests(folder: Path, told: dict[str, Any]) -> dict[str, Any]:
    weights = sorted(p for p in folder.rglob("*.safetensors"))
    return {
        "template": digest_file(folder / "chat_template.jinja"),
        "tokenizer": digest_file(folder / "tokenizer.json"),
        "weights": {str(p.relative_to(folder)): digest_file(p) for p in weights},
        "data": told.get("dataset_digest"),
        "recipe": told.get("recipe_digest"),
    }


def _digest(ids: list[int] | None) -> str | None:
    return None if ids is None else hashlib.blake2b(json.dumps(ids).encode(), digest_size=8).hexdigest()
