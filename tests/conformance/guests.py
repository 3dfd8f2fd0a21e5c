"""Guests of the suite, as text."""

from collections.abc import Mapping

RUNTIME = """
  (memory (export "memory") 2)
  (global $heap (mut i32) (i32.const 70000))
  (global $frees (mut i32) (i32.const 0))
  (func $alloc (export "plugin_alloc") (param $size i32) (param $align i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $heap) (i32.sub (local.get $align) (i32.const 1)))
                            (i32.sub (i32.const 0) (local.get $align))))
    (global.set $heap (i32.add (local.get $at) (local.get $size)))
    (if (i32.gt_u (global.get $heap) (i32.mul (memory.size) (i32.const 65536)))
      (then (if (i32.eq (i32.const -1) (memory.grow (i32.add (i32.const 1) (i32.div_u
                (i32.sub (global.get $heap) (i32.mul (memory.size) (i32.const 65536))) (i32.const 65536)))))
        (then (return (i32.const 0))))))
    (local.get $at))
  (func (export "plugin_free") (param i32 i32 i32) (global.set $frees (i32.add (global.get $frees) (i32.const 1))))
  (func $pack (param $at i32) (param $len i32) (result i64)
    (i64.or (i64.shl (i64.extend_i32_u (local.get $at)) (i64.const 32)) (i64.extend_i32_u (local.get $len))))
  (func $number (param $value i32) (result i64)
    (local $at i32)
    (local.set $at (i32.const 1040))
    (loop $digits
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (i32.store8 (local.get $at) (i32.add (i32.const 48) (i32.rem_u (local.get $value) (i32.const 10))))
      (br_if $digits (local.tee $value (i32.div_u (local.get $value) (i32.const 10)))))
    (call $pack (local.get $at) (i32.sub (i32.const 1040) (local.get $at))))
"""
"""Memory, an allocator that never reuses, and answers: ``$pack`` for a text, ``$number`` for a whole number."""


def timeline(methods: str | Mapping[str, str], *, imports: str = "", more: str = "", runtime: str = RUNTIME) -> str:
    """Write a module of the Timeline ABI.

    Args:
        methods: The body of ``plugin_call``, or code by method, other methods then being answered with the error
            -32601. Locals: ``$method $method_len $params $params_len``.
        imports: Import fields, which come first.
        more: Further fields. Data may lie at 64 … 1023 and at 2048 … 8191.
        runtime: What stands in place of `RUNTIME`.
    """
    body = (
        methods if isinstance(methods, str) else "".join(_case(at, name, methods[name]) for at, name in _names(methods))
    )
    if not isinstance(methods, str):
        body += f"(i64.or {said(0, _NOT_FOUND)} (i64.const 0x80000000))"
        more += text(0, _NOT_FOUND) + "".join(text(at, name) for at, name in _names(methods)) + _IS
    return f"""(module {imports} {runtime} {more}
      (func $call (export "plugin_call")
        (param $method i32) (param $method_len i32) (param $params i32) (param $params_len i32) (result i64)
        {body}))"""


_NOT_FOUND = '{"code":-32601,"message":"method not found"}'
_IS = """
  (func $is (param $a i32) (param $a_len i32) (param $b i32) (param $b_len i32) (result i32)
    (if (i32.ne (local.get $a_len) (local.get $b_len)) (then (return (i32.const 0))))
    (loop $byte
      (if (i32.eqz (local.get $a_len)) (then (return (i32.const 1))))
      (local.set $a_len (i32.sub (local.get $a_len) (i32.const 1)))
      (br_if $byte (i32.eq (i32.load8_u (i32.add (local.get $a) (local.get $a_len)))
                           (i32.load8_u (i32.add (local.get $b) (local.get $a_len))))))
    (i32.const 0))
"""


def _names(methods: Mapping[str, str]) -> list[tuple[int, str]]:
    return [(8192 + 64 * index, name) for index, name in enumerate(methods)]


def _case(at: int, name: str, code: str) -> str:
    compared = (
        f"(call $is (local.get $method) (local.get $method_len) (i32.const {at}) (i32.const {len(name.encode())}))"
    )
    return f"(if {compared} (then (return {code})))"


def text(at: int, value: str) -> str:
    """Write a data segment."""
    escaped = "".join(f"\\{byte:02x}" for byte in value.encode())
    return f'(data (i32.const {at}) "{escaped}")'


def said(at: int, value: str) -> str:
    """Answer with a text of a data segment."""
    return f"(call $pack (i32.const {at}) (i32.const {len(value.encode())}))"


HOST_CALL = '(import "timeline" "host_call" (func $host_call (param i32 i32 i32 i32) (result i64)))'
LOG = '(import "timeline" "log" (func $log (param i32 i32 i32)))'


def wasi(name: str, signature: str) -> str:
    """Import a function of WASI."""
    return f'(import "wasi_snapshot_preview1" "{name}" (func ${name} {signature}))'
