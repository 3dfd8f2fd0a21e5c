;; Registers the effect "divide" when it is activated. It divides by the first byte of its input frame less 200: most
;; frames pass, one does not.
(module
  (import "timeline" "host_call" (func $host_call (param i32 i32 i32 i32) (result i64)))
  (memory (export "memory") 16)
  (global $next (mut i32) (i32.const 65536))
  (data (i32.const 0) "effects.register")
  (data (i32.const 32) "{\"id\":\"divide\"}")
  (data (i32.const 64) "lifecycle.activate")

  (func (export "plugin_abi") (result i32) (i32.const 1))

  ;; Never frees; 15 pages are enough for a small window.
  (func (export "plugin_alloc") (param $size i32) (param $align i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and
      (i32.add (global.get $next) (i32.sub (local.get $align) (i32.const 1)))
      (i32.sub (i32.const 0) (local.get $align))))
    (global.set $next (i32.add (local.get $at) (local.get $size)))
    (local.get $at))

  (func (export "plugin_free") (param i32 i32 i32))

  ;; The only method of 18 characters is lifecycle.activate; all others answer null.
  (func (export "plugin_call") (param $method i32) (param $len i32) (param i32 i32) (result i64)
    (if (i32.eq (local.get $len) (i32.const 18))
      (then (drop (call $host_call (i32.const 0) (i32.const 16) (i32.const 32) (i32.const 15)))))
    (i64.const 0))

  (func $average (param $sum i32) (param $count i32) (result i32)
    (i32.div_u (local.get $sum) (local.get $count)))

  (func (export "plugin_process_frame") (param $effect i32) (param $frame i32) (result i32)
    (drop (call $average (i32.const 1)
      (i32.sub (i32.load8_u (i32.load offset=20 (local.get $frame))) (i32.const 200))))
    (i32.const 0)))
