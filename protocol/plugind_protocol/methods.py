"""The method table: every method that clients call, with its params, result and path in one value each.

The daemon dispatches by it, the clients are typed by it, and OpenRPC and the JSON Schemas are generated from it. What
guests may call is in `plugind_protocol.host`.
"""

import enum
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from plugind_protocol.capsule import Capsule, CapsuleId, CapsuleInfo
from plugind_protocol.dependencies import (
    InstalledDependency,
    Lock,
    LockResult,
    Resolution,
    Resolve,
    Restore,
    RestoreResult,
)
from plugind_protocol.frames import PixelFormat
from plugind_protocol.headless import ChooseMenu, HeadlessSet, HeadlessState
from plugind_protocol.host.effects import EffectParameter
from plugind_protocol.host.events import EventEmitted, PublishEvent
from plugind_protocol.manifest import Limits
from plugind_protocol.presets import PresetName
from plugind_protocol.table import Empty, Method, Params, Path, Struct, table
from plugind_protocol.worker import MissingLayer


class State(enum.StrEnum):
    """A plugin's states, as the specification names them."""

    NOT_INSTALLED = "not_installed"
    DOWNLOADED = "downloaded"
    INSTALLING = "installing"
    INSTALLED = "installed"
    LOADING = "loading"
    LOADED = "loaded"
    ACTIVE = "active"
    ERROR = "error"
    UPDATING = "updating"


# --- shared values ----------------------------------------------------------------------------------------------


class PluginId(Params, frozen=True):
    """Params of the methods that name a plugin and nothing else."""

    plugin_id: str


class Permissions(Struct, frozen=True):
    """A plugin's permissions, in words."""

    requested: list[str]
    granted: list[str]
    preset: PresetName | None = None
    """The first preset that grants exactly this, if there is one."""


class PermissionUse(Struct, frozen=True, omit_defaults=False):
    """What one permission was used for by one host method."""

    permission: str
    method: str
    allowed: int
    denied: int
    first: str
    """ISO 8601, UTC."""
    last: str
    """ISO 8601, UTC."""
    details: list[str]
    """Files, hosts and the like, the most recent last; at most 20."""


class PermissionChange(Struct, frozen=True, omit_defaults=False):
    """One grant or revocation."""

    at: str
    """ISO 8601, UTC."""
    action: Literal["granted", "revoked"]
    permissions: list[str]
    by: str
    """The client that asked for it, by the name it gives itself."""


class PermissionLedger(Permissions, frozen=True, omit_defaults=False):
    """A plugin's permissions, what each was used for, and who granted or revoked what."""

    used: list[PermissionUse] = []
    changes: list[PermissionChange] = []
    """Oldest first; at most 200."""


class Quarantine(Struct, frozen=True):
    """Why a version is not started any more."""

    cause: str
    until: str | None
    """ISO 8601 time of its end; null means until released."""
    version: str
    capsule: str | None
    reason: str = ""
    """What happened last."""
    fallback: str | None = None
    """An earlier version that is kept and not in quarantine; `plugins.release` can switch to it."""


class HeldUpdate(Struct, frozen=True, omit_defaults=False):
    """An update that asks for more than its user knows of, and waits for them."""

    version: str
    permissions: list[str]
    """What it asks for that nobody has agreed to."""
    held_at: str
    """ISO 8601, UTC."""


Rest = Literal["parked", "ended"]
"""What was done to a worker that had nothing to do: ``parked``, it gave memory back; ``ended``, it is started again
when it is needed."""


class PluginInfo(Struct, frozen=True, omit_defaults=False):
    """What the daemon knows of an installed plugin."""

    plugin_id: str
    version: str
    state: State
    type: str
    pid: int | None
    """The worker's process, while there is one."""
    engine: str
    abi: str
    permissions: Permissions
    limits: Limits
    description: str = ""
    enabled: bool = True
    reason: str | None = None
    """Why it is in ``error``."""
    quarantine: Quarantine | msgspec.UnsetType = msgspec.UNSET
    shared_with: list[str] = []
    """Plugins that run in the same process; memory and processor time in ``daemon.metrics`` are then those of all."""
    source: str | None = None
    """Where this version came from: a folder, a package or an address."""
    development: str | None = None
    """The folder that it is developed in and that is watched, if it is."""
    held_update: HeldUpdate | msgspec.UnsetType = msgspec.UNSET
    """An update that waits for `plugins.acceptUpdate`, or for what it asks for to be granted."""
    rest: Rest | None = None
    """What its idle worker was made to do, until it is called again. The state stays as it is, and so does all that it
    has registered."""


