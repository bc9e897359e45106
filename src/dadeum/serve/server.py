"""Starting the server on loopback, asking it with the openai client, ending it."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dadeum.errors import DadeumError

NEEDED: Final = ("openai", "fastapi", "uvicorn")
"""What `transformers serve` asks for beside transformers: the extra `serve`."""
START: Final = 300.0
"""Seconds within which it has to answer: imports alone took 30 on a busy machine of two cores."""


@dataclass(frozen=True)
class Heard:
    """One call, as it came out of the client and as it reached the model."""

    asked: list[int]
    """Ids of the prompt."""
    said: list[int]
    """Ids of the answer."""
    text: str | None
    """The answer as the client got it; None where the server took thoughts or calls of tools out of it."""


@dataclass
class Served:
    """A running server."""

    client: Any
    model: str
    heard: Path

    def ask(self, messages: list[dict[str, Any]], tools: list[Any] | None, max_new_tokens: int) -> Heard:
        """A greedy answer. Raises DadeumError where the server does not give one, or not by its model."""
        import openai

        before = self._lines()
        try:
            made = self.client.chat.completions.create(
                model=self.model, messages=messages, max_tokens=max_new_tokens, temperature=0.0, **({"tools": tools} if tools else {})
            )
        except openai.OpenAIError as error:
            raise DadeumError(f"transformers serve gave no answer: {' '.join(str(error).split())[:300]}") from error
        lines = self._lines()
        if len(lines) != len(before) + 1:
            raise DadeumError(f"transformers serve called its model {len(lines) - len(before)} times for one answer")
        asked, said = json.loads(lines[-1])
        if made.usage.prompt_tokens != len(asked):
            raise DadeumError(f"the server says that the prompt has {made.usage.prompt_tokens} tokens, and its model got {len(asked)}")
        message = made.choices[0].message
        parsed = message.tool_calls or getattr(message, "reasoning_content", None)
        return Heard(asked, said, None if parsed else message.content or "")

    def _lines(self) -> list[str]:
        return self.heard.read_text(encoding="utf-8").splitlines() if self.heard.exists() else []


def missing() -> list[str]:
    """The packages of the extra `serve` that are not installed."""
    return [name for name in NEEDED if importlib.util.find_spec(name) is None]


@contextlib.contextmanager
def served(model: Path) -> Iterator[Served]:
    """A server for the model in a folder, ended on leaving. Raises DadeumError with its last words where it does not come up."""
    import openai

    port = _free()
    with tempfile.TemporaryDirectory() as folder:
        heard, log = Path(folder) / "heard.jsonl", Path(folder) / "log"
        # The hub is never asked, and no proxy stands between here and loopback.
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]))
        command = [sys.executable, "-m", "dadeum.serve.heard", str(model.resolve()), str(port), str(heard), str(os.getpid())]
        with open(log, "wb") as out:
            process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=environment)
        try:
            _wait(process, port, log)
            with openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none", max_retries=0, timeout=START) as client:
                yield Served(client, str(model.resolve()), heard)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _free() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + START
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.2)
    words = log.read_text(encoding="utf-8", errors="replace").strip()[-600:]
    raise DadeumError(f"transformers serve did not come up: {words or 'it said nothing'}")
