;; A plugin for Extism that reads its input and sets its output in steps of 8 bytes, as Extism's own guest kits do:
;; what echo and the light effect cost there at the least. Whatever is read is not even kept in its own memory.
(module
  (import "extism:host/env" "input_length" (func $input_length (result i64)))
  (import "extism:host/env" "input_load_u64" (func $load64 (param i64) (result i64)))
  (import "extism:host/env" "input_load_u8" (func $load8 (param i64) (result i32)))
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u64" (func $store64 (param i64 i64)))
  (import "extism:host/env" "store_u8" (func $store8 (param i64 i32)))
  (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
  (memory (export "memory") 1)
  (func $through (param $mask i64) (result i32)
    (local $size i64) (local $whole i64) (local $at i64) (local $out i64)
    (local.set $size (call $input_length))
    (local.set $whole (i64.and (local.get $size) (i64.const -8)))
    (local.set $out (call $alloc (local.get $size)))
    (block $done
      (loop $next
        (br_if $done (i64.ge_u (local.get $at) (local.get $whole)))
        (call $store64
          (i64.add (local.get $out) (local.get $at))
          (i64.xor (call $load64 (local.get $at)) (local.get $mask)))
        (local.set $at (i64.add (local.get $at) (i64.const 8)))
        (br $next)))
    (block $end
      (loop $rest
        (br_if $end (i64.ge_u (local.get $at) (local.get $size)))
        (call $store8 (i64.add (local.get $out) (local.get $at)) (call $load8 (local.get $at)))
        (local.set $at (i64.add (local.get $at) (i64.const 1)))
        (br $rest)))
    (call $output_set (local.get $out) (local.get $size))
    (i32.const 0))
  (func (export "echo") (result i32) (call $through (i64.const 0)))
  ;; RGBA8: colours inverted, alpha as it is; two pixels at a time
  (func (export "invert") (result i32) (call $through (i64.const 0x00ffffff00ffffff))))
