;; Takes all the memory it can get, a page of 64 KiB at a time, and keeps it.
;; "grow": until memory.grow fails; "touch": the same, writing into each page of 4 KiB; both then answer the number of
;; pages there are. "table": the same with table.grow. Anything else is not implemented.
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

  (table $table 1 funcref)
  (data (i32.const 4096) "{\"code\":-32601,\"message\":\"method not found\"}")
  (data (i32.const 0) "grow\00touch\00table\00\00")

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

  (func $grow (param $touch i32)
    (local $page i32) (local $at i32)
    (loop $more
      (local.set $page (memory.grow (i32.const 1)))
      (if (i32.eq (local.get $page) (i32.const -1)) (then (return)))
      (if (local.get $touch)
        (then
          (local.set $at (i32.const 0))
          (loop $touch
            (i32.store (i32.add (i32.shl (local.get $page) (i32.const 16)) (local.get $at)) (i32.const 1))
            (local.set $at (i32.add (local.get $at) (i32.const 4096)))
            (br_if $touch (i32.lt_u (local.get $at) (i32.const 65536))))))
      (br $more)))

  ;; A number as decimal text that ends at address 8192.
  (func $number (param $value i32) (result i64)
    (local $at i32)
    (local.set $at (i32.const 8192))
    (loop $digit
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (i32.store8 (local.get $at) (i32.add (i32.const 48) (i32.rem_u (local.get $value) (i32.const 10))))
      (local.set $value (i32.div_u (local.get $value) (i32.const 10)))
      (br_if $digit (local.get $value)))
    (i64.or
      (i64.shl (i64.extend_i32_u (local.get $at)) (i64.const 32))
      (i64.extend_i32_u (i32.sub (i32.const 8192) (local.get $at)))))

  (func (export "plugin_call") (param $method i32) (param $len i32) (param i32 i32) (result i64)
    (local $index i32)
    (local.set $index (call $index (local.get $method) (local.get $len)))
    (if (i32.lt_s (local.get $index) (i32.const 0)) (then (return (i64.const 0x10008000002c))))
    (if (i32.eq (local.get $index) (i32.const 2))
      (then
        (loop $more (br_if $more (i32.ne (table.grow $table (ref.null func) (i32.const 4096)) (i32.const -1))))
        (return (call $number (table.size $table)))))
    (call $grow (local.get $index))
    (call $number (memory.size))))
