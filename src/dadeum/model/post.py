"""One JSON request over HTTP, and what each way of failing means.

A server that is busy or stumbles (408, 425, 429, 5xx), a connection that breaks, a silence, an answer that trickles in for ever: tried again,
after what `Retry-After` asks or a doubling wait. A key that is refused, an address or model that is not there: stops at once, since every further request would fare
alike. Anything else between 400 and 499 is about this one request.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any, Final

from dadeum.errors import DadeumError

AGAIN: Final = (408, 425, 429)
"""Codes below 500 that ask for another try."""
LONGEST: Final = 60.0
"""Seconds that a server may ask to wait between two tries."""
FIRST: Final = 0.5
LARGEST: Final = 2**26
"""Bytes of an answer, beyond which it is none: 64 MiB."""


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirection: it would carry the key to whatever host the server names."""

    def redirect_request(self, *told: Any, **more: Any) -> None:
        return None


_OPENER: Final = urllib.request.build_opener(_Stay)


class RefusedError(DadeumError):
    """The server refuses this request, and would refuse it again; others it may take."""


class SilentError(DadeumError):
    """No answer in all tries."""


class BusyError(SilentError):
    """Too many requests (429) in every try: its limit of requests, or a quota that is spent."""


class StumbledError(SilentError):
    """The server broke (500) on this request in every try. It may be this request that breaks it."""


def post(
    url: str, body: dict[str, Any], key: str = "", *, named: str = "the API key", patience: float = 120.0, tries: int = 5,
    wait: Callable[[float], Any] = time.sleep,
) -> Any:  # fmt: skip
    """The JSON that the server answers to `body`.

    key: sent as a bearer token. named: the environment variable that it comes from, for advice. patience: seconds for the answer to begin, and
    again for the rest of it. wait: called with seconds between tries.
    Raises RefusedError for a request that will never be answered, SilentError where every try failed, DadeumError for a key, address or model
    that is refused.
    """
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
    request = urllib.request.Request(url, json.dumps(body).encode("utf-8", "surrogatepass"), headers)
    told, codes = "", []
    for attempt in range(1, tries + 1):
        pause = FIRST * 2 ** (attempt - 1) * (1 + random.random() / 4)  # nothing is decided by it: two workers should not knock together
        try:
            with _OPENER.open(request, timeout=patience) as answer:
                return json.loads(_whole(answer, patience))
        except urllib.error.HTTPError as error:
            words = b""
            with contextlib.suppress(OSError, http.client.HTTPException):  # it broke off while it said why
                words = error.read(600)
            told = f"{error.code} {error.reason}: {shown(words, key)}"
            codes.append(error.code)
            if error.code < 400:
                where = shown(str(error.headers.get("Location")).encode(), key)
                raise DadeumError(f"{url} sends elsewhere ({error.code}, {where}): name that address, if you trust it") from error
            if error.code in (401, 403):
                raise DadeumError(f"{url} refused the key ({told}). It belongs in ${named}") from error
            if error.code in (404, 405, 410):
                raise DadeumError(f"{url} is not there ({told}). Is the model's name right, and the address the one up to /v1?") from error
            if error.code not in AGAIN and error.code < 500:
                raise RefusedError(told) from error
            pause = _seconds(error.headers.get("Retry-After"), pause)
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            told = f"no JSON: {shown(str(getattr(error, 'doc', '')).encode('utf-8', 'replace'), key) or 'nothing'}"
        except TimeoutError:
            told = f"nothing within {patience:g} seconds"
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            told = f"nothing within {patience:g} seconds" if isinstance(reason, TimeoutError) else str(reason) or type(error).__name__
        if attempt < tries:
            wait(pause)
    kind = {500: StumbledError, 429: BusyError}.get(codes[0], SilentError) if len(codes) == tries and len(set(codes)) == 1 else SilentError
    raise kind(f"{url} gave no answer in {tries} tries ({told})")


def reach(url: str, key: str = "", *, named: str = "the API key", patience: float = 10.0) -> None:
    """Whether anybody answers at an address that will be asked later: its list of models, which costs nothing.

    Raises DadeumError where nobody does, or where the key is refused. A server that knows no such list is there all the same.
    """
    where = f"{url.rstrip('/').removesuffix('/chat/completions')}/models"
    try:
        _OPENER.open(urllib.request.Request(where, headers={"Authorization": f"Bearer {key}"} if key else {}), timeout=patience).close()
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            raise DadeumError(f"{where} refused the key ({error.code} {error.reason}). It belongs in ${named}") from error
    except (OSError, http.client.HTTPException) as error:
        raise DadeumError(f"{where} can't be reached ({getattr(error, 'reason', error)}): start it, or leave the arm out") from error


def _whole(answer: http.client.HTTPResponse, patience: float) -> bytes:
    """The body. Raises TimeoutError where it takes longer than `patience` seconds, OSError where it does not end."""
    until, parts, size = time.monotonic() + patience, [], 0
    while part := answer.read1(65_536):
        parts.append(part)
        size += len(part)
        if size > LARGEST:
            raise OSError(f"an answer of more than {LARGEST >> 20} MiB")
        if time.monotonic() > until:
            raise TimeoutError
    if answer.length:
        raise http.client.IncompleteRead(b"".join(parts)[:100], answer.length)
    return b"".join(parts)


def shown(raw: bytes, key: str) -> str:
    """The beginning of what a server said, on one line; a server that echoes the key must not bring it into a log."""
    text = " ".join(raw.decode("utf-8", "replace").split())
    return (text.replace(key, "[key]") if key else text)[:200]


def _seconds(told: str | None, otherwise: float) -> float:
    """What Retry-After asks for; its other form, a date, counts as nothing told."""
    try:
        return min(max(0.0, float(told or "")), LONGEST)
    except ValueError:
        return otherwise
