"""The finished model behind an address on this machine: `transformers serve`, really started and really called.

    heard.py    the server's process, which writes down the ids that reach its model and those that it answers
    server.py   starting it on loopback, asking it with the openai client, ending it
"""

from __future__ import annotations

from dadeum.serve.server import Heard, Served, missing, served

__all__ = ["Heard", "Served", "missing", "served"]
