// A guest that uses every host method once and answers what the host answered, by method. Its methods are listed in
// tests/plugins/README.md. It asks with what the host gave it before: the clip that it added, the effect it created.

import {
  ABI_VERSION,
  callHostWritten,
  failure,
  isError,
  METHOD_NOT_FOUND,
  release,
  resultLen,
  resultPtr,
  written,
} from "../../../../examples/assembly-common/host";
import * as json from "../../../../examples/assembly-common/json";
import { plugin_alloc } from "../../../../examples/assembly-common/memory";
import * as out from "../../../../examples/assembly-common/writer";
import { List } from "../../probe/assembly/list";

export { plugin_alloc, plugin_free } from "../../../../examples/assembly-common/memory";

const BAD_PARAMS: i32 = -32602;
const OWN_FAILURE: i32 = 7;

const events: usize = memory.data(List.SIZE, 4);
const answers: usize = memory.data(List.SIZE, 4);

// What was kept of an answer last, as raw JSON.
let keptPtr: u32 = 0;
let keptLen: u32 = 0;

export function plugin_abi(): i32 {
  return ABI_VERSION;
}

export function plugin_call(methodPtr: u32, methodLen: u32, paramsPtr: u32, paramsLen: u32): i64 {
  if (json.equals(methodPtr, methodLen, "event")) return hear(paramsPtr, paramsLen);
  if (json.equals(methodPtr, methodLen, "heard")) return listed(events, "[", "]");
  if (json.equals(methodPtr, methodLen, "tour")) return tour(paramsPtr, paramsLen);
  if (json.equals(methodPtr, methodLen, "edit")) return edit(paramsPtr, paramsLen) ? 0 : refused();
  if (json.equals(methodPtr, methodLen, "editAndFail")) {
    return edit(paramsPtr, paramsLen) ? failure(OWN_FAILURE, "changed my mind") : refused();
  }
  if (json.equals(methodPtr, methodLen, "editAndCrash")) {
    if (edit(paramsPtr, paramsLen)) unreachable();
    return refused();
  }
  if (json.equals(methodPtr, methodLen, "editAndSpin")) {
    if (edit(paramsPtr, paramsLen)) for (;;) keptLen++;
    return refused();
  }
  return failure(METHOD_NOT_FOUND, "method not found");
}

/** Params: `media`, path of a film. */
function tour(paramsPtr: u32, paramsLen: u32): i64 {
  if (!json.member(paramsPtr, paramsLen, "media")) return failure(BAD_PARAMS, "tour needs media");
  const mediaPtr = json.valuePtr;
  const mediaLen = json.valueLen;
  List.clear(answers);
  aboutTheMachine();
  aboutMedia(mediaPtr, mediaLen);
  aboutTheTimeline(mediaPtr, mediaLen);
  aboutTheUser();
  return listed(answers, "{", "}");
}

function aboutTheMachine(): void {
  ask("system.getInfo", "{}");
  ask("storage.set", '{"key":"look","value":{"name":"warm"}}');
  ask("storage.get", '{"key":"look"}');
  ask("storage.keys", '{"prefix":"l"}');
  ask("storage.remove", '{"key":"look"}');
  ask("storage.clear", "{}");
  ask("file.write", '{"path":"notes/today.txt","data":"hello","createParents":true}');
  ask("file.read", '{"path":"notes/today.txt"}');
  ask("file.stat", '{"path":"notes/today.txt"}');
  ask("file.list", '{"path":"notes"}');
  ask("file.remove", '{"path":"notes/today.txt"}');
  ask("events.on", '{"name":"timeline.*"}');
  ask("events.on", '{"name":"ui.menu"}', "events.on again");
  ask("events.emit", '{"name":"toured","payload":{"stops":3}}');
  ask("events.off", '{"name":"nobody.says.this"}');
}

function aboutMedia(mediaPtr: u32, mediaLen: u32): void {
  out.begin();
  out.text('{"path":');
  out.bytes(mediaPtr, mediaLen);
  out.text("}");
  answered("media.getInfo", "");
  out.begin();
  out.text('{"time":0.5,"width":80,"format":"jpeg","path":');
  out.bytes(mediaPtr, mediaLen);
  out.text("}");
  answered("media.generateThumbnail", "");
}

