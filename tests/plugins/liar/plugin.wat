;; Returns and passes what is not true: one method for each lie. What the host must make of it is in ../README.md.
(module
  (import "timeline" "host_call" (func $host_call (param i32 i32 i32 i32) (result i64)))
  (import "timeline" "log" (func $log (param i32 i32 i32)))
  (memory (export "memory") 2)
  ;; What plugin_alloc answers from now on: 0 the truth, 1 zero, 2 beyond memory, 3 an odd address, 4 a trap.
  (global $alloc_lie (mut i32) (i32.const 0))
  (global $next (mut i32) (i32.const 65536))

  (func (export "plugin_abi") (result i32) (i32.const 1))

  ;; Never frees; the second page is enough for what the tests send.
  (func (export "plugin_alloc") (param $size i32) (param $align i32) (result i32)
    (local $at i32)
    (if (i32.eq (global.get $alloc_lie) (i32.const 1)) (then (return (i32.const 0))))
    (if (i32.eq (global.get $alloc_lie) (i32.const 2)) (then (return (i32.const 0xfffffff0))))
    (if (i32.eq (global.get $alloc_lie) (i32.const 3)) (then (return (i32.const 69633))))
    (if (i32.eq (global.get $alloc_lie) (i32.const 4)) (then (unreachable)))
    (local.set $at (i32.and
      (i32.add (global.get $next) (i32.sub (local.get $align) (i32.const 1)))
      (i32.sub (i32.const 0) (local.get $align))))
    (global.set $next (i32.add (local.get $at) (local.get $size)))
    (local.get $at))

  (func (export "plugin_free") (param i32 i32 i32))

  (data (i32.const 0)
    "wild-pointer\00"
    "long-result\00"
    "huge-result\00"
    "null-pointer\00"
    "empty-result\00"
    "not-utf8\00"
    "not-json\00"
    "two-texts\00"
    "nan-result\00"
    "deep-result\00"
    "wild-error\00"
    "error-not-json\00"
    "error-not-object\00"
    "error-empty\00"
    "host-wild-method\00"
    "host-wild-params\00"
    "host-negative-length\00"
    "host-long-method\00"
    "host-not-utf8-method\00"
    "host-not-utf8-params\00"
    "host-not-json-params\00"
    "host-empty-method\00"
    "host-unknown-method\00"
    "log-wild\00"
    "log-negative-length\00"
    "log-bad-level\00"
    "log-negative-level\00"
    "log-not-utf8\00"
    "log-control\00"
    "log-long\00"
    "alloc-zero\00"
    "alloc-wild\00"
    "alloc-unaligned\00"
    "alloc-trap\00"
    "\00")
  (data (i32.const 4096) "{\"code\":-32601,\"message\":\"method not found\"}")
  (data (i32.const 4352) "\ff\fe\fd\80\c0")
  (data (i32.const 4368) "{nope")
  (data (i32.const 4384) "1 2")
  (data (i32.const 4400) "NaN")
  (data (i32.const 4416) "null")
  (data (i32.const 4432) "system.getInfo")
  (data (i32.const 4464) "no.method")
  (data (i32.const 4480) "\1b[31mred\0a\07\00\7f")

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

  (func (export "plugin_call") (param $method i32) (param $len i32) (param i32 i32) (result i64)
    (local $index i32)
    (local.set $index (call $index (local.get $method) (local.get $len)))
    ;; 0 wild-pointer: result beyond memory
    (if (i32.eq (local.get $index) (i32.const 0)) (then (return (i64.const 0xfffffff000000005))))
    ;; 1 long-result: result that starts in memory and ends beyond it
    (if (i32.eq (local.get $index) (i32.const 1)) (then (return (i64.const 0x10007fffffff))))
    ;; 2 huge-result: result of nearly 2 GiB at address 0
    (if (i32.eq (local.get $index) (i32.const 2)) (then (return (i64.const 0x7fffffff))))
    ;; 3 null-pointer: length without a pointer: five zero bytes' worth of names
    (if (i32.eq (local.get $index) (i32.const 3)) (then (return (i64.const 0x5))))
    ;; 4 empty-result: a pointer without a length
    (if (i32.eq (local.get $index) (i32.const 4)) (then (return (i64.const 0x100000000000))))
    ;; 5 not-utf8: \ff\fe\fd where JSON should be
    (if (i32.eq (local.get $index) (i32.const 5)) (then (return (i64.const 0x110000000005))))
    ;; 6 not-json: {nope
    (if (i32.eq (local.get $index) (i32.const 6)) (then (return (i64.const 0x111000000005))))
    ;; 7 two-texts: 1 2: two texts where one should be
    (if (i32.eq (local.get $index) (i32.const 7)) (then (return (i64.const 0x112000000003))))
    ;; 8 nan-result: NaN
    (if (i32.eq (local.get $index) (i32.const 8)) (then (return (i64.const 0x113000000003))))
    ;; 9 deep-result: 65535 opening brackets
    (if (i32.eq (local.get $index) (i32.const 9))
      (then
        (memory.fill (i32.const 65536) (i32.const 91) (i32.const 65535))
        (return (i64.const 0x100000000ffff))))
    ;; 10 wild-error: error object beyond memory
    (if (i32.eq (local.get $index) (i32.const 10)) (then (return (i64.const 0xfffffff080000005))))
    ;; 11 error-not-json: error object that is not JSON
    (if (i32.eq (local.get $index) (i32.const 11)) (then (return (i64.const 0x111080000005))))
    ;; 12 error-not-object: error that is a number
    (if (i32.eq (local.get $index) (i32.const 12)) (then (return (i64.const 0x112080000001))))
    ;; 13 error-empty: error bit without pointer and length
    (if (i32.eq (local.get $index) (i32.const 13)) (then (return (i64.const 0x80000000))))
    ;; 14 host-wild-method: the answer of the host is passed on
    (if (i32.eq (local.get $index) (i32.const 14))
      (then (return (call $host_call (i32.const 0xfffffff0) (i32.const 5) (i32.const 4416) (i32.const 4)))))
    ;; 15 host-wild-params: the answer of the host is passed on
    (if (i32.eq (local.get $index) (i32.const 15))
      (then (return (call $host_call (i32.const 4432) (i32.const 14) (i32.const 0xfffffff0) (i32.const 64)))))
    ;; 16 host-negative-length: the answer of the host is passed on
    (if (i32.eq (local.get $index) (i32.const 16))
      (then (return (call $host_call (i32.const 4432) (i32.const 14) (i32.const 4416) (i32.const -1)))))
    ;; 17 host-long-method: the answer of the host is passed on
    (if (i32.eq (local.get $index) (i32.const 17))
      (then (return (call $host_call (i32.const 0) (i32.const 131072) (i32.const 4416) (i32.const 4)))))
    ;; 18 host-not-utf8-method: the answer of the host is passed on
    (if (i32.eq (local.get $index) (i32.const 18))
      (then (return (call $host_call (i32.const 4352) (i32.const 5) (i32.const 4416) (i32.const 4)))))
    ;; 19 host-not-utf8-params: the answer of the host is passed on
    (if (i32.eq (local.get $index) (i32.const 19))
      (then (return (call $host_call (i32.const 4432) (i32.const 14) (i32.const 4352) (i32.const 5)))))
    ;; 20 host-not-json-params: the answer of the host is passed on
    (if (i32.eq (local.get $index) (i32.const 20))
      (then (return (call $host_call (i32.const 4432) (i32.const 14) (i32.const 4368) (i32.const 5)))))
    ;; 21 host-empty-method: the answer of the host is passed on
    (if (i32.eq (local.get $index) (i32.const 21))
      (then (return (call $host_call (i32.const 0) (i32.const 0) (i32.const 4416) (i32.const 4)))))
    ;; 22 host-unknown-method: the answer of the host is passed on
    (if (i32.eq (local.get $index) (i32.const 22))
      (then (return (call $host_call (i32.const 4464) (i32.const 9) (i32.const 4416) (i32.const 4)))))
    ;; 23 log-wild
    (if (i32.eq (local.get $index) (i32.const 23))
      (then (call $log (i32.const 2) (i32.const 0xfffffff0) (i32.const 64)) (return (i64.const 0))))
    ;; 24 log-negative-length
    (if (i32.eq (local.get $index) (i32.const 24))
      (then (call $log (i32.const 2) (i32.const 4416) (i32.const -1)) (return (i64.const 0))))
    ;; 25 log-bad-level
    (if (i32.eq (local.get $index) (i32.const 25))
      (then (call $log (i32.const 99) (i32.const 4416) (i32.const 4)) (return (i64.const 0))))
    ;; 26 log-negative-level
    (if (i32.eq (local.get $index) (i32.const 26))
      (then (call $log (i32.const -1) (i32.const 4416) (i32.const 4)) (return (i64.const 0))))
    ;; 27 log-not-utf8
    (if (i32.eq (local.get $index) (i32.const 27))
      (then (call $log (i32.const 2) (i32.const 4352) (i32.const 5)) (return (i64.const 0))))
    ;; 28 log-control
    (if (i32.eq (local.get $index) (i32.const 28))
      (then (call $log (i32.const 2) (i32.const 4480) (i32.const 12)) (return (i64.const 0))))
    ;; 29 log-long
    (if (i32.eq (local.get $index) (i32.const 29))
      (then (call $log (i32.const 2) (i32.const 0) (i32.const 131072)) (return (i64.const 0))))
    ;; 30 alloc-zero
    (if (i32.eq (local.get $index) (i32.const 30))
      (then (global.set $alloc_lie (i32.const 1)) (return (i64.const 0))))
    ;; 31 alloc-wild
    (if (i32.eq (local.get $index) (i32.const 31))
      (then (global.set $alloc_lie (i32.const 2)) (return (i64.const 0))))
    ;; 32 alloc-unaligned
    (if (i32.eq (local.get $index) (i32.const 32))
      (then (global.set $alloc_lie (i32.const 3)) (return (i64.const 0))))
    ;; 33 alloc-trap
    (if (i32.eq (local.get $index) (i32.const 33))
      (then (global.set $alloc_lie (i32.const 4)) (return (i64.const 0))))
    (i64.const 0x10008000002c)))
