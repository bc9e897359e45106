"""Log-probabilities of the tokens that carry loss, with the vocabulary computed there alone.

On a CPU a chat of 40 tokens with an answer of 3 costs half by that. Some models do more to their logits than the output layer (scaling,
a soft cap): `Words` holds both ways against one another on the first batch and takes the short one only where they agree.
"""

from __future__ import annotations

from typing import Any

from dadeum.format.supervise import IGNORED


def hidden(model: Any, batch: dict[str, Any]) -> Any:
    """The last hidden states, rows x tokens x width, of the input's own tokens (vectors before it left off)."""
    import torch

    inner = bare(model)
    if not prompted(model):
        return inner.base_model(input_ids=batch["input_ids"], position_ids=batch["position_ids"], use_cache=False)[0]
    rows, n = len(batch["input_ids"]), model.active_peft_config.num_virtual_tokens
    words = inner.get_input_embeddings()(batch["input_ids"])
    embedded = torch.cat([model.get_prompt(batch_size=rows).to(words.dtype), words], dim=1)
    return inner.base_model(inputs_embeds=embedded, use_cache=False)[0][:, n:]


def bare(model: Any) -> Any:
    """The transformers model inside."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def prompted(model: Any) -> bool:
    """Whether trained vectors stand before the input."""
    return hasattr(model, "get_base_model") and bool(model.active_peft_config.is_prompt_learning)


def whole(model: Any, batch: dict[str, Any]) -> Any:
    """Logits at every position of the input's own tokens, by the model's own forward pass."""
    positions = {} if prompted(model) else {"position_ids": batch["position_ids"]}
    return model(input_ids=batch["input_ids"], use_cache=False, **positions).logits[:, -batch["input_ids"].shape[1] :]


def carried(batch: dict[str, Any]) -> tuple[Any, Any]:
    """(labels, where): the next token at every position but the last, and which of them carry loss."""
    labels = batch["labels"][:, 1:]
    return labels, labels != IGNORED


class Words:
    """Log-probabilities under one model after another, the short way where it is right."""

    def __init__(self) -> None:
        self.short: bool | None = None

    def logprobs(self, model: Any, batch: dict[str, Any]) -> Any:
        """Of every token that carries loss, row by row, float32."""
        import torch

        labels, where = carried(batch)
        if self.short is None:
            training = model.training
            model.eval()
            with torch.no_grad():
                self.short = bool(torch.isclose(self._short(model, batch, where), _whole(model, batch, where), rtol=1e-3, atol=1e-3).all())
            model.train(training)
        logits = (self._short if self.short else _whole)(model, batch, where)
        return -torch.nn.functional.cross_entropy(logits, labels[where], reduction="none")

    @staticmethod
    def _short(model: Any, batch: dict[str, Any], where: Any) -> Any:
        return bare(model).get_output_embeddings()(hidden(model, batch)[:, :-1][where]).float()


def _whole(model: Any, batch: dict[str, Any], where: Any) -> Any:
    return whole(model, batch)[:, :-1][where].float()
