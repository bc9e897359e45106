"""Ways of asking the same items: as they stand, with an instruction, after solved examples, after what was looked up.

    asking.py     ask(): the items as one arm asks them; how many examples fit is left to whoever knows the model
    examples.py   which training rows an item may be shown: by the seed, label after label, never a near copy, never of its own group
    near.py       what a near copy is
    bm25.py       words in common, weighed by how rare they are
    closest.py    the rows or passages that are closest to a question: by words, by embedding, by both
    prompts.py    templates of the last question, by metric and language

Nothing here asks a model: it makes the frames that `train.generate` or `model.Endpoint` are given.
"""

from __future__ import annotations

from dadeum.evaluate.arms.asking import Asked, ask, fitted

__all__ = ["Asked", "ask", "fitted"]
