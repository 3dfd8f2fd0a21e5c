// What the host can call: the plugin's commands, and the hooks of its life.

import { codes, fail, Json } from "./json";
import { tell } from "./events";
import { registerAll } from "./effects";

/** Takes the arguments of `plugins.call` and returns its result, or a failure. */
export type Command = (args: Json) => Json;

const SAVE_STATE = "lifecycle.saveState";
const RESTORE_STATE = "lifecycle.restoreState";

/** Something that the host calls by itself. What it returns is not looked at, unless it is a failure. */
export type Hook = () => Json;

const commands = new Map<string, Command>();
const hooks = new Map<string, Hook>();

/** Offers a function to `plugins.call`. */
export function command(name: string, run: Command): void {
  assert(!isReserved(name), `the name ${name} is the host's`);
  assert(!commands.has(name), `there are two commands ${name}`);
  commands.set(name, run);
}

/** Runs when the plugin has been loaded, after its effects have been registered. */
export function onLoad(run: Hook): void {
  hooks.set("lifecycle.load", run);
}

/** Runs when the plugin becomes active. */
export function onActivate(run: Hook): void {
  hooks.set("lifecycle.activate", run);
}

/** Runs once the plugin is active: the place to ask for events and to make panels. */
export function onMain(run: Hook): void {
  hooks.set("main", run);
}

/** Runs when the plugin stops being active. */
export function onDeactivate(run: Hook): void {
  hooks.set("lifecycle.deactivate", run);
}

/** Runs before the plugin's worker ends. */
export function onUnload(run: Hook): void {
  hooks.set("lifecycle.unload", run);
}

/** Runs before a worker that has nothing to do is ended: keep in storage what is to be kept. A failure keeps the worker. */
export function onSleep(run: Hook): void {
  hooks.set("lifecycle.sleep", run);
}

/** Runs before another instance takes this one's place: what it returns is what that one gets to know. `null` is nothing. */
export function onSaveState(run: Hook): void {
  hooks.set(SAVE_STATE, run);
}

/** Runs when this instance has taken the place of another one, after the plugin has been loaded, with what that one has saved. */
export function onRestoreState(run: Command): void {
  commands.set(RESTORE_STATE, run);
}

/** Answers a call of the host. */
export function dispatch(name: string, params: Json | null): Json {
  if (params === null) return fail("the arguments are no JSON", codes.INVALID_PARAMS);
  if (name == "event") {
    tell(params);
    return Json.nothing();
  }
  if (name == "lifecycle.load") {
    const registered = registerAll();
    if (registered.failed || !hooks.has(name)) return registered;
  }
  if (hooks.has(name)) {
    const answer = hooks.get(name)();
    return name == SAVE_STATE ? answer : outcome(answer);
  }
  if (!commands.has(name)) return fail("method not found", codes.METHOD_NOT_FOUND);
  const run = commands.get(name);
  return run(params);
}

/** What a hook answers is its own business, unless it failed. */
function outcome(answer: Json): Json {
  return answer.failed ? answer : Json.nothing();
}

function isReserved(name: string): bool {
  return name == "event" || name == "main" || name.startsWith("lifecycle.");
}
