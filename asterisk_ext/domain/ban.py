"""When a source is shut out: the policy and the state it needs (pure; times are seconds since 1970, passed in)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from asterisk_ext.domain.address_list import AddressList, source_of
from asterisk_ext.domain.errors import Problem
from asterisk_ext.domain.failure_table import DEFAULT_SLOTS, FailureTable
from asterisk_ext.domain.security_event import SecurityEvent

BAD_POLICY = Problem(
    "ban.policy_invalid",
    422,
    "A ban policy of {failures} failures in {window_hours} h for {ban_hours} h cannot be applied.",
    "Set failures between 1 and 100 and both times above zero (a ban for ten years at most).",
)

PROTECTED_SECONDS = 24 * 3600.0
MOST_PROTECTED = 200_000
ACCOUNTS_REMEMBERED = 256
NEAR = 2
MASS_SECONDS = 60.0
SUSPENDED_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Limit:
    """``failures`` within ``window`` seconds → shut out for ``ban`` seconds."""

    failures: int = 4
    window: float = 6 * 3600.0
    ban: float = 24 * 3600.0

    def __post_init__(self) -> None:
        if not (1 <= self.failures <= 100 and self.window >= 1 and 1 <= self.ban <= 10 * 366 * 86400):
            raise BAD_POLICY.refuse(
                field="failures",
                failures=self.failures,
                window_hours=self.window / 3600,
                ban_hours=self.ban / 3600,
            )


@dataclass(frozen=True, slots=True)
class Policy:
    """The operator's settings. ``services``: limits of their own (``"AMI"``); the others share ``limit`` and its count.

    ``mass``: so many protected sources failing within a minute are our fault, not an attack.
    """

    limit: Limit = Limit()
    services: Mapping[str, Limit] = field(default_factory=dict)
    protect_registered: bool = True
    mass: int = 10

    def of(self, service: str) -> Limit:
        return self.services.get(service, self.limit)


class Decision(Enum):
    BAN = "ban"
    SLOW = "slow"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows from a failure. ``until`` holds for bans and slow-downs; ``reason`` says why one was held back."""

    decision: Decision
    source: str
    at: float
    until: float
    failures: int
    reason: str = ""
    accounts: tuple[str, ...] = ()


@dataclass(slots=True)
class _Protected:
    last: float
    accounts: OrderedDict[str, float]
    strangers: dict[str, float]
    """Accounts that failed over a stream and never succeeded from here."""