# --- session ----------------------------------------------------------------------------------------------------

Namespace = Literal["timeline", "effects", "ui", "media"]
"""What a client may provide for plugins."""


class ClientInfo(Params, frozen=True):
    """Who connects."""

    name: str
    version: str = ""


class Project(Params, frozen=True):
    """What an editor has open."""

    path: str
    """Absolute path of its folder: what plugins reach as ``project/…``."""


class Initialize(Params, frozen=True):
    """Opens a session."""

    client: ClientInfo
    protocol_version: str = "1.0"
    provides: list[Namespace] = []
    """Host namespaces that this client answers for plugins."""
    project: Project | None = None
    """The project that it has open, if it has one; another ``initialize`` says that it has another."""


class DaemonInfo(Struct, frozen=True):
    """Name and version of the daemon."""

    name: str
    version: str


class SandboxInfo(Struct, frozen=True, omit_defaults=False):
    """What confines each worker on this machine."""

    layers: list[str]
    """Layers that hold: tried out when the engine was started."""
    missing: list[MissingLayer] = []
    """Layers that do not, each with the reason."""
    mode: Literal["require", "degrade"] = "require"
    """Whether workers are refused, or run all the same, where an essential layer is missing."""


class EngineInfo(Struct, frozen=True):
    """One wasm engine."""

    name: str
    version: str
    available: bool
    reason: str = ""
    """Why it is not available."""
    interpreter: str = ""
    """The Python that runs its workers, where it is available."""


class InitializeResult(Struct, frozen=True, omit_defaults=False):
    """What the daemon is and offers."""

    protocol_version: str
    daemon: DaemonInfo
    sandbox: SandboxInfo
    engines: list[EngineInfo]


class CancelRequest(Params, frozen=True):
    """Cancels a request of this connection; it is answered with -32800."""

    id: int | str


# --- daemon -----------------------------------------------------------------------------------------------------


class CacheInfo(Struct, frozen=True, omit_defaults=False):
    """The cache of compiled modules; counts are since the daemon's start."""

    bytes: int
    max_bytes: int
    artefacts: int
    """Compiled modules in it."""
    hits: int
    """Launches and installs that found what they needed."""
    misses: int
    """Those that compiled it."""
    evicted: int
    """Compiled modules given up to make room."""
    refused: int
    """Compiled modules that were damaged, or not made by this daemon; they are compiled again."""


class RecoveryInfo(Struct, frozen=True, omit_defaults=False):
    """What was done at the start about a state file that could not be used."""

    reason: str
    set_aside: str | None
    """Where the file is now; null where there was none."""
    plugins: list[str]
    """Plugins that were found again by their packages; their grants and limits are to be given anew."""


class LostPlugin(Struct, frozen=True, omit_defaults=False):
    """An installed plugin whose package cannot be read any more; installing it again brings it back."""

    plugin_id: str
    version: str
    reason: str


class StateInfo(Struct, frozen=True, omit_defaults=False):
    """How the daemon's state on disk is."""

    epoch: str
    """Of the numbers of state changes."""
    seq: int
    """Number of the last state change."""
    journal_fault: str | None = None
    """Why state changes are not written down at the moment, if they are not."""
    recovered: RecoveryInfo | None = None
    set_aside: list[str] = []
    """Damaged state files of this and earlier starts that are still there."""
    lost: list[LostPlugin] = []


