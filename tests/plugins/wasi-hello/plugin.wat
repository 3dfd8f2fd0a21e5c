;; Uses what little of WASI there is. "hello" writes "hello from wasi\n" to stdout and "oops\n" to stderr, then answers
;; [stdout errno, stderr errno, clock errno, clock ns, random errno, random byte sum, environ count, args count].
;; "flood" writes to stdout 100 000 times. Anything else is not implemented.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
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

  (data (i32.const 4096) "{\"code\":-32601,\"message\":\"method not found\"}")
  (data (i32.const 0) "hello\00flood\00\00")
  (data (i32.const 256) "hello from wasi\n")
  (data (i32.const 288) "oops\n")
  ;; One vector for each text: address and length.
  (data (i32.const 512) "\00\01\00\00\10\00\00\00")
  (data (i32.const 520) "\20\01\00\00\05\00\00\00")

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

  (global $end (mut i32) (i32.const 8192))

  (func $byte (param $byte i32)
    (i32.store8 (global.get $end) (local.get $byte))
    (global.set $end (i32.add (global.get $end) (i32.const 1))))

  (func $digits (param $value i64)
    (if (i64.gt_u (local.get $value) (i64.const 9))
      (then (call $digits (i64.div_u (local.get $value) (i64.const 10)))))
    (call $byte (i32.add (i32.const 48) (i32.wrap_i64 (i64.rem_u (local.get $value) (i64.const 10))))))

  ;; Appends a number and a comma.
  (func $item (param $value i64)
    (call $digits (local.get $value))
    (call $byte (i32.const 44)))

  ;; The sum of 32 random bytes.
  (func $random_sum (result i64)
    (local $i i32) (local $sum i64)
    (loop $more
      (local.set $sum (i64.add (local.get $sum) (i64.load8_u (i32.add (i32.const 1024) (local.get $i)))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $more (i32.lt_u (local.get $i) (i32.const 32))))
    (local.get $sum))

  (func $hello (result i64)
    (global.set $end (i32.const 8192))
    (call $byte (i32.const 91))
    (call $item (i64.extend_i32_u (call $fd_write (i32.const 1) (i32.const 512) (i32.const 1) (i32.const 528))))
    (call $item (i64.extend_i32_u (call $fd_write (i32.const 2) (i32.const 520) (i32.const 1) (i32.const 528))))
    (call $item (i64.extend_i32_u (call $clock_time_get (i32.const 0) (i64.const 1) (i32.const 768))))
    (call $item (i64.load (i32.const 768)))
    (call $item (i64.extend_i32_u (call $random_get (i32.const 1024) (i32.const 32))))
    (call $item (call $random_sum))
    (drop (call $environ_sizes_get (i32.const 776) (i32.const 780)))
    (drop (call $args_sizes_get (i32.const 784) (i32.const 788)))
    (call $item (i64.load32_u (i32.const 776)))
    (call $digits (i64.load32_u (i32.const 784)))
    (call $byte (i32.const 93))
    (i64.or
      (i64.const 35184372088832)
      (i64.extend_i32_u (i32.sub (global.get $end) (i32.const 8192)))))

  (func $flood
    (local $i i32)
    (loop $more
      (drop (call $fd_write (i32.const 1) (i32.const 512) (i32.const 1) (i32.const 528)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $more (i32.lt_u (local.get $i) (i32.const 100000)))))

  (func (export "plugin_call") (param $method i32) (param $len i32) (param i32 i32) (result i64)
    (local $index i32)
    (local.set $index (call $index (local.get $method) (local.get $len)))
    (if (i32.eq (local.get $index) (i32.const 0)) (then (return (call $hello))))
    (if (i32.eq (local.get $index) (i32.const 1)) (then (call $flood) (return (i64.const 0))))
    (i64.const 0x10008000002c)))
