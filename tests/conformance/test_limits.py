"""Memory and tables: what a guest may have, from the start and later, and how a launch's limits move."""

import pytest
from tests.conformance.guests import timeline
from tests.conformance.running import Start
from tests.harness.engines import Expect

from plugind_protocol.errors import MemoryLimit, PackageInvalid
from plugind_protocol.manifest import Limits

pytestmark = [pytest.mark.anyio, pytest.mark.process]

PAGE = 65536
GROWER = """(module
  (memory (export "memory") 1 {most})
  (table $t 2 funcref)
  (func (export "size") (result i32) (memory.size))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "touch") (param i32) (i32.store8 (local.get 0) (i32.const 1)))
  (func (export "table") (param i32) (result i32) (table.grow $t (ref.null func) (local.get 0))))"""


async def test_memory_grows_to_the_limit_and_no_further(start: Start) -> None:
    guest = await start(GROWER.format(most=""), memory_bytes=10 * PAGE + 1)
    assert await guest.call("grow", [9]) == 1
    assert await guest.call("grow", [1]) == -1
    assert await guest.call("grow", [65536]) == -1
    assert await guest.call("grow", [-1]) == -1
    assert await guest.call("grow", [0]) == 10
    assert await guest.call("touch", [10 * PAGE - 1]) is None


async def test_the_module_may_want_less(start: Start) -> None:
    guest = await start(GROWER.format(most="3"), memory_bytes=10 * PAGE)
    assert await guest.call("grow", [3]) == -1
    assert await guest.call("grow", [2]) == 1
    assert await guest.call("grow", [1]) == -1


async def test_a_memory_that_is_not_exported_is_limited_too(start: Start) -> None:
    guest = await start(GROWER.format(most="").replace('(export "memory")', ""), memory_bytes=4 * PAGE)
    assert await guest.call("grow", [4]) == -1
    assert await guest.call("grow", [3]) == 1


async def test_the_start_function_is_limited_too(start: Start) -> None:
    module = GROWER.format(most="").removesuffix(")")
    guest = await start(
        module
        + "(func $greedy (drop (memory.grow (i32.const 9))) (drop (memory.grow (i32.const 1)))) (start $greedy))",
        memory_bytes=4 * PAGE,
    )
    assert await guest.call("size", []) == 2


async def test_the_limit_moves_both_ways_but_takes_nothing_back(start: Start) -> None:
    guest = await start(GROWER.format(most=""), memory_bytes=2 * PAGE)
    assert await guest.call("grow", [2]) == -1
    await guest.worker.limit(Limits(memory_bytes=5 * PAGE), timeout=5)
    # plus one page, so that what a refused grow leaves behind does not matter
    assert await guest.call("grow", [3]) == 1
    await guest.worker.limit(Limits(memory_bytes=1 * PAGE), timeout=5)
    assert await guest.call("grow", [1]) == -1
    assert await guest.call("touch", [4 * PAGE - 1]) is None
    await guest.worker.limit(Limits(memory_bytes=6 * PAGE), timeout=5)
    assert await guest.call("grow", [2]) == 4
    assert await guest.call("grow", [1]) == -1


async def test_all_that_a_guest_can_address(start: Start, expect: Expect) -> None:
    guest = await start(GROWER.format(most=""), memory_bytes=1 << 32)
    most = expect("pages a guest can have at most")
    assert await guest.call("grow", [most]) == -1
    assert await guest.call("grow", [most - 1]) == 1
    assert await guest.call("grow", [1]) == -1
    assert await guest.call("touch", [most * PAGE - 1 - 2**32]) is None


@pytest.mark.parametrize("pages", [5, 65536])
async def test_wanting_more_than_the_limit_from_the_start(start: Start, pages: int) -> None:
    with pytest.raises(MemoryLimit, match="more memory from the start than its limit"):
        await start(GROWER.format(most="").replace('"memory") 1', f'"memory") {pages}'), memory_bytes=4 * PAGE)


async def test_no_memory_at_all(start: Start) -> None:
    guest = await start('(module (func (export "one") (result i32) (i32.const 1)))')
    assert await guest.call("one", []) == 1
    empty = await start(GROWER.format(most="").replace('"memory") 1', '"memory") 0'), memory_bytes=2 * PAGE)
    assert await empty.call("grow", [3]) == -1
    assert await empty.call("grow", [2]) == 0


async def test_tables_grow_to_their_cap(start: Start, expect: Expect) -> None:
    guest = await start(GROWER.format(most=""))
    assert await guest.call("table", [100_000]) == -1
    assert await guest.call("table", [99_998]) == 2
    assert await guest.call("table", [1]) == -1
    lower = await start(GROWER.format(most=""), table_elements=10)
    assert await lower.call("table", [9]) == (-1 if expect("a launch can lower the cap of tables") else 2)


async def test_a_table_that_is_too_large_from_the_start(start: Start) -> None:
    module = '(module (table {}) (func (export "one") (result i32) (i32.const 1)))'
    with pytest.raises(MemoryLimit):
        await start(module.format("100001 funcref"))
    with pytest.raises(MemoryLimit):
        await start(module.format("11 20 funcref"), table_elements=10)
    assert await (await start(module.format("100000 200000 funcref"))).call("one", []) == 1


async def test_many_tables(start: Start) -> None:
    one = '(func (export "one") (result i32) (i32.const 1))'
    assert await (await start(f"(module {'(table 1 funcref) ' * 16} {one})")).call("one", []) == 1
    with pytest.raises(PackageInvalid, match="table"):
        await start(f"(module {'(table 1 funcref) ' * 17} {one})")


async def test_params_the_guest_has_no_memory_for(start: Start) -> None:
    guest = await start(timeline("(i64.const 0)"), memory_bytes=3 * PAGE)
    with pytest.raises(MemoryLimit, match="plugin_alloc has no 200008 bytes"):
        await guest.call("echo", "x" * 200_002)
    assert await guest.call("echo", "x") is None