class DaemonStatus(Struct, frozen=True, omit_defaults=False):
    """Health of the daemon."""

    daemon: DaemonInfo
    protocol_version: str
    pid: int
    uptime_seconds: float
    socket: str
    data_dir: str
    host: str
    clients: int
    plugins: dict[State, int]
    """How many plugins are in each state."""
    sandbox: SandboxInfo
    engines: list[EngineInfo]
    cache: CacheInfo
    providers: dict[str, ClientInfo | None] = {}
    """Who answers each host namespace; null for nobody."""
    state: StateInfo | None = None
    """How what outlives it is; always there from version 0.2 on."""


class PluginMetrics(Struct, frozen=True, omit_defaults=False):
    """Figures of one plugin since its installation or the daemon's start."""

    plugin_id: str
    state: State
    pid: int | None
    cpu_percent: float
    """Of one core, since the previous reading."""
    cpu_seconds: float
    memory_bytes: int
    """Private memory of its workers; 0 without one."""
    workers: int
    """That run now: more than one while frames of its parallel effects are shared out."""
    calls: int
    errors: int
    host_calls: int
    frames: int
    crashes: int
    """Workers lost."""
    traps: int
    p50_us: float
    """Median call latency of the last calls, in µs."""
    p99_us: float
    frame_us: float
    """Median time in the guest per frame of the last frames, in µs."""
    console_dropped: int
    rest: Rest | None = None
    """As in `PluginInfo`."""
    events: int = 0
    """Events that it was told of."""
    events_dropped: int = 0
    """Events that it was not told of: they came too fast, or its call failed."""


class DaemonMetrics(Struct, frozen=True, omit_defaults=False):
    """Figures of the daemon and each plugin."""

    plugins: list[PluginMetrics]
    memory_bytes: int
    cpu_seconds: float
    cache: CacheInfo
    prometheus: str
    """The same in the Prometheus text format."""


# --- plugins ----------------------------------------------------------------------------------------------------


class Install(Params, frozen=True):
    """Installs a plugin, or another version of an installed one."""

    source: str
    """A folder, a package, a ``file://`` or ``https://`` URL of a package, or ``id@range``."""
    grant: list[str] | Literal["requested", "minimal", "standard", "extended", "full"] = []
    """Permissions to grant; ``requested`` for all that the manifest asks for, a preset's name for its part of that."""
    allow_unsigned: bool = False
    """Take a package without a signature from where signed ones are expected; nowhere yet, so it changes nothing."""
    sha256: Annotated[str, Meta(pattern="^[0-9a-fA-F]{64}$")] | None = None
    """What the package has to be, hex; for packages only."""
    grant_dependencies: Literal["requested"] | None = None
    """Grant what dependencies that come with it ask for; by default they are granted nothing."""
    progress_token: int | str | None = None
    """Comes back in each ``$/progress``, which says how far the install is; none are sent without it."""


class InstallProgress(Struct, frozen=True):
    """How far an install is."""

    stage: Literal["downloading", "extracting", "compiling", "installing"]
    done: int | None = None
    """Bytes so far, while downloading."""
    total: int | None = None
    """Bytes in all, where that is known."""


class Progress(Struct, frozen=True):
    """Progress of a long request."""

    token: int | str
    """The request's ``progressToken``."""
    value: InstallProgress


class Uninstall(Params, frozen=True):
    """Removes a plugin."""

    plugin_id: str
    keep_data: bool = False
    """Keep its storage and its private folder, for when it is installed again."""
    force: bool = False
    """Remove it even if other installed plugins need it; those do not load then."""


class InstallResult(Struct, frozen=True, omit_defaults=False):
    """What was installed."""

    plugin_id: str
    version: str
    state: State
    requested_permissions: list[str]
    held_update: HeldUpdate | msgspec.UnsetType = msgspec.UNSET
    """Set where the source is an update that asks for more than was agreed to: it waits, and the rest is as before."""
    dependencies: list[InstalledDependency] = []
    """What was installed or updated before it, because it needs it."""


class Update(Params, frozen=True):
    """Updates a plugin."""

    plugin_id: str
    source: str | None = None
    """What to update to, of whatever version; default: the newest version where the plugin came from, or in the package
    folders of the configuration, if that is newer."""
    grant: list[str] | Literal["requested", "minimal", "standard", "extended", "full"] = []
    """Permissions to grant besides those it has."""


