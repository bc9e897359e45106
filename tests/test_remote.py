"""Files that lie elsewhere: in memory, behind a real web server on loopback, in an S3 server where moto is installed."""

from __future__ import annotations

import builtins
import functools
import gzip
import http.server
import importlib.util
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dadeum import recipe as recipes
from dadeum import remote, run
from dadeum.errors import DadeumError, RecipeError
from runs import add_up, dadeum, fingerprint, raw, recipe, write

if any(importlib.util.find_spec(name) is None for name in ("fsspec", "aiohttp")):
    pytest.skip('fsspec is not installed: pip install "dadeum[remote]"', allow_module_level=True)

import fsspec


@pytest.fixture(autouse=True)
def anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("DADEUM_CACHE", str(tmp_path / "copies"))
    remote.forget()
    fsspec.filesystem("memory").store.clear()
    fsspec.filesystem("memory").pseudo_dirs[:] = [""]
    yield
    remote.forget()


class Served(http.server.SimpleHTTPRequestHandler):
    """The standard library's file server, with the faults that a test asks for. It counts what is asked."""

    asked: list[str]
    faults: dict[str, int]
    silent: bool

    def do_GET(self) -> None:
        self.asked.append(f"GET {self.path}")
        if self.faults.get("broken", 0):
            self.faults["broken"] -= 1
            body = Path(self.translate_path(self.path)).read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
            return
        super().do_GET()

    def do_HEAD(self) -> None:
        self.asked.append(f"HEAD {self.path}")
        super().do_HEAD()

    def send_header(self, keyword: str, value: str) -> None:
        if not (self.silent and keyword == "Last-Modified"):
            super().send_header(keyword, value)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[str, Path, type[Served]]]:
    """(address, the folder behind it, the handler with its counts and faults)."""
    folder = tmp_path / "www"
    folder.mkdir()
    handler = type("Handler", (Served,), {"asked": [], "faults": {}, "silent": False})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", folder, handler
    server.shutdown()
    server.server_close()


def in_memory(folder: Path, where: str) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            fsspec.filesystem("memory").pipe_file(f"{where}/{path.relative_to(folder)}", path.read_bytes())


def named(pattern: str, **more: Any) -> dict[str, Any]:
    value = recipe(Path("x"), **more)
    value["sources"][0]["path"] = pattern
    return value


def same_but_places(one: Path, other: Path, swap: tuple[str, str]) -> bool:
    """Whether two runs hold the same rows and verdicts, once a path in `place` is put for another."""
    for name in ("data/train.parquet", "data/test.parquet", "ledger/verdicts.parquet"):
        a, b = (pl.read_parquet(f / name) for f in (one, other))
        if not a.with_columns(pl.col("place").str.replace(*swap, literal=True)).equals(b):
            return False
    names = ("data/train.jsonl", "data/test.jsonl", "ledger/edits.parquet")
    return all((one / n).read_bytes() == (other / n).read_bytes() for n in names)


def made(value: dict[str, Any], out: Path, until: run.Stage = "split", sample: int = 0) -> dict[str, Any]:
    """A run in this process, where memory:// is."""
    return run.stages(recipes.compose(value), out, until, sample, workers=1)


def test_urls_give_the_rows_that_paths_give(tmp_path: Path) -> None:
    folder = raw(tmp_path / "raw")
    in_memory(folder, "/bucket/raw")
    (tmp_path / "away").mkdir()
    (tmp_path / "here").mkdir()
    made(named("memory://bucket/raw/*.jsonl"), tmp_path / "away")
    made(recipe(folder), tmp_path / "here")
    assert same_but_places(tmp_path / "away", tmp_path / "here", ("memory:///bucket/raw", str(folder)))
    add_up(tmp_path / "away", 2100)
    quarantined = (tmp_path / "away/quarantine.jsonl").read_text()
    assert '"file":"memory:///bucket/raw/rows-' in quarantined and "cache" not in quarantined


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("memory://b/*.jsonl", ["a.jsonl", "b.jsonl"]),
        ("memory://b/?.jsonl", ["a.jsonl", "b.jsonl"]),
        ("memory://b/**/*.jsonl.gz", ["deep/c.jsonl.gz"]),
        ("memory://b", ["a.jsonl", "b.jsonl", "deep/c.jsonl.gz", "readme.bin"]),
        ("memory://b/a.jsonl", ["a.jsonl"]),
        ("memory://b/none.jsonl", []),
        ("memory://nowhere/*.jsonl", []),
    ],
)
def test_find(pattern: str, names: list[str]) -> None:
    for name in ("a.jsonl", "b.jsonl", "deep/c.jsonl.gz", "readme.bin", ".hidden/d.jsonl", ".e.jsonl"):
        fsspec.filesystem("memory").pipe_file(f"/b/{name}", b"{}")
    assert [url.split("b/", 1)[1] for url in remote.find(pattern)] == names


