"""A model behind an address: every way in which a real server can fail, budgets, and what is asked a second time."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from chat_server import completion, serving
from dadeum.errors import DadeumError
from dadeum.model import Ask, Endpoint, reach
from dadeum.proving import KEY, Budget, Price

PAUSES: list[float] = []


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DADEUM_CACHE", str(tmp_path / "cache" / "remote"))
    monkeypatch.delenv(KEY, raising=False)
    PAUSES.clear()


def asks(n: int, max_tokens: int = 8) -> list[Ask]:
    return [Ask([{"role": "user", "content": f"물음 {i}"}], max_tokens) for i in range(n)]


def at(url: str, **more: Any) -> Endpoint:
    return Endpoint(url, "m", **{"wait": PAUSES.append, "patience": 5.0, **more})


def echo(body: dict[str, Any], number: int) -> Any:
    return completion("답: " + body["messages"][-1]["content"])


def test_answers_come_in_order_and_are_asked_once() -> None:
    with serving(echo) as served:
        said = at(served.url).answers([*asks(20), *asks(3)])
        assert [r.text for r in said] == [f"답: 물음 {i}" for i in [*range(20), 0, 1, 2]]
        assert len(served.bodies) == 20 and said[0].read == 10 and said[0].written == 2 and said[0].seconds > 0
        assert served.bodies[0].keys() >= {"model", "messages", "max_tokens", "temperature", "seed"}
        assert [r.text for r in at(served.url + "/").answers(asks(20))] == [r.text for r in said[:20]] and len(served.bodies) == 40, "another address"
        at(served.url).answers(asks(20))
        assert len(served.bodies) == 40
        at(served.url).answers(asks(1, max_tokens=9))
        assert len(served.bodies) == 41, "everything that is sent is in the key"


def test_down() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}/v1"
    with pytest.raises(DadeumError, match=r"no answer in 3 tries \(.*refused.*0 of 4 answers are kept") as told:
        at(url, tries=3, at_once=1).answers(asks(4))
    assert len(PAUSES) == 2 and PAUSES[1] > PAUSES[0] and "Does it run" in str(told.value)


def test_a_server_that_goes_down_half_way_loses_nothing() -> None:
    def failing(body: dict[str, Any], number: int) -> Any:
        return echo(body, number) if number <= 7 else (503, {}, b"overloaded")

    with serving(failing) as served:
        with pytest.raises(DadeumError, match=r"503.*7 of 12 answers are kept"):
            at(served.url, tries=2, at_once=1).answers(asks(12))
        before = len(served.bodies)
        assert before == 7 + 2
        url = served.url
        port = int(url.split(":")[2].split("/")[0])
    assert port
    # The same address, up again: only what is missing is asked.
    import chat_server

    real = chat_server.ThreadingHTTPServer
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chat_server, "ThreadingHTTPServer", lambda address, handler: real(("127.0.0.1", port), handler))
        with serving(echo) as served:
            assert [r.text for r in at(url).answers(asks(12))] == [f"답: 물음 {i}" for i in range(12)]
            assert len(served.bodies) == 5


@pytest.mark.parametrize("code", [429, 500, 502, 503])
def test_a_busy_server_is_asked_again_as_it_says(code: int) -> None:
    def busy(body: dict[str, Any], number: int) -> Any:
        return (code, {"Retry-After": "7"}, b"later") if number <= 2 else echo(body, number)

    with serving(busy) as served:
        assert at(served.url).answers(asks(1))[0].text == "답: 물음 0"
        assert PAUSES == [7.0, 7.0]


def test_a_server_may_not_ask_to_wait_for_ever() -> None:
    with serving(lambda body, n: (429, {"Retry-After": "86400"}, b"") if n == 1 else echo(body, n)) as served:
        at(served.url).answers(asks(1))
    assert PAUSES == [60.0]


@pytest.mark.parametrize(
    "raw", [b"<html>It works!</html>", b"", b"[]", b'{"choices": []}', b'{"choices": [{"message": {}}]}', b"null", b'{"error": "no"}', b"\xff\xfe"]
)
def test_nonsense_stops_with_what_was_said(raw: bytes) -> None:
    with serving(lambda body, n: (200, {}, raw)) as served:
        with pytest.raises(DadeumError, match=r"no answer in|answered no chat completion") as told:
            at(served.url, tries=2).answers(asks(3))
        assert "0 of 3 answers are kept" in str(told.value)
        assert not raw.startswith(b"<html") or "It works" in str(told.value)


def test_a_wrong_key_stops_at_once_and_is_never_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(KEY, "sk-very-secret")
    with serving(lambda body, n: (401, {}, b'{"error": "Incorrect API key: sk-very-secret"}')) as served:
        with pytest.raises(DadeumError, match=rf"refused the key.*\[key\].*\${KEY}") as told:
            at(served.url, at_once=1).answers(asks(50))
        assert len(served.bodies) == 1 and served.headers[0]["Authorization"] == "Bearer sk-very-secret"
        assert "sk-very-secret" not in str(told.value)
    monkeypatch.setenv(KEY, "sk-right")
    with serving(echo) as served:
        at(served.url).answers(asks(2))
    assert not [p for p in tmp_path.rglob("*") if p.is_file() and b"sk-" in p.read_bytes()]


def test_a_wrong_address_says_so() -> None:
    with serving(lambda body, n: (404, {}, b"no model m")) as served, pytest.raises(DadeumError, match=r"is not there.*no model m"):
        at(served.url).answers(asks(2))


def test_one_refused_request_costs_only_itself() -> None:
    def picky(body: dict[str, Any], number: int) -> Any:
        asked = body["messages"][-1]["content"]
        if asked == "물음 1":
            return 400, {}, b'{"error": "context length exceeded"}'
        return completion(None, "content_filter") if asked == "물음 2" else echo(body, number)

    with serving(picky) as served:
        said = at(served.url).answers(asks(4))
        assert [r.text for r in said] == ["답: 물음 0", None, None, "답: 물음 3"]
        assert "context length" in said[1].why and said[2].why == "content_filter"
        at(served.url).answers(asks(4))
        assert len(served.bodies) == 6, "who was refused is asked again, the others are kept"


def test_a_server_that_refuses_everything_is_not_asked_everything() -> None:
    with serving(lambda body, n: (400, {}, b"max_tokens is unsupported")) as served:
        with pytest.raises(DadeumError, match=r"refuses every request.*max_tokens is unsupported"):
            at(served.url, at_once=2).answers(asks(200))
        assert len(served.bodies) < 20


@pytest.mark.parametrize("key", ["max_tokens", "temperature", "seed"])
def test_servers_that_do_not_know_a_key_are_asked_without_it(key: str) -> None:
    def strict(body: dict[str, Any], number: int) -> Any:
        if key not in body:
            return echo(body, number)
        hint = ". Use 'max_completion_tokens' instead" if key == "max_tokens" else ""
        return 400, {}, json.dumps({"error": {"message": f"Unsupported parameter: '{key}'{hint}", "param": key}}).encode()

    with serving(strict) as served:
        said = at(served.url, at_once=1).answers(asks(6))
        assert all(r.text for r in said) and len(served.bodies) == 7
        assert key != "max_tokens" or served.bodies[-1]["max_completion_tokens"] == 8


def test_a_key_that_is_unknown_costs_none_of_the_requests_on_their_way() -> None:
    """Several requests are refused for the same key at once: each is asked again without it."""

    def strict(body: dict[str, Any], number: int) -> Any:
        time.sleep(0.1)
        return (400, {}, b"Unsupported parameter: 'max_tokens'") if "max_tokens" in body else echo(body, number)

    with serving(strict) as served:
        assert [r.text for r in at(served.url, at_once=4).answers(asks(8))] == [f"답: 물음 {i}" for i in range(8)]


@pytest.mark.parametrize(
    ("message", "reason", "text"),
    [
        ({"content": None, "reasoning_content": "음..."}, "length", ""),
        ({"content": None, "refusal": "I can't help with that."}, "stop", "I can't help with that."),
        ({"content": [{"type": "text", "text": "하"}, {"type": "image"}, {"type": "text", "text": "나"}]}, "stop", "하나"),
        ({"content": "반쪽 \ud83d"}, "stop", "반쪽 \ufffd\ufffd\ufffd"),
    ],
)
def test_other_ways_to_write_an_answer(message: dict[str, Any], reason: str, text: str) -> None:
    raw = json.dumps({"choices": [{"message": {"role": "assistant", **message}, "finish_reason": reason}]}).encode()
    with serving(lambda body, n: (200, {}, raw)) as served:
        [said] = at(served.url).answers(asks(1))
        assert said.text == text and said.cut == (reason == "length")
        assert at(served.url).answers(asks(1)) == [said] and len(served.bodies) == 1


def test_a_request_that_breaks_the_server_costs_only_itself() -> None:
    def fragile(body: dict[str, Any], number: int) -> Any:
        return (500, {}, b"template error") if body["messages"][-1]["content"] == "물음 2" else echo(body, number)

    with serving(fragile) as served:
        said = at(served.url, tries=2, at_once=1).answers(asks(6))
        assert [r.text is None for r in said] == [False, False, True, False, False, False] and "template error" in said[2].why
    with serving(lambda body, n: (500, {}, b"out of memory") if n > 4 else echo(body, n)) as served:
        with pytest.raises(DadeumError, match=r"out of memory.*4 of 50 answers are kept"):
            at(served.url, tries=1, at_once=1).answers(asks(50))
        assert len(served.bodies) == 4 + 3


def test_an_answer_that_trickles_in_is_given_up() -> None:
    import http.server
    import threading

    class Drip(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.end_headers()
            with contextlib.suppress(OSError):
                for _ in range(100):
                    self.wfile.write(b" ")
                    time.sleep(0.05)

        def log_message(self, *told: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Drip) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        began = time.perf_counter()
        with pytest.raises(DadeumError, match=r"nothing within 0\.3 seconds"):
            at(f"http://127.0.0.1:{server.server_address[1]}/v1", patience=0.3, tries=1).answers(asks(1))
        assert time.perf_counter() - began < 3
        server.shutdown()


@pytest.mark.parametrize("code", [200, 302, 400])
def test_a_key_that_a_server_says_back_is_shown_nowhere(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, "sk-very-secret")
    raw = json.dumps({"you sent": "sk-very-secret"}).encode()
    with serving(lambda body, n: (code, {"Location": "http://x/?key=sk-very-secret"}, raw)) as served, pytest.raises(DadeumError) as told:
        at(served.url, tries=1, at_once=1).answers(asks(6))
    assert "sk-very-secret" not in str(told.value) and "[key]" in str(told.value)


def test_an_interrupt_keeps_what_was_on_its_way() -> None:
    def slow(body: dict[str, Any], number: int) -> Any:
        time.sleep(0.4 if number > 1 else 0.0)
        return echo(body, number)

    def stop(told: dict[str, Any]) -> None:
        raise KeyboardInterrupt

    with serving(slow) as served:
        with pytest.raises(KeyboardInterrupt):
            at(served.url, at_once=3).answers(asks(20), stop)
        sent = len(served.bodies)
        assert 2 <= sent <= 4
        at(served.url, at_once=3).answers(asks(20))
        assert len(served.bodies) == 20, "nothing was paid for twice"


def test_a_file_of_replies_that_is_broken_is_named(tmp_path: Path) -> None:
    with serving(echo) as served:
        at(served.url).answers(asks(1))
        [path] = tmp_path.rglob("*.sqlite")
        path.write_bytes(b"not a database" * 100)
        with pytest.raises(DadeumError, match=rf"{path.name}, where replies are kept: .*can be deleted"):
            at(served.url).answers(asks(1))
        path.unlink()
        at(served.url).answers(asks(1))


def test_cut_answers_are_told() -> None:
    with serving(lambda body, n: completion("반쯤", "length")) as served:
        assert at(served.url).answers(asks(1))[0].cut and at(served.url).answers(asks(1))[0].cut


def test_a_broken_off_answer_is_asked_again() -> None:
    def broken(body: dict[str, Any], number: int) -> Any:
        raw = json.dumps(echo(body, number)).encode()
        return (200, {"Content-Length": str(len(raw) + 50)}, raw[:20]) if number == 1 else echo(body, number)

    with serving(broken) as served:
        assert at(served.url, patience=1.0).answers(asks(1))[0].text == "답: 물음 0" and len(served.bodies) == 2


def test_a_silent_server_is_given_up() -> None:
    with serving(lambda body, n: time.sleep(1.0) or completion("late")) as served:
        began = time.perf_counter()
        with pytest.raises(DadeumError, match=r"nothing within 0\.2 seconds"):
            at(served.url, patience=0.2, tries=2, at_once=1).answers(asks(1))
        assert time.perf_counter() - began < 5


def test_the_budget_is_never_overrun_and_goes_on() -> None:
    def long(body: dict[str, Any], number: int) -> Any:
        return completion("x", read=20, written=body["max_tokens"])

    with serving(long) as served:
        with pytest.raises(DadeumError, match=r"budget of 5 calls is spent\. 5 of 9 answers"):
            at(served.url, budget=Budget(calls=5)).answers(asks(9))
        assert len(served.bodies) == 5
        with pytest.raises(DadeumError, match="budget of 5 calls"):
            at(served.url, budget=Budget(calls=5)).answers(asks(9))
        assert len(served.bodies) == 5, "calling again spends no more"
        at(served.url, budget=Budget(calls=9)).answers(asks(9))
        assert len(served.bodies) == 9
    with serving(long) as served:
        with pytest.raises(DadeumError, match="tokens are spent"):
            at(served.url, budget=Budget(tokens=300)).answers(asks(50))
        assert 28 * len(served.bodies) <= 300 and len(served.bodies) > 3
    with serving(long) as served:
        price = Price(input=1000, output=2000)
        with pytest.raises(DadeumError, match="are spent, and the next answer may cost"):
            at(served.url, budget=Budget(price=0.5), price=price).answers(asks(50))
        assert len(served.bodies) * (20 * 1000 + 8 * 2000) / 1e6 <= 0.5 and len(served.bodies) > 3


def test_tool_calls_are_an_answer() -> None:
    called = [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    with serving(lambda body, n: completion(None, "tool_calls", tool_calls=called)) as served:
        assert json.loads(at(served.url).answers(asks(1))[0].text or "") == called


def test_a_key_goes_to_its_own_address_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, "sk-first")
    monkeypatch.setenv("OTHER_KEY", "sk-other")
    with serving(echo) as served, serving(lambda body, n: (307, {"Location": served.url + "/chat/completions"}, b"")) as moved:
        at(served.url, secret="OTHER_KEY").answers(asks(1))
        assert served.headers[0]["Authorization"] == "Bearer sk-other"
        at(served.url, secret="NOT_SET").answers(asks(2))
        assert "Authorization" not in served.headers[1]
        with pytest.raises(DadeumError, match=r"sends elsewhere \(307.*name that address"):
            at(moved.url).answers(asks(1))
        assert len(served.headers) == 2, "the key was carried nowhere"


def test_a_recipe_holds_names_of_keys_and_never_keys() -> None:
    from dadeum import recipe
    from dadeum.errors import RecipeError

    raw = {"sources": [{"path": "README.md"}], "steps": [{"mix.split": {"test": 0.1}}], "train": {}}
    for wrong in ({"key": "sk-very-secret"}, {"url": "http://user:pw@host/v1"}, {"url": "http://host/v1?key=x"}, {"url": "host/v1"}):
        arm = {"name": "x", "model": "m", "url": "http://host/v1", **wrong}
        with pytest.raises(RecipeError, match=r"prove\.arms\.(0|x)\.(key|url)"):
            recipe.compose({**raw, "prove": {"arms": [arm]}})


def test_who_is_asked_later_is_looked_for_before(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(echo) as served:
        reach(served.url)  # 501 for GET: it knows no list of models, but it is there
        assert not served.bodies, "nothing was asked, nothing is to be paid"
        url = served.url
    with pytest.raises(DadeumError, match=r"can't be reached .*start it, or leave the arm out"):
        reach(url)


def test_a_server_that_is_always_busy_is_no_wrong_address() -> None:
    with serving(lambda body, n: (429, {}, b"rate limit")) as served, pytest.raises(DadeumError, match=r"at_once: 1.*quota is spent\. 0 of 1") as told:
        at(served.url, tries=3).answers(asks(1))
    assert "/v1?" not in str(told.value)


@pytest.mark.parametrize("usage", ["many", [1], {"prompt_tokens": "many", "completion_tokens": None}, {"prompt_tokens": -5}, 7, None])
def test_an_answer_is_one_whatever_is_said_of_its_tokens(usage: Any) -> None:
    told = {"choices": [{"message": {"content": "서울"}, "finish_reason": "stop"}], "usage": usage}
    with serving(lambda body, n: (200, {}, json.dumps(told).encode())) as served:
        [reply] = at(served.url).answers(asks(1))
    assert (reply.text, reply.read, reply.written) == ("서울", 0, 0)
