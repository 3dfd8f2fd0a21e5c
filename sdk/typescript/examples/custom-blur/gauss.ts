/** The kernel of a Gaussian blur. */

/** Below it, a neighbour's weight is 0, and a blur is a copy. */
const SMALLEST_RADIUS = 0.01;

/** An odd number of weights that add up to 1; the standard deviation is half the radius. */
export function gaussian(radius: number): Float64Array {
  if (radius < SMALLEST_RADIUS) return Float64Array.of(1);
  const sigma = radius / 2;
  const reach = Math.ceil(3 * sigma);
  const weights = new Float64Array(2 * reach + 1).map((_, at) => Math.exp(-0.5 * ((at - reach) / sigma) ** 2));
  const sum = weights.reduce((one, other) => one + other);
  return weights.map((weight) => weight / sum);
}
