"""From events to the kernel: count, decide, enforce, remember, tell; in this order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from asterisk_ext.domain.address_list import network_of, source_of
from asterisk_ext.domain.ban import PROTECTED_SECONDS, BanPolicy, Decision, Verdict
from asterisk_ext.domain.errors import Problem
from asterisk_ext.domain.security_event import PROVEN, SUCCEEDED, AttemptCounter, SecurityEvent
from firewall.guard_state import Ban, Failure, GuardState
from firewall.kernel import Kernel
from firewall.log_tail import Position

NOT_BANNED = Problem("ban.not_banned", 404, "{source} is not banned.", "Look at the list of bans.")
HELD_BACK = Problem(
    "ban.held_back",
    409,
    "{source} is not banned: {reason}.",
    "Take it off the never-ban list first, or wait for its emergency call to end.",
)
BAD_DURATION = Problem(
    "ban.bad_duration", 422, "A ban cannot last {seconds} s.", "Give a duration between 1 second and 10 years."
)
SUCCESS_NOTED_EVERY = 300.0
"""Phones register every minute; protection by the day needs no write each time."""
EVIDENCE_DAYS = 30
RETENTION_SECONDS = EVIDENCE_DAYS * 86400.0
LONGEST_BAN = 10 * 366 * 86400.0

Publish = Callable[[str, Mapping[str, object]], None]


@dataclass
class Counts:
    """Since the guard started."""

    lines: int = 0
    failures: int = 0
    bans: int = 0
    slowed: int = 0
    held: int = 0
    lifted: int = 0
    repaired: int = 0


@dataclass
class _Batch:
    bans: dict[str, Verdict] = field(default_factory=dict)
    slow: dict[str, Verdict] = field(default_factory=dict)
    told: list[tuple[str, Verdict]] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    successes: list[tuple[str, str, float]] = field(default_factory=list)


class BanEngine:
    """Owns the decision's state; all methods are called from one task.

    The kernel is asked first and the state written after, in one transaction with the place in the log: a guard killed
    between the two reads the same lines again, decides the same again, and the kernel already has it.
    """

    def __init__(
        self, policy: BanPolicy, kernel: Kernel, state: GuardState, clock: Callable[[], float], publish: Publish
    ) -> None:
        self.policy = policy
        self.counts = Counts()
        self.bans_by_origin: Counter[str] = Counter()
        self.failures_by_service: Counter[tuple[str, str]] = Counter()
        """By service and transport."""
        self._kernel = kernel
        self._state = state
        self._clock = clock
        self._publish = publish
        self._attempts = AttemptCounter()
        self._noted: dict[tuple[str, str], float] = {}
        self._was_suspended = False

    def restore(self) -> int:
        """Take up everything from the state, and give the kernel all bans in one batch; says how many."""
        now = self._clock()
        for source, account, at in self._state.successes_since(now - PROTECTED_SECONDS):
            self.policy.protect(source, account, at)
        for network, _ in self._state.never_ban():
            self.policy.never_ban.add(network)
        self.policy.set_derived(self._state.fleet())
        bans = self._state.bans(now)
        settled = self._state.settled(now)
        for failure in self._state.failures_since(now - self._longest_window()):
            if failure.at > settled.get(failure.source, 0.0):
                proven = failure.transport in PROVEN
                self.policy.recount(failure.source, failure.service, failure.account, failure.at, proven=proven)
        self._kernel.restore({ban.source: ban.until - now for ban in bans})
        return len(bans)

    def warm(self, events: Iterable[SecurityEvent]) -> None:
        """Show it the events before the place where it resumes, so that an attempt begun there is not counted anew."""
        for event in events:
            self._attempts.count(event)

    def take(self, found: Sequence[tuple[SecurityEvent, bytes]], place: Position | None) -> None:
        """Judge these events; ``place`` is where the log is done with."""
        batch = _Batch()
        for event, record in found:
            self._judge(event, record, batch)
        self._enforce(batch)
        self._remember(batch, place)
        for kind, verdict in batch.told:
            self._tell(kind, verdict)
        suspended = self.policy.is_suspended(self._clock())
        if suspended != self._was_suspended:
            self._was_suspended = suspended
            self._publish("suspended" if suspended else "resumed", {"until": self.policy.suspended_until})

    def ban(self, address: str, seconds: float, origin: str = "operator", reason: str = "") -> Ban:
        """Shut an address out by an act. Refuses ``address.invalid``, ``ban.bad_duration`` and ``ban.held_back``."""
        now = self._clock()
        source = source_of(address)
        if not 1 <= seconds <= LONGEST_BAN:
            raise BAD_DURATION.refuse(field="seconds", seconds=seconds)
        held = self.policy.hold_reason(source, now)
        if held is not None:
            raise HELD_BACK.refuse(source=source, reason=held)
        ban = Ban(source, now, now + seconds, 0, origin, reason)
        self._kernel.ban({source: seconds})
        with self._state.change():
            self._state.put_ban(ban)
        self.counts.bans += 1
        self.bans_by_origin[origin] += 1
        self._publish("banned", {"source": source, "until": ban.until, "origin": origin, "reason": reason})
        return ban

    def lift(self, address: str) -> None:
        """End a ban and start the count anew. Refuses ``address.invalid`` and ``ban.not_banned``."""
        now = self._clock()
        source = source_of(address)
        if self._state.ban_of(source, now) is None:
            raise NOT_BANNED.refuse(field="address", source=source)
        self._lift([source], now)

    def allow(self, network: str, note: str = "") -> str:
        """Never ban a network again, and lift what it has banned. Refuses ``address.not_a_network``."""
        now = self._clock()
        text = str(network_of(network))
        with self._state.change():
            self._state.put_never_ban(text, note)
        self.policy.never_ban.add(text)
        self._lift([ban.source for ban in self._state.bans(now) if ban.source in self.policy.never_ban], now)
        return text

    def disallow(self, network: str) -> None:
        """Take a network off the operator's never-ban list."""
        text = str(network_of(network))
        with self._state.change():
            self._state.remove_never_ban(text)
        self.policy.never_ban.remove(text)

    def set_emergency(self, addresses: Iterable[str], seconds: float) -> None:
        until = self._clock() + seconds
        self.policy.set_emergency({source_of(address): until for address in addresses})

    def set_fleet(self, networks: Sequence[str]) -> None:
        """Take these for the fleet's own addresses; remembered, since they are told again only when they change."""
        self.policy.set_derived(networks)
        with self._state.change():
            self._state.set_fleet(networks)

    def bans(self) -> list[Ban]:
        return self._state.bans(self._clock())

    def explain(self, address: str) -> dict[str, object]:
        """Why an address is out or not: the ban, the lines, protection, what would hold a ban back."""
        now = self._clock()
        source = source_of(address)
        ban = self._state.ban_of(source, now)
        failures = self._state.failures_of(source)
        return {
            "source": source,
            "banned": ban is not None,
            "since": ban.since if ban else None,
            "until": ban.until if ban else None,
            "origin": ban.origin if ban else None,
            "reason": ban.reason if ban else None,
            "failures_counted": self.policy.failures_of(source, now),
            "protected": self.policy.is_protected(source, now),
            "accounts": list(self.policy.protected_accounts(source)),
            "held_back": self.policy.hold_reason(source, now),
            "suspended": self.policy.is_suspended(now),
            "lines": [failure.line for failure in failures],
        }

    def repair(self) -> bool:
        """After a foreign change: put every ban back where one is missing; says whether it was so."""
        now = self._clock()
        wanted = {ban.source: ban.until - now for ban in self._state.bans(now)}
        if wanted.keys() <= self._kernel.bans().keys():
            return False
        self._kernel.restore(wanted)
        return True

    def forget_old(self) -> None:
        now = self._clock()
        with self._state.change():
            self._state.forget_before(now - RETENTION_SECONDS, now - max(PROTECTED_SECONDS, self._longest_window()))

    def _judge(self, event: SecurityEvent, record: bytes, batch: _Batch) -> None:
        self.counts.lines += 1
        now = self._clock()
        at = min(event.time, now) if event.time > 0 else now
        if event.name == SUCCEEDED:
            self.policy.succeed(event, at)
            key = (source_of(event.address), event.account)
            if at - self._noted.get(key, 0.0) >= SUCCESS_NOTED_EVERY:
                if len(self._noted) > 100_000:
                    self._noted.clear()
                self._noted[key] = at
                batch.successes.append((*key, at))
            return
        if not self._attempts.count(event):
            return
        self.counts.failures += 1
        self.failures_by_service[event.service, event.transport] += 1
        verdict = self.policy.fail(event, at)
        source = source_of(event.address)
        line = record.decode("utf-8", "backslashreplace")
        batch.failures.append(Failure(source, at, event.service, event.transport, event.account, event.name, line))
        if verdict is None or source in batch.bans:
            return
        if verdict.decision is Decision.BAN and verdict.until > now:
            batch.bans[source] = verdict
            batch.told.append(("banned", verdict))
        elif verdict.decision is Decision.SLOW and verdict.until > now:
            if source not in batch.slow:
                batch.told.append(("slowed", verdict))
            batch.slow[source] = verdict
        elif verdict.decision is Decision.HELD:
            batch.told.append(("held", verdict))

    def _enforce(self, batch: _Batch) -> None:
        now = self._clock()
        if batch.bans:
            self._kernel.ban({source: verdict.until - now for source, verdict in batch.bans.items()})
        if batch.slow:
            self._kernel.slow({source: verdict.until - now for source, verdict in batch.slow.items()})

    def _remember(self, batch: _Batch, place: Position | None) -> None:
        with self._state.change():
            self._state.add_failures(batch.failures)
            self._state.put_successes(batch.successes)
            for source, verdict in batch.bans.items():
                self._state.put_ban(Ban(source, verdict.at, verdict.until, verdict.failures, "log"))
            if place is not None:
                self._state.set_place(place)

    def _tell(self, kind: str, verdict: Verdict) -> None:
        name = {"banned": "bans", "slowed": "slowed", "held": "held"}[kind]
        setattr(self.counts, name, getattr(self.counts, name) + 1)
        if kind == "banned":
            self.bans_by_origin["log"] += 1
        self._publish(
            kind,
            {
                "source": verdict.source,
                "until": verdict.until,
                "failures": verdict.failures,
                "reason": verdict.reason,
                "accounts": list(verdict.accounts),
                "origin": "log",
            },
        )

    def _lift(self, sources: list[str], now: float) -> None:
        if not sources:
            return
        self._kernel.lift(sources)
        with self._state.change():
            for source in sources:
                self._state.end_ban(source, now)
        for source in sources:
            self.policy.forgive(source)
            self.counts.lifted += 1
            self._publish("lifted", {"source": source})

    def _longest_window(self) -> float:
        policy = self.policy.policy
        return max(limit.window for limit in (policy.limit, *policy.services.values()))
