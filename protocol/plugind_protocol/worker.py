"""The private protocol between supervisor, zygote and workers: never seen by clients, never stable between versions.

Two Unix sockets make a worker's channel. *Messages* carries length-prefixed messages both ways; the worker's main
thread reads it. *Control* carries fixed-size orders from the supervisor, some with a descriptor (SCM_RIGHTS); a
thread of its own reads it, so that a guest that computes can be interrupted.

A message is a header (body length, kind, call number) and a body. Payloads of plugins are JSON bytes that neither
side decodes; everything around them is fixed binary or a msgspec struct.
"""

import enum
import struct
from typing import Final

import msgspec

HEADER: Final = struct.Struct("<IHxxI")
"""``u32 body length, u16 kind, 2 padding bytes, u32 call number``: 12 bytes."""
MAX_BODY_BYTES: Final = 16 * 1024 * 1024 + 64 * 1024
"""Largest body, in bytes: a client's largest message and its frame."""

MAX_FAULT_BYTES: Final = 2000
"""Largest body of FAULT."""

CONTROL: Final = struct.Struct("<HxxI")
"""``u16 order, u32 number``: 8 bytes."""

PROCESS: Final = struct.Struct("<IIIIq")
"""Head of a PROCESS body: ``u32 effect handle, window, input slot, output slot, i64 pts in µs``; then params JSON."""
PROCESSED: Final = struct.Struct("<II")
"""Body of PROCESSED: ``u32 the guest's return code, u32 time inside the guest in µs``."""
DROPPED: Final = struct.Struct("<I")
"""Body of DROPPED: ``u32`` how many."""
LAST_WORDS_BYTES: Final = 4096
"""How much is read of what a compiling child said before it ended without an answer."""
_NAME: Final = struct.Struct("<H")
_NAMED: Final = struct.Struct("<IHxxIH")
"""`HEADER`, and the length of the name that begins the body."""


class Kind(enum.IntEnum):
    """Kinds of messages."""

    # supervisor → worker
    CALL = 1
    """A name (`with_name`) and JSON params; answered by RESULT or ERROR."""
    HOOK = 2
    """Like CALL, for lifecycle hooks: remembered, and run again when a trap makes a fresh instance necessary."""
    PROCESS = 3
    """A frame; answered by PROCESSED or ERROR."""
    WINDOW_OPEN = 4
    """`Window`; its descriptor comes by `Order.WINDOW` on the control socket. Answered by RESULT or ERROR."""
    WINDOW_CLOSE = 5
    """`Window`; answered by RESULT or ERROR."""
    HOST_RESULT = 6
    """JSON answer to a HOST_CALL of the same call number."""
    HOST_ERROR = 7
    """JSON error object answering a HOST_CALL."""
    PING = 8
    """Answered by RESULT ``null`` between calls."""
    LIMITS = 9
    """`LiveLimits`; answered by RESULT ``null``."""
    PARK = 10
    """Nothing is to be done for a while: give back memory that is not needed; answered by RESULT ``null``."""

    # worker → supervisor
    READY = 32
    """`Ready`; the first message of a worker whose module is instantiated."""
    FAILED = 33
    """`plugind_protocol.errors.ErrorObject`: it could not start; the worker exits."""
    RESULT = 34
    """The JSON result of a call."""
    ERROR = 35
    """An ErrorObject: why a call failed."""
    PROCESSED = 36
    """`PROCESSED`."""
    HOST_CALL = 37
    """A host method's name (`with_name`) and JSON params, during the call of that number."""
    LOG = 38
    """One level byte (0 trace … 4 error), then UTF-8 text."""
    DROPPED = 39
    """`DROPPED`: so many messages more were not sent, since they were too many."""
    FAULT = 40
    """UTF-8 text, at most `MAX_FAULT_BYTES`: a fault of the worker's own, and where; the worker exits."""


class Order(enum.IntEnum):
    """Orders on the control socket."""

    INTERRUPT = 1
    """Stop the guest if the call of this number runs, or skip it when its turn comes; answered by ERROR."""
    WINDOW = 2
    """The descriptor of the window of this number is attached."""


class MissingLayer(msgspec.Struct, frozen=True):
    """A layer of the sandbox that this system does not have."""

    layer: str
    reason: str
    essential: bool
    """Whether the sandbox is incomplete without it."""


