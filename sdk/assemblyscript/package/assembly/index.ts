// All that plugins use.

export { ok, fail, codes, Json, JsonKind } from "./json";
export { log } from "./console";
export { call } from "./host";
export { events, Event, Handler } from "./events";
export {
  command,
  Command,
  Hook,
  onActivate,
  onDeactivate,
  onLoad,
  onMain,
  onRestoreState,
  onSaveState,
  onSleep,
  onUnload,
} from "./commands";
export { DONE, Effect, registerEffect } from "./effects";
export { PixelFormat, VideoFrame } from "./frame";
export {
  BoolParameter,
  ChoiceParameter,
  ColorParameter,
  FloatParameter,
  IntParameter,
  Parameter,
  Parameters,
  TextParameter,
} from "./parameters";
export * from "./generated";
export * from "./simd";
