"""One way to ask any language model behind an address: identified, cached, budgeted.

    asked.py      what is asked (Ask) and what came back (Reply), and the digest that makes two questions the same
    endpoint.py   an OpenAI-compatible /v1/chat/completions: several requests at a time, tries, patience, a budget
    post.py       one JSON request over HTTP, and what each way of failing means
    keep.py       every reply in a file on this machine, under the digest of all that was asked

A reply is kept the moment it comes, so whatever stops the work (Ctrl-C, a server that goes down, a spent budget), the same call asks
only for what is missing. Keys come from the environment and are written nowhere.
"""

from __future__ import annotations

from dadeum.model.asked import Ask, Reply
from dadeum.model.endpoint import Endpoint, Spent
from dadeum.model.post import reach

__all__ = ["Ask", "Endpoint", "Reply", "Spent", "reach"]
