"""An assembler for system call filters: rules in, a classic BPF program out. Pure; knows no architecture's numbers.

A filter looks at the architecture, then at the number, then, where a rule says so, at arguments. It cannot follow
pointers. What no rule names gets the default action.
"""

import struct
from collections.abc import Sequence
from typing import Final

import msgspec

ALLOW: Final = 0x7FFF0000
KILL: Final = 0x80000000
"""End the whole process by SIGSYS."""
_ERRNO: Final = 0x00050000
_INSTRUCTION: Final = struct.Struct("=HBBI")

_LOAD: Final = 0x20  # load a word of seccomp_data
_AND: Final = 0x54
_EQUAL: Final = 0x15
_AT_LEAST: Final = 0x35
_RETURN: Final = 0x06
_NUMBER_AT: Final = 0
_ARCHITECTURE_AT: Final = 4
_ARGUMENTS_AT: Final = 16
_LOW: Final = 0xFFFFFFFF

Instruction = tuple[int, int, int, int]
"""``code, jump if true, jump if false, value``."""


def fail(errno: int) -> int:
    """Return the action that makes a call fail."""
    return _ERRNO | errno


class Match(msgspec.Struct, frozen=True):
    """A condition: ``argument & mask == value``, in 64 bits."""

    argument: int
    """0 to 5."""
    value: int
    mask: int = (1 << 64) - 1


class Rule(msgspec.Struct, frozen=True):
    """What happens to one system call."""

    number: int
    action: int
    matches: Sequence[Match] = ()
    """All must hold; otherwise the next rule of the same number is tried, then ``otherwise``."""


def assemble(rules: Sequence[Rule], *, architecture: int, otherwise: int, above: int | None = None) -> bytes:
    """Assemble a filter for a little-endian machine.

    Args:
        rules: In the order in which they are tried; those of one number must stand together.
        architecture: ``AUDIT_ARCH`` of the calls that are looked at; any other ends the process.
        otherwise: Action for what no rule names.
        above: Numbers from here on end the process.

    Returns:
        The program, 8 bytes an instruction.
    """
    program: list[Instruction] = [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, KILL),
        (_LOAD, 0, 0, _NUMBER_AT),
    ]
    if above is not None:
        program += [(_AT_LEAST, 0, 1, above), (_RETURN, 0, 0, KILL)]
    for number, group in _groups(rules):
        block = [instruction for rule in group for instruction in _rule(rule)]
        if group[-1].matches:
            block.append((_RETURN, 0, 0, otherwise))
        program.append((_EQUAL, 0, len(block), number))
        program += block
    program.append((_RETURN, 0, 0, otherwise))
    return b"".join(_INSTRUCTION.pack(*instruction) for instruction in program)


def put(program: bytes, value: int, *, for_: int) -> bytes:
    """Put a value into a program in place of one that stands for it.

    Args:
        program: As `assemble` returned.
        value: 32 bits.
        for_: What is compared with exactly once in the program.

    Raises:
        ValueError: It is not, so that nobody could say what the program does.
    """
    found = [
        at
        for at, (code, _, _, compared) in enumerate(_INSTRUCTION.iter_unpack(program))
        if code == _EQUAL and compared == for_
    ]
    if len(found) != 1:
        raise ValueError(f"the program compares {len(found)} times with {for_:#x}")
    end = (found[0] + 1) * _INSTRUCTION.size
    return program[: end - 4] + struct.pack("=I", value) + program[end:]


def _groups(rules: Sequence[Rule]) -> list[tuple[int, list[Rule]]]:
    groups: list[tuple[int, list[Rule]]] = []
    for rule in rules:
        if not groups or groups[-1][0] != rule.number:
            groups.append((rule.number, []))
        groups[-1][1].append(rule)
    if len({number for number, _ in groups}) != len(groups):
        raise ValueError("rules of one system call must stand together")
    return groups


def _rule(rule: Rule) -> list[Instruction]:
    """Check the matches one after the other, each jumping past the rule's end where it does not hold."""
    checks = [half for match in rule.matches for half in _halves(match)]
    out: list[Instruction] = []
    left = sum(len(check) for check in checks)
    for *loads, (code, _, _, value) in checks:
        out += loads
        left -= len(loads) + 1
        out.append((code, 0, left + 1, value))  # 1: the return
    return [*out, (_RETURN, 0, 0, rule.action)]


def _halves(match: Match) -> list[list[Instruction]]:
    """Compare the low and the high word, each as far as the mask reaches."""
    at = _ARGUMENTS_AT + 8 * match.argument
    halves = []
    for offset, shift in ((at, 0), (at + 4, 32)):
        mask, value = match.mask >> shift & _LOW, match.value >> shift & _LOW
        if not mask:
            continue
        masking = [(_AND, 0, 0, mask)] if mask != _LOW else []
        halves.append([(_LOAD, 0, 0, offset), *masking, (_EQUAL, 0, 0, value)])
    return halves
