;; Registers "steady", which is stateless, and "single", which is not, when it is loaded. Both invert colours. Their
;; params name what goes wrong, and for which frames: {"trap":[A,B]} traps where A <= pts_us < B, after the first row of
;; the output has been spoilt. So do "spin", which loops for ever, "fail", which returns 7, and "wait", which only takes
;; its time. {"ask":[A,B]} asks the host for something, and goes on.
(module
  (import "timeline" "host_call" (func $host_call (param i32 i32 i32 i32) (result i64)))
  (memory (export "memory") 2)
  (data (i32.const 16) "effects.register")
  (data (i32.const 64) "{\22id\22:\22steady\22,\22parallel\22:true}")
  (data (i32.const 128) "{\22id\22:\22single\22}")
  (data (i32.const 160) "storage.keys")
  (data (i32.const 176) "{}")
  (global $top (mut i32) (i32.const 4096))
  (global $at (mut i32) (i32.const 0))       ;; where the params are read

  (func (export "plugin_abi") (result i32) (i32.const 1))

  (func (export "plugin_alloc") (param $size i32) (param $align i32) (result i32)
    (local $start i32) (local $missing i32)
    (local.set $start (i32.and
      (i32.add (global.get $top) (i32.sub (local.get $align) (i32.const 1)))
      (i32.sub (i32.const 0) (local.get $align))))
    (global.set $top (i32.add (local.get $start) (local.get $size)))
    (local.set $missing (i32.sub
      (i32.add (i32.shr_u (global.get $top) (i32.const 16)) (i32.const 1)) (memory.size)))
    (if (i32.gt_s (local.get $missing) (i32.const 0))
      (then (if (i32.eq (memory.grow (local.get $missing)) (i32.const -1)) (then (return (i32.const 0))))))
    (local.get $start))

  ;; Gives memory back when it was allocated last.
  (func (export "plugin_free") (param $start i32) (param $size i32) (param $align i32)
    (if (i32.eq (i32.add (local.get $start) (local.get $size)) (global.get $top))
      (then (global.set $top (local.get $start)))))

  ;; The only method of 14 characters is lifecycle.load; all others answer null.
  (func (export "plugin_call") (param $method i32) (param $len i32) (param i32 i32) (result i64)
    (if (i32.eq (local.get $len) (i32.const 14))
      (then
        (drop (call $host_call (i32.const 16) (i32.const 16) (i32.const 64) (i32.const 31)))
        (drop (call $host_call (i32.const 16) (i32.const 16) (i32.const 128) (i32.const 15)))))
    (i64.const 0))

  (func (export "plugin_process_frame") (param $effect i32) (param $frame i32) (result i32)
    (local $what i32) (local $turns i32)
    (local.set $what (call $wrong (local.get $frame)))
    (if (local.get $what)
      (then
        (memory.fill (i32.load offset=24 (local.get $frame)) (i32.const 0xaa) (i32.load offset=12 (local.get $frame)))
        (if (i32.eq (local.get $what) (i32.const 0x74)) (then (unreachable)))           ;; t
        (if (i32.eq (local.get $what) (i32.const 0x66)) (then (return (i32.const 7))))  ;; f
        (if (i32.eq (local.get $what) (i32.const 0x73)) (then (loop $for_ever (br $for_ever))))  ;; s
        (if (i32.eq (local.get $what) (i32.const 0x61))  ;; a
          (then (drop (call $host_call (i32.const 160) (i32.const 12) (i32.const 176) (i32.const 2)))))
        (if (i32.eq (local.get $what) (i32.const 0x77))  ;; w
          (then
            (local.set $turns (i32.const 20000000))
            (loop $more
              (br_if $more (local.tee $turns (i32.sub (local.get $turns) (i32.const 1)))))))))
    (call $invert (local.get $frame))
    (i32.const 0))

  ;; The first letter of the params' key, if this frame is one of those that its two numbers are about, else 0.
  (func $wrong (param $frame i32) (result i32)
    (local $what i32) (local $from i64) (local $to i64) (local $pts i64)
    (if (i32.lt_u (i32.load offset=32 (local.get $frame)) (i32.const 8)) (then (return (i32.const 0))))
    (global.set $at (i32.load offset=28 (local.get $frame)))
    (local.set $what (i32.load8_u offset=2 (global.get $at)))
    (local.set $from (call $number))
    (local.set $to (call $number))
    (local.set $pts (i64.load offset=40 (local.get $frame)))
    (select (local.get $what) (i32.const 0)
      (i32.and (i64.ge_s (local.get $pts) (local.get $from)) (i64.lt_s (local.get $pts) (local.get $to)))))

  ;; The next number of the params.
  (func $number (result i64)
    (local $digit i32) (local $value i64)
    (loop $skip
      (br_if $skip (i32.gt_u (i32.sub (call $byte) (i32.const 48)) (i32.const 9))))
    (global.set $at (i32.sub (global.get $at) (i32.const 1)))
    (loop $digits
      (local.set $digit (i32.sub (call $byte) (i32.const 48)))
      (if (i32.le_u (local.get $digit) (i32.const 9))
        (then
          (local.set $value (i64.add (i64.mul (local.get $value) (i64.const 10)) (i64.extend_i32_u (local.get $digit))))
          (br $digits))))
    (local.get $value))

  (func $byte (result i32)
    (global.set $at (i32.add (global.get $at) (i32.const 1)))
    (i32.load8_u (i32.sub (global.get $at) (i32.const 1))))

  (func $invert (param $frame i32)
    (local $i i32) (local $end i32) (local $in i32) (local $out i32)
    (local.set $in (i32.load offset=20 (local.get $frame)))
    (local.set $out (i32.load offset=24 (local.get $frame)))
    (local.set $end (i32.mul (i32.load offset=12 (local.get $frame)) (i32.load offset=8 (local.get $frame))))
    (loop $more
      (i32.store (i32.add (local.get $out) (local.get $i))
        (i32.xor (i32.const 0x00ffffff) (i32.load (i32.add (local.get $in) (local.get $i)))))
      (br_if $more (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 4))) (local.get $end))))))
