"""What is kept of installed plugins, as values; the tables that hold them are `plugind.registry.database`."""

import msgspec

from plugind_protocol.manifest import Limits


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One version of an installed plugin, with what the user has decided about the plugin."""

    plugin_id: str
    version: str
    package: str
    """Hash of the package in the store."""
    module_hash: str
    """SHA-256 of the module, hex."""
    abi: str
    enabled: bool
    granted: list[str]
    limits: Limits = Limits()
    """What the user has set."""
    number: int = 1
    """Counts up each time a version of the plugin becomes the current one."""
    source: str | None = None
    """Where it came from: a folder, a package or an address; None where that is not known."""
    installed_at: str | None = None
    """When it became current last; ISO 8601, UTC."""
    development: str | None = None
    """The folder that it is developed in; such a record is in no database."""
    quick: bool = False
    """Its module is compiled in a fraction of the time, to slower code; such a record is in no database either."""


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """An update that is in the store, and waits for the user since it asks for more."""

    record: Record
    """What it would become."""
    widens: list[str]
    """What it asks for that the user has not agreed to when it came."""
    agreed: list[str] = []
    """What they have agreed to since."""
    at: str
    """ISO 8601, UTC."""


class Quarantined(msgspec.Struct, frozen=True, kw_only=True):
    """A package that crashed too often."""

    plugin_id: str
    version: str
    package: str
    cause: str
    reason: str
    capsule: str | None = None
    """Id of its last crash capsule."""


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """What lies beside each package in the store: enough to know again what it is, should the database be lost.

    It says nothing of grants: one may have been revoked since, so that they are to be given anew.
    """

    plugin_id: str
    version: str
    package: str
    module_hash: str
    abi: str
    number: int
    source: str | None = None
    installed_at: str | None = None


def label(record: Record) -> Label:
    """Return what a package's label says."""
    return Label(**{name: getattr(record, name) for name in Label.__struct_fields__})


def from_label(found: Label) -> Record:
    """Return the record of a package of which only the label is left: without grants, limits or a decision."""
    return Record(**msgspec.structs.asdict(found), enabled=True, granted=[])
