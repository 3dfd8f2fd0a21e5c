/** Events: callbacks of a plugin, by the names or patterns that it subscribed to. */
import type { Event } from "./generated";
import { call, host, type Host } from "./host";

/** What is called with an event's payload; the event itself comes second. */
export type EventCallback<P = unknown> = (payload: P, event: Event) => unknown;

/** Ends a subscription. */
export type Unsubscribe = () => Promise<void>;

const callbacks = new Map<string, EventCallback[]>();
let listeningTo: Host | undefined;

/** Whether a name is one of those that a pattern stands for: `*` for one part, `**` for any number of parts. */
export function matches(pattern: string, name: string): boolean {
  const parts = pattern.split("**").map((part) =>
    part
      .split("*")
      .map((one) => one.replace(/[.+?^${}()|[\]\\]/g, "\\$&"))
      .join("[^./]*"),
  );
  return new RegExp(`^${parts.join(".*")}$`).test(name);
}

function listen(): void {
  const here = host();
  if (listeningTo === here) return;
  listeningTo = here;
  callbacks.clear();
  here.onEvent(async (event) => {
    for (const [pattern, found] of [...callbacks]) {
      if (!matches(pattern, event.name)) continue;
      for (const callback of [...found]) await callback(event.payload, event);
    }
  });
}

/** Call back for events of a name, or of all names that a pattern stands for. */
export async function on<P = unknown>(name: string, callback: EventCallback<P>): Promise<Unsubscribe> {
  listen();
  const found = callbacks.get(name);
  if (found) found.push(callback as EventCallback);
  else {
    callbacks.set(name, [callback as EventCallback]);
    try {
      await call("events.on", { name });
    } catch (error) {
      callbacks.delete(name);
      throw error;
    }
  }
  return () => off(name, callback as EventCallback);
}

/** Call back for what the editor tells this plugin alone, whether it subscribed or not: `ui.menu`, say. */
export function onOwn<P = unknown>(name: string, callback: EventCallback<P>): () => void {
  listen();
  const found = callbacks.get(name) ?? [];
  callbacks.set(name, found);
  found.push(callback as EventCallback);
  return () => void found.splice(found.indexOf(callback as EventCallback), 1);
}

/** Do not call back any more; without a callback, none of that name. */
export async function off(name: string, callback?: EventCallback): Promise<void> {
  const found = callbacks.get(name);
  if (!found) return;
  const left = callback ? found.filter((one) => one !== callback) : [];
  if (left.length > 0) {
    callbacks.set(name, left);
  } else {
    callbacks.delete(name);
    await call("events.off", { name });
  }
}
