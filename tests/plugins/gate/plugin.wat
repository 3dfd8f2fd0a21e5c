;; A call of any function first asks the host for the playhead, so that a test can change what is granted in the middle
;; of a call; then it makes the host call that the function is named after, with its own params, and answers what that
;; answers.
(module
  (import "timeline" "host_call" (func $host (param i32 i32 i32 i32) (result i64)))
  (memory (export "memory") 32)
  (data (i32.const 16) "timeline.getCurrentTime")
  (data (i32.const 48) "null")
  (data (i32.const 64) "{\"code\":-32601,\"message\":\"not a host method\"}")
  (global $next (mut i32) (i32.const 1024))
  (func (export "plugin_alloc") (param $size i32) (param $align i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $next) (i32.sub (local.get $align) (i32.const 1)))
      (i32.sub (i32.const 0) (local.get $align))))
    (global.set $next (i32.add (local.get $at) (local.get $size)))
    (local.get $at))
  (func (export "plugin_free") (param i32 i32 i32))
  (func (export "plugin_call") (param $method i32) (param $method_len i32) (param $params i32) (param $params_len i32)
    (result i64)
    (local $answer i64)
    ;; hooks have other things than host methods for names: "lifecycle.…" and "main"
    (if (i32.or (i32.eq (i32.load8_u (local.get $method)) (i32.const 108))
          (i32.eq (local.get $method_len) (i32.const 4)))
      (then (return (i64.or (i64.shl (i64.const 64) (i64.const 32)) (i64.const 0x8000002d)))))
    (drop (call $host (i32.const 16) (i32.const 23) (i32.const 48) (i32.const 4)))
    (local.set $answer (call $host (local.get $method) (local.get $method_len) (local.get $params) (local.get $params_len)))
    (global.set $next (i32.const 65536)) ;; what is above is read before the next call comes
    (local.get $answer)))
