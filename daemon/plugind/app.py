"""Opens what the daemon needs, runs it until it is told to stop, and takes everything down in the opposite order."""

import contextlib
import gc
import hashlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import anyio
import anyio.abc
import msgspec
import structlog

from plugind import derived, stopping
from plugind.config import Config
from plugind.errors import StartupError
from plugind.host.providers import Absence, Providers
from plugind.kept import Kept, open_kept
from plugind.listen.endpoint import Endpoint, resolve
from plugind.listen.serve import serve
from plugind.pace import Pace
from plugind.registry.exclusive import hold
from plugind.rpc.session import Sessions
from plugind.services.daemon import Identity
from plugind.supervisor.artefacts import ArtefactCache
from plugind.supervisor.compiler import Compiler
from plugind.supervisor.engines import Engines
from plugind.supervisor.pool import Pool, Timings
from plugind.supervisor.windows import WindowFolder
from plugind.wiring import Parts
from plugind_protocol import PROTOCOL_VERSION, scheduling
from plugind_protocol.errors import PackageInvalid
from plugind_protocol.methods import RecoveryInfo, SandboxInfo
from plugind_protocol.worker import ZygoteReady

_SHORTEST_HOOK_SECONDS = 0.25
"""What each of a plugin's last hooks gets when all of the time to drain is used up."""
_LEDGER_SECONDS = 5.0
"""How often the uses of permissions are written; a daemon that is killed loses those since."""
_FAREWELL_SECONDS = 1.0
"""How long clients may take to read their last answers."""

_SWITCH_SECONDS = 0.0002
"""How long the loop waits for a thread of the daemon's own that computes, instead of Python's 5 ms."""

_log = structlog.get_logger(__name__)


def run(config: Config, environ: Mapping[str, str]) -> None:
    """Run the daemon until a signal, ``daemon.shutdown`` or the end of stdin stops it.

    Args:
        config: The settings.
        environ: The process environment.

    Raises:
        StartupError: It cannot start; nothing is left behind.
    """
    derived.check(config)
    try:
        anyio.run(_main, config, environ, backend_options={"use_uvloop": sys.platform != "win32"})
    except BaseExceptionGroup as group:  # not "except*": before CPython 3.11.4 that wraps what is raised in it
        matching, others = group.split(StartupError)
        if matching is None or others is not None:
            raise
        raise _first(matching) from group


def _first(group: BaseExceptionGroup[StartupError]) -> StartupError:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


async def _main(config: Config, environ: Mapping[str, str]) -> None:
    scheduling.answer(0)
    sys.setswitchinterval(_SWITCH_SECONDS)
    endpoint = resolve(config.socket, environ)
    data_dir = derived.data_dir(config, environ)
    stop = anyio.Event()
    with hold(data_dir, owner=f"plugind with pid {os.getpid()}, listening at {endpoint.path},"):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stopping.on_signals, stop, tasks.cancel_scope)
            with stopping.with_stdin(stop) if config.exit_with_stdin else contextlib.nullcontext():
                await _serve(config, environ, endpoint, data_dir, tasks=tasks, stop=stop)
            tasks.cancel_scope.cancel()


async def _serve(
    config: Config,
    environ: Mapping[str, str],
    endpoint: Endpoint,
    data_dir: Path,
    *,
    tasks: anyio.abc.TaskGroup,
    stop: anyio.Event,
) -> None:
    """Build the daemon, serve until told to stop, and take everything down in the opposite order."""
    providers = Providers(
        lambda changed: sessions.broadcast("host.changed", changed),
        absence=Absence(unavailable=config.providers.unavailable, wait_seconds=config.providers.wait_seconds),
    )
    sessions = Sessions(lambda session: providers.offer(session, session.provides, reserve=session.fallback))
    pace = Pace()
    kept = open_kept(config, data_dir, artefacts=derived.cache_dir(config, data_dir) / "modules")
    engines = Engines(wasmer=config.engines.wasmer.interpreter)
    pool = _pool(config, engines, kept.artefacts, pace)
    windows = WindowFolder(hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16])
    closing = contextlib.AsyncExitStack()
    try:
        engine = await _default_engine(pool, engines, config.engine)
        identity = _identity(config, endpoint, kept, engines=engines, engine=engine)
        _report_sandbox(identity.sandbox)
        parts = Parts(
            config,
            identity,
            kept=kept,
            environ=environ,
            pool=pool,
            windows=windows,
            sessions=sessions,
            providers=providers,
            pace=pace,
            tasks=tasks,
            stop=stop,
        )
        await parts.start(ledger_seconds=_LEDGER_SECONDS)
        closing.push_async_callback(parts.own.close)
        async with serve(endpoint, parts.connection) as server:
            gc.freeze()  # what is there now stays: to look through it for garbage takes 20 ms
            _announce_ready(endpoint)
            await stop.wait()
            _log.info("stopping")
            server.stop_accepting()
            await _farewell(parts, sessions, seconds=config.drain_seconds)
    finally:
        with anyio.CancelScope(shield=True):
            await pool.stop()
            await closing.aclose()
            windows.remove()
            kept.close()


