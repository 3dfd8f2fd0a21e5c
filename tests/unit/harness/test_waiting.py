"""The wait of tests ends with what was waited for, and fails in time where that does not come."""

from collections.abc import Callable
from typing import Any

import anyio
import pytest
from tests.harness.waiting import until, wait_until

pytestmark = pytest.mark.anyio


def third_time(value: object) -> Callable[[], Any]:
    looks = iter([0, None, value])
    return lambda: next(looks)


async def test_what_is_seen_comes_back() -> None:
    look = third_time("there")

    async def later() -> Any:
        await anyio.lowlevel.checkpoint()
        return look()

    assert await until(third_time("there")) == "there"
    assert await until(later) == "there"
    assert wait_until(third_time("there")) == "there"


async def test_it_fails_in_time_and_says_what_was_seen() -> None:
    with pytest.raises(AssertionError, match=r"within 0\.05 s; seen last: \[\]"):
        await until(list, seconds=0.05)
    with pytest.raises(AssertionError, match=r"within 0\.05 s; seen last: \[\]"):
        wait_until(list, seconds=0.05)


async def test_a_look_that_does_not_come_back_is_given_up() -> None:
    with pytest.raises(AssertionError, match="nothing yet"):
        await until(anyio.sleep_forever, seconds=0.05)


async def test_others_go_on_meanwhile() -> None:
    seen: list[int] = []

    async def work() -> None:
        await anyio.sleep(0.02)
        seen.append(1)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(work)
        assert await until(lambda: seen) == [1]
