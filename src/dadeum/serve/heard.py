"""`transformers serve` in a process of its own, with an ear at the model's door: `python -m dadeum.serve.heard MODEL PORT FILE PARENT`.

The server answers with text and counts, and may take thoughts and calls of tools out of the text. What has to be the same as in training are
ids: those it made of a prompt, and those its model answered. So every call of `generate` appends both to FILE as a line of JSON; nothing
else differs from the plain command, except that it ends when PARENT, which started it, has gone.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any


def main(model: str, port: int, heard: Path, parent: int) -> None:
    """Serve `model` on loopback until the process is ended, or `parent`, which started it."""
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    from transformers import GenerationMixin
    from transformers.cli.serve import Serve

    plain = GenerationMixin.generate

    def generate(self: Any, *arguments: Any, **more: Any) -> Any:
        ids: Any = more.get("input_ids", more.get("inputs", arguments[0] if arguments else None))
        made = plain(self, *arguments, **more)
        whole: Any = getattr(made, "sequences", made)
        with open(heard, "a", encoding="utf-8") as out:
            out.write(json.dumps([ids[0].tolist(), whole[0, ids.shape[1] :].tolist()]) + "\n")
        return made

    GenerationMixin.generate = generate  # type: ignore[assignment,method-assign]
    Serve(force_model=model, host="127.0.0.1", port=port, device="cpu", dtype="float32", log_level="error")


def _end_with(parent: int) -> None:
    """A killed parent cannot end its server: it would hold its memory and its port for ever."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