def _pool(config: Config, engines: Engines, artefacts: ArtefactCache, pace: Pace) -> Pool:
    degrade = config.sandbox == "degrade"
    return Pool(
        Compiler(artefacts, derived.compile_limits(config), pace=pace, degrade=degrade),
        engines,
        pace=pace,
        timings=Timings(
            load=config.supervision.load_timeout_seconds,
            kill_grace=config.supervision.kill_grace_seconds,
        ),
        max_queued=config.supervision.queued_calls,
        max_result_bytes=config.wire.message_bytes,
        degrade=degrade,
        remembered=config.capsules.calls,
    )


def _identity(config: Config, endpoint: Endpoint, kept: Kept, *, engines: Engines, engine: ZygoteReady) -> Identity:
    return Identity(
        socket=endpoint.path,
        data_dir=os.fspath(kept.folder),
        engines=engines.infos,
        sandbox=SandboxInfo(layers=engine.layers, missing=engine.missing, mode=config.sandbox),
        recovered=msgspec.convert(kept.recovered, RecoveryInfo, from_attributes=True) if kept.recovered else None,
    )


async def _farewell(parts: Parts, sessions: Sessions, *, seconds: float) -> None:
    """Let clients have what they wait for, end plugins by their hooks, and let clients go."""
    until = anyio.current_time() + seconds
    with anyio.move_on_after(seconds):
        await sessions.drained()
    await parts.order.stop(hook_timeout=max(_SHORTEST_HOOK_SECONDS, (until - anyio.current_time()) / 2))
    await sessions.disconnect(seconds=_FAREWELL_SECONDS)
    await parts.headless.stop()


async def _default_engine(pool: Pool, engines: Engines, name: str) -> ZygoteReady:
    """Look for the engines, and start the one that plugins use where nobody chooses another.

    Raises:
        StartupError: It is not available, or does not come up.
    """
    if name == "wasmer":
        await engines.find()
        try:
            pool.check(name, who="the configuration")
        except PackageInvalid as exc:
            raise StartupError(exc.message) from exc
        return await pool.engine(name)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(engines.find)
        ready = await pool.engine(name)
    return ready  # noqa: RET504  # to mypy, a task group may swallow what is raised in it


def _report_sandbox(sandbox: SandboxInfo) -> None:
    """Say at start what confines workers, and what it means where something essential does not."""
    missing = {layer.layer: layer.reason for layer in sandbox.missing}
    _log.info("sandbox", mode=sandbox.mode, layers=sandbox.layers, missing=missing)
    if any(layer.essential for layer in sandbox.missing):
        _log.error(
            "the sandbox is incomplete: "
            + (
                "plugins run all the same, as --sandbox degrade says"
                if sandbox.mode == "degrade"
                else "no plugin will run; --sandbox degrade accepts the risk"
            ),
            missing=sorted(layer.layer for layer in sandbox.missing if layer.essential),
        )


def _announce_ready(endpoint: Endpoint) -> None:
    ready = {"event": "ready", "socket": endpoint.path, "pid": os.getpid(), "protocolVersion": PROTOCOL_VERSION}
    sys.stdout.write(msgspec.json.encode(ready).decode() + "\n")
    sys.stdout.flush()
    _log.info("ready", socket=endpoint.path)
