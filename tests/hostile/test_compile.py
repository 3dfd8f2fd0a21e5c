"""Compiling what was made to hurt: through the product's own compiler, with children as confined as they always are."""

import asyncio
import os
import random
import signal
import socket
from collections.abc import AsyncIterator, Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import anyio
import msgspec
import psutil
import pytest
from tests.fakes import wasm as w
from tests.harness.children import at_work
from tests.harness.engines import require
from tests.harness.waiting import until
from tests.hostile.modules import BOMBS, PROPOSALS, Case, functions, loops
from wasmtime import wat2wasm

from plugind.pace import Pace
from plugind.supervisor.artefacts import ArtefactCache
from plugind.supervisor.compiler import CompileLimits, Compiler
from plugind.supervisor.zygote import Child, Zygote
from plugind_protocol import worker as protocol
from plugind_protocol.errors import PackageInvalid, UnsupportedAbi
from plugind_protocol.worker import Compiled, Kind

pytestmark = [pytest.mark.anyio, pytest.mark.process]

LIMITS = CompileLimits(seconds=20, cpu_seconds=1, memory_bytes=256 << 20, artefact_bytes=32 << 20)
TRUNCATIONS, MUTATIONS = 60, 140


class Bench:
    """A compiler with a cache and a zygote, and eyes on what it leaves behind."""

    def __init__(self, folder: Path, zygote: Zygote, engine: str) -> None:
        self.engine = engine
        self.folder = folder
        self.zygote = zygote
        self.cache = ArtefactCache(folder / "cache", max_bytes=1 << 30)
        self.compiler = Compiler(self.cache, LIMITS, pace=Pace())
        self._number = 0

    def slowly(self) -> Compiler:
        """A compiler that has much patience."""
        return self.limited(cpu_seconds=60, memory_bytes=1 << 30)

    def limited(self, **changes: float) -> Compiler:
        return Compiler(self.cache, msgspec.structs.replace(LIMITS, **changes), pace=Pace())

    async def compile(
        self, source: bytes, *, text: bool = False, urgent: bool = False, compiler: Compiler | None = None
    ) -> Compiled:
        self._number += 1
        file = self.folder / f"module-{self._number}"
        file.write_bytes(source)
        descriptor, compiled = await (compiler or self.compiler).artefact(
            file, sha256(source).hexdigest(), text=text, zygote=self.zygote, urgent=urgent
        )
        os.close(descriptor)
        return compiled

    def children(self) -> list[psutil.Process]:
        return at_work(child for own in psutil.Process().children() for child in own.children())

    async def child(self) -> psutil.Process:
        """The child that compiles now, once there is one and it is at work."""
        return (await until(lambda: [child for child in self.children() if child.cpu_times().user > 0.05]))[0]

    def left(self) -> dict[str, int]:
        """What there is that has to be the same after a failure."""
        return {
            "descriptors": len(os.listdir("/proc/self/fd")),
            "children": len(self.children()),
            "artefacts": self.cache.fill().artefacts,
            "staged": sum(len(list(folder.iterdir())) for folder in (self.folder / "cache" / "staging").iterdir()),
        }


@pytest.fixture(scope="module")
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """One event loop for all, so that one zygote serves all."""
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory, engine: str) -> AsyncIterator[Bench]:
    zygote = Zygote(engine, interpreter=require(engine))
    await zygote.start()
    bench = Bench(tmp_path_factory.mktemp("bench"), zygote, engine)
    await bench.compile(functions(1))
    yield bench
    bench.cache.close()
    zygote.stop()
    assert bench.children() == []


async def check(bench: Bench, case: Case, *, text: bool) -> None:
    before, source = bench.left(), case.make()
    if case.text and not text:
        source = bytes(wat2wasm(source))
    reason, cause = case.outcome(bench.engine)
    patient = bench.limited(cpu_seconds=10)  # for what is not to depend on how fast this machine is
    if reason is None:
        assert (await bench.compile(source, text=text, compiler=patient)).functions == ["f"]
        assert bench.left() == before | {"artefacts": before["artefacts"] + 1}
        return
    with pytest.raises(PackageInvalid, match=reason) as caught:
        await bench.compile(source, text=text, compiler=patient if cause == "memory" else bench.compiler)
    assert caught.value.data.cause == cause
    assert caught.value.hint
    assert bench.left() == before


@pytest.mark.threat("Guest", "compile bomb")
@pytest.mark.parametrize("case", BOMBS, ids=lambda case: case.name)
async def test_bombs_end_at_a_cap_or_a_limit(bench: Bench, case: Case) -> None:
    await check(bench, case, text=case.text)


@pytest.mark.threat("Guest", "invalid module, or a proposal that is off")
@pytest.mark.parametrize("case", PROPOSALS, ids=lambda case: case.name)
async def test_proposals_that_are_off_are_refused_by_name(bench: Bench, case: Case) -> None:
    """Wasmer does not know the text of most of them, and so gets them as binaries."""
    await check(bench, case, text=case.text and bench.engine == "wasmtime")