class UpdateResult(PluginInfo, frozen=True, omit_defaults=False):
    """The plugin after an update."""

    updated: bool = False
    """False where there was nothing newer, or nothing else."""
    previous: str = ""
    """The version before."""
    message: str = ""
    """What was done, or why nothing was."""


class Rollback(Params, frozen=True):
    """Goes back to a version that is kept."""

    plugin_id: str
    version: str | None = None
    """Which; default: the one that was current last and is not in quarantine."""


class KeptVersion(Struct, frozen=True, omit_defaults=False):
    """One version of a plugin that the daemon has."""

    version: str
    package: str
    """SHA-256 of what it holds; two packages may call themselves the same version."""
    current: bool
    installed_at: str | None
    """When it became current last; ISO 8601, UTC; null where that is not known."""
    source: str | None
    """Where it came from."""
    quarantine: str | None = None
    """Why it is in quarantine, if it is."""


class Versions(Struct, frozen=True, omit_defaults=False):
    """The versions of a plugin that the daemon has."""

    plugin_id: str
    current: str
    versions: list[KeptVersion]
    """The current one first, then those before it, the latest first."""


class LoadDevelopment(Params, frozen=True):
    """Loads a plugin from the folder that it is developed in, and again whenever something there changes."""

    path: str
    grant: list[str] | Literal["requested", "minimal", "standard", "extended", "full"] = "requested"
    """Permissions to grant; default: all that the manifest asks for, also after it changes."""
    remember: bool = False
    """Watch the folder again after the daemon's restart, until the plugin is uninstalled."""
    optimize: bool = False
    """Compile its module as that of an installed plugin is: it takes several times as long, and runs faster."""


class ChangesSince(Params, frozen=True):
    """Asks for the state changes that a client has missed."""

    since: int | None = None
    """Number of the last change it knows; without it, it knows nothing."""
    epoch: str | None = None
    """The epoch of that number; default: the current one."""


class Call(Params, frozen=True):
    """Calls a function of a plugin; loads it on demand."""

    plugin_id: str
    function: str
    args: msgspec.Raw = msgspec.field(default_factory=lambda: msgspec.Raw(b"null"))
    """Any JSON value; handed to the plugin as it is."""
    timeout_ms: int | None = None
    """Deadline in ms, 1 … 3 600 000; default 30 000 or the plugin's limit."""


class LimitChanges(Limits, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits to change; a misspelt name is an error."""


class SetResourceLimits(Params, frozen=True):
    """Changes limits of a plugin, for its running worker too."""

    plugin_id: str
    limits: LimitChanges
    """Those that are to change; the others stay."""


class Release(Params, frozen=True):
    """Ends a quarantine."""

    plugin_id: str
    fallback: bool = False
    """Switch to the earlier version that the quarantine names, and leave this one in quarantine."""


class Grant(Params, frozen=True):
    """Grants or revokes permissions."""

    plugin_id: str
    permissions: list[str]


class ApplyPreset(Params, frozen=True):
    """Sets a plugin's permissions to a preset."""

    plugin_id: str
    preset: PresetName


class AcceptUpdate(Params, frozen=True):
    """Takes a held update."""

    plugin_id: str
    grant: list[str] | Literal["requested", "minimal", "standard", "extended", "full"] = []
    """Permissions to grant with it, besides those it has; it may be taken without them."""


class UpdateHeld(HeldUpdate, frozen=True, omit_defaults=False):
    """An update of a plugin is held."""

    plugin_id: str


class PresetInfo(Struct, frozen=True, omit_defaults=False):
    """One preset of permissions."""

    name: PresetName
    summary: str
    """What a plugin can do with it."""
    permissions: list[str]
    """Names that it covers; a plugin gets those that its manifest asks for, in the scope it asks for."""


# --- effects and frames -----------------------------------------------------------------------------------------


class Effect(Struct, frozen=True, omit_defaults=False):
    """One effect that a plugin offers."""

    plugin_id: str
    effect_id: str
    name: str
    category: str
    parameters: list[EffectParameter]
    parallel: bool = False
    """Whether its frames may be run by several workers at once."""


class EffectsList(Params, frozen=True):
    """Lists the effects of active plugins; of one plugin, which is activated on demand."""

    plugin_id: str | None = None


class FramesOpen(Params, frozen=True):
    """Opens a window of frames shared with one plugin."""

    plugin_id: str
    width: int
    """Pixels, 16 … 7680."""
    height: int
    """Pixels, 16 … 4320."""
    format: Literal["RGBA8", "RGBA16F", "RGBA32F", "YUV420P8"] = "RGBA8"
    slots: int = 2
    """How many frames the window holds, 1 … 64."""


class FrameWindow(Struct, frozen=True, omit_defaults=False):
    """An open window; it belongs to the connection that opened it and closes with it."""

    window_id: int
    path: str
    """The shared file: map it and write frames at the offsets."""
    offsets: list[int]
    """Byte offset of each slot."""
    width: int
    height: int
    format: str
    stride: int
    """Bytes from row to row."""
    slot_bytes: int


class FramesClose(Params, frozen=True):
    """Closes a window and removes its file."""

    window_id: int


class FrameRef(Params, frozen=True):
    """Which slots of which window to work on."""

    window_id: int
    input: int = 0
    """Slot with the input frame."""
    output: int | None = None
    """Slot for the result; default: in place."""
    pts_us: Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)] = 0
    """Presentation time in µs; 64 bits, as the guest gets it."""
    width: int | None = None
    """If given, must be the window's width."""
    height: int | None = None
    """If given, must be the window's height."""


