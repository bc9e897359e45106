"""The later stages of a run: what the model learns from every row, the trainings, and the proof, each kept by its key.

Arms: `base` is the untuned model; `tuned` is trained on the run's training rows; `raw`, where the recipe asks for it, is trained on
the rows before they were engineered (the recipe's labels, form and split alone) with the same number of training tokens. Every arm
that trains does so once per seed, and no two arms share a seed, so that the interval holds what a training's luck is worth.
"""

from __future__ import annotations

from dadeum.tuning.answers import prove, ready
from dadeum.tuning.before import check, power
from dadeum.tuning.course import model_folder
from dadeum.tuning.decided import decide
from dadeum.tuning.forecast import memory
from dadeum.tuning.rows import raw_rows, split, training_rows
from dadeum.tuning.taught import supervision
from dadeum.tuning.trainings import arms, train

__all__ = ["arms", "check", "decide", "memory", "model_folder", "power", "prove", "raw_rows", "ready", "split", "supervision", "train", "training_rows"]
