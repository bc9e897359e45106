"""What runs inside the sandbox, in an interpreter of its own: it locks the door behind itself, then runs the program that it is given.

Started by sandbox.py as `python -I -S sandboxed.py`, so it imports nothing but the standard library. Standard input is JSON: {program,
token, pipe, memory, seconds, folder}. When the program came to its end, and only then, the token is written to the descriptor `pipe`: an
answer that ends itself before its tests has not passed them.

Landlock (Linux 5.13 and later, no privileges needed) lets it read the standard library and write below its folder, and nothing else: no
other file, no program to execute and, from Linux 6.7 on, no TCP. Resource limits bound memory, processor time, and what a file may grow to.
"""

import ctypes
import json
import os
import resource
import sys

CREATE, ADD, RESTRICT = 444, 445, 446
READ = 1 << 2 | 1 << 3
WRITE = READ | 1 << 1 | 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8
BITS = {1: 13, 2: 14, 3: 15, 4: 15}
"""How many kinds of access to files each version of Landlock knows; 16 from the fifth on."""


class Rules(ctypes.Structure):
    """struct landlock_ruleset_attr."""

    _fields_ = [("files", ctypes.c_uint64), ("network", ctypes.c_uint64)]


class Beneath(ctypes.Structure):
    """struct landlock_path_beneath_attr."""

    _pack_ = 1
    _fields_ = [("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32)]


def locked(readable: list[str], writable: list[str]) -> bool:
    """Whether the kernel has locked this process in."""
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(CREATE, None, 0, 1)
    if version < 1:
        return False
    files = (1 << BITS.get(version, 16)) - 1
    rules = Rules(files, 3 if version >= 4 else 0)
    made = libc.syscall(CREATE, ctypes.byref(rules), ctypes.sizeof(rules) if version >= 4 else 8, 0)
    if made < 0:
        return False
    for path, allowed in [*((p, READ) for p in readable), *((p, WRITE | (1 << 14 if version >= 3 else 0)) for p in writable)]:
        try:
            folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue
        beneath = Beneath(allowed & files, folder)
        libc.syscall(ADD, made, 1, ctypes.byref(beneath), 0)
        os.close(folder)
    libc.prctl(38, 1, 0, 0, 0)
    return bool(libc.syscall(RESTRICT, made, 0) == 0)


def main() -> None:
    """Lock, run, tell."""
    told = json.load(sys.stdin)
    os.chdir(told["folder"])
    seconds = int(told["seconds"]) + 1
    size = told["memory"]
    for kind, limit in (
        (resource.RLIMIT_AS, size),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, size // 8),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_NPROC, 64),
    ):
        resource.setrlimit(kind, (limit, limit))
    library = [path for path in sys.path if os.path.isdir(path) and path != os.path.dirname(os.path.abspath(__file__))]
    locked([*library, "/usr/share/zoneinfo"], [told["folder"], "/dev/null"])
    sys.path[:] = library
    token, pipe, program = told["token"], told["pipe"], told["program"]
    del told
    exec(compile(program, "answer", "exec"), {"__name__": "__main__"})
    os.write(pipe, token.encode())


if __name__ == "__main__":
    main()
