"""The morphological analyser that restores Korean spacing and knows names, loaded once a process and only when a string needs it."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from dadeum.errors import MissingExtra

if TYPE_CHECKING:
    from kiwipiepy import Kiwi


@lru_cache(maxsize=1)
def kiwi() -> Kiwi:
    """The analyser (Apache-2.0, with its model: about 145 MB installed, 0.5 GB and 3 CPU-s to load).

    Raises MissingExtra where it is not installed.
    """
    try:
        from kiwipiepy import Kiwi
    except ImportError as error:
        raise MissingExtra("Korean spacing and names need the analyser kiwipiepy: pip install 'dadeum[ko]'") from error
    return Kiwi(num_workers=1)
