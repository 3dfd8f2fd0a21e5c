"""Packages made to hurt, through the product's own way: a confined child, and a daemon that does not believe it."""

import os
import random
import signal
import socket
import sys
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest
from tests.fakes.zips import Part, build
from tests.harness.bystander import Bystander
from tests.harness.children import at_work
from tests.harness.daemon import Daemon
from tests.harness.waiting import until
from tests.hostile.packages import CASES, Case, good
from tests.hostile.report import Report

from plugind.pace import Pace
from plugind.registry import packages
from plugind.services.unpacking import Unpacking
from plugind.supervisor.unpacker import Unpacker, UnpackLimits
from plugind.supervisor.zygote import Child, Zygote
from plugind_client import AsyncClient
from plugind_protocol import worker as protocol
from plugind_protocol.errors import ManifestInvalid, PackageInvalid
from plugind_protocol.package.caps import CAPS
from plugind_protocol.worker import Kind, Unpacked, UnpackedEntry

pytestmark = [pytest.mark.anyio, pytest.mark.process]

SECTION = "Packages"


class Bench:
    """An unpacker with a zygote, in the place of a pool, and eyes on what it leaves behind."""

    def __init__(self, zygote: Zygote, limits: UnpackLimits) -> None:
        self.zygote = zygote
        self.unpacker = Unpacker(limits, pace=Pace())

    async def unpack(self, package: int, output: int, *, engine: str) -> Unpacked:
        return await self.unpacker.unpack(package, output, zygote=self.zygote)

    async def whole(self, blob: bytes, folder: Path) -> dict[str, bytes]:
        (folder / "package").write_bytes(blob)
        pool: Any = self
        into = await Unpacking(pool, engine="wasmtime").unpack(folder / "package", folder / "into")
        return {path.relative_to(into).as_posix(): path.read_bytes() for path in into.rglob("*") if path.is_file()}

    def children(self) -> list[psutil.Process]:
        return at_work(child for own in psutil.Process().children() for child in own.children())

    async def child(self) -> psutil.Process:
        """The child that unpacks now, once there is one and it is at work."""
        return (await until(lambda: [child for child in self.children() if child.cpu_times().user > 0.05]))[0]


@pytest.fixture(scope="module")
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """One event loop for all, so that one zygote serves all."""
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(scope="module")
async def zygote(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Zygote]:
    started = Zygote("wasmtime", interpreter=sys.executable)
    await started.start()
    await Bench(started, UnpackLimits()).whole(build(good()), tmp_path_factory.mktemp("first"))  # opens what stays open
    yield started
    started.stop()


@pytest.fixture
async def bench(zygote: Zygote, tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(zygote, UnpackLimits(seconds=20))
    before = len(os.listdir("/proc/self/fd"))
    yield made
    assert made.children() == []
    assert len(os.listdir("/proc/self/fd")) == before
    assert {path.name for path in tmp_path.iterdir()} <= {"package", "into"}


async def test_the_good_package_is_good(bench: Bench, tmp_path: Path) -> None:
    assert await bench.whole(build(good()), tmp_path) == {part.name.decode(): part.data for part in good()}


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=f"{case.attack}: {case.name}", marks=pytest.mark.threat(SECTION, case.attack))
        for case in CASES
    ],
)
async def test_a_child_refuses_with_the_reason(case: Case, bench: Bench, tmp_path: Path) -> None:
    with pytest.raises((PackageInvalid, ManifestInvalid), match=case.reason):
        await bench.whole(case.make(), tmp_path)
    assert not (tmp_path / "into").exists()


def large(count: int, *last: Part) -> bytes:
    """A package of files of 60 MiB each, none of which is suspicious, and what is last."""
    chance = random.Random(1)
    data = b"".join(chance.randbytes(700) + bytes(65536 - 700) for _ in range(60 * 16))
    squeezer = zlib.compressobj(1, zlib.DEFLATED, -15)
    packed = squeezer.compress(data) + squeezer.flush()
    both = {"crc": zlib.crc32(data), "size": len(data)}
    parts = [Part(name=b"assets/%d" % n, packed=packed, deflated=True, both=both) for n in range(count)]
    return build([*good(), *parts, *last])


@pytest.mark.threat(SECTION, "bombs")
@pytest.mark.parametrize(
    ("number", "cause", "words"),
    [
        (signal.SIGKILL, "memory", "256 MiB of memory"),
        (signal.SIGXCPU, "limit", "30 s of processor time"),
        (signal.SIGSEGV, "crash", "what unpacks it ended"),
    ],
)
async def test_a_child_that_is_lost_says_why(
    bench: Bench, tmp_path: Path, number: signal.Signals, cause: str, words: str
) -> None:
    outcome: list[PackageInvalid] = []

    async def unpack() -> None:
        with pytest.raises(PackageInvalid) as caught:
            await bench.whole(large(8), tmp_path)
        outcome.append(caught.value)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(unpack)
        (await bench.child()).send_signal(number)
    assert outcome[0].data.cause == cause
    assert words in outcome[0].message


