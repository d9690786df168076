"""From events to the kernel: count, decide, enforce, remember, tell; in this order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from asterisk_ext.domain.address_list import network_of, source_of
from asterisk_ext.domain.ban import PROTECTED_SECONDS, BanPolicy, Decision, Verdict
from asterisk_ext.domain.errors import Problem
from asterisk_ext.domain.security_event import PROVEN, SUCCEEDED, AttemptCounter, SecurityEvent
from firewall.bans.enforcement import CROWDED_SECONDS, Batch, Enforcement
from firewall.bans.record import Record
from firewall.guard_state import Ban, Failure, GuardState, Slowed
from firewall.kernel.port import Kernel
from firewall.log.tail import Position

NOT_BANNED = Problem("ban.not_banned", 404, "{source} is neither banned nor slowed down.", "Look at the list of bans.")
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
        self._kernel = Enforcement(kernel, state, policy, clock)
        self._state = state
        self._record = Record(state)
        self._clock = clock
        self._publish = publish
        self._attempts = AttemptCounter()
        self._noted: dict[tuple[str, str], float] = {}
        self._was_suspended = False

    def restore(self) -> int:
        """Take up everything from the state, and give the kernel all bans in one batch; says how many."""
        now = self._clock()
        bans = self._kernel.restore_bans()
        for source, account, at in self._state.successes_since(now - PROTECTED_SECONDS):
            self.policy.protect(source, account, at)
        for network, _ in self._state.never_ban():
            self.policy.never_ban.add(network)
        self.policy.set_derived(self._state.fleet())
        for source, at, service, transport, account in self._kernel.unsettled():
            self.policy.recount(source, service, account, at, proven=transport in PROVEN)
        self._kernel.restore_others()
        return bans

    def warm(self, events: Iterable[SecurityEvent]) -> None:
        """Show it the events before the place where it resumes, so that an attempt begun there is not counted anew."""
        for event in events:
            self._attempts.count(event)

    def take(self, found: Sequence[tuple[SecurityEvent, bytes]], place: Position | None) -> None:
        """Judge these events; ``place`` is where the log is done with."""
        batch = Batch()
        for event, record in found:
            self._judge(event, record, batch)
        self._kernel.enforce(batch)
        self._record.write(batch, place)
        if place is not None:
            self._kernel.watch()
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
        if held is None and origin == "fleet" and self.policy.is_protected(source, now):
            held = "protected"
        if held is not None:
            raise HELD_BACK.refuse(source=source, reason=held)
        ban = Ban(source, now, now + seconds, 0, origin, reason)
        with self._state.change():
            self._state.put_ban(ban)
            self._kernel.ban(source, seconds)
        self.counts.bans += 1
        self.bans_by_origin[origin] += 1
        self._publish("banned", {"source": source, "until": ban.until, "origin": origin, "reason": reason})
        return ban

    def lift(self, address: str) -> None:
        """End a ban or a slow-down and start the count anew. Refuses ``address.invalid`` and ``ban.not_banned``."""
        now = self._clock()
        source = source_of(address)
        if self._state.ban_of(source, now) is None and self._state.slowed_until(source, now) is None:
            raise NOT_BANNED.refuse(field="address", source=source)
        self._lift([source], now)

    def allow(self, network: str, note: str = "") -> str:
        """Never ban a network again, and lift what it has banned. Refuses ``address.not_a_network``."""
        now = self._clock()
        text = str(network_of(network))
        with self._state.change():
            self._state.put_never_ban(text, note)
        self.policy.never_ban.add(text)
        self._kernel.befriend()
        self._lift([source for source in self._state.ban_ends(now) if source in self.policy.never_ban], now)
        return text

    def disallow(self, network: str) -> None:
        """Take a network off the operator's never-ban list."""
        text = str(network_of(network))
        with self._state.change():
            self._state.remove_never_ban(text)
        self.policy.never_ban.remove(text)
        self._kernel.befriend()

    def set_emergency(self, addresses: Iterable[str], seconds: float) -> None:
        until = self._clock() + seconds
        self.policy.set_emergency({source_of(address): until for address in addresses})

    def set_fleet(self, networks: Sequence[str]) -> None:
        """Take these for the fleet's own addresses; remembered, since they are told again only when they change."""
        with self._state.change():
            self._state.set_fleet(networks)
        self.policy.set_derived(networks)
        self._kernel.befriend()

    def bans(self) -> list[Ban]:
        return self._state.bans(self._clock())

    def slowed(self) -> list[Slowed]:
        """The protected sources whose signalling is limited at present; ``lift`` ends it for one."""
        return self._state.slowed(self._clock())

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
            "slowed_until": self._state.slowed_until(source, now),
            "held_back": self.policy.hold_reason(source, now),
            "suspended": self.policy.is_suspended(now),
            "lines": [failure.line for failure in failures],
            "attempts": [asdict(failure) for failure in failures],
        }

    def repair(self, lost: bool = False) -> bool:
        """After a foreign change (``lost``: of which nothing may be left): put everything back where a ban is missing;
        says whether it was so."""
        return self._kernel.repair(lost)

    def watch(self) -> None:
        """Say to the kernel that the log is being read: only then are strangers limited."""
        self._kernel.watch()

    def bans_in_force(self) -> int:
        return self._state.count_bans(self._clock())

    def forget_old(self) -> None:
        now = self._clock()
        self._kernel.forget_old()
        with self._state.change():
            self._state.forget_before(now - RETENTION_SECONDS, now - max(PROTECTED_SECONDS, self.policy.longest_window))

    def _judge(self, event: SecurityEvent, record: bytes, batch: Batch) -> None:
        self.counts.lines += 1
        now = self._clock()
        at = min(event.time, now) if event.time > 0 else now
        if event.name == SUCCEEDED:
            self.policy.succeed(event, at)
            key = (source_of(event.address), event.account)
            if at - self._noted.get(key, 0.0) >= SUCCESS_NOTED_EVERY:
                if len(self._noted) > 100_000:
                    self._noted.clear()
                if not self._kernel.is_shut(key[0]):
                    # Otherwise the first success after a slow-down makes it known again, not one five minutes later.
                    self._noted[key] = at
                batch.successes.append((*key, at))
                batch.known[key[0]] = at + PROTECTED_SECONDS
            return
        if not self._attempts.count(event):
            return
        self.counts.failures += 1
        self.failures_by_service[event.service, event.transport] += 1
        verdict = self._shortened(self.policy.fail(event, at))
        source = source_of(event.address)
        line = record.decode("utf-8", "backslashreplace")
        batch.failures.append(Failure(source, at, event.service, event.transport, event.account, event.name, line))
        if verdict is None and not self.policy.is_protected(source, at):
            batch.suspects[source] = at + self.policy.policy.of(event.service).window
            batch.narrow[source] = at + self._kernel.narrow_seconds(source, at)
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

    def _shortened(self, verdict: Verdict | None) -> Verdict | None:
        """No longer than there is room for."""
        if verdict is None or verdict.decision is not Decision.BAN or not self._kernel.is_crowded():
            return verdict
        return replace(verdict, until=min(verdict.until, verdict.at + CROWDED_SECONDS))

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
        with self._state.change():
            for source in sources:
                self._state.end_ban(source, now)
                self._state.end_slowed(source)
            self._kernel.lift(sources)
            self._kernel.know({source: self.policy.protected_until(source) for source in sources})
        for source in sources:
            self.policy.forgive(source)
            self.counts.lifted += 1
            self._publish("lifted", {"source": source})
