"""Makes the kernel poorer for this process and all that it starts: system calls fail as where they do not exist.

``python -m tests.hostile.poorer '{"NAME": ERRNO, …}' COMMAND …`` runs a command so.
"""

import ctypes
import json
import os
import platform
import struct
import sys
from collections.abc import Mapping
from typing import Final

from plugind_worker.sandbox.linux import bpf, policy
from plugind_worker.sandbox.linux.syscalls import NUMBERS

_NAMED: Final[dict[str, tuple[int | None, int | None]]] = {
    **NUMBERS,
    "seccomp": (317, 277),
    "landlock_create_ruleset": (444, 444),
    "prctl": (157, 167),
}
_NO_NEW_PRIVS: Final = 38
_SET_SECCOMP: Final = 22
_FILTER: Final = 2


def lose(calls: Mapping[str, int]) -> None:
    """Let system calls fail with an errno, for ever."""
    architecture = policy.ARCHITECTURES[platform.machine()]
    rules = [
        bpf.Rule(number, bpf.fail(errno))
        for name, errno in calls.items()
        if (number := _NAMED[name][architecture.column]) is not None
    ]
    program = bpf.assemble(rules, architecture=architecture.audit, otherwise=bpf.ALLOW)
    code = ctypes.create_string_buffer(program, len(program))
    head = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)
    if libc.prctl(_SET_SECCOMP, _FILTER, head, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "no filter")


if __name__ == "__main__":
    lose(json.loads(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])
