"""What the daemon keeps on disk: opened as one at its start, closed as one at its end."""

import time
from pathlib import Path

import msgspec

from plugind.config import Config
from plugind.registry import recovery
from plugind.registry.capsules import CapsuleStore
from plugind.registry.database import Database
from plugind.registry.journal import Journal
from plugind.registry.ledger import Ledger
from plugind.registry.recovery import Recovered
from plugind.registry.store import PackageStore
from plugind.supervisor.artefacts import ArtefactCache


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept."""

    folder: Path
    """All but the artefacts lie in it."""
    packages: PackageStore
    database: Database
    recovered: Recovered | None
    """What was done about a database that could not be used."""
    journal: Journal
    ledger: Ledger
    capsules: CapsuleStore
    artefacts: ArtefactCache

    def close(self) -> None:
        """Close what is open, the database last."""
        self.artefacts.close()
        self.ledger.close()
        self.journal.close()
        self.database.close()


def open_kept(config: Config, folder: Path, *, artefacts: Path) -> Kept:
    """Open what is kept.

    Args:
        config: The settings.
        folder: The data folder, which this daemon has for itself.
        artefacts: Where compiled modules go.

    Raises:
        StartupError: The database cannot be opened.
    """
    cache = ArtefactCache(artefacts, max_bytes=config.cache_bytes)
    packages = PackageStore(folder)
    database, recovered = recovery.open_database(folder / "state.db", packages)
    return Kept(
        folder=folder,
        packages=packages,
        database=database,
        recovered=recovered,
        journal=Journal(folder / "journal.jsonl", kept=config.changes_kept),
        ledger=Ledger(folder / "ledger.db", now=time.time),
        capsules=CapsuleStore(folder / "capsules", config.capsules),
        artefacts=cache,
    )
