;; The name of a method is its script, one letter a step: see tests/plugins/README.md.
(module
  (import "timeline" "host_call" (func $host_call (param i32 i32 i32 i32) (result i64)))
  (memory (export "memory") 1)

  (data (i32.const 16) "lifecycle.load")         ;; 14 bytes
  (data (i32.const 32) "lifecycle.activate")     ;; 18
  (data (i32.const 56) "event")                  ;;  5
  (data (i32.const 64) "r       ")               ;; what lifecycle.activate does
  (data (i32.const 72) "a")                      ;; what event does
  (data (i32.const 96) "effects.register")       ;; 16
  (data (i32.const 128) "{\22id\22:\22edit\22}") ;; 13
  (data (i32.const 160) "timeline.addClip")      ;; 16
  (data (i32.const 192) "{\22clip\22:{\22source\22:\22a.mp4\22,\22start\22:0},\22track\22:0}")  ;; 47
  (data (i32.const 256) "timeline.removeClip")   ;; 19
  (data (i32.const 288) "{\22clipId\22:\22c1\22}")  ;; 15
  (data (i32.const 320) "timeline.updateClip")   ;; 19
  (data (i32.const 352) "{\22clipId\22:\22c1\22,\22changes\22:{\22start\22:1}}")  ;; 37
  (data (i32.const 416) "effects.applyToClip")   ;; 19
  (data (i32.const 448) "{\22clipId\22:\22c1\22,\22effect\22:{\22effectId\22:\22edit\22}}")  ;; 44
  (data (i32.const 512) "timeline.getCurrentTime")  ;; 23
  (data (i32.const 544) "{}")
  (data (i32.const 560) "{\22code\22:-32601,\22message\22:\22method not found\22}")  ;; 44
  (data (i32.const 624) "{\22code\22:7,\22message\22:\22changed my mind\22}")        ;; 38

  (global $top (mut i32) (i32.const 4096))
  (global $answer (mut i64) (i64.const 0))  ;; of the last host call

  (func (export "plugin_alloc") (param $size i32) (param $align i32) (result i32)
    (local $start i32) (local $missing i32)
    (local.set $start (i32.and
      (i32.add (global.get $top) (i32.sub (local.get $align) (i32.const 1)))
      (i32.sub (i32.const 0) (local.get $align))))
    (global.set $top (i32.add (local.get $start) (local.get $size)))
    (local.set $missing (i32.sub
      (i32.add (i32.shr_u (global.get $top) (i32.const 16)) (i32.const 1)) (memory.size)))
    (if (i32.gt_s (local.get $missing) (i32.const 0)) (then (drop (memory.grow (local.get $missing)))))
    (local.get $start))

  (func (export "plugin_free") (param i32 i32 i32))

  (func (export "plugin_call") (param $name i32) (param $name_len i32) (param i32 i32) (result i64)
    (if (call $equals (local.get $name) (local.get $name_len) (i32.const 16) (i32.const 14))
      (then (return (call $host_call (i32.const 96) (i32.const 16) (i32.const 128) (i32.const 13)))))
    (if (call $equals (local.get $name) (local.get $name_len) (i32.const 32) (i32.const 18))
      (then (return (call $run (i32.const 64) (i32.const 8)))))
    (if (call $equals (local.get $name) (local.get $name_len) (i32.const 56) (i32.const 5))
      (then (return (call $run (i32.const 72) (i32.const 1)))))
    (if (call $has_dot (local.get $name) (local.get $name_len))
      (then (return (i64.or (call $text (i32.const 560) (i32.const 44)) (i64.const 0x80000000)))))
    (call $run (local.get $name) (local.get $name_len)))

  (func (export "plugin_process_frame") (param $effect i32) (param $frame i32) (result i32)
    (drop (call $host_call (i32.const 160) (i32.const 16) (i32.const 192) (i32.const 47)))
    (i32.ne (i32.load offset=32 (local.get $frame)) (i32.const 2)))  ;; params other than {} are refused

  (func $run (param $at i32) (param $left i32) (result i64)
    (local $step i32)
    (global.set $answer (i64.const 0))
    (loop $steps
      (if (i32.eqz (local.get $left)) (then (return (i64.const 0))))
      (local.set $step (i32.load8_u (local.get $at)))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (if (i32.eq (local.get $step) (i32.const 97)) (then  ;; a
        (global.set $answer (call $host_call (i32.const 160) (i32.const 16) (i32.const 192) (i32.const 47)))))
      (if (i32.eq (local.get $step) (i32.const 120)) (then  ;; x
        (global.set $answer (call $host_call (i32.const 256) (i32.const 19) (i32.const 288) (i32.const 15)))))
      (if (i32.eq (local.get $step) (i32.const 117)) (then  ;; u
        (global.set $answer (call $host_call (i32.const 320) (i32.const 19) (i32.const 352) (i32.const 37)))))
      (if (i32.eq (local.get $step) (i32.const 101)) (then  ;; e
        (global.set $answer (call $host_call (i32.const 416) (i32.const 19) (i32.const 448) (i32.const 44)))))
      (if (i32.eq (local.get $step) (i32.const 103)) (then  ;; g
        (global.set $answer (call $host_call (i32.const 512) (i32.const 23) (i32.const 544) (i32.const 2)))))
      (if (i32.eq (local.get $step) (i32.const 114)) (then (return (global.get $answer))))  ;; r
      (if (i32.eq (local.get $step) (i32.const 102)) (then  ;; f
        (return (i64.or (call $text (i32.const 624) (i32.const 38)) (i64.const 0x80000000)))))
      (if (i32.eq (local.get $step) (i32.const 116)) (then (unreachable)))  ;; t
      (if (i32.eq (local.get $step) (i32.const 115)) (then (loop $ever (br $ever))))  ;; s
      (br $steps))
    (unreachable))

  (func $text (param $start i32) (param $size i32) (result i64)
    (i64.or (i64.shl (i64.extend_i32_u (local.get $start)) (i64.const 32)) (i64.extend_i32_u (local.get $size))))

  (func $has_dot (param $at i32) (param $left i32) (result i32)
    (loop $bytes
      (if (i32.eqz (local.get $left)) (then (return (i32.const 0))))
      (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 46)) (then (return (i32.const 1))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br $bytes))
    (unreachable))

  (func $equals (param $a i32) (param $a_len i32) (param $b i32) (param $b_len i32) (result i32)
    (if (i32.ne (local.get $a_len) (local.get $b_len)) (then (return (i32.const 0))))
    (loop $bytes
      (if (i32.eqz (local.get $a_len)) (then (return (i32.const 1))))
      (if (i32.ne (i32.load8_u (local.get $a)) (i32.load8_u (local.get $b))) (then (return (i32.const 0))))
      (local.set $a (i32.add (local.get $a) (i32.const 1)))
      (local.set $b (i32.add (local.get $b) (i32.const 1)))
      (local.set $a_len (i32.sub (local.get $a_len) (i32.const 1)))
      (br $bytes))
    (unreachable)))
