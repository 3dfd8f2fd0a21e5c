"""What compilers of WebAssembly have got wrong before, by published advisories: each engine gets it right here."""

import platform
import struct
from typing import Any

import pytest
from tests.conformance.running import Start
from tests.harness.engines import Expect

pytestmark = [pytest.mark.anyio, pytest.mark.process]

BYTES = "(v128.const i8x16 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15)"
OTHER = "(v128.const i8x16 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31)"
HALVES = "(local.set $out {}) (i64x2.extract_lane 0 (local.get $out)) (i64x2.extract_lane 1 (local.get $out))"


def lanes(code: str, params: str = "") -> str:
    """Write a function's body that returns both halves of a vector."""
    return f"{params} (result i64 i64) (local $out v128) (local $in v128) {HALVES.format(code)}"


def halves(data: bytes) -> list[int | str]:
    """Return a vector as the numeric ABI gives it."""
    values = [int.from_bytes(data[at : at + 8], "little", signed=True) for at in (0, 8)]
    return [str(value) if abs(value) > 2**53 else value for value in values]


GUEST = f"""(module (memory 2)
  (data (i32.const 8) "\\2a\\00\\00\\00") (data (i32.const 65544) "\\2b\\00\\00\\00")
  (func (export "shifted by 1") (param i32) (result i32) (i32.load (i32.shl (local.get 0) (i32.const 1))))
  (func (export "shifted by 2") (param i32) (result i32) (i32.load (i32.shl (local.get 0) (i32.const 2))))
  (func (export "shifted by 3") (param i32) (result i32) (i32.load (i32.shl (local.get 0) (i32.const 3))))
  (func (export "added") (param i32 i32) (result i32) (i32.load (i32.add (local.get 0) (local.get 1))))
  (func (export "wrapped") (param i64) (result i32) (i32.load (i32.wrap_i64 (local.get 0))))
  (func (export "spilled") (param i32 i32) (result i32)
    (i32.load offset=65536 (i32.sub (local.get 0) (i32.mul (local.get 1) (local.get 1)))))
  (func (export "shuffle") {
    lanes(
        "(i8x16.shuffle 31 30 29 28 27 26 25 24 7 6 5 4 3 2 1 0 (local.tee $in (v128.or (v128.const i64x2 0 0) "
        f"{BYTES})) (local.get $in))"
    )
})
  (func (export "swizzle") (param $at i32) {
    lanes(f"(i8x16.swizzle {BYTES} (i8x16.add (i8x16.splat (local.get $at)) {BYTES}))")
})
  (func (export "select") (param $which i32) {lanes(f"(select {BYTES} {OTHER} (local.get $which))")})
  (func (export "select by float") (param $which f64) {
    lanes(f"(select {BYTES} {OTHER} (f64.eq (local.get $which) (local.get $which)))")
})
  (func (export "shift") (param $by i32) {
    lanes("(i64x2.shr_s (v128.const i64x2 -9223372036854775808 81985529216486895) (local.get $by))")
})
  (func (export "shift by 40") {
    lanes("(i64x2.shr_s (v128.const i64x2 -9223372036854775808 81985529216486895) (i32.const 40))")
})
  (func (export "convert") (param $x i32) {lanes("(f32x4.convert_i32x4_u (i32x4.splat (local.get $x)))")})
  (func (export "widen and convert") (param $x i32) {
    lanes("(f32x4.convert_i32x4_u (i32x4.extend_low_i16x8_u (i16x8.splat (local.get $x))))")
})
  (func (export "convert signed") (param $x i32) {lanes("(f32x4.convert_i32x4_s (i32x4.splat (local.get $x)))")})
  (func (export "splat") (param f64) (result f64) (f64x2.extract_lane 1 (f64x2.splat (local.get 0))))
  (func (export "divide") (param i32) (result i32) (i32.div_s (local.get 0) (i32.const -7)))
  (func (export "remainder") (param i64) (result i64) (i64.rem_u (local.get 0) (i64.const 7))))"""

ASCENDING = bytes(range(16))


@pytest.mark.parametrize(
    ("name", "args", "result"),
    [
        # CVE-2023-26489: an address of 35 bits instead of 32
        ("shifted by 1", [-(2**31) + 4], 42),
        ("shifted by 2", [2**30 + 2], 42),
        ("shifted by 2", [-(2**30) + 2], 42),
        ("shifted by 3", [2**29 + 1], 42),
        ("shifted by 3", [-(2**29) + 1], 42),
        ("added", [-100, 108], 42),
        ("wrapped", [str(2**32 + 8)], 42),
        # CVE-2021-32629: a 32-bit value extended with its sign when it is loaded back
        ("spilled", [-2147479007, 46341], 43),
        # CVE-2023-27477 and the lesser half of CVE-2022-31104: wrong lanes
        ("shuffle", [], halves(bytes((*range(15, 7, -1), *range(7, -1, -1))))),
        ("swizzle", [0], halves(ASCENDING)),
        ("swizzle", [9], halves(bytes(range(9, 16)) + bytes(9))),
        ("swizzle", [16], halves(bytes(16))),
        ("select", [0], halves(bytes(range(16, 32)))),
        ("select by float", [1.5], halves(ASCENDING)),
        # CVE-2023-41880: a shift of more than 32 in two halves
        ("shift", [40], [-(2**63) >> 40, 81985529216486895 >> 40]),
        ("shift", [63], [-1, 0]),
        ("shift by 40", [], [-(2**63) >> 40, 81985529216486895 >> 40]),
        # CVE-2026-34944: a splat that loads too much
        ("splat", [2.5], 2.5),
        # CVE-2022-31169: division by a constant
        ("divide", [-(2**31)], 306783378),
        ("divide", [100], -14),
        ("remainder", ["-1"], (2**64 - 1) % 7),
    ],
)
async def test_engines_get_it_right(start: Start, name: str, args: list[Any], result: Any) -> None:
    guest = await start(GUEST)
    assert await guest.call(name, args) == result


async def test_a_choice_between_vectors(start: Start, expect: Expect) -> None:
    """CVE-2022-31104, which one of the engines still has on x86-64."""
    answer = await (await start(GUEST)).call("select", [1])
    right = expect("select between vectors, on x86-64") == "right" or platform.machine() != "x86_64"
    assert (answer == halves(ASCENDING)) == right


async def test_widened_lanes_as_floats(start: Start, expect: Expect) -> None:
    """Found with pixels: one of the engines makes something else of them; what stands in for it is right on both."""
    guest = await start(GUEST)
    wanted = halves(struct.pack("<4f", *[234.0] * 4))
    right = expect("lanes that were widened as floats") == "right" or platform.machine() != "x86_64"
    assert (await guest.call("widen and convert", [234]) == wanted) == right
    assert await guest.call("convert", [234]) == wanted
    assert await guest.call("convert signed", [234]) == wanted
