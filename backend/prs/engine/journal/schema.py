"""The journal's tables and the steps from each earlier schema to the newest."""

from __future__ import annotations

import sqlite3

from prs.errors import JournalError

# Each entry brings the schema from version index to index + 1; entries are never changed once released, but for
# what they do with a row that was damaged.
MIGRATIONS = (
    """
    CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
    INSERT INTO meta VALUES ('revision', '0');
    CREATE TABLE plans (
        id TEXT PRIMARY KEY, created REAL NOT NULL, user TEXT NOT NULL, policy TEXT NOT NULL, body TEXT NOT NULL);
    CREATE TABLE jobs (
        id TEXT PRIMARY KEY, plan TEXT NOT NULL REFERENCES plans (id), kind TEXT NOT NULL, node TEXT NOT NULL DEFAULT '',
        state TEXT NOT NULL, request TEXT NOT NULL DEFAULT '', user TEXT NOT NULL, origin TEXT NOT NULL,
        credential TEXT NOT NULL DEFAULT '', created REAL NOT NULL, started REAL NOT NULL DEFAULT 0,
        ended REAL NOT NULL DEFAULT 0, message TEXT NOT NULL DEFAULT '', revision INTEGER NOT NULL DEFAULT 0);
    CREATE INDEX jobs_by_state ON jobs (state);
    CREATE TABLE steps (
        job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE, seq INTEGER NOT NULL, vmid INTEGER NOT NULL, name TEXT NOT NULL,
        kind TEXT NOT NULL, source TEXT NOT NULL, target TEXT NOT NULL, running INTEGER NOT NULL, ha INTEGER NOT NULL,
        memory INTEGER NOT NULL, disk INTEGER NOT NULL, seconds REAL NOT NULL, round INTEGER NOT NULL, state TEXT NOT NULL,
        upid TEXT NOT NULL DEFAULT '', posted REAL NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0,
        started REAL NOT NULL DEFAULT 0, ended REAL NOT NULL DEFAULT 0, message TEXT NOT NULL DEFAULT '',
        done INTEGER NOT NULL DEFAULT 0, total INTEGER NOT NULL DEFAULT 0, speed REAL NOT NULL DEFAULT 0, seconds_left REAL,
        PRIMARY KEY (job, seq));
    """,
    """
    CREATE TABLE held (
        node TEXT PRIMARY KEY, job TEXT NOT NULL, user TEXT NOT NULL, since REAL NOT NULL, maintenance INTEGER NOT NULL DEFAULT 0);
    CREATE TABLE maintenance (
        job TEXT PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE, node TEXT NOT NULL, state TEXT NOT NULL,
        words TEXT NOT NULL DEFAULT '');
    """,
    """
    CREATE TABLE tours (
        id TEXT PRIMARY KEY, user TEXT NOT NULL, policy TEXT NOT NULL, state TEXT NOT NULL, created REAL NOT NULL,
        ended REAL NOT NULL DEFAULT 0, message TEXT NOT NULL DEFAULT '');
    CREATE TABLE stops (
        tour TEXT NOT NULL REFERENCES tours (id) ON DELETE CASCADE, seq INTEGER NOT NULL, node TEXT NOT NULL, state TEXT NOT NULL,
        job TEXT NOT NULL DEFAULT '', back TEXT NOT NULL DEFAULT '', uptime REAL NOT NULL DEFAULT 0, told REAL NOT NULL DEFAULT 0,
        message TEXT NOT NULL DEFAULT '', PRIMARY KEY (tour, seq));
    """,
    """
    ALTER TABLE held ADD COLUMN posted INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE ended_holds (node TEXT NOT NULL, job TEXT NOT NULL, PRIMARY KEY (node, job));
    """,
    """
    ALTER TABLE plans ADD COLUMN method TEXT NOT NULL DEFAULT '';
    ALTER TABLE plans ADD COLUMN summary TEXT NOT NULL DEFAULT '';
    UPDATE plans SET method = COALESCE(json_extract(body, '$.method'), ''), summary = COALESCE(json_extract(body, '$.summary'), '')
        WHERE json_valid(body);
    CREATE INDEX jobs_by_created ON jobs (created);
    CREATE INDEX jobs_by_user ON jobs (user, created);
    CREATE INDEX jobs_by_plan ON jobs (plan);
    CREATE INDEX plans_by_user ON plans (user, created);
    CREATE INDEX steps_by_vmid ON steps (vmid);
    CREATE INDEX steps_by_state ON steps (state);
    """,
    "ALTER TABLE steps ADD COLUMN storages TEXT NOT NULL DEFAULT '[]';",
    "ALTER TABLE stops ADD COLUMN hooks TEXT NOT NULL DEFAULT '[]';",
    """
    CREATE TABLE rides (
        job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE, vmid INTEGER NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL,
        node TEXT NOT NULL, state TEXT NOT NULL, upid TEXT NOT NULL DEFAULT '', posted REAL NOT NULL DEFAULT 0,
        message TEXT NOT NULL DEFAULT '', PRIMARY KEY (job, vmid));
    """,
    """
    CREATE INDEX jobs_by_ended ON jobs (ended);
    CREATE INDEX jobs_by_node ON jobs (node, created);
    CREATE INDEX plans_by_created ON plans (created);
    CREATE INDEX jobs_by_owner ON jobs (substr(user, 1, instr(user || '!', '!') - 1), created);
    """,
)


def upgrade(connection: sqlite3.Connection) -> None:
    """Bring an empty or older journal to the newest schema in one transaction; raise JournalError for a newer one."""
    version = _version(connection)
    if version > len(MIGRATIONS):
        raise JournalError(f"the journal has schema {version}, this version knows up to {len(MIGRATIONS)}; upgrade the package")
    if version == len(MIGRATIONS):
        return
    script = "".join(MIGRATIONS[version:])
    try:
        connection.executescript(f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {len(MIGRATIONS)}; COMMIT;")
    except sqlite3.Error as error:
        connection.rollback()
        if _version(connection) == len(MIGRATIONS):  # daemon and web service start together: the other one was faster
            return
        raise JournalError(f"the journal's schema cannot be upgraded from {version}: {error}") from error


def require_newest(connection: sqlite3.Connection) -> None:
    """Raise JournalError for any but the newest schema: whoever may only read cannot bring it there."""
    if (version := _version(connection)) != len(MIGRATIONS):
        words = "the service upgrades it at its start: systemctl restart proxmox-rebalancing-service"
        raise JournalError(f"the journal has schema {version}, this version reads {len(MIGRATIONS)}; {words}")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
