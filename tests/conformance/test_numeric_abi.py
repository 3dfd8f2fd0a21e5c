"""The numeric ABI: every type both ways, several results, names that are nothing special, and args that do not fit."""

from typing import Any

import pytest
from tests.conformance.running import Start

from plugind_protocol.errors import FunctionNotFound, InvalidParams, Trap, UnsupportedAbi

pytestmark = [pytest.mark.anyio, pytest.mark.process]

GUEST = """(module
  (memory 1)
  (func (export "i32") (param i32) (result i32) (local.get 0))
  (func (export "i64") (param i64) (result i64) (local.get 0))
  (func (export "f32") (param f32) (result f32) (local.get 0))
  (func (export "f64") (param f64) (result f64) (local.get 0))
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "four") (param i32 i64 f32 f64) (result f64 f32 i64 i32)
    (local.get 3) (local.get 2) (local.get 1) (local.get 0))
  (func (export "nothing"))
  (func (export "nan") (result f64) (f64.div (f64.const 0) (f64.const 0)))
  (func (export "infinity") (result f32) (f32.div (f32.const 1) (f32.const 0)))
  (func (export "__class__") (result i32) (i32.const 1))
  (func (export "") (result i32) (i32.const 2))
  (func (export "vector") (param v128))
  (func (export "function") (result funcref) (ref.func 0))
  (func $divide (export "divide") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
  (global (export "global") i32 (i32.const 1)))"""


@pytest.mark.parametrize(
    ("name", "args", "result"),
    [
        ("i32", [2**31 - 1], 2**31 - 1),
        ("i32", [-(2**31)], -(2**31)),
        ("i32", [5.0], 5),
        ("i64", [-1], -1),
        ("i64", [2**53], 2**53),
        ("i64", [2**53 + 1], str(2**53 + 1)),
        ("i64", [str(-(2**63))], str(-(2**63))),
        ("i64", [str(2**63 - 1)], str(2**63 - 1)),
        ("f32", [1.5], 1.5),
        ("f32", [0.1], 0.10000000149011612),
        ("f64", [0.1], 0.1),
        ("f64", [-1e308], -1e308),
        ("add", [2**31 - 1, 1], -(2**31)),
        ("four", [-1, -2, 1.5, 2.5], [2.5, 1.5, -2, -1]),
        ("nothing", [], None),
        ("nothing", None, None),
        ("nan", [], None),
        ("infinity", [], None),
        ("__class__", [], 1),
        ("", [], 2),
    ],
)
async def test_numbers(start: Start, name: str, args: Any, result: Any) -> None:
    guest = await start(GUEST)
    assert await guest.call(name, args) == result


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("i32", [2**31]),
        ("i32", [1.5]),
        ("i32", ["1"]),
        ("i32", [True]),
        ("i64", [str(2**63)]),
        ("f32", [1e39]),
        ("add", [1]),
        ("add", [1, 2, 3]),
        ("add", {"a": 1}),
    ],
)
async def test_args_that_do_not_fit(start: Start, name: str, args: Any) -> None:
    guest = await start(GUEST)
    with pytest.raises(InvalidParams):
        await guest.call(name, args)
    assert await guest.call("add", [2, 3]) == 5


@pytest.mark.parametrize("name", ["vector", "function", "global", "memory", "__dict__", "plugind start"])
async def test_what_is_no_function_of_numbers_cannot_be_called(start: Start, name: str) -> None:
    guest = await start(GUEST)
    with pytest.raises(FunctionNotFound):
        await guest.call(name)


async def test_a_trap_names_its_function(start: Start) -> None:
    guest = await start(GUEST)
    with pytest.raises(Trap, match="divided by zero in divide") as caught:
        await guest.call("divide", [1, 0])
    assert caught.value.data.stack == ["divide"]
    assert await guest.call("divide", [6, 3]) == 2


async def test_a_module_with_nothing_to_call(start: Start) -> None:
    with pytest.raises(UnsupportedAbi, match="nothing to call"):
        await start('(module (memory (export "memory") 1))')
