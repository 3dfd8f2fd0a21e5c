// A plugin by Extism's AssemblyScript PDK, as its own example has it, for tests/integration/test_extism.py.

import { Config, Host, LogLevel, Var } from "@extism/as-pdk";

function myAbort(message: string | null, fileName: string | null, lineNumber: u32, columnNumber: u32): void {
  unreachable();
}

export function count_vowels(): i32 {
  const text = Host.inputString();
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    if ("aeiouAEIOU".includes(text.charAt(i))) count += 1;
  }
  Var.set("a", Uint8Array.wrap(String.UTF8.encode("this is var a")));
  const thing = Config.get("thing");
  const a = Var.getString("a");
  const shown = thing === null ? "null" : thing;
  Host.outputString(`{"count": ${count}, "config": "${shown}", "a": "${a === null ? "null" : a}"}`);
  Var.remove("a");
  Host.log(LogLevel.Info, `counted ${count}`);
  return Var.get("a") === null ? 0 : 1;
}

export function three(): i32 {
  return 3;
}
