"""Traps: each kind told alike, with the guest's stack, and a fresh instance for the next call."""

import pytest
from tests.conformance.guests import timeline
from tests.conformance.running import Start
from tests.harness.engines import Expect

from plugind_protocol.errors import PlugindError, Trap, WorkerCrashed

pytestmark = [pytest.mark.anyio, pytest.mark.process]

MORE = """
  (global $count (mut i32) (i32.const 0))
  (table 4 funcref)
  (elem (i32.const 0) $call $inner)
  (type $nothing (func))
  (func $inner (unreachable))
  (func $middle (call $inner))
  (func $deep (call $deep))
  (func (param i32) (if (local.get 0) (then (call $middle))))
"""
GUEST = timeline(
    {
        "count": "(global.set $count (i32.add (global.get $count) (i32.const 1))) (call $number (global.get $count))",
        "unreachable": "(call $middle) (i64.const 0)",
        "division": "(i64.div_s (i64.const 1) (i64.const 0))",
        "overflow": "(i64.div_s (i64.const 0x8000000000000000) (i64.const -1))",
        "conversion": "(i64.trunc_f64_s (f64.const nan))",
        "load": "(i64.load (i32.const -8))",
        "store": "(i64.store (i32.const 0x7fffffff) (i64.const 1)) (i64.const 0)",
        "behind": "(i64.load (i32.mul (memory.size) (i32.const 65536)))",
        "fill": "(memory.fill (i32.const 131000) (i32.const 1) (i32.const 1000)) (i64.const 0)",
        "table": "(call_indirect (type $nothing) (i32.const 9)) (i64.const 0)",
        "null": "(call_indirect (type $nothing) (i32.const 3)) (i64.const 0)",
        "signature": "(call_indirect (type $nothing) (i32.const 0)) (i64.const 0)",
        "recursion": "(call $deep) (i64.const 0)",
        "unnamed": "(call 7 (i32.const 1)) (i64.const 0)",
    },
    more=MORE,
)


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("unreachable", "executed an unreachable instruction in inner"),
        ("division", "divided by zero in call"),
        ("overflow", "overflowed an integer division in call"),
        ("conversion", "converted a float that fits no integer in call"),
        ("load", "accessed memory out of bounds in call"),
        ("store", "accessed memory out of bounds in call"),
        ("behind", "accessed memory out of bounds in call"),
        ("fill", "accessed memory out of bounds in call"),
        ("table", "accessed a table out of bounds in call"),
        ("null", "called a null function reference in call"),
        ("signature", "called a function by a wrong signature in call"),
        ("recursion", "ran out of stack in deep"),
    ],
)
async def test_a_trap_says_what_and_where_and_the_next_call_works(start: Start, method: str, message: str) -> None:
    guest = await start(GUEST)
    assert await guest.call("count") == 1
    assert await guest.call("count") == 2
    with pytest.raises(Trap) as caught:
        await guest.call(method)
    error = caught.value
    assert error.message == f"guest 1.2.3: {message}"
    assert (error.data.plugin_id, error.data.version, error.data.cause) == ("guest", "1.2.3", "trap")
    assert error.data.stack is not None
    assert error.data.stack[0] == message.rpartition(" ")[2]
    assert await guest.call("count") == 1  # a fresh instance
    assert guest.worker.alive
    assert len(guest.traps) == 1


LOCALS = 700
"""As many are more than a page of stack, which the engines have probed before such a function runs."""
_EACH = range(1, LOCALS)
LARGE = f"""(func $large (param i64) (result i64) (local {"i64 " * LOCALS})
  {" ".join(f"(local.set {n} (i64.add (i64.load (i32.const {8 * n})) (local.get 0)))" for n in _EACH)}
  (drop (call $large (i64.add (local.get 0) (i64.const 1))))
  {"(i64.add " * (LOCALS - 1)} (local.get 0) {" ".join(f"(local.get {n}))" for n in _EACH)})"""
DEEP = {
    "large": "(call $large (i64.const 0))",
    "drop": "(call $drop) (i64.const 0)",
    "fill": "(call $fill) (i64.const 0)",
    "grow": "(call $grow) (i64.const 0)",
    "tables": "(call $tables) (i64.const 0)",
}
"""Guests whose last bit of stack is used up by the engine itself: by probing it, and by what it does for them."""
OVERFLOWS = timeline(
    DEEP,
    more=f"""{LARGE} (data $data "x") (table 4 funcref)
      (func $drop (data.drop $data) (call $drop))
      (func $fill (memory.fill (i32.const 0) (i32.const 1) (i32.const 1)) (call $fill))
      (func $grow (drop (memory.grow (i32.const 0))) (call $grow))
      (func $tables (drop (table.grow (ref.null func) (i32.const 1))) (call $tables))""",
)


@pytest.mark.parametrize("method", DEEP)
async def test_stack_that_ends_in_the_engines_own_code(start: Start, expect: Expect, method: str) -> None:
    guest = await start(OVERFLOWS)
    with pytest.raises((Trap, WorkerCrashed), match=expect("stack that ends in the engine's own code")) as caught:
        await guest.call(method)
    assert guest.worker.alive == isinstance(caught.value, Trap)


async def test_the_stack_is_told_from_the_inside_out(start: Start) -> None:
    guest = await start(GUEST)
    with pytest.raises(Trap) as caught:
        await guest.call("unreachable")
    assert caught.value.data.stack == ["inner", "middle", "call"]
    with pytest.raises(Trap) as caught:
        await guest.call("unnamed")
    assert caught.value.data.stack == ["inner", "middle", "function 7", "call"]
    with pytest.raises(Trap) as caught:
        await guest.call("recursion")
    assert caught.value.data.stack is not None
    assert set(caught.value.data.stack) == {"deep"}
    assert 10 < len(caught.value.data.stack) <= 64


async def test_names_of_functions_may_be_anything(start: Start) -> None:
    strange = r'(func $"strange" (export "strange") (unreachable))'.replace('$"strange"', "$a|b'c*d")
    guest = await start(f'(module {strange} (func (export "outer") (call 0)))')
    with pytest.raises(Trap) as caught:
        await guest.call("outer", [])
    assert caught.value.data.stack is not None
    assert caught.value.data.stack[0] == "a|b'c*d"


@pytest.mark.parametrize("where", ["(start $bad)", '(export "_initialize" (func $bad))'])
async def test_a_trap_at_the_start_fails_the_load(start: Start, where: str) -> None:
    with pytest.raises(Trap, match="unreachable instruction in bad"):
        await start(timeline("(i64.const 0)", more=f"(func $bad (unreachable)) {where}"))


async def test_data_that_does_not_fit_fails_the_load(start: Start) -> None:
    with pytest.raises(Trap, match="accessed memory out of bounds"):
        await start(timeline("(i64.const 0)", more='(data (i32.const 131072) "x")'))


async def test_many_traps_leak_nothing(start: Start) -> None:
    guest = await start(GUEST)
    for _ in range(30):
        with pytest.raises(PlugindError):
            await guest.call("unreachable")
    before = address_space(guest.worker.pid)
    for _ in range(30):
        with pytest.raises(PlugindError):
            await guest.call("unreachable")
    assert address_space(guest.worker.pid) < before + 1024**3  # every instance reserves several GiB


def address_space(pid: int) -> int:
    """Bytes of address space of a process."""
    with open(f"/proc/{pid}/statm") as file:  # noqa: PTH123  # short
        return int(file.read().split()[0]) * 4096
