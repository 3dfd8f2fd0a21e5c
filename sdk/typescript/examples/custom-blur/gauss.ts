/** The arithmetic of a Gaussian blur: a kernel, and rows of RGBA floats blurred with it, edges repeated outwards. */

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

export function blurRows(pixels: Float32Array, width: number, height: number, weights: Float64Array): Float32Array {
  const reach = (weights.length - 1) / 2;
  const blurred = new Float32Array(pixels.length);
  for (let y = 0; y < height; y++) {
    const start = y * width * 4;
    for (let x = 0; x < width; x++) {
      let red = 0;
      let green = 0;
      let blue = 0;
      for (let tap = 0; tap < weights.length; tap++) {
        const at = start + Math.min(width - 1, Math.max(0, x + tap - reach)) * 4;
        const weight = weights[tap]!;
        red += pixels[at]! * weight;
        green += pixels[at + 1]! * weight;
        blue += pixels[at + 2]! * weight;
      }
      const at = start + x * 4;
      blurred[at] = red;
      blurred[at + 1] = green;
      blurred[at + 2] = blue;
    }
  }
  return blurred;
}

/** Columns as rows. */
export function transposed(pixels: Float32Array, width: number, height: number): Float32Array {
  const turned = new Float32Array(pixels.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = (y * width + x) * 4;
      const to = (x * height + y) * 4;
      turned[to] = pixels[from]!;
      turned[to + 1] = pixels[from + 1]!;
      turned[to + 2] = pixels[from + 2]!;
    }
  }
  return turned;
}