@pytest.mark.threat(SECTION, "bombs")
@pytest.mark.parametrize(
    ("limits", "error", "words"),
    [
        ({"seconds": 0.05}, PackageInvalid, r"longer than 0\.05 s"),
        ({"output_bytes": 100 << 20}, Exception, "cannot be unpacked: File too large"),
    ],
)
async def test_limits_of_the_child_hold(
    zygote: Zygote, tmp_path: Path, limits: dict[str, Any], error: type[Exception], words: str
) -> None:
    bench = Bench(zygote, UnpackLimits(**limits))
    with pytest.raises(error, match=words):
        await bench.whole(large(4), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"package"}
    assert bench.children() == []


async def test_cancelling_ends_the_child(bench: Bench, tmp_path: Path) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bench.whole, large(8), tmp_path)
        await bench.child()
        tasks.cancel_scope.cancel()
    assert not (tmp_path / "into").exists()


def entry(path: str, size: int = 0, *, folder: bool = False) -> UnpackedEntry:
    return UnpackedEntry(path, folder, size)


@pytest.mark.threat(SECTION, "names that lead elsewhere")
@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([entry("../x", 4)], "'..' as a part"),
        ([entry("/etc/x", 4)], "is absolute"),
        ([entry("x", 2), entry("X", 2)], "upper and lower case"),
        ([entry("x", 2), entry("x/y", 2)], "both a file and a folder"),
        ([entry("x", 5)], "what unpacks it failed"),
        ([entry("x", -1), entry("y", 5)], "what unpacks it failed"),
        ([entry(f"x{n}") for n in range(CAPS.entries + 1)], "over the limit"),
        ([entry("x", 4)], "no manifest.json"),
    ],
)
async def test_what_a_child_says_is_checked_as_the_package_would_be(
    tmp_path: Path, entries: list[UnpackedEntry], words: str
) -> None:
    (tmp_path / "output").write_bytes(b"four")
    with (tmp_path / "output").open("rb") as output, pytest.raises((PackageInvalid, ManifestInvalid), match=words):
        packages.lay_out(entries, output.fileno(), tmp_path / "into")
    assert {path.name for path in tmp_path.iterdir()} == {"output"}


@pytest.mark.threat(SECTION, "bombs")
@pytest.mark.parametrize(
    "said",
    [
        protocol.encode(Kind.READY, 0, b'{"entries":1}'),
        protocol.encode(Kind.READY, 0, b'{"entries":[["x",0,"y"]]}'),
        protocol.encode(Kind.FAILED, 0, b"\xff"),
        protocol.encode(Kind.FAULT, 0, b"\x1b[2J fault"),
        b"\xff" * 100,
        b"",
    ],
)
async def test_a_child_that_was_taken_over_says_nothing_that_counts(tmp_path: Path, said: bytes) -> None:
    ours, theirs = socket.socketpair()
    child = Child(0, os.open(os.devnull, os.O_RDONLY))
    theirs.sendall(said)
    theirs.close()
    child.ended(0)
    (tmp_path / "output").touch()
    with (tmp_path / "output").open("rb") as output, pytest.raises(PackageInvalid) as caught:
        await Unpacker(UnpackLimits(), pace=Pace()).understand(ours, child, output.fileno())
    assert caught.value.data.cause == "crash"


@pytest.mark.long
@pytest.mark.timeout(180)
@pytest.mark.threat(SECTION, "bombs")
async def test_others_are_served_meanwhile(
    client: AsyncClient, daemon: Daemon, plugins: Path, tmp_path: Path, report: Report
) -> None:
    await client.install(str(plugins / "probe"))
    (tmp_path / "large.tsplugin").write_bytes(large(7, Part(name=b"assets/last", data=b"x", both={"crc": 1})))
    files = [Part(name=b"assets/%d" % number, data=b"x" * 50) for number in range(9_000)]
    (tmp_path / "many.tsplugin").write_bytes(build([*good(), *files, Part(name=b"payload")]))
    with Bystander(daemon.socket) as bystander:
        quiet = bystander.quiet()
        with pytest.raises(PackageInvalid, match="checksum"):
            await client.install(str(tmp_path / "large.tsplugin"))
        with pytest.raises(PackageInvalid, match="does not belong"):
            await client.install(str(tmp_path / "many.tsplugin"))
        report.noticed(quiet, bystander.take())
    assert list((daemon.data_dir / "incoming").iterdir()) == []
