"""The ``capsules.*`` methods, and the writing of a capsule when a plugin failed: beside the answer, never before it."""

import datetime as dt
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import anyio
import anyio.abc
import anyio.to_thread
import msgspec
import structlog

from plugind.config import Config
from plugind.policy.redact import Redactor
from plugind.registry.capsules import CapsuleStore, new_id
from plugind.registry.records import Record
from plugind.registry.store import PackageStore
from plugind.rpc.session import Session
from plugind.services import postmortem
from plugind.services.console import Console
from plugind.services.postmortem import Failure
from plugind.supervisor.trail import Evidence
from plugind.supervisor.windows import WindowFile
from plugind.supervisor.worker import Worker
from plugind_protocol import capsule as capsules
from plugind_protocol.capsule import CapsuleInfo, CapsuleUnreadableError
from plugind_protocol.errors import InvalidParams, PlugindError, Timeout
from plugind_protocol.manifest import Limits
from plugind_protocol.methods import CapsuleFile, CapsulesGet, CapsulesList, State
from plugind_protocol.rates import TokenBucket
from plugind_protocol.worker import PROCESS, Kind, Window, ZygoteReady

_WAITING: Final = 4
"""Capsules of one plugin that may wait to be written; a plugin that fails faster loses some."""
_PER_SECOND: Final = 1.0
"""Capsules of one plugin that are written on average: more would only push each other out."""
_AT_ONCE: Final = 20.0
"""Those written without a pause; by then a plugin is in quarantine, if its user did not choose otherwise."""
_NOTHING: Final = Evidence((), None, ())

_log = structlog.get_logger(__name__)


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """The plugin that failed, as it was."""

    record: Record
    limits: Limits
    engine: str
    state: State
    effects: list[str]
    """Effect ids by handle."""
    windows: Mapping[int, tuple[Window, WindowFile]]


