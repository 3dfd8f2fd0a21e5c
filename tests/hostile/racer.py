"""Swaps pairs of names as fast as it can, each pair in one step: ``python racer.py FOLDER A B …`` until it is killed.

It says ``swapping`` once it does.
"""

import ctypes
import os
import sys

EXCHANGE = 2


def _main(folder: str, *names: str) -> None:
    root = os.open(folder, os.O_RDONLY)
    swap = ctypes.CDLL(None, use_errno=True).renameat2
    pairs = [(os.fsencode(one), os.fsencode(other)) for one, other in zip(names[::2], names[1::2], strict=True)]
    first = True
    while True:
        for one, other in pairs:
            if swap(root, one, root, other, EXCHANGE) != 0:
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        if first:
            os.write(1, b"swapping\n")
            first = False


if __name__ == "__main__":
    _main(*sys.argv[1:])
