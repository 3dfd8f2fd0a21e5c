// Writes ranges.json: for each range, which of the versions npm's own `semver` lets in, and how it orders the versions.
//
//   npm install --prefix DIR semver && node protocol/vectors/make_ranges.mjs DIR
//
// The corpus is made of hand-picked cases and of pieces put together by a fixed pseudo-random sequence, so that it comes
// out the same each time.
import { createRequire } from "node:module";
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";

const require = createRequire(resolve(process.argv[2] ?? ".", "package.json"));
const semver = require("semver");

const versions = [
  "0.0.0", "0.0.0-0", "0.0.0-alpha", "0.0.1", "0.0.1-rc.1", "0.0.2", "0.0.2-0", "0.1.0", "0.1.0-beta.2", "0.1.1", "0.2.0", "0.2.3",
  "0.9.9", "1.0.0", "1.0.0-0", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1",
  "1.0.1", "1.1.0", "1.2.0", "1.2.2", "1.2.3", "1.2.3-alpha.2", "1.2.3-beta", "1.2.3+build.5", "1.2.4", "1.2.4-0", "1.3.0", "1.3.0-0",
  "1.9.0", "2.0.0", "2.0.0-0", "2.0.0-rc.1", "2.0.1", "2.3.0", "2.3.4", "3.0.0", "3.0.0-0", "10.2.3", "9007199254740991.0.0",
  "0.1.0-0", "0.1.1-alpha", "1.0.0-1a", "1.0.0-a-b", "1.0.0--", "1.0.0-x", "1.0.0-0.0", "1.0.0+b", "1.0.0-9007199254740992", "1.0.0-9007199254740993",
  "1.0.0-9007199254740994", "1.1.0-rc.1", "1.1.1-0+b", "2.1.3", "9.9.9", "10.0.0-0", "10.0.0", "1.10.0", "1.2.10", "0.10.0",
];

const picked = [
  "", " ", "*", "x", "X", "x.x", "*.*.*", "1.x.x", "1.2.*", "v1.2.3", "=1.2.3", "= 1.2.3", "== 1.2", "==1.2.3", "=v1.2.3", "vv1.2", "v 1.2",
  ">=*", ">*", "<x", "<=*", "=*", ">1", ">1.2", ">=1", ">=1.2", "<1", "<1.2", "<=1", "<=1.2", "> 1.2.3", ">=  1.2.3 <2", "< 2.x", ">=0", ">=0.0.0",
  ">=v0.0.0", ">=0.0.0 || 1.0.0-rc.1", ">=v0.0.0 || 1.0.0-rc.1", "* || 1.0.0-rc.1", "1.2.3 || 2.x", "1.2.3||2.x", "||", "1 ||", "|| 1", "1 | 2",
  "^1.2.3", "^0.2.3", "^0.0.3", "^0.0.1", "^0.0", "^0.0.x", "^0", "^1", "^1.x", "^1.2", "^x", "^", "^ 1.2.3", "^  1.2", "^1.2.3-beta", "^1.0.0-rc.1", "^0.1.0-beta",
  "^0.0.1-rc", "^=1.2.3", "^v1", "^^1", "^>1", ">^1", "~1.2.3", "~1.2", "~1", "~0", "~0.0.1", "~x", "~", "~ 1.2", "~> 1.2", "~>1", "~1.2.3-alpha", "~v1.2", "~=1.2", "~~1",
  "~>=1", "~^1", "1.2.3 - 2.3.4", "1.2 - 2.3.4", "1.2.3 - 2.3", "1.2.3 - 2", "1 - 2", "x - 2", "1 - x", "* - *", "1.2.3-beta - 2.0.0-rc.1", "1.0.0-rc.1 - 1",
  "1.2.3 -2.0.0", "1.2.3- 2.0.0", "1.2.3-2.0.0", "1.2.3 - 2.0.0 || 0.x", "1 - 2 - 3", "1 - 2 3", "v1 - v2", "v1.2.3 - v2.0.0", "=1.2.3 - 2", "=1.2 - =2", "=1 - =2.0.0", "^1 - 2",
  "1.2.3-x", "1.2.x-beta", "1.x.3", "x.1", "x.1.2", "*.1", "^x.1", "^1.x.3", "~1.x.3", "~x.2.1", ">1.x.3", ">x.1", "1.2.3*", "*1.2.3", "^1.2.3*", "1.*2", ">*1.2.3", "> *", ">= *", "1.2.3 *",
  "1.2.3+b", "1.2+b", "^1.2.3+b.1", "1+b - 2+c", "+b", "1.2.3 +b", "1.2.3-a+b || 2", "01.2.3", "1.02.3", "1.2.3-01", "1.2.3-0a", "1.2.3-a..b", "1.2.3-", "1.2.3.4", "1..2", ".1", "1.",
  "9007199254740991.0.0", "9007199254740992.0.0", "^9007199254740991", ">9007199254740991", ">=9007199254740991", "99999999999999999999", "<=9007199254740990",
  "latest", "1.2.3 latest", "a", "-1", "- 1", "1 -", ">", ">=", "<", "=", "> ", ">>1", "><1", "<>1", "=>1", "=<1", "> =1.2.3", "> = 1.2", ">==1.2", ">==1.2.3", ">=1.2.3 <=1.2.3", ">2 <1",
  "git://x", "file:../x", "https://x/y.tgz", "1.2.3\t2.x", ">=1.2.3\n<2", ">=1.0.0-alpha <1.0.0", ">1.0.0-alpha <1.0.0-rc.1", ">=1.0.0-alpha.1 <2.0.0-rc", ">=1.0.0-0", "<1.0.0-0",
  "<=2.0.0-rc.1", "<2.0.0-0 || 2.0.0-rc.1", ">=2.0.0-0", "<0.0.0-0", "<0.0.0-0 || 1", "<0.0.0-0 || <0.0.0-0", ">x || 1.x", "1.0.0-beta.2 || 1.0.0-beta.11", "=1.0.0-rc.1",
  "1.0.0-9007199254740993", ">1.0.0-9007199254740992 <1.0.0", `1.0.0-${"a".repeat(250)}`, `1.0.0-${"a".repeat(251)}`, `1.0.0+${"a".repeat(300)}`, "1.0.0-0.0.0", "^1.0.0--",
  ">=1.0.0-a-b <1.0.0-x", "next", "beta", "lts", "LATEST", "workspace:*", "npm:a@1", "git+ssh://x", "\t1.2.3\n", "1.2.3 \r\n", "\f1", "\v1", "1,2", "1, 2", "(1)", "[1,2)",
  "!1", "!=1", "1 && 2", "1 and 2", "*-rc.1", "1.x-rc.1", "~0.0", "~0.0.0", "^0.0.0", "^0.0.0-0", "^0.1", "^0.x.1", "0", "0.0", "00", "1.0.0 || latest", "^1.2.3 ^1.3", "~1.2 ~1.3", ">=1 || <1",
];

