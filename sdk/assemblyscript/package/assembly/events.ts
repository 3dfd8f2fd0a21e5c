// What happens in the editor and at other plugins.

import { Json } from "./json";
import { call } from "./host";

/** Something that happened. */
export class Event {
  constructor(
    /** As it was published, or `pluginId/name`. */
    readonly name: string,
    /** Any value. */
    readonly payload: Json,
    /** The plugin that emitted it; empty where it is the editor's. */
    readonly source: string,
    /** Events that were lost before this one, because they came too fast. */
    readonly dropped: i64,
  ) {}
}

export type Handler = (event: Event) => void;

class Subscription {
  constructor(
    readonly pattern: string,
    readonly handler: Handler,
  ) {}
}

let subscriptions = new Array<Subscription>();

/** Events: of the editor, of other plugins, and one's own. Permission: `events`. */
export namespace events {
  /**
   * Asks for events. Ask in `onMain`, or later: before, there is nobody to ask.
   *
   * @param pattern a name, where `*` stands for one part and `**` for any number of parts
   */
  export function on(pattern: string, handler: Handler): Json {
    const answer = call("events.on", Json.object().set("name", pattern));
    if (!answer.failed) hear(pattern, handler);
    return answer;
  }

  /** Ends what was asked for with this pattern. */
  export function off(pattern: string): Json {
    const kept = new Array<Subscription>();
    for (let i = 0; i < subscriptions.length; i++) {
      if (subscriptions[i].pattern != pattern) kept.push(subscriptions[i]);
    }
    subscriptions = kept;
    return call("events.off", Json.object().set("name", pattern));
  }

  /** Tells others something; they see `pluginId/name`. */
  export function emit(name: string, payload: Json = Json.nothing()): Json {
    return call("events.emit", Json.object().set("name", name).set("payload", payload));
  }

  /** Hears events that come without being asked for, such as `ui.menu` for one's own menu item. */
  export function hear(pattern: string, handler: Handler): void {
    subscriptions.push(new Subscription(pattern, handler));
  }
}

/** Hands an event to those who want it. */
export function tell(event: Json): void {
  const heard = new Event(
    event.get("name").asString(),
    event.get("payload"),
    event.get("source").asString(),
    event.get("dropped").asInt(),
  );
  const now = subscriptions.slice(0); // a handler may change them
  for (let i = 0; i < now.length; i++) {
    const handler = now[i].handler;
    if (matches(now[i].pattern, heard.name)) handler(heard);
  }
}

/** Whether an event is among those of a pattern, as the host sees it: a plugin's id before the last `/`, then the name. */
function matches(pattern: string, name: string): bool {
  const wanted = pattern.lastIndexOf("/");
  const found = name.lastIndexOf("/");
  if (wanted < 0 != found < 0) return false;
  if (wanted >= 0 && !covers(pattern.substring(0, wanted).split("/"), 0, name.substring(0, found).split("/"), 0)) return false;
  return covers(pattern.substring(wanted + 1).split("."), 0, name.substring(found + 1).split("."), 0);
}

function covers(pattern: string[], i: i32, parts: string[], j: i32): bool {
  if (i == pattern.length) return j == parts.length;
  if (pattern[i] == "**") {
    for (let k = j; k <= parts.length; k++) {
      if (covers(pattern, i + 1, parts, k)) return true;
    }
    return false;
  }
  return j < parts.length && (pattern[i] == "*" || pattern[i] == parts[j]) && covers(pattern, i + 1, parts, j + 1);
}
