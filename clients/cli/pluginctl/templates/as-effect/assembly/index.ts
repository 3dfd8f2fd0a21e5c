/** {{title}}: makes pictures warmer or colder. */
import {
  DONE,
  Effect,
  FloatParameter,
  mapPixels,
  Parameters,
  registerEffect,
  VideoFrame,
  withAlpha,
} from "@timeline-studio/assemblyscript";

export * from "@timeline-studio/assemblyscript/exports";

class Warm extends Effect {
  constructor() {
    super("{{title}}", "Colour");
    this.parameters = [new FloatParameter("warmth", 0.2, -1, 1)];
    // It keeps nothing from frame to frame, so that frames may be processed at once, on several processors.
    this.parallel = true;
  }

  process(frame: VideoFrame, parameters: Parameters): i32 {
    const warmth = <f32>parameters.getFloat("warmth");
    mapPixels(frame, new Warming(f32x4(1 + warmth, 1, 1 - warmth, 1)));
    return DONE;
  }
}

/** What is computed of each pixel: red, green, blue and alpha in one vector. */
class Warming {
  constructor(private factors: v128) {}

  @inline
  compute(pixel: v128): v128 {
    return withAlpha(f32x4.mul(pixel, this.factors), pixel);
  }
}

registerEffect(new Warm());
