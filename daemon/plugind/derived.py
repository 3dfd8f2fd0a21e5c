"""What the settings come to: what does not go together, where things lie, what is started and with which limits."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from plugind.config import Config, default_data_dir
from plugind.errors import StartupError
from plugind.host.headless import HeadlessProcess, Options, check_installed
from plugind.registry.resolve import Host
from plugind.rpc.session import Sessions
from plugind.services import idle
from plugind.services.environment import Parallel
from plugind.supervisor import restart
from plugind.supervisor.compiler import CompileLimits
from plugind.supervisor.crew import HELPERS_PER_CORE, Seats, processors
from plugind_protocol import ranges, systems


def check(config: Config) -> None:
    """Refuse what does not go together, or needs what is not installed.

    Raises:
        StartupError: Something does, or no plugin could run on this system.
    """
    if why := systems.why_no_workers():
        raise StartupError(why)
    if config.timeline_version is not None and not ranges.is_version(config.timeline_version):
        raise StartupError(f"timeline_version: {config.timeline_version!r} is not MAJOR.MINOR.PATCH")
    if config.host == "headless":
        check_installed()
        return
    for option, given in (("--project", config.project is not None), ("--dialogs", config.dialogs != Config().dialogs)):
        if given:
            raise StartupError(f"{option} is for the headless host: it needs --host headless")


def data_dir(config: Config, environ: Mapping[str, str]) -> Path:
    """Return where installed plugins, state and caches are kept; the folder is made.

    Raises:
        StartupError: It cannot be.
    """
    path = Path(config.data_dir) if config.data_dir is not None else default_data_dir(environ)
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        (path / "cache").mkdir(mode=0o700, exist_ok=True)
    except OSError as exc:
        raise StartupError(f"cannot use the data folder {path}: {exc.strerror}; choose another by --data-dir") from exc
    return path.absolute()


def cache_dir(config: Config, data_dir: Path) -> Path:
    """Return where compiled modules are kept."""
    return Path(config.cache_dir).absolute() if config.cache_dir is not None else data_dir / "cache"


def homes(environ: Mapping[str, str]) -> frozenset[str]:
    """Return the user's home folder, by all names that it goes by."""
    homes = {environ.get("HOME", ""), environ.get("USERPROFILE", ""), os.path.expanduser("~")}  # noqa: PTH111  # may fail to expand
    return frozenset({*homes, *map(os.path.realpath, homes - {""})} - {"", "~"})


def compile_limits(config: Config) -> CompileLimits:
    """Return what compiling a module may take."""
    return CompileLimits(
        seconds=config.supervision.compile_timeout_seconds,
        cpu_seconds=config.supervision.compile_cpu_seconds,
        memory_bytes=config.supervision.compile_memory_bytes,
        artefact_bytes=config.supervision.compile_artefact_bytes,
    )


def parallel(config: Config) -> Parallel:
    """Return how stateless effects are run: on no more workers than there are processors."""
    cores = processors()
    return Parallel(
        workers=min(cores, config.supervision.parallel_workers or cores),
        idle_seconds=config.supervision.parallel_idle_seconds,
        seats=Seats(HELPERS_PER_CORE * cores),
    )


def headless(config: Config, environ: Mapping[str, str]) -> Callable[[], HeadlessProcess] | None:
    """Return what starts the headless host, if it is wanted; its paths are ours, whatever its folder is."""
    if config.host != "headless":
        return None
    project = None if config.project is None else os.fspath(Path(config.project).absolute())
    named = config.dialogs in {"cancel", "accept", "prompt"}
    dialogs = config.dialogs if named else os.fspath(Path(config.dialogs).absolute())
    return lambda: HeadlessProcess(Options(project=project, dialogs=dialogs), environ)


def host(config: Config, sessions: Sessions) -> Host:
    """Return what plugins run in: the version is what the settings say, else the newest editor that says its own."""
    editors = [session for session in reversed(list(sessions)) if session.provides and not session.fallback]
    told = [session.client.version for session in editors if session.client is not None]
    versions = [config.timeline_version, *told] if config.timeline_version is not None else told
    return Host(timeline_version=next((text for text in versions if ranges.is_version(text)), None))


def restarts(config: Config) -> restart.Policy:
    """Return how often, and after which pauses, a plugin that crashes is started again."""
    return restart.Policy(
        max_restarts=config.supervision.max_restarts,
        window_seconds=config.supervision.restart_window_seconds,
        backoff_first_seconds=config.supervision.backoff_first_seconds,
        backoff_max_seconds=config.supervision.backoff_max_seconds,
    )


def idling(config: Config) -> idle.Policy:
    """Return what becomes of workers that have nothing to do, and when."""
    return idle.Policy(
        probe=config.supervision.health_interval_seconds,
        park=config.workers.park_after_seconds,
        end=config.workers.end_after_seconds,
    )
