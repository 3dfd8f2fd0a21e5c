"""The list of attacks that plugind must survive, each with what has to be seen. Tests say which rows they show.

A test shows a row by ``@pytest.mark.threat(SECTION, ATTACK)``, wherever in the suite it stands; ``make hostile`` runs
all of them, and a row that no test shows fails it.
"""

from typing import Final, NamedTuple

ENGINES: Final = ("wasmtime", "wasmer")
"""What rows are shown on that an engine has a part in; the first one is the default."""
Key = tuple[str, str]


class Row(NamedTuple):
    """One attack."""

    section: str
    attack: str
    outcome: str
    engines: bool = False
    """Whether an engine has a part in it: it is shown on each."""
    on_wasmer: str = ""
    """What has to be seen on wasmer, where that is something else: it has no epochs and no limiter."""
    by_root: bool = False
    """Whether only root can show it, who can become somebody else."""

    def outcome_on(self, engine: str) -> str:
        """What has to be seen on an engine."""
        return self.on_wasmer if engine == "wasmer" and self.on_wasmer else self.outcome

    @property
    def key(self) -> Key:
        """What a test names."""
        return self.section, self.attack


def _section(name: str, rows: dict[str, str], *, engines: bool = False) -> list[Row]:
    return [
        Row(name, attack, outcome, engines, _ON_WASMER.get(attack, ""), attack in _BY_ROOT)
        for attack, outcome in rows.items()
    ]


_ON_WASMER: Final = {
    "infinite loop in a call": "Timeout at the deadline, by the watchdog: the worker is killed and replaced",
    "infinite loop in bulk memory operations": "Timeout at the deadline; the worker is killed and replaced",
    "memory and table bombs": "-1 at the cap by the fence of its pages, MemoryLimit while loading",
}
"""By attack: where wasmer's outcome is another one. `tests.conformance.differences` says why."""
_BY_ROOT: Final = frozenset({"another local user"})
"""Attacks that only root can try."""


