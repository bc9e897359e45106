"""Every error a user can meet, and the exit code it ends with.

    DadeumError            1   anything that stops a run
    ├── RecipeError        2   mistakes in a recipe or a command, all of them at once
    ├── BalanceError       3   the ledger does not add up; nothing is published
    ├── LockedError        4   another run works in this folder
    ├── MissingExtra       2   a package of an extra is not installed
    └── StepError          1   a step failed: names step, shard and row

An error says what happened, where, and what to do about it.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass


class DadeumError(Exception):
    """Something stopped the run."""

    exit_code = 1


@dataclass(frozen=True)
class Mistake:
    """One thing wrong in a recipe: where (`steps.2.filter.length.min`), what, and a hint that may be empty."""

    path: str
    what: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.what}" + (f" ({self.hint})" if self.hint else "")


class RecipeError(DadeumError):
    """Mistakes that the user can mend; `mistakes` holds all that were found."""

    exit_code = 2

    def __init__(self, mistakes: Iterable[Mistake] | Mistake):
        self.mistakes = [mistakes] if isinstance(mistakes, Mistake) else list(mistakes)
        super().__init__("\n".join(f"  {m}" for m in self.mistakes))

    def below(self, where: str, own: str) -> RecipeError:
        """The same mistakes with their paths in the recipe: below `where`, in place of what the part that found them calls itself.

        >>> print(RecipeError(Mistake("annotate.label.map", "is empty")).below("steps.2.annotate.label", "annotate.label"))
          steps.2.annotate.label.map: is empty
        """
        return RecipeError(Mistake(f"{where}.{m.path.removeprefix(own).strip('.')}", m.what, m.hint) for m in self.mistakes)

    def __reduce__(self) -> tuple[type, tuple[list[Mistake]]]:
        return type(self), (self.mistakes,)


class BalanceError(DadeumError):
    """`in + grown != kept + dropped + merged + quarantined` somewhere."""

    exit_code = 3


class LockedError(DadeumError):
    """Another run holds the folder."""

    exit_code = 4


class MissingExtra(DadeumError):
    """A feature needs packages that the core does not install."""

    exit_code = 2


class StepError(DadeumError):
    """A step raised. The message names the step, the shard and the row."""


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint with the nearest right name, or with all of them when none is near.

    >>> nearest("treshold", ["threshold", "measure"])
    'did you mean threshold?'
    >>> nearest("긍졍", ["긍정", "부정"])
    'did you mean 긍정?'
    >>> nearest("x", ["min", "max"])
    'known: max, min'
    """
    # By letters: 긍졍 and 긍정 share one syllable of two, but five letters of six.
    spelt = {unicodedata.normalize("NFD", k): k for k in sorted(known)}
    close = difflib.get_close_matches(unicodedata.normalize("NFD", name), spelt, n=1, cutoff=0.6)
    return f"did you mean {spelt[close[0]]}?" if close else "known: " + ", ".join(spelt.values())
