"""Every storage that torch makes, counted from the operation that makes it until nothing holds it: of fake tensors, or of real ones."""

from __future__ import annotations

import weakref
from collections import Counter
from typing import Any, Final

from dadeum.train.memory import TILE

PARTS: Final = ("weights", "gradients", "states", "activations", "logits")


def tracker(vocabulary: int, parameters: set[tuple[int, ...]]) -> Any:
    """A dispatch mode that counts. vocabulary: entries, by which logits are known; parameters: shapes that are none.

    On top of a FakeTensorMode it also lets a batch of real numbers meet a model of fake ones: what is real alone is computed, a real mask
    that picks from fake tensors is turned into the places it picks, and whether fake numbers agree is answered with yes.
    """
    import torch
    from torch._subclasses.fake_tensor import FakeTensor, unset_fake_temporarily
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_iter

    answers = torch.ops.aten._local_scalar_dense.default
    wide = TILE[1]

    class Tracker(TorchDispatchMode):
        def __init__(self) -> None:
            super().__init__()
            self.live: dict[int, tuple[Any, int, str]] = {}
            self.now: Counter[str] = Counter()
            self.at_peak: Counter[str] = Counter()
            self.total = self.peak = 0
            self.phases: Counter[str] = Counter()
            self.phase = "start"

        def enter(self, phase: str) -> None:
            self.phase = phase
            self.seen()

        def seen(self) -> None:
            self.phases[self.phase] = max(self.phases[self.phase], self.total)
            if self.total > self.peak:
                self.peak, self.at_peak = self.total, self.now.copy()

        def hold(self, tensor: Any, part: str) -> None:
            """Count the tensor's storage as this part from now on."""
            storage = tensor.untyped_storage()
            key, size = storage._cdata, storage.nbytes()
            if key in self.live:
                reference, size, before = self.live[key]
                self.now[before] -= size
            else:
                reference = weakref.ref(storage, lambda _: self.free(key))
                self.total += size
            self.live[key] = (reference, size, part)
            self.now[part] += size

        def free(self, key: int) -> None:
            _, size, part = self.live.pop(key)
            self.total -= size
            self.now[part] -= size

        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            made = self.do(function, args, kwargs or {})
            for tensor in tree_iter(made):
                if isinstance(tensor, torch.Tensor) and tensor.untyped_storage()._cdata not in self.live:
                    logits = tensor.dim() > 1 and tensor.shape[-1] in (vocabulary, min(vocabulary, wide), wide) and tuple(tensor.shape) not in parameters
                    self.hold(tensor, "states" if self.phase == "step" else "logits" if logits else "activations")
            self.seen()
            return made

        def do(self, function: Any, args: Any, kwargs: Any) -> Any:
            given = [t for t in tree_iter((args, kwargs)) if isinstance(t, torch.Tensor)]
            fake = [t for t in given if isinstance(t, FakeTensor)]
            if not fake:
                if not given:
                    return function(*args, **kwargs)
                with unset_fake_temporarily():
                    return function(*args, **kwargs)
            if function is answers:
                return True if args[0].dtype == torch.bool else 1
            if len(fake) < len(given) and any(isinstance(a, (list, tuple)) for a in args):
                with unset_fake_temporarily():
                    args = tuple(_places(a) if isinstance(a, (list, tuple)) else a for a in args)
            return function(*args, **kwargs)

    def _places(indices: Any) -> Any:
        """Indices with a real mask as the places that it picks, one list of them for each of its dimensions."""
        out: list[Any] = []
        for one in indices:
            masked = isinstance(one, torch.Tensor) and one.dtype == torch.bool and not isinstance(one, FakeTensor)
            out += list(one.nonzero(as_tuple=True)) if masked else [one]
        return out

    return Tracker()
