"""A plugin host in Node.js: one hop by vscode-jsonrpc to a child process, and the memory of such a child."""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil
from benchmarks.compare import Missing
from benchmarks.measure import Turns

FOLDER: Final = Path(__file__).parent / "node"


def node() -> str:
    """Return the path of Node.js.

    Raises:
        Missing: It is not there, or the packages in ``benchmarks/peers/node`` are not installed.
    """
    program = shutil.which("node")
    if program is None:
        raise Missing("there is no Node.js")
    if not (FOLDER / "node_modules" / "vscode-jsonrpc").exists():
        raise Missing("vscode-jsonrpc is not installed (`npm ci --prefix benchmarks/peers/node`)")
    return program


@contextmanager
def one_hop(params: object) -> Iterator[Turns]:
    """Run a host in Node.js that calls a child of its own, and times that by itself.

    Args:
        params: Of each call.

    Raises:
        Missing: Node.js is not there, or vscode-jsonrpc.
    """
    command = [node(), str(FOLDER / "one_hop.mjs"), json.dumps(params)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        source, sink = process.stdout, process.stdin
        assert source is not None
        assert sink is not None

        def take(runs: int) -> list[int]:
            sink.write(f"{runs}\n")
            sink.flush()
            return [int(took) for took in json.loads(source.readline())]

        yield Turns(take)
        sink.close()
        process.wait(20)


def private_bytes_of_a_plugin() -> int:
    """Return the private memory of an idle child that has answered one call.

    Raises:
        Missing: Node.js is not there, or vscode-jsonrpc.
    """
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "echo", "params": {"text": "x"}}).encode()
    command = [node(), str(FOLDER / "plugin.mjs")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        process.stdin.flush()
        process.stdout.readline()
        time.sleep(0.5)  # until its compiler threads have come to rest
        private = int(psutil.Process(process.pid).memory_full_info().uss)
        process.stdin.close()
        process.wait(20)
    return private
