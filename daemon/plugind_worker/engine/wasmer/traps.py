"""What a wasmer error means: the typed error with the guest's stack, read out of the engine's text."""

import re
from typing import Final

from plugind_protocol.errors import Trap
from plugind_worker.engine.base import Fault

MAX_FRAMES: Final = 64
"""Frames kept of a guest's stack."""
MAX_NAME: Final = 200
"""Characters kept of a function's name, which the plugin chooses."""
MAX_REASON: Final = 400
"""Characters kept of an engine's own text."""

_MARK: Final = "RuntimeError: "
"""Begins the text of a trap, and of no other error of the engine's."""
_FAULTS: Final = {
    "call stack exhausted": Fault.STACK,
    "out of bounds memory access": Fault.MEMORY,
    "undefined element: out of bounds table access": Fault.TABLE,
    "out of bounds table access": Fault.TABLE,
    "uninitialized element": Fault.NULL_CALL,
    "indirect call type mismatch": Fault.SIGNATURE,
    "integer overflow": Fault.OVERFLOW,
    "integer divide by zero": Fault.DIVISION,
    "invalid conversion to integer": Fault.CONVERSION,
    "unreachable": Fault.UNREACHABLE,
}
_FRAME: Final = re.compile(r"    at (.*) \(.*\[(\d+)\]:0x[0-9a-f]+\)\Z", re.DOTALL)
_UNNAMED: Final = "<unnamed>"
_ART: Final = re.compile(r"(-->|\||\d+ \|)")
_PREFIX: Final = re.compile(r"(Validation error|WebAssembly translation error|Error when converting wat): ")


def is_trap(error: BaseException) -> bool:
    """Whether this is a trap of the guest's, and not what a host function raised or the engine refused."""
    return type(error) is RuntimeError and str(error).startswith(_MARK)


def is_panic(error: BaseException) -> bool:
    """Whether the engine itself has failed. Its class cannot be imported."""
    return type(error).__name__ == "PanicException"


def error_of(error: BaseException) -> Trap:
    """Turn a trap into its typed error.

    Args:
        error: For which `is_trap` holds.
    """
    reason, *lines = str(error)[len(_MARK) :].split("\n")
    stack = [_frame_name(*found.groups()) for line in lines[:MAX_FRAMES] if (found := _FRAME.match(line))]
    where = f" in {stack[0]}" if stack else ""
    what = _FAULTS[reason].value if reason in _FAULTS else f"trapped ({reason[:MAX_REASON]})"
    return Trap(f"{what}{where}", cause="trap", stack=stack)


def reason_of(error: BaseException) -> str:
    """Return an engine's text on one line, without the drawing under it."""
    lines = (line.strip() for line in str(error).splitlines())
    text = " ".join(line for line in lines if line and not _ART.match(line))
    return _PREFIX.sub("", text)[:MAX_REASON]


def _frame_name(name: str, index: str) -> str:
    return f"function {index}" if name == _UNNAMED else name[:MAX_NAME]
