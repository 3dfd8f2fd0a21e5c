"""Starts the product's zygote with `tests.hostile.escape.engine`, as root or another user, and with a poorer kernel.

``python zygote.py PATHS OPTIONS-AS-JSON --zygote FD --engine NAME``; the options: ``user`` (a number to become),
``without`` (system calls that this kernel shall not have, with the errno that says so), ``layers`` (names to leave
out, to show what the attacks do without them). The real engine is loaded too, as it would be; it is broken out of.
"""

import ctypes
import json
import os
import sys

sys.path.extend(sys.argv[1].split(os.pathsep))

from tests.hostile.escape.engine import Engine as Broken  # the path comes first
from tests.hostile.poorer import lose

from plugind_worker import lockdown, zygote
from plugind_worker.engine import ENGINES, load


def main() -> None:
    options, engine = json.loads(sys.argv[2]), sys.argv[6]
    real = load(engine)  # while its files can be read
    Broken.name, Broken.late_code, Broken.interruptible = engine, real.late_code, real.interruptible
    ENGINES[engine] = Broken.__module__
    left_out = set(options.get("layers", ()))
    lockdown.LAYERS = tuple(layer for layer in lockdown.LAYERS if layer.name not in left_out)  # type: ignore[misc]
    if (user := options.get("user")) is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
        ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # as after the start of a program
    if options.get("without"):
        lose(options["without"])
    zygote.run(int(sys.argv[4]), engine)


main()