class Ready(msgspec.Struct):
    """What a worker says when it can take calls."""

    abi: str
    functions: list[str]
    """Callable exports, for the numeric ABI."""
    thread: int = 0
    """The system's number of the thread that runs the guest."""
    layers: list[str] = []
    """Names of the sandbox layers that hold in this worker."""


class Window(msgspec.Struct):
    """A window of frames, as the worker needs to know it."""

    window: int
    width: int
    height: int
    stride: int
    format: int
    slot_bytes: int
    slots: int


class LiveLimits(msgspec.Struct):
    """Limits that a running worker takes over."""

    memory_bytes: int
    """As in `Launch`."""
    log_messages_per_second: int
    """As in `Launch`."""


class Launch(msgspec.Struct):
    """What the zygote gets for a new worker; the descriptors follow: messages, control, artefact, its script if any."""

    plugin_id: str
    version: str
    engine: str
    abi: str
    memory_bytes: int
    """Cap of the guest's linear memory, frame windows not counted."""
    table_elements: int
    max_result_bytes: int
    """Largest result or host-call params copied out of the guest, in bytes."""
    log_messages_per_second: int = 1000
    """Console messages beyond this are dropped; as many again may come at once."""
    cpu_seconds: int | None = None
    """Processor time of the whole process."""
    file_descriptors: int | None = None
    """Descriptors of the whole process."""
    script: bool = False
    """The module runs scripts, and those of the plugin come as one more descriptor: a file as
    `plugind_protocol.package.script.pack` writes it."""
    config: dict[str, str] = {}
    """The plugin's configuration, for ABIs whose guests ask for it."""
    quick: bool = False
    """The artefact is of the engine's quick settings; not in a house."""


class House(msgspec.Struct):
    """What the zygote gets for a process that several plugins share; one descriptor follows: its *door*.

    The door is a SOCK_SEQPACKET socket. Each datagram from the supervisor is a `Join`, with the descriptors of its
    `Launch`; each from the process a `Left`. Closing it ends the process.
    """

    engine: str
    rooms: int
    """How many plugins it can run at once."""


class Join(msgspec.Struct):
    """A plugin for a shared process; that it runs, or why it does not, comes on its own *messages* socket."""

    number: int
    """Tells the plugins of a process apart; never used twice in one."""
    launch: Launch


OPENED: Final = 0
"""Number in a `Left` that is no plugin's: the shared process has set its limits, is confined, and takes plugins."""


class Left(msgspec.Struct):
    """A plugin of a shared process has ended, and nothing of it is left there."""

    number: int
    status: int
    """0, or 1 when it ended by a fault of ours, as an exit code would be."""


class Compile(msgspec.Struct):
    """What the zygote gets for a compiling child; the descriptors follow: messages, source, output (empty file).

    The child answers on *messages* with READY and a `Compiled` body, or FAILED, and exits. Where it ends without an
    answer, the output holds what the compiler said last, at most `LAST_WORDS_BYTES` of which are worth reading.
    """

    engine: str
    text: bool
    """The source is WebAssembly text."""
    memory_bytes: int
    """Private memory that the child may have, in bytes."""
    cpu_seconds: int
    """Processor time that it may take."""
    artefact_bytes: int
    """Largest artefact, in bytes."""
    quick: bool = False
    """By the engine's quick settings, where these can do it."""


class Compiled(msgspec.Struct, omit_defaults=True):
    """What compiling has found out about a module."""

    abi: str
    functions: list[str]
    quick: bool = False
    """The artefact is of the engine's quick settings."""


class Unpack(msgspec.Struct):
    """What the zygote gets for a child that unpacks a package; the descriptors follow: messages, package, output.

    The output is an empty file. The child writes the contents of the package's files into it, one after the other,
    answers on *messages* with READY and an `Unpacked` body, or FAILED, and exits. Where it ends without an answer, the
    output holds its last words, as with `Compile`.
    """

    engine: str
    """Of the zygote; unpacking needs none."""
    memory_bytes: int
    """Private memory that the child may have, in bytes."""
    cpu_seconds: int
    """Processor time that it may take."""
    output_bytes: int
    """All files together, in bytes."""


class UnpackedEntry(msgspec.Struct, array_like=True):
    """A file or a folder of a package."""

    path: str
    folder: bool
    size: int
    """Bytes of the output that are the file's, after those of the entries before."""


class Unpacked(msgspec.Struct):
    """What was in a package."""

    entries: list[UnpackedEntry]


