/** Gaussian blur: what the Rust SDK's example of the same name does, in TypeScript. */
import { createPlugin, type Parameters, PluginError, type VideoFrame } from "@timeline-studio/sdk";
import { blurRows, gaussian, transposed } from "./gauss";
import manifest from "./manifest.json";

export default createPlugin({
  manifest,
  async initialize(sdk) {
    await sdk.effects.registerCustomEffect({
      name: "Custom Blur",
      category: "Filters",
      parameters: [{ name: "radius", type: "float", default: 5, min: 0, max: 100 }],
      process: blur,
    });
  },
});

function blur(frame: VideoFrame, params: Parameters): void {
  const weights = gaussian(params["radius"] as number);
  const { width, height } = frame;
  const pixels = new Float32Array(width * height * 4);
  const row = frame.format === "rgba8" ? rowOfBytes : frame.format === "rgba32f" ? rowOfFloats : undefined;
  if (!row) throw new PluginError(2, `custom-blur takes rgba8 and rgba32f, not ${frame.format}`);
  for (let y = 0; y < height; y++) pixels.set(row(frame, y).from, y * width * 4);
  const across = blurRows(pixels, width, height, weights);
  const down = blurRows(transposed(across, width, height), height, width, weights);
  const done = transposed(down, height, width);
  for (let y = 0; y < height; y++) {
    const { from, to, round } = row(frame, y);
    for (let at = 0; at < width * 4; at++) {
      to[at] = at % 4 === 3 ? from[at]! : done[y * width * 4 + at]! + round;
    }
  }
}

interface Row {
  from: Uint8Array | Float32Array;
  to: Uint8Array | Float32Array;
  /** What is added before a value is cut off to what the row holds. */
  round: number;
}

function rowOfBytes(frame: VideoFrame, y: number): Row {
  return { from: frame.inputRow(y), to: frame.outputRow(y), round: 0.5 };
}

function rowOfFloats(frame: VideoFrame, y: number): Row {
  return { from: frame.inputFloats(y), to: frame.outputFloats(y), round: 0 };
}