class Process(Params, frozen=True):
    """Runs an effect on one frame."""

    plugin_id: str
    effect_id: str
    frame: FrameRef
    params: msgspec.Raw = msgspec.field(default_factory=lambda: msgspec.Raw(b"{}"))
    """Values of the effect's parameters, by name."""
    deadline_ms: int | None = None
    """Deadline in ms; default as for calls."""
    fallback: Literal["bypass", "lastGood", "fail"] = "fail"
    """What happens where the plugin fails or is late: the output gets the input as it is, or the effect's last good
    frame of this window (the input where there is none), or the request fails."""


class Degraded(Struct, frozen=True, omit_defaults=False):
    """What the plugin did not make was put into the output by its fallback."""

    fallback: Literal["bypass", "lastGood"]
    """What the output holds."""
    kind: str
    """Kind of the error that there would have been, such as ``Timeout``."""
    cause: str | None
    """Its cause, where it has one: one of ``timeout memory trap crash protocol limit``."""
    message: str
    """Its message."""
    capsule: str | None
    """Id of the crash capsule, where one is written."""


class ProcessResult(Struct, frozen=True, omit_defaults=False):
    """The frame is done."""

    output: int
    """Slot that holds the result."""
    guest_us: int
    """Time inside the guest, in µs; 0 where the fallback was used."""
    degraded: Degraded | msgspec.UnsetType = msgspec.UNSET
    """Set where the fallback was used."""


# --- console ----------------------------------------------------------------------------------------------------

Level = Literal["trace", "debug", "info", "warn", "error"]


class ConsoleGet(Params, frozen=True):
    """Reads the console."""

    plugin_id: str | None = None
    since: int = 0
    """Only messages after this sequence number."""


class ConsoleMessage(Struct, frozen=True, omit_defaults=False):
    """One line of a plugin's log; control characters are escaped."""

    seq: int
    plugin_id: str
    level: Level
    message: str
    at: str
    """ISO 8601, UTC."""


class ConsoleMessages(Struct, frozen=True, omit_defaults=False):
    """A part of the console."""

    messages: list[ConsoleMessage]
    dropped: int
    """Messages lost to the console's bound or to rate limits since the daemon's start."""


class ConsoleClear(Params, frozen=True):
    """Empties the console of one plugin or of all."""

    plugin_id: str | None = None


# --- capsules ---------------------------------------------------------------------------------------------------


class CapsulesList(Params, frozen=True):
    """Lists crash capsules."""

    plugin_id: str | None = None


class CapsulesGet(Params, frozen=True):
    """Reads one capsule."""

    id: CapsuleId