def damaged(whole: bytes) -> dict[bytes, str]:
    """Pieces and variations of a module; the same ones every time."""
    chance = random.Random(1)
    cuts = {cut + offset for cut in w.starts(whole) for offset in (-1, 0, 1)}
    cuts |= {chance.randrange(len(whole)) for _ in range(TRUNCATIONS)}
    found = {whole[:cut]: f"cut at {cut}" for cut in cuts if 0 <= cut < len(whole)}
    for _ in range(MUTATIONS):
        variation = bytearray(whole)
        for _ in range(chance.choice((1, 1, 2, 8))):
            at = chance.randrange(8, len(variation))
            variation[at] = chance.choice((0, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        found[bytes(variation)] = f"mutated into {bytes(variation).hex()}"
    return found


@pytest.mark.threat("Guest", "invalid module, or a proposal that is off")
async def test_pieces_and_mutations_of_a_module_never_crash_the_compiler(
    bench: Bench, examples: Path, record_property: Callable[[str, object], None]
) -> None:
    before, compiled, refused = bench.left(), set[str](), dict[str, str | None]()
    cases = damaged((examples / "invert" / "plugin.wasm").read_bytes())
    for source, how in cases.items():
        try:
            await bench.compile(source)
        except (PackageInvalid, UnsupportedAbi) as error:
            refused[how] = error.data.cause
        else:
            assert how.startswith("mutated"), how
            compiled.add(sha256(source).hexdigest())
    assert {how for how, cause in refused.items() if cause not in (None, "limit")} == set()
    after = bench.left()
    assert after.pop("artefacts") == before.pop("artefacts") + len(compiled)
    assert after == before
    record_property("cases", len(cases))


@pytest.mark.threat("Guest", "compile bomb")
@pytest.mark.parametrize(
    ("number", "cause", "message"),
    [
        (signal.SIGKILL, "memory", "memory to compile, or more than this machine has"),
        (signal.SIGSEGV, "crash", "the compiler ended unexpectedly"),
        (signal.SIGXCPU, "limit", "more than 60 s of processor time"),
    ],
)
async def test_a_child_that_is_lost_says_why(bench: Bench, number: signal.Signals, cause: str, message: str) -> None:
    before, outcome = bench.left(), list[BaseException]()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(slow, bench, outcome)
        (await bench.child()).send_signal(number)
    (error,) = outcome
    assert isinstance(error, PackageInvalid)
    assert (error.data.cause, message in error.message) == (cause, True), error.message
    assert bench.left() == before


@pytest.mark.threat("Guest", "compile bomb")
async def test_the_wall_clock_ends_what_the_processor_time_does_not(bench: Bench) -> None:
    before = bench.left()
    with pytest.raises(PackageInvalid, match=r"takes longer than 0\.3 s") as caught:
        await bench.compile(loops(300, 1000), compiler=bench.limited(seconds=0.3, memory_bytes=1 << 30))
    assert caught.value.data.cause == "limit"
    assert bench.left() == before


async def slow(bench: Bench, outcome: list[BaseException], compiler: Compiler | None = None) -> None:
    """Compile something that takes longer than any test, and note how it ended."""
    try:
        await bench.compile(loops(300, 1000), compiler=compiler or bench.slowly())
    except PackageInvalid as error:
        outcome.append(error)
    except BaseException as error:
        outcome.append(error)
        raise


@pytest.mark.threat("Guest", "compile bomb")
async def test_cancelling_ends_the_child(bench: Bench) -> None:
    before, outcome = bench.left(), list[BaseException]()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(slow, bench, outcome)
        await bench.child()
        tasks.cancel_scope.cancel()
    assert [type(error) for error in outcome] == [asyncio.CancelledError]
    assert bench.left() == before


@pytest.mark.threat("Guest", "compile bomb")
async def test_a_slow_one_keeps_nobody_from_launching(bench: Bench) -> None:
    """What is cached is there at once, what is to be launched is compiled; other installs wait."""
    compiler = bench.slowly()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(slow, bench, [], compiler)
        slow_child = await bench.child()
        assert (await bench.compile(functions(1), compiler=compiler)).functions == ["f"]
        assert (await bench.compile(functions(3), compiler=compiler, urgent=True)).functions == ["f"]
        waiting = asyncio.create_task(bench.compile(functions(4), compiler=compiler))
        await anyio.wait_all_tasks_blocked()
        assert bench.children() == [slow_child]
        waiting.cancel()
        tasks.cancel_scope.cancel()


async def test_a_module_that_was_changed_on_disk_is_not_compiled(bench: Bench) -> None:
    file = bench.folder / "changed.wasm"
    file.write_bytes(functions(2))
    with pytest.raises(PackageInvalid, match="changed on disk"):
        await bench.compiler.artefact(file, sha256(b"").hexdigest(), text=False, zygote=bench.zygote, urgent=False)


async def test_a_zygote_that_ends_takes_the_child_with_it(bench: Bench) -> None:
    before, outcome = bench.left(), list[BaseException]()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(slow, bench, outcome)
        await bench.child()
        zygote = bench.zygote._process
        assert zygote is not None
        zygote.kill()
    assert [type(error) for error in outcome] == [PackageInvalid]
    await bench.compile(functions(5))  # a new zygote
    assert bench.left() == before | {"artefacts": before["artefacts"] + 1}


@pytest.mark.threat("Guest", "compile bomb")
@pytest.mark.parametrize(
    "said",
    [
        protocol.encode(Kind.READY, 0, b'{"abi":1}'),
        protocol.encode(Kind.FAILED, 0, b"\xff"),
        protocol.encode(Kind.FAULT, 0, b"\x1b[2J fault"),
        protocol.encode(Kind.RESULT, 0, b"null"),
        b"\xff" * 100,
        b"",
    ],
)
async def test_a_child_that_was_taken_over_gets_nothing_into_the_cache(bench: Bench, said: bytes) -> None:
    """What it says instead of an answer is a failure, and reaches a log only as printable text."""
    ours, theirs = socket.socketpair()
    child = Child(0, os.open(os.devnull, os.O_RDONLY))
    theirs.sendall(said)
    theirs.close()
    child.ended(0)
    with bench.cache.stage() as staged, pytest.raises(PackageInvalid) as caught:
        await bench.compiler.understand(ours, child, "module", staged)
    assert caught.value.data.cause == "crash"
