"""A machine for classic BPF, as the kernel runs it over ``struct seccomp_data``: for filters of any architecture."""

import struct
from typing import Final

_INSTRUCTION: Final = struct.Struct("=HBBI")
_CALL: Final = struct.Struct("<iIQ6Q")


def run(program: bytes, *, architecture: int, number: int, arguments: tuple[int, ...] = ()) -> int:
    """Return the action that a filter takes for one system call."""
    padded = [argument % 2**64 for argument in (*arguments, *[0] * (6 - len(arguments)))]
    data = _CALL.pack(number, architecture, 0, *padded)
    instructions = list(_INSTRUCTION.iter_unpack(program))
    at, accumulator = 0, 0
    while True:
        code, if_true, if_false, value = instructions[at]
        at += 1
        if code == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, value)
        elif code == 0x54:
            accumulator &= value
        elif code == 0x15:
            at += if_true if accumulator == value else if_false
        elif code == 0x35:
            at += if_true if accumulator >= value else if_false
        elif code == 0x06:
            return value
        else:
            raise AssertionError(f"no such instruction: {code:#x}")
