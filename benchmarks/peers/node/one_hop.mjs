// Calls a child by vscode-jsonrpc. Reads a number from each line of stdin, calls so often one after the other, and
// answers with a line: how long each call took, in ns, as JSON.
// Usage: node one_hop.mjs PARAMS
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import rpc from "vscode-jsonrpc/node.js";

const params = JSON.parse(process.argv[2]);
const plugin = fileURLToPath(new URL("plugin.mjs", import.meta.url));
const child = spawn(process.execPath, [plugin], { stdio: ["pipe", "pipe", "inherit"] });
const connection = rpc.createMessageConnection(
  new rpc.StreamMessageReader(child.stdout),
  new rpc.StreamMessageWriter(child.stdin),
);
connection.listen();
for await (const line of createInterface({ input: process.stdin })) {
  const took = [];
  for (let left = Number(line); left > 0; left--) {
    const began = process.hrtime.bigint();
    await connection.sendRequest("echo", params);
    took.push(Number(process.hrtime.bigint() - began));
  }
  console.log(JSON.stringify(took));
}
connection.dispose();
child.stdin.end();
