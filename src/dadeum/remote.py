"""Files that lie elsewhere: `s3://bucket/*.jsonl.gz`, `gs://`, `az://`, `https://`, `hf://` and whatever else fsspec can reach.

    find        the urls that a url, a folder or a glob names       size      bytes, of a path or a url
    at_hand     the path of a file's copy, fetched once             shown     a url as the ledger tells it
    send        a run's files to a url, run.json last               unwritable  why that can't work, known before

A remote file is fetched once into a folder of copies and read from there as any local file is: the readers look at a file more
than once (its encoding, a Parquet's footer), and a digest of its bytes is the key of all that is made of it. A copy lies under a
digest of (url, size, what tells its version: ETag, checksum, time of change), so a file that changed is fetched again and of one
that did not only the version is asked for; a file of which nothing tells the version is fetched by every run.

What a pattern names, and each file's version, is asked for once a recipe: a run sees one state. Nothing here touches the network
for a name without `://`. Who may read is settled where fsspec and each store's own library look for it (environment, `~/.aws`,
`FSSPEC_S3_ENDPOINT_URL`), never in a recipe, which is written into every run's folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final
from urllib.parse import urlsplit

from dadeum.errors import DadeumError, Mistake, RecipeError, nearest

EXTRAS: Final = {
    **dict.fromkeys(("http", "https", "memory", "file"), "remote"),
    **dict.fromkeys(("s3", "s3a"), "s3"),
    **dict.fromkeys(("gs", "gcs"), "gs"),
    **dict.fromkeys(("az", "abfs", "abfss", "adl"), "az"),
    "hf": "train",
}
"""The extra of this project that brings what a protocol needs."""
VERSIONS: Final = (
    "ETag", "etag", "md5Hash", "content_md5", "Content-MD5", "Digest", "blob_id", "generation",
    "mtime", "LastModified", "Last-Modified", "last_modified", "updated", "created",
)  # fmt: skip
"""What stores call that which changes with a file's bytes; the first that is told counts."""
TRIES: Final = 3
"""Times that a transfer is tried before it stops the run."""
SILENCE: Final = 120
"""Seconds without a byte after which a web connection is given up. aiohttp's own limit is 300 s for the whole transfer, which
large files on slow lines meet (fsspec/filesystem_spec#619)."""

_names: dict[str, tuple[str, ...]] = {}
_told: dict[str, dict[str, Any]] = {}
_fetched: set[Path] = set()


def forget() -> None:
    """Ask the stores anew: for each recipe that is read."""
    _names.clear()
    _told.clear()
    _fetched.clear()


