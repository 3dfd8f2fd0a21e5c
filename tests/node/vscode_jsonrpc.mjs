// Connects to the daemon with vscode-jsonrpc, unmodified, and reports what it saw.
// Usage: node vscode_jsonrpc.mjs SOCKET ADDER_FOLDER PROBE_FOLDER
import net from "node:net";
import { once } from "node:events";
import rpc from "vscode-jsonrpc/node.js";

const [socketPath, adder, probe] = process.argv.slice(2);
const socket = net.connect(socketPath);
await once(socket, "connect");
const connection = rpc.createMessageConnection(
  new rpc.StreamMessageReader(socket),
  new rpc.StreamMessageWriter(socket),
);

const report = { states: [], asked: null };
connection.onNotification("plugins.stateChanged", (change) => report.states.push(change.to));
connection.onRequest("timeline.getState", async (params) => {
  report.asked = params;
  // a request inside a request inside a request
  const infos = await connection.sendRequest("plugins.list");
  const timeline = { name: "test", duration: 0, fps: 25, currentTime: 0, tracks: [], selection: [] };
  return { ...timeline, plugins: infos.length };
});
connection.listen();

const session = await connection.sendRequest("initialize", {
  protocolVersion: "1.0",
  client: { name: "vscode-jsonrpc", version: "test" },
  provides: ["timeline"],
});
report.daemon = session.daemon.name;

const { pluginId } = await connection.sendRequest("plugins.install", { source: adder });
report.sum = await connection.sendRequest("plugins.call", { pluginId, function: "add", args: [2, 3] });

await connection.sendRequest("plugins.install", { source: probe, grant: "requested" });
const state = await connection.sendRequest("plugins.call", {
  pluginId: "probe",
  function: "host",
  args: { method: "timeline.getState", params: {} },
});
report.answer = { plugins: state.plugins };

try {
  await connection.sendRequest("plugins.get", { pluginId: "nobody" });
} catch (error) {
  report.error = { code: error.code, kind: error.data.kind };
}

const cancel = new rpc.CancellationTokenSource();
const spinning = connection.sendRequest("plugins.call", { pluginId: "probe", function: "spin" }, cancel.token);
cancel.cancel();
report.cancelled = await spinning.catch((error) => error.code);

for (const id of ["probe", pluginId]) {
  await connection.sendRequest("plugins.uninstall", { pluginId: id });
}
console.log(JSON.stringify(report));
connection.dispose();
socket.end();
