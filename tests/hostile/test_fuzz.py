"""Whatever bytes come: quick and at random for every run of the suite, for longer and guided by coverage beside it."""

import asyncio
import importlib.util
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.harness.daemon import ROOT
from tests.hostile.fuzz.targets import TARGETS, seeds
from tests.hostile.report import Report
from tests.unit.plugind.supervisor.test_worker import PLAN, Owner, Peer, Process

from plugind.pace import Pace
from plugind.supervisor.long_runs import LongRuns
from plugind.supervisor.meter import Meter
from plugind.supervisor.worker import Worker
from plugind_protocol.errors import PlugindError
from plugind_protocol.worker import HEADER, Kind

ROWS = [pytest.param(name, marks=pytest.mark.threat("Fuzzing", name)) for name in TARGETS]
EXAMPLES = 150


def changed(name: str) -> st.SearchStrategy[bytes]:
    """Anything at all, or a seed with some of it replaced."""
    known = st.sampled_from(sorted(seeds(name)))
    cut = st.builds(
        lambda seed, at, length, new: seed[: at % (len(seed) + 1)] + new + seed[at % (len(seed) + 1) + length :],
        *(known, st.integers(0, 4096), st.integers(0, 20), st.binary(max_size=20)),
    )
    return st.binary(max_size=200) | cut


@pytest.mark.parametrize("name", ROWS)
def test_any_bytes(name: str, report: Report) -> None:
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(changed(name))
    def attempt(data: bytes) -> None:
        TARGETS[name](data)

    attempt()
    report.cases(EXAMPLES)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", ROWS)
def test_guided_by_coverage(name: str, tmp_path: Path, report: Report) -> None:
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("needs atheris, which has no wheel for this interpreter")
    seconds = max(1, int(os.environ.get("HOSTILE_FUZZ_SECONDS", "60")) // len(TARGETS))
    done = subprocess.run(
        [sys.executable, "-m", "tests.hostile.fuzz", name, str(seconds), str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=seconds + 120,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    runs = re.search(r"number_of_executed_units: (\d+)", done.stderr)
    assert runs is not None
    report.cases(int(runs[1]))
    report.seen(f"{int(runs[1]):,} runs of the guided fuzzer".replace(",", " "))


MESSAGES = st.lists(
    st.tuples(
        st.sampled_from(list(Kind)) | st.integers(0, 65535),
        st.integers(0, 5),
        st.sampled_from([b"", b"null", b"1", b"{}", b'{"code":-32007,"message":"x"}', b"\x04\0echo{}"])
        | st.binary(max_size=64),
    ),
    max_size=8,
)


@pytest.mark.threat("Fuzzing", "worker messages, read by the daemon")
def test_any_messages_answer_all_calls_or_end_the_worker(report: Report) -> None:
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(MESSAGES, st.binary(max_size=30))
    def attempt(messages: list[tuple[int, int, bytes]], rest: bytes) -> None:
        said = b"".join(HEADER.pack(len(body), kind, call) + body for kind, call, body in messages)
        asyncio.run(_meet(said + rest))

    attempt()
    report.cases(EXAMPLES)


async def _meet(said: bytes) -> None:
    """Call a worker twice that says this and ends; nothing may be left waiting, and nothing unhandled."""
    faults: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
    messages, their_messages = socket.socketpair()
    control, their_control = socket.socketpair()
    peer, process, owner = Peer(their_messages, their_control), Process(), Owner()
    process.peer = peer
    child: Any = process
    worker = Worker(
        PLAN,
        child,
        owner=owner,
        meter=Meter(),
        pace=Pace(),
        long_runs=LongRuns(),
        grace_seconds=0.01,
        max_queued=4,
    )
    await worker.attach(messages, control)
    peer.say(Kind.READY, 0, b'{"abi":"timeline","functions":[]}')
    await worker.ready
    calls = [worker.call("f", b"null", timeout=30) for _ in range(2)]
    peer.messages.send(said)
    peer.messages.shutdown(socket.SHUT_WR)
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    process.die(0)
    await worker.gone
    assert all(isinstance(outcome, bytes | PlugindError) for outcome in outcomes)
    assert not faults
