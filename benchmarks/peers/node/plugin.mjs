// A plugin host's child as editors have them: answers over its stdin and stdout by vscode-jsonrpc.
import rpc from "vscode-jsonrpc/node.js";

const connection = rpc.createMessageConnection(
  new rpc.StreamMessageReader(process.stdin),
  new rpc.StreamMessageWriter(process.stdout),
);
connection.onRequest("echo", (params) => params);
connection.onClose(() => process.exit());
connection.listen();
