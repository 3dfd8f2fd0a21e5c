"""Starts workers and compiles modules; knows every process there is, so that none outlives the daemon."""

import asyncio
import os
import socket
from pathlib import Path

import anyio
import msgspec
import structlog

from plugind.errors import StartupError
from plugind.pace import Pace
from plugind.policy.plan import LaunchPlan
from plugind.supervisor import scripts
from plugind.supervisor.allowance import MAX_MEMORY_BYTES
from plugind.supervisor.compiler import Compiler
from plugind.supervisor.engines import Engines
from plugind.supervisor.house import ROOMS, Home, House
from plugind.supervisor.logs import MAX_LOG_RATE
from plugind.supervisor.long_runs import LongRuns
from plugind.supervisor.meter import Meter
from plugind.supervisor.unpacker import Unpacker, UnpackLimits
from plugind.supervisor.worker import Owner, Worker
from plugind.supervisor.zygote import Zygote
from plugind_protocol import sockets
from plugind_protocol.errors import PlugindError, Timeout, WorkerCrashed
from plugind_protocol.worker import Compiled, Launch, Unpacked, ZygoteReady
from plugind_protocol.worker import House as HouseOrder

_TABLE_ELEMENTS = 100_000

_log = structlog.get_logger(__name__)


class Timings(msgspec.Struct, frozen=True, kw_only=True):
    """How long things may take, in seconds."""

    load: float
    kill_grace: float