def is_remote(name: str) -> bool:
    """Whether a name is a url.

    >>> is_remote("s3://bucket/*.jsonl"), is_remote("data/a.jsonl"), is_remote("C://x")
    (True, False, False)
    """
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+(://|::)", name) is not None


def shown(name: str) -> str:
    """A web address without what comes after `?` or `#`: signatures and tokens stand there, and a ledger is passed on.

    >>> shown("https://host/a.jsonl?token=x"), shown("s3://bucket/a?.jsonl"), shown("a/b#1.jsonl")
    ('https://host/a.jsonl', 's3://bucket/a?.jsonl', 'a/b#1.jsonl')
    """
    return re.split(r"[?#]", name)[0] if _web(name) else name


def find(pattern: str) -> tuple[str, ...]:
    """The urls that a url, a folder or a glob names, sorted, hidden files left out; empty where there are none.

    Raises RecipeError (its path is the pattern) where it can't be told: a package is missing, the store refuses or is not there.
    """
    if pattern not in _names:
        fs, path = _opened(pattern)
        with _asking(pattern):
            try:
                found = _listing(fs, path, pattern)
            except FileNotFoundError as error:
                # The web's file system says so of whatever goes wrong, of a server that is down too.
                if _web(pattern) and error.__cause__ is not None and getattr(error.__cause__, "status", 0) not in (404, 410):
                    raise OSError(_said(error.__cause__)) from error
                found = {}
        urls = {name if "://" in name else f"{pattern.split('://')[0]}://{name}": info for name, info in found.items()}
        urls = {url: info for url, info in urls.items() if info["type"] == "file" and not url.endswith("/") and not _hidden(url)}
        # A listing of web pages names files and tells nothing of them.
        _told.update({url: info for url, info in urls.items() if info.get("size") is not None and _version(info)})
        _names[pattern] = tuple(sorted(urls))
    return _names[pattern]


def size(name: str) -> int:
    """Bytes of a path or a url; 0 where a server doesn't say."""
    return int(_info(name).get("size") or 0) if is_remote(name) else os.path.getsize(name)


def at_hand(name: str, folder: Path) -> Path:
    """A path as it is; of a url the path of its copy below `folder`, fetched unless it is there.

    Raises DadeumError where it can't be fetched whole, or changes with every look.
    """
    if not is_remote(name):
        return Path(name)
    there = copied(name, folder)
    if there is not None:
        return there
    fs, path = _opened(name)

    def fetch() -> Path:
        told = _info(name)
        final = _place(name, folder, told)
        final.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = final.with_name(f".{os.uname().nodename}.{os.getpid()}.draft")
        try:
            os.close(os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600))
            fs.get_file(path, str(draft))
            came, meant = draft.stat().st_size, told.get("size")
            fs.invalidate_cache()
            _told[name] = fs.info(path)
            if _version(_told[name]) != _version(told):
                raise OSError("it changed while it was fetched")
            if meant is not None and came != meant:
                raise OSError(f"{came:,} bytes came of {meant:,}")
            os.replace(draft, final)
        finally:
            draft.unlink(missing_ok=True)
        return final

    try:
        final = _trying(fetch, f"{shown(name)} could not be fetched")
    except FileNotFoundError as error:
        raise DadeumError(f"{shown(name)} is gone: it was there when the recipe was read") from error
    _fetched.add(final)
    return final


def copied(url: str, folder: Path) -> Path | None:
    """The copy of a url that is there already; None where there is none, or where nothing tells whether it is still the same."""
    told = _info(url)
    path = _place(url, folder, told)
    return path if path.is_file() and (_version(told) or path in _fetched) else None


def home() -> Path:
    """Where copies lie that belong to no run (files that steps name): below `$DADEUM_CACHE`, else the user's cache folder."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dadeum"
    return Path(os.environ.get("DADEUM_CACHE") or default) / "remote"


def unwritable(url: str) -> list[Mistake]:
    """Why files can't be sent to a url, known before anything runs; none where they may."""
    if not is_remote(url):
        return [Mistake(url, "has to be a url", "s3://bucket/folder; a run's own folder is --out")]
    if _web(url):
        return [Mistake(url, "can't be written to: web addresses are read only", "name a folder of an object store: s3://bucket/folder")]
    try:
        _opened(url)
    except RecipeError as error:
        return error.mistakes
    return []


def send(files: Mapping[str, Path], url: str, stale: Iterable[str] = ()) -> None:
    """Copy files to their names below a url, the last one last; before that, the last one's older self and `stale` go away.

    So whoever waits for the last name finds all the others whole. Raises DadeumError.
    """
    fs, root = _opened(url)
    root = root.rstrip("/")
    *_, last = files
    for name in (last, *(name for name in stale if name not in files)):
        with contextlib.suppress(FileNotFoundError):
            _trying(lambda name=name: fs.rm_file(f"{root}/{name}"), f"{url}/{name} could not be removed")  # type: ignore[misc]

    def put(name: str, path: Path) -> None:
        fs.put_file(str(path), f"{root}/{name}")
        fs.invalidate_cache()
        came, meant = fs.info(f"{root}/{name}")["size"], path.stat().st_size
        if came != meant:
            raise OSError(f"{came:,} bytes arrived of {meant:,}")

    for name, path in files.items():
        _trying(lambda name=name, path=path: put(name, path), f"{url}/{name} could not be written")  # type: ignore[misc]


def content(url: str) -> bytes | None:
    """The bytes of a small file; None where there is none. Raises DadeumError."""
    fs, path = _opened(url)
    with contextlib.suppress(FileNotFoundError):
        return _trying(lambda: fs.cat_file(path), f"{url} could not be read")
    return None


