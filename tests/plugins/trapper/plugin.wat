;; Traps in the way the method says: unreachable, divide, bounds, recurse, indirect, convert; anything else is not
;; implemented.
(module
  (memory (export "memory") 2)
  (global $next (mut i32) (i32.const 65536))

  (func (export "plugin_abi") (result i32) (i32.const 1))

  ;; Never frees; the second page is enough for what the tests send.
  (func (export "plugin_alloc") (param $size i32) (param $align i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and
      (i32.add (global.get $next) (i32.sub (local.get $align) (i32.const 1)))
      (i32.sub (i32.const 0) (local.get $align))))
    (global.set $next (i32.add (local.get $at) (local.get $size)))
    (local.get $at))

  (func (export "plugin_free") (param i32 i32 i32))

  (table 1 funcref)
  (type $nothing (func))
  (data (i32.const 4096) "{\"code\":-32601,\"message\":\"method not found\"}")
  (data (i32.const 0) "unreachable\00divide\00bounds\00recurse\00indirect\00convert\00\00")

  ;; The place of a method in the names at address 0, which end with a zero byte each and are ended by another one;
  ;; -1 when it is not there.
  (func $index (param $method i32) (param $len i32) (result i32)
    (local $at i32) (local $i i32) (local $place i32)
    (loop $name
      (if (i32.eqz (i32.load8_u (local.get $at))) (then (return (i32.const -1))))
      (local.set $i (i32.const 0))
      (block $different
        (loop $byte
          (if (i32.lt_u (local.get $i) (local.get $len))
            (then
              (br_if $different (i32.ne
                (i32.load8_u (i32.add (local.get $at) (local.get $i)))
                (i32.load8_u (i32.add (local.get $method) (local.get $i)))))
              (local.set $i (i32.add (local.get $i) (i32.const 1)))
              (br $byte))))
        (br_if $different (i32.load8_u (i32.add (local.get $at) (local.get $i))))
        (return (local.get $place)))
      (loop $skip
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br_if $skip (i32.load8_u (i32.sub (local.get $at) (i32.const 1)))))
      (local.set $place (i32.add (local.get $place) (i32.const 1)))
      (br $name))
    (unreachable))

  ;; Adds after the call, so that no compiler makes a loop of it.
  (func $recurse (param $depth i32) (result i32)
    (i32.add (call $recurse (i32.add (local.get $depth) (i32.const 1))) (local.get $depth)))

  (func (export "plugin_call") (param $method i32) (param $len i32) (param i32 i32) (result i64)
    (block $else
      (block $convert
        (block $indirect
          (block $recurse
            (block $bounds
              (block $divide
                (block $unreachable
                  (br_table $unreachable $divide $bounds $recurse $indirect $convert $else
                    (call $index (local.get $method) (local.get $len))))
                (unreachable))
              (return (i64.extend_i32_s (i32.div_s (local.get $len) (i32.const 0)))))
            (return (i64.load (i32.const 0x7fffffff))))
          (return (i64.extend_i32_s (call $recurse (i32.const 0)))))
        (call_indirect (type $nothing) (i32.const 0)))
      (return (i64.extend_i32_s (i32.trunc_f64_s (f64.const nan)))))
    (i64.const 0x10008000002c)))
