"""Starts the product's zygote with `tests.hostile.escape.engine`, as root or another user, and with a poorer kernel.

``python zygote.py ROOT OPTIONS-AS-JSON --zygote FD --engine NAME``; the options: ``user`` (a number to become),
``without`` (system calls that this kernel shall not have, with the errno that says so), ``layers`` (names to leave
out, to show what the attacks do without them), ``engine`` (a module to load in place of the real engine).
"""

import ctypes
import json
import os
import sys

sys.path.insert(0, sys.argv[1])

from tests.hostile.poorer import lose  # the path comes first

from plugind_worker import lockdown, zygote
from plugind_worker.engine import ENGINES, load


def main() -> None:
    options = json.loads(sys.argv[2])
    if options.get("engine"):
        ENGINES["wasmtime"] = options["engine"]
    load("wasmtime")  # while its files can be read
    left_out = set(options.get("layers", ()))
    lockdown.LAYERS = tuple(layer for layer in lockdown.LAYERS if layer.name not in left_out)  # type: ignore[misc]
    if (user := options.get("user")) is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
        ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # as after the start of a program
    if options.get("without"):
        lose(options["without"])
    zygote.run(int(sys.argv[4]), "wasmtime")


main()
