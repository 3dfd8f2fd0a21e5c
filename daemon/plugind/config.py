"""All settings of the daemon: frozen, with units in their names, read once at start.

Order of precedence: command line, environment, ``--config`` file (TOML), defaults.
"""

import os
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from plugind.errors import ConfigError
from plugind.log import LogFormat
from plugind_protocol import envelope, framing
from plugind_protocol.manifest import MAX_CONFIG_BYTES, Limits

Isolation = Literal["dedicated", "publisher"]
"""A process for each plugin, or one for the plugins of a publisher."""


class WireLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bounds of a client connection."""

    message_bytes: int = framing.MAX_MESSAGE_BYTES
    nesting: int = envelope.MAX_NESTING
    requests_in_flight: int = 256
    batch_members: int = 100
    header_idle_seconds: float = 10.0
    output_bytes: int = 64 * 1024 * 1024
    """A client that lets more than this pile up unread is disconnected."""


EngineName = Literal["wasmtime", "wasmer"]


class WasmerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the wasmer engine is run."""

    interpreter: str | None = None
    """A CPython 3.10 with wasmer, wasmer_compiler_cranelift and msgspec; found by itself in a checkout where
    ``make wasmer`` has prepared it."""


class EngineSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The engines beside the default one."""

    wasmer: WasmerSettings = WasmerSettings()
    plugins: dict[str, EngineName] = {}
    """Engine by plugin id: the user's choice, which counts before the manifest's and the default."""


class Supervision(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How workers are kept."""

    load_timeout_seconds: float = 10.0
    """From launch to ready, instantiation included."""
    compile_timeout_seconds: float = 60.0
    """For one module."""
    compile_cpu_seconds: int = 30
    """Processor time for one module."""
    compile_memory_bytes: int = 1024**3
    """Private memory of the process that compiles a module."""
    compile_artefact_bytes: int = 256 * 1024**2
    """Largest compiled module."""
    kill_grace_seconds: float = 0.8
    """From the interrupt at a deadline to the kill."""
    hook_timeout_seconds: float = 10.0
    """Deadline of each lifecycle hook."""
    drain_calls_seconds: float = 30.0
    """How long calls in flight may go on before an update or a reload ends them."""
    parallel_workers: Annotated[int, Meta(ge=1, le=64)] | None = None
    """Workers of one plugin that run frames of its parallel effects, at most one for each core; default: as many."""
    parallel_idle_seconds: Annotated[float, Meta(gt=0, le=3600)] = 10.0
    """After so long without such a frame, all but one of them are ended."""
    queued_calls: int = 1024
    """Calls waiting per plugin; more are refused as Overloaded."""
    max_restarts: int = 3
    restart_window_seconds: float = 300.0
    backoff_first_seconds: float = 0.1
    """Before the second restart within the window; the first is at once, each further one waits twice as long."""
    backoff_max_seconds: float = 30.0
    health_interval_seconds: Annotated[float, Meta(gt=0)] = 10.0
    """After so long without a call, a worker is asked once whether it still answers."""
    health_timeout_seconds: float = 5.0
    usage_interval_seconds: float = 2.0
    """How often the resources of workers that were called since are compared with their limits."""
    kept_versions: int = 3
    """Earlier versions kept of each plugin."""
    fallback: Literal["offer", "switch"] = "offer"
    """What to do with an earlier good version when the current one is quarantined."""


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What becomes of workers that have nothing to do."""

    park_after_seconds: Annotated[float, Meta(gt=0)] = 10.0
    """After so long without a call, a worker gives back memory that it does not need."""
    end_after_seconds: Annotated[float, Meta(gt=0)] | None = None
    """After so long without a call, a worker is ended, and started again when it is needed; never by default."""


class ProviderSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the daemon deals with the clients that answer plugins: editors, and what stands in for one."""

    unavailable: Literal["fail", "wait"] = "fail"
    """Whether what a plugin asks fails at once where no client answers it, or waits for one to come."""
    wait_seconds: Annotated[float, Meta(ge=0, le=3600)] = 10.0
    """How long it waits; the deadline of the plugin's call counts besides."""
    commit_seconds: Annotated[float, Meta(gt=0, le=3600)] = 5.0
    """How long an editor may take to keep, or take back, what a call has edited."""
    rollback_hold_seconds: Annotated[float, Meta(ge=0, le=60)] = 0.1
    """How long the answer of a failed call waits for its edits to be taken back."""


class CapsuleSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What crash capsules hold, and how many are kept."""

    calls: Annotated[int, Meta(ge=0, le=1000)] = 20
    """Last calls of a worker that are remembered."""
    payload_bytes: int = 4096
    """Kept of the params of each call, and of each host call."""
    running_payload_bytes: int = 65536
    """The same of the call that failed."""
    console_messages: int = 50
    """Last messages of the plugin."""
    per_plugin: int = 10
    plugin_bytes: int = 64 * 1024 * 1024
    """Of a plugin's capsules, kept frames included."""
    total: int = 100
    total_bytes: int = 256 * 1024 * 1024


class DownloadSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How packages are fetched over https."""

    ca_file: str | None = None
    """Certificate authorities (PEM) that are trusted in place of the system's."""
    allow_hosts: list[str] = []
    """Hosts that packages may come from, ``*.example.com`` for those below one; all if empty."""
    max_bytes: int = 256 * 1024 * 1024
    """Largest package."""
    redirects: int = 5
    """How often a server may send on."""
    connect_seconds: float = 10.0
    idle_seconds: float = 30.0
    """How long a server may send nothing."""
    total_seconds: float = 600.0
    """For one package."""


class NetworkSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """HTTP requests that the daemon makes for plugins which have the permission ``network``."""

    ca_file: str | None = None
    """Certificate authorities (PEM) that are trusted in place of the system's."""
    connect_seconds: Annotated[float, Meta(gt=0, le=3600)] = 10.0
    total_seconds: Annotated[float, Meta(gt=0, le=3600)] = 30.0
    """For one request; the deadline of the plugin's call counts besides."""
    response_bytes: Annotated[int, Meta(ge=0, le=11 * 1024 * 1024)] = 8 * 1024 * 1024
    """Largest body of an answer."""
    at_once: Annotated[int, Meta(ge=1, le=1000)] = 4
    """Requests of one plugin that are under way."""


class PackageSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where plugins are found by name."""

    folders: list[str] = []
    """Folders with packages and plugin folders; of the same version twice, the first counts."""


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be set."""

    socket: str | None = None
    """Path of the client socket; default as in `plugind_protocol.endpoint`."""
    data_dir: str | None = None
    cache_dir: str | None = None
    """Where compiled modules are kept; daemons may share it. Default: ``cache`` in the data folder."""
    cache_bytes: int = 1024**3
    """How large it may grow."""
    host: Literal["headless", "editor"] = "editor"
    project: str | None = None
    """Timeline that the headless host opens, an ``.otio`` file; without one it keeps an empty one in memory."""
    dialogs: str = "cancel"
    """How the headless host answers dialogs: ``cancel``, ``accept``, ``prompt``, or the path of a file with answers."""
    engine: EngineName = "wasmtime"
    """Of plugins whose manifest and user do not choose another."""
    sandbox: Literal["require", "degrade"] = "require" if sys.platform == "linux" else "degrade"
    """What happens where an essential layer of the sandbox is missing: no plugin runs, or it runs all the same."""
    isolation: Isolation = "dedicated"
    """A process for each plugin, or one for the plugins of each publisher."""
    isolation_of: dict[str, Isolation] = {}
    """The same for one plugin, by its id, or for one publisher, by its scope; the plugin's own counts first."""
    log_format: LogFormat = "console"
    exit_with_stdin: bool = False
    drain_seconds: float = 5.0
    storage_files: Annotated[int, Meta(ge=1)] = 32
    """Storage files of plugins that are open at once."""
    console_messages: int = 2000
    """How many console messages are kept, per plugin."""
    changes_kept: Annotated[int, Meta(ge=1, le=100_000)] = 1000
    """State changes that are kept for clients that were away."""
    capsule_frames: bool = False
    """Keep the frame beside the capsule of a failed effect."""
    capsule_redact: list[str] = []
    """Further keys whose values stay out of capsules, as shell patterns."""
    capsules: CapsuleSettings = CapsuleSettings()
    providers: ProviderSettings = ProviderSettings()
    wire: WireLimits = WireLimits()
    supervision: Supervision = Supervision()
    workers: WorkerSettings = WorkerSettings()
    engines: EngineSettings = EngineSettings()
    downloads: DownloadSettings = DownloadSettings()
    network: NetworkSettings = NetworkSettings()
    packages: PackageSettings = PackageSettings()
    plugin_config: dict[str, dict[str, str]] = {}
    """Configuration of plugins by their ids, for those that ask for it; counts before ``config`` of their manifests."""
    timeline_version: str | None = None
    """Version of Timeline Studio that plugins are checked against; default: what a connected editor says of itself."""
    limits: Limits = Limits(
        memory_bytes=256 * 1024 * 1024,
        cpu_seconds=None,
        call_timeout_ms=30_000,
        file_descriptors=256,
        storage_bytes=64 * 1024 * 1024,
        table_elements=100_000,
        message_bytes=framing.MAX_MESSAGE_BYTES,
        host_calls_per_second=2000,
        log_messages_per_second=1000,
    )
    """Limits of a plugin where neither its manifest nor the user says otherwise."""


def load(arguments: Mapping[str, Any], environ: Mapping[str, str]) -> Config:
    """Merge command line, environment and file into one `Config`.

    Args:
        arguments: Values given on the command line, by field name; ``config`` names a TOML file.
        environ: The process environment.

    Returns:
        The settings.

    Raises:
        ConfigError: The file cannot be read, or a value does not fit; the message names the key.
    """
    values: dict[str, Any] = {}
    given = {key: value for key, value in arguments.items() if value is not None}
    file = given.pop("config", None)
    if file is not None:
        values |= _read(Path(file))
    for key, variable in (("socket", "PLUGIND_SOCKET"), ("data_dir", "PLUGIND_DATA_DIR")):
        if environ.get(variable):
            values[key] = environ[variable]
    try:
        config = msgspec.convert(values | given, Config)
    except msgspec.ValidationError as exc:
        raise ConfigError(f"configuration: {exc}") from exc
    for plugin, found in config.plugin_config.items():
        if (size := len(msgspec.json.encode(found))) > MAX_CONFIG_BYTES:
            raise ConfigError(f"configuration: plugin_config of {plugin} has {size} bytes, over {MAX_CONFIG_BYTES}")
    return config


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise ConfigError(f"cannot read {path}: {exc}") from exc


def default_data_dir(environ: Mapping[str, str]) -> Path:
    """Where installed plugins, state and caches are kept, by the conventions of the system."""
    if sys.platform == "win32":
        return Path(environ.get("LOCALAPPDATA", str(Path.home()))) / "plugind"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "plugind"
    base = environ.get("XDG_DATA_HOME") or os.path.join(environ.get("HOME", "/"), ".local", "share")  # noqa: PTH118  # environ decides
    return Path(base) / "plugind"
