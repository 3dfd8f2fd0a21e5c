;; Counts its calls, from 0 to 9, and keeps the number over reloads and updates.
(module
  (memory (export "memory") 2)
  (global $next (mut i32) (i32.const 65536))
  (global $count (mut i32) (i32.const 48))
  (data (i32.const 64) "{\"code\":-32601,\"message\":\"method not found\"}")
  (data (i32.const 128) "{\"code\":7,\"message\":\"not to be had\"}")

  ;; Never frees.
  (func (export "plugin_alloc") (param $size i32) (param $align i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
    (global.set $next (i32.add (local.get $at) (local.get $size)))
    (local.get $at))
  (func (export "plugin_free") (param i32 i32 i32))

  ;; Methods are told apart by their length: count, lifecycle.saveState and lifecycle.restoreState. At 9 it fails to save,
  ;; and what is no digit below 9 it fails to restore.
  (func (export "plugin_call") (param $method i32) (param $len i32) (param $params i32) (param i32) (result i64)
    (if (i32.eq (local.get $len) (i32.const 5)) (then
      (global.set $count (i32.add (global.get $count) (i32.const 1)))
      (return (call $digit))))
    (if (i32.eq (local.get $len) (i32.const 19)) (then
      (if (i32.eq (global.get $count) (i32.const 57)) (then (return (i64.const 0x8080000024))))
      (return (call $digit))))
    (if (i32.eq (local.get $len) (i32.const 22)) (then
      (if (i32.gt_u (i32.load8_u (local.get $params)) (i32.const 56)) (then (return (i64.const 0x8080000024))))
      (global.set $count (i32.load8_u (local.get $params)))
      (return (i64.const 0))))
    (i64.const 0x408000002c))

  (func $digit (result i64)
    (i32.store8 (i32.const 0) (global.get $count))
    (i64.const 1)))
