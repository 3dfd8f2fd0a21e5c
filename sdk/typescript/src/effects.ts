/** Effects that a plugin offers: their definitions, parameters, and who processes their frames. */
import { PluginError } from "./errors";
import { VideoFrame } from "./frame";
import type { EffectParameter } from "./generated";
import { call, host, type Host, type RawFrame } from "./host";

export type ParameterValue = number | boolean | string;

/** The values of an effect's parameters, checked against their declarations, defaults filled in. */
export type Parameters = Readonly<Record<string, ParameterValue>>;

/** An effect that the plugin offers. */
export interface EffectDefinition {
  /** What the editor calls it; default: the name in lower case, with dashes. */
  id?: string;
  /** For people. */
  name: string;
  /** For people. */
  category?: string;
  /** In the order of the controls. */
  parameters?: EffectParameter[];
  /** Stateless: its frames may be run by several workers at once, which have run `onLoad` only. */
  parallel?: boolean;
  /** Write `frame.output`, made of `frame.input`. */
  process(frame: VideoFrame, params: Parameters): void | Promise<void>;
}

const PARAMETER_CODE = 3;

const processors = new Map<number, EffectDefinition>();
let processingFor: Host | undefined;

function idOf(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");
}

/** Offer an effect. */
export async function register(definition: EffectDefinition): Promise<void> {
  const { process: _, ...rest } = definition;
  const id = definition.id ?? idOf(definition.name);
  const here = host();
  const { effect } = await call("effects.register", { ...rest, id });
  if (processingFor !== here) {
    processingFor = here;
    processors.clear();
    here.onFrame(processFrame);
  }
  processors.set(effect, definition);
}

function processFrame(effect: number, raw: RawFrame, given: Record<string, unknown>): unknown {
  const definition = processors.get(effect);
  if (!definition) return false;
  return definition.process(new VideoFrame(raw), checked(definition, given));
}

/** Fill defaults in, and refuse what does not fit. */
export function checked(definition: EffectDefinition, given: Record<string, unknown>): Parameters {
  const values: Record<string, ParameterValue> = {};
  for (const parameter of definition.parameters ?? []) {
    const value = given[parameter.name] ?? parameter.default;
    if (value === undefined || value === null) continue;
    values[parameter.name] = CHECKS[parameter.type ?? "float"](parameter, value);
  }
  return values;
}

type Check = (parameter: EffectParameter, value: unknown) => ParameterValue;

function refuse(parameter: EffectParameter, wanted: string): never {
  throw new PluginError(PARAMETER_CODE, `the parameter ${parameter.name} must be ${wanted}`);
}

function number(parameter: EffectParameter, value: unknown): number {
  const { min = -Infinity, max = Infinity } = parameter;
  if (typeof value !== "number" || Number.isNaN(value) || value < min || value > max) {
    refuse(parameter, `a number from ${min} to ${max}`);
  }
  return value;
}

function text(parameter: EffectParameter, value: unknown): string {
  return typeof value === "string" ? value : refuse(parameter, "a text");
}

const CHECKS: Record<NonNullable<EffectParameter["type"]>, Check> = {
  float: number,
  int: (parameter, value) => (Number.isInteger(value) ? number(parameter, value) : refuse(parameter, "a whole number")),
  bool: (parameter, value) => (typeof value === "boolean" ? value : refuse(parameter, "true or false")),
  choice: (parameter, value) =>
    parameter.choices?.includes(text(parameter, value)) ? (value as string) : refuse(parameter, `one of ${parameter.choices?.join(", ")}`),
  color: text,
  string: text,
};
