;; Right in everything but the version of the ABI it asks for.
(module
  (memory (export "memory") 2)
  (global $next (mut i32) (i32.const 65536))

  (func (export "plugin_abi") (result i32) (i32.const 2))

  ;; Never frees; the second page is enough for what the tests send.
  (func (export "plugin_alloc") (param $size i32) (param $align i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and
      (i32.add (global.get $next) (i32.sub (local.get $align) (i32.const 1)))
      (i32.sub (i32.const 0) (local.get $align))))
    (global.set $next (i32.add (local.get $at) (local.get $size)))
    (local.get $at))

  (func (export "plugin_free") (param i32 i32 i32))

  (func (export "plugin_call") (param i32 i32 i32 i32) (result i64) (i64.const 0)))