def _opened(url: str) -> tuple[Any, str]:
    """(fsspec's file system, the path in it). Raises RecipeError, with the command that helps."""
    protocol = url.split("://")[0]
    if "::" in url:
        raise RecipeError(Mistake(url, "is a chain of file systems, which is not read", "unpack the archive, and name its files"))
    if urlsplit(url).password:
        raise RecipeError(Mistake(shown(protocol) + "://...", "holds a password, which the run's folder would keep", "put it where the store's library looks for it"))
    extra = EXTRAS.get(protocol)
    try:
        import fsspec

        if protocol not in fsspec.available_protocols():
            raise RecipeError(Mistake(url, f"there is no protocol {protocol}://", nearest(protocol, EXTRAS)))
        return fsspec.core.url_to_fs(url, **_options(protocol))
    except ImportError as error:
        hint = f'pip install "dadeum[{extra}]"' if extra else str(error)
        raise RecipeError(Mistake(url, f"{protocol}:// needs a package that is not installed ({error.name or error})", hint)) from error
    except (ValueError, OSError) as error:
        raise RecipeError(Mistake(url, f"can't be used: {_said(error)}")) from error


def _options(protocol: str) -> dict[str, Any]:
    if protocol in ("http", "https"):
        import aiohttp

        # As they lie on the server: a .jsonl.gz that is sent as an encoded .jsonl must not be unpacked on the way.
        limit = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=SILENCE)
        return {"client_kwargs": {"timeout": limit, "auto_decompress": False}, "headers": {"Accept-Encoding": "identity"}}
    return {"auto_mkdir": True} if protocol == "file" else {}


def _listing(fs: Any, path: str, pattern: str) -> dict[str, dict[str, Any]]:
    # A `?` in a web address begins its query.
    if any(c in path for c in ("*[" if _web(pattern) else "*?[")):
        return fs.glob(path, detail=True)
    if _web(pattern) and pattern.endswith("/"):
        return fs.find(path, maxdepth=1, detail=True)
    info = fs.info(path)
    return fs.find(path, detail=True) if info["type"] == "directory" else {pattern: info}


def _info(url: str) -> dict[str, Any]:
    if url not in _told:
        fs, path = _opened(url)
        with _asking(url):
            _told[url] = fs.info(path)
    return _told[url]


def _version(info: Mapping[str, Any]) -> str:
    """What tells the version; empty where nothing does."""
    return next((str(info[name]).strip('"') for name in VERSIONS if info.get(name)), "")


def _place(url: str, folder: Path, told: Mapping[str, Any]) -> Path:
    key = hashlib.blake2b(repr([url, told.get("size"), _version(told)]).encode(), digest_size=16).hexdigest()
    return folder / key / (PurePosixPath(shown(url)).name[-100:] or "file")


def _hidden(url: str) -> bool:
    return any(part.startswith(".") for part in PurePosixPath(shown(url).split("://", 1)[1]).parts)


def _web(name: str) -> bool:
    return name.startswith(("http://", "https://"))


@contextlib.contextmanager
def _asking(url: str) -> Iterator[None]:
    """Whatever a store's library raises (each has errors of its own) becomes a mistake that names the url."""
    try:
        yield
    except (FileNotFoundError, DadeumError):
        raise
    except Exception as error:
        raise RecipeError(Mistake(url, f"can't be looked at: {_said(error)}")) from error


def _trying(transfer: Callable[[], Any], what: str) -> Any:
    """Do a transfer, and do it again where it failed. Raises FileNotFoundError as it is, DadeumError for all else."""
    for attempt in range(1, TRIES + 1):
        try:
            return transfer()
        except (FileNotFoundError, RecipeError):
            raise
        except Exception as error:  # each store's library has errors of its own
            if attempt == TRIES or isinstance(error, PermissionError):
                raise DadeumError(f"{what}: {_said(error)}. The same command goes on from here") from error
            time.sleep(2**attempt / 4)


def _said(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