class Pool:
    """All workers of the daemon.

    Args:
        compiler: Makes what workers run.
        engines: The engines there are.
        pace: Where workers' channels wait with what is too much for one turn of the loop.
        timings: How long things may take.
        max_queued: Calls that may wait per worker.
        max_result_bytes: Largest result of a guest.
        degrade: Children go on where essential layers of the sandbox are missing.
        remembered: How many of its last calls are remembered of each worker.
    """

    def __init__(
        self,
        compiler: Compiler,
        engines: Engines,
        *,
        pace: Pace,
        timings: Timings,
        max_queued: int,
        max_result_bytes: int,
        degrade: bool = False,
        remembered: int = 20,
    ) -> None:
        self.compiler = compiler
        self.unpacker = Unpacker(UnpackLimits(), pace=pace, degrade=degrade)
        self._available = engines
        self._pace = pace
        self._long_runs = LongRuns()
        self._timings = timings
        self._max_queued = max_queued
        self._max_result_bytes = max_result_bytes
        self._degrade = degrade
        self._remembered = remembered
        self.engines: dict[str, ZygoteReady] = {}
        """What is known of the engines that have been started, by name."""
        self._zygotes: dict[str, Zygote] = {}
        self._workers: set[Worker] = set()
        self._houses: dict[tuple[str, str], list[House]] = {}  # by publisher and engine
        self._settling = anyio.Lock()

    async def engine(self, name: str) -> ZygoteReady:
        """Start the zygote of an engine, if it does not run yet.

        Raises:
            StartupError: It does not come up.
        """
        if name not in self._zygotes:
            self._zygotes[name] = Zygote(name, interpreter=self._available.interpreter(name, who="plugind"))
        self.engines[name] = ready = await self._zygotes[name].start()
        return ready

    def check(self, engine: str, *, who: str) -> None:
        """Make sure that an engine is there.

        Args:
            engine: Its name.
            who: Who wants it, for the message.

        Raises:
            PackageInvalid: It is not; the message says why, the hint what to do.
        """
        self._available.interpreter(engine, who=who)

    async def compile(
        self, source: Path, module_hash: str, *, text: bool, engine: str, quick: bool = False
    ) -> Compiled:
        """Compile a module into the cache, unless it is there, and say what it is.

        Args:
            source: The module, wasm or text.
            module_hash: SHA-256 of its bytes, hex.
            text: It is WebAssembly text.
            engine: Engine to compile for.
            quick: In a fraction of the time, to slower code, where the engine can.

        Returns:
            What the module is.

        Raises:
            PackageInvalid: It is damaged, not valid, or takes too much to compile.
            UnsupportedAbi: It imports or exports what the host does not know.
        """
        zygote = await self._started(engine)
        descriptor, compiled = await self.compiler.artefact(
            source, module_hash, text=text, zygote=zygote, urgent=False, quick=quick
        )
        os.close(descriptor)
        return compiled

    async def unpack(self, package: int, output: int, *, engine: str) -> Unpacked:
        """Have a package unpacked by a child of an engine's zygote; otherwise as `Unpacker.unpack`."""
        return await self.unpacker.unpack(package, output, zygote=await self._started(engine))

    async def launch(self, plan: LaunchPlan, *, owner: Owner, meter: Meter) -> Worker:
        """Start a worker and wait until its module is instantiated.

        Args:
            plan: What to run.
            owner: Who the worker reports to.
            meter: Where its calls are counted.

        Returns:
            The worker, ready for calls.

        Raises:
            PlugindError: Why it did not start: a trap, the memory limit, a timeout, a crash, an engine that is missing.
        """
        self.check(plan.engine, who=f"{plan.plugin_id} {plan.version}")
        zygote = await self._started(plan.engine)
        descriptor, compiled = await self.compiler.artefact(
            Path(plan.module), plan.module_hash, text=plan.text, zygote=zygote, urgent=True, quick=plan.quick
        )
        brought = [descriptor]
        try:
            if plan.script is not None:
                brought.append(await anyio.to_thread.run_sync(scripts.open_program, plan.script))
            return await self._launch(plan, zygote, compiled, brought, owner=owner, meter=meter)
        finally:
            for one in brought:
                os.close(one)

    async def _launch(
        self, plan: LaunchPlan, zygote: Zygote, compiled: Compiled, brought: list[int], *, owner: Owner, meter: Meter
    ) -> Worker:
        """Start a worker with descriptors of its module and its script, which stay the caller's."""
        messages, their_messages = socket.socketpair()
        control, their_control = socket.socketpair()
        order = Launch(
            plugin_id=plan.plugin_id,
            version=plan.version,
            engine=plan.engine,
            abi=compiled.abi if plan.script is None else scripts.ABI,
            script=plan.script is not None,
            memory_bytes=plan.limits.memory_bytes or MAX_MEMORY_BYTES,
            table_elements=plan.limits.table_elements or _TABLE_ELEMENTS,
            max_result_bytes=plan.limits.message_bytes or self._max_result_bytes,
            log_messages_per_second=plan.limits.log_messages_per_second or MAX_LOG_RATE,
            cpu_seconds=plan.limits.cpu_seconds,
            file_descriptors=plan.limits.file_descriptors,
            config=plan.config,
            quick=compiled.quick,
        )
        try:
            with their_messages, their_control:
                sent = [their_messages.fileno(), their_control.fileno(), *brought]
                home = await self._settle(zygote, plan, order, sent)
        except BaseException:
            messages.close()
            control.close()
            raise
        worker = Worker(
            plan,
            home,
            owner=owner,
            meter=meter,
            pace=self._pace,
            long_runs=self._long_runs,
            interruptible=self.engines[plan.engine].interruptible,
            grace_seconds=self._timings.kill_grace,
            max_queued=self._max_queued,
            remembered=self._remembered,
        )
        worker.base_bytes = zygote.private_bytes
        self._workers.add(worker)
        worker.gone.add_done_callback(lambda _: self._workers.discard(worker))
        await worker.attach(messages, control)
        await self._until_ready(worker)
        return worker

    async def stop(self) -> None:
        """End all workers and zygotes. Returns when they are gone."""
        async with anyio.create_task_group() as tasks:
            for worker in tuple(self._workers):
                tasks.start_soon(worker.stop)
        for zygote in self._zygotes.values():
            zygote.stop()

    def kill(self) -> None:
        """End everything at once."""
        for zygote in self._zygotes.values():
            zygote.stop()

    async def _started(self, engine: str) -> Zygote:
        try:
            await self.engine(engine)
        except StartupError as exc:  # at the daemon's start it is what it says; later it is a plugin's bad luck
            raise WorkerCrashed(str(exc), cause="crash") from exc
        return self._zygotes[engine]

    async def _settle(self, zygote: Zygote, plan: LaunchPlan, order: Launch, descriptors: list[int]) -> Home:
        """Find a worker its place: a process of its own, or one that it shares, if each guest there can be stopped."""
        if plan.publisher is None or not self.engines[plan.engine].interruptible:
            return await zygote.spawn(order, descriptors, degrade=self._degrade)
        async with self._settling:
            key = (plan.publisher, plan.engine)
            house = next((one for one in self._houses.get(key, ()) if one.has_room), None)
            if house is None:
                house = await self._build(zygote, key)
            return house.admit(order, descriptors)

    async def _build(self, zygote: Zygote, key: tuple[str, str]) -> House:
        houses = self._houses.setdefault(key, [])
        ours, theirs = sockets.pair()
        try:
            with theirs:
                order = HouseOrder(engine=key[1], rooms=ROOMS)
                child = await zygote.spawn(order, [theirs.fileno()], degrade=self._degrade)
        except BaseException:
            ours.close()
            raise
        house = House(child, ours, grace_seconds=self._timings.kill_grace, on_closed=houses.remove)
        houses.append(house)
        with anyio.move_on_after(self._timings.load):
            await asyncio.shield(house.opened)
        return house

    async def _until_ready(self, worker: Worker) -> None:
        try:
            with anyio.fail_after(self._timings.load):
                await asyncio.shield(worker.ready)
        except TimeoutError as exc:
            worker.kill("it was not ready in time")
            await asyncio.shield(worker.gone)
            error = Timeout(
                f"{worker.plan.plugin_id} {worker.plan.version}: not loaded within {self._timings.load * 1000:.0f} ms",
                hint="Its start function does not end; report it to the plugin's author.",
                plugin_id=worker.plan.plugin_id,
                version=worker.plan.version,
                cause="timeout",
            )
            lost = worker.ready.exception()
            error.data.capsule = lost.data.capsule if isinstance(lost, PlugindError) else None
            raise error from exc
        except BaseException:
            await asyncio.shield(worker.stop())
            raise