ROWS: Final[tuple[Row, ...]] = (
    *_section(
        "Guest",
        {
            "infinite loop in a call": "Timeout at the deadline, by the engine's interrupt; the worker lives",
            "infinite loop in the start function": "Timeout while loading; nothing is left running",
            "infinite loop in bulk memory operations": "Timeout at the deadline; the worker lives",
            "worker that no longer listens": "Timeout, and SIGKILL by deadline + 1 s",
            "state after a trap": "a fresh instance, its hooks run again",
            "memory and table bombs": "-1 at the cap while running, MemoryLimit while loading",
            "recursion, unreachable, division, out of bounds": "Trap with the guest's stack; the next call works",
            "compile bomb": "PackageInvalid, before it is compiled or at a limit of the compiling child",
            "invalid module, or a proposal that is off": "refused at install with the reason, nothing written",
            "import outside the list": "UnsupportedAbi naming it",
            "lying pointers, lengths and texts": "a typed error, no copy above the cap; the next call works",
            "host-call flood": "held to its rate; others are served",
            "log flood": "held to its rate, what is dropped is counted; others are served",
            "worker that breaks its protocol": "WorkerCrashed with cause `protocol`, killed, counted; the daemon lives",
            "escape from inside a worker": "each system call denied; no environment, no descriptor but its channel",
            "generated modules": "each call is a result or a typed error; the daemon and a bystander live",
        },
        engines=True,
    ),
    *_section(
        "Scripts",
        {
            "script that does not end": "Timeout at the deadline: loops, microtasks, timers, patterns; fresh instance",
            "script that allocates without end": "MemoryLimit or PluginError at its cap; the next call works",
            "script that recurses": "PluginError with the line of the script; the next call works",
            "script that fails in odd ways": "PluginError: of promises, timers, what is no error; the next call works",
            "module from outside the package": "PluginError naming the import; nothing outside is read",
            "prototypes tampered with": "at worst its own calls fail; a neighbour and a fresh instance are untouched",
        },
    ),
    *_section(
        "Extism",
        {
            "offsets and lengths that lie": "Trap naming the function; nothing beyond the instance's memory is read",
            "blocks, variables and output without end": "a typed error at its limit; the next call works",
            "import that is not there": "UnsupportedAbi naming it",
            "HTTP without permission": "PermissionDenied naming it; nothing is asked",
        },
    ),
    *_section(
        "Network",
        {
            "address that is no host's name": "refused: names of the Internet lead to no machine of this network",
            "request that smuggles another": "refused: headers that frame messages are the daemon's; nothing is sent",
            "server that never ends or lies": "a typed error, at a bound of bytes or time",
            "request flood": "Overloaded beyond a count per plugin; what is under way ends with its call",
            "server that is somebody else": "refused: no TLS, no trusted certificate",
        },
    ),
    *_section(
        "Supervision",
        {
            "worker killed by a signal": "its calls WorkerCrashed naming the signal; replaced; others unaffected",
            "worker stopped": "Timeout, then killed and replaced",
            "worker out of memory": "a typed error for its calls; others unaffected",
            "crash loop": "quarantine of that version, which outlives a daemon restart",
            "zygote killed": "its workers end with it, a new one takes over",
            "daemon killed with -9": "no process outlives it; the next one takes over with all that was acknowledged",
        },
        engines=True,
    ),
    *_section(
        "Supervision",
        {
            "stale or foreign socket path": "stale: taken over; a live one or anything else: left alone, refused",
            "clock jumps of ten years": "nothing: deadlines, restarts and files go on",
            "64 descriptors": "accepting pauses without spinning, and recovers",
            "disk full": "a typed error, or a clean error at start; old data whole",
            "read-only data folder": "a typed error, or a clean error at start; old data whole",
            "kernel without Landlock or seccomp": "refused, or degraded and said so, as configured",
        },
    ),
    *_section(
        "State",
        {
            "SIGKILL at each step of what is written": "old or new, whole; what was acknowledged is there",
            "loss of power": "the same, with what was written and not synced lost",
        },
    ),
    *_section(
        "Wire",
        {
            "bad JSON": "a typed error, the connection goes on",
            "bad framing": "an error, then closed",
            "huge announced sizes": "refused or awaited; nothing allocated ahead",
            "slow, silent and half-open clients": "only that client is closed, none waits for it",
            "clients that never read": "not read from either, then closed; memory bounded",
            "clients that come, go and send garbage": "nothing is left of them; others are served",
            "10 000 pipelined requests": "each answered or Overloaded",
            "id in use, batches of all kinds": "as JSON-RPC 2.0 says; bounded",
            "another local user": "no access",
        },
    ),
    *_section(
        "Packages",
        {
            "names that lead elsewhere": "PackageInvalid naming the entry; nothing outside staging, nothing left in it",
            "names that are another file elsewhere": "the same: devices, unseen characters, too long, other forms",
            "two names for one file": "the same: twice, in another case or form, a file that is a folder",
            "entries that overlap or hide": "the same: every byte of a package is accounted for",
            "a directory that lies": "the same: headers, directory and data say one thing",
            "what is not plain files": "the same: encrypted, links, devices, set-user-id, what nobody named",
            "bombs": "PackageInvalid at a bound; others are served",
            "damaged packages": "the same contents, or PackageInvalid; nothing else, and nothing left",
        },
    ),
    *_section(
        "Files",
        {
            "paths that say more than names": "`..`, absolute, empty, NUL, backslash, too long: refused unseen",
            "links in the way": "refused, wherever they lead",
            "folders and links that change places meanwhile": "no open leads out, by openat2 and by the walk",
            "pipes, devices and sockets": "refused; nothing waits, nothing is written to them",
            "rights at the destination": "what is read-only, linked or no file is not replaced, appended to or removed",
            "more than a plugin may keep": "TooLarge, nothing is changed; the user is warned before",
            "killed while files and values are written": "old or new; what was acknowledged is there",
            "damaged storage": "set aside and said so; the plugin starts with nothing",
            "contents in logs, errors and capsules": "none of them: not of files, values or events",
        },
    ),
    *_section(
        "Media",
        {
            "damaged media files": "described, or refused in words; what breaks the decoder costs the decoder alone",
            "media bombs": "refused, or done within the decoder's bounds; the host's own memory does not grow",
            "escape from the decoder": "each system call denied; no file, network or process",
        },
    ),
    *_section(
        "Events",
        {
            "event flood": "the oldest are dropped and counted; others are served",
            "events that answer each other": "end at the limit of hops; others are served",
            "events in another's name": "cannot be told: names carry the plugin's id, the editor's have none",
        },
    ),
    *_section(
        "Fuzzing",
        {
            "framing": "messages, or an error of the contract",
            "envelopes": "a message, or an error of the contract",
            "manifests": "a manifest, or ManifestInvalid with its path",
            "packages": "files that every reader of zips finds alike, or PackageInvalid",
            "worker messages, read by the daemon": "all calls answered, or the worker given up",
            "worker messages, read by a worker": "answered, or the worker ends; never anything else",
        },
    ),
)

BY_KEY: Final[dict[Key, Row]] = {row.key: row for row in ROWS}