def test_a_folder_is_read_as_a_folder_of_this_machine_is(tmp_path: Path) -> None:
    from dadeum.engine import flow
    from dadeum.settings import Source

    for where in ("/b/deep/c.jsonl", "/b/deep/d.txt", "/b/deep/odd.bin"):
        fsspec.filesystem("memory").pipe_file(where, b"{}")
        path = tmp_path / where.removeprefix("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"{}")
    told = [[inside for _, inside in flow._files(Source(path))] for path in ("memory://b", str(tmp_path / "b"))]
    assert told[0] == told[1] == ["deep/c.jsonl", "deep/d.txt"]
    assert [s.name for s in flow.named([Source("memory://b/*.jsonl"), Source("https://host/film-01.jsonl?token=1/x.y")])] == ["b", "film-01"]


def test_the_web_is_asked_once_and_then_for_versions_alone(web: tuple[str, Path, type[Served]], tmp_path: Path) -> None:
    address, folder, handler = web
    raw(folder, files=2, rows=50)
    packed = gzip.compress((folder / "rows-1.jsonl").read_bytes(), mtime=0)
    (folder / "rows-1.jsonl").unlink()
    (folder / "rows-1.jsonl.gz").write_bytes(packed)
    made_of = write(tmp_path / "r.yaml", named(f"{address}/rows-*"))
    dadeum("run", made_of, "--out", tmp_path / "run", "--until", "split", "--workers", 2)
    add_up(tmp_path / "run", 100)
    assert sorted(a for a in handler.asked if a.startswith("GET /rows")) == ["GET /rows-0.jsonl", "GET /rows-1.jsonl.gz"]
    places = set(pl.read_parquet(tmp_path / "run/data/train.parquet")["place"].str.replace(r":\d+$", ""))
    assert places == {f"{address}/rows-0.jsonl", f"{address}/rows-1.jsonl.gz"}
    before = fingerprint(tmp_path / "run")
    handler.asked.clear()
    dadeum("run", made_of, "--out", tmp_path / "run", "--until", "split")
    assert not [a for a in handler.asked if a.startswith("GET /rows")] and any(a.startswith("HEAD") for a in handler.asked)
    assert fingerprint(tmp_path / "run") == before

    path = folder / "rows-0.jsonl"
    path.write_bytes(path.read_bytes() + b'{"id": "new", "text": "one more row", "group": "g", "stars": 3}\n')
    handler.asked.clear()
    dadeum("run", made_of, "--out", tmp_path / "run", "--until", "split")
    assert [a for a in handler.asked if a.startswith("GET /rows")] == ["GET /rows-0.jsonl"]
    add_up(tmp_path / "run", 101)


def test_a_transfer_that_breaks_is_tried_again_and_never_half_a_file(web: tuple[str, Path, type[Served]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address, folder, handler = web
    (folder / "a.jsonl").write_text('{"text": "x"}\n' * 1000)
    monkeypatch.setattr(remote.time, "sleep", lambda seconds: None)
    handler.faults["broken"] = remote.TRIES - 1
    path = remote.at_hand(f"{address}/a.jsonl", tmp_path / "cache")
    assert path.read_bytes() == (folder / "a.jsonl").read_bytes() and path.name == "a.jsonl"
    assert path.stat().st_mode & 0o077 == 0
    remote.forget()
    handler.faults["broken"] = 99
    with pytest.raises(DadeumError, match=r"a\.jsonl could not be fetched: .*The same command goes on"):
        remote.at_hand(f"{address}/a.jsonl", tmp_path / "other")
    assert not [p for p in (tmp_path / "other").rglob("*") if p.is_file()]
    handler.faults["broken"] = 0
    (folder / "a.jsonl").unlink()
    with pytest.raises(DadeumError, match=r"a\.jsonl is gone"):
        remote.at_hand(f"{address}/a.jsonl", tmp_path / "third")


def test_a_file_that_changes_while_it_is_fetched_is_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = fsspec.filesystem("memory")
    store.pipe_file("/b/a.jsonl", b"old")
    real, times = type(store).get_file, []

    def get(self: Any, name: str, local: str, **more: Any) -> None:
        real(self, name, local, **more)
        times.append(1)
        if len(times) == 1:
            store.pipe_file("/b/a.jsonl", b"new")

    monkeypatch.setattr(type(store), "get_file", get)
    monkeypatch.setattr(remote.time, "sleep", lambda seconds: None)
    path = remote.at_hand("memory://b/a.jsonl", tmp_path)
    assert path.read_bytes() == b"new" and len(times) == 2 and remote.copied("memory://b/a.jsonl", tmp_path) == path


def test_a_file_without_a_version_is_fetched_by_every_run_and_once_in_each(web: tuple[str, Path, type[Served]], tmp_path: Path) -> None:
    address, folder, handler = web
    handler.silent = True
    (folder / "a.jsonl").write_text('{"text": "one"}\n')
    for content in ("one", "two"):
        (folder / "a.jsonl").write_text(f'{{"text": "{content}"}}\n')
        remote.forget()
        handler.asked.clear()
        for _ in range(3):
            assert content in remote.at_hand(f"{address}/a.jsonl", tmp_path / "cache").read_text()
        assert handler.asked.count("GET /a.jsonl") == 1


def test_a_signature_in_an_address_stays_out_of_the_ledger(web: tuple[str, Path, type[Served]], tmp_path: Path) -> None:
    address, folder, _ = web
    raw(folder, files=1, rows=30)
    (tmp_path / "run").mkdir()
    made(named(f"{address}/rows-0.jsonl?X-Signature=c0ffee77/.jsonl"), tmp_path / "run")
    files = [p for p in (tmp_path / "run").rglob("*") if p.is_file() and p.name != "recipe.yaml"]
    assert len(files) > 10 and not [p for p in files if b"c0ffee77" in p.read_bytes()]


def test_what_the_benchmark_is_may_lie_elsewhere(web: tuple[str, Path, type[Served]], tmp_path: Path) -> None:
    address, folder, handler = web
    (folder / "bench.jsonl").write_text('{"text": "이 문장은 시험 문제에 그대로 나오는 문장입니다."}\n')
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"text": "이 문장은 시험 문제에 그대로 나오는 문장입니다."}\n{"text": "다른 문장입니다. 아무 관계가 없습니다."}\n')
    command = ["apply", "guard.contamination", rows, "-o", tmp_path / "out.jsonl", "--set", f"guard.contamination.against={address}/bench.jsonl"]
    dadeum(*command)
    told = pl.read_parquet(tmp_path / "out.jsonl.ledger.parquet")
    assert told["reason"].to_list() == ["contaminated"] and handler.asked.count("GET /bench.jsonl") == 1


def test_planning_fetches_no_rows(web: tuple[str, Path, type[Served]], tmp_path: Path) -> None:
    address, folder, handler = web
    raw(folder, files=2, rows=20)
    planned = run.plan(recipes.compose(named(f"{address}/*.jsonl")), tmp_path / "run")
    assert planned["bytes"] == sum(p.stat().st_size for p in folder.glob("*.jsonl"))
    assert planned["stages"][0]["units"] == 2 and planned["stages"][0]["cached"] == 0
    assert not [a for a in handler.asked if a.startswith("GET /rows")]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("memory://nothing/*.jsonl", "sources.0.path: no file matches 'memory://nothing/*.jsonl'"),
        ("htps://host/a.jsonl", "sources.0.path: htps://host/a.jsonl: there is no protocol htps:// (did you mean https?)"),
        ("zip://a.jsonl::memory://b.zip", "is a chain of file systems"),
        ("https://me:word@host/a.jsonl", "holds a password"),
        ("http://127.0.0.1:1/a.jsonl", "sources.0.path: http://127.0.0.1:1/a.jsonl: can't be looked at"),
    ],
)
def test_mistakes_are_told_with_their_place(path: str, said: str) -> None:
    with pytest.raises(RecipeError) as error:
        recipes.compose({"sources": [{"path": path}]})
    assert said in str(error.value) and "word" not in str(error.value).replace("password", "")


