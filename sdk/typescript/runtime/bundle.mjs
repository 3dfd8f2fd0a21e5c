// Bundles the runtime's own scripts, each into one expression: `node bundle.mjs FOLDER`.
import { build } from "esbuild";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const SCRIPTS = {
  prelude: "prelude/index.ts",
  url: "scripts/url.ts",
  typescript: "scripts/typescript.ts",
};

const here = fileURLToPath(new URL(".", import.meta.url));
for (const [name, entry] of Object.entries(SCRIPTS)) {
  const { outputFiles } = await build({
    entryPoints: [join(here, entry)],
    bundle: true,
    write: false,
    format: "iife",
    globalName: "made",
    platform: "neutral",
    mainFields: ["module", "main"],
    target: "es2023",
    minify: true,
    keepNames: name === "prelude",
    legalComments: "none",
    logLevel: "warning",
  });
  await writeFile(join(process.argv[2], `${name}.js`), `(()=>{${outputFiles[0].text}return made.default})()`);
}