function aboutTheTimeline(mediaPtr: u32, mediaLen: u32): void {
  place(mediaPtr, mediaLen, "1.0");
  answered("timeline.addClip", "clipId", "timeline.addClip again");
  askAboutKept("timeline.removeClip", "clipId", "");
  place(mediaPtr, mediaLen, "0.5");
  answered("timeline.addClip", "clipId");
  const clipPtr = keptPtr;
  const clipLen = keptLen;
  askAboutKept("timeline.updateClip", "clipId", ',"changes":{"name":"toured","metadata":{"tour":[1,2]}}');
  ask("effects.register", '{"id":"glow","name":"Glow","parameters":[{"name":"radius","default":2.5}]}');
  out.begin();
  out.text('{"effectId":"glow","params":{"radius":4}}');
  answered("effects.create", "id");
  out.begin();
  out.text('{"clipId":');
  out.bytes(clipPtr, clipLen);
  out.text(',"effect":');
  out.bytes(keptPtr, keptLen);
  out.text("}");
  answered("effects.applyToClip", "");
  ask("timeline.getState", "{}");
  ask("timeline.getCurrentTime", "{}");
  ask("timeline.getSelectedClips", "{}");
}

function aboutTheUser(): void {
  out.begin();
  out.text('{"id":"scopes","title":"Scopes","html":"<p>here</p>"}');
  answered("ui.createPanel", "panelId");
  askAboutKept("ui.closePanel", "panelId", "");
  ask("ui.addMenuItem", '{"id":"gone","label":"Not for long"}');
  ask("ui.removeMenuItem", '{"id":"gone"}');
  ask("ui.addMenuItem", '{"id":"grade","label":"Grade the selection","menu":"Clip"}', "ui.addMenuItem again");
  ask("ui.showNotification", '{"message":"Toured","kind":"success"}');
  ask("ui.showDialog", '{"title":"Go on?","kind":"question","buttons":["On","Back"],"fields":[{"name":"how","default":"slowly"}]}');
  ask("ui.pickFile", '{"title":"Choose a look"}');
  ask("ui.pickDirectory", '{"title":"Where to"}');
}

/** Puts a clip where the params say: `media`, `start`, `track`. The answer, if it is an error, is kept. */
function edit(paramsPtr: u32, paramsLen: u32): bool {
  out.begin();
  out.text('{"clip":{"source":');
  if (json.member(paramsPtr, paramsLen, "media")) out.bytes(json.valuePtr, json.valueLen);
  out.text(',"start":');
  if (json.member(paramsPtr, paramsLen, "start")) out.bytes(json.valuePtr, json.valueLen);
  out.text('},"track":');
  if (json.member(paramsPtr, paramsLen, "track")) out.bytes(json.valuePtr, json.valueLen);
  else out.text("0");
  out.text("}");
  const result = callHostWritten("timeline.addClip");
  keptPtr = resultPtr(result);
  keptLen = resultLen(result);
  return !isError(result);
}

/** Answers with the host's error as this plugin's own. */
function refused(): i64 {
  return (<i64>keptPtr << 32) | <i64>keptLen | <i64>0x80000000;
}

function place(mediaPtr: u32, mediaLen: u32, start: string): void {
  out.begin();
  out.text('{"track":0,"clip":{"duration":0.25,"metadata":{"by":"tour"},"start":');
  out.text(start);
  out.text(',"source":');
  out.bytes(mediaPtr, mediaLen);
  out.text("}}");
}

function askAboutKept(method: string, key: string, more: string): void {
  out.begin();
  out.text('{"');
  out.text(key);
  out.text('":');
  out.bytes(keptPtr, keptLen);
  out.text(more);
  out.text("}");
  answered(method, "");
}

function ask(method: string, params: string, name: string = method): void {
  out.begin();
  out.text(params);
  answered(method, "", name);
}

/** Calls the host with the text in the writer, notes its answer under a name, and keeps one member of it. */
function answered(method: string, kept: string, name: string = method): void {
  const result = callHostWritten(method);
  out.begin();
  out.text('"');
  out.text(name);
  out.text('":');
  if (isError(result)) out.text('{"error":');
  if (result == 0) out.text("null");
  else out.bytes(resultPtr(result), resultLen(result));
  if (isError(result)) out.text("}");
  List.append(answers, out.ptr(), out.size());
  if (kept.length != 0) keep(result, kept);
  if (result != 0) release(result);
}

/** Copies a member of an object, which need not be there: then `null` is kept. */
function keep(result: i64, key: string): void {
  const found = json.member(resultPtr(result), resultLen(result), key);
  keptLen = found ? json.valueLen : 4;
  keptPtr = plugin_alloc(keptLen, 1);
  if (keptPtr == 0) unreachable();
  if (found) memory.copy(keptPtr, json.valuePtr, keptLen);
  else store<u32>(keptPtr, 0x6c6c756e);
}

function hear(paramsPtr: u32, paramsLen: u32): i64 {
  List.append(events, paramsPtr, paramsLen);
  return 0;
}

function listed(list: usize, open: string, close: string): i64 {
  out.begin();
  out.text(open);
  out.bytes(List.ptr(list), List.size(list));
  out.text(close);
  return written();
}
