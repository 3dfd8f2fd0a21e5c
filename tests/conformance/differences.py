"""Where the engines differ, all in one place: what a test expects of each, and why they cannot agree."""

from typing import Any, Final

import msgspec


class Difference(msgspec.Struct, frozen=True):
    """One thing that the engines do differently."""

    wasmtime: Any
    wasmer: Any
    why: str


TABLE: Final = {
    "a stopped call takes its worker with it": Difference(
        False,
        True,
        "wasmer has no epochs and holds Python's lock while a guest runs: only the end of the process stops it",
    ),
    "calls behind a stopped call are answered": Difference(
        True, False, "they were in the worker that had to end; the client is told to try again"
    ),
    "a trap in a host function has the guest's stack": Difference(
        True, False, "the binding passes the exception on without the frames between"
    ),
    "a SIGSEGV from outside during a call": Difference(
        "WorkerCrashed",
        "Trap",
        "wasmer takes it for an access out of bounds of the guest that runs, without asking who has sent it",
    ),
    "stack that ends in the engine's own code": Difference(
        "ran out of stack",
        "killed by SIGSEGV",
        "wasmer takes such a fault for the guest's where it knows the bounds of its stack, which it reads in /proc; in "
        "the sandbox it cannot. Outside, it jumps out of its own half-done work: the next call ends in a panic",
    ),
    "pages a guest can have at most": Difference(
        65536, 65535, "wasmer refuses to grow to the last page of the 4 GiB; it can be declared from the start"
    ),
    "a refused memory.grow may leave pages accessible up to the cap": Difference(
        False, True, "the kernel makes pages accessible one mapping after the other, and wasmer does not take them back"
    ),
    "a launch can lower the cap of tables": Difference(
        True, False, "wasmer cannot limit tables: their cap of 100 000 elements is compiled into the module"
    ),
    "modules with externref": Difference(
        "refused", "accepted", "wasmer's binding has no switch for proposals; nothing here gives a guest a reference"
    ),
    "the last instructions of SIMD": Difference(
        "accepted", "refused", "Cranelift 0.76 lacks those that were added when SIMD was finished (extmul and others)"
    ),
    "select between vectors, on x86-64": Difference(
        "right", "wrong", "CVE-2022-31104 in Cranelift before 0.85.1: a wrong result, but nothing outside the guest"
    ),
    "lanes that were widened as floats": Difference(
        "right",
        "wrong",
        "f32x4.convert_i32x4_u of lanes that were just widened, in Cranelift 0.76; the signed conversion is right",
    ),
    "extended constant expressions": Difference("accepted", "refused", "younger than the parser in wasmer 2.1"),
}


def expected(engine: str, what: str) -> Any:
    """Return what an engine is to do, as the table has it."""
    return getattr(TABLE[what], engine)
