"""A firewall rule of the hoster's: the record, and everything that is refused about it (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from asterisk_ext.domain.errors import Problem
from asterisk_ext.domain.firewall_origin import Known, check_no_overlap, is_networks, origin_of, span_of
from asterisk_ext.domain.firewall_types import ALL_PORTS, TYPES, PortRange, Protocol, Type, written

UNKNOWN_TYPE = Problem(
    "firewall.type_unknown", 422, "The rule was not saved: there is no type {type!r}.", "Choose one of: {types}."
)
BAD_PORT = Problem(
    "firewall.port_invalid",
    422,
    "The rule was not saved: {text!r} is no port or range of ports.",
    "Give a number from 1 to 65535, or a range such as 10000-20000.",
)
PORTS_REVERSED = Problem(
    "firewall.ports_reversed",
    422,
    "The rule was not saved: the ports {text} end before they begin.",
    "Write {proposal}.",
)
NO_PORTS = Problem("firewall.no_ports", 422, "The rule was not saved: {type} has no ports.", "Leave the ports empty.")
DUPLICATE = Problem(
    "firewall.duplicate",
    409,
    "The rule was not saved: rule {number} says so already.",
    "Change rule {number} instead, or remove it first.",
)
TOO_LONG = Problem(
    "firewall.description_invalid",
    422,
    "The rule was not saved: its description cannot be used.",
    "Use up to 200 printable characters.",
)
TOO_MANY = Problem(
    "firewall.too_many", 422, "The rule was not saved: there are {most} already.", "Put addresses together in a list."
)
WITHOUT_PORTS: PortRange = (ALL_PORTS[0] - 1, ALL_PORTS[1] + 1)
"""Wider than any range: what has no ports is more than all ports."""
MOST_RULES = 1000
MOST_ORIGINS = 100
LONGEST_DESCRIPTION = 200
_PORTS = re.compile(r"(\d{1,5})(?:\s*[-–:]\s*(\d{1,5}))?", re.ASCII)


class Direction(StrEnum):
    IN = "in"
    OUT = "out"


class Verdict(StrEnum):
    ALLOW = "allow"
    DENY = "deny"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """The first enabled rule of a direction that fits decides. In its one spelling once ``checked``."""

    id: str
    direction: Direction = Direction.IN
    verdict: Verdict = Verdict.ALLOW
    type: str
    origins: tuple[str, ...] = ()
    """Networks, ranges, ``country:BR``, ``list:name``; outbound these are destinations. Empty: everybody."""
    ports: str = ""
    """``"5060"``, ``"10000-20000"``; empty: those of the type."""
    description: str = ""
    enabled: bool = True

    @property
    def kind(self) -> Type:
        return TYPES[self.type]

    @property
    def port_range(self) -> PortRange | None:
        """None where the type has no ports."""
        return ports_of(self.ports) if self.ports else self.kind.ports

    def fits(self, protocol: Protocol, port: int) -> bool:
        """Whether the rule speaks of this protocol and port, wherever it comes from."""
        ports = self.port_range
        return protocol in self.kind.protocols and (ports is None or ports[0] <= port <= ports[1])


def checked(rule: Rule, known: Known) -> Rule:
    """The rule in its one spelling; refuses with the field at fault."""
    kind = TYPES.get(rule.type)
    if kind is None:
        raise UNKNOWN_TYPE.refuse(field="type", type=rule.type, types=", ".join(TYPES))
    ports = ""
    if rule.ports.strip():
        if kind.ports is None:
            raise NO_PORTS.refuse(field="ports", type=kind.id)
        ports = written(ports_of(rule.ports))
    origins = tuple(origin_of(text, known) for text in rule.origins if text.strip() not in ("", "any"))
    if len(origins) > MOST_ORIGINS:
        raise TOO_MANY.refuse(field="origins", most=MOST_ORIGINS)
    check_no_overlap(origins)
    description = " ".join(rule.description.split())
    if len(description) > LONGEST_DESCRIPTION or not description.isprintable():
        raise TOO_LONG.refuse(field="description")
    return replace(rule, ports=ports, origins=origins, description=description)


def ports_of(text: str) -> PortRange:
    """A port or range of ports; refuses ``firewall.port_invalid`` and ``firewall.ports_reversed``."""
    found = _PORTS.fullmatch(text.strip())
    if found is None:
        raise BAD_PORT.refuse(field="ports", text=text)
    low, high = int(found[1]), int(found[2] or found[1])
    if not (ALL_PORTS[0] <= low <= ALL_PORTS[1] and ALL_PORTS[0] <= high <= ALL_PORTS[1]):
        raise BAD_PORT.refuse(field="ports", text=text)
    if low > high:
        raise PORTS_REVERSED.refuse(field="ports", text=f"{low}-{high}", proposal=f"{high}-{low}")
    return low, high


def check_all(rules: Sequence[Rule], known: Known) -> tuple[Rule, ...]:
    """A whole ordered list of rules, each checked, none saying what a neighbour says already."""
    if len(rules) > MOST_RULES:
        raise TOO_MANY.refuse(field="rules", most=MOST_RULES)
    spelled = tuple(checked(rule, known) for rule in rules)
    reaches = [Reach.of(rule) for rule in spelled]
    for place, reach in enumerate(reaches):
        _check_not_said(reaches[:place], reach)
    return spelled


def check_not_said(before: Sequence[Rule], rule: Rule) -> None:
    """Refuse a rule that one before it, with no opposite verdict between them, covers or is covered by."""
    _check_not_said([Reach.of(other) for other in before], Reach.of(rule))


def _check_not_said(before: Sequence[Reach], reach: Reach) -> None:
    for place in range(len(before) - 1, -1, -1):
        other = before[place]
        if not (reach.enabled and other.enabled) or other.direction is not reach.direction:
            continue
        if other.verdict is not reach.verdict:
            return
        if other.covers(reach) or reach.covers(other):
            raise DUPLICATE.refuse(field="origins", number=place + 1)


@dataclass(frozen=True, slots=True)
class Reach:
    """What a rule speaks of, worked out once: of a thousand rules half a million pairs are compared."""

    enabled: bool
    direction: Direction
    verdict: Verdict
    protocols: frozenset[Protocol]
    ports: PortRange
    everybody: bool
    spans: tuple[tuple[int, int, int], ...]
    names: frozenset[str]
    """Countries and lists."""

    @classmethod
    def of(cls, rule: Rule) -> Reach:
        return cls(
            rule.enabled,
            rule.direction,
            rule.verdict,
            frozenset(rule.kind.protocols),
            rule.port_range or WITHOUT_PORTS,
            not rule.origins,
            tuple(span_of(text) for text in rule.origins if is_networks(text)),
            frozenset(text for text in rule.origins if not is_networks(text)),
        )

    def covers(self, inner: Reach) -> bool:
        """Whether it speaks of everything that the other speaks of."""
        if not (self.ports[0] <= inner.ports[0] and inner.ports[1] <= self.ports[1]):
            return False
        if not inner.protocols <= self.protocols or (inner.everybody and not self.everybody):
            return False
        return self.everybody or (inner.names <= self.names and self._has_all(inner.spans))

    def _has_all(self, spans: Iterable[tuple[int, int, int]]) -> bool:
        for version, low, high in spans:
            for family, first, last in self.spans:
                if family == version and first <= low and high <= last:
                    break
            else:
                return False
        return True
