"""What a layer of the sandbox is: a name, when it is applied, whether it can be done without, and a function."""

import enum
from collections.abc import Callable, Sequence

import msgspec


class Stage(enum.IntEnum):
    """When a layer is applied; each stage takes away what the stages before it still needed."""

    ZYGOTE = 0
    """Once, in the zygote, before its first fork: children inherit it."""
    ENTRY = 1
    """First of all in the child."""
    ORDERED = 2
    """It is known what the child is for. Nothing of what it is to work on has been touched."""
    LOADED = 3
    """The module is loaded; there is one thread still. Nothing of a plugin's has run."""
    LAST = 4
    """Every thread that will ever be there is. Nothing of a plugin's has run."""


class Job(enum.Enum):
    """What a child is for."""

    LAUNCH = "launch"
    COMPILE = "compile"
    UNPACK = "unpack"


class Confinement(msgspec.Struct, frozen=True, kw_only=True):
    """What the layers need to know."""

    parent: int
    """Process that must be alive for this one to live."""
    descriptors: Sequence[int] = ()
    """Kept beside 0, 1 and 2, which lead nowhere."""
    job: Job = Job.LAUNCH
    data_bytes: int = 0
    """What the guest, or the compiler, may take beyond what the process itself needs."""
    cpu_seconds: int | None = None
    """Processor time of the whole process."""
    file_bytes: int = 0
    """Largest file that it may write."""
    file_descriptors: int | None = None
    """Descriptors that it may have."""
    late_code: bool = False
    """The engine makes code executable after the module is loaded."""
    empty_root: int | None = None
    """Descriptor of an empty file system."""


class Missing(Exception):  # noqa: N818  # a state of the system, not a fault
    """This system does not have the layer; the text is the reason."""


class Layer(msgspec.Struct, frozen=True):
    """One row of a table."""

    name: str
    stage: Stage
    apply: Callable[[Confinement], None]
    """Raises `Missing` or OSError where the layer cannot hold."""
    essential: bool = True
    """Whether the sandbox is incomplete without it."""
    jobs: frozenset[Job] = frozenset(Job)
    """The children that get it."""
    prepare: Callable[[Confinement], None] | None = None
    """What of it can be done before the fork, once for all children like this one; it confines nobody."""