@pytest.mark.parametrize(
    ("url", "package", "extra"), [("s3://b/a.jsonl", "s3fs", "s3"), ("gs://b/a.jsonl", "gcsfs", "gs"), ("az://b/a.jsonl", "adlfs", "az"), ("memory://b", "fsspec", "remote")]
)
def test_a_missing_package_is_named_with_what_installs_it(url: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *more: Any, **kinds: Any) -> Any:
        if name.split(".")[0] == package:
            raise ImportError(f"No module named {package!r}", name=package)
        return real(name, *more, **kinds)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.setitem(__import__("sys").modules, package, None) if package != "fsspec" else None
    with pytest.raises(RecipeError) as error:
        recipes.compose({"sources": [{"path": url}]})
    assert f'pip install "dadeum[{extra}]"' in str(error.value) and "sources.0.path" in str(error.value)


def test_a_path_of_this_machine_asks_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*what: object) -> Any:
        raise AssertionError(f"a connection was tried: {what}")

    folder = raw(tmp_path / "raw", files=1, rows=20)
    monkeypatch.setattr("socket.socket.connect", refused)
    monkeypatch.setattr(remote, "_opened", refused)
    (tmp_path / "run").mkdir()
    made(recipe(folder), tmp_path / "run")


def test_a_finished_run_is_sent_with_run_json_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = raw(tmp_path / "raw", files=1, rows=100)
    store = fsspec.filesystem("memory")
    sent: list[str] = []
    real = type(store).put_file

    def put(self: Any, local: str, name: str, **more: Any) -> None:
        sent.append(name.split("/release/")[1])
        real(self, local, name, **more)

    monkeypatch.setattr(type(store), "put_file", put)
    value = recipe(folder, output={"to": "memory://bucket/release/"})
    out = tmp_path / "run"
    out.mkdir()
    for until, sample in (("steps", 0), ("split", 20)):
        made(value, out, until, sample)  # type: ignore[arg-type]
        assert not sent, "half a run was sent"
    told = made(value, out)
    assert sent[-1] == "run.json" and sorted(sent[:-1]) == sorted(f"data/{n}.{k}" for n in told["splits"] for k in ("jsonl", "parquet"))
    for name in sent:
        assert store.cat_file(f"/bucket/release/{name}") == (out / name).read_bytes()
    sent.clear()
    made(value, out)
    assert sent == ["run.json"], "data that were there were sent again"
    sent.clear()
    made(value, out)
    assert not sent, "nothing had changed"
    value["steps"][-1]["mix.split"]["validation"] = 0.0
    told = made(value, out)
    assert sent[-1] == "run.json" and len(sent) == 2 * len(told["splits"]) + 1
    there = {name.split("/release/")[1] for name in store.find("/bucket/release")}
    assert there == {*sent}
    plain = {k: v for k, v in value.items() if k != "output"}
    assert recipes.compose(plain).digest == recipes.compose(value).digest


