"""What the guard must not forget: bans and what proves them, failures, successes, its place in the log."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from firewall.log_tail import Position

EVIDENCE_LINES = 100
"""Log lines kept for one ban or one source: what a person reads; a flood's worth would only fill the disk."""
LONGEST_EVIDENCE = 2000
MOST_FAILURES = 1_000_000
SCHEMA = """
CREATE TABLE IF NOT EXISTS place (id INTEGER PRIMARY KEY CHECK (id = 1), inode INTEGER, position INTEGER, mark BLOB);
CREATE TABLE IF NOT EXISTS bans (
    source TEXT PRIMARY KEY, since REAL NOT NULL, until REAL NOT NULL, failures INTEGER NOT NULL,
    origin TEXT NOT NULL, reason TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS failures (
    id INTEGER PRIMARY KEY, source TEXT NOT NULL, at REAL NOT NULL, service TEXT NOT NULL, transport TEXT NOT NULL,
    account TEXT NOT NULL, event TEXT NOT NULL, line TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS failures_by_source ON failures (source, at);
CREATE TABLE IF NOT EXISTS successes (
    source TEXT NOT NULL, account TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (source, account)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS never_ban (network TEXT PRIMARY KEY, note TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS fleet (network TEXT PRIMARY KEY) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Ban:
    """One ban; ``origin`` is ``log``, ``operator`` or ``fleet``, times are seconds since 1970."""

    source: str
    since: float
    until: float
    failures: int
    origin: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """One counted attempt, with the log line that shows it."""

    source: str
    at: float
    service: str
    transport: str
    account: str
    event: str
    line: str


class GuardState:
    """SQLite in WAL mode, one writer. What is written inside one ``change`` is there whole or not at all."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(SCHEMA)

    @contextmanager
    def change(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def place(self) -> Position | None:
        row = self._db.execute("SELECT inode, position, mark FROM place").fetchone()
        return Position(*row) if row else None

    def set_place(self, place: Position) -> None:
        self._db.execute("INSERT OR REPLACE INTO place VALUES (1, ?, ?, ?)", tuple(place))

    def bans(self, now: float) -> list[Ban]:
        """The bans in force, the latest first."""
        rows = self._db.execute(
            "SELECT source, since, until, failures, origin, reason FROM bans WHERE until > ? ORDER BY since DESC",
            (now,),
        )
        return [Ban(*row) for row in rows]

    def ban_of(self, source: str, now: float) -> Ban | None:
        row = self._db.execute(
            "SELECT source, since, until, failures, origin, reason FROM bans WHERE source = ? AND until > ?",
            (source, now),
        ).fetchone()
        return Ban(*row) if row else None

    def settled(self, now: float) -> dict[str, float]:
        """Until when a source's failures have led to a ban or been forgiven with one."""
        return dict(self._db.execute("SELECT source, CASE WHEN until > ? THEN since ELSE until END FROM bans", (now,)))

    def put_ban(self, ban: Ban) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO bans VALUES (?, ?, ?, ?, ?, ?)",
            (ban.source, ban.since, ban.until, ban.failures, ban.origin, ban.reason),
        )

    def end_ban(self, source: str, now: float) -> None:
        self._db.execute("UPDATE bans SET until = ? WHERE source = ?", (now, source))

    def add_failures(self, failures: Iterable[Failure]) -> None:
        self._db.executemany(
            "INSERT INTO failures (source, at, service, transport, account, event, line) VALUES (?, ?, ?, ?, ?, ?, ?)",
            ((f.source, f.at, f.service, f.transport, f.account, f.event, f.line[:LONGEST_EVIDENCE]) for f in failures),
        )

    def failures_of(self, source: str) -> list[Failure]:
        """The latest failures of a source, the latest first."""
        rows = self._db.execute(
            "SELECT source, at, service, transport, account, event, line FROM failures WHERE source = ? "
            "ORDER BY at DESC, id DESC LIMIT ?",
            (source, EVIDENCE_LINES),
        )
        return [Failure(*row) for row in rows]

    def failures_since(self, since: float) -> Iterator[Failure]:
        """All failures after a time, in the order in which they were counted."""
        rows = self._db.execute(
            "SELECT source, at, service, transport, account, event, '' FROM failures WHERE at > ? ORDER BY id", (since,)
        )
        return (Failure(*row) for row in rows)

    def put_successes(self, successes: Iterable[tuple[str, str, float]]) -> None:
        self._db.executemany("INSERT OR REPLACE INTO successes VALUES (?, ?, ?)", successes)

    def successes_since(self, since: float) -> list[tuple[str, str, float]]:
        return list(self._db.execute("SELECT source, account, at FROM successes WHERE at > ? ORDER BY at", (since,)))

    def never_ban(self) -> list[tuple[str, str]]:
        return list(self._db.execute("SELECT network, note FROM never_ban ORDER BY network"))

    def put_never_ban(self, network: str, note: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO never_ban VALUES (?, ?)", (network, note))

    def remove_never_ban(self, network: str) -> None:
        self._db.execute("DELETE FROM never_ban WHERE network = ?", (network,))

    def fleet(self) -> list[str]:
        """The addresses last reported as the fleet's own."""
        return [network for (network,) in self._db.execute("SELECT network FROM fleet ORDER BY network")]

    def set_fleet(self, networks: Iterable[str]) -> None:
        self._db.execute("DELETE FROM fleet")
        self._db.executemany("INSERT OR REPLACE INTO fleet VALUES (?)", ((network,) for network in networks))

    def forget_before(self, evidence: float, window: float) -> None:
        """Delete what no decision needs: failures older than ``evidence``, and those older than ``window`` of sources
        that were never banned; beyond a million rows the oldest go first."""
        self._db.execute("DELETE FROM bans WHERE until < ?", (evidence,))
        self._db.execute("DELETE FROM successes WHERE at < ?", (window,))
        self._db.execute(
            "DELETE FROM failures WHERE at < ? OR (at < ? AND source NOT IN (SELECT source FROM bans))",
            (evidence, window),
        )
        self._db.execute("DELETE FROM failures WHERE id <= (SELECT max(id) FROM failures) - ?", (MOST_FAILURES,))

    def close(self) -> None:
        self._db.close()
