"""What the guard must not forget: bans and what proves them, failures, successes, its place in the log."""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from asterisk_ext.domain.errors import Problem
from firewall.log.tail import Position

IN_USE = Problem(
    "guard.already_running",
    409,
    "Another guard works with the state in {directory}.",
    "Stop it first, or give this one a state directory of its own (guard.state).",
)

UNWRITABLE = Problem(
    "guard.state_unwritable",
    507,
    "The guard cannot write its state: {reason}.",
    "Make room on the disk of guard.state. Attackers are banned meanwhile; acts of yours are refused until then.",
)
EVIDENCE_LINES = 100
"""Log lines kept for one ban or one source: what a person reads; a flood's worth would only fill the disk."""
LONGEST_EVIDENCE = 2000
MOST_FAILURES = 1_000_000
SCHEMA = """
CREATE TABLE IF NOT EXISTS place (id INTEGER PRIMARY KEY CHECK (id = 1), inode INTEGER, position INTEGER, mark BLOB);
CREATE TABLE IF NOT EXISTS bans (
    source TEXT PRIMARY KEY, since REAL NOT NULL, until REAL NOT NULL, failures INTEGER NOT NULL,
    origin TEXT NOT NULL, reason TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS slowed (
    source TEXT PRIMARY KEY, since REAL NOT NULL, until REAL NOT NULL, failures INTEGER NOT NULL,
    accounts TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS failures (
    id INTEGER PRIMARY KEY, source TEXT NOT NULL, at REAL NOT NULL, service TEXT NOT NULL, transport TEXT NOT NULL,
    account TEXT NOT NULL, event TEXT NOT NULL, line TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS failures_by_source ON failures (source, at);
CREATE TABLE IF NOT EXISTS successes (
    source TEXT NOT NULL, account TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (source, account)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS never_ban (network TEXT PRIMARY KEY, note TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS firewall (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
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
class Slowed:
    """A protected source whose signalling is limited, and the accounts that failed last in its name."""

    source: str
    since: float
    until: float
    failures: int
    accounts: tuple[str, ...]


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
    """SQLite in WAL mode, one writer. What is written inside one ``change`` is there whole or not at all.

    Refuses ``guard.already_running``: two guards would each forget what the other decides.
    """

    def __init__(self, path: Path) -> None:
        # The lock ends with the process, however that ends.
        self._lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._lock)
            raise IN_USE.refuse(directory=path.parent) from error
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(SCHEMA)

    @contextmanager
    def change(self) -> Iterator[None]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except sqlite3.OperationalError as error:
            self._undo()
            raise UNWRITABLE.refuse(reason=error) from error
        except BaseException:
            self._undo()
            raise

    def _undo(self) -> None:
        # A full disk ends the transaction by itself.
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

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

    def ban_ends(self, now: float) -> dict[str, float]:
        """Every source banned now and until when; nothing else, to be quick."""
        return dict(self._db.execute("SELECT source, until FROM bans WHERE until > ?", (now,)))

    def count_bans(self, now: float) -> int:
        return int(self._db.execute("SELECT count(*) FROM bans WHERE until > ?", (now,)).fetchone()[0])

    def ban_of(self, source: str, now: float) -> Ban | None:
        row = self._db.execute(
            "SELECT source, since, until, failures, origin, reason FROM bans WHERE source = ? AND until > ?",
            (source, now),
        ).fetchone()
        return Ban(*row) if row else None

    def put_ban(self, ban: Ban) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO bans VALUES (?, ?, ?, ?, ?, ?)",
            (ban.source, ban.since, ban.until, ban.failures, ban.origin, ban.reason),
        )

    def end_ban(self, source: str, now: float) -> None:
        self._db.execute("UPDATE bans SET until = ? WHERE source = ?", (now, source))

    def slowed(self, now: float) -> list[Slowed]:
        """The slow-downs in force, the latest first."""
        rows = self._db.execute(
            "SELECT source, since, until, failures, accounts FROM slowed WHERE until > ? ORDER BY since DESC", (now,)
        )
        return [
            Slowed(source, since, until, failures, tuple(json.loads(told)))
            for source, since, until, failures, told in rows
        ]

    def slowed_until(self, source: str, now: float) -> float | None:
        row = self._db.execute("SELECT until FROM slowed WHERE source = ? AND until > ?", (source, now)).fetchone()
        return float(row[0]) if row else None

    def put_slowed(self, slowed: Slowed) -> None:
        """Since when stays as it was while one goes on."""
        self._db.execute(
            "INSERT INTO slowed VALUES (?, ?, ?, ?, ?) ON CONFLICT (source) DO UPDATE SET "
            "since = CASE WHEN slowed.until >= excluded.since THEN slowed.since ELSE excluded.since END, "
            "until = excluded.until, failures = excluded.failures, accounts = excluded.accounts",
            (slowed.source, slowed.since, slowed.until, slowed.failures, json.dumps(slowed.accounts)),
        )

    def end_slowed(self, source: str) -> None:
        self._db.execute("DELETE FROM slowed WHERE source = ?", (source,))

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

    def unsettled_failures(self, since: float, now: float) -> Iterator[tuple[str, float, str, str, str]]:
        """Source, time, service, transport and account of each failure after ``since`` that has led to no ban and been
        forgiven with none, in the order in which they were counted."""
        return self._db.execute(
            "SELECT f.source, f.at, f.service, f.transport, f.account FROM failures f "
            "LEFT JOIN bans b ON b.source = f.source WHERE f.at > ? AND (b.source IS NULL "
            "OR f.at > CASE WHEN b.until > ? THEN b.since ELSE b.until END) ORDER BY f.id",
            (since, now),
        )

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

    def firewall(self, name: str) -> bytes | None:
        """The rules kept under a name; None where there are none."""
        row = self._db.execute("SELECT value FROM firewall WHERE name = ?", (name,)).fetchone()
        return bytes(row[0]) if row else None

    def put_firewall(self, name: str, value: bytes) -> None:
        self._db.execute("INSERT OR REPLACE INTO firewall VALUES (?, ?)", (name, value))

    def forget_firewall(self, name: str) -> None:
        self._db.execute("DELETE FROM firewall WHERE name = ?", (name,))

    def forget_before(self, evidence: float, window: float) -> None:
        """Delete what no decision needs: failures older than ``evidence``, and those older than ``window`` of sources
        that were never banned; beyond a million rows the oldest go first."""
        self._db.execute("DELETE FROM bans WHERE until < ?", (evidence,))
        self._db.execute("DELETE FROM slowed WHERE until < ?", (window,))
        self._db.execute("DELETE FROM successes WHERE at < ?", (window,))
        self._db.execute(
            "DELETE FROM failures WHERE at < ? OR (at < ? AND source NOT IN (SELECT source FROM bans))",
            (evidence, window),
        )
        self._db.execute("DELETE FROM failures WHERE id <= (SELECT max(id) FROM failures) - ?", (MOST_FAILURES,))

    def close(self) -> None:
        self._db.close()
        os.close(self._lock)
