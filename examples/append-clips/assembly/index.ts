// A plugin that edits: asks the host how long the timeline is, and puts clips at its end.

import { codes, command, fail, Json, timeline, ui } from "@timeline-studio/assemblyscript";

export * from "@timeline-studio/assemblyscript/exports";

const MOST: f64 = 100;

command("append", (args) => {
  const times = args.has("times") ? args.get("times").asFloat() : 1;
  if (!(times >= 1 && times <= MOST)) return fail("times is 1 to 100", codes.INVALID_PARAMS);
  if (!args.has("source")) return fail("append needs a source", codes.INVALID_PARAMS);
  for (let count = 0; count < <i32>times; count++) {
    const answer = append(args.get("source"));
    if (answer.failed) return answer;
  }
  return told(<i32>times);
});

/** Puts one clip at the end; the answer is the host's. */
function append(source: Json): Json {
  const state = timeline.getState();
  if (state.failed) return state;
  const start = state.has("duration") ? state.get("duration") : Json.int(0);
  return timeline.addClip(Json.object().set("source", source).set("start", start), 0);
}

/** Tells the user, if that is allowed, and answers with how many there were. */
function told(times: i32): Json {
  ui.showNotification(`Clips appended: ${times}`, Json.object().set("kind", "success"));
  return Json.object().set("appended", times);
}