class BanPolicy:
    """Counts failures and successes, and says what they lead to.

    A source that authenticated within 24 h is *protected* (SPEC section 4): failures over UDP, which anybody can forge
    in its name, slow it down at most; failures over a stream count by distinct accounts, and an account that has
    succeeded from there is a phone with an old password, not a stranger.

    While bans of protected sources are suspended, an unprotected source that fails with an account which has succeeded
    elsewhere is banned until the suspension ends at most.
    """

    def __init__(
        self, policy: Policy, secret: bytes, never_ban: Iterable[str] = (), slots: int = DEFAULT_SLOTS
    ) -> None:
        self.policy = policy
        self.never_ban = AddressList(never_ban)
        self.derived = AddressList()
        """Fleet nodes, trunks, proxies and administrators, as last reported."""
        self._protected: OrderedDict[str, _Protected] = OrderedDict()
        self._accounts: OrderedDict[str, None] = OrderedDict()
        """Those that have succeeded from anywhere, the latest last."""
        self._emergency: dict[str, float] = {}
        self._mass: OrderedDict[str, float] = OrderedDict()
        self.suspended_until = 0.0
        depth = max(limit.failures for limit in (policy.limit, *policy.services.values())) - 1
        self._table = FailureTable(depth, secret, slots)

    @property
    def longest_window(self) -> float:
        """Seconds after which no failure counts any more, in any service."""
        return max(limit.window for limit in (self.policy.limit, *self.policy.services.values()))

    def succeed(self, event: SecurityEvent, at: float) -> None:
        """Note a successful authentication."""
        self.protect(source_of(event.address), event.account, at)

    def protect(self, source: str, account: str, at: float) -> None:
        known = self._protected.get(source)
        if known is None:
            known = self._protected[source] = _Protected(at, OrderedDict(), {})
            if len(self._protected) > MOST_PROTECTED:
                self._protected.popitem(last=False)
        else:
            self._protected.move_to_end(source)
            known.last = max(known.last, at)
        known.accounts[account] = at
        known.accounts.move_to_end(account)
        known.strangers.pop(account, None)
        if len(known.accounts) > ACCOUNTS_REMEMBERED:
            known.accounts.popitem(last=False)
        self._accounts[account] = None
        self._accounts.move_to_end(account)
        if len(self._accounts) > MOST_PROTECTED:
            self._accounts.popitem(last=False)

    def fail(self, event: SecurityEvent, at: float) -> Verdict | None:
        """Note one failed attempt; the verdict when it reaches the limit."""
        source = source_of(event.address)
        limit = self.policy.of(event.service)
        known = self._protected.get(source) if self.is_protected(source, at) else None
        if known is not None:
            self._note_mass(source, at)
        if known is not None and event.proven:
            return self._fail_protected(source, known, event, limit, at)
        table_key = self._table_key(source, event.service)
        count = self._table.add(table_key, int(at), int(at - limit.window))
        if count < limit.failures:
            return None
        if known is not None and self.hold_reason(source, at) is None:
            return Verdict(Decision.SLOW, source, at, at + limit.window, count, "protected", (event.account,))
        return self._ban_unless_held(source, at, limit, count, table_key, (event.account,))

    def recount(self, source: str, service: str, account: str, at: float, *, proven: bool) -> None:
        """Note a failure that was judged before a restart."""
        limit = self.policy.of(service)
        if proven and self.is_protected(source, at):
            known = self._protected[source]
            if account not in known.accounts and len(known.strangers) < limit.failures:
                known.strangers[account] = at
            return
        self._table.add(self._table_key(source, service), int(at), int(at - limit.window))

    def is_protected(self, source: str, at: float) -> bool:
        known = self._protected.get(source)
        return self.policy.protect_registered and known is not None and at - known.last < PROTECTED_SECONDS

    def protected_until(self, source: str) -> float:
        """When its last success no longer protects it; 0 without one."""
        known = self._protected.get(source)
        return known.last + PROTECTED_SECONDS if known is not None else 0.0

    def protected_accounts(self, source: str) -> tuple[str, ...]:
        known = self._protected.get(source)
        return tuple(known.accounts) if known is not None else ()

    def is_suspended(self, at: float) -> bool:
        return at < self.suspended_until

    def hold_reason(self, source: str, at: float) -> str | None:
        """Why a ban of this source would be held back now: ``never_ban``, ``fleet``, ``emergency_call``."""
        if source in self.never_ban:
            return "never_ban"
        if source in self.derived:
            return "fleet"
        if self._emergency.get(source, 0.0) > at:
            return "emergency_call"
        return None

    def failures_of(self, source: str, at: float) -> int:
        """How many failures count against a source at present, all services' own counts included."""
        counts = [self._table.count(source, int(at - self.policy.limit.window))]
        for service, limit in self.policy.services.items():
            counts.append(self._table.count(f"{service} {source}", int(at - limit.window)))
        return sum(counts)

    def is_near_a_ban(self, source: str, at: float) -> bool:
        """Two more failures, or fewer, and it is shut out."""
        return self.failures_of(source, at) >= self.policy.limit.failures - NEAR

    def forgive(self, source: str) -> None:
        """Start from nothing: after a ban was decided, or lifted."""
        self._table.forget(source)
        for service in self.policy.services:
            self._table.forget(f"{service} {source}")
        if (known := self._protected.get(source)) is not None:
            known.strangers.clear()

    def set_emergency(self, sources: Mapping[str, float]) -> None:
        """The sources with an emergency call up, each until when this is believed without a new report."""
        self._emergency = dict(sources)

    def set_derived(self, networks: Iterable[str]) -> None:
        self.derived = AddressList(networks)

    def _table_key(self, source: str, service: str) -> str:
        return f"{service} {source}" if service in self.policy.services else source

    def _fail_protected(
        self, source: str, known: _Protected, event: SecurityEvent, limit: Limit, at: float
    ) -> Verdict | None:
        if event.account in known.accounts:
            return Verdict(Decision.HELD, source, at, at, 1, "own_account", (event.account,))
        known.strangers = {name: when for name, when in known.strangers.items() if when > at - limit.window}
        if len(known.strangers) < limit.failures:
            known.strangers[event.account] = at
        count = len(known.strangers)
        if count < limit.failures:
            return None
        accounts = tuple(known.strangers)
        if self.is_suspended(at):
            return Verdict(Decision.HELD, source, at, at, count, "suspended", accounts)
        return self._ban_unless_held(source, at, limit, count, source, accounts)

    def _ban_unless_held(
        self, source: str, at: float, limit: Limit, count: int, table_key: str, accounts: tuple[str, ...]
    ) -> Verdict:
        reason = self.hold_reason(source, at)
        if reason is not None:
            return Verdict(Decision.HELD, source, at, at, count, reason, accounts)
        self._table.forget(table_key)
        if self.is_suspended(at) and accounts[-1] in self._accounts:
            # While the fault is likely ours, a phone that has just got another address fails too. Who guesses at a real
            # account stays out as long, and is slow to begin with.
            return Verdict(Decision.BAN, source, at, min(at + limit.ban, self.suspended_until), count, "", accounts)
        return Verdict(Decision.BAN, source, at, at + limit.ban, count, "", accounts)

    def _note_mass(self, source: str, at: float) -> None:
        self._mass[source] = at
        self._mass.move_to_end(source)
        while self._mass and next(iter(self._mass.values())) < at - MASS_SECONDS:
            self._mass.popitem(last=False)
        if len(self._mass) >= self.policy.mass:
            self.suspended_until = at + SUSPENDED_SECONDS
