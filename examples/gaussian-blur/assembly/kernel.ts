// The kernel's weights, from its centre outwards, as each pixel format wants them.

/** Kernels reach three standard deviations, and a radius is two: 150 pixels each way for the largest radius, 100. */
export const MAX_REACH: i32 = 151;

/** Weights for bytes are fixed-point numbers that add up to this exactly, so that a flat picture stays what it is. */
export const UNIT_BITS: i32 = 15;
const UNIT: i32 = 1 << UNIT_BITS;

/**
 * Weights 0 to `reach` as 16-bit integers, then one of zero for where that makes their number even. They are for sums
 * of opposite taps; the centre, which is added to itself, has half its weight.
 */
export const byteWeights: usize = memory.data((MAX_REACH + 1) * 2, 4);

/** Weights 0 to `reach` as 32-bit floats. */
export const floatWeights: usize = memory.data((MAX_REACH + 1) * 4, 4);

const exactWeights: usize = memory.data((MAX_REACH + 1) * 8, 8);

let preparedRadius: f64 = NaN;

/** Pixels the kernel reaches to each side of its centre. */
export let reach: i32 = 0;

/** Prepares the weights for a radius of 0.01 to 100 pixels. */
export function prepare(radius: f64): void {
  if (radius == preparedRadius) return;
  const sigma = radius / 2;
  reach = <i32>Math.ceil(3 * sigma);
  let total: f64 = 0;
  for (let k = 0; k <= reach; k++) {
    const weight = Math.exp(-0.5 * (<f64>k / sigma) * (<f64>k / sigma));
    store<f64>(exactWeights + k * 8, weight);
    total += k == 0 ? weight : 2 * weight;
  }
  // From the tail inwards, rounding running sums rather than weights: no partial sum is off by more than half a unit.
  let sum: f64 = 0;
  let rounded: i32 = 0;
  store<u16>(byteWeights + (reach + 1) * 2, 0);
  for (let k = reach; k >= 0; k--) {
    const weight = load<f64>(exactWeights + k * 8) / total;
    store<f32>(floatWeights + k * 4, <f32>weight);
    sum += weight;
    const next = <i32>Math.round(sum * UNIT);
    store<u16>(byteWeights + k * 2, <u16>(k == 0 ? UNIT / 2 - rounded : next - rounded));
    rounded = next;
  }
  preparedRadius = radius;
}

/** Whether the kernel is so narrow that no neighbour of a byte has any weight. */
export function isIdentityForBytes(): bool {
  return <i32>load<u16>(byteWeights) == UNIT / 2;
}
