// Builds every AssemblyScript module of the examples and of the test guests.
// Usage: node build.mjs [FOLDER]
// FOLDER receives the modules instead of the plugin folders, as <plugin>/plugin.wasm.

import { mkdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";

const examples = dirname(fileURLToPath(import.meta.url));
const withSdk = ["append-clips"];
const withoutSdk = ["color-grade", "gaussian-blur", "invert", "../tests/plugins/probe", "../tests/plugins/all-methods"];

// As plugins of the SDK are built.
const sdkOptions = ["--config", "../sdk/assemblyscript/package/asconfig.json"];
// "stub": no garbage collector is linked, our guests never allocate managed objects (assembly-common/memory.ts).
// "abort=": a failed check is a plain trap rather than an import that the ABI does not have.
const plainOptions = [
  ...["--runtime", "stub", "--use", "abort=", "--enable", "simd", "--maximumMemory", "65536"],
  ...["--optimizeLevel", "3", "--shrinkLevel", "0", "--noAssert"],
];

const target = process.argv[2] === undefined ? undefined : resolve(process.argv[2]);
let failed = false;
const plugins = [...withSdk.map((plugin) => [plugin, sdkOptions]), ...withoutSdk.map((plugin) => [plugin, plainOptions])];
for (const [plugin, options] of plugins) {
  const name = plugin.split("/").at(-1);
  const folder = target === undefined ? join(examples, plugin) : join(target, name);
  await mkdir(folder, { recursive: true });
  const { error, stderr } = await asc.main(
    [`${plugin}/assembly/index.ts`, ...options, "--baseDir", examples, "--outFile", join(folder, "plugin.wasm")],
  );
  process.stderr.write(stderr.toString());
  failed ||= error !== null;
}
process.exitCode = failed ? 1 : 0;
