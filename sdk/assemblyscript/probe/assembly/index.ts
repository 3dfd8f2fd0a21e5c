// Each way in which a plugin can behave, for tests/*.test.mjs and for tests/integration/test_sdk_assemblyscript.py of plugind.

import {
  alphaOf,
  BoolParameter,
  ChoiceParameter,
  clamp,
  codes,
  ColorParameter,
  command,
  DONE,
  Effect,
  Event,
  events,
  fail,
  FloatParameter,
  IntParameter,
  Json,
  log,
  luma,
  mapPixels,
  mapVectors,
  mix,
  ok,
  onActivate,
  onDeactivate,
  onLoad,
  onMain,
  onRestoreState,
  onSaveState,
  Parameters,
  PixelFormat,
  registerEffect,
  scale8,
  storage,
  system,
  TextParameter,
  timeline,
  VideoFrame,
  withAlpha,
  withAlpha8,
} from "@timeline-studio/assemblyscript";

export * from "@timeline-studio/assemblyscript/exports";

let count: i64 = 0;
const heard = Json.array();
const hooks = Json.array();

onLoad((): Json => {
  count = 100;
  hooks.push("load");
  return ok();
});

onActivate((): Json => {
  hooks.push("activate");
  return ok();
});

onMain((): Json => {
  events.on("probe.*", (event: Event) => {
    heard.push(event.payload);
  });
  return events.on("*/**", (event: Event) => {
    heard.push(Json.object().set("of", event.source).set("name", event.name));
  });
});

onDeactivate((): Json => fail("not yet"));

/** What is counted goes on in the next instance. */
onSaveState((): Json => Json.int(count));
onRestoreState((state: Json): Json => {
  if (!state.isInt) return fail("it counts in whole numbers");
  count = state.asInt();
  return ok();
});

command("hooks", (_: Json): Json => hooks);
command("heard", (_: Json): Json => heard);
command("count", (_: Json): Json => Json.int(++count));
command("echo", (value: Json): Json => value);
command("system", (_: Json): Json => system.getInfo());
command("refuse", (_: Json): Json => fail("not today", 7, Json.object().set("until", "tomorrow")));

command("add.numbers", (args: Json): Json => {
  if (args.length != 2 || !args.at(0).isInt || !args.at(1).isInt) {
    return fail("the arguments are two whole numbers", codes.INVALID_PARAMS);
  }
  return Json.int(args.at(0).asInt() + args.at(1).asInt());
});

command("denied", (_: Json): Json => {
  const answer = timeline.getState();
  return answer.isPermissionDenied ? answer : fail("it has no permission, and was not refused");
});

command("keep", (value: Json): Json => {
  const kept = storage.set("kept", value);
  return kept.failed ? kept : storage.get("kept").get("value");
});

command("say", (text: Json): Json => {
  log.trace(`trace ${text.asString()}`);
  log.debug(`debug ${text.asString()}`);
  log.info(`info ${text.asString()}`);
  log.warn(`warn ${text.asString()}`);
  log.error(`error ${text.asString()}`);
  return ok();
});

command("throws", (what: Json): Json => deeper(what.asString()));
command("bounds", (index: Json): Json => Json.int([1, 2, 3][<i32>index.asInt()]));
command("parses", (text: Json): Json => {
  const parsed = Json.parse(text.asString());
  return parsed === null ? fail("no JSON") : parsed;
});

/** Garbage, for the collector. */
command("churn", (rounds: Json): Json => {
  let made = Json.nothing();
  for (let i: i64 = 0; i < rounds.asInt(); i++) made = Json.array([Json.string("x".repeat(1000)), Json.int(i)]);
  return Json.object().set("last", made.at(1)).set("pages", memory.size());
});

/** Memory that is never given back. */
command("hoard", (_: Json): Json => {
  while (!hooks.failed) hooks.push("x".repeat(1 << 20));
  return hooks;
});

function deeper(what: string): Json {
  throw new Error(`cannot go on with ${what}`);
}

class Inverting {
  @inline
  compute(pixels: v128): v128 {
    return v128.xor(pixels, i32x4.splat(0x00ffffff));
  }
}

/** All colours inverted, in the fastest way. */
class Invert extends Effect {
  constructor() {
    super("Invert");
    this.formats = [PixelFormat.RGBA8];
    this.parallel = true;
  }

