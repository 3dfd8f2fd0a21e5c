"""The numeric example, by its exports."""

from collections.abc import Callable

import pytest
import wasmtime
from guest import Guest


@pytest.fixture
def adder(guest: Callable[..., Guest]) -> Guest:
    return guest("examples/adder")


def test_add_wraps_around(adder: Guest) -> None:
    assert adder.invoke("add", 2, 3) == 5
    assert adder.invoke("add", 2**31 - 1, 1) == -(2**31)
    assert adder.invoke("add64", 2**53, 1) == 2**53 + 1


def test_mean(adder: Guest) -> None:
    assert adder.invoke("mean", 1.0, 2.0) == 1.5


@pytest.mark.parametrize(
    ("n", "value"),
    [(-1, 0), (0, 0), (1, 1), (2, 1), (10, 55), (79, 14_472_334_024_676_221), (92, 7_540_113_804_746_346_429)],
)
def test_fib(adder: Guest, n: int, value: int) -> None:
    assert adder.invoke("fib", n) == value


def test_several_results(adder: Guest) -> None:
    assert adder.invoke("divmod", -17, 5) == [-3, -2]


def test_division_by_zero_traps(adder: Guest) -> None:
    with pytest.raises(wasmtime.Trap, match="divide by zero"):
        adder.invoke("divmod", 1, 0)


def test_nothing(adder: Guest) -> None:
    assert adder.invoke("nop") is None