class Spawn(msgspec.Struct):
    """One request to the zygote: exactly one of the four is set. Sent as one datagram with its descriptors."""

    number: int
    launch: Launch | None = None
    compile: Compile | None = None
    house: House | None = None
    unpack: Unpack | None = None
    degrade: bool = False
    """The child goes on where essential layers of the sandbox are missing."""


class Spawned(msgspec.Struct):
    """The zygote's answer to a Spawn, with a pidfd attached; ``pid`` 0 means that forking failed with ``error``."""

    number: int
    pid: int
    error: str = ""


class Exited(msgspec.Struct):
    """The zygote reaped a child."""

    pid: int
    status: int
    """As of ``os.waitstatus_to_exitcode``: the exit code, or minus the signal's number."""


class ZygoteReady(msgspec.Struct):
    """The zygote's first datagram."""

    engine: str
    engine_version: str
    settings: str
    """Fingerprint of engine and settings; compiled artefacts carry over only between equal ones."""
    quick_settings: str | None = None
    """The same of its quick settings; None where it has none."""
    layers: list[str] = []
    """The sandbox layers that hold in a worker on this machine: tried out, not assumed."""
    missing: list[MissingLayer] = []
    """Those that do not."""
    interruptible: bool = True
    """Whether `Order.INTERRUPT` stops a guest that runs; if not, only ending the worker does."""


class ZygoteMessage(msgspec.Struct, omit_defaults=True):
    """Every datagram from the zygote: exactly one field is set."""

    ready: ZygoteReady | None = None
    spawned: Spawned | None = None
    exited: Exited | None = None


def encode(kind: Kind, call: int, body: bytes = b"") -> bytes:
    """Frame one message.

    Args:
        kind: What it is.
        call: Number of the call it belongs to, 0 where there is none.
        body: At most `MAX_BODY_BYTES`.
    """
    return HEADER.pack(len(body), kind, call) + body


def encode_named(kind: Kind, call: int, name: bytes, payload: bytes) -> bytes:
    """Frame one message whose body is `with_name`, without making that first."""
    length = len(name)
    return b"".join((_NAMED.pack(2 + length + len(payload), kind, call, length), name, payload))


def with_name(name: bytes, payload: bytes) -> bytes:
    """Build the body of CALL, HOOK and HOST_CALL: a name (at most 65535 bytes) and a JSON text."""
    return _NAME.pack(len(name)) + name + payload


def split_name(body: bytes) -> tuple[bytes, bytes]:
    """Undo `with_name`.

    Raises:
        ValueError: The body is shorter than it says.
    """
    if len(body) < 2:
        raise ValueError("body too short for a name")
    end = 2 + _NAME.unpack_from(body)[0]
    if len(body) < end:
        raise ValueError("body shorter than its name")
    return body[2:end], body[end:]


class Decoder:
    """Splits a byte stream into messages.

    Args:
        max_body: Largest body accepted, in bytes.
    """

    __slots__ = ("_buffer", "_max")

    def __init__(self, *, max_body: int = MAX_BODY_BYTES) -> None:
        self._buffer = bytearray()
        self._max = max_body

    @property
    def mid_message(self) -> bool:
        """Whether a message has begun and not ended."""
        return bool(self._buffer)

    @property
    def missing(self) -> int:
        """How many bytes the message that has begun still needs; 0 where that is not known."""
        if len(self._buffer) < HEADER.size:
            return 0
        return int(HEADER.unpack_from(self._buffer)[0]) + HEADER.size - len(self._buffer)

    def feed(self, data: bytes) -> list[tuple[int, int, bytes]]:
        """Take bytes as they arrived and return ``(kind, call, body)`` of each whole message.

        Raises:
            ValueError: A body is announced that is larger than allowed.
        """
        buffer = self._buffer
        if not buffer and len(data) >= HEADER.size:  # the usual case: exactly one whole message, no copy of it
            length, kind, call = HEADER.unpack_from(data)
            if len(data) == HEADER.size + length and length <= self._max:
                return [(kind, call, data[HEADER.size :])]
        buffer += data
        out: list[tuple[int, int, bytes]] = []
        start, have = 0, len(buffer)
        while have - start >= HEADER.size:
            length, kind, call = HEADER.unpack_from(buffer, start)
            if length > self._max:
                raise ValueError(f"message of {length} bytes, over {self._max}")
            end = start + HEADER.size + length
            if have < end:
                break
            out.append((kind, call, bytes(buffer[start + HEADER.size : end])))
            start = end
        if start:
            del buffer[:start]
        return out