class Capsules:
    """Writes capsules and hands them out.

    Args:
        config: What is kept, and for how long.
        store: Where they are.
        packages: Where the packages are.
        console: What plugins logged.
        engines: The engines that were started.
        tasks: Where they are written; ends with the daemon.
        homes: Home folders of the user.
    """

    def __init__(
        self,
        config: Config,
        store: CapsuleStore,
        *,
        packages: PackageStore,
        console: Console,
        engines: Mapping[str, ZygoteReady],
        tasks: anyio.abc.TaskGroup,
        homes: frozenset[str],
    ) -> None:
        self._config = config
        self._store = store
        self._packages = packages
        self._console = console
        self._engines = engines
        self._tasks = tasks
        self._homes = homes
        self._writing: dict[str, anyio.Event] = {}
        self._waiting: dict[str, int] = {}
        self._rates: dict[str, TokenBucket] = {}
        self._threads = anyio.CapacityLimiter(1)

    # --- writing ----------------------------------------------------------------------------------------------

    def promise(self, plugin_id: str) -> str | None:
        """Give a capsule its id before all is known that goes into it; `take` follows in any case.

        Args:
            plugin_id: The plugin that fails.

        Returns:
            The id; None where none will be written.
        """
        rate = self._rates.get(plugin_id)
        if rate is None:
            rate = self._rates[plugin_id] = TokenBucket(_PER_SECOND, _AT_ONCE)
        if self._waiting.get(plugin_id, 0) >= _WAITING or not rate.take(time.monotonic()):
            _log.warning("no capsule: the plugin fails faster than they are written", plugin=plugin_id)
            return None
        capsule_id = new_id(plugin_id, dt.datetime.now(dt.UTC))
        self._waiting[plugin_id] = self._waiting.get(plugin_id, 0) + 1
        self._writing[capsule_id] = anyio.Event()
        return capsule_id

    def take(
        self, subject: Subject, worker: Worker | None, error: PlugindError, *, promised: str | None = None
    ) -> str | None:
        """Begin to write a capsule. Does not wait, does not fail.

        Args:
            subject: The plugin that failed.
            worker: Its worker; None where it could not be started.
            error: What who called gets to know.
            promised: The id that `promise` gave, if it was asked before.

        Returns:
            The capsule's id, as soon as it is certain that one is written.
        """
        capsule_id = promised or self.promise(subject.record.plugin_id)
        if capsule_id is not None:
            self._tasks.start_soon(self._write, self._gather(capsule_id, subject, worker, error))
        return capsule_id

    def _gather(self, capsule_id: str, subject: Subject, worker: Worker | None, error: PlugindError) -> Failure:
        at = dt.datetime.now(dt.UTC)
        evidence = worker.evidence() if worker is not None else _NOTHING
        fatal = evidence.fatal
        ready = worker.ready if worker is not None else None
        started = ready is not None and ready.done() and ready.exception() is None
        late = fatal is not None and fatal.outcome == Timeout.__name__
        late |= worker is not None and worker.killed and not started and error.data.cause != "protocol"
        return Failure(
            capsule_id=capsule_id,
            at=at.isoformat(timespec="milliseconds"),
            record=subject.record,
            limits=subject.limits,
            engine=self._engines[subject.engine],
            state=subject.state,
            layers=ready.result().layers if ready is not None and started else [],
            kind=Timeout.__name__ if late else error.data.kind,
            cause="timeout" if late else error.data.cause or "crash",
            reason=error.message,
            stack=error.data.stack or [],
            exit_status=worker.exit_status if worker is not None else None,
            ended=worker is not None and not worker.alive,
            killed=worker is not None and worker.killed,
            evidence=evidence,
            effects=subject.effects,
            windows=_opened(subject.windows, evidence),
            console=self._console.tail(subject.record.plugin_id, self._config.capsules.console_messages),
        )

    async def _write(self, failure: Failure) -> None:
        plugin_id = failure.record.plugin_id
        try:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self._write_now, failure, limiter=self._threads)
            _log.info("capsule written", plugin=plugin_id, capsule=failure.capsule_id, cause=failure.cause)
        except Exception as exc:  # the daemon lives on without it; no traceback, which may show params
            why = exc.strerror if isinstance(exc, OSError) else None
            _log.error("capsule not written", plugin=plugin_id, error=type(exc).__name__, reason=why)
        finally:
            for _, descriptor in failure.windows:
                if descriptor >= 0:
                    os.close(descriptor)
            self._waiting[plugin_id] -= 1
            if not self._waiting[plugin_id]:
                del self._waiting[plugin_id]
            self._writing.pop(failure.capsule_id).set()

    def _write_now(self, failure: Failure) -> None:
        settings = self._config.capsules
        keep = postmortem.Keep(
            payload_bytes=settings.payload_bytes,
            running_payload_bytes=settings.running_payload_bytes,
            frames=self._config.capsule_frames,
            frame_bytes=settings.plugin_bytes // 2,
        )
        redactor = Redactor(self._config.capsule_redact, homes=self._homes)
        made, frame = postmortem.capsule(failure, redactor, keep)
        self._store.add(failure.capsule_id, capsules.encode(made), frame=frame)

    # --- reading ----------------------------------------------------------------------------------------------

    async def list(self, _session: Session, params: CapsulesList) -> "list[CapsuleInfo]":
        """List capsules, newest first."""
        for written in tuple(self._writing.values()):
            await written.wait()
        heads = await anyio.to_thread.run_sync(self._store.heads)
        return [head for head in heads if params.plugin_id in (None, head.plugin_id)]

    async def get(self, _session: Session, params: CapsulesGet) -> CapsuleFile:
        """Read a capsule; one that is being written is waited for.

        Raises:
            InvalidParams: There is none of this id, or its file is damaged.
        """
        if (written := self._writing.get(params.id)) is not None:
            await written.wait()
        return await anyio.to_thread.run_sync(self._read, params.id)

    def _read(self, capsule_id: str) -> CapsuleFile:
        content = self._store.read(capsule_id)
        if content is None:
            raise InvalidParams(
                f"there is no capsule {capsule_id!r}", hint="List them with: pluginctl capsules", path="$.id"
            )
        path = self._store.path(capsule_id)
        try:
            found = capsules.decode(content)
        except CapsuleUnreadableError as exc:
            raise InvalidParams(f"{path}: {exc}", hint="Remove the file.", path="$.id") from exc
        frame, package = self._store.frame(capsule_id), self._packages.path(found.package)
        return CapsuleFile(
            capsule=found,
            path=os.fspath(path),
            frame=_if_there(frame, Path.is_file),
            package=_if_there(package, Path.is_dir),
        )


def _opened(windows: Mapping[int, tuple[Window, WindowFile]], evidence: Evidence) -> list[tuple[Window, int]]:
    """Hold the files of windows that frames were processed in: they may be closed before the capsule is written."""
    ran = [*evidence.calls, *([evidence.fatal] if evidence.fatal is not None else [])]
    used = {PROCESS.unpack_from(one.body)[1] for one in ran if one.kind is Kind.PROCESS}
    held = []
    for number, (window, file) in windows.items():
        try:
            descriptor = os.dup(file.descriptor) if number in used else -1
        except OSError:  # no descriptor is left
            descriptor = -1
        held.append((window, descriptor))
    return held


def _if_there(path: Path, check: Callable[[Path], bool]) -> str | None:
    return os.fspath(path) if check(path) else None
