;; A plugin of the numeric ABI: no memory, no plugin_call, just exports of numbers.
;; `plugins.call {function: "add", args: [2, 3]}` answers 5.
(module
  (func (export "add") (param $a i32) (param $b i32) (result i32)
    (i32.add (local.get $a) (local.get $b)))

  ;; 64 bits; wraps around like every integer here.
  (func (export "add64") (param $a i64) (param $b i64) (result i64)
    (i64.add (local.get $a) (local.get $b)))

  (func (export "mean") (param $a f64) (param $b f64) (result f64)
    (f64.mul (f64.add (local.get $a) (local.get $b)) (f64.const 0.5)))

  ;; The n-th Fibonacci number; fib(79) and above do not fit the 53 bits of a JSON number, fib(93) and above not 64.
  (func (export "fib") (param $n i32) (result i64)
    (local $current i64) (local $next i64)
    (local.set $next (i64.const 1))
    (block $done
      (loop $again
        (br_if $done (i32.le_s (local.get $n) (i32.const 0)))
        (i64.add (local.get $current) (local.get $next))
        (local.set $current (local.get $next))
        (local.set $next)
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br $again)))
    (local.get $current))

  ;; Quotient and remainder, signed. A divisor of 0 traps.
  (func (export "divmod") (param $a i32) (param $b i32) (result i32 i32)
    (i32.div_s (local.get $a) (local.get $b))
    (i32.rem_s (local.get $a) (local.get $b)))

  ;; Nothing in, nothing out.
  (func (export "nop")))