class CapsuleFile(Struct, frozen=True, omit_defaults=False):
    """A capsule and where its parts lie."""

    capsule: Capsule
    path: str
    frame: str | None
    """File with the input frame, if it was kept."""
    package: str | None
    """Folder of the package that failed, if it is still there: it can be installed from."""


# --- notifications ----------------------------------------------------------------------------------------------


class StateChanged(Struct, frozen=True, omit_defaults=False):
    """A plugin went from one state to another."""

    plugin_id: str
    from_: State = msgspec.field(name="from")
    to: State
    reason: str | None
    at: str
    """ISO 8601, UTC."""
    seq: int
    """Counts up by one with every notification of this kind, over restarts of the daemon too."""
    version: str | None = None
    """The version that is meant: in ``updating`` the one to come, where that is known."""


class Changes(Struct, frozen=True, omit_defaults=False):
    """State changes that a client has missed; where they are not known any more, the state of everything."""

    epoch: str
    """Which sequence of numbers this is; it is another one where the daemon lost its journal."""
    seq: int
    """Number of the last change that is included."""
    complete: bool
    """Whether ``changes`` has all that happened; if not, ``plugins`` replaces all that the client knows."""
    changes: list[StateChanged]
    """Oldest first."""
    plugins: list[PluginInfo] | None = None
    """All installed plugins as they are now, where the changes are not complete."""


class ResourceWarning(Struct, frozen=True, omit_defaults=False):  # noqa: A001  # the contract's name
    """A plugin has used four fifths of what it may use."""

    plugin_id: str
    resource: Literal["memoryBytes", "cpuSeconds", "storageBytes"]
    used: float
    limit: float
    at: str
    """ISO 8601, UTC."""


class HostChanged(Struct, frozen=True, omit_defaults=False):
    """Who answers a host namespace changed."""

    namespace: Namespace
    provider: ClientInfo | None
    """The client that answers now; null for nobody."""
    reason: str
    """Why, in words."""


class EffectsChanged(Struct, frozen=True, omit_defaults=False):
    """The effects a plugin offers changed."""

    plugin_id: str
    effects: list[str]


# --- the table --------------------------------------------------------------------------------------------------