  process(frame: VideoFrame, _: Parameters): i32 {
    mapVectors(frame, new Inverting());
    return DONE;
  }
}

/** Grey, for both formats. */
class Grey extends Effect {
  constructor() {
    super("Grey");
  }

  process(frame: VideoFrame, _: Parameters): i32 {
    mapPixels(frame, (pixel: v128): v128 => withAlpha(luma(pixel), pixel)); // a function, where the others are objects
    return DONE;
  }
}

class Dimming {
  constructor(private factor: u8) {}

  @inline
  compute(pixels: v128): v128 {
    return withAlpha8(scale8(pixels, i8x16.splat(<i8>this.factor)), pixels);
  }
}

/** Half as bright, by bytes. */
class Half extends Effect {
  constructor() {
    super("Half");
    this.formats = [PixelFormat.RGBA8];
  }

  process(frame: VideoFrame, _: Parameters): i32 {
    mapVectors(frame, new Dimming(127));
    return DONE;
  }
}

/** The sample of the SDK's README. */
class Brightness extends Effect {
  constructor() {
    super("Brightness", "Colour");
    this.parameters = [new FloatParameter("factor", 1, 0, 4)];
  }

  process(frame: VideoFrame, parameters: Parameters): i32 {
    mapPixels(frame, new Scaling(<f32>parameters.getFloat("factor")));
    return DONE;
  }
}

class Scaling {
  constructor(private factor: f32) {}

  @inline
  compute(pixel: v128): v128 {
    return withAlpha(f32x4.mul(pixel, f32x4.splat(this.factor)), pixel);
  }
}

registerEffect(new Brightness());

class Mixing {
  constructor(
    private tint: v128,
    private share: f32,
  ) {}

  @inline
  compute(pixel: v128): v128 {
    return withAlpha(mix(pixel, this.tint, f32x4.splat(this.share)), pixel);
  }
}

class Adding {
  constructor(private tint: v128) {}

  @inline
  compute(pixel: v128): v128 {
    return withAlpha(clamp(f32x4.add(pixel, f32x4.mul(this.tint, alphaOf(pixel))), 0, 1), pixel);
  }
}

/** What its parameters say, all of them. */
class Choosy extends Effect {
  constructor() {
    super("Choosy, with (all)  Parameters");
    this.parameters = [
      new FloatParameter("share", 0.5, 0, 1),
      new IntParameter("strength", 3, 1, 5),
      new BoolParameter("on", true),
      new ColorParameter("tint", "#ff8000"),
      new ChoiceParameter("mode", ["mix", "add"]),
      new TextParameter("note"),
    ];
  }

  process(frame: VideoFrame, parameters: Parameters): i32 {
    if (parameters.getInt("strength") == 4) return frame.fail("the strength is not 4", 42);
    if (parameters.getString("note") == "undeclared") return <i32>parameters.getInt("nothing");
    if (!parameters.getBool("on")) return frame.copyInput();
    const tint = parameters.getColor("tint");
    if (parameters.getString("mode") == "mix") {
      mapPixels(frame, new Mixing(tint, <f32>parameters.getFloat("share")));
    } else {
      mapPixels(frame, new Adding(tint));
    }
    return DONE;
  }
}

/** Planes of YUV420P8: luma upside down, chroma as it is. */
class Planes extends Effect {
  constructor() {
    super("Planes");
    this.formats = [PixelFormat.YUV420P8];
  }

  process(frame: VideoFrame, _: Parameters): i32 {
    frame.keepInput();
    for (let plane = 0; plane < 3; plane++) {
      const start = frame.planeOffset(plane);
      const stride = frame.planeStride(plane);
      for (let y = 0; y < frame.planeHeight(plane); y++) {
        const from = plane == 0 ? frame.planeHeight(plane) - 1 - y : y;
        memory.copy(
          frame.output + start + <usize>y * stride,
          frame.input + start + <usize>from * stride,
          frame.planeWidth(plane),
        );
      }
    }
    return DONE;
  }
}

registerEffect(new Invert());
registerEffect(new Grey());
registerEffect(new Half());
registerEffect(new Choosy());
registerEffect(new Planes());
