"""A server's whole firewall: what the fleet needs, the hoster's rules, and who gets in by them (pure)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address

from asterisk_ext.domain.errors import Problem
from asterisk_ext.domain.firewall_origin import COUNTRY, LIST, holds
from asterisk_ext.domain.firewall_rule import Direction, Rule, Verdict
from asterisk_ext.domain.firewall_types import Protocol

NOT_A_QUESTION = Problem(
    "firewall.question_invalid",
    422,
    "The question was not understood: {reason}.",
    "Ask for an address and a protocol with its port, such as 203.0.113.5 udp/5060.",
)

DERIVED = "derived:"
Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What must always get in, by address: other nodes (everything), trunks (SIP and media), administrators."""

    nodes: tuple[str, ...] = ()
    trunks: tuple[str, ...] = ()
    administrators: tuple[str, ...] = ()
    sip: tuple[str, ...] = ("5060", "5061")
    """Ports, as those below: ``"5060"`` or ``"10000-20000"``."""
    media: tuple[str, ...] = ("10000-20000",)
    ssh: tuple[str, ...] = ("22",)
    console: tuple[str, ...] = ("8480",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Firewall:
    """``rules`` in order, both directions; ``lists`` are the hoster's, each with its networks and ranges."""

    rules: tuple[Rule, ...] = ()
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    needs: Needs = field(default_factory=Needs)

    def inbound(self) -> tuple[Rule, ...]:
        """In the order in which they decide; what none of them lets in is denied."""
        return (*derived(self.needs), *self._own(Direction.IN))

    def outbound(self) -> tuple[Rule, ...]:
        """What none of them denies goes out."""
        return self._own(Direction.OUT)

    def countries(self) -> set[str]:
        """The countries that any enabled rule names."""
        texts = {text for rule in self.rules if rule.enabled for text in rule.origins}
        return {text.removeprefix(COUNTRY) for text in texts if text.startswith(COUNTRY)}

    def _own(self, direction: Direction) -> tuple[Rule, ...]:
        return tuple(rule for rule in self.rules if rule.enabled and rule.direction is direction)


def derived(needs: Needs) -> tuple[Rule, ...]:
    """The rules that nobody writes and nobody removes by accident."""
    rules: list[Rule] = []

    def add(who: str, origins: tuple[str, ...], type: str, ports: Iterable[str]) -> None:
        if origins:
            rules.extend(
                Rule(id=f"{DERIVED}{who}", type=type, origins=tuple(sorted(origins)), ports=port) for port in ports
            )

    add("nodes", needs.nodes, "any", ("",))
    add("trunks", needs.trunks, "any_udp", (*needs.sip, *needs.media))
    add("trunks", needs.trunks, "any_tcp", needs.sip)
    add("administrators", needs.administrators, "any_tcp", (*needs.ssh, *needs.console))
    return tuple(rules)


class Decider(StrEnum):
    BAN = "ban"
    DERIVED = "derived"
    RULE = "rule"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Whether an address gets in, and what decides it."""

    allowed: bool
    by: Decider
    rule: Rule | None = None
    number: int = 0
    """Place of the rule in its list, from 1; 0 for anything else."""
    origin: str = ""
    """The origin of the rule that holds the address: the network, the country, the list."""


InCountry = Callable[[str, Address], bool]


def explain(
    firewall: Firewall,
    address: Address,
    protocol: Protocol,
    port: int,
    *,
    in_country: InCountry,
    banned: bool = False,
) -> Explanation:
    """Who decides about a new inbound connection. A ban comes before everything."""
    if banned:
        return Explanation(allowed=False, by=Decider.BAN)
    numbers = {rule.id: place + 1 for place, rule in enumerate(firewall.rules)}
    for rule in firewall.inbound():
        if not rule.fits(protocol, port):
            continue
        origin = origin_holding(rule.origins, address, firewall.lists, in_country)
        if origin is not None:
            own = not rule.id.startswith(DERIVED)
            return Explanation(
                allowed=rule.verdict is Verdict.ALLOW,
                by=Decider.RULE if own else Decider.DERIVED,
                rule=rule,
                number=numbers[rule.id] if own else 0,
                origin=origin,
            )
    return Explanation(allowed=False, by=Decider.DEFAULT)


def origin_holding(
    origins: Sequence[str], address: Address, lists: Mapping[str, tuple[str, ...]], in_country: InCountry
) -> str | None:
    """The origin that holds an address; an empty text where everybody is meant, None where none does."""
    if not origins:
        return ""
    version, number = address.version, int(address)
    for text in origins:
        if text.startswith(COUNTRY):
            if in_country(text.removeprefix(COUNTRY), address):
                return text
        elif text.startswith(LIST):
            if any(holds(entry, version, number) for entry in lists.get(text.removeprefix(LIST), ())):
                return text
        elif holds(text, version, number):
            return text
    return None


def weakened(before: Firewall, after: Firewall) -> list[str]:
    """What of the fleet's needs or of default deny a change would take away: the guard asks for its own confirmation.

    One word and its value each: ``nodes 198.51.100.2``, ``default_deny``.
    """
    lost: list[str] = []
    for who in ("nodes", "trunks", "administrators"):
        gone = set(getattr(before.needs, who)) - set(getattr(after.needs, who))
        lost += [f"{who} {address}" for address in sorted(gone)]
    if any(is_everything(rule) for rule in after.inbound()) and not any(is_everything(r) for r in before.inbound()):
        lost.append("default_deny")
    return lost


def is_everything(rule: Rule) -> bool:
    """Whether the rule would make a default of its own: all traffic from everybody, or from most of a family."""
    wide = not rule.origins or any(_is_wide(text) for text in rule.origins)
    ports = rule.port_range
    return (
        rule.verdict is Verdict.ALLOW
        and wide
        and rule.type in ("any", "any_tcp", "any_udp")
        and (ports is None or ports[1] - ports[0] > 32_768)
    )


def _is_wide(text: str) -> bool:
    length = text.partition("/")[2]
    return length.isdigit() and int(length) < (16 if ":" in text else 4)


class Change(StrEnum):
    NEW = "new"
    CHANGED = "changed"
    MOVED = "moved"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One rule that differs; ``number`` is its place after, or before where it was removed."""

    change: Change
    number: int
    rule: Rule
    before: Rule | None = None


def differences(before: Sequence[Rule], after: Sequence[Rule]) -> list[Difference]:
    """What happened to the rules, by id; in the order of ``after``, removed ones last."""
    old = {rule.id: rule for rule in before}
    kept = [rule.id for rule in before if rule.id in {other.id for other in after}]
    order = [rule.id for rule in after if rule.id in old]
    found: list[Difference] = []
    for number, rule in enumerate(after, 1):
        known = old.get(rule.id)
        if known is None:
            found.append(Difference(change=Change.NEW, number=number, rule=rule))
        elif known != rule:
            found.append(Difference(change=Change.CHANGED, number=number, rule=rule, before=known))
        elif order.index(rule.id) != kept.index(rule.id):
            found.append(Difference(change=Change.MOVED, number=number, rule=rule, before=known))
    left = {rule.id for rule in after}
    found += [
        Difference(change=Change.REMOVED, number=number, rule=rule)
        for number, rule in enumerate(before, 1)
        if rule.id not in left
    ]
    return found
