"""Whom a plan asks about, and its answers gathered for people (pure but for reading the fleet's copy)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol as Shape

from asterisk_ext.domain.firewall import Decider, Difference
from asterisk_ext.domain.firewall_trial import Answer, Plan, Question
from asterisk_ext.domain.firewall_types import Protocol
from asterisk_ext.domain.pbx import is_address
from asterisk_ext.ports import Fleet
from asterisk_ext.ports.asterisk import Contact
from asterisk_ext.services.friends import addresses_of_trunks, trunks_of

TRANSPORTS = {
    "udp": (Protocol.UDP, 5060),
    "tcp": (Protocol.TCP, 5060),
    "tls": (Protocol.TCP, 5061),
    "ws": (Protocol.TCP, 8088),
    "wss": (Protocol.TCP, 8089),
}
"""Where a phone of that transport comes in, unless the settings say other ports."""


class Who(StrEnum):
    YOU = "you"
    NODE = "node"
    TRUNK = "trunk"
    PHONE = "phone"


class Carriers(Shape):
    """The carriers of this node's trunks that are known by a DNS name."""

    def addresses(self) -> Mapping[str, Sequence[str]]:
        """Where each name leads; nowhere: an empty sequence."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    who: Who
    name: str
    """Of the server, the trunk, or the phone's account; empty for whoever asks."""
    question: Question
    pbx: int = 0
    """The virtual PBX of a phone or trunk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Some of a kind that share an address and a fate."""

    who: Who
    names: Sequence[str]
    pbx: int
    address: str
    protocol: Protocol
    port: int
    before: bool
    after: bool
    by: Decider
    """Who decides afterwards."""
    number: int
    """The deciding rule's number in the draft; 0 for anything else."""
    was: int
    """The number of the rule in force that let them in; 0 for anything else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """How many of a kind go on getting in."""

    who: Who
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A plan: who would be cut, who stays, what changes."""

    digest: str
    cut: Sequence[Line]
    cut_count: int
    cut_pbxs: int
    """Of how many virtual PBXs."""
    outside: int
    """How many do not get in now either."""
    kept: Sequence[Kept]
    changes: Sequence[Difference]
    weakened: Sequence[str]
    unproved: str
    seconds: float
    asked: int
    others: Sequence[str] = ()
    """Other managers of that machine's firewall: what they drop stays dropped, and no proof here tells of it."""
    unresolved: Sequence[str] = ()
    """Names of carriers that lead to no address at present, so that nobody could be asked about."""


def questions_for(
    server: str,
    fleet: Fleet,
    contacts: Iterable[Contact],
    session: Sequence[Question],
    carriers: Mapping[str, Sequence[str]],
) -> list[Asked]:
    """The operator's own session, every other node, every trunk at each of its addresses, every registered phone.

    ``carriers``: where the names of carriers lead.
    """
    asked = [Asked(Who.YOU, "", one) for one in session]
    for other in fleet.servers():
        if other.name != server and is_address(other.ip):
            asked += [Asked(Who.NODE, other.name, Question(other.ip, Protocol.TCP, other.port))]
            asked += [Asked(Who.NODE, other.name, Question(other.ip, Protocol.UDP, 5060))]
    named = [(pbx, trunk, address) for pbx, trunk in trunks_of(fleet) for address in carriers.get(trunk.host, ())]
    for pbx, trunk, address in (*addresses_of_trunks(fleet), *named):
        protocol, _ = TRANSPORTS.get(trunk.transport, TRANSPORTS["udp"])
        asked.append(Asked(Who.TRUNK, trunk.name, Question(address, protocol, 5060), pbx))
    for contact in contacts:
        protocol, port = TRANSPORTS.get(contact.transport, TRANSPORTS["udp"])
        pbx = int(contact.account.partition("_")[0]) if "_" in contact.account else 0
        asked.append(Asked(Who.PHONE, contact.account, Question(contact.address, protocol, port), pbx))
    return asked


def view_of(
    plan: Plan,
    asked: Sequence[Asked],
    changes: Sequence[Difference],
    unresolved: Sequence[str] = (),
    others: Sequence[str] = (),
) -> View:
    lines: dict[tuple[object, ...], list[tuple[Asked, Answer]]] = {}
    for one, answer in zip(asked, plan.answers, strict=True):
        if answer.is_cut:
            lines.setdefault((one.who, one.pbx, one.question), []).append((one, answer))
    cut = [_line(group) for group in lines.values()]
    gone = [one for one, answer in zip(asked, plan.answers, strict=True) if answer.is_cut]
    stay = [one for one, answer in zip(asked, plan.answers, strict=True) if answer.enters]
    return View(
        digest=plan.digest,
        cut=sorted(cut, key=lambda line: (list(Who).index(line.who), -len(line.names))),
        cut_count=len({(one.who, one.pbx, one.name) for one in gone}),
        cut_pbxs=len({one.pbx for one in gone if one.pbx}),
        outside=sum(not answer.before.allowed and not answer.enters for answer in plan.answers),
        kept=[Kept(who=who, count=len({(one.pbx, one.name) for one in stay if one.who is who})) for who in Who],
        changes=changes,
        weakened=plan.weakened,
        unproved=plan.unproved,
        seconds=plan.seconds,
        asked=len(asked),
        unresolved=unresolved,
        others=others,
    )


def _line(group: Sequence[tuple[Asked, Answer]]) -> Line:
    (one, answer), question = group[0], group[0][0].question
    return Line(
        who=one.who,
        names=sorted({each.name for each, _ in group}),
        pbx=one.pbx,
        address=question.address,
        protocol=question.protocol,
        port=question.port,
        before=answer.before.allowed,
        after=answer.enters,
        by=answer.after.by,
        number=answer.after.number,
        was=answer.before.number,
    )
