"""The tables of the state file, as steps from one version to the next. A step that was released is never changed."""

from typing import Final

MIGRATIONS: Final[tuple[str, ...]] = (
    """
CREATE TABLE IF NOT EXISTS plugin (
    id TEXT PRIMARY KEY,
    record TEXT NOT NULL  -- JSON of `Record`
) STRICT;
CREATE TABLE IF NOT EXISTS earlier (  -- versions that were current once, newest last
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    version TEXT NOT NULL,
    record TEXT NOT NULL,  -- JSON of `Record`
    UNIQUE (id, version)
) STRICT;
CREATE TABLE IF NOT EXISTS quarantine (
    id TEXT NOT NULL,
    package TEXT NOT NULL,
    record TEXT NOT NULL,  -- JSON of `Quarantined`
    PRIMARY KEY (id, package)
) STRICT;
""",
    # Versions are kept by what they hold: two packages may call themselves 1.0.0.
    """
CREATE TABLE kept (  -- versions that were current once, newest last
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    package TEXT NOT NULL,
    record TEXT NOT NULL,  -- JSON of `Record`
    UNIQUE (id, package)
) STRICT;
INSERT OR REPLACE INTO kept (number, id, package, record)
    SELECT number, id, json_extract(record, '$.package'), record FROM earlier;
DROP TABLE earlier;
CREATE TABLE development (  -- folders that are to be watched again after a restart
    path TEXT PRIMARY KEY,
    grants TEXT NOT NULL  -- JSON
) STRICT;
""",
    """
CREATE TABLE held (  -- updates that wait for the user
    id TEXT PRIMARY KEY,
    package TEXT NOT NULL,
    record TEXT NOT NULL  -- JSON of `Held`
) STRICT;
""",
)
"""Step N leads to version N, which is SQLite's ``user_version``."""
