/** Takes the types out of TypeScript. Lines stay where they are, so that what is said of a line is right in both. */
import { transform } from "sucrase";

export default function transpile(source: string, name: string): string {
  try {
    return transform(source, {
      transforms: ["typescript"],
      disableESTransforms: true,
      keepUnusedImports: false,
      production: true,
    }).code;
  } catch (error) {
    const { message, loc } = error as Error & { loc?: { line: number; column: number } };
    const words = message.replace(/^Error transforming [^:]*: /, "").replace(/ \(\d+:\d+\)$/, "");
    throw new SyntaxError(loc ? `${words} (${name}:${loc.line}:${loc.column})` : `${words} (${name})`);
  }
}