let seed = 20240229;
const next = (n) => (seed = (seed * 48271) % 2147483647) % n;
const from = (list) => list[next(list.length)];
const number = () => from(["0", "0", "1", "1", "2", "3", "9", "10"]);
const tail = () => from(["", "", "", "", "-0", "-alpha", "-rc.1", "-beta.2+b", "-1a", "+b.7"]);
const place = () => from([number(), number(), number(), "x", "*"]);
const full = () => `${number()}.${number()}.${number()}${tail()}`;
const partial = () => from([full, full, () => number(), () => `${number()}.${number()}`, () => `${place()}.${place()}`, () => `${place()}.${place()}.${place()}`])();
const gap = () => from(["", "", "", "", " ", "  ", "\t"]);
const word = () => `${from(["", "", "^", "^", "~", "~>", ">", ">=", "<", "<=", "="])}${gap()}${from(["", "", "", "v"])}${partial()}`;
const set = () => from([word, word, () => `${word()} ${word()}`, () => `${partial()} - ${partial()}`, () => `>=${partial()} <${partial()}`,
  () => `>${gap()}${full()} <=${gap()}${full()}`])();
const made = Array.from({ length: 2000 }, () => from([set, set, set, () => `${set()} || ${set()}`, () => `${set()}||${set()}`])());

const matches = {};
const invalid = [];
for (const range of new Set([...picked, ...made])) {
  if (semver.validRange(range) === null) invalid.push(range);
  else matches[range] = hex(versions.map((version) => (semver.satisfies(version, range) ? "1" : "0")).join(""));
}
const order = versions.map((one) => versions.map((other) => "<=>"[semver.compare(one, other) + 1]).join(""));

function hex(digits) {
  return BigInt(`0b${digits}`).toString(16).padStart(digits.length / 4, "0");
}

const about =
  "By npm's semver: which versions each range lets in (hexadecimal, a bit per version, the first version's the highest), what is no range, " +
  "and how each version stands to each. Made by make_ranges.mjs.";
const rows = Object.entries(matches).map(([range, row]) => `${JSON.stringify(range)}: "${row}"`);
const lines = Array.from({ length: Math.ceil(rows.length / 6) }, (_, index) => `  ${rows.slice(6 * index, 6 * index + 6).join(", ")}`).join(",\n");
const ordered = order.map((row) => `  "${row}"`).join(",\n");
writeFileSync(
  new URL("ranges.json", import.meta.url),
  `{"about": ${JSON.stringify(about)},\n"versions": ${JSON.stringify(versions)},\n"invalid": ${JSON.stringify(invalid)},\n` +
    `"order": [\n${ordered}\n],\n"matches": {\n${lines}\n}}\n`,
);