METHODS: Final = table(
    Method("initialize", Initialize, InitializeResult, "Open a session and say what this client provides."),
    Method("rpc.discover", Empty, dict[str, Any], "Describe every method, as OpenRPC 1.3."),
    Method("daemon.status", Empty, DaemonStatus, "Health of the daemon."),
    Method("daemon.metrics", Empty, DaemonMetrics, "Figures of the daemon and each plugin."),
    Method("daemon.shutdown", Empty, None, "Stop the daemon gracefully."),
    Method("plugins.install", Install, InstallResult, "Install a plugin, or another version of an installed one."),
    Method("plugins.uninstall", Uninstall, PluginInfo, "Stop and remove a plugin, and what it keeps."),
    Method("plugins.load", PluginId, PluginInfo, "Start the plugin's worker and load its module."),
    Method("plugins.unload", PluginId, PluginInfo, "Stop the plugin's worker."),
    Method("plugins.activate", PluginId, PluginInfo, "Activate: run lifecycle.activate and main."),
    Method("plugins.deactivate", PluginId, PluginInfo, "Deactivate; the plugin stays loaded."),
    Method("plugins.enable", PluginId, PluginInfo, "Allow the plugin to be loaded."),
    Method("plugins.disable", PluginId, PluginInfo, "Unload the plugin and do not load it on demand."),
    Method("plugins.reload", PluginId, PluginInfo, "Replace the worker, or take what has changed in development."),
    Method("plugins.release", Release, PluginInfo, "End a quarantine, or switch to an earlier version."),
    Method("plugins.list", Empty, list[PluginInfo], "All installed plugins."),
    Method("plugins.get", PluginId, PluginInfo, "One installed plugin."),
    Method("plugins.getState", PluginId, State, "The state of a plugin; not_installed for an unknown one."),
    Method("plugins.call", Call, Any, "Call a function of a plugin.", Path.HOT),
    Method("plugins.grant", Grant, Permissions, "Grant permissions that the manifest requests."),
    Method("plugins.revoke", Grant, Permissions, "Revoke permissions, at once."),
    Method("plugins.getPermissions", PluginId, PermissionLedger, "What a plugin may do, and what it did with it."),
    Method("plugins.applyPreset", ApplyPreset, Permissions, "Grant exactly what a preset covers of what is requested."),
    Method("plugins.acceptUpdate", AcceptUpdate, PluginInfo, "Take an update that is held since it asks for more."),
    Method("plugins.rejectUpdate", PluginId, PluginInfo, "Drop an update that is held; the plugin stays as it is."),
    Method("plugins.listPresets", Empty, list[PresetInfo], "The presets of permissions."),
    Method("plugins.setResourceLimits", SetResourceLimits, Limits, "Change a plugin's limits, at once."),
    Method("plugins.getResourceLimits", PluginId, Limits, "The limits in force."),
    Method("plugins.update", Update, UpdateResult, "Update to the newest version there is, or to a given one."),
    Method("plugins.versions", PluginId, Versions, "The versions of a plugin that are kept."),
    Method("plugins.rollback", Rollback, PluginInfo, "Go back to a version that is kept."),
    Method("plugins.loadDevelopment", LoadDevelopment, PluginInfo, "Load from a folder, and again when it changes."),
    Method("plugins.changes", ChangesSince, Changes, "State changes that a client has missed."),
    Method(
        "plugins.resolve", Resolve, Resolution, "What installing a plugin would bring with it, or why it cannot be."
    ),
    Method("plugins.lock", Lock, LockResult, "Write down exactly which plugins are installed."),
    Method("plugins.restore", Restore, RestoreResult, "Bring back exactly what was locked, or change nothing."),
    Method("effects.list", EffectsList, list[Effect], "The effects that plugins offer."),
    Method("effects.process", Process, ProcessResult, "Run an effect on one frame of a window.", Path.HOT),
    Method("frames.open", FramesOpen, FrameWindow, "Open a window of frames shared with one plugin."),
    Method("frames.close", FramesClose, None, "Close a window."),
    Method("console.get", ConsoleGet, ConsoleMessages, "What plugins have logged."),
    Method("console.clear", ConsoleClear, None, "Empty the console."),
    Method("capsules.list", CapsulesList, list[CapsuleInfo], "Crash capsules, newest first."),
    Method("capsules.get", CapsulesGet, CapsuleFile, "Read one crash capsule."),
    Method("events.publish", PublishEvent, None, "Tell plugins something, as the editor."),
    Method("headless.state", Empty, HeadlessState, "What the headless host has."),
    Method("headless.set", HeadlessSet, None, "Move the headless host's playhead, or select clips."),
    Method("headless.chooseMenu", ChooseMenu, None, "Choose a menu item of the headless host."),
    Method("headless.reload", Empty, None, "Let the headless host read its project file again."),
)
"""What clients may call."""

NOTIFICATIONS: Final = table(
    Method("plugins.stateChanged", StateChanged, None, "A plugin went from one state to another."),
    Method("plugins.updateHeld", UpdateHeld, None, "An update asks for more than before, and waits for the user."),
    Method("plugins.resourceWarning", ResourceWarning, None, "A plugin comes near one of its limits."),
    Method("plugins.console", ConsoleMessage, None, "A plugin logged something."),
    Method("effects.changed", EffectsChanged, None, "The effects a plugin offers changed."),
    Method("host.changed", HostChanged, None, "Somebody else, or nobody, answers a namespace for plugins now."),
    Method("events.emitted", EventEmitted, None, "A plugin emitted an event."),
    Method("$/progress", Progress, None, "Progress of a request that has a progressToken: plugins.install."),
)
"""What the daemon tells its clients."""

CLIENT_NOTIFICATIONS: Final = table(
    Method("$/cancelRequest", CancelRequest, None, "Cancel a request of this connection."),
)
"""What clients may tell the daemon."""

PIXEL_FORMATS: Final = {member.name: member for member in PixelFormat}