@pytest.mark.parametrize("to", ["somewhere/else", "https://host/folder", "s4://bucket"])
def test_where_nothing_can_be_sent_is_known_before_anything_is_read(tmp_path: Path, to: str) -> None:
    with pytest.raises(RecipeError, match=r"output\.to"):
        recipes.compose(recipe(raw(tmp_path / "raw", files=1, rows=1), output={"to": to}))


def test_s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same against an S3 server: glob, fetch, version, send."""
    if any(importlib.util.find_spec(name) is None for name in ("s3fs", "moto", "flask")):
        pytest.skip("s3fs and moto[server] are not installed")
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": f"http://{host}:{port}",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    try:
        store = fsspec.filesystem("s3")
        store.mkdir("bucket")
        folder = raw(tmp_path / "raw")
        for path in folder.iterdir():
            store.put_file(str(path), f"bucket/raw/{path.name}")
        store.invalidate_cache()
        (tmp_path / "away").mkdir()
        (tmp_path / "here").mkdir()
        value = named("s3://bucket/raw/*.jsonl", output={"to": "s3://bucket/release"})
        made(value, tmp_path / "away")
        made(recipe(folder), tmp_path / "here")
        assert same_but_places(tmp_path / "away", tmp_path / "here", ("s3://bucket/raw", str(folder)))
        store.invalidate_cache()
        assert store.cat_file("bucket/release/run.json") == (tmp_path / "away/run.json").read_bytes()
        copies = {p: p.stat().st_mtime_ns for p in (tmp_path / "away/cache/remote").rglob("*") if p.is_file()}
        made(value, tmp_path / "away")
        assert {p: p.stat().st_mtime_ns for p in (tmp_path / "away/cache/remote").rglob("*") if p.is_file()} == copies and len(copies) == 3
        with pytest.raises(RecipeError, match="no file matches"):
            recipes.compose(named("s3://nobody-has-this-bucket/*.jsonl"))
    finally:
        server.stop()
