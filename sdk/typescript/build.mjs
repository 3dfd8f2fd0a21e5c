// Builds the package into dist/: JavaScript by esbuild, declarations by the TypeScript compiler.
import { build } from "esbuild";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
await build({
  absWorkingDir: here,
  entryPoints: ["src/index.ts", "src/testing.ts"],
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "neutral",
  target: "es2023",
  outdir: "dist",
  logLevel: "warning",
});
execFileSync(process.execPath, [join(here, "node_modules/typescript/bin/tsc"), "--emitDeclarationOnly"], {
  cwd: here,
  stdio: "inherit",
});
