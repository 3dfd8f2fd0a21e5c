;; The memory that an Extism plugin shares with its host: blocks by their offsets, input, output, error.
;;
;; An instance of this stands beside the plugin's, in the same store: what the plugin imports from extism:host/env and is
;; done millions of times goes from module to module, without the host. The plugin is the only one who could harm what lies here.
;;
;; A block is a header of 16 bytes and its bytes, at a multiple of 16:
;;   0 u32 capacity in bytes   4 u32 length   8 u32 IN_USE, or the next free block   12 unused
;; Up to 32 KiB, capacities are powers of two and free blocks wait in a list for each; larger ones are multiples of 64 KiB
;; and wait in one list, first fit. `reset` forgets all blocks, before each call.
(module
  (memory (export "memory") 1)
  (global $in_use i32 (i32.const 0x45585449))  ;; odd, and so no address of a block
  (global $start i32 (i32.const 256))          ;; below it are the heads of the lists, 4 bytes each
  (global $top (mut i32) (i32.const 256))      ;; memory from here on was never used
  (global $most (mut i32) (i32.const 16))      ;; pages that this memory may have
  (global $input (mut i64) (i64.const 0))
  (global $input_length (mut i64) (i64.const 0))
  (global $input_words (mut i64) (i64.const 0))  ;; how many bytes of it begin eight that all lie in it
  (global $output (mut i64) (i64.const 0))
  (global $output_length (mut i64) (i64.const 0))
  (global $error (mut i64) (i64.const 0))

  ;; What the host alone calls.

  (func $limit (export "limit") (param $pages i32)
    (global.set $most (local.get $pages)))

  (func $reset (export "reset")
    (memory.fill (i32.const 0) (i32.const 0) (global.get $start))
    (global.set $top (global.get $start))
    (global.set $input (i64.const 0))
    (global.set $input_length (i64.const 0))
    (global.set $input_words (i64.const 0))
    (global.set $output (i64.const 0))
    (global.set $output_length (i64.const 0))
    (global.set $error (i64.const 0)))

  (func $input_set (export "input_set") (param $at i64) (param $length i64)
    (global.set $input (local.get $at))
    (global.set $input_length (local.get $length))
    (global.set $input_words
      (select (i64.sub (local.get $length) (i64.const 7)) (i64.const 0) (i64.ge_u (local.get $length) (i64.const 8)))))

  (func $output_offset (export "output_offset") (result i64) (global.get $output))
  (func $output_length (export "output_length") (result i64) (global.get $output_length))
  (func $error_get (export "error_get") (result i64) (global.get $error))

  ;; What the plugin calls; the host too.

  ;; 0 where there is no memory for it, or none is asked for
  (func $alloc (export "alloc") (param $wanted i64) (result i64)
    (local $class i32) (local $capacity i32) (local $link i32) (local $block i32)
    (if (i64.eqz (local.get $wanted)) (then (return (i64.const 0))))
    (if (i64.gt_u (local.get $wanted) (i64.const 0x7fff0000)) (then (return (i64.const 0))))
    (local.set $class (call $class (i32.wrap_i64 (local.get $wanted))))
    (local.set $capacity (call $capacity (i32.wrap_i64 (local.get $wanted)) (local.get $class)))
    (local.set $link (i32.shl (local.get $class) (i32.const 2)))
    (block $none
      (loop $next
        (local.set $block (i32.load (local.get $link)))
        (br_if $none (i32.eqz (local.get $block)))
        (if (i32.ge_u (i32.load (local.get $block)) (local.get $capacity))
          (then
            (i32.store (local.get $link) (i32.load offset=8 (local.get $block)))
            (return (call $take (local.get $block) (i32.load (local.get $block)) (local.get $wanted)))))
        (local.set $link (i32.add (local.get $block) (i32.const 8)))
        (br $next)))
    (local.set $block (global.get $top))
    (if (i32.eqz (call $grow_to
          (i64.add (i64.extend_i32_u (local.get $block)) (i64.add (i64.extend_i32_u (local.get $capacity)) (i64.const 16)))))
      (then (return (i64.const 0))))
    (global.set $top (i32.add (local.get $block) (i32.add (local.get $capacity) (i32.const 16))))
    (call $take (local.get $block) (local.get $capacity) (local.get $wanted)))

  (func $free (export "free") (param $at i64)
    (local $block i32) (local $link i32)
    (if (i64.eqz (call $length (local.get $at))) (then (return)))
    (local.set $block (i32.sub (i32.wrap_i64 (local.get $at)) (i32.const 16)))
    (local.set $link (i32.shl (call $class (i32.load (local.get $block))) (i32.const 2)))
    (i32.store offset=8 (local.get $block) (i32.load (local.get $link)))
    (i32.store (local.get $link) (local.get $block)))

  ;; Of the block that begins there; 0 where none does
  (func $length (export "length") (param $at i64) (result i64)
    (local $block i32)
    (if (i64.lt_u (local.get $at) (i64.const 272)) (then (return (i64.const 0))))
    (if (i64.ge_u (local.get $at) (i64.extend_i32_u (global.get $top))) (then (return (i64.const 0))))
    (if (i64.ne (i64.and (local.get $at) (i64.const 15)) (i64.const 0)) (then (return (i64.const 0))))
    (local.set $block (i32.sub (i32.wrap_i64 (local.get $at)) (i32.const 16)))
    (if (i32.ne (i32.load offset=8 (local.get $block)) (global.get $in_use)) (then (return (i64.const 0))))
    (i64.load32_u offset=4 (local.get $block)))

  (func $length_unsafe (export "length_unsafe") (param $at i64) (result i64) (call $length (local.get $at)))

  ;; An offset that is no address becomes one that traps; so does, for writing, one below all blocks. Written out in each,
  ;; since a call would cost as much as all the rest.
  (func $load_u8 (export "load_u8") (param $at i64) (result i32)
    (i32.load8_u (select (i32.wrap_i64 (local.get $at)) (i32.const -1) (i64.lt_u (local.get $at) (i64.const 0xffffffff)))))
  (func $load_u64 (export "load_u64") (param $at i64) (result i64)
    (i64.load (select (i32.wrap_i64 (local.get $at)) (i32.const -1) (i64.lt_u (local.get $at) (i64.const 0xffffffff)))))
  (func $store_u8 (export "store_u8") (param $at i64) (param $value i32)
    (i32.store8
      (select (i32.wrap_i64 (local.get $at)) (i32.const -1)
        (i64.lt_u (i64.sub (local.get $at) (i64.const 272)) (i64.const 0xfffffe00)))
      (local.get $value)))
  (func $store_u64 (export "store_u64") (param $at i64) (param $value i64)
    (i64.store
      (select (i32.wrap_i64 (local.get $at)) (i32.const -1)
        (i64.lt_u (i64.sub (local.get $at) (i64.const 272)) (i64.const 0xfffffe00)))
      (local.get $value)))

  (func $input_length (export "input_length") (result i64) (global.get $input_length))
  (func $input_offset (export "input_offset") (result i64) (global.get $input))
  ;; The host alone says where the input lies, so that what is within it is within memory.
  (func $input_load_u8 (export "input_load_u8") (param $at i64) (result i32)
    (if (i64.ge_u (local.get $at) (global.get $input_length)) (then (return (i32.const 0))))
    (i32.load8_u (i32.wrap_i64 (i64.add (global.get $input) (local.get $at)))))
  (func $input_load_u64 (export "input_load_u64") (param $at i64) (result i64)
    (if (i64.ge_u (local.get $at) (global.get $input_words)) (then (return (i64.const 0))))
    (i64.load (i32.wrap_i64 (i64.add (global.get $input) (local.get $at)))))

  (func $output_set (export "output_set") (param $at i64) (param $length i64)
    (global.set $output (local.get $at))
    (global.set $output_length (local.get $length)))

  (func $error_set (export "error_set") (param $at i64) (global.set $error (local.get $at)))

  ;; Which list a block of a size waits in: 4 … 15 for powers of two, 16 for all that are larger
  (func $class (param $size i32) (result i32)
    (if (i32.le_u (local.get $size) (i32.const 16)) (then (return (i32.const 4))))
    (if (i32.gt_u (local.get $size) (i32.const 32768)) (then (return (i32.const 16))))
    (i32.sub (i32.const 32) (i32.clz (i32.sub (local.get $size) (i32.const 1)))))

  (func $capacity (param $size i32) (param $class i32) (result i32)
    (if (i32.lt_u (local.get $class) (i32.const 16))
      (then (return (i32.shl (i32.const 1) (local.get $class)))))
    (i32.and (i32.add (local.get $size) (i32.const 65535)) (i32.const -65536)))

  (func $take (param $block i32) (param $capacity i32) (param $length i64) (result i64)
    (i32.store (local.get $block) (local.get $capacity))
    (i64.store32 offset=4 (local.get $block) (local.get $length))
    (i32.store offset=8 (local.get $block) (global.get $in_use))
    (i64.extend_i32_u (i32.add (local.get $block) (i32.const 16))))

  ;; Whether memory reaches that far now
  (func $grow_to (param $end i64) (result i32)
    (local $pages i32)
    (local.set $pages (i32.wrap_i64 (i64.shr_u (i64.add (local.get $end) (i64.const 65535)) (i64.const 16))))
    (if (i32.le_u (local.get $pages) (memory.size)) (then (return (i32.const 1))))
    (if (i32.gt_u (local.get $pages) (global.get $most)) (then (return (i32.const 0))))
    (i32.ne (memory.grow (i32.sub (local.get $pages) (memory.size))) (i32.const -1))))
