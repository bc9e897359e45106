"""Programs that a model wrote, run where they can do no harm, and what could not be kept from them said.

Each program gets an interpreter of its own (sandboxed.py) in an empty folder, without environment, input or output: no network (a network
namespace by `unshare` where the machine allows it, TCP by Landlock else), no file outside of its folder but the standard library, no
other program, and bounded memory, time and size of files. Never in this process.

`unbounded` does not believe any of this: it runs one small program for each promise that tries to break it, and names what got
through. It stands in the proof. This is a fence against accidents and clumsy malice of generated code, not against someone who attacks the kernel.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Final

from dadeum.errors import DadeumError

SECONDS: Final = 5.0
MEMORY: Final = 512 << 20
"""Bytes of address space: an interpreter alone takes about 20 MB of it."""
INSIDE: Final = Path(__file__).with_name("sandboxed.py")


@dataclass(frozen=True)
class Ran:
    """How a program ended. `passed`: it came to its end without an error. why: the last line of the error, or timeout."""

    passed: bool
    why: str = ""


def run(program: str, seconds: float = SECONDS, memory: int = MEMORY) -> Ran:
    """One Python program in the sandbox. Raises DadeumError where no sandbox can be started.

    >>> run("assert 1 + 1 == 2").passed, run("assert 1 + 1 == 3").why, run("exit(0)").passed
    (True, 'AssertionError', False)
    """
    token = secrets.token_hex(16)
    read, write = os.pipe()
    # Errors go to a file, whose size is bounded as that of any other: read from a pipe, a program that writes on and on took 1 GB here.
    with tempfile.TemporaryDirectory(prefix="dadeum-sandbox-", ignore_cleanup_errors=True) as folder, tempfile.TemporaryFile() as errors:
        told = json.dumps({"program": program, "token": token, "pipe": write, "memory": memory, "seconds": seconds, "folder": folder})
        command = [*_apart(), sys.executable, "-I", "-S", "-X", "utf8", str(INSIDE)]
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors, env={}, cwd=folder, pass_fds=(write,),
                start_new_session=True, encoding="utf-8",
            )  # fmt: skip
        except OSError as error:
            os.close(read)
            os.close(write)
            raise DadeumError(f"no sandbox can be started here: {error}") from error
        os.close(write)
        why = ""
        try:
            process.communicate(told, timeout=seconds + 1)
            why = _last(errors) or "ended early"
        except subprocess.TimeoutExpired:
            why = f"no end within {seconds:g} seconds"
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.kill()
            process.wait()
        os.set_blocking(read, False)
        with contextlib.suppress(BlockingIOError):
            why = "" if os.read(read, 64) == token.encode() else why
        os.close(read)
    return Ran(not why, why)


def _last(errors: IO[bytes]) -> str:
    """The last line of what a program told on standard error."""
    errors.seek(max(0, errors.seek(0, os.SEEK_END) - 4096))
    lines = errors.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:200] if lines else ""


def run_all(programs: Sequence[str], seconds: float = SECONDS, memory: int = MEMORY) -> list[Ran]:
    """Several, a few at a time, in their order."""
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        return list(pool.map(lambda program: run(program, seconds, memory), programs))


@cache
def unbounded() -> tuple[str, ...]:
    """What the sandbox does not keep from a program on this machine, each found by a program that tried: network, files, writing,
    programs, processes, memory, time. Empty: all of it is bounded."""
    if not run("pass").passed:
        raise DadeumError(f"the sandbox does not run here: {run('pass').why}")
    with tempfile.TemporaryDirectory() as other, socket.create_server(("127.0.0.1", 0)) as server, socket.socket(type=socket.SOCK_DGRAM) as told:
        told.bind(("127.0.0.1", 0))
        told.settimeout(0.2)
        secret = Path(other) / "secret"
        secret.write_text("x")
        os.chmod(other, 0o755)
        escapes = {
            "network": f"import socket; socket.create_connection(('127.0.0.1', {server.getsockname()[1]}), 1)",
            "datagrams": f"import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', {told.getsockname()[1]}))",
            "files": f"open({str(secret)!r}).read()",
            "writing": f"open({str(Path(other) / 'made')!r}, 'w').write('x')",
            "programs": "import subprocess; subprocess.run(['/bin/true'], check=True)",
            "processes": "import os, time\nfor _ in range(80):\n    if os.fork() == 0:\n        time.sleep(1); os._exit(0)",
            "memory": f"x = bytearray({2 * MEMORY})",
            "time": "while True: pass",
        }
        found = dict(zip(escapes, run_all(list(escapes.values()), seconds=1.0)))
        broken = [name for name, ran in found.items() if ran.passed and name != "datagrams"]
        with contextlib.suppress(TimeoutError):
            broken += ["datagrams"] if told.recv(8) else []
        if (Path(other) / "made").exists():
            broken.append("writing")
    return tuple(dict.fromkeys(broken))


@cache
def _apart() -> tuple[str, ...]:
    """The command that takes network, processes and shared memory away, where the machine allows it."""
    if not shutil.which("unshare"):
        return ()
    for command in (("unshare", "-r", "-n", "-p", "-i", "--fork", "--kill-child"), ("unshare", "-r", "-n"), ("unshare", "-n")):
        whole = (str(shutil.which("unshare")), *command[1:])
        if subprocess.run([*whole, "/bin/true"], capture_output=True, check=False).returncode == 0:
            return whole
    return ()
