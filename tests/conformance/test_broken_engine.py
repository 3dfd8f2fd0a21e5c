"""An engine that fails: the call is answered, and the worker ends, since nothing is known of its state any more."""

import json

import anyio
import pytest

from plugind.supervisor.engines import homes
from plugind_protocol.worker import Kind

pytestmark = [pytest.mark.anyio, pytest.mark.process]

SCRIPT = r"""
import json, os, socket, sys, tempfile
sys.path += sys.argv[1:]
from wasmer import Type
from plugind_protocol import worker as protocol
from plugind_protocol.worker import Kind, Launch
from plugind_worker.engine import load
from plugind_worker.engine.base import ValType
from plugind_worker.engine.wasmer import types
from plugind_worker.loop import Worker

# The binding panics where it has to make a Python value of a reference; the worker never lets it, but for this line.
types._FROM_ENGINE[int(Type.EXTERN_REF)] = ValType.I32

class Open:
    held = []
    def apply(self, stage): pass
    def check(self): pass

engine = load("wasmer")
module = engine.compile(engine.assemble(b'''(module
  (func (export "one") (result i32) (i32.const 1))
  (func (export "reference") (result externref) (ref.null extern)))'''))
with tempfile.TemporaryFile() as file:
    file.write(module.serialize())
    file.flush()
    artefact = os.dup(file.fileno())
ours, theirs = socket.socketpair()
control, orders = socket.socketpair()
for number, name in enumerate((b"one", b"reference", b"one"), 1):
    ours.sendall(protocol.encode(Kind.CALL, number, protocol.with_name(name, b"[]")))
launch = Launch(
    plugin_id="p", version="1", engine="wasmer", abi="numeric", memory_bytes=0, table_elements=0, max_result_bytes=100
)
worker = Worker(engine, launch, messages=theirs, control=orders)
worker.run(artefact, lockdown=Open())  # returns, though nobody has closed anything
theirs.close()
messages = protocol.Decoder().feed(b"".join(iter(lambda: ours.recv(65536), b"")))
print(json.dumps([(kind, number, body.decode()) for kind, number, body in messages]))
"""


async def test_a_panic_is_answered_and_ends_the_worker(wasmer_python: str) -> None:
    command = [wasmer_python, "-I", "-c", SCRIPT, *homes()]
    with anyio.fail_after(30):
        done = await anyio.run_process(command, check=False)
    assert done.returncode == 0, done.stderr
    ready, first, second = json.loads(done.stdout)
    assert ready[0] == Kind.READY
    assert first == [Kind.RESULT, 1, "1"]
    assert second[:2] == [Kind.ERROR, 2]
    error = json.loads(second[2])
    assert (error["code"], error["data"]["kind"], error["data"]["cause"]) == (-32008, "WorkerCrashed", "crash")
    assert "its engine failed: not implemented" in error["message"]
