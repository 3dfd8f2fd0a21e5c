/** Gaussian blur: what the other SDKs' examples of the same name do, in TypeScript. */
import { createPlugin } from "@timeline-studio/sdk";
import { gaussian } from "./gauss";
import manifest from "./manifest.json";

export default createPlugin({
  manifest,
  async initialize(sdk) {
    await sdk.effects.registerCustomEffect({
      name: "Custom Blur",
      category: "Filters",
      parameters: [{ name: "radius", type: "float", default: 5, min: 0, max: 100 }],
      process: (frame, { radius }) => frame.convolve(gaussian(radius as number)),
    });
  },
});
