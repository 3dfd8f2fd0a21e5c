#!/usr/bin/env node
// Bundles a plugin with the packages that it uses: `timeline-bundle ENTRY [--out FILE] [--minify] [--watch]`.
import { build, context } from "esbuild";
import { parseArgs } from "node:util";

const USAGE = "usage: timeline-bundle ENTRY [--out FILE (default: plugin.js)] [--minify] [--watch]";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    out: { type: "string", short: "o", default: "plugin.js" },
    minify: { type: "boolean", default: false },
    watch: { type: "boolean", default: false },
  },
});
if (positionals.length !== 1) {
  console.error(USAGE);
  process.exit(2);
}

const options = {
  entryPoints: positionals,
  outfile: values.out,
  bundle: true,
  format: "esm",
  platform: "neutral",
  mainFields: ["module", "main"],
  conditions: ["import"],
  target: "es2023",
  external: ["@timeline-studio/sdk"], // the host has it, in the version that it implements
  sourcemap: "inline",
  sourcesContent: false,
  minify: values.minify,
  keepNames: values.minify,
  logLevel: "info",
};

if (values.watch) {
  await (await context(options)).watch();
} else {
  await build(options).catch(() => process.exit(1)); // esbuild has said why
}
