"""`transformers serve` in a process of its own, with an ear at the model's door: `python -m dadeum.serve.heard MODEL PORT FILE`.

The server answers with text and counts, not with the ids that it made of a prompt, and those are what has to be the same as in
training. So every call of `generate` appends its ids to FILE as a line of JSON; nothing else differs from the plain command.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def main(model: str, port: int, heard: Path) -> None:
    """Serve `model` on loopback until the process is ended."""
    from transformers import GenerationMixin
    from transformers.cli.serve import Serve

    plain = GenerationMixin.generate

    def generate(self: Any, *arguments: Any, **more: Any) -> Any:
        ids: Any = more.get("input_ids", more.get("inputs", arguments[0] if arguments else None))
        with open(heard, "a", encoding="utf-8") as out:
            out.write(json.dumps(ids[0].tolist()) + "\n")
        return plain(self, *arguments, **more)

    GenerationMixin.generate = generate  # type: ignore[assignment,method-assign]
    Serve(force_model=model, host="127.0.0.1", port=port, device="cpu", dtype="float32", log_level="error")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
