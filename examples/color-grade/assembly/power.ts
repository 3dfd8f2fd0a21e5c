// x to the power p in four lanes at once, for x >= 0: 2 ** (p * log2(x)) by two short series.
// For exponents up to 10 and results up to 4 ** 10 the error stays within 5e-6 of the result or of 1, whichever is more
// (the unit tests compare with float64).

const ONE_BITS: i32 = 0x3f800000;
const HALF_ROOT_BITS: i32 = 0x3f3504f3; // sqrt(1/2)
const LN2: f64 = 0.6931471805599453;
const SMALLEST: f32 = 1.17549435e-38; // of the normal floats; anything below counts as 0

/** Zero stays zero, whatever the exponent; results beyond 2 ** 127 are cut off there. */
@inline
export function power(x: v128, exponent: v128): v128 {
  const result = exp2(f32x4.mul(exponent, log2(x)));
  return v128.and(result, f32x4.ge(x, f32x4.splat(SMALLEST)));
}

/**
 * x = 2 ** e * m with m between sqrt(1/2) and sqrt(2); log2(m) = 2 / ln 2 * artanh(s), where s = (m - 1) / (m + 1) is
 * below 0.172, so that the series is cut off at s ** 11 / 11 < 4e-10.
 */
@inline
function log2(x: v128): v128 {
  const shifted = i32x4.sub(x, i32x4.splat(HALF_ROOT_BITS));
  const exponent = i32x4.shr_s(shifted, 23);
  const mantissa = i32x4.sub(x, i32x4.shl(exponent, 23));
  const one = f32x4.splat(1);
  const s = f32x4.div(f32x4.sub(mantissa, one), f32x4.add(mantissa, one));
  const square = f32x4.mul(s, s);
  let series = f32x4.splat(<f32>(2 / LN2 / 9));
  series = f32x4.add(f32x4.mul(series, square), f32x4.splat(<f32>(2 / LN2 / 7)));
  series = f32x4.add(f32x4.mul(series, square), f32x4.splat(<f32>(2 / LN2 / 5)));
  series = f32x4.add(f32x4.mul(series, square), f32x4.splat(<f32>(2 / LN2 / 3)));
  series = f32x4.add(f32x4.mul(series, square), f32x4.splat(<f32>(2 / LN2)));
  return f32x4.add(f32x4.mul(series, s), f32x4.convert_i32x4_s(exponent));
}

/** 2 ** y = 2 ** n * 2 ** f with n the nearest integer; Taylor's series of 2 ** f is cut off at 1e-8 of the value. */
@inline
function exp2(y: v128): v128 {
  const clamped = f32x4.pmin(f32x4.splat(127), f32x4.pmax(f32x4.splat(-126), y));
  const whole = f32x4.nearest(clamped);
  const f = f32x4.mul(f32x4.sub(clamped, whole), f32x4.splat(<f32>LN2));
  let series = f32x4.splat(<f32>(1.0 / 5040));
  series = f32x4.add(f32x4.mul(series, f), f32x4.splat(<f32>(1.0 / 720)));
  series = f32x4.add(f32x4.mul(series, f), f32x4.splat(<f32>(1.0 / 120)));
  series = f32x4.add(f32x4.mul(series, f), f32x4.splat(<f32>(1.0 / 24)));
  series = f32x4.add(f32x4.mul(series, f), f32x4.splat(<f32>(1.0 / 6)));
  series = f32x4.add(f32x4.mul(series, f), f32x4.splat(0.5));
  series = f32x4.add(f32x4.mul(series, f), f32x4.splat(1));
  series = f32x4.add(f32x4.mul(series, f), f32x4.splat(1));
  return f32x4.mul(series, i32x4.add(i32x4.shl(i32x4.trunc_sat_f32x4_s(whole), 23), i32x4.splat(ONE_BITS)));
}
