// Gaussian blur: the effect of the plugin system's specification, as in the Rust SDK's example.

import {
  DONE,
  Effect,
  events,
  FloatParameter,
  Json,
  log,
  onMain,
  Parameters,
  registerEffect,
  VideoFrame,
} from "@timeline-studio/assemblyscript";
import { blur } from "./gauss";

export * from "@timeline-studio/assemblyscript/exports";

class CustomBlur extends Effect {
  constructor() {
    super("Custom Blur", "Filters");
    this.parameters = [new FloatParameter("radius", 5.0, 0.0, 100.0)];
  }

  process(frame: VideoFrame, parameters: Parameters): i32 {
    blur(frame, parameters.getFloat("radius"));
    return DONE;
  }
}

registerEffect(new CustomBlur());

onMain((): Json => {
  return events.on("timeline.clip_selected", (event) => {
    log.info(`Clip selected: ${event.payload}`);
  });
});
